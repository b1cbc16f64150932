//! Source addresses, and the ranges of RemoteIPRanges.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::str::FromStr;

use ipnet::IpNet;

use super::value::ValueError;

/// Where a connection comes from. A link-local IPv6 address carries its scope id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct SourceAddress {
    ip: IpAddr,
    scope_id: u32,
}

impl SourceAddress {
    /// `scope_id` 0: none. An IPv4 address mapped into IPv6 is taken as the IPv4 address.
    pub fn new(ip: IpAddr, scope_id: u32) -> Self {
        Self { scope_id, ..Self::from(ip) }
    }

    pub fn ip(self) -> IpAddr {
        self.ip
    }

    /// Whether `next` is the next higher address of the same link.
    pub fn is_followed_by(self, next: Self) -> bool {
        self.ip.is_ipv6() == next.ip.is_ipv6()
            && self.scope_id == next.scope_id
            && number(self.ip).checked_add(1) == Some(number(next.ip))
    }

    /// The link of a link-local address; 0 for none.
    pub fn scope_id(self) -> u32 {
        self.scope_id
    }
}

impl From<IpAddr> for SourceAddress {
    /// An IPv4 address mapped into IPv6 is taken as the IPv4 address (our choice).
    fn from(ip: IpAddr) -> Self {
        Self { ip: ip.to_canonical(), scope_id: 0 }
    }
}

impl From<SocketAddr> for SourceAddress {
    fn from(address: SocketAddr) -> Self {
        let scope_id = match address {
            SocketAddr::V6(v6) => v6.scope_id(),
            SocketAddr::V4(_) => 0,
        };
        Self::new(address.ip(), scope_id)
    }
}

impl FromStr for SourceAddress {
    type Err = ValueError;

    fn from_str(text: &str) -> Result<Self, ValueError> {
        let (ip, scope_id) = parse_scoped(text)
            .ok_or_else(|| ValueError::new("an IP address such as 10.0.0.12 or fe80::1%11"))?;
        Ok(Self::new(ip, scope_id.unwrap_or(0)))
    }
}

/// As Exchange prints it in the EHLO reply: `fe80::1%11`.
impl fmt::Display for SourceAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.scope_id {
            0 => self.ip.fmt(f),
            scope_id => write!(f, "{}%{scope_id}", self.ip),
        }
    }
}

/// One entry of RemoteIPRanges: a single address, `lo-hi`, or CIDR with or without host part.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IpRange {
    low: u128,
    high: u128,
    is_ipv6: bool,
    /// Only sources of this scope; `None` takes any.
    scope_id: Option<u32>,
    text: Box<str>,
}

impl IpRange {
    /// All IPv6 and all IPv4 addresses, as on the default connectors.
    pub fn everything() -> Vec<Self> {
        let v6 =
            Self::between(Ipv6Addr::UNSPECIFIED.into(), Ipv6Addr::from(u128::MAX).into(), None);
        let v4 = Self::between(Ipv4Addr::UNSPECIFIED.into(), Ipv4Addr::BROADCAST.into(), None);
        v6.into_iter().chain(v4).collect()
    }

    fn between(low: IpAddr, high: IpAddr, scope_id: Option<u32>) -> Option<Self> {
        let text = format!("{low}-{high}");
        let (low, high) = match (low.to_canonical(), high.to_canonical()) {
            (IpAddr::V4(low), IpAddr::V4(high)) => (low.into(), high.into()),
            _ => (low, high),
        };
        let range = Self {
            low: number(low),
            high: number(high),
            is_ipv6: low.is_ipv6(),
            scope_id,
            text: text.into(),
        };
        (low.is_ipv6() == high.is_ipv6() && range.low <= range.high).then_some(range)
    }

    pub fn contains(&self, source: SourceAddress) -> bool {
        let address = number(source.ip);
        self.is_ipv6 == source.ip.is_ipv6()
            && (self.low..=self.high).contains(&address)
            && self.scope_id.is_none_or(|scope_id| scope_id == source.scope_id)
    }

    /// The number of addresses less one (all of IPv6 would not fit otherwise). Smaller is
    /// more specific.
    pub fn span(&self) -> u128 {
        self.high - self.low
    }

    pub fn is_ipv6(&self) -> bool {
        self.is_ipv6
    }

