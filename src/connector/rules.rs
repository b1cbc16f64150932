//! What a connector, and a set of connectors, must keep to. Exchange's cmdlets refuse what
//! breaks these; so does expsd when it loads a set.

use std::net::SocketAddr;

use super::{
    AuthMechanism, IpRange, PermissionGroups, ReceiveConnector, Server, ServerRole, TransportRole,
};

/// A rule that is broken, and the parameter to mend.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Broken {
    pub parameter: &'static str,
    pub message: String,
}

/// The rules that one connector breaks (Set-ReceiveConnector, parameters AuthMechanism,
/// RequireTLS, DomainSecureEnabled, Fqdn, BinaryMimeEnabled, ConnectionInactivityTimeout).
pub fn broken_rules(connector: &ReceiveConnector, server: &Server) -> Vec<Broken> {
    let auth = connector.auth_mechanism;
    let mut broken = Vec::new();
    let mut rule = |keeps: bool, parameter, message: &str| {
        if !keeps {
            broken.push(Broken { parameter, message: message.to_owned() });
        }
    };
    rule(!connector.bindings.is_empty(), "Bindings", "a connector needs at least one binding");
    rule(
        !connector.remote_ip_ranges.is_empty(),
        "RemoteIPRanges",
        "a connector needs at least one range",
    );
    let basic_and_tls = AuthMechanism::BasicAuth | AuthMechanism::Tls;
    rule(
        !auth.contains(AuthMechanism::BasicAuthRequireTLS) || auth.contains(basic_and_tls),
        "AuthMechanism",
        "BasicAuthRequireTLS needs BasicAuth and Tls beside it",
    );
    let external = auth.contains(AuthMechanism::ExternalAuthoritative);
    rule(
        !external || (auth - AuthMechanism::Tls) == AuthMechanism::ExternalAuthoritative,
        "AuthMechanism",
        "ExternalAuthoritative may have only Tls beside it",
    );
    rule(
        !external
            || connector.permission_groups - PermissionGroups::Custom
                == PermissionGroups::ExchangeServers,
        "PermissionGroups",
        "ExternalAuthoritative needs PermissionGroups to be ExchangeServers",
    );
    let tls = auth.contains(AuthMechanism::Tls);
    rule(!connector.require_tls || tls, "RequireTLS", "RequireTLS needs Tls in AuthMechanism");
    rule(
        !connector.domain_secure_enabled || (tls && !external),
        "DomainSecureEnabled",
        "DomainSecureEnabled needs Tls in AuthMechanism, and not ExternalAuthoritative",
    );
    rule(
        !connector.binary_mime_enabled || connector.chunking_enabled,
        "BinaryMimeEnabled",
        "BinaryMimeEnabled needs ChunkingEnabled",
    );
    rule(
        connector.connection_inactivity_timeout < connector.connection_timeout,
        "ConnectionInactivityTimeout",
        "ConnectionInactivityTimeout must be smaller than ConnectionTimeout",
    );
    let own_name = connector.fqdn.as_deref().is_none_or(|fqdn| {
        fqdn.eq_ignore_ascii_case(&server.fqdn) || fqdn.eq_ignore_ascii_case(&server.name)
    });
    rule(
        !connector.offers_exchange_server() || own_name,
        "Fqdn",
        &format!(
            "When the AuthMechanism parameter on a Receive connector is set to the value \
             ExchangeServer, you must set the FQDN parameter on the Receive connector to one of \
             the following values: the FQDN of the transport server \"{}\", the NetBios name of \
             the transport server \"{}\", or $null.",
            server.fqdn, server.name
        ),
    );
    let edge = server.role == ServerRole::Edge;
    rule(
        !edge || !connector.suppress_x_anonymous_tls,
        "SuppressXAnonymousTls",
        "SuppressXAnonymousTls does not exist on an Edge server",
    );
    rule(
        !edge || !connector.permission_groups.contains(PermissionGroups::ExchangeLegacyServers),
        "PermissionGroups",
        "ExchangeLegacyServers does not exist on an Edge server",
    );
    let front_end = connector.transport_role == TransportRole::FrontendTransport;
    rule(
        !front_end || (server.version.has_front_end() && server.role == ServerRole::Mailbox),
        "TransportRole",
        "FrontendTransport exists on Mailbox servers of 2013 and later only",
    );
    broken
}

