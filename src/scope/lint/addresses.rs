//! Sets of source addresses.

use std::fmt;
use std::net::IpAddr;

use crate::connector::{IpRange, SourceAddress};

/// A set of source addresses, as stretches in order: IPv4 first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Addresses {
    stretches: Vec<(SourceAddress, SourceAddress)>,
    /// Addresses of one link, which stand for themselves.
    scoped: Vec<SourceAddress>,
}

impl Addresses {
    /// The first and the last address of a range.
    pub(super) fn bounds(range: &IpRange) -> (SourceAddress, SourceAddress) {
        let scope_id = range.scope_id().unwrap_or(0);
        let bound = |n| SourceAddress::new(super::address(n, range.is_ipv6()), scope_id);
        (bound(range.low()), bound(range.high()))
    }

    /// What both of two ranges hold.
    pub(super) fn common(a: &IpRange, b: &IpRange) -> Self {
        let (low, high) = (a.low().max(b.low()), a.high().min(b.high()));
        let scope_id = a.scope_id().or(b.scope_id()).unwrap_or(0);
        let bound = |n| SourceAddress::new(super::address(n, a.is_ipv6()), scope_id);
        let meet = a.is_ipv6() == b.is_ipv6() && low <= high;
        meet.then(|| (bound(low), bound(high))).into_iter().collect()
    }

    pub fn is_empty(&self) -> bool {
        self.stretches.is_empty() && self.scoped.is_empty()
    }

    pub fn contains(&self, source: SourceAddress) -> bool {
        let after = self.stretches.partition_point(|(first, _)| key(*first) <= key(source));
        let before = after.checked_sub(1).map(|i| self.stretches[i]);
        before.is_some_and(|(_, last)| key(source) <= key(last)) || self.scoped.contains(&source)
    }

    /// The stretches that have addresses in common with a range, in order.
    pub(super) fn within(
        &self,
        range: &IpRange,
    ) -> impl Iterator<Item = (SourceAddress, SourceAddress)> {
        let (low, high) = ((range.is_ipv6(), range.low()), (range.is_ipv6(), range.high()));
        let from = self.stretches.partition_point(|(_, last)| key(*last) < low);
        let plain = self.stretches[from..].iter().copied();
        let plain = plain.take_while(move |(first, _)| key(*first) <= high);
        let scoped =
            self.scoped.iter().filter(|source| range.scope_id() == Some(source.scope_id()));
        let scoped = scoped.filter(|source| range.contains(**source)).map(|one| (*one, *one));
        plain.filter(|_| range.scope_id().is_none()).chain(scoped)
    }

    /// How many addresses there are; 2^128 is told as one less.
    pub fn count(&self) -> u128 {
        let sizes = self
            .stretches
            .iter()
            .map(|(first, last)| (number(*last) - number(*first)).saturating_add(1));
        sizes.fold(self.scoped.len() as u128, u128::saturating_add)
    }

    /// The stretches, first and last address of each; those of one link at the end.
    pub fn stretches(&self) -> impl Iterator<Item = (SourceAddress, SourceAddress)> {
        self.stretches.iter().copied().chain(self.scoped.iter().map(|source| (*source, *source)))
    }

    pub(super) fn first(&self) -> Option<SourceAddress> {
        self.stretches().next().map(|(first, _)| first)
    }
}

impl FromIterator<(SourceAddress, SourceAddress)> for Addresses {
    /// Takes stretches in any order, and joins those that meet.
    fn from_iter<I: IntoIterator<Item = (SourceAddress, SourceAddress)>>(pieces: I) -> Self {
        let (scoped, mut plain): (Vec<_>, Vec<_>) =
            pieces.into_iter().partition(|(first, _)| first.scope_id() != 0);
        plain.sort_unstable_by_key(|(first, last)| (key(*first), key(*last)));
        let mut stretches: Vec<(SourceAddress, SourceAddress)> = Vec::new();
        for (first, last) in plain {
            match stretches.last_mut().filter(|(_, end)| reaches(*end, first)) {
                Some((_, end)) if key(last) > key(*end) => *end = last,
                Some(_) => {}
                None => stretches.push((first, last)),
            }
        }
        let mut scoped: Vec<_> = scoped.into_iter().map(|(first, _)| first).collect();
        scoped.sort_unstable_by_key(|source| (key(*source), source.scope_id()));
        scoped.dedup();
        Self { stretches, scoped }
    }
}

impl FromIterator<SourceAddress> for Addresses {
    fn from_iter<I: IntoIterator<Item = SourceAddress>>(sources: I) -> Self {
        sources.into_iter().map(|source| (source, source)).collect()
    }
}

/// The first three stretches, and how many more there are.
impl fmt::Display for Addresses {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const SHOWN: usize = 3;
        let all = self.stretches.len() + self.scoped.len();
        for (i, (first, last)) in self.stretches().take(SHOWN).enumerate() {
            f.write_str(if i > 0 { ", " } else { "" })?;
            match first == last {
                true => write!(f, "{first}")?,
                false => write!(f, "{first}-{last}")?,
            }
        }
        if all > SHOWN { write!(f, " and {} more", all - SHOWN) } else { Ok(()) }
    }
}

