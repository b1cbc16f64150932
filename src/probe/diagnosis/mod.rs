//! Which of the known causes fit what was seen, the likeliest first.

mod connection;
mod kerberos;
mod proof;
mod reply;

use super::answer::{Answer, offers};
use super::plan::{Mechanism as Wanted, Plan};
use super::report::{Cause, Kerberos, Peer, Product};
use super::seen::{Heard, Own, Seen, Stop};
use crate::session::TlsKind;

/// Kerberos tolerates five minutes (KB 979174; RFC 4120 §8.2).
const TOLERATED_SKEW: u64 = 300;

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

/// What fits, and what is wrong besides without having ended the conversation.
pub(super) fn causes(evidence: &Evidence<'_>) -> (Vec<Cause>, Vec<Cause>) {
    let mut found = Causes(Vec::new());
    found.inspection(evidence);
    found.hello_name(evidence);
    if let Some((stage, stop)) = &evidence.seen.stop {
        match stop {
            Stop::NoConnection(none) => found.no_connection(evidence, none),
            Stop::Fault(fault) => found.fault(evidence, *stage, fault),
            Stop::Refused(answer) => found.refused(evidence, *stage, answer),
            Stop::Own(own) => found.own(evidence, *own),
            Stop::HandshakeFailed(failure) => found.handshake(evidence, failure),
        }
    }
    let mut standing = Causes(Vec::new());
    standing.standing(evidence);
    if evidence.seen.stop.is_none() || lacks_tls(evidence.seen) {
        found.0.append(&mut standing.0);
    }
    (found.0, standing.0)
}

/// Whether the conversation ended for want of TLS, which most standing causes are about.
fn lacks_tls(seen: &Seen) -> bool {
    match &seen.stop {
        Some((_, Stop::Own(own))) => *own == Own::TlsRequired,
        Some((_, Stop::Refused(answer))) => answer.says("STARTTLS"),
        _ => false,
    }
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
        if let Some(ehlo) = ehlo_unknown(evidence)
            && (banner || evidence.peer.product == Product::Exchange)
        {
            self.put(
                "pix-mailguard",
                format!(
                    "EHLO got \"{ehlo}\"{}: the server never saw EHLO",
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

    /// The name in our own hello.
    fn hello_name(&mut self, evidence: &Evidence<'_>) {
        let Evidence { seen, plan, .. } = evidence;
        let bad = |heard: &&Heard| matches!(heard.answer.code, 501 | 504);
        if let Some(heard) = seen.hellos.iter().find(bad)
            && plan.proxy_from.is_none()
        {
            self.put(
                "hello-name",
                format!("{} {} got \"{}\"", heard.verb, plan.sender, heard.answer),
                "mend --as: a full host name of letters, digits, hyphens and dots; on a server, the \
                 Fqdn of the send connector",
                "RFC 5321 §4.1.1.1",
            );
        }
    }

    /// No keyword came, and nothing tells whether the server or something between is to blame.
    fn only_helo(&mut self, evidence: &Evidence<'_>) {
        if let Some(ehlo) = ehlo_unknown(evidence)
            && self.0.is_empty()
        {
            self.put(
                "only-helo",
                format!("EHLO got \"{ehlo}\", and HELO works: there are no extensions to use"),
                "see what answers there: a server without ESMTP, or a firewall between that passes \
                 the seven verbs of RFC 821 alone; the receiver's protocol log shows which verb \
                 arrived",
                "RFC 5321 §3.2; Cisco document 4733",
            );
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
            Own::TlsRequired => self.only_helo(evidence),
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

/// The answer to an EHLO that is not known, where HELO is.
fn ehlo_unknown<'a>(evidence: &'a Evidence<'_>) -> Option<&'a Answer> {
    let hellos = &evidence.seen.hellos;
    // With a header that is taken for a command, one reply is to that.
    let helo = hellos.iter().any(|h| h.verb == "HELO" && h.answer.code == 250);
    let ehlo = hellos.iter().find(|h| h.verb == "EHLO" && matches!(h.answer.code, 500 | 502))?;
    (helo && evidence.plan.proxy_from.is_none()).then_some(&ehlo.answer)
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

#[cfg(test)]
mod tests {
    const CODE: [&str; 5] = [
        include_str!("mod.rs"),
        include_str!("connection.rs"),
        include_str!("kerberos.rs"),
        include_str!("proof.rs"),
        include_str!("reply.rs"),
    ];

    #[test]
    fn every_cause_is_in_the_documentation() {
        let docs = include_str!("../../../docs/probe.md");
        let mut ids: Vec<_> = CODE
            .iter()
            .filter_map(|code| code.split("#[cfg(test)]").next())
            .flat_map(|code| code.split(".put(").skip(1))
            .filter_map(|call| call.trim_start().strip_prefix('"')?.split('"').next())
            .collect();
        ids.sort_unstable();
        ids.dedup();
        assert!(ids.len() > 30, "{ids:?}");
        for id in ids {
            assert!(docs.contains(&format!("| `{id}` |")), "{id}");
        }
    }
}
