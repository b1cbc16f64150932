//! Servers of ours, on the connectors that they met.

use std::borrow::Cow;
use std::collections::HashSet;

use serde::Serialize;

use super::names::{NameId, OTHERS};
use super::report::{Now, Today};
use super::survey::Survey;
use super::tally::{Channel, Tally};
use super::time::Stamp;
use crate::connector::SourceAddress;

/// An Exchange server or relay, and where it comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Peer {
    pub name: String,
    pub address: SourceAddress,
}

/// One server of ours on one connector.
#[derive(Serialize)]
pub struct PeerReport<'a> {
    /// `None`: nobody named it, but it has used X-EXPS or X-ANONYMOUSTLS.
    pub name: Option<&'a str>,
    pub address: Cow<'a, str>,
    /// `None`: it is in no row.
    pub connector: Option<Cow<'a, str>>,
    pub sessions: u64,
    pub ehlo: u64,
    /// EHLO replies with neither X-EXPS nor X-ANONYMOUSTLS: the case behind `451 5.7.3 Cannot
    /// achieve Exchange Server authentication` in its queue.
    pub ehlo_without_exchange: u64,
    pub last: Option<Stamp>,
    pub now: Option<Now<'a>>,
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
        let mut met = HashSet::new();
        let mut reports: Vec<PeerReport<'a>> = Vec::new();
        for ((connector, source), tally) in &self.tallies {
            let address = self.names.text(*source);
            let parsed: Option<SourceAddress> = address.parse().ok();
            let peer = peers.iter().find(|peer| Some(peer.address) == parsed);
            if peer.is_none() && !(servers.contains(source) && tally.ehlo_without_exchange > 0) {
                continue;
            }
            met.extend(peer.map(|peer| peer.address));
            let connector = self.names.text(*connector);
            reports.push(PeerReport {
                name: peer.map(|peer| peer.name.as_str()),
                now: self.now(today, &connector, &address, tally),
                address,
                connector: Some(connector),
                sessions: tally.sessions,
                ehlo: tally.ehlo,
                ehlo_without_exchange: tally.ehlo_without_exchange,
                last: Some(tally.last),
            });
        }
        reports.extend(peers.iter().filter(|peer| !met.contains(&peer.address)).map(|peer| {
            PeerReport {
                name: Some(&peer.name),
                address: peer.address.to_string().into(),
                connector: None,
                sessions: 0,
                ehlo: 0,
                ehlo_without_exchange: 0,
                last: None,
                now: None,
            }
        }));
        reports.sort_by(|a, b| {
            (a.name, &a.address, &a.connector).cmp(&(b.name, &b.address, &b.connector))
        });
        reports
    }
}
