//! Which of the known causes fit what was seen, the likeliest first.

use super::answer::{Answer, offers};
use super::plan::{Mechanism as Wanted, Plan};
use super::report::{Cause, Kerberos, Peer, Product, ProofOutcome, Stage};
use super::seen::{Own, Seen, Stop};
use super::token::TokenErrorKind;
use super::wire::{Fault, NoConnection};
use crate::auth::Mechanism;
use crate::session::TlsKind;

/// Kerberos tolerates five minutes (KB 979174; RFC 4120 §8.2).
pub(super) const TOLERATED_SKEW: u64 = 300;

/// All that is known when a diagnosis is made.
pub(super) struct Evidence<'a> {
    pub plan: &'a Plan,
    pub seen: &'a Seen,
    pub peer: &'a Peer,
    /// The server's name.
    pub name: Option<&'a str>,
    /// How far the server's clock is ahead of ours, by its banner.
    pub ahead: Option<i64>,
    /// Whether the certificate holds the name, and has expired.
    pub names_host: Option<bool>,
    pub expired: bool,
}

pub(super) fn causes(evidence: &Evidence<'_>) -> Vec<Cause> {
    let mut found = Causes(Vec::new());
    found.inspection(evidence);
    if let Some((stage, stop)) = &evidence.seen.stop {
        match stop {
            Stop::NoConnection(none) => found.no_connection(evidence, none),
            Stop::Fault(fault) => found.fault(evidence, *stage, fault),
            Stop::Refused(answer) => found.refused(evidence, *stage, answer),
            Stop::Own(own) => found.own(evidence, *own),
            Stop::HandshakeFailed(why) => found.put(
                "tls-failed",
                format!("{} was accepted, and the handshake failed: {why}", verb_of(evidence)),
                "see whether the server has only TLS 1.0 or 1.1, which the probe does not speak \
                 (registry, SCHANNEL\\Protocols), a certificate without its key, or a firewall \
                 between that ends TLS",
                "KB 3045301",
            ),
        }
    }
    found.standing(evidence);
    found.0
}

struct Causes(Vec<Cause>);

impl Causes {
    fn put(
        &mut self,
        id: &'static str,
        fits: impl Into<String>,
        next: impl Into<String>,
        source: &'static str,
    ) {
        if !self.0.iter().any(|cause| cause.id == id) {
            self.0.push(Cause { id, fits: fits.into(), next: next.into(), source });
        }
    }

    /// Something between that rewrites.
    fn inspection(&mut self, evidence: &Evidence<'_>) {
        let Evidence { seen, .. } = evidence;
        let banner = seen.banner.as_ref().is_some_and(|(banner, _)| banner.is_masked_banner());
        let masked: Vec<_> =
            seen.keywords().filter(|k| k.masked).map(|k| k.text.as_str()).collect();
        let unknown = seen.hellos.iter().find(|h| h.verb == "EHLO" && h.answer.code >= 500);
        if let Some(ehlo) = unknown
            && (banner || evidence.peer.product == Product::Exchange)
        {
            self.put(
                "pix-mailguard",
                format!(
                    "EHLO got \"{}\"{}: the server never saw EHLO",
                    ehlo.answer,
                    if banner { " behind a masked banner" } else { "" }
                ),
                "on the firewall: no fixup protocol smtp 25 (PIX), no inspect esmtp (ASA); no \
                 extension passes it, so Exchange servers cannot authenticate through it",
                "Cisco document 4733; KB 320027",
            );
        }
        if banner || !masked.is_empty() {
            let mut fits = Vec::new();
            if banner {
                fits.push("the banner is masked".to_owned());
            }
            if !masked.is_empty() {
                fits.push(format!("EHLO keywords are overwritten: {}", masked.join(", ")));
            }
            self.put(
                "firewall-inspection",
                fits.join("; "),
                "on the firewall between: no inspect esmtp, or an esmtp policy map with allow-tls, \
                 no mask-banner and without the match on ehlo-reply-parameter others; then probe \
                 again",
                "KB 979175; Cisco documents 113423 and 118584",
            );
        }
    }

