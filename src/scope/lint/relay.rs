//! Who may relay, and with which rights: the two recipes for relaying, and how they go wrong.

use super::sees::{NO_RELAY, NOTHING, OPEN_RELAY, not_authenticated};
use super::set::unproved;
use super::{Finding, Rule, Sees, Set, Severity, powershell};
use crate::connector::{AuthMechanism, PermissionGroups, Principal, ReceiveConnector, Rights};

pub(super) const ANONYMOUS_ON_DEFAULT_IS_OPEN_RELAY: Rule = Rule {
    id: "anonymous-on-default-is-open-relay",
    severity: Severity::Error,
    title: "Anonymous peers of the whole Internet may relay",
    what: "ms-Exch-SMTP-Accept-Any-Recipient was given to anonymous peers on a connector that takes \
           all addresses, mostly because one application was told that it may not relay. It makes \
           an open relay. `PermissionGroups` shows it only as `Custom`.",
    who: "everybody: spam goes through the server, which ends on block lists",
    sees: OPEN_RELAY,
    mend: "take the right away again, and make a connector of its own for the application's address",
    sources: &[
        "learn.microsoft.com, \"Allow anonymous relay on Exchange servers\"",
        "learn.microsoft.com/en-us/answers/questions/305565",
    ],
};

pub(super) const EXTERNALLY_SECURED_OPEN_RELAY: Rule = Rule {
    id: "externally-secured-open-relay",
    severity: Severity::Error,
    title: "The whole Internet is taken as externally secured",
    what: "ExternalAuthoritative takes every session as one of MS Exchange\\Externally Secured \
           Servers: any recipient, any sender, no anti-spam, no size limit, and the sender counts as \
           one of the organisation. On a connector that takes all addresses it is a silent open \
           relay.",
    who: "everybody: strangers relay, and their mail seems to come from inside",
    sees: OPEN_RELAY,
    mend: "scope the connector to the hosts that it is for, or untick ExternalAuthoritative",
    sources: &[
        "learn.microsoft.com, \"Allow anonymous relay on Exchange servers\"",
        "learn.microsoft.com, \"Receive connectors\"",
    ],
};

pub(super) const ANONYMOUS_AND_EXTERNAL: Rule = Rule {
    id: "anonymous-and-external",
    severity: Severity::Error,
    title: "Both recipes for relaying on one connector",
    what: "Relaying is allowed either to anonymous peers, by the right to any recipient, or by \
           ExternalAuthoritative with the group ExchangeServers, and never by both. With \
           ExternalAuthoritative no session stays anonymous, so rights of anonymous peers do \
           nothing; and the cmdlet refuses the group AnonymousUsers beside it.",
    who: "whoever reads the connector: it gives more than its anonymous rights tell",
    sees: Sees {
        more: Some(
            "every session is taken as externally secured; the group AnonymousUsers is refused by the cmdlet, and `expsd serve` does not run it",
        ),
        ..NOTHING
    },
    mend: "choose one: take ExternalAuthoritative away, or what was given to anonymous peers",
    sources: &[
        "learn.microsoft.com, \"Allow anonymous relay on Exchange servers\"",
        "Set-ReceiveConnector, parameters AuthMechanism and PermissionGroups",
    ],
};

pub(super) const ANONYMOUS_GROUP_MISSING: Rule = Rule {
    id: "anonymous-group-missing",
    severity: Severity::Error,
    title: "Anonymous peers may relay, but not submit",
    what: "The right to any recipient was given to anonymous peers by hand, and the group \
           AnonymousUsers, which brings the right to submit, is not ticked: the first half of the \
           recipe is missing.",
    who: "the applications that the connector was made for",
    sees: Sees { replies: &[("MAIL FROM:<app@contoso.test>", not_authenticated)], ..NOTHING },
    mend: "tick AnonymousUsers",
    sources: &[
        "learn.microsoft.com, \"Allow anonymous relay on Exchange servers\"",
        "learn.microsoft.com, \"Receive connectors\"",
    ],
};

pub(super) const ANONYMOUS_TRUSTED_HEADERS: Rule = Rule {
    id: "anonymous-trusted-headers",
    severity: Severity::Warning,
    title: "Headers of strangers are believed",
    what: "With ms-Exch-Accept-Headers-Organization or -Forest, given to anonymous peers by hand, \
           the header firewall keeps X-MS-Exchange-Organization and -Forest headers that a stranger \
           wrote: a spam confidence level, or that the sender was authenticated.",
    who: "the recipients: forged mail passes as internal",
    sees: Sees {
        more: Some(
            "nothing on the wire; a message keeps the X-MS-Exchange-Organization headers that it came with",
        ),
        ..NOTHING
    },
    mend: "take the right away again",
    sources: &["learn.microsoft.com, \"Header firewall\" (2013 help)"],
};

pub(super) const HOST_LOSES_RELAY: Rule = Rule {
    id: "host-loses-relay",
    severity: Severity::Note,
    title: "A host is taken out of a relay connector by a narrower range",
    what: "Neither name nor age of a connector decides, but the size of the range. A host that is \
           added to a narrower connector, for a test perhaps, loses the right to relay that a wider \
           one gave it.",
    who: "the hosts in the narrower range",
    sees: NO_RELAY,
    mend: "take the host out of the narrower range, unless it is meant",
    sources: &["learn.microsoft.com, \"Receive connectors\"", "byronwright.blogspot.com, 2015/09"],
};

