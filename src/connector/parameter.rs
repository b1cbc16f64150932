//! The table of parameters: how each is read, and whether it acts yet.

use super::ReceiveConnector;
use super::value::{FromValue, TimeSpan, Unlimited, Value, ValueError, list};

/// A parameter of `Set-ReceiveConnector`.
pub struct Parameter {
    pub name: &'static str,
    pub effect: Effect,
    set: fn(&mut ReceiveConnector, &Value<'_>) -> Result<(), ValueError>,
}

/// Whether setting a parameter changes what a session meets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    Acts,
    /// Read and checked, without effect yet.
    NotYet,
    /// Has no effect on the wire in Exchange either.
    None,
}

impl Parameter {
    /// Reads `value` into `connector`.
    pub fn set(
        &self,
        connector: &mut ReceiveConnector,
        value: &Value<'_>,
    ) -> Result<(), ValueError> {
        (self.set)(connector, value)
    }
}

/// The parameter called `name`, in any case.
pub fn find(name: &str) -> Option<&'static Parameter> {
    PARAMETERS.iter().find(|parameter| parameter.name.eq_ignore_ascii_case(name))
}

macro_rules! parameter {
    ($name:ident $field:ident $effect:ident) => {
        parameter!($name $field $effect FromValue::from_value)
    };
    ($name:ident $field:ident $effect:ident $read:expr) => {
        Parameter {
            name: stringify!($name),
            effect: Effect::$effect,
            set: |connector, value| {
                connector.$field = $read(value)?;
                Ok(())
            },
        }
    };
}

/// Every parameter, with the ranges that `Set-ReceiveConnector` documents.
pub const PARAMETERS: &[Parameter] = &[
    parameter!(Name name Acts name),
    parameter!(Enabled enabled Acts),
    parameter!(TransportRole transport_role Acts),
    parameter!(Bindings bindings Acts list),
    parameter!(RemoteIPRanges remote_ip_ranges Acts list),
    parameter!(Fqdn fqdn Acts),
    parameter!(Banner banner Acts banner),
    parameter!(Comment comment None),
    parameter!(AuthMechanism auth_mechanism Acts),
    parameter!(PermissionGroups permission_groups Acts),
    parameter!(RequireTLS require_tls Acts),
    parameter!(DomainSecureEnabled domain_secure_enabled Acts),
    parameter!(EnableAuthGSSAPI enable_auth_gssapi Acts),
    parameter!(ExtendedProtectionPolicy extended_protection_policy Acts),
    parameter!(SuppressXAnonymousTls suppress_x_anonymous_tls Acts),
    parameter!(TlsCertificateName tls_certificate_name NotYet),
    parameter!(TlsDomainCapabilities tls_domain_capabilities NotYet),
    parameter!(MaxMessageSize max_message_size Acts),
    parameter!(MaxHeaderSize max_header_size NotYet),
    parameter!(MaxRecipientsPerMessage max_recipients_per_message Acts |v| number(v, 1, 512_000)),
    parameter!(MaxHopCount max_hop_count NotYet |v| number(v, 1, 500)),
    parameter!(MaxLocalHopCount max_local_hop_count NotYet |v| number(v, 0, 50)),
    parameter!(MaxProtocolErrors max_protocol_errors Acts),
    parameter!(MaxLogonFailures max_logon_failures Acts |v| number(v, 0, 10)),
    parameter!(TarpitInterval tarpit_interval Acts |v| span(v, 0, 600)),
    parameter!(AuthTarpitInterval auth_tarpit_interval Acts |v| span(v, 0, 600)),
    parameter!(ConnectionTimeout connection_timeout Acts |v| span(v, 1, 86_400)),
    parameter!(ConnectionInactivityTimeout connection_inactivity_timeout Acts |v| span(v, 1, 86_400)),
    parameter!(MaxInboundConnection max_inbound_connection Acts |v| limit(v, i32::MAX as u32)),
    parameter!(MaxInboundConnectionPerSource max_inbound_connection_per_source NotYet |v| limit(v, 10_000)),
    parameter!(MaxInboundConnectionPercentagePerSource
        max_inbound_connection_percentage_per_source NotYet |v| number(v, 1, 100)),
    parameter!(MessageRateLimit message_rate_limit NotYet |v| limit(v, i32::MAX as u32)),
    parameter!(MessageRateSource message_rate_source NotYet),
    parameter!(MaxAcknowledgementDelay max_acknowledgement_delay NotYet),
    parameter!(SizeEnabled size_enabled Acts),
    parameter!(PipeliningEnabled pipelining_enabled Acts),
    parameter!(DeliveryStatusNotificationEnabled delivery_status_notification_enabled Acts),
    parameter!(EnhancedStatusCodesEnabled enhanced_status_codes_enabled Acts),
    parameter!(EightBitMimeEnabled eight_bit_mime_enabled Acts),
    parameter!(BinaryMimeEnabled binary_mime_enabled Acts),
    parameter!(ChunkingEnabled chunking_enabled Acts),
    parameter!(SmtpUtf8Enabled smtp_utf8_enabled Acts),
    parameter!(LongAddressesEnabled long_addresses_enabled Acts),
    parameter!(OrarEnabled orar_enabled Acts),
    parameter!(RequireEHLODomain require_ehlo_domain Acts),
    parameter!(BareLinefeedRejectionEnabled bare_linefeed_rejection_enabled NotYet),
    parameter!(RejectReservedTopLevelRecipientDomains
        reject_reserved_top_level_recipient_domains NotYet),
    parameter!(RejectReservedSecondLevelRecipientDomains
        reject_reserved_second_level_recipient_domains NotYet),
    parameter!(RejectSingleLabelRecipientDomains reject_single_label_recipient_domains NotYet),
    parameter!(ProtocolLoggingLevel protocol_logging_level NotYet),
    parameter!(DefaultDomain default_domain Acts),
    parameter!(ServiceDiscoveryFqdn service_discovery_fqdn None),
    parameter!(AdvertiseClientSettings advertise_client_settings None),
    parameter!(LiveCredentialEnabled live_credential_enabled None),
    parameter!(ProxyEnabled proxy_enabled None),
    parameter!(AcceptConsumerMail accept_consumer_mail None),
];