    fn no_connection(&mut self, evidence: &Evidence<'_>, none: &NoConnection) {
        let Plan { host, port, .. } = evidence.plan;
        match none {
            NoConnection::Unknown(_) => self.put(
                "host-unknown",
                format!("{host} has no address: {none}"),
                "mend the name, or its records in DNS; Resolve-DnsName on the sender \
                 shows what it finds",
                "our choice",
            ),
            NoConnection::TimedOut => self.put(
                "no-answer",
                format!("no answer from {host} on port {port}: not even a refusal"),
                format!(
                    "see that the host is up, and that no firewall drops port {port}: \
                     Test-NetConnection {host} -Port {port} on the sender"
                ),
                "Telnet page",
            ),
            NoConnection::Refused => self.put(
                "connection-refused",
                format!("{host} answers, and nothing listens on port {port}"),
                format!(
                    "on the server: Get-Service MSExchangeFrontEndTransport, MSExchangeTransport; \
                     and Get-ReceiveConnector for one that is enabled and bound to port {port}"
                ),
                "Telnet page",
            ),
            NoConnection::Source(error) => self.put(
                "source-address",
                format!("the address to come from cannot be used here: {error}"),
                "name an address of this machine, or state any other with --proxy-from where the \
                 receiver trusts a PROXY header",
                "our choice",
            ),
            NoConnection::Other(error) => self.put(
                "no-answer",
                format!("{host} cannot be reached: {error}"),
                "see the routes and firewalls between",
                "Telnet page",
            ),
        }
    }

    fn fault(&mut self, evidence: &Evidence<'_>, stage: Stage, fault: &Fault) {
        let within = evidence.plan.timeout;
        let before = stage == Stage::Banner;
        match fault {
            Fault::TimedOut(0) if before => self.put(
                "silent-port",
                format!("the connection was taken, and no banner came within {within:?}"),
                "see what listens there: a port that begins with TLS, a proxy that waits for a \
                 PROXY header, a balancer without a server behind it, or a transport service that \
                 hangs (Get-ServerComponentState, back pressure)",
                "Telnet page",
            ),
            Fault::TimedOut(n) => self.put(
                "slow-server",
                match n {
                    0 => format!("no reply came within {within:?}"),
                    n => format!("only {n} octets of a reply came within {within:?}"),
                },
                "try a longer --timeout: a tarpit holds refusals back for 5 s and more; see the \
                 load of the server, and what on the way delays packets",
                "Set-ReceiveConnector (TarpitInterval)",
            ),
            Fault::Closed | Fault::Reset if before => self.put(
                "closing-port",
                format!("{fault} before a banner"),
                "see what closes it: a firewall or an intrusion filter, an IP block list, a \
                 balancer without a server behind it, or a service that is going down",
                "our choice",
            ),
            Fault::Closed | Fault::Reset | Fault::Io(_) => self.put(
                "connection-dropped",
                format!("{fault} in answer to {}", last_sent(evidence)),
                "look at the receiver's protocol log for the session: if it is not there, \
                 something between has cut it, as an inspecting firewall does with what it does \
                 not know (%ASA-4-108004)",
                "Cisco ASA configuration guide, _default_esmtp_map",
            ),
            Fault::NotSmtp(line) => self.put(
                "not-smtp",
                format!("what answers there speaks no SMTP: \"{line}\""),
                "see what listens on that port",
                "RFC 5321 §4.2",
            ),
            Fault::TooLong => self.put(
                "endless-reply",
                fault.to_string(),
                "see what listens on that port; no SMTP server replies at such length",
                "RFC 5321 §4.5.3.1.5",
            ),
        }
    }

