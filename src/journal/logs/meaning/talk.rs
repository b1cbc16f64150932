//! The conversation, and how it ends.

use super::{Known, known};

pub(super) static KNOWN: &[Known] = &[
    known(
        "500 5.3.3",
        &[],
        "The verb is not known here: X-ANONYMOUSTLS without ExchangeServer in AuthMechanism, or a firewall that overwrites verbs with X.",
        "the command in the row before, AuthMechanism, and firewalls with SMTP inspection",
    ),
    known(
        "500 5.5.1",
        &[],
        "XEXCH50 is switched off here.",
        "Xexch50Enabled; an Exchange 2003 sent it",
    ),
    known(
        "500 5.5.2",
        &["XEXCH50"],
        "What followed XEXCH50 could not be read.",
        "the Exchange 2003 that sent it, and what lies between",
    ),
    known(
        "500 5.5.2",
        &[],
        "A command was longer than a command may be: often a message that is taken for commands.",
        "the row before, and the end of the message before it",
    ),
    known(
        "501 5.0.0",
        &[],
        "The client gave no name behind EHLO or HELO, and RequireEHLODomain is on.",
        "RequireEHLODomain, and the client's own name for itself",
    ),
    known(
        "50",
        &["reserved by RFC 2606"],
        "The recipient is in a domain that is reserved, such as example.com or .test.",
        "the address; RejectReservedTopLevelRecipientDomains and RejectReservedSecondLevelRecipientDomains",
    ),
    known(
        "550",
        &["reserved by RFC 2606"],
        "The recipient is in a domain that is reserved, such as example.com or .test.",
        "the address; RejectReservedTopLevelRecipientDomains and RejectReservedSecondLevelRecipientDomains",
    ),
    known(
        "",
        &["single label domains"],
        "The recipient's domain has no dot in it.",
        "the address; RejectSingleLabelRecipientDomains",
    ),
    known(
        "501 5.1.",
        &[],
        "An address in MAIL or RCPT is malformed.",
        "the command in the row before",
    ),
    known("550 5.1.7", &[], "The address in MAIL is malformed.", "the command in the row before"),
    known(
        "501 5.5.4",
        &[],
        "A command had a name, a parameter or an argument that is not allowed.",
        "the command in the row before",
    ),
    known(
        "401 4.5.4",
        &[],
        "An Exchange server sent an argument that this one does not know.",
        "the versions of both servers",
    ),
    known(
        "502",
        &[],
        "The command exists in SMTP, and this server does not have it.",
        "the command in the row before",
    ),
    known(
        "503 5.5.0",
        &[],
        "A Front End said twice for whom it speaks.",
        "what lies between Front End and Hub",
    ),
    known(
        "503",
        &[],
        "The client sent commands in an order that SMTP does not allow; often it went on after a refusal.",
        "the replies before it in the session",
    ),
    known(
        "",
        &["during a message"],
        "The connection ended while a message was under way, which was lost here; the sender should try again.",
        "whether it is a large one: a size limit or a timeout of something between; the client's own log",
    ),
    known(
        "Remote(",
        &[],
        "The client, or something between, broke the connection off instead of saying QUIT.",
        "the last rows of such a session: after a delivery it is rudeness, after STARTTLS a failed handshake, after DATA a size or a timeout between",
    ),
    known(
        "Local(",
        &[],
        "The server broke the connection off.",
        "the last rows of such a session, and the event log",
    ),
];