fn name(value: &Value<'_>) -> Result<String, ValueError> {
    let text = value.text()?;
    let fits = !text.is_empty() && text.chars().count() <= 64 && !text.contains(char::is_control);
    if fits { Ok(text.to_owned()) } else { Err(ValueError::new("a name of 1 to 64 characters")) }
}

/// learn.microsoft.com, "Modify the default SMTP banner": it must start with 220.
fn banner(value: &Value<'_>) -> Result<Option<String>, ValueError> {
    let text = Option::<String>::from_value(value)?;
    match &text {
        Some(text) if !text.starts_with("220 ") || text.contains(['\r', '\n']) => {
            Err(ValueError::new("one line that starts with \"220 \""))
        }
        _ => Ok(text),
    }
}

fn number(value: &Value<'_>, low: u32, high: u32) -> Result<u32, ValueError> {
    u32::from_value(value)
        .ok()
        .filter(|n| (low..=high).contains(n))
        .ok_or_else(|| ValueError::new(format!("a number from {low} to {high}")))
}

fn limit(value: &Value<'_>, high: u32) -> Result<Unlimited<u32>, ValueError> {
    match Unlimited::<u32>::from_value(value) {
        Ok(Unlimited::Limited(n)) if n == 0 || n > high => {
            Err(ValueError::new(format!("a number from 1 to {high}, or \"unlimited\"")))
        }
        other => other,
    }
}

fn span(value: &Value<'_>, low: u64, high: u64) -> Result<TimeSpan, ValueError> {
    let span = TimeSpan::from_value(value)?;
    let bounds = (TimeSpan::from_secs(low), TimeSpan::from_secs(high));
    if (bounds.0..=bounds.1).contains(&span) {
        Ok(span)
    } else {
        Err(ValueError::new(format!("a time span from {} to {}", bounds.0, bounds.1)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::connector::{Unlimited, Version};

    fn set(name: &str, value: Value<'_>) -> Result<ReceiveConnector, ValueError> {
        let mut connector = ReceiveConnector::new("a", Version::E2019);
        find(name).unwrap().set(&mut connector, &value)?;
        Ok(connector)
    }

    #[test]
    fn ranges_are_kept() {
        assert_eq!(set("maxlogonfailures", Value::Integer(10)).unwrap().max_logon_failures, 10);
        assert!(set("MaxLogonFailures", Value::Integer(11)).is_err());
        assert!(set("MaxInboundConnection", Value::Integer(0)).is_err());
        assert_eq!(
            set("MaxInboundConnection", Value::Text("unlimited".into()))
                .unwrap()
                .max_inbound_connection,
            Unlimited::Unlimited
        );
        assert!(set("ConnectionTimeout", Value::Text("2.00:00:00".into())).is_err());
        assert!(set("Banner", Value::Text("Hello".into())).is_err());
        assert!(set("Name", Value::Text("x".repeat(65).into())).is_err());
    }

    #[test]
    fn a_bad_item_of_a_list_is_named() {
        let ranges = Value::List(vec!["10.0.0.1".into(), "10.0.0".into()]);
        assert_eq!(set("RemoteIPRanges", ranges).unwrap_err().item, Some(1));
    }

    #[test]
    fn names_are_unique() {
        for (i, parameter) in PARAMETERS.iter().enumerate() {
            assert!(PARAMETERS[i + 1..].iter().all(|other| other.name != parameter.name));
        }
    }
}
