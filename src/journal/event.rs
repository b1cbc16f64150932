//! Events of the application log, with ids and texts as Microsoft documents them.

use std::fmt;

use crate::auth::{Mechanism, Status};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    Error,
    Warning,
}

/// An event. `Display` gives its text; the connector is named without its server, as the
/// published samples do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// technet ff984304
    TooManyConnections { connector: String, limit: u32 },
    /// technet ff983902; what stands for the cause is our choice.
    MessageRejected { connector: String, reply: String },
    /// onprem.wtf, "Exchange 2010 and MaxInboundConnectionPerSource"
    TooManyConnectionsFromSource { connector: String, remote: String, limit: u32 },
    /// technet ff984713
    LogonFailuresExceeded { connector: String, limit: u32, remote: String },
    /// technet ff985427
    NoSubmitPermission { account: String, connector: String },
    /// technet ff983318
    NotAuthorized { account: String },
    /// technet ff981907
    AuthenticationFailed { status: Status, connector: String, mechanism: Mechanism, remote: String },
    /// technet ff980980
    DirectTrustFailed { subject: String, remote: String },
    /// Domain Security; the texts of these events are not public, this one is ours.
    DomainSecurity { id: u32, connector: String, domain: String, problem: String, remote: String },
    /// technet bb510128; blog.expta.com, 2010/09
    NoCertificate { domain: String, connector: String, fqdn: String },
    /// technet ff983405
    CertificateExpired { fqdn: String },
}

impl Event {
    pub fn id(&self) -> u32 {
        match self {
            Self::TooManyConnections { .. } => 1009,
            Self::MessageRejected { .. } => 1010,
            Self::TooManyConnectionsFromSource { .. } => 1021,
            Self::LogonFailuresExceeded { .. } => 1012,
            Self::NoSubmitPermission { .. } => 1018,
            Self::NotAuthorized { .. } => 1020,
            Self::AuthenticationFailed { .. } => 1035,
            Self::DirectTrustFailed { .. } => 1036,
            Self::DomainSecurity { id, .. } => *id,
            Self::NoCertificate { .. } => 12014,
            Self::CertificateExpired { .. } => 12016,
        }
    }

    pub fn level(&self) -> Level {
        match self {
            Self::MessageRejected { .. }
            | Self::DirectTrustFailed { .. }
            | Self::DomainSecurity { .. }
            | Self::NoCertificate { .. }
            | Self::CertificateExpired { .. } => Level::Error,
            _ => Level::Warning,
        }
    }
}

impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooManyConnections { connector, limit } => write!(
                f,
                "Receive connector {connector} rejected an incoming connection. The maximum number \
                 of connections ({limit}) for this connector has been reached."
            ),
            Self::MessageRejected { connector, reply } => write!(
                f,
                "Receive connector {connector} rejected a message at SMTP end of data with {reply}."
            ),
            Self::TooManyConnectionsFromSource { connector, remote, limit } => write!(
                f,
                "Receive connector {connector} rejected an incoming connection from IP address \
                 {remote}. The maximum number of connections per source ({limit}) for this \
                 connector has been reached by this source IP address."
            ),
            Self::LogonFailuresExceeded { connector, limit, remote } => write!(
                f,
                "Receive connector {connector}: Authentication failures have exceeded the maximum \
                 of {limit} for the connection from {remote}. Disconnecting."
            ),
            Self::NoSubmitPermission { account, connector } => write!(
                f,
                "The account '{account}' provided valid credentials, but it does not have submit \
                 permissions on SMTP Receive connector '{connector}'; failing authentication."
            ),
            Self::NotAuthorized { account } => write!(
                f,
                "The account '{account}' provided valid credentials, but is not authorized to use \
                 the server; failing authentication."
            ),
            Self::AuthenticationFailed { status, connector, mechanism, remote } => write!(
                f,
                "Inbound authentication failed with error {status} for Receive connector \
                 {connector}. The authentication mechanism is {mechanism}. The source IP address of \
                 the client who tried to authenticate to Microsoft Exchange is [{remote}]."
            ),
            Self::DirectTrustFailed { subject, remote } => write!(
                f,
                "Inbound direct trust authentication failed for certificate {subject}. The source \
                 IP address of the server that tried to authenticate to Microsoft Exchange is \
                 [{remote}]. Make sure EdgeSync is running properly."
            ),
            Self::DomainSecurity { connector, domain, problem, remote, .. } => write!(
                f,
                "A message from the secure domain {domain} on Receive connector {connector} failed \
                 Domain Security: {problem}. The source IP address is [{remote}]."
            ),
            Self::NoCertificate { domain, connector, fqdn } => write!(
                f,
                "Microsoft Exchange could not find a certificate that contains the domain name \
                 {domain} in the personal store on the local computer. Therefore, it is unable to \
                 support the STARTTLS SMTP verb for the connector {connector} with a FQDN parameter \
                 of {fqdn}. If the connector's FQDN is not specified, the computer's FQDN is used. \
                 Verify the connector configuration and the installed certificates to make sure \
                 that there is a certificate with a domain name for that FQDN. If this certificate \
                 exists, run Enable-ExchangeCertificate -Services SMTP to make sure that the \
                 Microsoft Exchange Transport service has access to the certificate key."
            ),
            Self::CertificateExpired { fqdn } => write!(
                f,
                "There is no valid SMTP Transport Layer Security (TLS) certificate for the FQDN of \
                 {fqdn}. The existing certificate for that FQDN has expired. The continued use of \
                 that FQDN will cause mail flow problems. A new certificate that contains the FQDN \
                 of {fqdn} should be installed on this server as soon as possible. You can create a \
                 new certificate by using the New-ExchangeCertificate task."
            ),
        }
    }
}