    fn own(&mut self, evidence: &Evidence<'_>, own: Own) {
        match own {
            Own::CannotAchieve => self.not_offered(evidence),
            Own::Temporary => self.own_proof(evidence),
            Own::UnknownHash => self.put(
                "exchangeauth-hash",
                "X-EXPS offers EXCHANGEAUTH, and X-EXCHANGEAUTH does not offer SHA256",
                "see what on the way rewrites the EHLO reply: every Exchange server offers both",
                "case note of 2019-11-04",
            ),
            Own::TlsRequired => {}
            Own::NoCertificate => self.put(
                "no-own-certificate",
                "direct trust needs the sender's certificate, and there is none",
                "give one with --certificate; on a server: New-ExchangeCertificate, and subscribe \
                 the Edge again",
                "Inbound anonymous TLS selection",
            ),
            Own::CertificateUnknown => self.put(
                "direct-trust-unknown",
                "the server's certificate is not the one that the sender knows it by",
                "on the server: Get-ExchangeCertificate, whether its internal transport \
                 certificate was replaced; then Start-EdgeSynchronization, or subscribe again",
                "technet ff981963",
            ),
        }
    }

    /// 451 5.7.3: the verbs are not there.
    fn not_offered(&mut self, evidence: &Evidence<'_>) {
        let Evidence { seen, peer, .. } = evidence;
        let source = told_source(evidence);
        if peer.product.is_foreign() {
            return self.not_exchange(evidence);
        }
        if peer.product == Product::OldMicrosoft {
            return self.put(
                "exchange-2003",
                format!("it is {}: {}", peer.product.name(), peer.because.join("; ")),
                "between 2003 and later versions use a routing group connector; on the 2003 \
                 virtual server Integrated Windows Authentication must be ticked, which gives \
                 X-EXPS GSSAPI",
                "KB 979175",
            );
        }
        if seen.keywords().any(|k| k.masked) || !self.0.is_empty() {
            // The cause stands there already; the server's own part cannot be seen.
            return;
        }
        if offers_any(seen, "X-EXPS") {
            return self.put(
                "x-anonymoustls-suppressed",
                "EHLO offers X-EXPS and no X-ANONYMOUSTLS",
                "Set-ReceiveConnector -SuppressXAnonymousTls $false; or, where a WAN optimiser \
                 needs it so, Set-TransportService -UseDowngradedExchangeServerAuth $true on the \
                 sender (then probe with --mechanism x-exps-gssapi)",
                "Set-ReceiveConnector; WAN optimisation (2013)",
            );
        }
        self.put(
            "exchange-server-not-offered",
            "EHLO offers neither X-ANONYMOUSTLS nor X-EXPS: the connector that took the session \
             has no Exchange Server authentication",
            "on the server: Get-ReceiveConnector | fl Identity, Bindings, RemoteIPRanges, \
             AuthMechanism; ExchangeServer belongs to AuthMechanism of the connector that this \
             peer is to meet, and ExchangeServers to PermissionGroups",
            "KB 979175",
        );
        self.put(
            "relay-connector-covers-us",
            format!(
                "a relay connector's RemoteIPRanges may hold {source}, as the most specific range \
                 wins; the default connectors do offer both verbs"
            ),
            format!(
                "take a dump of the connectors (Get-ReceiveConnector | Export-Clixml ex.clixml) and \
                 ask: expsd explain --import ex.clixml --remote {source}; expsd lint --import \
                 ex.clixml --peer sender={source}"
            ),
            "frankysweb.de, 451 5.7.3 Cannot achieve Exchange Server authentication",
        );
    }

    fn not_exchange(&mut self, evidence: &Evidence<'_>) {
        let Peer { product, because, .. } = evidence.peer;
        let what = match product {
            Product::Other => "it is no Exchange server".to_owned(),
            product => format!("it is {}, not Exchange", product.name()),
        };
        self.put(
            "not-exchange",
            format!("{what}: {}", because.join("; ")),
            "mail to it takes an ordinary send connector (probe with --mechanism anonymous); if an \
             Exchange server should be there, see what the name or the balancer leads to",
            "KB 979175",
        );
    }

