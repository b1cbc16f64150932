//! What failures mean, by what their texts begin with and hold.

/// What a failure means, and where to look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Meaning {
    pub means: &'static str,
    pub look_at: &'static str,
}

/// What a failure text means, if it is one of those that are documented.
pub fn meaning(text: &str) -> Option<Meaning> {
    let known = KNOWN.iter().find(|known| {
        text.starts_with(known.begins) && known.holds.iter().all(|part| text.contains(part))
    });
    known.map(|known| Meaning { means: known.means, look_at: known.look_at })
}

struct Known {
    begins: &'static str,
    holds: &'static [&'static str],
    means: &'static str,
    look_at: &'static str,
}

const fn known(
    begins: &'static str,
    holds: &'static [&'static str],
    means: &'static str,
    look_at: &'static str,
) -> Known {
    Known { begins, holds, means, look_at }
}

/// The first that fits counts. Sources: docs/evidence.md, "Reading protocol logs".
static KNOWN: &[Known] = &[
    // Authentication.
    known(
        "535",
        &["LogonDenied"],
        "The user name or the password is wrong, or the account is locked or disabled.",
        "event 1035 names the mechanism and the source; a source with many of them guesses passwords",
    ),
    known(
        "535",
        &["submit permission"],
        "The password is right, but no permission group of this connector lets the account submit.",
        "PermissionGroups (ExchangeUsers for users), Get-ADPermission; event 1018",
    ),
    known(
        "535",
        &["well-known account"],
        "The account is one that nobody may log on with from outside.",
        "event 1020; give the application an account of its own",
    ),
    known(
        "535",
        &[],
        "A log-on failed: wrong name or password, a mechanism that broke off, or an account without Submit here.",
        "events 1035, 1018 and 1020 of the same second",
    ),
    known(
        "530 5.7.1 Not",
        &[],
        "The sender's domain is one for which Domain Security asks for a certificate, and none came.",
        "TLSReceiveDomainSecureList of Get-TransportConfig, DomainSecureEnabled; events 11012, 11017",
    ),
    known(
        "530",
        &[],
        "MAIL came from a session that had not logged on, and this connector takes no anonymous mail.",
        "whether the source should meet this connector (expsd explain), PermissionGroups (AnonymousUsers), or the client's log-on",
    ),
    known(
        "504 5.7.4",
        &[],
        "The client chose a mechanism that this connector does not offer: LOGIN in clear where BasicAuthRequireTLS is on, or X-EXPS where ExchangeServer is not ticked.",
        "AuthMechanism, and the AUTH and X-EXPS lines of the EHLO reply",
    ),
    known(
        "504 5.7.1",
        &[],
        "A parameter of MAIL or RCPT needs a right that the session does not have.",
        "which connector the source meets, and the session's permissions",
    ),
    known(
        "45",
        &["submit permission"],
        "An Exchange server proved itself, and no permission group of this connector lets it submit.",
        "PermissionGroups (ExchangeServers); event 1018",
    ),
    known(
        "451 5.7.3 Cannot achieve",
        &[],
        "Another Exchange server met a connector without Exchange Server authentication.",
        "AuthMechanism (ExchangeServer), and RemoteIPRanges that hold addresses of Exchange servers",
    ),
    known(
        "451 5.7.3",
        &["STARTTLS"],
        "RequireTLS is on, and the client sent mail in clear.",
        "RequireTLS, and the client's TLS settings",
    ),
    known(
        "454 4.7.0",
        &["LogonDenied"],
        "An Exchange server's proof was refused: most often its Kerberos ticket was made with another key.",
        "SPNs SMTPSVC/… that are missing or double (setspn -X), the machine account's password; event 1035",
    ),
    known(
        "454 4.7.0 Cannot accept TLS",
        &[],
        "The server is asked for more TLS handshakes a minute than it makes.",
        "who opens that many sessions, and the server's load",
    ),
    known(
        "454 4.7.0",
        &[],
        "An Exchange server could not prove itself: clock skew, a missing or double SMTPSVC SPN, blocked Kerberos ports, replication, or a connector with another FQDN.",
        "w32tm /monitor, setspn -X, Fqdn of this connector; event 1035 here, 2017 on the sender",
    ),
    known(
        "454 4.7.5",
        &[],
        "The client's certificate did not pass: it names another domain, or leads to no trusted root.",
        "the certificate rows of the session; events 11011 and 11015",
    ),
    known(
        "451 4.7.3 Auth",
        &[],
        "The server could not check a log-on just then.",
        "domain controllers, and the mailbox server behind the Front End",
    ),
    known(
        "451 4.7.3",
        &[],
        "Domain Security is switched off for a domain that is listed as secure.",
        "DomainSecureEnabled; event 11018",
    ),
    // Rights.
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
        "550 5.7.1",
        &["permissions to submit"],
        "The session has no right to submit here.",
        "PermissionGroups, and which connector the source should meet",
    ),
    known(
        "550 5.1.1",
        &[],
        "The recipient filter knows no such recipient, or blocks it.",
        "Get-RecipientFilterConfig, and the address",
    ),
    known("550 5.2.1", &[], "The mailbox takes no messages.", "the recipient's mailbox"),
    known("554 5.1.0", &[], "The sender filter blocks the sender.", "Get-SenderFilterConfig"),
    // Limits and the state of the server.
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
        "421 4.4.2 Message submission rate",
        &[],
        "The source sent more messages a minute than it may.",
        "MessageRateLimit and MessageRateSource",
    ),
    known(
        "421 4.7.0",
        &[],
        "The client made more errors, or failed to log on more often, than one session may.",
        "MaxProtocolErrors, MaxLogonFailures; event 1012",
    ),
    known("421 4.4.1", &[], "The session lasted too long.", "ConnectionTimeout"),
    known("421", &[], "The server ended the session.", "the rows before it"),
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
    // The conversation.
    known(
        "500 5.3.3",
        &[],
        "The verb is not known here: X-ANONYMOUSTLS without ExchangeServer in AuthMechanism, or a firewall that overwrites verbs with X.",
        "the command in the row before, AuthMechanism, and firewalls with SMTP inspection",
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
        "503",
        &[],
        "The client sent commands in an order that SMTP does not allow; often it went on after a refusal.",
        "the replies before it in the session",
    ),
    // Contexts and ends without a reply.
    known(
        "TLS negotiation failed",
        &[],
        "The TLS handshake broke off: the two have no protocol version or cipher in common, or the client refused the certificate.",
        "the protocols that client and server allow, the connector's certificate, and the client's own log",
    ),
    known(
        "DirectTrust",
        &[],
        "An Edge or Hub server showed a certificate that nobody here knows.",
        "EdgeSync (Test-EdgeSynchronization), a renewed internal transport certificate; event 1036",
    ),
    known(
        "Inbound",
        &["not TLS"],
        "An Exchange server used EXCHANGEAUTH in clear.",
        "what lies between the servers: X-ANONYMOUSTLS must pass",
    ),
    known(
        "Inbound",
        &[],
        "A log-on failed, and the session ended without a reply to it.",
        "event 1035",
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::smtp::reply;

    #[test]
    fn every_refusal_of_the_catalogue_has_a_meaning() {
        for reply in [
            reply::SERVICE_NOT_AVAILABLE,
            reply::TOO_MANY_CONNECTIONS,
            reply::CONNECTION_TIMED_OUT,
            reply::TOO_MANY_ERRORS,
            reply::SECURE_DOMAIN_DISALLOWED,
            reply::TIMEOUT_WAITING,
            reply::MUST_ISSUE_STARTTLS,
            reply::CANNOT_ACHIEVE_EXCHANGE_AUTH,
            reply::INSUFFICIENT_RESOURCES,
            reply::TOO_MANY_RECIPIENTS,
            reply::TEMPORARY_AUTH_FAILURE,
            reply::CERTIFICATE_VALIDATION_FAILURE,
            reply::UNRECOGNIZED_COMMAND,
            reply::INVALID_RECIPIENT,
            reply::INVALID_SENDER,
            reply::INVALID_DOMAIN_NAME,
            reply::SEND_HELLO_FIRST,
            reply::NOT_AUTHORIZED,
            reply::UNRECOGNIZED_AUTH_TYPE,
            reply::NOT_AUTHENTICATED,
            reply::NOT_AUTHENTICATED_2019,
            reply::PARTNER_NOT_AUTHENTICATED,
            reply::AUTH_UNSUCCESSFUL,
            reply::UNABLE_TO_RELAY,
            reply::UNABLE_TO_RELAY_2016,
            reply::CANNOT_SEND_AS,
            reply::CANNOT_SEND_AS_2019,
            reply::MESSAGE_TOO_LARGE,
        ] {
            assert!(meaning(&reply.to_string()).is_some(), "{reply}");
        }
    }

    #[test]
    fn the_closest_meaning_is_told() {
        let means = |text: &str| meaning(text).unwrap().means;
        assert_ne!(
            means("530 5.7.1 Not authenticated"),
            means("530 5.7.1 Client was not authenticated")
        );
        assert_ne!(means("535 5.7.3 x (… because of LogonDenied)"), means("535 5.7.3 x"));
        assert!(means("421 4.3.2 The maximum number of concurrent connections").contains("limit"));
        let no_submit =
            "Inbound authentication failed because the client … doesn't have submit permission.";
        assert!(means(&format!("535 5.7.3 x ({no_submit})")).contains("password is right"));
        assert!(means(&format!("454 4.7.0 x ({no_submit})")).contains("proved itself"));
        assert_eq!(meaning("599 what"), None);
    }
}
