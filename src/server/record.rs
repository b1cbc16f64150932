//! From what sessions note to log lines and events.

use std::fmt;
use std::io;

use jiff::Timestamp;

use super::places::Full;
use super::{ListenError, StartError};
use crate::connector::{ReceiveConnector, Role, SourceAddress, Version};
use crate::directory::Group;
use crate::journal::{self, Event, Journal, Level, Metrics, Source, catalogue};
use crate::session::{DomainSecurity, Note, Reason, Session};
use crate::smtp::{Reply, reply};
use crate::tls::{Choice, Details, Store};

/// How long before its end a certificate is said to expire soon. Our choice.
const SOON_HOURS: i64 = 30 * 24;

/// Takes events, for the log, and for the journal and the metrics if there are any.
#[derive(Clone, Copy)]
pub(super) struct Recorder<'a> {
    pub journal: Option<&'a Journal>,
    pub metrics: Option<&'a Metrics>,
    pub version: Version,
    /// The service in which things happen.
    pub role: Role,
    /// The session in which they do.
    pub session: Option<&'a str>,
}

impl Recorder<'_> {
    /// Logs an event with its id.
    pub fn event(self, event: Event) {
        let id = event.id();
        match event.level() {
            Level::Error => tracing::error!(event = id, "{event}"),
            Level::Warning => tracing::warn!(event = id, "{event}"),
            Level::Information => tracing::info!(event = id, "{event}"),
        }
        let source = Source::of(self.version, self.role);
        if let Some(metrics) = self.metrics {
            metrics.event(&event, source);
        }
        if let Some(journal) = self.journal {
            journal.event(event, source, self.session);
        }
    }

    /// The events of a connector that has Tls and no certificate to show, or not for long.
    /// `name` is its TlsCertificateName, or else its FQDN.
    pub fn certificate(self, connector: &ReceiveConnector, name: String, choice: &Choice) {
        match choice {
            Choice::Found(certificate) => {
                let Details { subject, thumbprint, .. } = &certificate.details;
                if let Some(hours) = expires_soon(&certificate.details) {
                    let (subject, thumbprint) = (subject.clone(), thumbprint.clone());
                    self.event(Event::CertificateExpiresSoon { subject, thumbprint, hours });
                }
            }
            Choice::Expired(_) => self.event(Event::CertificateExpired { fqdn: name }),
            Choice::None => self.event(Event::NoCertificate {
                version: self.version,
                domain: name.clone(),
                connector: connector.name.clone(),
                fqdn: name,
            }),
        }
    }

    /// Events 1009 and 1021, and the reply to a connection that has no place.
    pub fn full(self, connector: &ReceiveConnector, remote: SourceAddress, full: Full) -> Reply {
        let (connector, limit) = (connector.name.clone(), full.limit());
        match full {
            Full::Connector { .. } => {
                self.event(Event::TooManyConnections { connector, limit });
                reply::TOO_MANY_CONNECTIONS
            }
            Full::Source { .. } | Full::Share { .. } => {
                let remote = remote.to_string();
                self.event(Event::TooManyConnectionsFromSource { connector, remote, limit });
                reply::TOO_MANY_FROM_SOURCE
            }
        }
    }

    /// The events of an internal transport certificate that could not be loaded, has expired, or
    /// soon will.
    pub fn internal_certificate(self, store: &Store) {
        let details = &store.internal().details;
        if let Some(thumbprint) = store.not_loaded().map(str::to_owned) {
            let ephemeral = details.thumbprint.clone();
            self.event(Event::InternalEphemeral { thumbprint, ephemeral });
        }
        let thumbprint = details.thumbprint.clone();
        if details.is_expired(Timestamp::now()) {
            self.event(Event::InternalExpired { thumbprint });
        } else if let Some(hours) = expires_soon(details) {
            self.event(Event::InternalExpiresSoon { thumbprint, hours });
        }
    }

    /// The events of a server that does not start.
    pub fn start_error(self, error: &StartError) {
        match error {
            StartError::Rule { .. } => {
                self.event(Event::ConfigurationInvalid { problem: error.to_string() });
            }
            StartError::Listen(ListenError::Socket { address, error, .. }) => {
                let binding = *address;
                if error.kind() == io::ErrorKind::AddrInUse {
                    self.event(Event::AddressInUse { binding });
                }
                let error = winsock(error);
                self.event(Event::CannotListen { error, binding });
            }
            _ => {}
        }
    }

    fn proof(self, mechanism: impl fmt::Display, outcome: impl fmt::Display) {
        if let Some(metrics) = self.metrics {
            metrics.authentication(mechanism, outcome);
        }
    }

    /// Logs and counts what a session noted.
    pub fn note(self, session: &Session, note: Note) {
        let connector = || session.connector().name.clone();
        let remote = || session.remote().to_string();
        match note {
            Note::Refused { reply, reason } => {
                if let Reason::DomainSecurity { domain, problem } = &reason
                    && let Some(case) = domain_security(*problem)
                {
                    self.event(Event::DomainSecurity {
                        case,
                        connector: connector(),
                        domain: domain.clone(),
                        problem: problem.to_string(),
                        remote: remote(),
                    });
                }
                match &reason {
                    Reason::NotKept(_) => {
                        let (connector, reply) = (connector(), reply.to_string());
                        self.event(Event::MessageRejected { connector, reply });
                    }
                    Reason::NoSubmit(_) => {
                        let identity = session.identity().name();
                        let identity = identity.unwrap_or_else(|| "anonymous".to_owned());
                        let (connector, remote) = (connector(), remote());
                        self.event(Event::SubmitDenied { connector, identity, remote });
                    }
                    Reason::TlsRequired => {
                        let (connector, remote) = (connector(), remote());
                        self.event(Event::TlsRequired { connector, remote });
                    }
                    _ => {}
                }
                tracing::info!(%reply, %reason, "refused");
            }
            Note::MessageRejected { reply } => {
                let (connector, reply) = (connector(), reply.to_string());
                self.event(Event::MessageRejected { connector, reply });
            }
            Note::WellKnownAccount { account, mechanism } => {
                self.proof(mechanism, journal::WELL_KNOWN_ACCOUNT);
                self.event(Event::NotAuthorized { account });
            }
            Note::TrustedByCertificate { subject, role, rights } => {
                self.proof(certificate_proof(role), "ok");
                let role = role.name();
                tracing::info!(subject, role, permissions = %rights, "trusted by its certificate");
            }
            Note::DirectTrustFailed { subject } => {
                self.proof(journal::DIRECT_TRUST, journal::UNKNOWN_CERTIFICATE);
                self.event(Event::DirectTrustFailed { subject, remote: remote() });
            }
            Note::Authenticated { account, mechanism, package, rights } => {
                self.proof(mechanism, "ok");
                tracing::info!(%account, %mechanism, %package, permissions = %rights, "authenticated");
            }
            Note::AuthenticationFailed { mechanism, failure } => {
                let status = failure.status();
                self.proof(mechanism, status);
                let (connector, remote) = (connector(), remote());
                self.event(Event::AuthenticationFailed { status, connector, mechanism, remote });
            }
            // 1018 is this very case; the permissions page leads to 1020 as well. Both are recorded.
            Note::NoSubmitPermission { account, mechanism, .. } => {
                self.proof(mechanism, journal::NO_SUBMIT_PERMISSION);
                self.event(Event::NoSubmitPermission {
                    account: account.clone(),
                    connector: connector(),
                });
                self.event(Event::NotAuthorized { account });
            }
            Note::Ruled { rule, reason } => {
                tracing::info!(stage = %rule.stage(), then = %rule.then(), %reason, "a rule bit");
            }
            Note::LogonFailuresExceeded { limit } => self.event(Event::LogonFailuresExceeded {
                connector: connector(),
                limit,
                remote: remote(),
            }),
            Note::AcknowledgementDelayed { by } => {
                tracing::info!(?by, "the reply to the end of data waits (MaxAcknowledgementDelay)");
            }
            Note::PlaintextDropped { command, octets } => tracing::warn!(
                octets,
                "octets that came in clear behind {command} were dropped: they could be an injection"
            ),
            // For the protocol log and the trace, and no more.
            Note::Received(_)
            | Note::Response
            | Note::Advertised
            | Note::ExchangeAuthInClear
            | Note::Delayed(_)
            | Note::SecuredHello { .. }
            | Note::Transaction { .. } => {}
        }
    }
}

