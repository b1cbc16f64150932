//! A receive connector: its parameters, the rights it gives, and the rules it must keep.
//!
//! Names, value syntax and defaults are those of `Set-ReceiveConnector`
//! (learn.microsoft.com, ExchangePowerShell). [`PARAMETERS`] lists every parameter.

mod address;
mod binding;
mod capability;
mod certificate_name;
mod defaults;
mod flags;
pub mod import;
mod parameter;
mod permission;
mod principal;
mod rights;
mod rules;
mod server;
mod usage;
mod value;
mod written;

pub use address::{IpRange, SourceAddress};
pub(crate) use address::{address, number};
pub use binding::Binding;
pub use capability::{CapableDomain, TlsCapabilities, TlsDomainCapability};
pub use certificate_name::CertificateName;
pub use defaults::default_set;
pub use flags::{AuthMechanism, PermissionGroups};
pub use parameter::{
    Effect as ParameterEffect, GROUPS as PARAMETER_GROUPS, Group as ParameterGroup, PARAMETERS,
    Parameter, find as find_parameter,
};
pub use permission::{AdPermission, Grant, GrantSource};
pub use principal::{Principal, Token};
pub use rights::Rights;
pub use rules::{Broken, Conflict, Rule, all_broken};
pub use server::{ExchangeAuthRefusal, Role, Server, ServerRole, Version};
pub(crate) use value::FromValue;
pub use value::{ByteSize, TimeSpan, Unlimited, Value, ValueError};
pub(crate) use written::Toml;

/// A receive connector. Each field is the parameter of the same name.
#[derive(Clone, Debug, PartialEq)]
pub struct ReceiveConnector {
    pub name: String,
    pub enabled: bool,
    pub transport_role: TransportRole,
    pub bindings: Vec<Binding>,
    pub remote_ip_ranges: Vec<IpRange>,
    /// `None`: the server's own FQDN.
    pub fqdn: Option<String>,
    pub banner: Option<String>,
    pub comment: String,

    pub auth_mechanism: AuthMechanism,
    pub permission_groups: PermissionGroups,
    pub ad_permissions: Vec<AdPermission>,
    pub require_tls: bool,
    pub domain_secure_enabled: bool,
    pub enable_auth_gssapi: bool,
    pub extended_protection_policy: ExtendedProtectionPolicy,
    pub suppress_x_anonymous_tls: bool,
    pub tls_certificate_name: Option<CertificateName>,
    pub tls_domain_capabilities: Vec<TlsDomainCapability>,

    pub max_message_size: ByteSize,
    pub max_header_size: ByteSize,
    pub max_recipients_per_message: u32,
    pub max_hop_count: u32,
    pub max_local_hop_count: u32,
    pub max_protocol_errors: Unlimited<u32>,
    /// 0: never close for failed logons.
    pub max_logon_failures: u32,
    pub tarpit_interval: TimeSpan,
    pub auth_tarpit_interval: TimeSpan,
    pub connection_timeout: TimeSpan,
    pub connection_inactivity_timeout: TimeSpan,
    pub max_inbound_connection: Unlimited<u32>,
    pub max_inbound_connection_per_source: Unlimited<u32>,
    pub max_inbound_connection_percentage_per_source: u32,
    pub message_rate_limit: Unlimited<u32>,
    pub message_rate_source: MessageRateSource,
    pub max_acknowledgement_delay: TimeSpan,

    pub size_enabled: SizeMode,
    pub pipelining_enabled: bool,
    pub delivery_status_notification_enabled: bool,
    pub enhanced_status_codes_enabled: bool,
    pub eight_bit_mime_enabled: bool,
    pub binary_mime_enabled: bool,
    pub chunking_enabled: bool,
    pub smtp_utf8_enabled: bool,
    pub long_addresses_enabled: bool,
    pub orar_enabled: bool,
    pub require_ehlo_domain: bool,
    pub bare_linefeed_rejection_enabled: bool,
    pub reject_reserved_top_level_recipient_domains: bool,
    pub reject_reserved_second_level_recipient_domains: bool,
    pub reject_single_label_recipient_domains: bool,

    pub protocol_logging_level: ProtocolLoggingLevel,
    pub default_domain: Option<String>,
    pub service_discovery_fqdn: Option<String>,
    pub advertise_client_settings: bool,
    pub live_credential_enabled: bool,
    pub proxy_enabled: bool,
    pub accept_consumer_mail: bool,
}