pub(super) fn check(set: &Set<'_>, found: &mut Vec<Finding>) {
    for (i, connector) in set.enabled() {
        let external = connector.auth_mechanism.contains(AuthMechanism::ExternalAuthoritative);
        let by_hand = anonymous_by_hand(connector);
        if external {
            externally_secured(set, i, by_hand, found);
        } else {
            anonymous(set, i, by_hand, found);
        }
        let headers = Rights::ACCEPT_HEADERS_ORGANIZATION | Rights::ACCEPT_HEADERS_FOREST;
        if !external && unproved(connector).intersects(headers) {
            let problem = format!(
                "\"{}\" keeps the organization and forest headers of anonymous peers",
                connector.name
            );
            found.push(
                Finding::new(&ANONYMOUS_TRUSTED_HEADERS, set, i, "PermissionGroups", problem)
                    .commands(powershell::revoke(set, i, &Principal::Anonymous, headers)),
            );
        }
        losses(set, i, found);
    }
}

/// What was given to anonymous peers with Add-ADPermission.
fn anonymous_by_hand(connector: &ReceiveConnector) -> Rights {
    let given = connector.ad_permissions.iter().filter(|ace| !ace.deny && !ace.inherited);
    let anonymous = given.filter(|ace| ace.user == Principal::Anonymous);
    anonymous.fold(Rights::empty(), |all, ace| all | ace.rights)
}

fn externally_secured(set: &Set<'_>, i: usize, by_hand: Rights, found: &mut Vec<Finding>) {
    let connector = &set.connectors[i];
    let name = &connector.name;
    if set.is_relay(i) && set.is_internet(i) {
        let problem = format!("\"{name}\" takes everybody as externally secured");
        found.push(
            Finding::new(&EXTERNALLY_SECURED_OPEN_RELAY, set, i, "RemoteIPRanges", problem)
                .mend(powershell::set(set, i, "-RemoteIPRanges <the hosts, one by one>")),
        );
    }
    let group = connector.permission_groups.contains(PermissionGroups::AnonymousUsers);
    if !group && by_hand.is_empty() {
        return;
    }
    let problem =
        format!("\"{name}\" is ExternalAuthoritative, and gives rights to anonymous peers");
    let parameter = if group { "PermissionGroups" } else { "AuthMechanism" };
    let finding = Finding::new(&ANONYMOUS_AND_EXTERNAL, set, i, parameter, problem);
    let finding = match group {
        true => finding.mend(powershell::set(set, i, "-PermissionGroups ExchangeServers")),
        false => finding.commands(powershell::revoke(set, i, &Principal::Anonymous, by_hand)),
    };
    let parameters = "-AuthMechanism Tls -PermissionGroups AnonymousUsers";
    found.push(finding.or(powershell::set(set, i, parameters)));
}

fn anonymous(set: &Set<'_>, i: usize, by_hand: Rights, found: &mut Vec<Finding>) {
    let connector = &set.connectors[i];
    let name = &connector.name;
    if set.is_relay(i) && set.is_internet(i) {
        let problem = format!("\"{name}\" lets anonymous peers of the whole Internet relay");
        let right = Rights::ACCEPT_ANY_RECIPIENT;
        let rule = &ANONYMOUS_ON_DEFAULT_IS_OPEN_RELAY;
        found.push(
            Finding::new(rule, set, i, "PermissionGroups", problem)
                .commands(powershell::revoke(set, i, &Principal::Anonymous, right))
                .commands(powershell::new_relay(set)),
        );
    }
    let may_submit = unproved(connector).contains(Rights::SUBMIT);
    if by_hand.contains(Rights::ACCEPT_ANY_RECIPIENT) && !may_submit {
        let problem = format!("\"{name}\" gives anonymous peers any recipient, and no Submit");
        let groups = connector.permission_groups | PermissionGroups::AnonymousUsers;
        let parameters = format!("-PermissionGroups {}", powershell::groups(groups));
        found.push(
            Finding::new(&ANONYMOUS_GROUP_MISSING, set, i, "PermissionGroups", problem)
                .mend(powershell::set(set, i, parameters)),
        );
    }
}

fn losses(set: &Set<'_>, i: usize, found: &mut Vec<Finding>) {
    if set.is_relay(i) || set.is_trusted(i) {
        return;
    }
    let wider = |stretch: &&super::set::Stretch<'_>| {
        let relay = stretch.meets.and_then(|meets| meets.instead_of_relay);
        relay.is_some_and(|relay| !set.is_internet(relay))
    };
    let lost: Vec<_> = set.won(i).filter(wider).collect();
    let Some(relay) = lost.first().and_then(|s| s.meets).and_then(|m| m.instead_of_relay) else {
        return;
    };
    let sources = Set::sources(lost);
    let problem = format!(
        "\"{}\" takes {sources} from \"{}\", where they could relay",
        set.connectors[i].name, set.connectors[relay].name
    );
    let mend = powershell::narrow(set, i, &sources);
    found.push(
        Finding::new(&HOST_LOSES_RELAY, set, i, "RemoteIPRanges", problem)
            .others([relay])
            .sources(set, sources)
            .mend(mend),
    );
}
