//! What is left: the record, content, and what has no effect on the wire.

use super::reader::domain;
use super::{Parameter, parameter};
use crate::connector::Version;

pub(super) const PARAMETERS: &[Parameter] = &[
    parameter!(BareLinefeedRejectionEnabled, bare_linefeed_rejection_enabled)
        .acts("A line feed without a carriage return before it in DATA gets 554 5.6.0.")
        .since(Version::E2010),
    parameter!(ProtocolLoggingLevel, protocol_logging_level)
        .acts("Whether the dialogue is written to the protocol log, where there is a journal."),
    parameter!(ServiceDiscoveryFqdn, service_discovery_fqdn, domain)
        .acts_never("Stands in the directory; no effect on the wire is documented.")
        .since(Version::E2013),
    parameter!(AdvertiseClientSettings, advertise_client_settings)
        .acts_never("Shows the connector's name and port to users of Outlook on the web.")
        .since(Version::E2010),
    parameter!(LiveCredentialEnabled, live_credential_enabled)
        .acts_never("Reserved for Microsoft; in the help of 2010 and 2013 only.")
        .since(Version::E2010),
    parameter!(ProxyEnabled, proxy_enabled)
        .acts_never("Reserved for Microsoft; in the help of 2013 only.")
        .since(Version::E2013),
    parameter!(AcceptConsumerMail, accept_consumer_mail)
        .acts_never("In no help; printed by Get-ReceiveConnector of 2016 and later.")
        .since(Version::E2016)
        .by("Q&A 305565"),
];
