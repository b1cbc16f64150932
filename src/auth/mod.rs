//! Ways to prove who one is: one file per mechanism, all behind [`Exchange`].

mod binding;
mod context;
pub mod exchange_auth;
mod failure;
#[cfg(feature = "gssapi")]
pub mod gssapi;
#[cfg(not(feature = "gssapi"))]
#[path = "gssapi_absent.rs"]
pub mod gssapi;
mod login;
mod negotiate;
pub mod ntlm;
mod ntlm_exchange;
pub mod spnego;

use std::fmt;
use std::sync::Arc;

use crate::connector::Server;
use crate::directory::Directory;

use self::login::Login;
use self::negotiate::{Maker, Negotiate};
use self::ntlm_exchange::NtlmExchange;

pub use binding::{BindingFailure, ChannelBindings, Protection};
pub use context::{NtlmClient, Package, Proof};
pub use failure::{Failure, KerberosFailure, Status};
pub use gssapi::{Acceptor, AcceptorError};

/// The command that carries a proof.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AuthCommand {
    Auth,
    XExps,
}

impl AuthCommand {
    pub fn verb(self) -> &'static str {
        match self {
            Self::Auth => "AUTH",
            Self::XExps => "X-EXPS",
        }
    }
}

/// A mechanism as AUTH and X-EXPS name it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Mechanism {
    Login,
    Gssapi,
    Ntlm,
    ExchangeAuth,
}

impl Mechanism {
    pub const ALL: [Self; 4] = [Self::Login, Self::Gssapi, Self::Ntlm, Self::ExchangeAuth];

    pub fn find(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|mechanism| mechanism.keyword().eq_ignore_ascii_case(name))
    }

    /// As in the EHLO reply.
    pub fn keyword(self) -> &'static str {
        match self {
            Self::Login => "LOGIN",
            Self::Gssapi => "GSSAPI",
            Self::Ntlm => "NTLM",
            Self::ExchangeAuth => "EXCHANGEAUTH",
        }
    }
}

/// As event 1035 names it.
impl fmt::Display for Mechanism {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Login => "Login",
            Self::Gssapi => "Gssapi",
            Self::Ntlm => "Ntlm",
            Self::ExchangeAuth => "ExchangeAuth",
        })
    }
}

/// One run of a mechanism. Tokens are raw; base64 and SMTP framing are the session's.
pub trait Exchange: Send {
    /// What stands after the first `334` if the client sent no initial response.
    fn prompt(&self) -> &'static str;

    /// Takes the client's next token.
    fn respond(&mut self, token: &[u8]) -> Step;
}

/// What follows a client's token.
#[derive(Debug)]
pub enum Step {
    /// Send this and wait for the next token.
    Challenge(Vec<u8>),
    Proved(Proof),
    Failed(Failure),
}

/// Starts exchanges, and holds what they check proofs against.
#[derive(Clone, Debug)]
pub struct Authenticator {
    pub directory: Arc<Directory>,
    /// `None`: no keytab, or built without GSSAPI; every proof fails.
    pub acceptor: Option<Arc<Acceptor>>,
    /// What follows the first `334` of GSSAPI.
    pub gssapi_prompt: &'static str,
    pub ntlm: Ntlm,
}

/// How the server presents itself in NTLM, and what it takes.
#[derive(Clone, Debug)]
pub struct Ntlm {
    pub target: Arc<ntlm::Target>,
    pub policy: ntlm::Policy,
    /// Where challenges and the time come from.
    pub source: fn() -> Freshness,
}

impl Ntlm {
    /// Presents itself as `server`.
    pub fn of(server: &Server, policy: ntlm::Policy, source: fn() -> Freshness) -> Self {
        let (major, minor, build) = server.version.windows();
        let target = ntlm::Target {
            netbios_domain: server.netbios_domain(),
            netbios_computer: server.name.to_ascii_uppercase(),
            dns_domain: server.dns_domain().to_owned(),
            dns_computer: server.fqdn.clone(),
            dns_tree: Some(server.dns_domain().to_owned()),
            version: ntlm::Version { major, minor, build },
        };
        Self { target: Arc::new(target), policy, source }
    }
}

/// What makes an NTLM challenge unlike any other.
#[derive(Clone, Copy, Debug)]
pub struct Freshness {
    pub challenge: [u8; 8],
    /// In 100 ns since 1601.
    pub filetime: u64,
}

impl Authenticator {
    /// Starts `mechanism`; the caller has checked that the connector offers it. `None` for
    /// EXCHANGEAUTH, which is one command with one answer: [`exchange_auth::refuse`].
    pub fn begin(
        &self,
        command: AuthCommand,
        mechanism: Mechanism,
        protection: Protection,
    ) -> Option<Box<dyn Exchange>> {
        let maker = Maker {
            directory: Arc::clone(&self.directory),
            acceptor: self.acceptor.clone(),
            ntlm: self.ntlm.clone(),
            protection,
        };
        Some(match mechanism {
            Mechanism::Login => Box::new(Login::new(Arc::clone(&self.directory))),
            Mechanism::Gssapi => Box::new(Negotiate::new(maker, command, self.gssapi_prompt)),
            Mechanism::Ntlm => Box::new(NtlmExchange(maker.ntlm())),
            Mechanism::ExchangeAuth => return None,
        })
    }
}
