//! Logging on, and TLS.

use super::{Known, known};

pub(super) static KNOWN: &[Known] = &[
    // Reasons of the log first: they say more than the reply behind which they stand.
    known(
        "45",
        &["submit permission"],
        "An Exchange server proved itself, and no permission group of this connector lets it submit.",
        "PermissionGroups (ExchangeServers); event 1018",
    ),
    known(
        "",
        &["submit permission"],
        "The password is right, but no permission group of this connector lets the account submit.",
        "PermissionGroups (ExchangeUsers for users), Get-ADPermission; event 1018",
    ),
    known(
        "",
        &["well-known account"],
        "The account is one that nobody may log on with from outside.",
        "event 1020; give the application an account of its own",
    ),
    known(
        "",
        &["DirectTrust certificate failed"],
        "An Edge or Hub server showed a certificate that nobody here knows.",
        "EdgeSync (Test-EdgeSynchronization), a renewed internal transport certificate; event 1036",
    ),
    known(
        "",
        &["connection is not TLS"],
        "An Exchange server used EXCHANGEAUTH in clear.",
        "what lies between the servers: X-ANONYMOUSTLS must pass",
    ),
    known(
        "",
        &["did not specify hash algorithm"],
        "A peer used EXCHANGEAUTH and did not name the hash, SHA256, behind it.",
        "what sends it: not another Exchange server of a version that has EXCHANGEAUTH, or one whose command was rewritten on the way",
    ),
    known(
        "535",
        &["LogonDenied"],
        "The user name or the password is wrong, or the account is locked or disabled.",
        "event 1035 names the mechanism and the source; a source with many of them guesses passwords",
    ),
    known(
        "454 4.7.0",
        &["LogonDenied"],
        "An Exchange server's proof was refused: most often its Kerberos ticket was made with another key.",
        "SPNs SMTPSVC/… that are missing or double (setspn -X), the machine account's password; event 1035",
    ),
    known(
        "",
        &["cipher strength is too weak"],
        "The TLS session has a cipher that is too weak for the log-on of an Exchange server.",
        "the cipher suites and protocol versions of both servers; the TLS row of the session",
    ),
    known(
        "",
        &["TLS channel: Access Denied"],
        "The log-on of an Exchange server is not accepted on the TLS channel on which it came.",
        "the TLS rows of the session: X-ANONYMOUSTLS must go from server to server, without a device that ends TLS between them",
    ),
    // Replies.
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
        "530 5.7.0",
        &[],
        "The client must use TLS before anything else, and sent mail in clear.",
        "RequireTLS, and the client's TLS settings",
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
        "451 5.7.3 Cannot achieve",
        &[],
        "Another Exchange server met a connector without Exchange Server authentication.",
        "AuthMechanism (ExchangeServer), and RemoteIPRanges that hold addresses of Exchange servers",
    ),
    known(
        "451 5.7.3 Cannot load",
        &[],
        "The server has no internal transport certificate that it can use.",
        "Get-ExchangeCertificate, InternalTransportCertificateThumbprint of Get-TransportServer; event 12015",
    ),
    known(
        "451 5.7.3 Require basic",
        &[],
        "A log-on is wanted that was not offered.",
        "AuthMechanism (BasicAuth), and the AUTH line of the EHLO reply",
    ),
    known(
        "451 5.7.3 Require XOORG",
        &[],
        "XOORG is wanted, and was not offered.",
        "the EHLO reply, and what lies between",
    ),
    known(
        "451 5.7.3",
        &["STARTTLS"],
        "TLS is required, and mail or a log-on came in clear.",
        "RequireTLS, and the client's TLS settings",
    ),
    known(
        "454 4.7.0 Cannot accept TLS",
        &[],
        "The server is asked for more TLS handshakes a minute than it makes.",
        "who opens that many sessions, and the server's load",
    ),
    known(
        "454 4.7.0 Temporary authorization",
        &[],
        "The server could not find out what the peer may do.",
        "domain controllers, and the state of this server's Active Directory topology service",
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
    known(
        "501 5.5.4 Authentication cancelled",
        &[],
        "The client began to log on and gave it up.",
        "the client: it knows no such mechanism after all, or has no name and password to send",
    ),
    known(
        "503 5.5.2 Auth",
        &[],
        "The client logged on a second time in one session.",
        "the client",
    ),
    known(
        "554 5.7.3",
        &[],
        "The server could not start its security subsystem.",
        "the event log of the second, and the certificates of the server",
    ),
    known(
        "554 5.7.5",
        &[],
        "Something cryptographic failed on the server.",
        "the event log of the second",
    ),
    known(
        "TLS negotiation failed",
        &[],
        "The TLS handshake broke off: the two have no protocol version or cipher in common, or the client refused the certificate.",
        "the protocols that client and server allow, the connector's certificate, and the client's own log",
    ),
    known(
        "",
        &["during the TLS handshake"],
        "The connection ended between the 220 to STARTTLS or X-ANONYMOUSTLS and TLS: most often the client refuses the certificate.",
        "the connector's certificate (names, issuer, end), the protocols that both allow, and the client's own log",
    ),
    known(
        "Inbound",
        &[],
        "A log-on failed, and the session ended without a reply to it.",
        "event 1035",
    ),
];
