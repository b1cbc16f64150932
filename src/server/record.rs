//! From what sessions note to log lines and events.

use crate::connector::ReceiveConnector;
use crate::journal::{Event, Level, Metrics};
use crate::session::{Note, Reason, Session};
use crate::tls::Choice;

/// Logs an event with its id.
pub(super) fn event(event: &Event) {
    match event.level() {
        Level::Error => tracing::error!(event = event.id(), "{event}"),
        Level::Warning => tracing::warn!(event = event.id(), "{event}"),
    }
}

/// Events 12014 and 12016, for a connector that has Tls and no certificate to show.
pub(super) fn certificate(connector: &ReceiveConnector, fqdn: &str, choice: &Choice) {
    match choice {
        Choice::Found(_) => {}
        Choice::Expired(_) => event(&Event::CertificateExpired { fqdn: fqdn.to_owned() }),
        Choice::None => event(&Event::NoCertificate {
            domain: fqdn.to_owned(),
            connector: connector.name.clone(),
            fqdn: fqdn.to_owned(),
        }),
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
            Note::PlaintextDropped { command, octets } => tracing::warn!(
                octets,
                "octets that came in clear behind {command} were dropped: they could be an injection"
            ),
        }
    }
}
