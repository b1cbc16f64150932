//! From a connection to its decision trace.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::Instant;

use jiff::Timestamp;

use crate::capture::Tls;
use crate::connector::{GrantSource, Server, SourceAddress};
use crate::journal::Ending;
use crate::journal::trace::{self, LeftOut, Other, Outcome, Refusal, Selection, Trace, What};
use crate::scope;
use crate::session::explain::losers;
use crate::session::{Note, Reason, Session, TlsKind};
use crate::smtp::Reply;

/// Follows one session.
#[derive(Debug)]
pub(super) struct Tracer {
    trace: Trace,
    since: Instant,
    /// Refusals whose replies were not sent yet.
    refusals: VecDeque<(String, Refusal)>,
    /// The last command was EHLO, so that its reply has keywords.
    hello: bool,
}

impl Tracer {
    pub fn open(
        id: &str,
        server: &Server,
        selection: &scope::Selection<'_>,
        (local, remote): (SocketAddr, SourceAddress),
        session: &Session,
        now: Instant,
    ) -> Self {
        let others = losers(server, selection, local).into_iter();
        let others = others.map(|loser| Other { connector: loser.connector, why: loser.why });
        let mut tracer = Self {
            trace: Trace {
                session: id.to_owned(),
                started: Timestamp::now(),
                ended: None,
                local: local.to_string(),
                remote: remote.to_string(),
                selection: Selection {
                    connector: server.identity(session.connector()),
                    reason: selection.reason(),
                    others: others.collect(),
                },
                steps: Vec::new(),
                more_steps: 0,
                identity: None,
                messages: 0,
                outcome: Outcome::Quiet,
                ending: None,
            },
            since: now,
            refusals: VecDeque::new(),
            hello: false,
        };
        tracer.permissions(session, now);
        tracer
    }

    /// What the session noted.
    pub fn note(&mut self, server: &Server, session: &Session, note: &Note, now: Instant) {
        match note {
            Note::Received(command) => {
                let text = command.to_string();
                self.hello = text.get(..4).is_some_and(|verb| verb.eq_ignore_ascii_case("EHLO"));
                self.push(now, What::Command { text });
            }
            Note::Delayed(interval) | Note::AcknowledgementDelayed { by: interval } => {
                let milliseconds = interval.as_millis() as u64;
                self.push(now, What::Delayed { milliseconds });
            }
            Note::Refused { reply, reason } => self.refused(server, session, reply, reason),
            Note::Authenticated { account, mechanism, package, .. } => {
                let (mechanism, package) = (mechanism.to_string(), package.to_string());
                let account = account.clone();
                self.push(now, What::Authenticated { account, mechanism, package });
                self.permissions(session, now);
            }
            Note::NoSubmitPermission { account, .. } => {
                self.remark(now, format!("{account} proved itself, and may not submit here"));
            }
            Note::WellKnownAccount { account } => {
                self.remark(now, format!("{account} proved itself, and may not be used"));
            }
            Note::TrustedByCertificate { subject, role, .. } => {
                let role = role.name();
                self.remark(now, format!("known by its certificate {subject} as {role}"));
                self.permissions(session, now);
            }
            Note::DirectTrustFailed { subject } => {
                self.remark(now, format!("nobody is known by the certificate {subject}"));
            }
            Note::LogonFailuresExceeded { limit } => {
                self.remark(now, format!("more failed logons than MaxLogonFailures ({limit})"));
            }
            Note::PlaintextDropped { command, octets } => {
                self.remark(now, format!("{octets} octets in clear behind {command} were dropped"))
            }
            Note::Ruled { rule, reason } => {
                self.remark(now, format!("{reason}: {}", rule.then()));
            }
            // Told by the reply, or by the step of the handshake.
            Note::AuthenticationFailed { .. }
            | Note::MessageRejected { .. }
            | Note::SecuredHello { .. }
            | Note::Transaction { .. } => {}
        }
    }

