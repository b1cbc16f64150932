//! A security context, whatever mechanism makes it.

use std::fmt::Write as _;

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
                let (domain, user) = (Quoted(&client.domain), Quoted(&client.user));
                write!(f, "{}, domain {domain}, user {user}", client.response)?;
                if let Some(workstation) = &client.workstation {
                    write!(f, ", workstation {}", Quoted(workstation))?;
                }
                if let Some(version) = client.version {
                    write!(f, ", version {version}")?;
                }
                write!(f, ", flags {:#010x}", client.flags.bits())
            }
        }
    }
}

/// A name that is whatever the client chose to send: in quotes, and what does not print escaped.
/// A backslash is part of many names, and stays one.
struct Quoted<'a>(&'a str);

impl std::fmt::Display for Quoted<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_char('"')?;
        self.0.chars().try_for_each(|letter| match letter {
            '\\' | '\'' => f.write_char(letter),
            letter => write!(f, "{}", letter.escape_debug()),
        })?;
        f.write_char('"')
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_shown_as_they_are_and_in_one_line() {
        assert_eq!(Quoted(r"CONTOSO\o'neill").to_string(), r#""CONTOSO\o'neill""#);
        assert_eq!(Quoted("a\"\r\nb").to_string(), r#""a\"\r\nb""#);
    }
}