impl ReceiveConnector {
    /// A connector as `New-ReceiveConnector -Usage Custom` makes it on a server of `version`.
    pub fn new(name: impl Into<String>, version: Version) -> Self {
        let limits = version.limits();
        Self {
            name: name.into(),
            enabled: true,
            transport_role: TransportRole::HubTransport,
            bindings: Vec::new(),
            remote_ip_ranges: IpRange::everything(),
            fqdn: None,
            banner: None,
            comment: String::new(),
            auth_mechanism: AuthMechanism::Tls,
            permission_groups: PermissionGroups::empty(),
            ad_permissions: Vec::new(),
            require_tls: false,
            domain_secure_enabled: false,
            enable_auth_gssapi: false,
            extended_protection_policy: ExtendedProtectionPolicy::None,
            suppress_x_anonymous_tls: false,
            tls_certificate_name: None,
            tls_domain_capabilities: Vec::new(),
            max_message_size: limits.max_message_size,
            max_header_size: limits.max_header_size,
            max_recipients_per_message: 200,
            max_hop_count: limits.max_hop_count,
            max_local_hop_count: limits.max_local_hop_count,
            max_protocol_errors: Unlimited::Limited(5),
            max_logon_failures: 3,
            tarpit_interval: TimeSpan::from_secs(5),
            auth_tarpit_interval: TimeSpan::from_secs(5),
            connection_timeout: TimeSpan::from_secs(600),
            connection_inactivity_timeout: TimeSpan::from_secs(300),
            max_inbound_connection: Unlimited::Limited(5000),
            max_inbound_connection_per_source: Unlimited::Limited(
                limits.max_inbound_connection_per_source,
            ),
            max_inbound_connection_percentage_per_source: 2,
            message_rate_limit: Unlimited::Unlimited,
            message_rate_source: MessageRateSource::IPAddress,
            max_acknowledgement_delay: TimeSpan::from_secs(30),
            size_enabled: SizeMode::Enabled,
            pipelining_enabled: true,
            delivery_status_notification_enabled: true,
            enhanced_status_codes_enabled: true,
            eight_bit_mime_enabled: true,
            binary_mime_enabled: true,
            chunking_enabled: true,
            smtp_utf8_enabled: version >= Version::E2016,
            long_addresses_enabled: false,
            orar_enabled: false,
            require_ehlo_domain: false,
            bare_linefeed_rejection_enabled: false,
            reject_reserved_top_level_recipient_domains: false,
            reject_reserved_second_level_recipient_domains: false,
            reject_single_label_recipient_domains: false,
            protocol_logging_level: ProtocolLoggingLevel::None,
            default_domain: None,
            service_discovery_fqdn: None,
            advertise_client_settings: false,
            live_credential_enabled: false,
            proxy_enabled: false,
            accept_consumer_mail: false,
        }
    }

    /// A new connector on `server`; an Edge server has shorter timeouts.
    pub fn on(server: &Server, name: impl Into<String>) -> Self {
        let mut connector = Self::new(name, server.version);
        if server.role == ServerRole::Edge {
            connector.connection_timeout = TimeSpan::from_secs(300);
            connector.connection_inactivity_timeout = TimeSpan::from_secs(60);
        }
        connector
    }

    /// Whether Exchange Server authentication is ticked.
    pub fn offers_exchange_server(&self) -> bool {
        self.auth_mechanism.contains(AuthMechanism::ExchangeServer)
    }
}

/// Choices by the cmdlet's names, or by .NET's numbers as serialised objects have them. Those
/// of an exported 2019 set (CSS-Exchange test data) are certain; the others continue their
/// order (unconfirmed).
macro_rules! choices {
    ($(#[$doc:meta])* $name:ident { $($choice:ident $(= $number:literal)?),+ $(,)? }
     default $default:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum $name { $($choice $(= $number)?),+ }

        impl Default for $name {
            fn default() -> Self {
                Self::$default
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(match self { $(Self::$choice => stringify!($choice)),+ })
            }
        }

        impl value::FromValue for $name {
            fn from_value(value: &Value<'_>) -> Result<Self, ValueError> {
                let numbers: &[(Self, i64)] = &[$($((Self::$choice, $number),)?)+];
                let names = [$((Self::$choice, stringify!($choice))),+];
                let found = if let Value::Integer(number) = value {
                    numbers.iter().find(|(_, known)| known == number).map(|(choice, _)| *choice)
                } else {
                    let text = value.text()?;
                    let named = names.iter().find(|(_, name)| text.eq_ignore_ascii_case(name));
                    named.map(|(choice, _)| *choice)
                };
                found.ok_or_else(|| ValueError::choice(&names.map(|(_, name)| name)))
            }
        }
    };
}

choices! {
    /// Which service listens. An Edge server has no roles; see [`Role`].
    TransportRole { FrontendTransport = 16384, HubTransport = 32 } default HubTransport
}
choices! {
    /// What a new connector is for; see [`ReceiveConnector::for_usage`].
    Usage { Client, Custom, Internal, Internet, Partner } default Custom
}
choices! {
    /// Channel binding for Integrated authentication.
    ExtendedProtectionPolicy { None = 0, Allow = 1, Require = 2 } default None
}
choices! {
    /// How SIZE stands in the EHLO reply.
    SizeMode { Disabled = 0, Enabled = 1, EnabledWithoutValue = 2 } default Enabled
}
choices! {
    ProtocolLoggingLevel { None = 0, Verbose = 1 } default None
}
choices! {
    MessageRateSource { None = 0, IPAddress = 1, User = 2, All = 3 } default IPAddress
}