    /// 454 4.7.0 of the sender's own making.
    fn own_proof(&mut self, evidence: &Evidence<'_>) {
        let Some(tried) = &evidence.seen.proof else { return self.mechanism(evidence) };
        let Some(error) = &tried.error else { return self.mechanism(evidence) };
        match error.kind {
            TokenErrorKind::NoCredentials => self.put(
                "kerberos-no-ticket",
                format!("there is nothing to prove it with: {error}"),
                "kinit as the sending server's account, or give --user and a password; klist \
                 shows what is there",
                "KB 979174",
            ),
            TokenErrorKind::TicketExpired => self.put(
                "kerberos-ticket-expired",
                error.to_string(),
                "kinit again; on a server: klist purge",
                "KB 979174",
            ),
            TokenErrorKind::UnknownClient => self.put(
                "wrong-password",
                error.to_string(),
                "mend the account's name or password; for a machine account: \
                 Test-ComputerSecureChannel -Repair",
                "KB 979174",
            ),
            TokenErrorKind::UnknownService => self.spn_unknown(evidence, &error.to_string()),
            TokenErrorKind::NoKdc | TokenErrorKind::TimedOut => {
                self.port_blocked(evidence, &error.to_string());
            }
            TokenErrorKind::ClockSkew => self.skew(evidence, &error.to_string()),
            TokenErrorKind::WrongKey => self.wrong_key(&error.to_string()),
            TokenErrorKind::Challenge | TokenErrorKind::Other => self.put(
                "proof-broken",
                error.to_string(),
                "look at the dialogue: what the server sent is no token of the mechanism, or was \
                 changed on the way",
                "KB 979174",
            ),
        }
        self.kerberos(evidence);
    }

    fn mechanism(&mut self, evidence: &Evidence<'_>) {
        if !self.0.is_empty() {
            return;
        }
        if evidence.peer.product.is_foreign() {
            self.not_exchange(evidence);
        }
        let (verb, ticks) = match evidence.plan.mechanism {
            Wanted::Login => ("AUTH LOGIN", "BasicAuth (with BasicAuthRequireTLS in TLS only)"),
            Wanted::Ntlm => ("AUTH NTLM", "Integrated"),
            Wanted::Gssapi => ("AUTH GSSAPI", "Integrated, with EnableAuthGSSAPI"),
            Wanted::XExpsNtlm => ("X-EXPS NTLM", "ExchangeServer"),
            _ => ("X-EXPS GSSAPI", "ExchangeServer; an Edge never offers it"),
        };
        self.put(
            "mechanism-not-offered",
            format!("{verb} is not offered to this peer in this state of the session"),
            format!("AuthMechanism of the connector needs {ticks}"),
            "Set-ReceiveConnector",
        );
    }

