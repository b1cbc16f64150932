//! What a connector, and a set of connectors, must keep to. Exchange's cmdlets refuse what
//! breaks these; so does expsd when it loads a set.

use std::cmp::Reverse;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::net::SocketAddr;

use super::{
    AuthMechanism, IpRange, PermissionGroups, ReceiveConnector, Role, Server, ServerRole,
    TlsCapabilities, TransportRole,
};

/// A rule that is broken, and the parameter to mend.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Broken {
    pub rule: Rule,
    pub parameter: &'static str,
    pub message: String,
    /// Where two connectors cannot stand side by side.
    pub conflict: Option<Conflict>,
}

/// What a connector clashes with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Conflict {
    /// The index of the other connector.
    pub with: usize,
    /// The connector's own range and the other's, if it is these that clash.
    pub ranges: Option<(IpRange, IpRange)>,
}

/// What the cmdlets refuse.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Rule {
    NoBinding,
    NoRange,
    BasicAuthRequireTls,
    ExternalAuthoritativeAlone,
    ExternalAuthoritativeGroup,
    RequireTls,
    DomainSecure,
    BinaryMime,
    InactivityTimeout,
    /// A capability that servers of the version do not have.
    Capability,
    /// Fqdn beside ExchangeServer.
    Fqdn,
    /// A parameter or value that an Edge server does not have.
    NotOnEdge,
    /// FrontendTransport where there is no Front End.
    NoFrontEnd,
    SameName,
    /// Two transport roles on one binding.
    RoleConflict,
    /// Two ranges on one binding that are the same.
    EqualRanges,
    /// Two ranges on one binding that overlap only in part.
    PartialOverlap,
}

/// The rules that one connector breaks (Set-ReceiveConnector, parameters AuthMechanism,
/// RequireTLS, DomainSecureEnabled, Fqdn, BinaryMimeEnabled, ConnectionInactivityTimeout,
/// TlsDomainCapabilities).
pub fn broken_rules(connector: &ReceiveConnector, server: &Server) -> Vec<Broken> {
    let auth = connector.auth_mechanism;
    let mut broken = Vec::new();
    let mut rule = |keeps: bool, rule, parameter, message: &str| {
        if !keeps {
            broken.push(Broken { rule, parameter, message: message.to_owned(), conflict: None });
        }
    };
    rule(
        !connector.bindings.is_empty(),
        Rule::NoBinding,
        "Bindings",
        "a connector needs at least one binding",
    );
    rule(
        !connector.remote_ip_ranges.is_empty(),
        Rule::NoRange,
        "RemoteIPRanges",
        "a connector needs at least one range",
    );
    let basic_and_tls = AuthMechanism::BasicAuth | AuthMechanism::Tls;
    rule(
        !auth.contains(AuthMechanism::BasicAuthRequireTLS) || auth.contains(basic_and_tls),
        Rule::BasicAuthRequireTls,
        "AuthMechanism",
        "BasicAuthRequireTLS needs BasicAuth and Tls beside it",
    );
    let external = auth.contains(AuthMechanism::ExternalAuthoritative);
    rule(
        !external || (auth - AuthMechanism::Tls) == AuthMechanism::ExternalAuthoritative,
        Rule::ExternalAuthoritativeAlone,
        "AuthMechanism",
        "ExternalAuthoritative may have only Tls beside it",
    );
    rule(
        !external
            || connector.permission_groups - PermissionGroups::Custom
                == PermissionGroups::ExchangeServers,
        Rule::ExternalAuthoritativeGroup,
        "PermissionGroups",
        "ExternalAuthoritative needs PermissionGroups to be ExchangeServers",
    );
    let tls = auth.contains(AuthMechanism::Tls);
    rule(
        !connector.require_tls || tls,
        Rule::RequireTls,
        "RequireTLS",
        "RequireTLS needs Tls in AuthMechanism",
    );
    rule(
        !connector.domain_secure_enabled || (tls && !external),
        Rule::DomainSecure,
        "DomainSecureEnabled",
        "DomainSecureEnabled needs Tls in AuthMechanism, and not ExternalAuthoritative",
    );
    rule(
        !connector.binary_mime_enabled || connector.chunking_enabled,
        Rule::BinaryMime,
        "BinaryMimeEnabled",
        "BinaryMimeEnabled needs ChunkingEnabled",
    );
    rule(
        connector.connection_inactivity_timeout < connector.connection_timeout,
        Rule::InactivityTimeout,
        "ConnectionInactivityTimeout",
        "ConnectionInactivityTimeout must be smaller than ConnectionTimeout",
    );
    let known = TlsCapabilities::of(server.version);
    rule(
        connector.tls_domain_capabilities.iter().all(|entry| known.contains(entry.capabilities)),
        Rule::Capability,
        "TlsDomainCapabilities",
        "AcceptOorgProtocol is of Exchange 2010, AcceptCloudServicesMail of 2013 and later",
    );
    let own_name = connector.fqdn.as_deref().is_none_or(|fqdn| {
        fqdn.eq_ignore_ascii_case(&server.fqdn) || fqdn.eq_ignore_ascii_case(&server.name)
    });
    rule(
        !connector.offers_exchange_server() || own_name,
        Rule::Fqdn,
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
        Rule::NotOnEdge,
        "SuppressXAnonymousTls",
        "SuppressXAnonymousTls does not exist on an Edge server",
    );
    rule(
        !edge || !connector.permission_groups.contains(PermissionGroups::ExchangeLegacyServers),
        Rule::NotOnEdge,
        "PermissionGroups",
        "ExchangeLegacyServers does not exist on an Edge server",
    );
    let front_end = connector.transport_role == TransportRole::FrontendTransport;
    rule(
        !front_end || (server.version.has_front_end() && server.role == ServerRole::Mailbox),
        Rule::NoFrontEnd,
        "TransportRole",
        "FrontendTransport exists on Mailbox servers of 2013 and later only",
    );
    broken
}