    fn refused(&mut self, server: &Server, session: &Session, reply: &Reply, reason: &Reason) {
        let advice = reason.advice(reply, server, session.connector());
        let refusal =
            Refusal { reason: reason.to_string(), sender: advice.sender, mend: advice.mend };
        self.refusals.push_back((reply.to_string(), refusal));
    }

    /// Replies that are being sent.
    pub fn sent(&mut self, session: &Session, output: &[u8], now: Instant) {
        let output = String::from_utf8_lossy(output);
        let mut reply = String::new();
        for line in output.lines() {
            reply += line;
            if line.as_bytes().get(3) == Some(&b'-') {
                reply.push('\n');
                continue;
            }
            self.replied(session, std::mem::take(&mut reply), now);
        }
    }

    fn replied(&mut self, session: &Session, text: String, now: Instant) {
        let place = self.refusals.iter().position(|(reply, _)| *reply == text);
        let refusal = place.and_then(|place| self.refusals.remove(place));
        let advertised = std::mem::take(&mut self.hello) && text.starts_with("250");
        self.push(now, What::Reply { text, refusal: refusal.map(|(_, refusal)| refusal) });
        if advertised {
            let mut keywords = Vec::new();
            session.offer().every_keyword(|keyword, missing| {
                if let Some(why) = missing {
                    let (keyword, why) = (keyword.to_string(), why.to_string());
                    keywords.push(LeftOut { keyword, why });
                }
            });
            self.push(now, What::LeftOut { keywords });
        }
    }

    pub fn tls(&mut self, tls: &Tls, now: Instant) {
        let Tls { command, protocol, cipher_suite, client_certificate } = tls.clone();
        self.push(now, What::Tls { command, protocol, cipher_suite, client_certificate });
    }

    pub fn tls_failed(&mut self, kind: TlsKind, error: &std::io::Error, now: Instant) {
        let (command, error) = (kind.to_string(), error.to_string());
        self.trace.outcome = Outcome::Refused;
        self.push(now, What::TlsFailed { command, error });
    }

    pub fn message(&mut self, id: &str, octets: u64, recipients: usize, now: Instant) {
        self.trace.messages += 1;
        if self.trace.outcome == Outcome::Quiet {
            self.trace.outcome = Outcome::Accepted;
        }
        self.push(now, What::Message { id: id.to_owned(), octets, recipients });
    }

    /// The trace, now that the session is over.
    pub fn end(mut self, session: &Session, ending: Ending) -> Trace {
        self.trace.ended = Some(Timestamp::now());
        self.trace.identity = session.identity().name();
        let by = match ending {
            Ending::Local => "closed by the server",
            Ending::Remote => "closed by the client",
            Ending::ConnectionReset => "reset by the client",
            Ending::SocketError => "the connection broke",
        };
        self.trace.ending = Some(by.to_owned());
        self.trace
    }

    /// What the session may do from here on, and by which entries.
    fn permissions(&mut self, session: &Session, now: Instant) {
        let grants = session.grants().into_iter().map(|(source, principal, rights)| {
            let how = match source {
                GrantSource::PermissionGroup(group) => group.to_string(),
                GrantSource::Allowed => "allowed by Add-ADPermission".to_owned(),
                GrantSource::Denied => "denied by Add-ADPermission".to_owned(),
                GrantSource::InheritedAllowed => "allowed by an inherited entry".to_owned(),
                GrantSource::InheritedDenied => "denied by an inherited entry".to_owned(),
            };
            trace::Grant { by: format!("{how} ({principal})"), rights: rights.to_string() }
        });
        let grants = grants.collect();
        let holder = session.identity().name().unwrap_or_else(|| "anonymous".to_owned());
        self.push(now, What::Permissions { holder, grants });
    }

    fn remark(&mut self, now: Instant, text: String) {
        self.push(now, What::Remark { text });
    }

    fn push(&mut self, now: Instant, what: What) {
        let at = now.saturating_duration_since(self.since).as_millis() as u64;
        self.trace.push(at, what);
    }
}
