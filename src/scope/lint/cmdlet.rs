//! What the cmdlets refuse to set, where a configuration or a dump has it all the same.

use super::sees::REFUSED;
use super::{Addresses, Finding, Rule, Sees, Set, Severity, exchange, powershell};
use crate::connector::{
    AuthMechanism, Broken, Conflict, PermissionGroups, Role, Rule as CmdletRule,
};
use crate::smtp::reply;

const SET: &str = "Set-ReceiveConnector";
const EVENT_1003: &str = "learn.microsoft.com, hh994900 (event 1003)";

/// A rule about parameters that do not fit together.
const fn refused(
    id: &'static str,
    title: &'static str,
    what: &'static str,
    mend: &'static str,
) -> Rule {
    Rule {
        id,
        severity: Severity::Error,
        title,
        what,
        who: "the administrator: the change is refused, and `expsd serve` does not start",
        sees: REFUSED,
        mend,
        sources: &[SET, EVENT_1003],
    }
}

pub(super) const NO_BINDING: Rule = refused(
    "no-binding",
    "The connector listens nowhere",
    "Bindings is empty.",
    "give it an address and a port",
);
pub(super) const NO_RANGE: Rule = refused(
    "no-range",
    "The connector takes nobody",
    "RemoteIPRanges is empty.",
    "give it the addresses that it is for",
);
pub(super) const BASIC_REQUIRE_TLS_ALONE: Rule = refused(
    "basic-require-tls-alone",
    "BasicAuthRequireTLS lacks its companions",
    "BasicAuthRequireTLS only says when BasicAuth is offered, and needs it and Tls beside it.",
    "add BasicAuth and Tls to AuthMechanism",
);
pub(super) const EXTERNAL_AUTHORITATIVE_MIXED: Rule = refused(
    "external-authoritative-mixed",
    "ExternalAuthoritative beside another mechanism",
    "A session that is taken as secured cannot prove itself as well: only Tls may stand beside \
     ExternalAuthoritative.",
    "choose ExternalAuthoritative or the other mechanisms",
);
pub(super) const EXTERNAL_AUTHORITATIVE_GROUP: Rule = refused(
    "external-authoritative-group",
    "ExternalAuthoritative without the group ExchangeServers alone",
    "Sessions are taken as MS Exchange\\Externally Secured Servers, who have their rights by the \
     group ExchangeServers; the cmdlet wants that group, and no other.",
    "set PermissionGroups to ExchangeServers",
);
pub(super) const REQUIRE_TLS_WITHOUT_TLS: Rule = refused(
    "require-tls-without-tls",
    "TLS is required and not offered",
    "RequireTLS needs Tls in AuthMechanism, or nobody could ever send mail.",
    "add Tls to AuthMechanism",
);
pub(super) const DOMAIN_SECURE_WITHOUT_TLS: Rule = refused(
    "domain-secure-without-tls",
    "Domain Security without TLS",
    "DomainSecureEnabled knows partners by their certificates: it needs Tls in AuthMechanism, and \
     has no meaning with ExternalAuthoritative.",
    "add Tls to AuthMechanism, or switch DomainSecureEnabled off",
);
pub(super) const BINARY_MIME_WITHOUT_CHUNKING: Rule = refused(
    "binary-mime-without-chunking",
    "BINARYMIME without CHUNKING",
    "A binary message can be sent with BDAT only (RFC 3030 §3).",
    "set ChunkingEnabled, or unset BinaryMimeEnabled",
);
pub(super) const INACTIVITY_TIMEOUT_TOO_LONG: Rule = refused(
    "inactivity-timeout-too-long",
    "The connection ends before it can be idle for too long",
    "ConnectionInactivityTimeout must be smaller than ConnectionTimeout.",
    "make one shorter or the other longer",
);
pub(super) const CAPABILITY_OF_ANOTHER_VERSION: Rule = refused(
    "capability-of-another-version",
    "TlsDomainCapabilities names what this version does not have",
    "AcceptOorgProtocol is of Exchange 2010, AcceptCloudServicesMail of 2013 and later.",
    "name the capability of the server's version, or none",
);
pub(super) const NOT_ON_EDGE: Rule = refused(
    "not-on-edge",
    "An Edge server does not have this",
    "SuppressXAnonymousTls and the group ExchangeLegacyServers do not exist on an Edge server.",
    "leave it out",
);
pub(super) const NO_FRONT_END: Rule = refused(
    "no-front-end",
    "There is no Front End Transport service here",
    "FrontendTransport exists on Mailbox servers of Exchange 2013 and later only.",
    "set TransportRole to HubTransport, or the version of the server right",
);
pub(super) const SAME_NAME: Rule = refused(
    "same-name",
    "Two connectors of one name",
    "A connector is known by its name, in any case of letters.",
    "rename one",
);