/// Pairs of connectors that cannot stand side by side: the index of the later one,
/// and what it breaks. The wording for two roles is the cmdlet's; for one role it is ours.
pub fn conflicts(connectors: &[ReceiveConnector], server: &Server) -> Vec<(usize, Broken)> {
    let mut found = Vec::new();
    for (j, later) in connectors.iter().enumerate() {
        for earlier in &connectors[..j] {
            if later.name.eq_ignore_ascii_case(&earlier.name) {
                let message = format!("another connector is called \"{}\" already", earlier.name);
                found.push((j, Broken { parameter: "Name", message }));
            }
            if !earlier.enabled || !later.enabled || !share_a_binding(earlier, later) {
                continue;
            }
            let identity = server.identity(earlier);
            if server.role_of(earlier) != server.role_of(later) {
                let message = format!(
                    "The values that you specified for the Bindings and RemoteIPRanges parameters \
                     conflict with the settings on Receive connector \"{identity}\". Receive \
                     connectors assigned to different Transport roles on a single server must \
                     listen on unique local IP address & port bindings."
                );
                found.push((j, Broken { parameter: "Bindings", message }));
            } else if same_binding(earlier, later)
                && let Some((mine, theirs, how)) = clash(later, earlier)
            {
                let message = format!(
                    "{mine} {how} {theirs} of \"{identity}\" on the same binding; of two ranges \
                     one must lie completely inside the other, and be smaller"
                );
                found.push((j, Broken { parameter: "RemoteIPRanges", message }));
            }
        }
    }
    found
}

/// Two connectors on one local address and port, where a wildcard is all addresses.
fn share_a_binding(a: &ReceiveConnector, b: &ReceiveConnector) -> bool {
    let fixed = |address: SocketAddr| address.port() != 0;
    a.bindings.iter().any(|x| fixed(x.0) && b.bindings.iter().any(|y| y.accepts(x.0)))
}

/// Two connectors with a binding that is the same in every respect.
fn same_binding(a: &ReceiveConnector, b: &ReceiveConnector) -> bool {
    a.bindings.iter().any(|x| x.port() != 0 && b.bindings.contains(x))
}

