//! Sources that no connector takes, and bindings that cannot be.

use std::collections::BTreeMap;

use super::sees::{NO_RELAY, NOTHING};
use super::{Addresses, Finding, PeerKind, Rule, Sees, Set, Severity, powershell};
use crate::connector::{PermissionGroups, ReceiveConnector};
use crate::smtp::reply;

const NO_CONNECTOR: Sees = Sees {
    replies: &[("connecting", |_| reply::SERVICE_NOT_AVAILABLE)],
    more: Some("whether Exchange says so or only closes the connection is not documented"),
    ..NOTHING
};

pub(super) const DEFAULT_NARROWED: Rule = Rule {
    id: "default-narrowed",
    severity: Severity::Warning,
    title: "A default connector no longer takes everybody",
    what: "Setup lets the default connectors take all addresses. This one was narrowed, and no other \
           connector on its bindings takes the rest. Told of the connectors that Exchange servers \
           use; with `--peer`, if one of the named Exchange servers and gateways is left out, or \
           where not both kinds are named.",
    who: "everybody outside the ranges",
    sees: NO_CONNECTOR,
    mend: "let it take all addresses again, and narrow by firewall",
    sources: &["learn.microsoft.com, \"Receive connectors\""],
};

pub(super) const DISABLED_DEFAULT: Rule = Rule {
    id: "disabled-default",
    severity: Severity::Warning,
    title: "A default connector is disabled",
    what: "Nothing stands in for it: on its bindings there are sources that no connector takes, or \
           no connector at which Exchange servers can prove themselves.",
    who: "Exchange servers, and on port 25 the Internet",
    sees: Sees {
        more: Some(
            "where no other connector is bound to the port, connections are refused (441 4.4.1 in the sender's queue)",
        ),
        ..NO_CONNECTOR
    },
    mend: "enable it again",
    sources: &["learn.microsoft.com, \"Receive connectors\""],
};

pub(super) const NO_CONNECTOR_FOR_SOME_SOURCES: Rule = Rule {
    id: "no-connector-for-some-sources",
    severity: Severity::Warning,
    title: "Some sources meet no connector on port 25",
    what: "Connectors are bound to port 25, and their ranges together leave sources out. With the \
           default connectors it cannot happen.",
    who: "everybody outside the ranges",
    sees: NO_CONNECTOR,
    mend: "add a connector that takes all addresses, as the default one does",
    sources: &["learn.microsoft.com, \"Receive connectors\""],
};

pub(super) const BINDING_IS_NOT_LOCAL: Rule = Rule {
    id: "binding-is-not-local",
    severity: Severity::Error,
    title: "The connector is bound to the client's address",
    what: "Bindings are addresses of the server; those of the clients belong into RemoteIPRanges. A \
           connector that is bound to an address which the server does not have is never met, and \
           after the next restart the Transport service may not start. Told of a binding that is \
           also a single address in the connector's own ranges, or the address of a `--peer`.",
    who: "the clients that the connector was made for: they meet the default one",
    sees: Sees {
        more: Some("`expsd serve` cannot listen there, unless `--listen` is given"),
        ..NO_RELAY
    },
    mend: "bind it to an address of the server, or to all",
    sources: &[
        "learn.microsoft.com/en-us/answers/questions/165982",
        "Set-ReceiveConnector, parameter Bindings",
    ],
};

pub(super) fn check(set: &Set<'_>, found: &mut Vec<Finding>) {
    let mut told = Vec::new();
    for (i, connector) in set.connectors.iter().enumerate() {
        let important = set.by_default(i).is_some_and(|default| default.offers_exchange_server());
        if important && unserved(set, i, found) {
            told.extend(connector.bindings.iter().map(|binding| binding.port()));
        }
        if connector.enabled {
            not_local(set, i, found);
        }
    }
    if !told.contains(&25) {
        port_25(set, found);
    }
}

/// What a default connector leaves open.
fn unserved(set: &Set<'_>, i: usize, found: &mut Vec<Finding>) -> bool {
    let connector = &set.connectors[i];
    let here = || set.stretches.iter().filter(|stretch| set.is_bound(i, stretch.local));
    let sources = Set::sources(here().filter(|stretch| stretch.meets.is_none()));
    let name = &connector.name;
    let port = connector.bindings.first().map_or(0, |binding| binding.port());
    if !connector.enabled {
        let trusted =
            here().filter_map(|stretch| stretch.meets).any(|m| set.is_trusted(m.connector));
        if trusted && sources.is_empty() {
            return false;
        }
        let problem = format!("\"{name}\" is disabled");
        found.push(
            Finding::new(&DISABLED_DEFAULT, set, i, "Enabled", problem)
                .unserved(port, sources)
                .mend(powershell::set(set, i, "-Enabled $true")),
        );
        return true;
    }
    if sources.is_empty() || are_served(set, connector, &sources) {
        return false;
    }
    let problem = format!("\"{name}\" was narrowed, and nobody takes {sources}");
    let everybody =
        "-RemoteIPRanges '::-ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff','0.0.0.0-255.255.255.255'";
    found.push(
        Finding::new(&DEFAULT_NARROWED, set, i, "RemoteIPRanges", problem)
            .hits(left_out(set, &sources))
            .unserved(port, sources)
            .mend(powershell::set(set, i, everybody)),
    );
    true
}

