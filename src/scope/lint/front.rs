//! Peers in front of others: what meets the relay connector in their name, and what misses it.

use std::collections::BTreeMap;

use super::sees::{NO_RELAY, OPEN_RELAY};
use super::taken::{Meeting, Taken};
use super::{Finding, PeerKind, Rule, Sees, Set, Severity, powershell};
use crate::connector::SourceAddress;

pub(super) const RELAY_COVERS_GATEWAY: Rule = Rule {
    id: "relay-covers-gateway",
    severity: Severity::Error,
    title: "A relay connector takes the gateway that brings the Internet's mail",
    what: "What a spam filter or gateway hands over comes from the Internet. On a connector that \
           lets anybody relay, it is taken for every recipient, and past the checks of the \
           connector that was meant for it. Told of gateways named with `--peer gateway:…`.",
    who: "everybody: strangers relay through the gateway, and their mail seems to come from inside",
    sees: OPEN_RELAY,
    mend: "take the gateway's address out of RemoteIPRanges",
    sources: &["the-little-things.net, 2014/08/23 (Receive connector tango, part 2)"],
};

pub(super) const BALANCER_IN_RELAY_RANGE: Rule = Rule {
    id: "balancer-in-relay-range",
    severity: Severity::Error,
    title: "A relay connector takes the load balancer, and with it everybody behind",
    what: "A balancer that puts its own address in place of the client's makes all clients look \
           like one. In the range of a relay connector it lets everybody relay that reaches it. \
           Told of balancers named with `--peer balancer:…`.",
    who: "everybody: whoever reaches the balancer may relay",
    sees: OPEN_RELAY,
    mend: "take the balancer's address out of RemoteIPRanges; let it keep the client's address \
           (transparent mode, direct server return), or give relaying hosts another virtual server",
    sources: &["the-little-things.net, 2014/08/23 (Receive connector tango, part 2)"],
};

pub(super) const BALANCER_HIDES_SOURCE: Rule = Rule {
    id: "balancer-hides-source",
    severity: Severity::Warning,
    title: "Behind a load balancer, nobody meets the relay connector",
    what: "A balancer that puts its own address in place of the client's hides who should relay: \
           all that come through it meet the connector that takes the balancer's address. Told of \
           balancers named with `--peer balancer:…`, where another connector on that binding is \
           for relaying.",
    who: "the applications that send through the balancer; limits per source count it as one client",
    sees: Sees {
        event: Some((
            1021,
            "Receive connector {connector} rejected an incoming connection from IP address {source}.",
        )),
        log: Some("the balancer's address, {source}, is all that is seen as a client"),
        ..NO_RELAY
    },
    mend: "let the balancer keep the client's address, or bind the relay connector to an address of \
           its own behind a virtual server of its own",
    sources: &[
        "the-little-things.net, 2014/08/23 (Receive connector tango, part 2)",
        "learn.microsoft.com/en-us/answers/questions/305565",
        "onprem.wtf, \"Exchange 2010 and MaxInboundConnectionPerSource\" (event 1021)",
    ],
};

pub(super) fn check(set: &Set<'_>, found: &mut Vec<Finding>) {
    for (kind, rule) in
        [(PeerKind::Gateway, &RELAY_COVERS_GATEWAY), (PeerKind::Balancer, &BALANCER_IN_RELAY_RANGE)]
    {
        let relays = |meeting: &Meeting<'_>| relays(set, meeting) && !is_apart(set, meeting);
        for (connector, taken) in Taken::find(set, kind, relays) {
            let name = &set.connectors[connector].name;
            let problem = format!("\"{name}\" lets {} relay", taken.names);
            let mend = powershell::narrow(set, connector, &taken.sources());
            found.push(
                Finding::new(rule, set, connector, "RemoteIPRanges", problem)
                    .sources(set, taken.sources())
                    .mend(mend),
            );
        }
    }
    hidden_sources(set, found);
}

fn relays(set: &Set<'_>, meeting: &Meeting<'_>) -> bool {
    let connector = meeting.meets.connector;
    set.is_relay(connector) && !set.is_internet(connector)
}

/// Whether a relay connector has local addresses of its own, and the source meets another one
/// elsewhere: it may well be behind a virtual server of its own.
fn is_apart(set: &Set<'_>, meeting: &Meeting<'_>) -> bool {
    let bindings = &set.connectors[meeting.meets.connector].bindings;
    let alone = bindings.iter().all(|binding| !binding.is_wildcard());
    alone
        && set
            .meetings(meeting.source)
            .any(|other| other.port == meeting.port && !relays(set, &other))
}

/// A relay connector that balancers miss.
#[derive(Default)]
struct Missed {
    met: Vec<usize>,
    sources: Vec<SourceAddress>,
    names: Vec<String>,
}

/// Relay connectors on the bindings where a balancer meets another one.
fn hidden_sources(set: &Set<'_>, found: &mut Vec<Finding>) {
    let mut hidden: BTreeMap<usize, Missed> = BTreeMap::new();
    for peer in set.peers_of(PeerKind::Balancer) {
        for source in &peer.addresses {
            let met: Vec<_> = set.meetings(*source).collect();
            for meeting in met.iter().filter(|meeting| !set.is_relay(meeting.meets.connector)) {
                let relays = set.enabled().map(|(i, _)| i).filter(|i| {
                    set.is_relay(*i)
                        && !set.is_internet(*i)
                        && set.is_bound(*i, meeting.local)
                        && !met.iter().any(|other| other.meets.connector == *i)
                });
                for relay in relays {
                    let missed = hidden.entry(relay).or_default();
                    missed.met.push(meeting.meets.connector);
                    if !missed.sources.contains(source) {
                        missed.sources.push(*source);
                        missed.names.push(format!("{} ({source})", peer.name));
                    }
                }
            }
        }
    }
    for (relay, Missed { met, sources, names }) in hidden {
        let (name, names) = (&set.connectors[relay].name, names.join(", "));
        let instead = &set.connectors[met[0]].name;
        let problem =
            format!("what comes through {names} meets \"{instead}\", and never \"{name}\"");
        found.push(
            Finding::new(&BALANCER_HIDES_SOURCE, set, relay, "Bindings", problem)
                .hits(format!("applications that send through {names}"))
                .others(met)
                .sources(set, sources.into_iter().collect())
                .mend(powershell::set(set, relay, "-Bindings <an address of its own>:25")),
        );
    }
}
