//! What is wrong with a configuration, together with the certificates that a daemon would find.

use jiff::{SignedDuration, Timestamp};

use crate::config::Draft;
use crate::connector::{ReceiveConnector, Server};
use crate::scope::Scope;
use crate::scope::lint::{self, Certificate, Concerns, Finding, Peer, Subject};
use crate::session::facts;
use crate::tls::{Choice, Store};

/// What is left of a certificate when its end is told: 30 days.
const SOON: SignedDuration = SignedDuration::from_hours(30 * 24);

/// Everything that is wrong with `draft`, whose connectors `scope` holds. Without a `store` the
/// certificates are unknown.
pub fn findings(
    draft: &Draft,
    scope: &Scope,
    store: Option<&Store>,
    peers: &[Peer],
) -> Vec<Finding> {
    let server = &draft.configuration.server;
    let now = Timestamp::now();
    let of = |connector| {
        store.map_or(Certificate::Unknown, |store| certificate(store, connector, server, now))
    };
    let certificates: Vec<_> = scope.connectors().iter().map(of).collect();
    let broken: Vec<_> = draft.surely_broken().cloned().collect();
    let mut findings = lint::lint(&Subject {
        server,
        words: facts(server.version),
        scope,
        broken: &broken,
        peers,
        certificates: &certificates,
    });
    // Nobody should mend what was only not in a dump, nor serve who is served by what was not.
    let in_doubt = draft.addresses_in_doubt();
    findings.retain(|finding| {
        let unserved = in_doubt && matches!(finding.concerns, Concerns::Unserved(..));
        !unserved && !draft.is_unknown(finding.connector, finding.parameter)
    });
    findings
}

fn certificate(
    store: &Store,
    connector: &ReceiveConnector,
    server: &Server,
    now: Timestamp,
) -> Certificate {
    match store.for_connector(connector, server, now) {
        Choice::Found(found) => {
            let left = found.details.not_after.duration_since(now);
            match left < SOON {
                true => Certificate::Expiring {
                    subject: found.details.subject.clone(),
                    thumbprint: found.details.thumbprint.clone(),
                    hours: left.as_hours().unsigned_abs(),
                },
                false => Certificate::Found,
            }
        }
        Choice::Expired(expired) => {
            Certificate::Expired { at: expired.details.not_after.strftime("%F").to_string() }
        }
        Choice::None if connector.tls_certificate_name.is_some() => Certificate::NamedAbsent,
        Choice::None => Certificate::Missing,
    }
}