/// Whether all peers are known that need the connector, and none is left out: Exchange servers,
/// and the gateway if mail comes from outside.
fn are_served(set: &Set<'_>, connector: &ReceiveConnector, sources: &Addresses) -> bool {
    let outside = connector.permission_groups.contains(PermissionGroups::AnonymousUsers);
    let known = |kind| set.peers_of(kind).next().is_some();
    let all_known = known(PeerKind::Exchange) && (known(PeerKind::Gateway) || !outside);
    let left_out =
        |kind| set.peers_of(kind).flat_map(|p| &p.addresses).any(|a| sources.contains(*a));
    all_known && !left_out(PeerKind::Exchange) && !left_out(PeerKind::Gateway)
}

fn left_out(set: &Set<'_>, sources: &Addresses) -> String {
    let out = set.peers.iter().filter(|p| p.addresses.iter().any(|a| sources.contains(*a)));
    let names: Vec<_> = out.map(ToString::to_string).collect();
    if names.is_empty() { sources.to_string() } else { names.join(", ") }
}

/// Sources without a connector on port 25, by the first connector that is bound there. Where
/// one binding of a family takes everybody, another may well be for a few.
fn port_25(set: &Set<'_>, found: &mut Vec<Finding>) {
    let family = |local: usize| set.locals[local].binding.is_ipv6();
    let at_25 = |local: &usize| set.locals[*local].binding.port() == 25;
    let mut open: BTreeMap<usize, Vec<_>> = BTreeMap::new();
    for stretch in set.stretches.iter().filter(|s| s.meets.is_none() && at_25(&s.local)) {
        open.entry(stretch.local).or_default().push(stretch);
    }
    let complete: Vec<bool> = (0..set.locals.len())
        .filter(|local| at_25(local) && !open.contains_key(local))
        .map(family)
        .collect();
    let mut by_connector: BTreeMap<usize, Vec<_>> = BTreeMap::new();
    for (local, stretches) in open {
        let bound = set.enabled().map(|(i, _)| i).find(|i| set.is_bound(*i, local));
        if let Some(first) = bound.filter(|_| !complete.contains(&family(local))) {
            by_connector.entry(first).or_default().extend(stretches);
        }
    }
    for (i, stretches) in by_connector {
        let sources = Set::sources(stretches);
        if are_served(set, &set.connectors[i], &sources) {
            continue;
        }
        let problem = format!("no connector on port 25 takes {sources}");
        let role = match set.server.version.has_front_end() {
            true => " -TransportRole FrontendTransport",
            false => "",
        };
        let name = powershell::quote(&format!("Default Frontend {}", set.server.name));
        found.push(
            Finding::new(&NO_CONNECTOR_FOR_SOME_SOURCES, set, i, "RemoteIPRanges", problem)
                .hits(left_out(set, &sources))
                .unserved(25, sources)
                .mend(format!(
                    "New-ReceiveConnector -Name {name} -Server {}{role} -Custom -Bindings \
                     0.0.0.0:25,[::]:25 -RemoteIPRanges 0.0.0.0-255.255.255.255,\
                     ::-ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff -PermissionGroups \
                     AnonymousUsers,ExchangeServers -AuthMechanism Tls,ExchangeServer",
                    set.server.name
                )),
        );
    }
}

fn not_local(set: &Set<'_>, i: usize, found: &mut Vec<Finding>) {
    let connector = &set.connectors[i];
    for binding in &connector.bindings {
        let ip = binding.ip();
        if binding.is_wildcard() || ip.is_loopback() {
            continue;
        }
        let peer = set.peers.iter().find(|peer| peer.addresses.iter().any(|a| a.ip() == ip));
        let own = connector
            .remote_ip_ranges
            .iter()
            .any(|range| range.span() == 0 && range.contains(ip.into()));
        let whose = match (peer, own) {
            (Some(peer), _) => format!("the address of {}", peer.name),
            (None, true) => "which is one of the clients in its own ranges".to_owned(),
            (None, false) => continue,
        };
        let problem = format!("\"{}\" is bound to {binding}, {whose}", connector.name);
        let any = if ip.is_ipv6() { "[::]" } else { "0.0.0.0" };
        let parameters = format!("-Bindings {any}:{}", binding.port());
        let sources: Addresses = connector.remote_ip_ranges.iter().map(Addresses::bounds).collect();
        let met = set.enabled().map(|(other, _)| other).filter(|other| {
            let ports = set.connectors[*other].bindings.iter().map(|b| b.port());
            *other != i && ports.into_iter().any(|port| port == binding.port())
        });
        let finding = Finding::new(&BINDING_IS_NOT_LOCAL, set, i, "Bindings", problem)
            .others(met)
            .sources(set, sources)
            .mend(powershell::set(set, i, parameters));
        found.push(finding);
        return;
    }
}
