//! Two sets of connectors, laid over each other.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use super::Scope;
use crate::connector::{Binding, IpRange, SourceAddress, address, number};

/// A stretch of sources, and what it meets in each of two sets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Overlay {
    pub local: SocketAddr,
    pub first: SourceAddress,
    pub last: SourceAddress,
    pub before: Option<usize>,
    pub after: Option<usize>,
}

/// Stands for every local address without a binding of its own, where others have one.
pub fn is_other_address(local: SocketAddr) -> bool {
    [OTHER_IPV4, OTHER_IPV6].contains(&local.ip())
}

/// No address of these can be a server's own.
const OTHER_IPV4: IpAddr = IpAddr::V4(Ipv4Addr::BROADCAST);
const OTHER_IPV6: IpAddr = IpAddr::V6(Ipv6Addr::from_bits(u128::MAX));

/// All sources on every local address that either set is bound to, cut at every bound of a
/// range of either.
pub fn overlay(before: &Scope, after: &Scope) -> Vec<Overlay> {
    let mut all = Vec::new();
    for local in locals(before, after) {
        for family in IpRange::everything().iter().filter(|f| f.is_ipv6() == local.is_ipv6()) {
            let mut firsts: BTreeSet<(u128, u32)> = BTreeSet::new();
            for scope in [before, after] {
                let pieces = scope.pieces(local, family).into_iter();
                firsts.extend(pieces.map(|p| (number(p.first.ip()), p.first.scope_id())));
            }
            let plain: Vec<u128> =
                firsts.iter().filter(|(_, scope_id)| *scope_id == 0).map(|(at, _)| *at).collect();
            for (at, scope_id) in firsts {
                let next = plain.get(plain.partition_point(|start| *start <= at));
                let end = match (scope_id, next) {
                    (0, Some(next)) => next - 1,
                    (0, None) => family.high(),
                    _ => at,
                };
                let first = SourceAddress::new(address(at, family.is_ipv6()), scope_id);
                let last = SourceAddress::new(address(end, family.is_ipv6()), scope_id);
                let met = |scope: &Scope| scope.select(local, first).index();
                all.push(Overlay { local, first, last, before: met(before), after: met(after) });
            }
        }
    }
    all
}

/// The local addresses at which one or the other set may decide differently.
fn locals(before: &Scope, after: &Scope) -> Vec<SocketAddr> {
    let connectors = before.connectors().iter().chain(after.connectors().iter());
    let bindings: BTreeSet<Binding> =
        connectors.filter(|c| c.enabled).flat_map(|c| c.bindings.iter().copied()).collect();
    let has_own = |wildcard: &Binding| {
        let same =
            |b: &Binding| b.port() == wildcard.port() && b.0.is_ipv6() == wildcard.0.is_ipv6();
        bindings.iter().any(|b| !b.is_wildcard() && same(b))
    };
    let local = |binding: &Binding| match binding.0 {
        SocketAddr::V4(_) if binding.is_wildcard() && has_own(binding) => {
            SocketAddr::new(OTHER_IPV4, binding.port())
        }
        SocketAddr::V6(_) if binding.is_wildcard() && has_own(binding) => {
            SocketAddr::new(OTHER_IPV6, binding.port())
        }
        address => address,
    };
    let mut locals: Vec<_> = bindings.iter().map(local).collect();
    locals.sort_by_key(|local| (local.port(), *local));
    locals
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::connector::{ReceiveConnector, Version};

    fn set(connectors: &[(&str, &[&str])]) -> Scope {
        let connectors = connectors.iter().map(|(binding, ranges)| {
            let mut connector = ReceiveConnector::new(*binding, Version::E2019);
            connector.bindings = vec![binding.parse().unwrap()];
            connector.remote_ip_ranges = ranges.iter().map(|r| r.parse().unwrap()).collect();
            connector
        });
        Scope::new(connectors.collect::<Vec<_>>())
    }

    fn shown(overlay: &[Overlay]) -> Vec<String> {
        let changed = overlay.iter().filter(|o| o.before != o.after);
        changed
            .map(|o| format!("{} {}-{} {:?} {:?}", o.local, o.first, o.last, o.before, o.after))
            .collect()
    }

    #[test]
    fn bounds_of_both_sets_cut() {
        let before =
            set(&[("0.0.0.0:25", &["0.0.0.0/0"]), ("0.0.0.0:25", &["10.0.0.10-10.0.0.20"])]);
        let after =
            set(&[("0.0.0.0:25", &["0.0.0.0/0"]), ("0.0.0.0:25", &["10.0.0.15-10.0.0.30"])]);
        assert_eq!(
            shown(&overlay(&before, &after)),
            [
                "0.0.0.0:25 10.0.0.10-10.0.0.14 Some(1) Some(0)",
                "0.0.0.0:25 10.0.0.21-10.0.0.30 Some(0) Some(1)",
            ]
        );
        assert!(shown(&overlay(&before, &before)).is_empty());
    }

    #[test]
    fn a_binding_of_its_own_leaves_the_other_addresses_to_the_wildcard() {
        let before = set(&[("0.0.0.0:25", &["10.0.0.0/8"])]);
        let after = set(&[("0.0.0.0:25", &["10.0.0.0/8"]), ("10.0.0.5:25", &["10.0.0.7"])]);
        assert_eq!(
            shown(&overlay(&before, &after)),
            ["10.0.0.5:25 10.0.0.7-10.0.0.7 Some(0) Some(1)"]
        );
        let locals: Vec<_> = locals(&before, &after);
        assert!(locals.iter().any(|local| is_other_address(*local)), "{locals:?}");
    }

    #[test]
    fn a_link_has_a_stretch_of_its_own() {
        let before = set(&[("[::]:25", &["::/0"])]);
        let after = set(&[("[::]:25", &["::/0"]), ("[::]:25", &["fe80::1%11"])]);
        assert_eq!(
            shown(&overlay(&before, &after)),
            ["[::]:25 fe80::1%11-fe80::1%11 Some(0) Some(1)"]
        );
    }
}
