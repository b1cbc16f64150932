//! Ranges that do not do what they were written for.

use super::sees::{NO_RELAY, NOTHING};
use super::taken::Meeting;
use super::{Addresses, Finding, PeerKind, Rule, Sees, Set, Severity, powershell};
use crate::connector::SourceAddress;

/// What Active Directory takes in one attribute, about (KB on the limit: 1,200 to 1,300).
const MOST_RANGES: usize = 1250;

pub(super) const IPV6_SOURCE_MISSES_RANGE: Rule = Rule {
    id: "ipv6-source-misses-range",
    severity: Severity::Warning,
    title: "Over IPv6 the client meets another connector",
    what: "IPv4 and IPv6 are separate: a connector with IPv4 ranges only takes no IPv6 source, even \
           if it listens on IPv6, and the client meets the default connector. A Windows host on the \
           same link comes from its link-local address before it thinks of IPv4. Told of connectors \
           that are bound to IPv6 and list IPv4 only, and of peers named with `--peer` whose IPv6 \
           address meets a connector that does not let them relay.",
    who: "clients that come over IPv6",
    sees: Sees {
        log: Some("the client comes from an IPv6 address, and the connector-id is {other}"),
        more: Some("the hello reply shows the IPv6 address: `Hello [fe80::cd8:6087:7b1e:99d4%11]`"),
        ..NO_RELAY
    },
    mend: "add the client's own IPv6 address to the ranges; Microsoft advises against taking \
           anonymous mail from unknown IPv6 addresses, so no wide range",
    sources: &[
        "ringingliberty.com, 2012/09/24",
        "unifiedpeople.ru/exchhelp.en, copy of the 2007 help on IPv6",
    ],
};

pub(super) const CONNECTOR_NEVER_MET: Rule = Rule {
    id: "connector-never-met",
    severity: Severity::Warning,
    title: "Nobody can meet this connector",
    what: "Every address of its ranges belongs to a more specific range of another connector on the \
           same binding, or its ranges are of another family than its bindings.",
    who: "the hosts that the connector was made for: they meet another one",
    sees: Sees { more: Some("the connector's name is in no row of the protocol log"), ..NOTHING },
    mend: "make its ranges narrower than the others, or remove it",
    sources: &["learn.microsoft.com, \"Receive connectors\"", "byronwright.blogspot.com, 2015/09"],
};

pub(super) const WILDCARD_BESIDE_ADDRESS: Rule = Rule {
    id: "wildcard-beside-address",
    severity: Severity::Note,
    title: "Only the binding tells two connectors apart, and one is bound to all addresses",
    what: "One connector is bound to all local addresses, another to one of them, and the best \
           range of both is the same. Which of the two is met there is not documented; expsd takes \
           the one that is bound to the address.",
    who: "clients that connect to that address",
    sees: Sees { log: Some("look which connector-id the rows of {source} have"), ..NOTHING },
    mend: "bind each connector to local addresses of its own",
    sources: &["OfficeDocs-Exchange, custom-receive-connectors.md"],
};

pub(super) const TOO_MANY_RANGES: Rule = Rule {
    id: "too-many-ranges",
    severity: Severity::Error,
    title: "More ranges than one connector can hold",
    what: "RemoteIPRanges is one attribute in Active Directory, which takes about 1,200 to 1,300 \
           entries. Told of more than 1,250.",
    who: "the administrator: the next entry cannot be added",
    sees: Sees {
        more: Some("the cmdlet says `The administrative limit for this request was exceeded.`"),
        ..NOTHING
    },
    mend: "join neighbouring addresses into ranges, or share them out among several connectors",
    sources: &["SupportArticles-docs, connector-remote-ip-address-limit-exceeded.md"],
};

pub(super) fn check(set: &Set<'_>, found: &mut Vec<Finding>) {
    for (i, connector) in set.enabled() {
        let ranges = connector.remote_ip_ranges.len();
        if ranges > MOST_RANGES {
            let problem = format!("\"{}\" has {ranges} entries in RemoteIPRanges", connector.name);
            found.push(Finding::new(&TOO_MANY_RANGES, set, i, "RemoteIPRanges", problem).mend(
                "Share the ranges out among connectors that are set up alike (New-ReceiveConnector)",
            ));
        }
        never_met(set, i, found);
        ipv6(set, i, found);
    }
    wildcards(set, found);
}

