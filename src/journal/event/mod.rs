//! Events of the application log.

pub mod catalogue;
mod record;
mod throttle;

use std::fmt;
use std::net::SocketAddr;

use crate::auth::{Mechanism, Status};
use crate::connector::Version;

pub use catalogue::{Category, Definition};
pub use record::{EventLine, EventRecord, Source};
pub(super) use throttle::Throttle;

#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
pub enum Level {
    Error,
    Warning,
    Information,
}

/// An event. `Display` gives its text; the connector is named without its server, as the
/// published samples do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    ConfigurationInvalid {
        problem: String,
    },
    TooManyConnections {
        connector: String,
        limit: u32,
    },
    TooManyConnectionsFromSource {
        connector: String,
        remote: String,
        limit: u32,
    },
    MessageRejected {
        connector: String,
        reply: String,
    },
    LogonFailuresExceeded {
        connector: String,
        limit: u32,
        remote: String,
    },
    NoSubmitPermission {
        account: String,
        connector: String,
    },
    AddressInUse {
        binding: SocketAddr,
    },
    /// `error` is a number of Windows Sockets.
    CannotListen {
        error: u32,
        binding: SocketAddr,
    },
    NotAuthorized {
        account: String,
    },
    /// `identity` is an account, or `anonymous`.
    SubmitDenied {
        connector: String,
        identity: String,
        remote: String,
    },
    TlsRequired {
        connector: String,
        remote: String,
    },
    AuthenticationFailed {
        status: Status,
        connector: String,
        mechanism: Mechanism,
        remote: String,
    },
    DirectTrustFailed {
        subject: String,
        remote: String,
    },
    DomainSecurity {
        case: &'static Definition,
        connector: String,
        domain: String,
        problem: String,
        remote: String,
    },
    NoCertificate {
        version: Version,
        domain: String,
        connector: String,
        fqdn: String,
    },
    InternalExpired {
        thumbprint: String,
    },
    CertificateExpired {
        fqdn: String,
    },
    InternalExpiresSoon {
        thumbprint: String,
        hours: u64,
    },
    CertificateExpiresSoon {
        subject: String,
        thumbprint: String,
        hours: u64,
    },
    RemoteInternalExpired {
        subject: String,
    },
    RemoteStartTlsExpired {
        subject: String,
    },
    InternalEphemeral {
        thumbprint: String,
        ephemeral: String,
    },
}

macro_rules! inserts {
    ($($insert:expr),*) => { vec![$($insert.to_string()),*] };
}

impl Event {
    pub fn id(&self) -> u32 {
        self.definition().id
    }

    pub fn level(&self) -> Level {
        self.definition().level
    }

    pub fn definition(&self) -> &'static Definition {
        use catalogue as c;
        match self {
            Self::ConfigurationInvalid { .. } => &c::CONFIGURATION_INVALID,
            Self::TooManyConnections { .. } => &c::TOO_MANY_CONNECTIONS,
            Self::TooManyConnectionsFromSource { .. } => &c::TOO_MANY_FROM_SOURCE,
            Self::MessageRejected { .. } => &c::MESSAGE_REJECTED,
            Self::LogonFailuresExceeded { .. } => &c::LOGON_FAILURES_EXCEEDED,
            Self::NoSubmitPermission { .. } => &c::NO_SUBMIT_PERMISSION,
            Self::AddressInUse { .. } => &c::ADDRESS_IN_USE,
            Self::CannotListen { .. } => &c::CANNOT_LISTEN,
            Self::NotAuthorized { .. } => &c::NOT_AUTHORIZED,
            Self::SubmitDenied { .. } => &c::SUBMIT_DENIED,
            Self::TlsRequired { .. } => &c::TLS_REQUIRED,
            Self::AuthenticationFailed { .. } => &c::AUTHENTICATION_FAILED,
            Self::DirectTrustFailed { .. } => &c::DIRECT_TRUST_FAILED,
            Self::DomainSecurity { case, .. } => case,
            Self::NoCertificate { version, .. } => c::no_certificate(*version),
            Self::InternalExpired { .. } => &c::INTERNAL_EXPIRED,
            Self::CertificateExpired { .. } => &c::CERTIFICATE_EXPIRED,
            Self::InternalExpiresSoon { .. } => &c::INTERNAL_EXPIRES_SOON,
            Self::CertificateExpiresSoon { .. } => &c::CERTIFICATE_EXPIRES_SOON,
            Self::RemoteInternalExpired { .. } => &c::REMOTE_INTERNAL_EXPIRED,
            Self::RemoteStartTlsExpired { .. } => &c::REMOTE_STARTTLS_EXPIRED,
            Self::InternalEphemeral { .. } => &c::INTERNAL_EPHEMERAL,
        }
    }

    /// What stands for `%1` and so on.
    pub fn inserts(&self) -> Vec<String> {
        match self {
            Self::ConfigurationInvalid { problem } => inserts![problem],
            Self::TooManyConnections { connector, limit } => inserts![connector, limit],
            Self::TooManyConnectionsFromSource { connector, remote, limit } => {
                inserts![connector, remote, limit]
            }
            Self::MessageRejected { connector, reply } => inserts![connector, reply],
            Self::LogonFailuresExceeded { connector, limit, remote } => {
                inserts![connector, limit, remote]
            }
            Self::NoSubmitPermission { account, connector } => inserts![account, connector],
            Self::AddressInUse { binding } => inserts![binding],
            Self::CannotListen { error, binding } => inserts![error, binding],
            Self::NotAuthorized { account } => inserts![account],
            Self::SubmitDenied { connector, identity, remote } => {
                inserts![connector, identity, remote]
            }
            Self::TlsRequired { connector, remote } => inserts![connector, remote],
            Self::AuthenticationFailed { status, connector, mechanism, remote } => {
                inserts![status, connector, mechanism, remote]
            }
            Self::DirectTrustFailed { subject, remote } => inserts![subject, remote],
            Self::DomainSecurity { connector, domain, problem, remote, .. } => {
                inserts![domain, connector, problem, remote]
            }
            Self::NoCertificate { domain, connector, fqdn, .. } => {
                inserts![domain, connector, fqdn]
            }
            Self::InternalExpired { thumbprint } => inserts![thumbprint],
            Self::CertificateExpired { fqdn } => inserts![fqdn],
            Self::InternalExpiresSoon { thumbprint, hours } => inserts![thumbprint, hours],
            Self::CertificateExpiresSoon { subject, thumbprint, hours } => {
                inserts![subject, thumbprint, hours]
            }
            Self::RemoteInternalExpired { subject } | Self::RemoteStartTlsExpired { subject } => {
                inserts![subject]
            }
            Self::InternalEphemeral { thumbprint, ephemeral } => inserts![thumbprint, ephemeral],
        }
    }
}

impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (mut rest, inserts) = (self.definition().text, self.inserts());
        while let Some((before, after)) = rest.split_once('%') {
            f.write_str(before)?;
            let number = after.chars().next().and_then(|digit| digit.to_digit(10));
            let insert = number.and_then(|number| inserts.get((number as usize).checked_sub(1)?));
            match insert {
                Some(insert) => {
                    f.write_str(insert)?;
                    rest = &after[1..];
                }
                None => {
                    f.write_str("%")?;
                    rest = after;
                }
            }
        }
        f.write_str(rest)
    }
}
