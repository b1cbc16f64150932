//! The address space in columns, and who holds each.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::ops::Range;

use super::super::{Piece, Scope, Standing, standing};
use super::{Mark, fold, words};
use crate::connector::{IpRange, ReceiveConnector, SourceAddress};

/// The sources of one family, and what they meet on one local address.
pub(super) struct Band<'a> {
    pub(super) local: SocketAddr,
    pub(super) pieces: usize,
    pub(super) columns: Vec<Column<'a>>,
    /// The connectors that take connections here and have a range of this family, as indices;
    /// the widest first.
    pub(super) listening: Vec<usize>,
    /// Those of them that win no piece.
    pub(super) outdone: Vec<usize>,
    /// Those of the others that hold no piece which is shown.
    pub(super) folded: Vec<usize>,
}

/// One piece of the address space, or a stretch of pieces that is folded.
pub(super) struct Column<'a> {
    pub(super) first: SourceAddress,
    pub(super) last: SourceAddress,
    /// Of how many addresses, less one.
    pub(super) span: u128,
    /// One address, but for the links that have a range of their own.
    pub(super) other_links: bool,
    pub(super) content: Content<'a>,
    /// Indices into the marks of the map, those asked about first.
    pub(super) marks: Vec<usize>,
}

pub(super) enum Content<'a> {
    Piece {
        index: usize,
        winner: Option<usize>,
        /// Every connector with a range that holds the piece, by its most specific one.
        holders: BTreeMap<usize, &'a IpRange>,
    },
    Fold {
        pieces: Range<usize>,
        /// How many of them each connector takes; `None`: nobody.
        takes: BTreeMap<Option<usize>, usize>,
    },
}

/// Who takes all of a column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Taker {
    Connector(usize),
    Nobody,
    /// One this piece, another that.
    Several,
}

impl Column<'_> {
    pub(super) fn taker(&self) -> Taker {
        let winner = match &self.content {
            Content::Piece { winner, .. } => *winner,
            Content::Fold { takes, .. } => match (takes.len(), takes.keys().next()) {
                (1, Some(winner)) => *winner,
                _ => return Taker::Several,
            },
        };
        winner.map_or(Taker::Nobody, Taker::Connector)
    }

    /// Whether `connector` has a cell in it.
    fn shows(&self, connector: usize) -> bool {
        match &self.content {
            Content::Piece { holders, .. } => holders.contains_key(&connector),
            Content::Fold { .. } => self.taker() == Taker::Connector(connector),
        }
    }

    pub(super) fn is_fold(&self) -> bool {
        matches!(self.content, Content::Fold { .. })
    }

    /// `2 connectors`, `1 connector, or none`: who takes a part of it.
    pub(super) fn takers(&self) -> String {
        let Content::Fold { takes, .. } = &self.content else { return String::new() };
        let none = if takes.contains_key(&None) { ", or none" } else { "" };
        words::count(takes.keys().flatten().count(), "connector") + none
    }
}

/// The band of `local`'s family, and after it that of the other one, as it meets the wildcard
/// on the same port, if a connector listens there or a mark lies in it.
pub(super) fn bands<'a>(scope: &'a Scope, local: SocketAddr, marks: &[Mark]) -> Vec<Band<'a>> {
    let ip: IpAddr = match local {
        SocketAddr::V4(_) => Ipv6Addr::UNSPECIFIED.into(),
        SocketAddr::V6(_) => Ipv4Addr::UNSPECIFIED.into(),
    };
    let other = Band::new(scope, SocketAddr::new(ip, local.port()), marks);
    let marked = other.columns.iter().any(|column| !column.marks.is_empty());
    let other = (marked || !other.listening.is_empty()).then_some(other);
    [Band::new(scope, local, marks)].into_iter().chain(other).collect()
}

impl<'a> Band<'a> {
    fn new(scope: &'a Scope, local: SocketAddr, marks: &[Mark]) -> Self {
        let ipv6 = local.is_ipv6();
        let connectors = scope.connectors();
        let pieces: Vec<Piece> = IpRange::everything()
            .iter()
            .filter(|range| range.is_ipv6() == ipv6)
            .flat_map(|range| scope.pieces(local, range))
            .collect();
        let widest = |i: &usize| family(&connectors[*i], ipv6).map(IpRange::span).max();
        let mut listening: Vec<usize> = (0..connectors.len())
            .filter(|&i| takes_connections(&connectors[i], local) && widest(&i).is_some())
            .collect();
        listening.sort_by_cached_key(|i| std::cmp::Reverse(widest(i)));

        let mut first_win = BTreeMap::new();
        for (i, piece) in pieces.iter().enumerate() {
            if let Some(winner) = piece.winner {
                first_win.entry(winner).or_insert(i);
            }
        }
        let outdone: Vec<usize> =
            listening.iter().copied().filter(|i| !first_win.contains_key(i)).collect();

        let lowest = |i: &usize| family(&connectors[*i], ipv6).min_by_key(|range| range.low());
        let held = outdone.iter().filter_map(lowest).map(|range| {
            let scope_id = range.scope_id().unwrap_or(0);
            place(&pieces, (range.low(), scope_id))
        });
        let marked = marked(&pieces, ipv6, marks);
        let of_connectors: Vec<usize> = first_win.values().copied().chain(held).collect();
        let wanted = wanted(pieces.len(), &marked, marks, of_connectors);
        let segments = fold::segments(pieces.len(), wanted);
        let columns = segments.into_iter().map(|segment| {
            let inside = marked.iter().filter(|(_, piece)| segment.contains(piece));
            let marks = inside.map(|(mark, _)| *mark).collect();
            Column::new(connectors, local, &pieces, segment, marks)
        });
        let columns: Vec<Column<'_>> = columns.collect();
        let mut folded = listening.clone();
        folded.retain(|i| !outdone.contains(i) && !columns.iter().any(|column| column.shows(*i)));
        Self { local, pieces: pieces.len(), columns, listening, outdone, folded }
    }

