//! Selection, against a naive model too.

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