/// The first ranges of two connectors that are equal or overlap only in part.
///
/// Both lists are walked in order of their lower bounds, so the cost is that of sorting.
fn clash<'a>(
    a: &'a ReceiveConnector,
    b: &'a ReceiveConnector,
) -> Option<(&'a IpRange, &'a IpRange, &'static str)> {
    let mut all: Vec<(&IpRange, bool)> = (a.remote_ip_ranges.iter().map(|r| (r, true)))
        .chain(b.remote_ip_ranges.iter().map(|r| (r, false)))
        .collect();
    all.sort_by_key(|(r, _)| (r.is_ipv6(), r.low(), std::cmp::Reverse(r.high())));
    let mut open: Vec<(&IpRange, bool)> = Vec::new();
    for &(range, mine) in &all {
        open.retain(|(other, _)| other.is_ipv6() == range.is_ipv6() && other.high() >= range.low());
        for &(other, _) in open.iter().filter(|(_, theirs)| *theirs != mine) {
            let scopes_differ = matches!(
                (other.scope_id(), range.scope_id()), (Some(x), Some(y)) if x != y
            );
            let equal = other.low() == range.low() && other.high() == range.high();
            let how = match () {
                () if scopes_differ => continue,
                () if equal && other.scope_id() == range.scope_id() => "is the same as",
                () if other.high() < range.high() => "overlaps part of",
                () => continue,
            };
            return Some(if mine { (range, other, how) } else { (other, range, how) });
        }
        open.push((range, mine));
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::connector::{Version, default_set};

    fn connector(name: &str, binding: &str, ranges: &[&str]) -> ReceiveConnector {
        let mut connector = ReceiveConnector::new(name, Version::E2019);
        connector.bindings = vec![binding.parse().unwrap()];
        connector.remote_ip_ranges = ranges.iter().map(|r| r.parse().unwrap()).collect();
        connector
    }

    fn broken(change: impl FnOnce(&mut ReceiveConnector)) -> Vec<&'static str> {
        let mut connector = connector("a", "0.0.0.0:25", &["10.0.0.0/8"]);
        change(&mut connector);
        broken_rules(&connector, &Server::default()).iter().map(|b| b.parameter).collect()
    }

    #[test]
    fn each_rule_is_named() {
        use AuthMechanism as A;
        assert_eq!(broken(|_| ()), [""; 0]);
        assert_eq!(broken(|c| c.bindings.clear()), ["Bindings"]);
        assert_eq!(
            broken(|c| c.auth_mechanism = A::BasicAuthRequireTLS | A::Tls),
            ["AuthMechanism"]
        );
        assert_eq!(
            broken(|c| c.auth_mechanism = A::ExternalAuthoritative | A::Integrated),
            ["AuthMechanism", "PermissionGroups"]
        );
        assert_eq!(
            broken(|c| {
                c.auth_mechanism = A::empty();
                c.require_tls = true;
                c.domain_secure_enabled = true;
            }),
            ["RequireTLS", "DomainSecureEnabled"]
        );
        assert_eq!(broken(|c| c.chunking_enabled = false), ["BinaryMimeEnabled"]);
        assert_eq!(
            broken(|c| c.connection_inactivity_timeout = c.connection_timeout),
            ["ConnectionInactivityTimeout"]
        );
        assert_eq!(
            broken(|c| {
                c.auth_mechanism = A::ExchangeServer;
                c.fqdn = Some("mail.contoso.com".into());
            }),
            ["Fqdn"]
        );
    }

    #[test]
    fn the_default_sets_keep_every_rule() {
        for version in Version::ALL {
            for role in [ServerRole::Mailbox, ServerRole::Edge] {
                let server = Server { version, role, ..Server::default() };
                let set = default_set(&server);
                assert!(!set.is_empty());
                for connector in &set {
                    assert_eq!(
                        broken_rules(connector, &server),
                        [],
                        "{version} {}",
                        connector.name
                    );
                }
                assert_eq!(conflicts(&set, &server), []);
            }
        }
    }

    #[test]
    fn ranges_nest_or_stay_apart() {
        let clash = |a: &[&str], b: &[&str]| {
            let set = [connector("a", "0.0.0.0:25", a), connector("b", "0.0.0.0:25", b)];
            conflicts(&set, &Server::default()).len()
        };
        assert_eq!(clash(&["10.0.0.0/8"], &["10.1.0.0/16"]), 0);
        assert_eq!(clash(&["10.1.0.0/16"], &["10.0.0.0/8", "192.168.0.0/16"]), 0);
        assert_eq!(clash(&["10.0.0.0/8"], &["10.0.0.0-10.255.255.255"]), 1);
        assert_eq!(clash(&["10.0.0.1-10.0.0.9"], &["10.0.0.5-10.0.0.12"]), 1);
        assert_eq!(clash(&["10.0.0.5-10.0.0.12"], &["10.0.0.1-10.0.0.9"]), 1);
        assert_eq!(clash(&["fe80::1%1"], &["fe80::1%2"]), 0);
        assert_eq!(clash(&["0.0.0.0-0.0.0.9"], &["::5-::12"]), 0);
    }

    #[test]
    fn roles_do_not_share_a_port() {
        let mut set = [
            connector("a", "0.0.0.0:25", &["10.0.0.1"]),
            connector("b", "10.0.0.5:25", &["10.0.0.2"]),
        ];
        set[0].transport_role = TransportRole::FrontendTransport;
        let found = conflicts(&set, &Server::default());
        assert!(found[0].1.message.contains("different Transport roles"));
        set[0].enabled = false;
        assert_eq!(conflicts(&set, &Server::default()), []);
    }
}
