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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::connector::Version;
    use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

    fn connector(name: &str, binding: &str, ranges: &[&str]) -> ReceiveConnector {
        let mut connector = ReceiveConnector::new(name, Version::E2019);
        connector.bindings = vec![binding.parse().unwrap()];
        connector.remote_ip_ranges = ranges.iter().map(|r| r.parse().unwrap()).collect();
        connector
    }

    fn winner(set: &[ReceiveConnector], local: &str, remote: &str) -> Option<String> {
        let scope = Scope::new(set.to_vec());
        let selection = scope.select(local.parse().unwrap(), remote.parse().unwrap());
        selection.winner().map(|c| c.name.clone())
    }

    /// The example of "Receive connectors" on learn.microsoft.com.
    #[test]
    fn the_most_specific_range_wins() {
        let set = [
            connector("all", "0.0.0.0:25", &["0.0.0.0-255.255.255.255"]),
            connector("subnet", "0.0.0.0:25", &["192.168.1.0-192.168.1.255"]),
            connector("host", "0.0.0.0:25", &["192.168.1.75"]),
        ];
        let at_25 = |remote| winner(&set, "10.0.0.5:25", remote).unwrap();
        assert_eq!(at_25("192.168.1.75"), "host");
        assert_eq!(at_25("192.168.1.100"), "subnet");
        assert_eq!(at_25("172.16.0.1"), "all");
        assert_eq!(winner(&set, "10.0.0.5:587", "172.16.0.1"), None);
    }

    #[test]
    fn an_ipv6_source_misses_ipv4_ranges() {
        let set = [
            connector("default", "[::]:25", &["::/0", "0.0.0.0/0"]),
            connector("relay", "[::]:25", &["10.0.0.0/24"]),
        ];
        assert_eq!(winner(&set, "[::1]:25", "fe80::1%11").unwrap(), "default");
    }

    #[test]
    fn disabled_connectors_are_not_considered() {
        let mut set = [
            connector("default", "0.0.0.0:25", &["0.0.0.0/0"]),
            connector("relay", "0.0.0.0:25", &["10.0.0.1"]),
        ];
        set[1].enabled = false;
        assert_eq!(winner(&set, "10.0.0.5:25", "10.0.0.1").unwrap(), "default");
    }

    #[test]
    fn one_address_beats_the_wildcard_on_equal_ranges() {
        let set = [
            connector("any", "0.0.0.0:25", &["0.0.0.0/0"]),
            connector("one", "10.0.0.5:25", &["0.0.0.0/0"]),
        ];
        assert_eq!(winner(&set, "10.0.0.5:25", "10.9.9.9").unwrap(), "one");
        assert_eq!(winner(&set, "10.0.0.6:25", "10.9.9.9").unwrap(), "any");
        let scope = Scope::new(set);
        let selection = scope.select("10.0.0.5:25".parse().unwrap(), "10.9.9.9".parse().unwrap());
        assert!(selection.reason().contains("ahead of the equal 0.0.0.0/0 of \"any\""));
    }

    #[test]
    fn the_reason_names_winner_range_and_shadowed() {
        let set = [
            connector("Default Frontend EX01", "0.0.0.0:25", &["0.0.0.0/0"]),
            connector("App relay", "0.0.0.0:25", &["10.0.0.10-10.0.0.20"]),
        ];
        let scope = Scope::new(set);
        let selection = scope.select("0.0.0.0:25".parse().unwrap(), "10.0.0.12".parse().unwrap());
        assert_eq!(
            selection.reason(),
            "\"App relay\" takes 10.0.0.12 by its range 10.0.0.10-10.0.0.20 (11 addresses), which is \
             more specific than 0.0.0.0/0 (4294967296 addresses) of \"Default Frontend EX01\""
        );
    }

    /// The winner and its range by looking at every range of every connector.
    fn naive(
        set: &[ReceiveConnector],
        local: SocketAddr,
        remote: SourceAddress,
    ) -> Option<(usize, u128)> {
        let mut best = None;
        for (i, connector) in set.iter().enumerate().filter(|(_, c)| c.enabled) {
            for binding in connector.bindings.iter().filter(|b| b.accepts(local)) {
                for range in connector.remote_ip_ranges.iter().filter(|r| r.contains(remote)) {
                    let any_link = range.scope_id().is_none();
                    let rank = (range.span(), any_link, binding.is_wildcard(), i);
                    best = best.map_or(Some(rank), |best| Some(rank.min(best)));
                }
            }
        }
        best.map(|(span, .., i)| (i, span))
    }

    pub(super) fn random_set(random: &mut Random) -> Vec<ReceiveConnector> {
        const BINDINGS: [&str; 6] =
            ["0.0.0.0:25", "10.0.0.5:25", "10.0.0.6:25", "[::]:25", "[fe80::5]:25", "0.0.0.0:587"];
        let connectors = 1 + random.below(6);
        (0..connectors)
            .map(|i| {
                let mut connector = ReceiveConnector::new(i.to_string(), Version::E2019);
                connector.enabled = random.below(8) > 0;
                connector.bindings = (0..1 + random.below(2))
                    .map(|_| BINDINGS[random.below(BINDINGS.len())].parse().unwrap())
                    .collect();
                connector.remote_ip_ranges =
                    (0..1 + random.below(5)).map(|_| random_range(random)).collect();
                connector
            })
            .collect()
    }

    /// Among the first and the last 32 addresses of both families, links 1 and 2.
    fn random_range(random: &mut Random) -> IpRange {
        let (a, b) = (random.below(64), random.below(64));
        let (low, high) = (number(a.min(b)), number(a.max(b)));
        let text = match random.below(4) {
            0 => format!("{}-{}", Ipv4Addr::from(low), Ipv4Addr::from(high)),
            1 => Ipv4Addr::from(low).to_string(),
            2 => format!("{}-{}", ipv6(low), ipv6(high)),
            _ => format!("{}%{}", ipv6(low), 1 + random.below(2)),
        };
        text.parse().unwrap()
    }

    fn number(n: usize) -> u32 {
        if n < 32 { n as u32 } else { u32::MAX - 63 + n as u32 }
    }

    fn ipv6(n: u32) -> Ipv6Addr {
        Ipv6Addr::from(if n < 32 { n.into() } else { u128::MAX - u128::from(u32::MAX - n) })
    }

    pub(super) fn random_source(random: &mut Random) -> SourceAddress {
        let n = number(random.below(64));
        match random.below(4) {
            0 | 1 => SourceAddress::new(Ipv4Addr::from(n).into(), 0),
            2 => SourceAddress::new(ipv6(n).into(), 0),
            _ => SourceAddress::new(ipv6(n).into(), 1 + random.below(3) as u32),
        }
    }

    /// xorshift64
    pub(super) struct Random(pub(super) u64);

    impl Random {
        pub(super) fn below(&mut self, bound: usize) -> usize {
            self.0 ^= self.0 << 13;
            self.0 ^= self.0 >> 7;
            self.0 ^= self.0 << 17;
            (self.0 >> 32) as usize % bound
        }
    }

    /// `EXPSD_PAIRS` sets how many pairs of a random set and a random connection there are.
    #[test]
    fn the_index_agrees_with_looking_at_everything() {
        let pairs = std::env::var("EXPSD_PAIRS").map_or(200_000, |n| n.parse().unwrap());
        let mut random = Random(0x6578_7073_6421);
        let locals: [SocketAddr; 6] =
            ["10.0.0.5:25", "10.0.0.7:25", "0.0.0.0:25", "[fe80::5]:25", "[::]:25", "1.2.3.4:587"]
                .map(|local| local.parse().unwrap());
        let mut met = 0;
        for _ in 0..pairs / 50 {
            let scope = Scope::new(random_set(&mut random));
            for _ in 0..50 {
                let (local, remote) = (locals[random.below(6)], random_source(&mut random));
                let selection = scope.select(local, remote);
                let found = selection.index().zip(selection.range().map(IpRange::span));
                assert_eq!(found, naive(&scope.connectors, local, remote), "{scope:#?}");
                met += usize::from(found.is_some());
            }
        }
        assert!((pairs / 8..pairs * 7 / 8).contains(&met), "{met} of {pairs} met a connector");
    }

    #[test]
    fn a_piece_of_ipv6_does_not_end_among_mapped_addresses() {
        let set = connector("one", "[::]:25", &["::fffe:0:0-::ffff:0:9", "0.0.0.0/0"]);
        let scope = Scope::new(vec![set]);
        let pieces = scope.pieces("[::]:25".parse().unwrap(), &"::/0".parse().unwrap());
        let bounds: Vec<_> =
            pieces.iter().map(|piece| (piece.last.to_string(), piece.winner)).collect();
        let expected = [
            ("::fffd:ffff:ffff", None),
            ("::fffe:ffff:ffff", Some(0)),
            ("ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", None),
        ];
        assert_eq!(bounds, expected.map(|(last, winner)| (last.to_owned(), winner)));
    }

    #[test]
    fn pieces_cover_a_range_once_and_each_meets_one_thing() {
        let mut random = Random(0x7069_6563_6573);
        for _ in 0..2_000 {
            let scope = Scope::new(random_set(&mut random));
            let local: SocketAddr = ["10.0.0.5:25", "[::]:25"][random.below(2)].parse().unwrap();
            let within = random_range(&mut random);
            let pieces = scope.pieces(local, &within);
            let plain: Vec<_> = pieces.iter().filter(|p| p.first.scope_id() == 0).collect();
            let bound = |source: SourceAddress| match source.ip() {
                IpAddr::V4(ip) => u128::from(u32::from(ip)),
                IpAddr::V6(ip) => ip.into(),
            };
            assert_eq!(bound(plain[0].first), within.low());
            assert_eq!(bound(plain.last().unwrap().last), within.high());
            for pair in plain.windows(2) {
                assert_eq!(bound(pair[0].last) + 1, bound(pair[1].first));
            }
            for piece in &pieces {
                for source in [piece.first, piece.last] {
                    let expected = naive(&scope.connectors, local, source).map(|(i, _)| i);
                    assert_eq!(piece.winner, expected, "{piece:?} of {scope:#?}");
                }
            }
        }
    }
}
