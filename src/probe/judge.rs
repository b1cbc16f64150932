//! What is made of what was seen; free of I/O.

use std::time::Duration;

use jiff::Timestamp;

use super::answer::Answer;
use super::conversation::name;
use super::diagnosis::{Evidence, causes};
use super::likeness::version;
use super::log::send_log;
use super::peer::peer;
use super::plan::{Mechanism as Wanted, Plan};
use super::queue::{event, queued};
use super::record::dialogue;
use super::report::{
    Authentication, Banner, CertificateFacts, Hello, Outcome, Product, ProofOutcome, Report,
    Sender, Stage, Stopped, Target, Tls,
};
use super::seen::{Handshake, Seen, Stop, Tried};
use super::wire::Fault;
use crate::session::TlsKind;

/// The report of a visit that began at `began`.
pub(super) fn judge(plan: &Plan, seen: Seen, began: Timestamp) -> Report {
    let name = name(plan, &seen);
    let hellos: Vec<_> = seen.hellos.iter().map(Hello::of).collect();
    let mut peer = peer(&seen);
    if peer.product == Product::Exchange {
        peer.version = version(&hellos);
    }
    let banner = seen.banner.as_ref().map(|(answer, took)| {
        let date = answer.date();
        // A banner's date has whole seconds.
        let heard = began.as_second() + took.as_secs() as i64;
        Banner {
            text: answer.to_string(),
            masked: answer.is_masked_banner(),
            host: answer.host().map(str::to_owned),
            date,
            ahead_s: date.map(|date| date.as_second() - heard),
            ms: took.as_millis() as u64,
        }
    });
    let tls = seen.tls.as_ref().map(|tls| tls_facts(tls, name.as_deref(), began));
    let certificate = tls.as_ref().and_then(|tls| tls.certificate.as_ref());
    let (causes, besides) = causes(&Evidence {
        plan,
        seen: &seen,
        peer: &peer,
        name: name.as_deref(),
        ahead: banner.as_ref().and_then(|banner| banner.ahead_s),
        names_host: certificate.and_then(|certificate| certificate.names_host),
        expired: certificate.is_some_and(|certificate| certificate.expired),
    });
    let queued = queued(plan, &seen, name.as_deref(), began);
    let (last_error, last_error_fields, fate) = match queued {
        Some(queued) => (Some(queued.text), queued.fields, Some(queued.fate)),
        None => (None, None, None),
    };
    Report {
        outcome: outcome(&seen),
        stopped: seen
            .stop
            .as_ref()
            .map(|(stage, stop)| Stopped { stage: *stage, what: stop.to_string() }),
        last_error,
        last_error_fields,
        fate,
        event: event(plan, &seen, name.as_deref()),
        hellos,
        authentication: seen.proof.as_ref().map(authentication),
        notes: notes(plan, &seen),
        dialogue: dialogue(&seen.moments),
        send_log: send_log(plan, &seen.moments, began),
        causes,
        besides,
        peer,
        tls,
        banner,
        target: Target { host: plan.host.clone(), port: plan.port, name, address: seen.address },
        sender: Sender {
            name: plan.sender.clone(),
            version: plan.version.to_string(),
            address: seen.local,
            proxied: plan.proxy_from,
        },
        began,
        took_ms: seen.took.as_millis() as u64,
        kerberos: seen.kerberos,
    }
}

fn outcome(seen: &Seen) -> Outcome {
    match &seen.stop {
        None if seen.delivered.is_some() => Outcome::Delivered,
        None => Outcome::Accepted,
        Some((_, Stop::NoConnection(_))) => Outcome::Unreachable,
        Some((_, Stop::HandshakeFailed(failure))) if failure.is_ours() => Outcome::Undecided,
        // Something listens, and it is no server that one could talk to.
        Some((Stage::Banner, Stop::Fault(_))) => Outcome::Unreachable,
        Some(_) => Outcome::Refused,
    }
}

fn tls_facts(tls: &Handshake, name: Option<&str>, now: Timestamp) -> Tls {
    let facts = tls.outcome.as_ref().ok();
    let negotiated = facts.map(|facts| &facts.negotiated);
    let details = facts.and_then(|facts| facts.details.as_ref());
    Tls {
        verb: tls.verb,
        failed: tls.outcome.as_ref().err().map(ToString::to_string),
        protocol: negotiated.map(|negotiated| negotiated.protocol.clone()),
        cipher_suite: negotiated.map(|negotiated| negotiated.cipher_suite.clone()),
        certificate: details.map(|details| CertificateFacts {
            subject: details.subject.clone(),
            issuer: details.issuer.clone(),
            names: details.names.clone(),
            thumbprint: details.thumbprint.clone(),
            not_before: details.not_before,
            not_after: details.not_after,
            expired: details.is_expired(now),
            names_host: name.map(|name| details.is_for(name)),
        }),
    }
}

impl Hello {
    fn of(heard: &super::seen::Heard) -> Self {
        Self {
            verb: heard.verb,
            tls: heard.tls,
            code: heard.answer.code,
            greeting: heard.answer.lines.first().cloned().unwrap_or_default(),
            keywords: heard.keywords.clone(),
        }
    }
}

fn authentication(tried: &Tried) -> Authentication {
    Authentication {
        command: format!("{} {}", tried.command.verb(), tried.mechanism.keyword()),
        outcome: tried.outcome,
        identity: tried.identity.clone(),
        reply: tried.reply.as_ref().map(Answer::to_string),
        status: (tried.outcome == ProofOutcome::Failed)
            .then(|| tried.error.as_ref().map(|error| error.kind.status().to_owned()))
            .flatten(),
        problem: tried.error.as_ref().map(ToString::to_string),
    }
}

/// A banner that takes longer is worth a word. Our choice.
const LATE: Duration = Duration::from_secs(2);

fn notes(plan: &Plan, seen: &Seen) -> Vec<String> {
    let mut notes = Vec::new();
    let in_tls = seen.tls.as_ref().is_some_and(|tls| tls.outcome.is_ok());
    if let Some(tried) = &seen.proof {
        if tried.outcome == ProofOutcome::NotTried {
            notes
                .push("nothing was proved: give --user and a password, or get a ticket".to_owned());
        } else if plan.mechanism == Wanted::ExchangeServer
            && seen.tls.as_ref().is_some_and(|tls| tls.verb == TlsKind::XAnonymousTls)
        {
            notes.push(format!(
                "X-EXPS {} stands in for EXCHANGEAUTH, which a sending Exchange server uses here",
                tried.mechanism.keyword()
            ));
        }
        if tried.mechanism == crate::auth::Mechanism::Login && !in_tls && tried.told {
            notes.push("the password went in clear: the server offers no STARTTLS".to_owned());
        }
    }
    if let Some((_, took)) = &seen.banner
        && *took > LATE
    {
        notes.push(format!(
            "the banner took {:.1} s: a look-up of names or a filter holds it back",
            took.as_secs_f64()
        ));
    }
    if seen.early_words {
        notes.push(
            "words came in clear behind the reply to the TLS verb; they were dropped \
             (CVE-2011-0411)"
                .to_owned(),
        );
    }
    if let Some(Fault::TimedOut(_)) = seen.fault() {
        notes.push(format!("each step was given {:?}", plan.timeout));
    }
    if seen.stop.is_none() && plan.rcpt_to.is_none() {
        notes.push("no recipient was named, so MAIL and RCPT were not tried".to_owned());
    } else if seen.stop.is_none() && plan.message.is_none() {
        notes.push("no message was sent, so nothing was delivered".to_owned());
    }
    notes
}
