//! Peers whose addresses are known, on the connectors that they met.

use std::borrow::Cow;
use std::collections::HashSet;

use serde::{Serialize, Serializer};

use super::names::{NameId, OTHERS};
use super::report::{Now, Today};
use super::survey::Survey;
use super::tally::{Channel, Tally};
use super::time::Stamp;
use crate::connector::SourceAddress;
use crate::scope::lint::{Peer, PeerKind};

/// One peer on one connector.
#[derive(Serialize)]
pub struct PeerReport<'a> {
    /// `None`: nobody named it, but it has used X-EXPS or X-ANONYMOUSTLS.
    pub name: Option<&'a str>,
    #[serde(serialize_with = "in_a_word")]
    pub kind: PeerKind,
    pub address: Cow<'a, str>,
    /// `None`: it is in no row.
    pub connector: Option<Cow<'a, str>>,
    pub sessions: u64,
    /// Sessions that began before the log did.
    pub partial: u64,
    /// Sessions that came as a client's do: with AUTH, on port 587, or from the server itself.
    pub clients: u64,
    pub helo: u64,
    /// Sessions whose first EHLO, in clear, was answered.
    pub ehlo: u64,
    /// Of these, the ones that were offered neither X-EXPS nor X-ANONYMOUSTLS: the case behind
    /// `451 5.7.3 Cannot achieve Exchange Server authentication` in a server's queue.
    pub ehlo_without_exchange: u64,
    pub last: Option<Stamp>,
    pub now: Option<Now<'a>>,
}

/// The one of `peers` that has `address`. The zone of a link-local address is a number of the
/// server that wrote the log; a peer that was named without one may be on any of its links.
pub(super) fn peer_at(peers: &[Peer], address: SourceAddress) -> Option<&Peer> {
    let is_at = |named: &SourceAddress| is_same(*named, address);
    peers.iter().find(|peer| peer.addresses.iter().any(is_at))
}

fn is_same(named: SourceAddress, seen: SourceAddress) -> bool {
    named == seen || (named.scope_id() == 0 && named.ip() == seen.ip())
}

fn in_a_word<S: Serializer>(kind: &PeerKind, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(kind.name())
}

impl Survey {
    /// The named peers, and the unnamed servers that met a connector which does not know them.
    pub(super) fn peers<'a>(
        &'a self,
        peers: &'a [Peer],
        today: Option<Today<'a>>,
    ) -> Vec<PeerReport<'a>> {
        let speaks_exchange = |tally: &Tally| {
            tally.sessions_in(Channel::XAnonymousTls) > 0
                || tally.mechanisms.iter().any(|(name, attempts)| {
                    attempts.accepted > 0 && self.names.text(name).starts_with("X-EXPS")
                })
        };
        let servers: HashSet<NameId> = self
            .tallies
            .iter()
            .filter(|(_, tally)| speaks_exchange(tally))
            .map(|((_, source), _)| *source)
            .filter(|source| *source != OTHERS)
            .collect();
        let mut met: Vec<SourceAddress> = Vec::new();
        let mut reports: Vec<PeerReport<'a>> = Vec::new();
        for ((connector, source), tally) in &self.tallies {
            let address = self.names.text(*source);
            let seen: Option<SourceAddress> = address.parse().ok();
            let peer = seen.and_then(|seen| peer_at(peers, seen));
            if peer.is_none() && !(servers.contains(source) && tally.ehlo_without_exchange > 0) {
                continue;
            }
            met.extend(peer.and(seen));
            let connector = self.names.text(*connector);
            reports.push(PeerReport {
                name: peer.map(|peer| peer.name.as_str()),
                kind: peer.map(|peer| peer.kind).unwrap_or_default(),
                now: self.now(today, &connector, &address, tally),
                address,
                connector: Some(connector),
                sessions: tally.sessions,
                partial: tally.partial,
                clients: tally.clients,
                helo: tally.helo,
                ehlo: tally.ehlo,
                ehlo_without_exchange: tally.ehlo_without_exchange,
                last: Some(tally.last),
            });
        }
        let named = peers.iter().flat_map(|peer| peer.addresses.iter().map(move |at| (peer, at)));
        let missing = named.filter(|(_, at)| !met.iter().any(|seen| is_same(**at, *seen)));
        reports.extend(missing.map(|(peer, address)| PeerReport {
            name: Some(&peer.name),
            kind: peer.kind,
            address: address.to_string().into(),
            connector: None,
            sessions: 0,
            partial: 0,
            clients: 0,
            helo: 0,
            ehlo: 0,
            ehlo_without_exchange: 0,
            last: None,
            now: None,
        }));
        reports.sort_by(|a, b| {
            (a.name, &a.address, &a.connector).cmp(&(b.name, &b.address, &b.connector))
        });
        reports
    }
}
