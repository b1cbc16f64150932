//! Causes that a reply tells of.

use super::{Causes, Evidence, last_sent};
use crate::probe::answer::Answer;
use crate::probe::plan::Mechanism as Wanted;
use crate::probe::report::Stage;

impl Causes {
    pub(super) fn refused(&mut self, evidence: &Evidence<'_>, stage: Stage, answer: &Answer) {
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
            (_, 451) if answer.says("PRX") || answer.says("due to temporary server error") => {
                self.put(
                    "proxy-target",
                    format!(
                        "{said}: the front end cannot hand the session on to a server behind it"
                    ),
                    "on the front end: Test-NetConnection to port 2525 (or 465) of each mailbox \
                     server, Get-ServerComponentState for HubTransport there, the DNS servers that \
                     its adapters ask (nslookup of each server), and Get-ReceiveConnector for one \
                     that took the port from \"Default\" or \"Client Proxy\"",
                    "Cisco SocialMiner note",
                );
            }
            (Stage::HelloInTls, 454) if answer.says("cipher strength") => self.put(
                "weak-cipher",
                said,
                "see the ciphers of both sides (Get-TlsCipherSuite); the report has the one that \
                 was chosen",
                "our choice",
            ),
            (Stage::HelloInTls, 454) if evidence.plan.mechanism == Wanted::DirectTrust => self.put(
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
            (Stage::Hello, 500..=504) if evidence.plan.proxy_from.is_some() => {
                self.proxy_refused(evidence, &format!("{said} came"));
            }
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
            (Stage::Rcpt, _) if answer.text().starts_with("5.1.") => self.put(
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
            _ => self.otherwise(evidence, answer),
        }
    }

    /// Nothing in the reply tells of a cause that is known.
    pub(super) fn otherwise(&mut self, evidence: &Evidence<'_>, answer: &Answer) {
        if !self.0.is_empty() {
            return;
        }
        let fits = format!("\"{answer}\" to {}", last_sent(evidence));
        match answer.code {
            400..500 => self.put(
                "temporary",
                format!("{fits}: try again later, it says"),
                "wait for the next attempt, which passes greylisting; where the same reply stays, \
                 the receiver's protocol log and event log of that minute tell why",
                "RFC 5321 §4.2.1; RFC 6647",
            ),
            _ => self.put(
                "refused",
                format!("{fits}: no known cause has these words"),
                "read the reply: a policy, a filter or a block list mostly names itself in it; then \
                 the receiver's protocol log and message tracking log of that minute",
                "our choice",
            ),
        }
    }
}