/// All rules that a set breaks, with the index of the connector that breaks each.
pub fn all_broken(connectors: &[ReceiveConnector], server: &Server) -> Vec<(usize, Broken)> {
    let own = connectors.iter().enumerate().flat_map(|(i, connector)| {
        broken_rules(connector, server).into_iter().map(move |broken| (i, broken))
    });
    own.chain(conflicts(connectors, server)).collect()
}

/// Pairs of connectors that cannot stand side by side: the index of the later one,
/// and what it breaks. The wording for two roles is the cmdlet's; for one role it is ours.
///
/// Costs a sort of all ranges.
pub fn conflicts(connectors: &[ReceiveConnector], server: &Server) -> Vec<(usize, Broken)> {
    let mut found = Vec::new();
    for (j, later) in connectors.iter().enumerate() {
        for (i, earlier) in connectors[..j].iter().enumerate() {
            if later.name.eq_ignore_ascii_case(&earlier.name) {
                let message = format!("another connector is called \"{}\" already", earlier.name);
                found.push((j, conflict(Rule::SameName, "Name", message, i, None)));
            }
            let differ = server.role_of(earlier) != server.role_of(later);
            if earlier.enabled && later.enabled && differ && share_a_binding(earlier, later) {
                let identity = server.identity(earlier);
                let message = format!(
                    "The values that you specified for the Bindings and RemoteIPRanges parameters \
                     conflict with the settings on Receive connector \"{identity}\". Receive \
                     connectors assigned to different Transport roles on a single server must \
                     listen on unique local IP address & port bindings."
                );
                found.push((j, conflict(Rule::RoleConflict, "Bindings", message, i, None)));
            }
        }
    }
    for Clash { mine, other, rule } in clashes(connectors, server) {
        let identity = server.identity(&connectors[other.0]);
        let how = match rule {
            Rule::EqualRanges => "is the same as",
            _ => "overlaps part of",
        };
        let message = format!(
            "{} {how} {} of \"{identity}\" on the same binding; of two ranges one must lie \
             completely inside the other, and be smaller",
            mine.1, other.1
        );
        let ranges = Some((mine.1.clone(), other.1.clone()));
        found.push((mine.0, conflict(rule, "RemoteIPRanges", message, other.0, ranges)));
    }
    found.sort_by_key(|(later, broken)| (*later, broken.conflict.as_ref().map(|c| c.with)));
    found
}

