//! Limits, and the state of the server.

use super::{Known, known};

pub(super) static KNOWN: &[Known] = &[
    known(
        "421 4.3.2",
        &["maximum number of concurrent"],
        "A connection limit is reached: of the connector, or of this source.",
        "MaxInboundConnection, MaxInboundConnectionPerSource and -PercentagePerSource; events 1009 and 1021",
    ),
    known(
        "421 4.3.2",
        &[],
        "The transport service does not accept mail: its component is inactive, or a Hub connector has taken a Front End's port.",
        "Get-ServerComponentState, and TransportRole of the connectors on this port",
    ),
    known(
        "451 4.3.2",
        &[],
        "The server accepts no mail just now.",
        "the Transport service (paused, or stopping), Get-ServerComponentState",
    ),
    known(
        "421 4.4.2 Message submission rate",
        &[],
        "The source sent more messages a minute than it may.",
        "MessageRateLimit and MessageRateSource",
    ),
    known(
        "421 4.4.2 Message size limit",
        &[],
        "The client sent more octets in one session than a session may.",
        "MaxMessageSize, and what the client sends in one session",
    ),
    known(
        "421 4.4.2",
        &[],
        "The server gave the connection up.",
        "the reason in the reply, and the rows before it",
    ),
    known(
        "421 4.7.0",
        &[],
        "The client made more errors, or failed to log on more often, than one session may.",
        "MaxProtocolErrors, MaxLogonFailures; event 1012",
    ),
    known("421 4.4.1", &[], "The session lasted too long.", "ConnectionTimeout"),
    known(
        "421 4.4.0",
        &[],
        "The server behind this one answered what no SMTP server should.",
        "the SmtpSend log of the Front End, and the server that it handed the session to",
    ),
    known("421", &[], "The server ended the session.", "the rows before it"),
    known(
        "441",
        &[],
        "The connection to the server behind this one broke.",
        "the SmtpSend log of the Front End, and the Transport service of the server behind",
    ),
    known(
        "450 4.7.0",
        &[],
        "The Front End could not hand the session to a Hub.",
        "the reply of the Hub in it, and the Hub's connectors on port 2525",
    ),
    known(
        "451 4.7.0 Timeout",
        &[],
        "The client said nothing for too long: it hangs, or a firewall lost the connection.",
        "ConnectionInactivityTimeout, and what lies between",
    ),
    known(
        "451 4.7.0",
        &["PRX"],
        "The Front End could not hand the session to a Hub.",
        "DNS of the server's own name, the Transport service, and its connectors on port 2525",
    ),
    known(
        "451 4.3.0",
        &[],
        "The server could not read or write the message.",
        "the disk of the queue database, and the event log",
    ),
    known(
        "451 4.4.0 Message failed to be made redundant",
        &[],
        "Shadow redundancy wants a second copy, and no other server took it.",
        "RejectMessageOnShadowFailure of Get-TransportConfig, and the other servers of the group",
    ),
    known(
        "451 4.4.0 DNS",
        &[],
        "The name of the server behind this one could not be found.",
        "the DNS servers of this server (Get-FrontendTransportService, ExternalDNS… and InternalDNS…)",
    ),
    known(
        "451 4.4.0",
        &[],
        "The connection to the server behind this one failed.",
        "the SmtpSend log of the Front End, and the Transport service of the server behind",
    ),
    known(
        "451 4.5.0",
        &["XAnonymousTls"],
        "The connector takes mail from Exchange servers only, behind X-ANONYMOUSTLS.",
        "which connector the source should meet (expsd explain): this one is for servers",
    ),
    known(
        "451 4.5.0",
        &["XPROXY"],
        "The connector takes sessions from a Front End only.",
        "which port the source came to: 2525 and 465 of a mailbox server are not for clients",
    ),
    known(
        "451 4.5.0",
        &[],
        "The client said HELO, or nothing, where EHLO is wanted.",
        "the client",
    ),
    known(
        "452 4.3.1",
        &[],
        "Back pressure: the server is short of disk or memory.",
        "events 15004 to 15007, and the disk of the queue database",
    ),
    known(
        "452 4.5.3",
        &[],
        "A message had more recipients than one may have.",
        "MaxRecipientsPerMessage",
    ),
    known(
        "552 5.3.4",
        &[],
        "The message, or its header, is larger than the connector takes.",
        "MaxMessageSize, MaxHeaderSize",
    ),
    known(
        "554 5.4.6",
        &[],
        "The message has been through too many servers: a loop.",
        "its Received fields, MaxHopCount",
    ),
    known(
        "554 5.6.0",
        &["bare linefeeds"],
        "The message has lines that end with a line feed alone, and did not come by BDAT.",
        "BareLinefeedRejectionEnabled, and the program that made the message",
    ),
    known(
        "554 5.6.0",
        &[],
        "The message is malformed.",
        "the program that made the message: its header, its MIME parts",
    ),
];
