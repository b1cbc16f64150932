//! Known peers, by the connectors that take them.

use std::collections::{BTreeMap, BTreeSet};

use super::set::Meets;
use super::{Addresses, PeerKind, Set};
use crate::connector::SourceAddress;

/// A source that meets a connector.
#[derive(Clone, Copy, Debug)]
pub(super) struct Meeting<'a> {
    pub source: SourceAddress,
    /// The place of the binding in [`Set::locals`].
    pub local: usize,
    pub port: u16,
    pub meets: Meets<'a>,
}

/// Peers that one connector takes.
#[derive(Debug, Default)]
pub(super) struct Taken {
    /// Names and addresses, for people.
    pub names: String,
    /// The connectors that should have them.
    pub others: BTreeSet<usize>,
    sources: Vec<SourceAddress>,
}

impl Taken {
    /// The peers of one kind, by the connectors that take them, as far as `wrong` says so.
    pub(super) fn find(
        set: &Set<'_>,
        kind: PeerKind,
        wrong: impl Fn(&Meeting<'_>) -> bool,
    ) -> BTreeMap<usize, Self> {
        let mut all: BTreeMap<usize, Self> = BTreeMap::new();
        for peer in set.peers_of(kind) {
            for source in &peer.addresses {
                for Meeting { meets, .. } in set.meetings(*source).filter(&wrong) {
                    let taken = all.entry(meets.connector).or_default();
                    if !taken.sources.contains(source) {
                        taken.sources.push(*source);
                        let gap = if taken.names.is_empty() { "" } else { ", " };
                        taken.names += &format!("{gap}{} ({source})", peer.name);
                    }
                    taken.others.extend(meets.instead_of_trusted);
                }
            }
        }
        all
    }

    pub(super) fn sources(&self) -> Addresses {
        self.sources.iter().copied().collect()
    }
}
