//! Numbers and addresses, short enough for a column.

use std::net::{IpAddr, Ipv6Addr};

use crate::connector::{IpRange, SourceAddress};

/// How many addresses `span` + 1 is.
pub(super) fn size(span: u128) -> String {
    let about = |unit: f64, word| {
        let text = format!("{:.1}", (span as f64 + 1.0) / unit);
        format!("{} {word} addresses", text.strip_suffix(".0").unwrap_or(&text))
    };
    match span {
        0 => "1 address".to_owned(),
        1..=999_999 => format!("{} addresses", thousands(span as usize + 1)),
        1_000_000..=999_999_999 => about(1e6, "million"),
        1_000_000_000..=999_999_999_999 => about(1e9, "billion"),
        _ => {
            // Of 2^128 itself the 1 that is missing is lost in the rounding.
            let power = (span as f64 + 1.0).log2().round();
            let exact = span.leading_zeros() + span.trailing_ones() == 128;
            format!("{}2^{power} addresses", if exact { "" } else { "about " })
        }
    }
}

/// 12345 as `12,345`.
pub(super) fn thousands(number: usize) -> String {
    let digits = number.to_string();
    let groups = digits.as_bytes().rchunks(3).rev().map(String::from_utf8_lossy);
    groups.collect::<Vec<_>>().join(",")
}

/// `2 pieces`, `1 piece`.
pub(super) fn count(number: usize, noun: &str) -> String {
    format!("{} {noun}{}", thousands(number), if number == 1 { "" } else { "s" })
}

/// The end of a stretch: `– 10.0.0.20`.
pub(super) fn to(address: SourceAddress) -> String {
    format!("– {}", bound(address))
}

/// In IPv6 three or more final groups of `ffff` are cut short, `2001:db8:…:ffff`, unless zeros
/// are too: then nothing would tell how many there are.
pub(super) fn bound(address: SourceAddress) -> String {
    match address.ip() {
        IpAddr::V6(ip) if address.scope_id() == 0 => {
            cut_short(ip).unwrap_or_else(|| ip.to_string())
        }
        _ => address.to_string(),
    }
}

fn cut_short(ip: Ipv6Addr) -> Option<String> {
    let segments = ip.segments();
    let others = segments.iter().rposition(|&segment| segment != 0xffff).map_or(0, |i| i + 1);
    let text = ip.to_string();
    let head = text.strip_suffix(&"ffff:".repeat(8 - others).trim_end_matches(':'))?;
    let head = if head.is_empty() { "ffff:" } else { head };
    (others <= 5 && !head.contains("::")).then(|| format!("{head}…:ffff"))
}

/// The only range of a connector, or how many it has.
pub(super) fn ranges<'a>(mut of: impl Iterator<Item = &'a IpRange> + Clone) -> String {
    let count = of.clone().count();
    match (of.next(), count) {
        (Some(range), 1) if range.low() == 0 && range.high() == highest(range.is_ipv6()) => {
            format!("all of IPv{}", if range.is_ipv6() { 6 } else { 4 })
        }
        (Some(range), 1) => range.to_string(),
        _ => self::count(count, "range"),
    }
}

pub(super) fn highest(ipv6: bool) -> u128 {
    if ipv6 { u128::MAX } else { u32::MAX.into() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes() {
        let sizes = [0, 10, 65_535, (1 << 24) - 1, u32::MAX.into(), u128::MAX, u128::MAX / 3 * 2];
        assert_eq!(
            sizes.map(size),
            [
                "1 address",
                "11 addresses",
                "65,536 addresses",
                "16.8 million addresses",
                "4.3 billion addresses",
                "2^128 addresses",
                "about 2^127 addresses",
            ]
        );
    }

    #[test]
    fn bounds() {
        let bound = |text: &str| bound(text.parse().unwrap());
        assert_eq!(bound("10.0.0.12"), "10.0.0.12");
        assert_eq!(bound("fe80::1%11"), "fe80::1%11");
        assert_eq!(bound("2001:db8:ffff:ffff:ffff:ffff:ffff:ffff"), "2001:db8:…:ffff");
        assert_eq!(bound("ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"), "ffff:…:ffff");
        assert_eq!(bound("fe80::1:0:ffff:ffff"), "fe80::1:0:ffff:ffff");
        assert_eq!(bound("::ffff:ffff:ffff:ffff"), "::ffff:ffff:ffff:ffff");
        assert_eq!(bound("::"), "::");
    }
}