fn never_met(set: &Set<'_>, i: usize, found: &mut Vec<Finding>) {
    let connector = &set.connectors[i];
    let of_its_own = connector.bindings.iter().any(|binding| binding.port() == 0);
    let incomplete = connector.bindings.is_empty() || connector.remote_ip_ranges.is_empty();
    let conflict = |(_, broken): &(usize, crate::connector::Broken)| broken.conflict.is_some();
    let in_conflict = set.broken.iter().any(|b| b.0 == i && conflict(b));
    if of_its_own || incomplete || in_conflict || set.won(i).next().is_some() {
        return;
    }
    let (low, _) = Addresses::bounds(&connector.remote_ip_ranges[0]);
    let here = set.meetings(low).filter(|meeting| set.is_bound(i, meeting.local));
    let instead: Vec<usize> = here.map(|meeting| meeting.meets.connector).collect();
    let problem = match instead.first() {
        Some(other) => {
            let other = &set.connectors[*other].name;
            format!("nobody meets \"{}\": {low} for one meets \"{other}\"", connector.name)
        }
        None => format!(
            "nobody meets \"{}\": its bindings and its ranges are of different families",
            connector.name
        ),
    };
    found.push(
        Finding::new(&CONNECTOR_NEVER_MET, set, i, "RemoteIPRanges", problem)
            .others(instead)
            .sources(set, [low].into_iter().collect())
            .mend(powershell::set(set, i, "-RemoteIPRanges <narrower ranges>"))
            .or(powershell::remove(set, i)),
    );
}

fn ipv6(set: &Set<'_>, i: usize, found: &mut Vec<Finding>) {
    let connector = &set.connectors[i];
    let takes_ipv6 = connector.remote_ip_ranges.iter().any(|range| range.is_ipv6());
    if takes_ipv6 || set.won(i).next().is_none() {
        return;
    }
    let finding = |other: usize, sources: Addresses, problem: String| {
        Finding::new(&IPV6_SOURCE_MISSES_RANGE, set, i, "RemoteIPRanges", problem)
            .others([other])
            .naming(set, "other", set.server.identity(&set.connectors[other]))
            .sources(set, sources)
    };
    let (name, is_relay) = (&connector.name, set.is_relay(i));
    for peer in set.peers {
        let (v6, v4): (Vec<SourceAddress>, Vec<_>) =
            peer.addresses.iter().partition(|address| address.ip().is_ipv6());
        let meetings = |sources: Vec<SourceAddress>| {
            sources.into_iter().flat_map(|source| set.meetings(source))
        };
        let takes = meetings(v4).any(|meeting| meeting.meets.connector == i);
        let elsewhere =
            meetings(v6).find(|meeting| is_relay && !set.is_relay(meeting.meets.connector));
        if let Some(Meeting { source, meets, .. }) =
            elsewhere.filter(|_| takes && peer.kind != PeerKind::Exchange)
        {
            let other = meets.connector;
            let met = &set.connectors[other].name;
            let problem = format!(
                "\"{name}\" takes {} over IPv4 only: from {source} it meets \"{met}\"",
                peer.name
            );
            let parameters =
                format!("-RemoteIPRanges @{{Add={}}}", powershell::quote(&source.to_string()));
            let sources = [source].into_iter().collect();
            let finding = finding(other, sources, problem).hits(peer.to_string());
            found.push(finding.mend(powershell::set(set, i, parameters)));
            return;
        }
    }
    if !connector.bindings.iter().any(|binding| binding.ip().is_ipv6()) {
        return;
    }
    let deaf = set.stretches.iter().filter(|stretch| {
        stretch.first.ip().is_ipv6() && stretch.meets.is_some() && set.is_bound(i, stretch.local)
    });
    let deaf: Vec<_> = deaf.collect();
    let Some(other) = deaf.first().and_then(|stretch| stretch.meets).map(|m| m.connector) else {
        return;
    };
    let met = &set.connectors[other].name;
    let problem = format!(
        "\"{name}\" listens on IPv6 and takes no IPv6 source: such a client meets \"{met}\""
    );
    let parameters = "-RemoteIPRanges @{Add='<the client's IPv6 address>'}";
    found.push(
        finding(other, Set::sources(deaf), problem).mend(powershell::set(set, i, parameters)),
    );
}

/// Pairs of connectors of which one is met only because it is bound to one address.
fn wildcards(set: &Set<'_>, found: &mut Vec<Finding>) {
    let mut told = Vec::new();
    for stretch in &set.stretches {
        let Some(meets) = stretch.meets else { continue };
        if set.locals[stretch.local].binding.ip().is_unspecified() {
            continue;
        }
        let Some((other, range)) = set.meets_elsewhere(stretch.local, stretch.first) else {
            continue;
        };
        let equal = range.span() == meets.range.span();
        if other == meets.connector || !equal || told.contains(&(meets.connector, other)) {
            continue;
        }
        told.push((meets.connector, other));
        let (one, all) = (&set.connectors[meets.connector], &set.connectors[other]);
        let binding = set.locals[stretch.local].binding;
        let problem = format!(
            "\"{}\" is bound to {binding}, \"{}\" to all addresses, and both have the range {}",
            one.name, all.name, meets.range
        );
        let sources = [(stretch.first, stretch.last)].into_iter().collect();
        let parameters = "-Bindings <its own addresses, without the wildcard>";
        found.push(
            Finding::new(&WILDCARD_BESIDE_ADDRESS, set, meets.connector, "Bindings", problem)
                .others([other])
                .sources(set, sources)
                .mend(powershell::set(set, other, parameters)),
        );
    }
}