    fn refused(&mut self, evidence: &Evidence<'_>, stage: Stage, answer: &Answer) {
        let said = format!("\"{answer}\"");
        match (stage, answer.code) {
            (_, 421) => self.closing(evidence, answer),
            (_, 452) if answer.says("4.3.1") => self.put(
                "back-pressure",
                said,
                "on the server: events 15004 to 15007 and the disk and memory they name",
                "Back pressure",
            ),
            (Stage::Tls | Stage::Hello | Stage::Authentication, _)
                if answer.says("Cannot achieve") =>
            {
                self.no_submit(evidence, answer);
            }
            (Stage::HelloInTls, 454) => self.put(
                "direct-trust-unknown",
                format!("{said} to the hello behind TLS: the server does not know the certificate"),
                "Start-EdgeSynchronization, or subscribe the Edge again; event 1036 on the server \
                 names the certificate",
                "technet ff980980",
            ),
            (Stage::Tls, _) => self.put(
                "tls-refused",
                format!("{said} to {}, which EHLO had offered", last_sent(evidence)),
                "on the server: Get-ExchangeCertificate; what is between may have changed the verb",
                "Inbound STARTTLS selection",
            ),
            (Stage::Authentication, _) => self.proof_refused(evidence, answer),
            (Stage::Banner | Stage::Hello, _) if evidence.peer.product.is_foreign() => {
                self.not_exchange(evidence);
            }
            (Stage::Banner | Stage::Hello, _) if self.0.is_empty() => self.put(
                "turned-away",
                format!("{said} to {}", last_sent(evidence)),
                "see the connection filter and the block lists of the receiver",
                "our choice",
            ),
            (Stage::Mail | Stage::Rcpt, 530) => self.put(
                "not-authenticated",
                format!("{said}: the connector lets nobody submit who has not logged on"),
                "PermissionGroups of the connector lacks AnonymousUsers; if this peer should meet \
                 another connector: expsd explain on a dump of the set",
                "Receive connectors",
            ),
            (Stage::Mail, 451) if answer.says("STARTTLS") => self.put(
                "tls-required-there",
                format!("{said}: the connector has RequireTLS"),
                "have the sender use STARTTLS, or Set-ReceiveConnector -RequireTLS $false",
                "Set-ReceiveConnector",
            ),
            (Stage::Mail | Stage::Rcpt, _) if answer.says("send as this sender") => self.put(
                "send-as",
                format!("{said}: the sender is not an address of the account"),
                "send as one of its addresses, or give it Send As or \
                 ms-Exch-SMTP-Accept-Any-Sender",
                "Receive connectors",
            ),
            (Stage::Rcpt, _) if answer.says("relay") => self.put(
                "relay-denied",
                format!(
                    "{said}: the recipient's domain is no accepted one, and this peer may not relay"
                ),
                "log on; or a relay connector for this address alone with \
                 ms-Exch-SMTP-Accept-Any-Recipient; or Get-AcceptedDomain, if the domain is theirs",
                "Allow anonymous relay",
            ),
            (Stage::Rcpt, _) if answer.says("5.1.") => self.put(
                "recipient-refused",
                said,
                "mend the address; recipient validation and the switches RejectReserved… decide",
                "NDR page",
            ),
            (Stage::Mail | Stage::EndOfData, 552) => self.put(
                "too-large",
                said,
                "MaxMessageSize of the connector, of the organisation and of the recipient",
                "Message size limits",
            ),
            (Stage::EndOfData, 554) if answer.says("Hop count") => self.put(
                "mail-loop",
                said,
                "read the Received fields for the servers that hand it to each other",
                "Hop count exceeded",
            ),
            _ => {}
        }
    }

    fn closing(&mut self, evidence: &Evidence<'_>, answer: &Answer) {
        let said = format!("\"{answer}\"");
        let source = told_source(evidence);
        if answer.says("submission rate") {
            self.put(
                "rate-limit",
                format!("{said}: MessageRateLimit of the connector, counted by MessageRateSource"),
                "give the application a connector of its own with a higher MessageRateLimit",
                "Message rate limits",
            );
        } else if answer.says("server connections") {
            self.put(
                "connection-limit",
                format!("{said}: MaxInboundConnection of the connector is reached"),
                "on the server: event 1009; see who holds the connections before raising it",
                "technet ff984304",
            );
        } else if answer.says("concurrent connections") {
            self.put(
                "per-source-limit",
                format!("{said}: MaxInboundConnectionPerSource is reached for {source}"),
                "on the server: event 1021; a balancer or a gateway that comes with one address \
                 for many clients needs more: Set-ReceiveConnector \
                 -MaxInboundConnectionPerSource … -MaxInboundConnectionPercentagePerSource …",
                "technet bb218300; onprem.wtf",
            );
        } else if answer.says("not active") {
            self.put(
                "service-inactive",
                format!("{said}: the transport service is there and inactive"),
                "on the server: Get-ServerComponentState; Set-ServerComponentState … -State Active",
                "Set-ReceiveConnector",
            );
        } else if answer.says("Too many errors") {
            self.put(
                "too-many-errors",
                format!("{said}: MaxProtocolErrors or MaxLogonFailures is exceeded"),
                "mend what was refused before; event 1012 on the server",
                "technet ff984713",
            );
        } else {
            self.put(
                "service-not-available",
                format!(
                    "{said}: no connector takes {source}, or the service is going down or starved"
                ),
                format!(
                    "Get-ReceiveConnector: an enabled one whose RemoteIPRanges hold {source}, or \
                     expsd explain --remote {source} on a dump; then Get-ServerComponentState and \
                     the back pressure events 15004 to 15007"
                ),
                "Back pressure; frankysweb.de",
            );
        }
    }

