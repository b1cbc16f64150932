//! Which connector a connection meets, and why.
//!
//! Exchange chooses by address alone, before the client has said a word, and does not
//! choose again: among the enabled connectors bound to the local address and port, the one
//! with the most specific RemoteIPRanges entry that holds the source
//! (learn.microsoft.com, "Receive connectors"; byronwright.blogspot.com, 2015/09).

mod diff;
pub mod lint;
mod local;
pub mod map;
mod table;
#[cfg(test)]
mod tests;

use std::net::SocketAddr;
use std::ops::{Deref, RangeInclusive};
use std::sync::Arc;

use crate::connector::{Binding, IpRange, ReceiveConnector, SourceAddress, address};
use table::{Entry, Rank, Table};

pub use diff::{Overlay, is_other_address, overlay};
pub use local::{BadLocal, Local};

/// A set of connectors, indexed by what they are bound to and by whom they take.
///
/// Building it costs a sort of all ranges; a selection after that a binary search.
#[derive(Clone, Debug)]
pub struct Scope {
    connectors: Arc<[ReceiveConnector]>,
    table: Table,
}

impl Scope {
    pub fn new(connectors: impl Into<Arc<[ReceiveConnector]>>) -> Self {
        let connectors = connectors.into();
        Self { table: Table::new(&connectors), connectors }
    }

    pub fn connectors(&self) -> &Arc<[ReceiveConnector]> {
        &self.connectors
    }

    /// Selects the connector for a connection from `remote` to `local`. A wildcard as `local`
    /// stands for any address of its family.
    pub fn select(&self, local: SocketAddr, remote: SourceAddress) -> Selection<'_> {
        let winner = self.table.winner(&self.connectors, local, remote);
        Selection { connectors: &self.connectors, local, remote, winner }
    }

    /// The sources of `within` on `local`, cut at every bound of a range there: each piece
    /// meets one connector by one range. In order; a link that has a range of its own comes
    /// after the address without a scope id.
    pub fn pieces(&self, local: SocketAddr, within: &IpRange) -> Vec<Piece> {
        let ipv6 = within.is_ipv6();
        let mut starts = self.table.starts(local, ipv6);
        starts.retain(|start| (within.low()..=within.high()).contains(start));
        if starts.first() != Some(&within.low()) {
            starts.insert(0, within.low());
        }
        let ends = starts[1..].iter().map(|next| next - 1).chain([within.high()]);
        let mut scoped = match ipv6 {
            true => self.table.scoped(local),
            false => Vec::new(),
        }
        .into_iter()
        .filter(|(address, _)| (within.low()..=within.high()).contains(address))
        .peekable();
        let mut pieces = Vec::with_capacity(starts.len());
        for (start, end) in starts.iter().zip(ends) {
            let mut piece = |first, last, scope_id| {
                let first = SourceAddress::new(first, scope_id);
                let last = SourceAddress::new(last, scope_id);
                let winner = self.select(local, first).index();
                pieces.push(Piece { first, last, winner });
            };
            let heard = if ipv6 { outside_mapped(*start, end) } else { Some((*start, end)) };
            if let Some((first, last)) = heard {
                piece(address(first, ipv6), address(last, ipv6), 0);
            }
            while let Some((at, scope_id)) = scoped.next_if(|(at, _)| *at <= end) {
                piece(address(at, true), address(at, true), scope_id);
            }
        }
        pieces
    }
}

/// The stretch without an end in ::ffff:0:0/96: what comes from there is an IPv4 source.
fn outside_mapped(first: u128, last: u128) -> Option<(u128, u128)> {
    const MAPPED: RangeInclusive<u128> = 0xffff_0000_0000..=0xffff_ffff_ffff;
    let first = if MAPPED.contains(&first) { MAPPED.end() + 1 } else { first };
    let last = if MAPPED.contains(&last) { MAPPED.start() - 1 } else { last };
    (first <= last).then_some((first, last))
}

/// A stretch of source addresses that all meet the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Piece {
    pub first: SourceAddress,
    pub last: SourceAddress,
    /// The index of the connector that they meet.
    pub winner: Option<usize>,
}

/// How one connector stands towards a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing<'a> {
    Disabled,
    /// None of its bindings takes connections to the local address.
    NotBound,
    /// Bound there, but no range holds the source.
    OutOfRange,
    /// In the running, by its most specific range that holds the source.
    Candidate {
        range: &'a IpRange,
        binding: Binding,
    },
}

