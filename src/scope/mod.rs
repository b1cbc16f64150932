//! Which connector a connection meets, and why.
//!
//! Exchange chooses by address alone, before the client has said a word, and does not
//! choose again: among the enabled connectors bound to the local address and port, the one
//! with the most specific RemoteIPRanges entry that holds the source
//! (learn.microsoft.com, "Receive connectors"; byronwright.blogspot.com, 2015/09).

use std::net::SocketAddr;
use std::ops::Deref;
use std::sync::Arc;

use crate::connector::{Binding, IpRange, ReceiveConnector, SourceAddress};

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

impl Standing<'_> {
    /// Smaller is more specific. A range counts first; on equal ranges a binding to one
    /// address wins over a wildcard (open in the documents, our choice).
    fn rank(&self) -> Option<(u128, bool)> {
        match self {
            Self::Candidate { range, binding } => Some((range.span(), binding.is_wildcard())),
            _ => None,
        }
    }
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
    match holding.min_by_key(|range| range.span()) {
        Some(range) => Standing::Candidate { range, binding },
        None => Standing::OutOfRange,
    }
}

/// What [`select`] found: the winner, and on demand how every connector stood.
#[derive(Clone, Copy, Debug)]
pub struct Selection<'a> {
    connectors: &'a [ReceiveConnector],
    local: SocketAddr,
    remote: SourceAddress,
    winner: Option<usize>,
}

/// Selects the connector for a connection from `remote` to `local`.
pub fn select(
    connectors: &[ReceiveConnector],
    local: SocketAddr,
    remote: SourceAddress,
) -> Selection<'_> {
    let ranks = connectors
        .iter()
        .enumerate()
        .filter_map(|(i, connector)| Some((standing(connector, local, remote).rank()?, i)));
    Selection { connectors, local, remote, winner: ranks.min().map(|(_, i)| i) }
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
    /// The index of the winner among the connectors given to [`select`].
    pub fn index(&self) -> Option<usize> {
        self.winner
    }

    pub fn winner(&self) -> Option<&'a ReceiveConnector> {
        self.winner.map(|i| &self.connectors[i])
    }

    /// The winner's range that decided.
    pub fn range(&self) -> Option<&'a IpRange> {
        match standing(self.winner()?, self.local, self.remote) {
            Standing::Candidate { range, .. } => Some(range),
            _ => None,
        }
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
        let winner = self.winner();
        let mut lost: Vec<_> = self
            .standings()
            .filter(|(c, _)| winner.is_some_and(|w| !std::ptr::eq(w, *c)))
            .filter_map(|(c, standing)| Some((standing.rank()?, c, standing)))
            .collect();
        lost.sort_by_key(|(rank, ..)| *rank);
        lost.into_iter()
            .filter_map(|(_, c, standing)| match standing {
                Standing::Candidate { range, .. } => Some((c, range)),
                _ => None,
            })
            .collect()
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
    use proptest::prelude::*;
    use std::net::Ipv4Addr;

    fn connector(name: &str, binding: &str, ranges: &[&str]) -> ReceiveConnector {
        let mut connector = ReceiveConnector::new(name, Version::E2019);
        connector.bindings = vec![binding.parse().unwrap()];
        connector.remote_ip_ranges = ranges.iter().map(|r| r.parse().unwrap()).collect();
        connector
    }

    fn winner(set: &[ReceiveConnector], local: &str, remote: &str) -> Option<String> {
        let selection = select(set, local.parse().unwrap(), remote.parse().unwrap());
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
    }

    #[test]
    fn the_reason_names_winner_range_and_shadowed() {
        let set = [
            connector("Default Frontend EX01", "0.0.0.0:25", &["0.0.0.0/0"]),
            connector("App relay", "0.0.0.0:25", &["10.0.0.10-10.0.0.20"]),
        ];
        let selection = select(&set, "0.0.0.0:25".parse().unwrap(), "10.0.0.12".parse().unwrap());
        assert_eq!(
            selection.reason(),
            "\"App relay\" takes 10.0.0.12 by its range 10.0.0.10-10.0.0.20 (11 addresses), which is \
             more specific than 0.0.0.0/0 (4294967296 addresses) of \"Default Frontend EX01\""
        );
    }

    proptest! {
        /// Against a model that looks at every address of every range.
        #[test]
        fn select_agrees_with_counting(
            sets in prop::collection::vec(prop::collection::vec((0u32..64, 0u32..64), 1..4), 1..6),
            remote in 0u32..64,
        ) {
            let set: Vec<_> = sets.iter().enumerate().map(|(i, ranges)| {
                let ranges: Vec<String> = ranges.iter().map(|&(a, b)| {
                    format!("{}-{}", Ipv4Addr::from(a.min(b)), Ipv4Addr::from(a.max(b)))
                }).collect();
                let ranges: Vec<&str> = ranges.iter().map(String::as_str).collect();
                connector(&i.to_string(), "0.0.0.0:25", &ranges)
            }).collect();
            let model = sets.iter().enumerate().filter_map(|(i, ranges)| {
                let holding = ranges.iter().filter(|&&(a, b)| (a.min(b)..=a.max(b)).contains(&remote));
                Some((holding.map(|&(a, b)| (a.min(b)..=a.max(b)).count()).min()?, i))
            }).min().map(|(_, i)| i);
            let remote = SourceAddress::from(std::net::IpAddr::from(Ipv4Addr::from(remote)));
            let selection = select(&set, "1.2.3.4:25".parse().unwrap(), remote);
            prop_assert_eq!(selection.index(), model);
        }
    }
}
