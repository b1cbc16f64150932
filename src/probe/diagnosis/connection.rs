//! Causes that show before, or in place of, a conversation.

use super::{Causes, Evidence, last_sent, told_source, verb_of};
use crate::probe::answer::Answer;
use crate::probe::connect::NoConnection;
use crate::probe::plan::Plan;
use crate::probe::report::Stage;
use crate::probe::wire::Fault;
use crate::tls::HandshakeFailure;

impl Causes {
    pub(super) fn no_connection(&mut self, evidence: &Evidence<'_>, none: &NoConnection) {
        let Plan { host, port, .. } = evidence.plan;
        match none {
            NoConnection::Unknown(error) => self.put(
                "host-unknown",
                format!("there is no address for {host}: {error}"),
                "mend the name, or its records in DNS, or see why no DNS server answers; \
                 Resolve-DnsName on the sender shows what it finds",
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

    pub(super) fn fault(&mut self, evidence: &Evidence<'_>, stage: Stage, fault: &Fault) {
        let within = evidence.plan.timeout;
        let before = stage == Stage::Banner;
        // It may have greeted before it read the header.
        if stage <= Stage::Hello && matches!(fault, Fault::Closed | Fault::Reset) {
            self.proxy_refused(evidence, &fault.to_string());
        }
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

    pub(super) fn handshake(&mut self, evidence: &Evidence<'_>, failure: &HandshakeFailure) {
        let verb = verb_of(evidence);
        match failure {
            HandshakeFailure::NothingInCommon(why) => self.put(
                "tls-nothing-in-common",
                format!(
                    "{verb} was accepted, and server and probe have no version or no cipher in \
                     common: {why}; an Exchange server may have"
                ),
                "the probe speaks TLS 1.2 (and 1.3 as a 2019 behind STARTTLS) with ephemeral keys \
                 and AES-GCM or ChaCha20: no CBC, no RSA key exchange. On the server: \
                 Get-TlsCipherSuite, and SCHANNEL\\Protocols in the registry; the sender's own \
                 SmtpSend log tells what the two agree on",
                "our choice",
            ),
            HandshakeFailure::Certificate(why) => self.put(
                "tls-certificate-form",
                format!(
                    "{verb} was accepted, and the probe cannot check that the server holds the \
                     key of its certificate: {why}; an Exchange server may"
                ),
                "on the server: Get-ExchangeCertificate | fl Thumbprint, PublicKeySize, \
                 HasPrivateKey; a new one (New-ExchangeCertificate) has a form that all can read",
                "our choice",
            ),
            HandshakeFailure::Other(why) => self.put(
                "tls-failed",
                format!("{verb} was accepted, and the handshake failed: {why}"),
                "see whether the server has a certificate without its key, or only versions and \
                 ciphers that the probe does not speak (it closes or resets then), or a firewall \
                 between ends TLS",
                "KB 3045301",
            ),
        }
    }

    /// A PROXY header is for receivers that trust who sends it.
    pub(super) fn proxy_refused(&mut self, evidence: &Evidence<'_>, what: &str) {
        if let Some(source) = evidence.plan.proxy_from {
            self.put(
                "proxy-refused",
                format!("{what}, behind a PROXY header that states {source}"),
                "leave out --proxy-from, unless the receiver knows the PROXY protocol and trusts \
                 this address ([proxy_protocol] trust); an Exchange server knows none: come from \
                 the address itself",
                "haproxy.org, The PROXY protocol",
            );
        }
    }

    pub(super) fn closing(&mut self, evidence: &Evidence<'_>, answer: &Answer) {
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
}