/// The standing of `connector` towards a connection from `remote` to `local`.
pub fn standing<'a>(
    connector: &'a ReceiveConnector,
    local: SocketAddr,
    remote: SourceAddress,
) -> Standing<'a> {
    if !connector.enabled {
        return Standing::Disabled;
    }
    let bound = connector.bindings.iter().filter(|binding| binding.accepts(local));
    let Some(&binding) = bound.min_by_key(|binding| binding.is_wildcard()) else {
        return Standing::NotBound;
    };
    let holding = connector.remote_ip_ranges.iter().filter(|range| range.contains(remote));
    match holding.min_by_key(|range| table::rank(range, false, 0)) {
        Some(range) => Standing::Candidate { range, binding },
        None => Standing::OutOfRange,
    }
}

/// What [`Scope::select`] found: the winner, and on demand how every connector stood.
#[derive(Clone, Copy, Debug)]
pub struct Selection<'a> {
    connectors: &'a Arc<[ReceiveConnector]>,
    local: SocketAddr,
    remote: SourceAddress,
    winner: Option<Entry>,
}

/// The connector that a session met, out of a set that sessions share.
#[derive(Clone, Debug)]
pub struct Met {
    set: Arc<[ReceiveConnector]>,
    index: usize,
}

impl Met {
    /// `None` if the set has no such connector.
    pub fn new(set: Arc<[ReceiveConnector]>, index: usize) -> Option<Self> {
        (index < set.len()).then_some(Self { set, index })
    }
}

impl Deref for Met {
    type Target = ReceiveConnector;

    fn deref(&self) -> &ReceiveConnector {
        &self.set[self.index]
    }
}

impl<'a> Selection<'a> {
    /// The index of the winner in the set.
    pub fn index(&self) -> Option<usize> {
        self.winner.map(|entry| entry.connector as usize)
    }

    pub fn winner(&self) -> Option<&'a ReceiveConnector> {
        self.index().map(|i| &self.connectors[i])
    }

    /// The winner, to be kept for a session.
    pub fn met(&self) -> Option<Met> {
        Met::new(Arc::clone(self.connectors), self.index()?)
    }

    /// The winner's range that decided.
    pub fn range(&self) -> Option<&'a IpRange> {
        self.winner.map(|entry| table::range(self.connectors, entry))
    }

    /// Every connector with its standing, in the order of the configuration.
    pub fn standings(
        &self,
    ) -> impl Iterator<Item = (&'a ReceiveConnector, Standing<'a>)> + use<'a> {
        let (local, remote) = (self.local, self.remote);
        self.connectors.iter().map(move |c| (c, standing(c, local, remote)))
    }

    /// The candidates that lost, the closest first.
    pub fn shadowed(&self) -> Vec<(&'a ReceiveConnector, &'a IpRange)> {
        let candidates = (0..).zip(self.standings()).filter_map(|(i, (connector, standing))| {
            let Standing::Candidate { range, binding } = standing else { return None };
            let rank: Rank = table::rank(range, binding.is_wildcard(), i);
            Some((rank, connector, range))
        });
        let won = self.winner.map(|entry| entry.connector);
        let mut lost: Vec<_> = candidates.filter(|(rank, ..)| Some(rank.3) != won).collect();
        lost.sort_by_key(|(rank, ..)| *rank);
        lost.into_iter().map(|(_, connector, range)| (connector, range)).collect()
    }

    /// How the winner came to win, in one sentence.
    pub fn reason(&self) -> String {
        let Some((winner, range)) = self.winner().zip(self.range()) else {
            return format!("no enabled connector takes {} on {}", self.remote, self.local);
        };
        let size = range.size();
        match self.shadowed().first() {
            None => format!(
                "\"{}\" alone takes {}, by its range {range} ({size})",
                winner.name, self.remote
            ),
            Some((second, equal)) if equal.span() == range.span() => format!(
                "\"{}\" takes {} by its range {range} ({size}), ahead of the equal {equal} of \
                 \"{}\": it is bound to the one address, or names the one link",
                winner.name, self.remote, second.name
            ),
            Some((second, wider)) => format!(
                "\"{}\" takes {} by its range {range} ({size}), which is more specific than {wider} ({}) of \"{}\"",
                winner.name,
                self.remote,
                wider.size(),
                second.name
            ),
        }
    }
}
