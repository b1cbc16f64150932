//! From what sessions note to log lines and events.

use super::places::Full;
use crate::connector::{ReceiveConnector, SourceAddress};
use crate::journal::{Event, Level, Metrics};
use crate::session::{Note, Reason, Session};
use crate::smtp::{Reply, reply};
use crate::tls::Choice;

/// Logs an event with its id.
pub(super) fn event(event: &Event) {
    match event.level() {
        Level::Error => tracing::error!(event = event.id(), "{event}"),
        Level::Warning => tracing::warn!(event = event.id(), "{event}"),
    }
}

/// Events 12014 and 12016, for a connector that has Tls and no certificate to show. `name` is
/// its TlsCertificateName, or else its FQDN.
pub(super) fn certificate(connector: &ReceiveConnector, name: String, choice: &Choice) {
    match choice {
        Choice::Found(_) => {}
        Choice::Expired(_) => event(&Event::CertificateExpired { fqdn: name }),
        Choice::None => event(&Event::NoCertificate {
            domain: name.clone(),
            connector: connector.name.clone(),
            fqdn: name,
        }),
    }
}

/// Events 1009 and 1021, and the reply to a connection that has no place.
pub(super) fn full(connector: &ReceiveConnector, remote: SourceAddress, full: Full) -> Reply {
    let (connector, limit) = (connector.name.clone(), full.limit());
    match full {
        Full::Connector { .. } => {
            event(&Event::TooManyConnections { connector, limit });
            reply::TOO_MANY_CONNECTIONS
        }
        Full::Source { .. } | Full::Share { .. } => {
            let remote = remote.to_string();
            event(&Event::TooManyConnectionsFromSource { connector, remote, limit });
            reply::TOO_MANY_FROM_SOURCE
        }
    }
}

/// Logs what the session noted since the last time.
pub(super) fn notes(session: &mut Session, metrics: &Metrics) {
    for note in session.take_notes() {
        let connector = || session.connector().name.clone();
        let remote = || session.remote().to_string();
        match note {
            Note::Refused { reply, reason } => {
                if let Reason::DomainSecurity { domain, problem } = &reason
                    && let Some(id) = problem.event()
                {
                    event(&Event::DomainSecurity {
                        id,
                        connector: connector(),
                        domain: domain.clone(),
                        problem: problem.to_string(),
                        remote: remote(),
                    });
                }
                tracing::info!(%reply, %reason, "refused");
            }
            Note::MessageRejected { reply } => {
                event(&Event::MessageRejected { connector: connector(), reply: reply.to_string() })
            }
            Note::WellKnownAccount { account } => event(&Event::NotAuthorized { account }),
            Note::TrustedByCertificate { subject, role, rights } => {
                let role = role.name();
                tracing::info!(subject, role, permissions = %rights, "trusted by its certificate");
            }
            Note::DirectTrustFailed { subject } => {
                event(&Event::DirectTrustFailed { subject, remote: remote() });
            }
            Note::Authenticated { account, mechanism, package, rights } => {
                metrics.authentication(mechanism, "ok");
                tracing::info!(%account, %mechanism, %package, permissions = %rights, "authenticated");
            }
            Note::AuthenticationFailed { mechanism, failure } => {
                let status = failure.status();
                metrics.authentication(mechanism, status);
                let (connector, remote) = (connector(), remote());
                event(&Event::AuthenticationFailed { status, connector, mechanism, remote });
            }
            // 1018 is this very case; the permissions page leads to 1020 as well. Both are recorded.
            Note::NoSubmitPermission { account } => {
                event(&Event::NoSubmitPermission {
                    account: account.clone(),
                    connector: connector(),
                });
                event(&Event::NotAuthorized { account });
            }
            Note::LogonFailuresExceeded { limit } => event(&Event::LogonFailuresExceeded {
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
        }
    }
}
