//! Users who log on: mechanisms without a group, groups without a mechanism, and rights that
//! another service judges again.

use super::sees::{NOTHING, cannot_send_as};
use super::set::token_of;
use super::{Finding, Rule, Sees, Set, Severity, powershell};
use crate::connector::{
    AuthMechanism, PermissionGroups, Principal, ReceiveConnector, Rights, Role, Token, Version,
};
use crate::smtp::reply;

pub(super) const RIGHT_ON_FRONTEND_ONLY: Rule = Rule {
    id: "right-on-frontend-only",
    severity: Severity::Warning,
    title: "A right was given on a Front End connector only",
    what: "The session of somebody who logged on is proxied to the Transport service and judged \
           there again, on a connector of the role HubTransport. A right to another sender that was \
           given on the Front End alone does not last: the envelope passes, the message does not.",
    who: "the account or group that the right was given to",
    sees: Sees { replies: &[("the end of data", cannot_send_as)], ..NOTHING },
    mend: "give the same right on the connector of the Transport service; which one it is, is not \
           documented (Client Proxy most likely)",
    sources: &["geekswithblogs.net, \"Authenticated SMTP relaying in Exchange 2013\""],
};

pub(super) const USERS_CANNOT_LOG_ON: Rule = Rule {
    id: "users-cannot-log-on",
    severity: Severity::Warning,
    title: "Users may submit, and have no way to log on",
    what: "The group ExchangeUsers is ticked, and AuthMechanism has neither BasicAuth nor \
           Integrated, so no client can log on.",
    who: "users and applications with an account",
    sees: Sees { replies: &[("AUTH LOGIN", |_| reply::UNRECOGNIZED_AUTH_TYPE)], ..NOTHING },
    mend: "tick Integrated, or BasicAuth with BasicAuthRequireTLS and Tls; or untick ExchangeUsers",
    sources: &["learn.microsoft.com, \"Receive connectors\""],
};

pub(super) const LOGON_WITHOUT_SUBMIT: Rule = Rule {
    id: "logon-without-submit",
    severity: Severity::Note,
    title: "Clients can log on, and may not submit then",
    what: "AuthMechanism has BasicAuth or Integrated, and nobody who logs on has the right to \
           submit: ExchangeUsers is not ticked. The logon fails although the password is right, and \
           what anonymous peers may do there does not help.",
    who: "clients that log on there because they can",
    sees: Sees {
        replies: &[("AUTH, with the right password", |_| reply::AUTH_UNSUCCESSFUL)],
        event: Some((
            1018,
            "The account '{account}' provided valid credentials, but it does not have submit permissions on SMTP Receive connector '{connector}'; failing authentication.",
        )),
        ..NOTHING
    },
    mend: "tick ExchangeUsers, or untick BasicAuth and Integrated",
    sources: &["learn.microsoft.com, \"Receive connectors\"", "technet ff985427 (event 1018)"],
};

pub(super) const BASIC_IN_CLEAR: Rule = Rule {
    id: "basic-in-clear",
    severity: Severity::Warning,
    title: "Passwords may be sent in clear",
    what: "BasicAuth without BasicAuthRequireTLS offers AUTH LOGIN before TLS, where anybody on the \
           way reads the password.",
    who: "users and applications that log on",
    sees: Sees {
        replies: &[("AUTH LOGIN, in clear", |_| reply::continue_auth("VXNlcm5hbWU6"))],
        ..NOTHING
    },
    mend: "tick BasicAuthRequireTLS",
    sources: &["Set-ReceiveConnector, parameter AuthMechanism"],
};

pub(super) const BASIC_WITHOUT_ANONYMOUS: Rule = Rule {
    id: "basic-without-anonymous",
    severity: Severity::Note,
    title: "All mail of this connector goes to one Mailbox server",
    what: "A Front End connector with BasicAuth and without the group AnonymousUsers proxies its \
           mail to the server that holds the mailbox of whoever logged on, or the arbitration \
           mailbox: the load is spread unevenly. The default connectors do so too, which is not \
           told.",
    who: "the Mailbox server that gets it all",
    sees: Sees { log: Some("the proxied sessions of {identity} all go to one server"), ..NOTHING },
    mend: "tick AnonymousUsers where the connector is scoped to known hosts",
    sources: &["KB 3195087"],
};

pub(super) const KERBEROS_ON_CLIENT_FRONTEND: Rule = Rule {
    id: "kerberos-on-client-frontend",
    severity: Severity::Warning,
    title: "Kerberos fails on a Front End of 2013",
    what: "EnableAuthGSSAPI with Integrated offers AUTH GSSAPI, which a Front End of Exchange 2013 \
           cannot use. The default Client Frontend has it all the same, which is not told.",
    who: "clients that prefer Kerberos",
    sees: Sees {
        event: Some((
            1035,
            "Inbound authentication failed with error IllegalMessage for Receive connector {connector}. The authentication mechanism is Gssapi.",
        )),
        ..NOTHING
    },
    mend: "switch EnableAuthGSSAPI off, or untick Integrated as the release notes say",
    sources: &["learn.microsoft.com, \"Release notes for Exchange 2013\""],
};

