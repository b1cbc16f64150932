//! What a probe is to do.

use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use crate::connector::Version;
use crate::tls::Certificate;

/// Whom to visit, as whom, and how far to go.
#[derive(Clone, Debug)]
pub struct Plan {
    /// A name or an address.
    pub host: String,
    pub port: u16,
    /// The server's name for its certificate and its ticket. `None`: `host`, or else, where that
    /// is an address, the name in the banner.
    pub server_name: Option<String>,
    /// The sending server's name, which EHLO tells.
    pub sender: String,
    /// The sending server's version, which words the queue's error and lays out the log.
    pub version: Version,
    pub mechanism: Mechanism,
    pub credentials: Credentials,
    /// As a send connector with RequireTLS: no mail without TLS (Set-SendConnector).
    pub require_tls: bool,
    /// The sender's certificate, shown where the server asks for one; the internal transport
    /// certificate of direct trust.
    pub certificate: Option<Arc<Certificate>>,
    /// The receiver's certificate as EdgeSync has published it, in DER; another fails direct
    /// trust.
    pub expected_certificate: Option<Vec<u8>>,
    /// The local address to come from.
    pub from_address: Option<IpAddr>,
    /// The source address that a PROXY header states (HAProxy, version 1).
    pub proxy_from: Option<IpAddr>,
    /// Empty: `MAIL FROM:<>`.
    pub mail_from: String,
    /// Without one, the conversation ends before MAIL.
    pub rcpt_to: Option<String>,
    /// Sent if it is there; else nothing is delivered.
    pub message: Option<Vec<u8>>,
    /// How long each step may take: a connection, a whole reply, a handshake, a ticket.
    pub timeout: Duration,
}

/// How the sender proves itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mechanism {
    /// As one Exchange server does to another: X-ANONYMOUSTLS, then X-EXPS. In place of
    /// EXCHANGEAUTH, which is not implemented, stands GSSAPI with a ticket, or NTLM with a
    /// password; without either nothing is proved.
    ExchangeServer,
    /// As a sender with UseDowngradedExchangeServerAuth, also in clear (Set-TransportService).
    XExpsGssapi,
    XExpsNtlm,
    /// AUTH, as a send connector to a smart host does, after STARTTLS if it is offered.
    Gssapi,
    Ntlm,
    Login,
    /// X-ANONYMOUSTLS with a certificate on both sides, as between an Edge and its Hub.
    DirectTrust,
    /// No proof, as mail from the Internet comes, after STARTTLS if it is offered.
    Anonymous,
}

/// What the sender proves itself with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Credentials {
    None,
    /// A Kerberos ticket cache; `None` is the environment's.
    Cache(Option<PathBuf>),
    Password {
        /// `CONTOSO\EX02$`, or `user@contoso.test`
        user: String,
        password: Password,
    },
}

/// A password, which is never shown.
#[derive(Clone, PartialEq, Eq)]
pub struct Password(String);

impl Plan {
    /// A visit as an Exchange server of 2019 would make it, which proves and delivers nothing.
    pub fn new(host: impl Into<String>, port: u16) -> Self {
        Self {
            host: host.into(),
            port,
            server_name: None,
            sender: "ex02.contoso.test".to_owned(),
            version: Version::E2019,
            mechanism: Mechanism::ExchangeServer,
            credentials: Credentials::None,
            require_tls: false,
            certificate: None,
            expected_certificate: None,
            from_address: None,
            proxy_from: None,
            mail_from: String::new(),
            rcpt_to: None,
            message: None,
            timeout: Duration::from_secs(10),
        }
    }
}

impl Credentials {
    pub fn password(user: impl Into<String>, password: impl Into<String>) -> Self {
        Self::Password { user: user.into(), password: Password(password.into()) }
    }
}

impl Password {
    pub(super) fn reveal(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Debug for Password {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Password(..)")
    }
}