pub(super) const HUB_ROLE_ON_PORT_25: Rule = Rule {
    id: "hub-role-on-port-25",
    severity: Severity::Error,
    title: "A connector of the Transport service on the Front End's port 25",
    what: "On a server with both roles, a new connector of the role HubTransport on port 25 is an \
           easy slip. Two services then want one port: whichever starts second does not listen. \
           Trouble begins hours or days later, after a restart.",
    who: "every client of port 25, now and then",
    sees: Sees {
        replies: &[("connecting", |_| reply::SERVICE_NOT_AVAILABLE)],
        event: Some((1019, "Failed to start listening (Error: 10048). Binding: {binding}.")),
        more: Some("updates of Exchange stop with the cmdlet's conflict text"),
        ..REFUSED
    },
    mend: "give the connector the role FrontendTransport",
    sources: &[
        "KB 2958036",
        "exchangemaster.wordpress.com, 2014/01/24",
        "practical365.com, \"Exchange Server 2013 upgrade fails due to receive connector conflicts\"",
    ],
};
pub(super) const ROLE_CONFLICT: Rule = Rule {
    id: "role-conflict",
    title: "Two transport roles on one binding",
    what: "Connectors of different roles belong to different services, which cannot listen on one \
           address and port, whatever their ranges are.",
    who: "every client of that port, now and then",
    mend: "move one to another port or address, or give both one role",
    sources: &[
        SET,
        "practical365.com, \"Exchange Server 2013 upgrade fails due to receive connector conflicts\"",
        "learn.microsoft.com/en-us/answers/questions/223977",
    ],
    ..HUB_ROLE_ON_PORT_25
};
pub(super) const EQUAL_RANGES: Rule = Rule {
    id: "equal-ranges",
    title: "Two connectors with one range on one binding",
    what: "Connectors of one role on one binding must differ in their ranges, or nothing decides \
           between them.",
    who: "the sources in the range: which connector they meet is open",
    mend: "take the range out of one of the two",
    sources: &[SET, "learn.microsoft.com, \"Receive connectors\"", EVENT_1003],
    ..refused("", "", "", "")
};
pub(super) const OVERLAPPING_RANGES: Rule = Rule {
    id: "overlapping-ranges",
    title: "Ranges of two connectors overlap in part",
    what: "Of two ranges on one binding, one must lie completely inside the other. In the overlap \
           the smaller range decides, not the name or the age of the connector, as is often \
           believed.",
    who: "the sources in the overlap",
    mend: "end one range where the other begins",
    sources: &[SET, "learn.microsoft.com, \"Receive connectors\"", EVENT_1003],
    ..refused("", "", "", "")
};

pub(super) fn check(set: &Set<'_>, found: &mut Vec<Finding>) {
    found.extend(set.broken.iter().filter_map(|(i, broken)| match &broken.conflict {
        Some(conflict) => Some(conflicting(set, *i, broken, conflict)),
        None => single(set, *i, broken),
    }));
}