pub(super) fn check(set: &Set<'_>, found: &mut Vec<Finding>) {
    for (i, connector) in set.enabled() {
        let by_default = |so: fn(&ReceiveConnector) -> bool| set.by_default(i).is_some_and(so);
        let name = &connector.name;
        let auth = connector.auth_mechanism;
        let logon = takes_logon(connector);
        let users = connector.permission_groups.contains(PermissionGroups::ExchangeUsers);
        let external = auth.contains(AuthMechanism::ExternalAuthoritative);
        if users && !logon && !external {
            let with = auth | AuthMechanism::Tls | AuthMechanism::Integrated;
            let parameters = format!("-AuthMechanism {}", powershell::mechanisms(with));
            let problem = format!("\"{name}\" is for users, and offers no AUTH");
            found.push(
                Finding::new(&USERS_CANNOT_LOG_ON, set, i, "AuthMechanism", problem)
                    .mend(powershell::set(set, i, parameters)),
            );
        }
        if !external && logs_on_in_vain(connector) && !by_default(logs_on_in_vain) {
            let groups = connector.permission_groups | PermissionGroups::ExchangeUsers;
            let parameters = format!("-PermissionGroups {}", powershell::groups(groups));
            let problem = format!("\"{name}\" offers AUTH, and nobody may submit after it");
            let account = format!("{}\\<the user>", set.server.netbios_domain());
            found.push(
                Finding::new(&LOGON_WITHOUT_SUBMIT, set, i, "PermissionGroups", problem)
                    .naming(set, "account", account)
                    .mend(powershell::set(set, i, parameters)),
            );
        }
        if auth.contains(AuthMechanism::BasicAuth)
            && !auth.contains(AuthMechanism::BasicAuthRequireTLS)
        {
            let with = auth | AuthMechanism::BasicAuthRequireTLS | AuthMechanism::Tls;
            let parameters = format!("-AuthMechanism {}", powershell::mechanisms(with));
            let problem = format!("\"{name}\" takes passwords in clear");
            found.push(
                Finding::new(&BASIC_IN_CLEAR, set, i, "AuthMechanism", problem)
                    .mend(powershell::set(set, i, parameters)),
            );
        }
        if set.is_front_end(i) {
            front_end(set, i, found);
        }
    }
}

fn front_end(set: &Set<'_>, i: usize, found: &mut Vec<Finding>) {
    let connector = &set.connectors[i];
    let name = &connector.name;
    let by_default = |so: fn(&ReceiveConnector) -> bool| set.by_default(i).is_some_and(so);
    if basic_without_anonymous(connector) && !by_default(basic_without_anonymous) {
        let groups = connector.permission_groups | PermissionGroups::AnonymousUsers;
        let parameters = format!("-PermissionGroups {}", powershell::groups(groups));
        let problem = format!("\"{name}\" has BasicAuth, and AnonymousUsers is not ticked");
        found.push(
            Finding::new(&BASIC_WITHOUT_ANONYMOUS, set, i, "PermissionGroups", problem)
                .mend(powershell::set(set, i, parameters)),
        );
    }
    if set.server.version == Version::E2013
        && takes_kerberos(connector)
        && !by_default(takes_kerberos)
    {
        let problem = format!("\"{name}\" offers AUTH GSSAPI");
        found.push(
            Finding::new(&KERBEROS_ON_CLIENT_FRONTEND, set, i, "EnableAuthGSSAPI", problem)
                .mend(powershell::set(set, i, "-EnableAuthGSSAPI $false")),
        );
    }
    let hubs: Vec<usize> = set
        .enabled()
        .map(|(hub, _)| hub)
        .filter(|hub| set.server.role_of(&set.connectors[*hub]) == Role::Hub)
        .collect();
    let senders = Rights::ACCEPT_ANY_SENDER | Rights::ACCEPT_AUTHORITATIVE_DOMAIN_SENDER;
    for ace in connector.ad_permissions.iter().filter(|ace| !ace.deny) {
        let (Some(token), rights) = (token_of(&ace.user), ace.rights & senders) else { continue };
        let lasts = |hub: &&usize| set.connectors[**hub].rights(&token).contains(rights);
        let Some(hub) = hubs.first().filter(|_| !rights.is_empty()) else { continue };
        if hubs.iter().any(|hub| lasts(&hub)) {
            continue;
        }
        let rights_named: Vec<_> = rights.ad_names().collect();
        let problem = format!(
            "\"{name}\" gives {} {}, and no connector of the Transport service does",
            ace.user,
            rights_named.join(" and ")
        );
        let proxy = hubs.iter().find(|hub| {
            let name = set.connectors[**hub].name.to_ascii_lowercase();
            name.starts_with("client proxy")
        });
        let command = powershell::grant(set, *proxy.unwrap_or(hub), &ace.user, rights);
        found.push(
            Finding::new(&RIGHT_ON_FRONTEND_ONLY, set, i, "PermissionGroups", problem)
                .hits(ace.user.to_string())
                .others(hubs.iter().copied())
                .mend(command),
        );
    }
}

fn takes_logon(connector: &ReceiveConnector) -> bool {
    connector.auth_mechanism.intersects(AuthMechanism::BasicAuth | AuthMechanism::Integrated)
}

/// Nobody who logs on may submit, not by a group, and not by a right given by hand.
fn logs_on_in_vain(connector: &ReceiveConnector) -> bool {
    let by_hand = connector.ad_permissions.iter().any(|ace| {
        !ace.deny && ace.user != Principal::Anonymous && ace.rights.contains(Rights::SUBMIT)
    });
    let may = connector.rights(&Token::user()).contains(Rights::SUBMIT);
    takes_logon(connector) && !may && !by_hand
}

fn basic_without_anonymous(connector: &ReceiveConnector) -> bool {
    let anonymous = connector.permission_groups.contains(PermissionGroups::AnonymousUsers);
    connector.auth_mechanism.contains(AuthMechanism::BasicAuth) && !anonymous
}

fn takes_kerberos(connector: &ReceiveConnector) -> bool {
    connector.auth_mechanism.contains(AuthMechanism::Integrated) && connector.enable_auth_gssapi
}