fn conflict(
    rule: Rule,
    parameter: &'static str,
    message: String,
    with: usize,
    ranges: Option<(IpRange, IpRange)>,
) -> Broken {
    Broken { rule, parameter, message, conflict: Some(Conflict { with, ranges }) }
}

/// Two connectors on one local address and port, where a wildcard is all addresses.
fn share_a_binding(a: &ReceiveConnector, b: &ReceiveConnector) -> bool {
    let fixed = |address: SocketAddr| address.port() != 0;
    a.bindings.iter().any(|x| fixed(x.0) && b.bindings.iter().any(|y| y.accepts(x.0)))
}

/// Two ranges, each with the index of its connector, that are equal or overlap only in part.
struct Clash<'a> {
    mine: (usize, &'a IpRange),
    other: (usize, &'a IpRange),
    rule: Rule,
}

/// The first clash of every pair of connectors with one role and a binding that is the same in
/// every respect.
fn clashes<'a>(connectors: &'a [ReceiveConnector], server: &Server) -> Vec<Clash<'a>> {
    let mut bound: HashMap<(SocketAddr, Role), Vec<usize>> = HashMap::new();
    for (i, connector) in connectors.iter().enumerate().filter(|(_, c)| c.enabled) {
        let fixed: HashSet<_> =
            connector.bindings.iter().map(|b| b.0).filter(|b| b.port() != 0).collect();
        for binding in fixed {
            bound.entry((binding, server.role_of(connector))).or_default().push(i);
        }
    }
    let mut seen = HashSet::new();
    let mut found = Vec::new();
    for together in bound.values().filter(|together| together.len() > 1) {
        for clash in overlaps(connectors, together) {
            if seen.insert((clash.mine.0, clash.other.0)) {
                found.push(clash);
            }
        }
    }
    found
}

/// So many clashes of one range are told; mending them shows the others.
const MOST_CLASHES: usize = 50;

/// Sweeps over the ranges of the connectors `together`, in order of their lower bounds.
fn overlaps<'a>(connectors: &'a [ReceiveConnector], together: &[usize]) -> Vec<Clash<'a>> {
    let ranges =
        together.iter().flat_map(|i| connectors[*i].remote_ip_ranges.iter().map(|r| (*i, r)));
    let mut ranges: Vec<(usize, &IpRange)> = ranges.collect();
    ranges
        .sort_unstable_by_key(|(i, r)| (r.is_ipv6(), r.low(), Reverse(r.high()), r.scope_id(), *i));
    let clash = |a: (usize, &'a IpRange), b: (usize, &'a IpRange), rule| {
        let (mine, other) = if a.0 > b.0 { (a, b) } else { (b, a) };
        Clash { mine, other, rule }
    };
    let mut found = Vec::new();
    for pair in ranges.windows(2) {
        let (a, b) = (pair[0], pair[1]);
        let place = |r: &IpRange| (r.is_ipv6(), r.low(), r.high(), r.scope_id());
        if a.0 != b.0 && place(a.1) == place(b.1) {
            found.push(clash(a, b, Rule::EqualRanges));
        }
    }
    // Those that reach beyond the current lower bound, by their upper one. A range with a scope
    // id is a single address, which lies in another or outside of it.
    let mut open: BTreeMap<(bool, u128, usize), &IpRange> = BTreeMap::new();
    for (i, range) in ranges.into_iter().filter(|(_, r)| r.scope_id().is_none()) {
        let family = range.is_ipv6();
        while let Some(over) = open.first_entry().filter(|e| *e.key() < (family, range.low(), 0)) {
            over.remove();
        }
        let ends_inside = open.range((family, range.low(), 0)..(family, range.high(), 0));
        let others = ends_inside.filter(|((.., other), _)| *other != i);
        for ((.., other), earlier) in others.take(MOST_CLASHES) {
            found.push(clash((i, range), (*other, earlier), Rule::PartialOverlap));
        }
        open.insert((family, range.high(), i), range);
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::connector::{CapableDomain, TlsDomainCapability, Version, default_set};

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
            broken(|c| {
                let capabilities = TlsCapabilities::AcceptOorgProtocol;
                c.tls_domain_capabilities =
                    vec![TlsDomainCapability { domain: CapableDomain::NoTls, capabilities }];
            }),
            ["TlsDomainCapabilities"]
        );
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
