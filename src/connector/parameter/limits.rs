//! Limits on connections, messages and errors, and delays.

use super::reader::{limit, number, size, span};
use super::{Parameter, parameter};
use crate::connector::Version;

const DAY: u64 = 86_400;
const MAX: u32 = i32::MAX as u32;

pub(super) const PARAMETERS: &[Parameter] = &[
    parameter!(ConnectionTimeout, connection_timeout, |v| span(v, 1, DAY))
        .acts("How long a connection may last: then 421 4.4.1, even while data flow.")
        .by("Set-ReceiveConnector; Message rate limits"),
    parameter!(ConnectionInactivityTimeout, connection_inactivity_timeout, |v| span(v, 1, DAY))
        .acts("How long a connection may be silent: then 451 4.7.0, and it is closed.")
        .by("Set-ReceiveConnector; Message rate limits"),
    parameter!(MaxInboundConnection, max_inbound_connection, |v| limit(v, MAX))
        .acts("Connections at a time; one more gets 421 4.3.2 and event 1009.")
        .by("Set-ReceiveConnector; ff984304"),
    parameter!(MaxInboundConnectionPerSource, max_inbound_connection_per_source, |v| {
        limit(v, 10_000)
    })
    .acts("Connections of one source address at a time; one more gets 421 4.3.2 and event 1021.")
    .by("Set-ReceiveConnector; onprem.wtf; bb218300"),
    parameter!(
        MaxInboundConnectionPercentagePerSource,
        max_inbound_connection_percentage_per_source,
        |v| number(v, 1, 100)
    )
    .acts(
        "The same as a share of what others leave of MaxInboundConnection; the lower of the \
         two counts, and one connection is always allowed.",
    )
    .by("Set-ReceiveConnector; Message throttling (2013)"),
    parameter!(MaxMessageSize, max_message_size)
        .acts(
            "A message that is larger, by SIZE or in fact, gets 552 5.3.4, unless the session has \
             Bypass-Message-Size-Limit; the cmdlet takes 64 KB to 2 GB, expsd any size.",
        )
        .by("Set-ReceiveConnector; NDR page"),
    parameter!(MaxHeaderSize, max_header_size, |v| size(v, 1, MAX.into()))
        .acts("A larger header block gets 552 5.3.4 at the end of data, and the connection is closed.")
        .by("Set-ReceiveConnector; Message size limits (2013)"),
    parameter!(MaxHopCount, max_hop_count, |v| number(v, 1, 500))
        .acts("More Received fields get 554 5.4.6, the possible mail loop.")
        .by("Set-ReceiveConnector; NDR page; Hop count exceeded"),
    parameter!(MaxLocalHopCount, max_local_hop_count, |v| number(v, 0, 50))
        .acts("The same for those that this server made; 0 is any number."),
    parameter!(MaxRecipientsPerMessage, max_recipients_per_message, |v| number(v, 1, 512_000))
        .acts(
            "One recipient more gets 452 4.5.3, and the message may go on; not between Exchange \
             servers.",
        )
        .by("Set-ReceiveConnector; Message size limits"),
    parameter!(MaxProtocolErrors, max_protocol_errors)
        .acts("One protocol error more gets 421 4.7.0, and the connection is closed."),
    parameter!(MaxLogonFailures, max_logon_failures, |v| number(v, 0, 10))
        .acts("One failed logon more gets 421 4.7.0, closed, with event 1012; 0 is any number.")
        .by("Set-ReceiveConnector; ff984713"),
    parameter!(MessageRateLimit, message_rate_limit, |v| limit(v, MAX))
        .acts(
            "Messages in a minute, counted by MessageRateSource from the first; at one more MAIL \
             gets 421 4.4.2 after TarpitInterval, and the connection is closed.",
        )
        .by("Set-ReceiveConnector; Message rate limits; Barracuda log of 2016-04-06†"),
    parameter!(MessageRateSource, message_rate_source)
        .acts(
            "Whom messages are counted by: nobody, the source address, the account that logged \
             on or else the sender, or address and user each.",
        )
        .since(Version::E2010)
        .by("Set-ReceiveConnector (the sender); Message rate limits (the account)"),
    parameter!(TarpitInterval, tarpit_interval, |v| span(v, 0, 600))
        .acts("How long 5yz replies to a peer that is not authenticated are held back; 0 is off.")
        .by("Set-ReceiveConnector; Message rate limits; Q&A 179653"),
    parameter!(AuthTarpitInterval, auth_tarpit_interval, |v| span(v, 0, 600))
        .acts("The same for failed proofs, which TarpitInterval delays before 2016.")
        .since(Version::E2016),
    parameter!(MaxAcknowledgementDelay, max_acknowledgement_delay, |v| span(v, 0, DAY))
        .acts(
            "On 2010 with `ShadowRedundancyEnabled` of `[TransportConfig]`, how long after the \
             end of data the 250 is held back; later versions show it and do nothing.",
        )
        .since(Version::E2010)
        .by("Set-ReceiveConnector; Enterprise Vault article"),
];
