//! Connectors that take sources which others should have: Exchange servers, whole subnets,
//! gateways, balancers.

use std::collections::HashMap;

use super::addresses::private;
use super::powershell;
use super::sees::{NO_EXCHANGE_AUTH, OPEN_RELAY};
use super::set::Stretch;
use super::taken::{Meeting, Taken};
use super::{Finding, PeerKind, Rule, Sees, Set, Severity};
use crate::connector::{AuthMechanism, PermissionGroups};

/// So many addresses in one range are a subnet (our choice).
const SUBNET: u128 = 64;

pub(super) const RELAY_COVERS_EXCHANGE_SERVER: Rule = Rule {
    id: "relay-covers-exchange-server",
    severity: Severity::Error,
    title: "A relay connector takes another Exchange server",
    what: "The connector with the most specific range wins, before the peer has said a word, and \
           Exchange does not choose again. An Exchange server in the range of a connector without \
           Exchange Server authentication finds neither X-ANONYMOUSTLS nor X-EXPS, and keeps its \
           mail. Told of servers named with `--peer`; mail of the Internet and of clients goes on, \
           which makes it hard to see.",
    who: "the Exchange servers in the range; mail between servers, between sites, public folders",
    sees: NO_EXCHANGE_AUTH,
    mend: "take the servers' addresses out of RemoteIPRanges, or tick Exchange Server \
           authentication and the group ExchangeServers on that connector",
    sources: &[
        "KB 979175",
        "byronwright.blogspot.com, 2015/09 and 2013/06",
        "frankysweb.de, \"451 5.7.3 Cannot achieve Exchange Server Authentication\"",
    ],
};

pub(super) const RELAY_COVERS_SUBNET: Rule = Rule {
    id: "relay-covers-subnet",
    severity: Severity::Warning,
    title: "A relay connector covers a whole subnet",
    what: "The spam filter, the load balancer, Exchange servers and every desk in the subnet fall \
           into such a connector. Mail that the filter brings from the Internet is then taken with \
           the right to relay, and Exchange servers cannot prove themselves. Told of ranges of 64 \
           addresses or more.",
    who: "everybody in the subnet",
    sees: Sees {
        queue: NO_EXCHANGE_AUTH.queue,
        more: Some("with ExternalAuthoritative no anti-spam and no size limit either"),
        ..OPEN_RELAY
    },
    mend: "list the hosts one by one: rather too specific than too general",
    sources: &[
        "learn.microsoft.com, \"Allow anonymous relay on Exchange servers\"",
        "the-little-things.net, 2014/08/23 (Receive connector tango, part 2)",
        "the size is our choice",
    ],
};

pub(super) const RELAY_RANGE_SHADOWS_DEFAULT: Rule = Rule {
    id: "relay-range-shadows-default",
    severity: Severity::Warning,
    title: "A subnet is taken from the connector that Exchange servers use",
    what: "Nobody in the range of this connector can prove himself as an Exchange server, and the \
           range is so wide that servers are likely in it. Told of ranges of 64 private addresses \
           or more, while no `--peer` is given: with peers it is told exactly, as \
           relay-covers-exchange-server.",
    who: "an Exchange server whose address lies in the range",
    sees: NO_EXCHANGE_AUTH,
    mend: "list the hosts one by one",
    sources: &["KB 979175", "byronwright.blogspot.com, 2015/09", "the size is our choice"],
};

pub(super) const RANGE_MAY_HOLD_EXCHANGE_SERVER: Rule = Rule {
    id: "range-may-hold-exchange-server",
    severity: Severity::Note,
    title: "A range of this connector may hold an Exchange server",
    what: "A range from one address to another takes all that lies between from the connector that \
           Exchange servers use. Told of 2 to 63 private addresses, while no Exchange server is \
           known: name yours with `--peer`, and it is told exactly, as \
           relay-covers-exchange-server.",
    who: "an Exchange server whose address lies in the range",
    sees: NO_EXCHANGE_AUTH,
    mend: "list the hosts one by one, or name the Exchange servers with `--peer`",
    sources: &["byronwright.blogspot.com, 2015/09", "the sizes are our choice"],
};