fn single(set: &Set<'_>, i: usize, broken: &Broken) -> Option<Finding> {
    let connector = &set.connectors[i];
    let auth = connector.auth_mechanism;
    let mechanisms = |auth| format!("-AuthMechanism {}", powershell::mechanisms(auth));
    let (rule, parameters) = match broken.rule {
        CmdletRule::NoBinding => (&NO_BINDING, "-Bindings 0.0.0.0:25".to_owned()),
        CmdletRule::NoRange => (&NO_RANGE, "-RemoteIPRanges <the hosts, one by one>".to_owned()),
        CmdletRule::BasicAuthRequireTls => {
            let companions = AuthMechanism::BasicAuth | AuthMechanism::Tls;
            (&BASIC_REQUIRE_TLS_ALONE, mechanisms(auth | companions))
        }
        CmdletRule::ExternalAuthoritativeAlone => {
            let external = AuthMechanism::ExternalAuthoritative;
            (&EXTERNAL_AUTHORITATIVE_MIXED, mechanisms(auth - external))
        }
        CmdletRule::ExternalAuthoritativeGroup => {
            // Told as the mixture of two recipes that it is.
            let anonymous = PermissionGroups::AnonymousUsers;
            if connector.enabled && connector.permission_groups.contains(anonymous) {
                return None;
            }
            (&EXTERNAL_AUTHORITATIVE_GROUP, "-PermissionGroups ExchangeServers".to_owned())
        }
        CmdletRule::RequireTls => (&REQUIRE_TLS_WITHOUT_TLS, mechanisms(auth | AuthMechanism::Tls)),
        CmdletRule::DomainSecure => {
            (&DOMAIN_SECURE_WITHOUT_TLS, "-DomainSecureEnabled $false".to_owned())
        }
        CmdletRule::BinaryMime => {
            (&BINARY_MIME_WITHOUT_CHUNKING, "-ChunkingEnabled $true".to_owned())
        }
        CmdletRule::InactivityTimeout => {
            let timeouts = "-ConnectionTimeout 00:10:00 -ConnectionInactivityTimeout 00:05:00";
            (&INACTIVITY_TIMEOUT_TOO_LONG, timeouts.to_owned())
        }
        CmdletRule::Capability => {
            (&CAPABILITY_OF_ANOTHER_VERSION, "-TlsDomainCapabilities $null".to_owned())
        }
        CmdletRule::Fqdn => (&exchange::FQDN_CHANGED, format!("-Fqdn {}", set.server.fqdn)),
        CmdletRule::NotOnEdge if broken.parameter == "PermissionGroups" => {
            let legacy = PermissionGroups::ExchangeLegacyServers;
            let groups = powershell::groups(connector.permission_groups - legacy);
            (&NOT_ON_EDGE, format!("-PermissionGroups {groups}"))
        }
        CmdletRule::NotOnEdge => (&NOT_ON_EDGE, "-SuppressXAnonymousTls $false".to_owned()),
        CmdletRule::NoFrontEnd => (&NO_FRONT_END, "-TransportRole HubTransport".to_owned()),
        // These come with a conflict.
        CmdletRule::SameName
        | CmdletRule::RoleConflict
        | CmdletRule::EqualRanges
        | CmdletRule::PartialOverlap => return None,
    };
    let problem = format!("\"{}\": {}", connector.name, broken.message);
    let command = powershell::set(set, i, parameters);
    Some(Finding::new(rule, set, i, broken.parameter, problem).mend(command))
}

fn conflicting(set: &Set<'_>, i: usize, broken: &Broken, conflict: &Conflict) -> Finding {
    let other = conflict.with;
    let problem = format!("\"{}\": {}", set.connectors[i].name, broken.message);
    match (broken.rule, &conflict.ranges) {
        (CmdletRule::RoleConflict, _) => roles(set, i, other),
        (rule, Some((mine, others))) => {
            let common = Addresses::common(mine, others);
            let rule = match rule {
                CmdletRule::EqualRanges => &EQUAL_RANGES,
                _ => &OVERLAPPING_RANGES,
            };
            let mend = powershell::narrow(set, i, &common);
            Finding::new(rule, set, i, broken.parameter, problem)
                .others([other])
                .hits(common.to_string())
                .sources(set, common)
                .mend(mend)
        }
        _ => Finding::new(&SAME_NAME, set, i, broken.parameter, problem)
            .others([other])
            .mend(powershell::set(set, i, "-Name <another name>")),
    }
}

/// The one to mend is that of the Transport service, where they meet on port 25.
fn roles(set: &Set<'_>, i: usize, other: usize) -> Finding {
    let role = |i: usize| set.server.role_of(&set.connectors[i]);
    let shared = set.connectors[i]
        .bindings
        .iter()
        .find(|mine| set.connectors[other].bindings.iter().any(|theirs| theirs.accepts(mine.0)));
    let port = shared.map_or(0, |binding| binding.port());
    let (rule, i, other) = match (port, role(i)) {
        (25, Role::Hub) => (&HUB_ROLE_ON_PORT_25, i, other),
        (25, Role::FrontEnd) => (&HUB_ROLE_ON_PORT_25, other, i),
        _ => (&ROLE_CONFLICT, i, other),
    };
    let (mine, theirs) = (&set.connectors[i], &set.connectors[other]);
    let problem = format!(
        "\"{}\" ({}) and \"{}\" ({}) both want port {port}",
        mine.name, mine.transport_role, theirs.name, theirs.transport_role
    );
    let parameters = match rule == &HUB_ROLE_ON_PORT_25 {
        true => "-TransportRole FrontendTransport".to_owned(),
        false => "-Bindings <another address or port>".to_owned(),
    };
    let binding = shared.map_or(String::new(), ToString::to_string);
    Finding::new(rule, set, i, "TransportRole", problem)
        .others([other])
        .naming(set, "binding", binding)
        .mend(powershell::set(set, i, parameters))
}