    /// The proof, or the verb before it, gets the receiver's own 451 5.7.3.
    fn no_submit(&mut self, evidence: &Evidence<'_>, answer: &Answer) {
        let proved = evidence.seen.proof.as_ref().is_some_and(|tried| tried.reply.is_some());
        if !proved {
            return self.not_offered(evidence);
        }
        self.put(
            "no-submit-right",
            format!("\"{answer}\" after the proof: no permission group of the connector lets this account submit"),
            "tick ExchangeServers in PermissionGroups, and see that the sender's computer account \
             is in the group Exchange Servers: Get-ADPermission on the connector shows the rights; \
             event 1020 on the server names the account",
            "technet ff985427; ff983318",
        );
    }

    /// A proof that the server does not take.
    fn proof_refused(&mut self, evidence: &Evidence<'_>, answer: &Answer) {
        let Some(tried) = &evidence.seen.proof else { return };
        let said = format!("\"{answer}\"");
        match tried.mechanism {
            _ if answer.code == 504 => self.mechanism(evidence),
            Mechanism::Gssapi => {
                self.kerberos(evidence);
                if tried.outcome == ProofOutcome::Refused {
                    self.wrong_key(&format!("{said} to a ticket that the KDC has given"));
                    self.put(
                        "kerberos-spn-elsewhere",
                        "the SPN may stand at another account, so that the ticket is made with \
                         that one's key",
                        "setspn -X finds names that stand twice; setspn -Q SMTPSVC/… who has it",
                        "KB 979174",
                    );
                    self.connector_fqdn(evidence);
                }
            }
            Mechanism::Ntlm | Mechanism::Login | Mechanism::ExchangeAuth => {
                self.put(
                    "wrong-password",
                    format!("{said} to the name and the password"),
                    "mend name or password; on the server event 1035 (LogonDenied) or, where the \
                     account may not submit there, 1018 and 1020 tell which; NTLMv1 and a missing \
                     channel binding (ExtendedProtectionPolicy) are refused with the same words",
                    "technet ff981907",
                );
                self.put(
                    "no-submit-right",
                    "the same reply is given to a good proof whose account may not submit on this \
                     connector",
                    "PermissionGroups: ExchangeUsers for users, ExchangeServers for servers",
                    "technet ff985427",
                );
            }
        }
    }

    /// What the preflight found, whatever else is there.
    fn kerberos(&mut self, evidence: &Evidence<'_>) {
        let Some(kerberos) = &evidence.seen.kerberos else { return };
        let worst = skews(evidence).into_iter().max_by_key(|(_, ahead)| ahead.unsigned_abs());
        if let Some((whose, ahead)) = worst
            && ahead.unsigned_abs() > TOLERATED_SKEW
        {
            let by = if ahead < 0 { "behind" } else { "ahead" };
            let fits = format!("{whose} is {} s {by} of ours", ahead.unsigned_abs());
            self.skew(evidence, &fits);
        }
        let refused = kerberos.services.first().filter(|service| !service.ticket);
        if let Some(problem) = refused.and_then(|service| service.problem.as_deref())
            && problem.starts_with("the KDC knows no such service")
        {
            self.spn_unknown(evidence, problem);
        }
        if kerberos.kdcs.iter().any(|kdc| !kdc.reachable && kdc.port != 464)
            && kerberos.kdcs.iter().filter(|kdc| kdc.port != 464).all(|kdc| !kdc.reachable)
        {
            self.port_blocked(evidence, "no configured KDC can be reached");
        }
    }

