//! What other Exchange servers need: the mechanism, the group, the name.

use super::sees::{NO_EXCHANGE_AUTH, NOTHING, Queue, cannot_send_as};
use super::{Finding, PeerKind, Rule, Sees, Set, Severity, powershell};
use crate::connector::{AuthMechanism, PermissionGroups, Rights, Token};
use crate::smtp::reply;

pub(super) const EXCHANGE_AUTH_UNTICKED: Rule = Rule {
    id: "exchange-auth-unticked",
    severity: Severity::Error,
    title: "Exchange Server authentication is not ticked where Exchange servers should submit",
    what: "The group ExchangeServers is ticked, or the connector is one of the default set that has \
           it, but AuthMechanism has no ExchangeServer: a server cannot prove that it is one.",
    who: "every Exchange server that meets the connector",
    sees: NO_EXCHANGE_AUTH,
    mend: "tick Exchange Server authentication; on a connector that is not for servers, untick the \
           group ExchangeServers instead",
    sources: &[
        "KB 979175",
        "learn.microsoft.com, \"Receive connectors\"",
        "Set-ReceiveConnector, parameter AuthMechanism",
    ],
};

pub(super) const EXCHANGE_SERVERS_GROUP_REMOVED: Rule = Rule {
    id: "exchange-servers-group-removed",
    severity: Severity::Error,
    title: "Exchange servers prove themselves and may not submit",
    what: "AuthMechanism has ExchangeServer, and nothing gives the servers the right to submit: the \
           group ExchangeServers is not ticked. The proof succeeds and is of no use.",
    who: "every Exchange server that meets the connector",
    sees: Sees {
        replies: &[("X-EXPS, after the proof", |_| reply::CANNOT_ACHIEVE_EXCHANGE_AUTH)],
        queue: Some(Queue::Answer(|_| reply::CANNOT_ACHIEVE_EXCHANGE_AUTH)),
        event: Some((
            1018,
            "The account '{account}' provided valid credentials, but it does not have submit permissions on SMTP Receive connector '{connector}'; failing authentication.",
        )),
        ..NOTHING
    },
    mend: "tick the group ExchangeServers; on a connector that is not for servers, untick Exchange \
           Server authentication instead",
    sources: &["learn.microsoft.com, \"Receive connectors\"", "technet ff985427 (event 1018)"],
};

pub(super) const EXCHANGE_SERVERS_AS_USERS: Rule = Rule {
    id: "exchange-servers-as-users",
    severity: Severity::Error,
    title: "Exchange servers have the rights of users only",
    what: "AuthMechanism has ExchangeServer, and the group ExchangeServers is not ticked but \
           ExchangeUsers is: a server submits as a user, who may send as himself only, and whose \
           X-MS-Exchange headers are taken away.",
    who: "every Exchange server that meets the connector",
    sees: Sees {
        replies: &[("MAIL FROM:<somebody@contoso.test>", cannot_send_as)],
        more: Some("the senders get non-delivery reports with that text"),
        ..NOTHING
    },
    mend: "tick the group ExchangeServers",
    sources: &["learn.microsoft.com, \"Receive connectors\""],
};

pub(super) const X_ANONYMOUSTLS_SUPPRESSED: Rule = Rule {
    id: "x-anonymoustls-suppressed",
    severity: Severity::Note,
    title: "X-ANONYMOUSTLS is not offered",
    what: "SuppressXAnonymousTls is for links with WAN optimizers. It must go with \
           UseDowngradedExchangeServerAuth of Set-TransportService, which a connector does not \
           show; servers then talk in clear.",
    who: "Exchange servers that meet the connector",
    sees: Sees { lacks: &["X-ANONYMOUSTLS"], ..NOTHING },
    mend: "switch it off where there is no WAN optimizer",
    sources: &[
        "learn.microsoft.com, \"Configure Exchange to support WAN optimization controllers\" (2013 help)",
        "Set-ReceiveConnector, parameter SuppressXAnonymousTls",
    ],
};