pub(super) fn number(source: SourceAddress) -> u128 {
    match source.ip() {
        IpAddr::V4(ip) => u32::from(ip).into(),
        IpAddr::V6(ip) => ip.into(),
    }
}

fn key(source: SourceAddress) -> (bool, u128) {
    (source.ip().is_ipv6(), number(source))
}

/// Whether nothing lies between a stretch that ends at `end` and one that starts at `start`.
fn reaches(end: SourceAddress, start: SourceAddress) -> bool {
    let (end, start) = (key(end), key(start));
    end.0 == start.0 && start.1 <= end.1.saturating_add(1)
}

/// How many addresses of the range are private or of one link (RFC 1918, 3927, 4193, 4291), where
/// Exchange servers live, or of loopback, where lessons put them.
pub(super) fn private(range: &IpRange) -> u128 {
    let blocks = match range.is_ipv6() {
        false => V4_PRIVATE,
        true => V6_PRIVATE,
    };
    within(range.low(), range.high(), blocks)
}

/// How many addresses of a stretch are public.
pub(super) fn public(first: SourceAddress, last: SourceAddress) -> u128 {
    let (low, high) = (number(first), number(last));
    match first.ip() {
        IpAddr::V4(_) => high - low + 1 - within(low, high, V4_RESERVED),
        IpAddr::V6(_) => within(low, high, &[(0x2000 << 112, (0x4000 << 112) - 1)]),
    }
}

type Blocks = &'static [(u128, u128)];

const V4_PRIVATE: Blocks = &[
    (0x0a00_0000, 0x0aff_ffff),
    (0x7f00_0000, 0x7fff_ffff),
    (0xa9fe_0000, 0xa9fe_ffff),
    (0xac10_0000, 0xac1f_ffff),
    (0xc0a8_0000, 0xc0a8_ffff),
];
/// Private, "this network", shared, loopback, and from multicast on (RFC 6890).
const V4_RESERVED: Blocks = &[
    (0, 0x00ff_ffff),
    (0x0a00_0000, 0x0aff_ffff),
    (0x6440_0000, 0x647f_ffff),
    (0x7f00_0000, 0x7fff_ffff),
    (0xa9fe_0000, 0xa9fe_ffff),
    (0xac10_0000, 0xac1f_ffff),
    (0xc0a8_0000, 0xc0a8_ffff),
    (0xe000_0000, 0xffff_ffff),
];
const V6_PRIVATE: Blocks =
    &[(0xfc00 << 112, (0xfe00 << 112) - 1), (0xfe80 << 112, (0xfec0 << 112) - 1)];

fn within(low: u128, high: u128, blocks: Blocks) -> u128 {
    let common = |(from, to): &(u128, u128)| {
        high.min(*to).checked_sub(low.max(*from)).map_or(0, |span| span.saturating_add(1))
    };
    blocks.iter().map(common).fold(0, u128::saturating_add)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn addresses(stretches: &[(&str, &str)]) -> Addresses {
        stretches.iter().map(|(a, b)| (a.parse().unwrap(), b.parse().unwrap())).collect()
    }

    #[test]
    fn stretches_that_meet_are_one() {
        let set = addresses(&[
            ("10.0.0.8", "10.0.0.9"),
            ("::5", "::7"),
            ("10.0.0.1", "10.0.0.7"),
            ("10.0.0.20", "10.0.0.20"),
            ("fe80::1%3", "fe80::1%3"),
        ]);
        assert_eq!(set.to_string(), "10.0.0.1-10.0.0.9, 10.0.0.20, ::5-::7 and 1 more");
        assert_eq!(set.count(), 9 + 1 + 3 + 1);
        for (address, inside) in [
            ("10.0.0.9", true),
            ("10.0.0.10", false),
            ("::5", true),
            ("::8", false),
            ("fe80::1%3", true),
            ("fe80::1%4", false),
        ] {
            assert_eq!(set.contains(address.parse().unwrap()), inside, "{address}");
        }
        assert!(Addresses::default().is_empty());
    }

    #[test]
    fn private_and_public_addresses_are_counted() {
        let range = |text: &str| text.parse::<IpRange>().unwrap();
        assert_eq!(private(&range("10.0.0.0/8")), 1 << 24);
        assert_eq!(private(&range("9.255.255.0-10.0.0.9")), 10);
        assert_eq!(private(&range("127.0.0.0/24")), 256);
        assert_eq!(private(&range("192.0.2.0/24")), 0);
        assert_eq!(private(&range("fe80::/10")), 1 << 118);
        let public = |a: &str, b: &str| public(a.parse().unwrap(), b.parse().unwrap());
        assert_eq!(public("10.0.0.0", "11.0.0.0"), 1);
        assert_eq!(public("fe80::", "fe80::ffff"), 0);
        assert_eq!(public("2001:db8::", "2001:db8::9"), 10);
        assert!(public("0.0.0.0", "255.255.255.255") > 1 << 31);
    }
}