    pub fn low(&self) -> u128 {
        self.low
    }

    pub fn high(&self) -> u128 {
        self.high
    }

    pub fn scope_id(&self) -> Option<u32> {
        self.scope_id
    }

    /// The lowest address.
    pub fn first(&self) -> IpAddr {
        address(self.low, self.is_ipv6)
    }

    /// How many addresses, in words.
    pub fn size(&self) -> String {
        match self.span() {
            0 => "1 address".to_owned(),
            span if span < 1 << 32 => format!("{} addresses", span + 1),
            span => format!("2^{} addresses", 128 - span.leading_zeros()),
        }
    }
}

impl FromStr for IpRange {
    type Err = ValueError;

    fn from_str(text: &str) -> Result<Self, ValueError> {
        let text = text.trim();
        let range = if let Some((low, high)) = text.split_once('-') {
            let parse = |t: &str| t.trim().parse::<IpAddr>().ok();
            parse(low).zip(parse(high)).and_then(|(low, high)| Self::between(low, high, None))
        } else if text.contains('/') {
            text.parse::<IpNet>()
                .ok()
                .and_then(|net| Self::between(net.network(), net.broadcast(), None))
        } else {
            parse_scoped(text).and_then(|(ip, scope_id)| Self::between(ip, ip, scope_id))
        };
        range.map(|range| Self { text: text.into(), ..range }).ok_or_else(|| {
            ValueError::new(
                "an address (10.0.0.7), a range from low to high (10.0.0.10-10.0.0.20) or CIDR (10.0.0.0/24)",
            )
        })
    }
}

/// As it was written.
impl fmt::Display for IpRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

pub(crate) fn number(ip: IpAddr) -> u128 {
    match ip {
        IpAddr::V4(v4) => u32::from(v4).into(),
        IpAddr::V6(v6) => v6.into(),
    }
}

/// The address of [`number`] and a family.
pub(crate) fn address(number: u128, ipv6: bool) -> IpAddr {
    match ipv6 {
        true => IpAddr::V6(number.into()),
        // The numbers of IPv4 fit into 32 bits.
        false => IpAddr::V4((number as u32).into()),
    }
}

fn parse_scoped(text: &str) -> Option<(IpAddr, Option<u32>)> {
    let text = text.trim();
    match text.split_once('%') {
        Some((ip, scope)) => {
            let ip = ip.parse::<Ipv6Addr>().ok()?;
            Some((ip.into(), Some(scope.parse().ok()?)))
        }
        None => Some((text.parse().ok()?, None)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn range(text: &str) -> IpRange {
        text.parse().unwrap()
    }

    fn contains(text: &str, address: &str) -> bool {
        range(text).contains(address.parse().unwrap())
    }

    #[test]
    fn every_form_of_a_range() {
        assert!(contains("10.0.0.10-10.0.0.20", "10.0.0.12"));
        assert!(!contains("10.0.0.10-10.0.0.20", "10.0.0.21"));
        assert!(contains("192.168.1.1/24", "192.168.1.255"));
        assert!(contains("2001:0DB8::CD3/60", "2001:db8:0:f::1"));
        assert!(contains("10.2.0.7", "10.2.0.7"));
        assert!(contains("::-ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "fe80::1%3"));
        for bad in
            ["", "10.0.0", "10.0.0.9-10.0.0.1", "10.0.0.1-::1", "10.0.0.0/33", "10.0.0.1%3", "a-b"]
        {
            assert!(bad.parse::<IpRange>().is_err(), "{bad:?}");
        }
    }

    #[test]
    fn families_stay_apart_and_mapped_addresses_are_ipv4() {
        assert!(!contains("0.0.0.0-255.255.255.255", "::1"));
        assert!(contains("10.0.0.0/8", "::ffff:10.0.0.1"));
    }

    #[test]
    fn a_scope_id_narrows_a_range() {
        assert!(contains("fe80::1%11", "fe80::1%11"));
        assert!(!contains("fe80::1%11", "fe80::1%12"));
        assert!(contains("fe80::1", "fe80::1%12"));
    }

    #[test]
    fn sizes_in_words() {
        assert_eq!(range("10.0.0.1").size(), "1 address");
        assert_eq!(range("10.0.0.0/24").size(), "256 addresses");
        assert_eq!(range("::/0").size(), "2^128 addresses");
    }
}