pub(super) fn check(set: &Set<'_>, found: &mut Vec<Finding>) {
    exchange_servers(set, found);
    subnets(set, found);
}

fn exchange_servers(set: &Set<'_>, found: &mut Vec<Finding>) {
    let untrusted = |meeting: &Meeting<'_>| {
        !set.is_trusted(meeting.meets.connector) && meeting.meets.instead_of_trusted.is_some()
    };
    for (connector, taken) in Taken::find(set, PeerKind::Exchange, untrusted) {
        let of = &set.connectors[connector];
        let name = |other: &usize| format!("\"{}\"", set.connectors[*other].name);
        let from: Vec<_> = taken.others.iter().map(name).collect();
        let problem = format!(
            "\"{}\" takes {} from {}, and no Exchange server can prove itself there",
            of.name,
            taken.names,
            from.join(", ")
        );
        let sources = taken.sources();
        let mut finding =
            Finding::new(&RELAY_COVERS_EXCHANGE_SERVER, set, connector, "RemoteIPRanges", problem)
                .others(taken.others)
                .hits(taken.names)
                .mend(powershell::narrow(set, connector, &sources))
                .sources(set, sources);
        if !of.auth_mechanism.contains(AuthMechanism::ExternalAuthoritative) {
            let parameters = format!(
                "-AuthMechanism {} -PermissionGroups {}",
                powershell::mechanisms(of.auth_mechanism | AuthMechanism::ExchangeServer),
                powershell::groups(of.permission_groups | PermissionGroups::ExchangeServers),
            );
            finding = finding.or(powershell::set(set, connector, parameters));
        }
        found.push(finding);
    }
}

/// What can be said without knowing who lives at which address.
fn subnets(set: &Set<'_>, found: &mut Vec<Finding>) {
    let knows_servers = set.peers_of(PeerKind::Exchange).next().is_some();
    for (i, connector) in set.enabled() {
        let relays = set.is_relay(i);
        if set.is_trusted(i) || (relays && set.is_internet(i)) {
            continue;
        }
        // By range: whether it shadows a connector for Exchange servers, and what it wins.
        let mut ranges: HashMap<_, (bool, Vec<&Stretch<'_>>)> = HashMap::new();
        for stretch in set.won(i) {
            let Some(meets) = stretch.meets else { continue };
            let range = (meets.range.is_ipv6(), meets.range.low(), meets.range.high());
            let (shadows, stretches) = ranges.entry(range).or_default();
            *shadows |= meets.instead_of_trusted.is_some();
            stretches.push(stretch);
        }
        let mut told: [(&'static Rule, &str, Vec<&Stretch<'_>>); 3] = [
            (&RELAY_COVERS_SUBNET, "and lets them relay", Vec::new()),
            (
                &RELAY_RANGE_SHADOWS_DEFAULT,
                "and offers no Exchange Server authentication",
                Vec::new(),
            ),
            (
                &RANGE_MAY_HOLD_EXCHANGE_SERVER,
                "where an Exchange server cannot prove itself",
                Vec::new(),
            ),
        ];
        for (shadows, stretches) in ranges.into_values() {
            let Some(meets) = stretches.first().and_then(|stretch| stretch.meets) else { continue };
            let private = private(meets.range);
            let rule = if relays && meets.range.span() >= SUBNET - 1 {
                0
            } else if shadows && set.peers.is_empty() && private >= SUBNET {
                1
            } else if shadows && !knows_servers && (2..SUBNET).contains(&private) {
                2
            } else {
                continue;
            };
            told[rule].2.extend(stretches);
        }
        for (rule, what, stretches) in told.into_iter().filter(|(.., s)| !s.is_empty()) {
            let shadowed: Vec<_> = stretches
                .iter()
                .filter_map(|stretch| stretch.meets.and_then(|meets| meets.instead_of_trusted))
                .collect();
            let sources = Set::sources(stretches);
            let problem = format!("\"{}\" takes {sources}, {what}", connector.name);
            found.push(
                Finding::new(rule, set, i, "RemoteIPRanges", problem)
                    .others(shadowed)
                    .sources(set, sources)
                    .mend(powershell::set(set, i, "-RemoteIPRanges <the hosts, one by one>")),
            );
        }
    }
}