/// Behind STARTTLS a certificate makes a partner; behind X-ANONYMOUSTLS it is direct trust.
fn certificate_proof(role: Group) -> &'static str {
    match role {
        Group::PartnerServers => journal::DOMAIN_SECURITY,
        _ => journal::DIRECT_TRUST,
    }
}

/// The event of each case; none is documented for a connector that is not enabled.
fn domain_security(problem: DomainSecurity) -> Option<&'static catalogue::Definition> {
    match problem {
        DomainSecurity::Disabled => None,
        DomainSecurity::NoStartTls => Some(&catalogue::NO_STARTTLS),
        DomainSecurity::NoTls => Some(&catalogue::NO_TLS),
        DomainSecurity::NoCertificate => Some(&catalogue::NO_CLIENT_CERTIFICATE),
        DomainSecurity::NotValid => Some(&catalogue::NOT_VALID),
        DomainSecurity::OtherName => Some(&catalogue::OTHER_NAME),
    }
}

/// The hours that are left, if they are few.
fn expires_soon(details: &Details) -> Option<u64> {
    let hours = details.not_after.duration_since(Timestamp::now()).as_hours();
    u64::try_from(hours).ok().filter(|_| hours < SOON_HOURS)
}

/// The number that Windows has for it (learn.microsoft.com, "Windows Sockets Error Codes");
/// WSAEADDRINUSE is the one that was seen in an event.
fn winsock(error: &io::Error) -> u32 {
    match error.kind() {
        io::ErrorKind::AddrInUse => 10_048,
        io::ErrorKind::AddrNotAvailable => 10_049,
        io::ErrorKind::PermissionDenied => 10_013,
        _ => 10_022,
    }
}