pub(super) const FQDN_CHANGED: Rule = Rule {
    id: "fqdn-changed",
    severity: Severity::Error,
    title: "The Fqdn of a connector for Exchange servers was changed",
    what: "Where AuthMechanism has ExchangeServer, Fqdn must be the server's FQDN, its NetBIOS name, \
           or empty: other servers ask Kerberos for the name that they are shown. Mostly it was \
           changed to hide the server's name from the Internet.",
    who: "every Exchange server that meets the connector",
    sees: Sees {
        replies: &[("X-EXPS GSSAPI and a proof", |_| reply::TEMPORARY_AUTH_FAILURE)],
        queue: Some(Queue::Answer(|_| reply::TEMPORARY_AUTH_FAILURE)),
        more: Some("the cmdlet refuses to set it, and `expsd serve` to run it"),
        ..NOTHING
    },
    mend: "put the server's own name back; hide it with Banner, or with a connector of its own for \
           the Internet",
    sources: &[
        "Set-ReceiveConnector, parameter Fqdn",
        "unifiedpeople.ru/exchhelp.en, copy of the 2007 help on this error",
        "KB 979174",
    ],
};

pub(super) const FQDN_OF_ANOTHER_SERVER: Rule = Rule {
    id: "fqdn-of-another-server",
    severity: Severity::Error,
    title: "The connector calls itself by another server's name",
    what: "A server that is greeted with its own name takes the connection for a loop. Told of \
           servers named with `--peer`.",
    who: "the server of that name",
    sees: Sees {
        more: Some("the sender ends with `5.3.5 System incorrectly configured`"),
        ..NOTHING
    },
    mend: "give the connector a name of its own, or none",
    sources: &[
        "OfficeDocs-Exchange, non-delivery-reports-and-bounce-messages.md (5.3.5)",
        "Set-ReceiveConnector, parameter Fqdn",
    ],
};

pub(super) fn check(set: &Set<'_>, found: &mut Vec<Finding>) {
    for (i, connector) in set.enabled() {
        let name = &connector.name;
        let external = connector.auth_mechanism.contains(AuthMechanism::ExternalAuthoritative);
        let group = connector.permission_groups.contains(PermissionGroups::ExchangeServers);
        let offers = connector.offers_exchange_server();
        let had_it = set.by_default(i).is_some_and(|default| default.offers_exchange_server());
        if !offers && !external && (group || had_it) {
            let with = connector.auth_mechanism | AuthMechanism::ExchangeServer;
            let parameters = format!("-AuthMechanism {}", powershell::mechanisms(with));
            let problem = format!("\"{name}\" has no ExchangeServer in AuthMechanism");
            found.push(
                Finding::new(&EXCHANGE_AUTH_UNTICKED, set, i, "AuthMechanism", problem)
                    .mend(powershell::set(set, i, parameters)),
            );
        }
        if offers && !set.is_trusted(i) {
            let as_users = connector.rights(&Token::user()).contains(Rights::SUBMIT);
            let (rule, problem) = match as_users {
                true => (&EXCHANGE_SERVERS_AS_USERS, "takes Exchange servers as users"),
                false => (&EXCHANGE_SERVERS_GROUP_REMOVED, "gives Exchange servers no Submit"),
            };
            let groups = connector.permission_groups | PermissionGroups::ExchangeServers;
            let parameters = format!("-PermissionGroups {}", powershell::groups(groups));
            let account = format!("{}\\<the server>$", set.server.netbios_domain());
            found.push(
                Finding::new(rule, set, i, "PermissionGroups", format!("\"{name}\" {problem}"))
                    .naming(set, "account", account)
                    .mend(powershell::set(set, i, parameters)),
            );
        }
        if offers && connector.suppress_x_anonymous_tls {
            let problem = format!("\"{name}\" suppresses X-ANONYMOUSTLS");
            found.push(
                Finding::new(&X_ANONYMOUSTLS_SUPPRESSED, set, i, "SuppressXAnonymousTls", problem)
                    .mend(powershell::set(set, i, "-SuppressXAnonymousTls $false")),
            );
        }
        if let Some(fqdn) = connector.fqdn.as_deref().filter(|_| !offers) {
            let short = fqdn.split('.').next().unwrap_or(fqdn);
            let own = set.server.name.eq_ignore_ascii_case(short);
            let same = |name: &str| {
                name.eq_ignore_ascii_case(fqdn) || (!own && name.eq_ignore_ascii_case(short))
            };
            if let Some(peer) = set.peers_of(PeerKind::Exchange).find(|peer| same(&peer.name)) {
                let problem = format!("\"{name}\" calls itself {fqdn}, the name of {peer}");
                found.push(
                    Finding::new(&FQDN_OF_ANOTHER_SERVER, set, i, "Fqdn", problem)
                        .hits(peer.to_string())
                        .mend(powershell::set(set, i, "-Fqdn $null")),
                );
            }
        }
    }
}