    pub(super) fn ipv6(&self) -> bool {
        self.local.is_ipv6()
    }

    pub(super) fn family(&self) -> &'static str {
        if self.ipv6() { "IPv6" } else { "IPv4" }
    }
}

impl<'a> Column<'a> {
    fn new(
        connectors: &'a [ReceiveConnector],
        local: SocketAddr,
        pieces: &[Piece],
        segment: Range<usize>,
        marks: Vec<usize>,
    ) -> Self {
        let inside = &pieces[segment.clone()];
        let (first, last) = (inside[0].first, inside[inside.len() - 1].last);
        let content = if let [piece] = inside {
            let standings = connectors.iter().map(|c| standing(c, local, piece.first));
            let holders = standings.enumerate().filter_map(|(i, standing)| match standing {
                Standing::Candidate { range, .. } => Some((i, range)),
                Standing::Disabled | Standing::NotBound | Standing::OutOfRange => None,
            });
            let holders = holders.collect();
            Content::Piece { index: segment.start, winner: piece.winner, holders }
        } else {
            let mut takes = BTreeMap::new();
            for piece in inside {
                *takes.entry(piece.winner).or_default() += 1;
            }
            Content::Fold { pieces: segment.clone(), takes }
        };
        // An IPv4 address mapped into IPv6 counts as IPv4: as a bound it is below its range.
        let span = number(last.ip()).saturating_sub(number(first.ip()));
        let next = pieces.get(segment.end).filter(|_| first.scope_id() == 0 && inside.len() == 1);
        let other_links = next.is_some_and(|next| next.first.scope_id() != 0);
        Self { first, last, span, other_links, content, marks }
    }
}

/// Which piece each mark of the family lies in; those asked about first.
fn marked(pieces: &[Piece], ipv6: bool, marks: &[Mark]) -> Vec<(usize, usize)> {
    let mut marked: Vec<_> = marks
        .iter()
        .enumerate()
        .filter(|(_, mark)| mark.address.ip().is_ipv6() == ipv6)
        .map(|(i, mark)| (i, place(pieces, key(mark.address))))
        .collect();
    marked.sort_by_key(|(mark, _)| !marks[*mark].asked);
    marked
}

/// The pieces to show, the most wanted first: what is asked about, both ends, what else is
/// marked, one of each connector, and what lies beside a mark.
fn wanted(
    pieces: usize,
    marked: &[(usize, usize)],
    marks: &[Mark],
    of_connectors: Vec<usize>,
) -> impl Iterator<Item = usize> {
    let asked = marked.iter().filter(|(mark, _)| marks[*mark].asked);
    let beside = marked.iter().flat_map(|(_, piece)| [piece.saturating_sub(1), piece + 1]);
    asked
        .map(|(_, piece)| *piece)
        .chain([0, pieces.saturating_sub(1)])
        .chain(marked.iter().map(|(_, piece)| *piece))
        .chain(of_connectors)
        .chain(beside.filter(move |piece| *piece < pieces))
}

/// The piece that holds an address: that of its link, if there is one of its own.
fn place(pieces: &[Piece], address: (u128, u32)) -> usize {
    // The first piece starts at the lowest address.
    let at = pieces.partition_point(|piece| key(piece.first) <= address).saturating_sub(1);
    if key(pieces[at].first) == address {
        return at;
    }
    let any_link = |piece: &Piece| piece.first.scope_id() == 0;
    pieces[..=at].iter().rposition(any_link).unwrap_or(at)
}

fn key(address: SourceAddress) -> (u128, u32) {
    (number(address.ip()), address.scope_id())
}

fn number(ip: IpAddr) -> u128 {
    match ip {
        IpAddr::V4(ip) => u32::from(ip).into(),
        IpAddr::V6(ip) => ip.into(),
    }
}

pub(super) fn family(
    connector: &ReceiveConnector,
    ipv6: bool,
) -> impl Iterator<Item = &IpRange> + Clone {
    connector.remote_ip_ranges.iter().filter(move |range| range.is_ipv6() == ipv6)
}

pub(super) fn takes_connections(connector: &ReceiveConnector, local: SocketAddr) -> bool {
    connector.enabled && connector.bindings.iter().any(|binding| binding.accepts(local))
}
