//! What a session may not do.

use super::{Known, known};

pub(super) static KNOWN: &[Known] = &[
    known(
        "504 5.7.1",
        &[],
        "A parameter of MAIL or RCPT needs a right that the session does not have.",
        "which connector the source meets, and the session's permissions",
    ),
    known(
        "550 5.7.54",
        &[],
        "The recipient is in no accepted domain, and the session has no right to relay.",
        "Get-AcceptedDomain, and whether the source should meet a relay connector (expsd explain)",
    ),
    known(
        "550 5.7.1",
        &["relay"],
        "The recipient is in no accepted domain, and the session has no right to relay.",
        "Get-AcceptedDomain, and whether the source should meet a relay connector (expsd explain)",
    ),
    known(
        "550",
        &["Anonymous client", "send as"],
        "A session that had not logged on used a sender in one of the organization's own domains, and the connector does not let it.",
        "whether the source is one of yours: then a log-on, or a connector of its own with ms-Exch-SMTP-Accept-Authoritative-Domain-Sender; else it is a forger",
    ),
    known(
        "550",
        &["send as"],
        "The account that logged on sends with an address that is not its own.",
        "Send As for that account, or ms-Exch-SMTP-Accept-Any-Sender",
    ),
    known(
        "550",
        &["on behalf"],
        "The From field is not an address of the account that logged on.",
        "Send As or Send on Behalf for that account",
    ),
    known(
        "550 5.7.1",
        &["Content Filter"],
        "The content filter took the message for spam.",
        "Get-ContentFilterConfig, and whether the source should bypass it",
    ),
    known(
        "550 5.7.1 External client",
        &[],
        "The connection filter blocks the address.",
        "Get-IPBlockListConfig, Get-IPBlockListEntry -IPAddress; Get-IPAllowListEntry",
    ),
    known(
        "550 5.7.1",
        &["block list"],
        "A block list names the address.",
        "Get-IPBlockListProvider, and the list itself; Get-IPAllowListEntry for a source that is wanted",
    ),
    known(
        "550 5.7.1",
        &["blocked using"],
        "A block list names the address.",
        "Get-IPBlockListProvider, and the list itself; Get-IPAllowListEntry for a source that is wanted",
    ),
    known(
        "550 5.7.1",
        &["Sender ID"],
        "The sender's domain does not let this address send for it.",
        "the SPF record of the domain, Get-SenderIdConfig; InternalSMTPServers of Get-TransportConfig, if a gateway stands before this server",
    ),
    known(
        "550 5.7.1",
        &["permissions to submit"],
        "The session has no right to submit here.",
        "PermissionGroups, and which connector the source should meet",
    ),
    known(
        "550 5.7.1 Submission has been disabled",
        &[],
        "The account that logged on may not send.",
        "the account's mailbox, and what blocked it",
    ),
    known(
        "550 5.7.1 Not authorized",
        &[],
        "The session has no right to what it asked for.",
        "the command in the row before, and the session's permissions",
    ),
    known(
        "550 5.7.1 Command not allowed",
        &[],
        "The session has no right to use this command.",
        "the command in the row before, and the session's permissions",
    ),
    known(
        "550 5.1.1",
        &[],
        "The recipient filter knows no such recipient, or blocks it.",
        "Get-RecipientFilterConfig, and the address",
    ),
    known("550 5.2.1", &[], "The mailbox takes no messages.", "the recipient's mailbox"),
    known("554 5.1.0", &[], "The sender filter blocks the sender.", "Get-SenderFilterConfig"),
];
