//! The receive connectors that setup makes, by version and role.
//!
//! 2013 and later: learn.microsoft.com, "Receive connectors", and an exported set of a 2019
//! server (CSS-Exchange test data). 2010: blog.rmilne.ca and public dumps. 2007 and the older
//! Edge are taken to be as 2010 and as the newer Edge (unconfirmed).

use super::{
    AuthMechanism, ByteSize, IpRange, MessageRateSource, PermissionGroups, ProtocolLoggingLevel,
    ReceiveConnector, Server, ServerRole, SizeMode, TimeSpan, TransportRole, Unlimited, Version,
    usage::every_address,
};

/// The default set for `server`.
pub fn default_set(server: &Server) -> Vec<ReceiveConnector> {
    let rows = match server.role {
        ServerRole::Edge => EDGE,
        ServerRole::Mailbox if server.version.has_front_end() => MAILBOX,
        ServerRole::Mailbox => HUB_TRANSPORT,
    };
    rows.iter().map(|row| row.connector(server)).collect()
}

/// What sets a default connector apart from a new one.
struct Row {
    name: &'static str,
    port: u16,
    role: TransportRole,
    auth: AuthMechanism,
    groups: PermissionGroups,
    more: fn(&mut ReceiveConnector, Version),
}

const CLIENT_AUTH: AuthMechanism = AuthMechanism::Tls
    .union(AuthMechanism::Integrated)
    .union(AuthMechanism::BasicAuth)
    .union(AuthMechanism::BasicAuthRequireTLS);
const ALL_AUTH: AuthMechanism = CLIENT_AUTH.union(AuthMechanism::ExchangeServer);

const USERS_AND_SERVERS: PermissionGroups =
    PermissionGroups::ExchangeUsers.union(PermissionGroups::ExchangeServers);

const MAILBOX: &[Row] = &[
    Row {
        name: "Default Frontend",
        port: 25,
        role: TransportRole::FrontendTransport,
        auth: ALL_AUTH,
        groups: PermissionGroups::AnonymousUsers
            .union(PermissionGroups::ExchangeServers)
            .union(PermissionGroups::ExchangeLegacyServers),
        more: |c, version| {
            c.protocol_logging_level = ProtocolLoggingLevel::Verbose;
            c.domain_secure_enabled = version >= Version::E2019;
        },
    },
    Row {
        name: "Outbound Proxy Frontend",
        port: 717,
        role: TransportRole::FrontendTransport,
        auth: ALL_AUTH,
        groups: PermissionGroups::ExchangeServers,
        more: |c, version| {
            c.protocol_logging_level = ProtocolLoggingLevel::Verbose;
            c.domain_secure_enabled = version >= Version::E2019;
            c.tarpit_interval = TimeSpan::from_secs(0);
        },
    },
    Row {
        name: "Client Frontend",
        port: 587,
        role: TransportRole::FrontendTransport,
        auth: CLIENT_AUTH,
        groups: PermissionGroups::ExchangeUsers,
        more: client,
    },
    Row {
        name: "Default",
        port: 2525,
        role: TransportRole::HubTransport,
        auth: ALL_AUTH,
        groups: USERS_AND_SERVERS.union(PermissionGroups::ExchangeLegacyServers),
        more: |c, version| {
            hub(c, version);
            c.max_message_size = size_2013(version, c.max_message_size);
        },
    },
    Row {
        name: "Client Proxy",
        port: 465,
        role: TransportRole::HubTransport,
        auth: ALL_AUTH,
        groups: USERS_AND_SERVERS,
        more: client,
    },
];

const HUB_TRANSPORT: &[Row] = &[
    Row {
        name: "Default",
        port: 25,
        role: TransportRole::HubTransport,
        auth: ALL_AUTH,
        groups: USERS_AND_SERVERS.union(PermissionGroups::ExchangeLegacyServers),
        more: hub,
    },
    Row {
        name: "Client",
        port: 587,
        role: TransportRole::HubTransport,
        auth: CLIENT_AUTH,
        groups: PermissionGroups::ExchangeUsers,
        more: client,
    },
];

const EDGE: &[Row] = &[Row {
    name: "Default internal receive connector",
    port: 25,
    role: TransportRole::HubTransport,
    auth: AuthMechanism::Tls.union(AuthMechanism::ExchangeServer),
    groups: PermissionGroups::AnonymousUsers
        .union(PermissionGroups::ExchangeServers)
        .union(PermissionGroups::Partners),
    more: |c, _| {
        c.bindings.retain(|binding| !binding.0.is_ipv6());
        c.remote_ip_ranges.retain(|range| !range.is_ipv6());
        c.message_rate_limit = Unlimited::Limited(600);
    },
}];

impl Row {
    fn connector(&self, server: &Server) -> ReceiveConnector {
        let name = format!("{} {}", self.name, server.name);
        let mut connector = ReceiveConnector::on(server, name);
        connector.bindings = every_address(self.port);
        connector.remote_ip_ranges = IpRange::everything();
        connector.transport_role = self.role;
        connector.auth_mechanism = self.auth;
        connector.permission_groups = self.groups;
        connector.fqdn = Some(server.fqdn.clone());
        (self.more)(&mut connector, server.version);
        connector
    }
}

fn client(connector: &mut ReceiveConnector, version: Version) {
    connector.enable_auth_gssapi = true;
    connector.message_rate_limit = Unlimited::Limited(5);
    // 2007 has no MessageRateSource, and counts by address.
    if version >= Version::E2010 {
        connector.message_rate_source = MessageRateSource::User;
    }
    connector.max_message_size = size_2013(version, connector.max_message_size);
}

fn hub(connector: &mut ReceiveConnector, _: Version) {
    connector.size_enabled = SizeMode::EnabledWithoutValue;
    connector.max_recipients_per_message = 5000;
    connector.max_inbound_connection_per_source = Unlimited::Unlimited;
    connector.max_inbound_connection_percentage_per_source = 100;
}

/// 2013 gives 35 MB to Default, Client Proxy and Client Frontend ("Message size limits").
fn size_2013(version: Version, other: ByteSize) -> ByteSize {
    if version == Version::E2013 { ByteSize::mb(35) } else { other }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_2019_mailbox_server_has_five() {
        let set = default_set(&Server::default());
        let ports: Vec<_> = set.iter().map(|c| (c.name.as_str(), c.bindings[0].port())).collect();
        assert_eq!(
            ports,
            [
                ("Default Frontend EX01", 25),
                ("Outbound Proxy Frontend EX01", 717),
                ("Client Frontend EX01", 587),
                ("Default EX01", 2525),
                ("Client Proxy EX01", 465),
            ]
        );
    }
}
