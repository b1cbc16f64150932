//! The usage that a connector is made for: New-ReceiveConnector, parameter Usage.

use std::str::FromStr;

use super::value::FromValue;
use super::{
    AuthMechanism, Binding, PermissionGroups, ReceiveConnector, Server, ServerRole, Usage, Value,
    ValueError,
};

impl ReceiveConnector {
    /// A new connector on `server` as New-ReceiveConnector makes it for `usage`
    /// (learn.microsoft.com, "Receive connectors", section "Usage types").
    ///
    /// Bindings stay empty where the usage leaves them open. Where it leaves RemoteIPRanges
    /// open the cmdlet asks for them; here they are all addresses.
    pub fn for_usage(
        server: &Server,
        name: impl Into<String>,
        usage: Usage,
    ) -> Result<Self, ValueError> {
        if !usage.exists_on(server.role) {
            return Err(ValueError::new("another usage: an Edge server has no Client"));
        }
        let mut connector = Self::on(server, name);
        connector.auth_mechanism = usage.auth_mechanism();
        connector.permission_groups = usage.permission_groups(server.role);
        connector.bindings = usage.port().map(every_address).unwrap_or_default();
        if usage == Usage::Internet {
            connector.remote_ip_ranges.retain(|range| !range.is_ipv6());
        }
        Ok(connector)
    }
}

impl Usage {
    fn exists_on(self, role: ServerRole) -> bool {
        self != Self::Client || role == ServerRole::Mailbox
    }

    fn auth_mechanism(self) -> AuthMechanism {
        let more = match self {
            Self::Client => {
                AuthMechanism::BasicAuth
                    | AuthMechanism::BasicAuthRequireTLS
                    | AuthMechanism::Integrated
            }
            Self::Internal => AuthMechanism::ExchangeServer,
            Self::Custom | Self::Internet | Self::Partner => AuthMechanism::empty(),
        };
        AuthMechanism::Tls | more
    }

    fn permission_groups(self, role: ServerRole) -> PermissionGroups {
        match (self, role) {
            (Self::Client, _) => PermissionGroups::ExchangeUsers,
            (Self::Custom, _) => PermissionGroups::empty(),
            (Self::Internal, ServerRole::Mailbox) => {
                PermissionGroups::ExchangeLegacyServers | PermissionGroups::ExchangeServers
            }
            // An Edge server has no ExchangeLegacyServers.
            (Self::Internal, ServerRole::Edge) => PermissionGroups::ExchangeServers,
            (Self::Internet, _) => PermissionGroups::AnonymousUsers,
            (Self::Partner, _) => PermissionGroups::Partners,
        }
    }

    /// The port of a usage that is bound to all addresses from the start.
    fn port(self) -> Option<u16> {
        match self {
            Self::Client => Some(587),
            Self::Internal => Some(25),
            Self::Custom | Self::Internet | Self::Partner => None,
        }
    }
}

/// "Receive connectors" says IPv4 and IPv6, the help of New-ReceiveConnector `0.0.0.0` only.
pub(super) fn every_address(port: u16) -> Vec<Binding> {
    use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
    let v4 = SocketAddr::from((Ipv4Addr::UNSPECIFIED, port));
    let v6 = SocketAddr::from((Ipv6Addr::UNSPECIFIED, port));
    vec![Binding(v4), Binding(v6)]
}

impl FromStr for Usage {
    type Err = ValueError;

    fn from_str(text: &str) -> Result<Self, ValueError> {
        Self::from_value(&Value::Text(text.into()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The table of "Receive connectors", a row for each usage.
    #[test]
    fn each_usage_brings_its_own() {
        let server = Server::default();
        for (usage, auth, groups, bindings, ranges) in [
            (
                "Client",
                "Tls, Integrated, BasicAuth, BasicAuthRequireTLS",
                "ExchangeUsers",
                &["0.0.0.0:587", "[::]:587"][..],
                2,
            ),
            ("Custom", "Tls", "None", &[], 2),
            (
                "internal",
                "Tls, ExchangeServer",
                "ExchangeServers, ExchangeLegacyServers",
                &["0.0.0.0:25", "[::]:25"],
                2,
            ),
            ("Internet", "Tls", "AnonymousUsers", &[], 1),
            ("Partner", "Tls", "Partners", &[], 2),
        ] {
            let connector =
                ReceiveConnector::for_usage(&server, "a", usage.parse().unwrap()).unwrap();
            assert_eq!(connector.auth_mechanism.to_string(), auth, "{usage}");
            assert_eq!(connector.permission_groups.to_string(), groups, "{usage}");
            let bound: Vec<_> = connector.bindings.iter().map(Binding::to_string).collect();
            assert_eq!(bound, bindings, "{usage}");
            assert_eq!(connector.remote_ip_ranges.len(), ranges, "{usage}");
        }
        assert!("Clients".parse::<Usage>().unwrap_err().expected.contains("Internet"));
    }

    #[test]
    fn an_edge_has_no_client_and_no_legacy_servers() {
        let edge = Server { role: ServerRole::Edge, ..Server::default() };
        assert!(ReceiveConnector::for_usage(&edge, "a", Usage::Client).is_err());
        let internal = ReceiveConnector::for_usage(&edge, "a", Usage::Internal).unwrap();
        assert_eq!(internal.permission_groups, PermissionGroups::ExchangeServers);
    }
}
