//! A security context, whatever mechanism makes it.

use super::Failure;
use super::ntlm::{NegotiateFlags, ResponseKind, Verified, Version};
use super::spnego::Inner;
use crate::directory::Account;

/// A context of Kerberos or NTLM on the acceptor's side.
pub(super) trait Context: Inner<Error = Failure> {
    /// Who the client is, once the context is established.
    fn proof(&self) -> Result<Proof, Failure>;

    /// Signs a message to the client (GSS_Wrap without confidentiality).
    fn wrap(&mut self, message: &[u8]) -> Result<Vec<u8>, Failure>;

    /// Checks and opens a message of the client's (GSS_Unwrap).
    fn unwrap(&mut self, token: &[u8]) -> Result<Vec<u8>, Failure>;
}

/// A proof that was accepted.
#[derive(Clone, Debug)]
pub struct Proof {
    pub account: Box<Account>,
    /// The package that made it, whatever it was wrapped in.
    pub package: Package,
}

/// What really proved the identity.
#[derive(Clone, Debug)]
pub enum Package {
    Login,
    Kerberos,
    Ntlm(Box<NtlmClient>),
}

/// What an NTLM client told of itself; nothing vouches for it.
#[derive(Clone, Debug)]
pub struct NtlmClient {
    pub domain: String,
    pub user: String,
    pub workstation: Option<String>,
    pub version: Option<Version>,
    pub flags: NegotiateFlags,
    pub response: ResponseKind,
}

impl NtlmClient {
    pub(super) fn of(verified: &Verified) -> Self {
        Self {
            domain: verified.domain.clone(),
            user: verified.user.clone(),
            workstation: verified.workstation.clone(),
            version: verified.client_version,
            flags: verified.flags,
            response: verified.kind,
        }
    }
}

impl std::fmt::Display for Package {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Login => f.write_str("LOGIN"),
            Self::Kerberos => f.write_str("Kerberos"),
            Self::Ntlm(client) => {
                // Debug forms, as the names are whatever the client chose to send.
                write!(
                    f,
                    "{}, domain {:?}, user {:?}",
                    client.response, client.domain, client.user
                )?;
                if let Some(workstation) = &client.workstation {
                    write!(f, ", workstation {workstation:?}")?;
                }
                if let Some(version) = client.version {
                    write!(f, ", version {version}")?;
                }
                write!(f, ", flags {:#010x}", client.flags.bits())
            }
        }
    }
}