    fn skew(&mut self, evidence: &Evidence<'_>, fits: &str) {
        let told: Vec<_> = skews(evidence)
            .into_iter()
            .map(|(whose, ahead)| format!("{whose} {ahead:+} s"))
            .collect();
        let told = if told.is_empty() { String::new() } else { format!(" ({})", told.join(", ")) };
        self.put(
            "kerberos-clock-skew",
            format!("{fits}{told}; Kerberos tolerates {TOLERATED_SKEW} s"),
            "set both clocks by the domain's time: w32tm /resync; w32tm /query /status",
            "KB 979174",
        );
    }

    fn spn_unknown(&mut self, evidence: &Evidence<'_>, fits: &str) {
        let host = evidence.name.unwrap_or("HOST").to_owned();
        let short = host.split('.').next().unwrap_or_default().to_ascii_uppercase();
        self.put(
            "kerberos-spn-unknown",
            format!("no ticket for SMTPSVC/{host}: {fits}"),
            format!(
                "setspn -L {short} shows what is registered, setspn -S SMTPSVC/{host} {short} adds \
                 it; see that {host} is the server's own name and not an alias or a connector's \
                 FQDN"
            ),
            "KB 979174",
        );
    }

    fn port_blocked(&mut self, evidence: &Evidence<'_>, fits: &str) {
        let kdcs = evidence.seen.kerberos.iter().flat_map(|kerberos| &kerberos.kdcs);
        let dead: Vec<_> = kdcs
            .filter(|kdc| !kdc.reachable)
            .map(|kdc| format!("{}:{}", kdc.host, kdc.port))
            .collect();
        let dead = if dead.is_empty() { String::new() } else { format!(" ({})", dead.join(", ")) };
        self.put(
            "kerberos-port-blocked",
            format!("{fits}{dead}"),
            "open ports 88 and 464, TCP and UDP, between the sender and its domain controllers; \
             see that one is up: nltest /dsgetdc:DOMAIN",
            "KB 979174",
        );
    }

    fn wrong_key(&mut self, fits: &str) {
        self.put(
            "kerberos-wrong-key",
            format!("{fits}: the server's key is not the one that the ticket was made with"),
            "klist purge on the sender; where that does not help, the machine account's password \
             was reset or is not replicated yet: Test-ComputerSecureChannel -Repair, repadmin \
             /showrepl",
            "KB 979174; case note of 2019-11-04",
        );
    }

    /// KB 979174 has the administrator look at a connector's FQDN that is not the server's own.
    fn connector_fqdn(&mut self, evidence: &Evidence<'_>) {
        let told = evidence.seen.banner.as_ref().and_then(|(banner, _)| banner.host());
        if let (Some(told), Some(name)) = (told, evidence.name)
            && !told.eq_ignore_ascii_case(name)
        {
            self.put(
                "connector-fqdn",
                format!("the banner names {told}, and the ticket is for {name}"),
                "set the connector's Fqdn back to the server's own",
                "KB 979174",
            );
        }
    }

    /// What is wrong although nothing was refused for it.
    fn standing(&mut self, evidence: &Evidence<'_>) {
        let Evidence { seen, peer, plan, .. } = evidence;
        let clear = seen.hellos.iter().find(|h| h.verb == "EHLO" && h.answer.code == 250);
        let masked = seen.keywords().any(|k| k.masked);
        if let Some(clear) = clear
            && !offers(&clear.keywords, "STARTTLS")
            && !masked
            && (peer.product == Product::Exchange || seen.own() == Some(Own::TlsRequired))
        {
            self.put(
                "starttls-missing",
                "EHLO in clear does not offer STARTTLS",
                "on the server: event 12014 (no certificate holds the connector's FQDN) or 12016 \
                 (it has expired) in the application log; Get-ExchangeCertificate, \
                 Enable-ExchangeCertificate -Services SMTP; and Tls in AuthMechanism",
                "technet bb510128",
            );
        }
        if evidence.names_host == Some(false)
            && seen.tls.as_ref().is_some_and(|tls| tls.verb == TlsKind::StartTls)
        {
            self.put(
                "certificate-name",
                format!(
                    "the certificate does not hold {}: a sender with TlsAuthLevel DomainValidation \
                     refuses it",
                    evidence.name.unwrap_or("the name")
                ),
                "a certificate that holds the name, and Enable-ExchangeCertificate -Services SMTP; \
                 or the connector's Fqdn or TlsCertificateName is stale",
                "Inbound STARTTLS selection",
            );
        }
        if evidence.expired {
            self.put(
                "certificate-expired",
                "the certificate has expired",
                "renew it: New-ExchangeCertificate; events 12015 and 12016 on the server",
                "technet ff983405",
            );
        }
        let relayed = plan.mechanism == Wanted::Anonymous
            && seen.rcpt.as_ref().is_some_and(Answer::is_positive);
        if relayed
            && let Some(domain) = plan.rcpt_to.as_ref().and_then(|to| to.rsplit_once('@'))
            && let Some(name) = evidence.name
            && !is_of(name, domain.1)
        {
            self.put(
                "relays-anonymously",
                format!(
                    "{} was taken without a proof, and {name} is not of that domain: unless it is \
                     an accepted domain there, this address may relay",
                    domain.1
                ),
                "Get-AcceptedDomain; and Get-ADPermission on the connector for ANONYMOUS LOGON \
                 with ms-Exch-SMTP-Accept-Any-Recipient, or ExternalAuthoritative in its \
                 AuthMechanism",
                "Allow anonymous relay",
            );
        }
    }
}

fn offers_any(seen: &Seen, verb: &str) -> bool {
    seen.hellos.iter().any(|heard| offers(&heard.keywords, verb))
}

/// Whose clocks are known, and how far they are ahead.
fn skews(evidence: &Evidence<'_>) -> Vec<(String, i64)> {
    let mut all = Vec::new();
    if let Some(ahead) = evidence.ahead {
        all.push(("the server's clock".to_owned(), ahead));
    }
    if let Some(Kerberos { kdcs, cache_ahead_s, .. }) = &evidence.seen.kerberos {
        let of_kdc = |kdc: &super::report::Kdc| {
            kdc.ahead_s.map(|ahead| (format!("the clock of {}", kdc.host), ahead))
        };
        all.extend(kdcs.iter().filter_map(of_kdc));
        let cache = cache_ahead_s.filter(|ahead| *ahead != 0);
        all.extend(cache.map(|ahead| ("the KDC's clock at login".to_owned(), ahead)));
    }
    all
}

/// The address that the receiver selected its connector by, as far as we know.
fn told_source(evidence: &Evidence<'_>) -> String {
    let proxied = evidence.plan.proxy_from;
    let own = evidence.seen.local.map(|local| local.ip());
    proxied.or(own).map_or("the sender's address".to_owned(), |ip| ip.to_string())
}

fn last_sent(evidence: &Evidence<'_>) -> String {
    use super::record::What;
    let sent = evidence.seen.moments.iter().rev().find_map(|moment| match &moment.what {
        What::Sent(line) if line != "QUIT" => Some(line.clone()),
        What::SentSecret(line) => Some(line.clone()),
        _ => None,
    });
    sent.unwrap_or_else(|| "the connection".to_owned())
}

fn verb_of(evidence: &Evidence<'_>) -> TlsKind {
    evidence.seen.tls.as_ref().map_or(TlsKind::StartTls, |tls| tls.verb)
}

/// `ex01.contoso.test` is of `contoso.test`.
fn is_of(host: &str, domain: &str) -> bool {
    let (host, domain) = (host.to_ascii_lowercase(), domain.to_ascii_lowercase());
    host == domain || host.ends_with(&format!(".{domain}"))
}
