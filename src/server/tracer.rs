//! From a connection to its decision trace.

use std::borrow::Cow;
use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;

use jiff::Timestamp;

use crate::capture::Tls;
use crate::connector::{ReceiveConnector, Server, SourceAddress};
use crate::journal::trace::{self, LeftOut, Other, Outcome, Refusal, Selection, Trace, What};
use crate::journal::{Ending, Followed, Journal, Point};
use crate::scope;
use crate::session::explain::losers;
use crate::session::{Advice, Note, Reason, Session, TlsKind};
use crate::smtp::Reply;

/// Follows one session.
#[derive(Debug)]
pub(super) struct Tracer {
    followed: Arc<Followed>,
    journal: Arc<Journal>,
    since: Instant,
    /// Refusals whose replies were not sent yet.
    refusals: VecDeque<(String, Refusal)>,
    /// What EHLO replies that were not sent yet leave out, and what the last one did.
    left_out: VecDeque<Vec<LeftOut>>,
    told: Vec<LeftOut>,
    /// QUIT came.
    quit: bool,
    over: bool,
}

impl Tracer {
    pub fn open(
        journal: &Arc<Journal>,
        id: &str,
        server: &Server,
        selection: &scope::Selection<'_>,
        (local, remote): (SocketAddr, SourceAddress),
        session: &Session,
        now: Instant,
    ) -> Self {
        let selection = weighed(server, selection, local);
        let (local, remote) = (local.to_string(), remote.to_string());
        let trace = Trace::new(id.to_owned(), Timestamp::now(), local, remote, selection);
        let followed = Arc::new(Followed::new(trace));
        let mut tracer = Self {
            followed: Arc::clone(&followed),
            journal: Arc::clone(journal),
            since: now,
            refusals: VecDeque::new(),
            left_out: VecDeque::new(),
            told: Vec::new(),
            quit: false,
            over: false,
        };
        tracer.permissions(session, now);
        if let Some(recent) = journal.recent() {
            recent.opened(&followed);
        }
        tracer
    }

    /// What the session noted.
    pub fn note(&mut self, server: &Server, session: &Session, note: &Note, now: Instant) {
        match note {
            Note::Received(command) => {
                let text = command.to_string();
                self.quit = text.eq_ignore_ascii_case("QUIT");
                self.push(now, What::Command { text });
            }
            Note::Response => {
                self.push(now, What::Command { text: "<authentication response>".to_owned() });
            }
            Note::Advertised => self.left_out.push_back(left_out(session)),
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
            Note::WellKnownAccount { account, .. } => {
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
                self.ruled(rule.name());
                self.remark(now, format!("{reason}: {}", rule.then()));
            }
            // Told by the reply, or by the step of the handshake.
            Note::AuthenticationFailed { .. }
            | Note::MessageRejected { .. }
            | Note::ExchangeAuthInClear
            | Note::SecuredHello { .. }
            | Note::Transaction { .. } => {}
        }
    }

    fn ruled(&self, rule: &str) {
        let is_new = self.followed.trace().ruled(rule);
        if is_new {
            self.changed(Point::Ruled);
        }
    }

    fn refused(&mut self, server: &Server, session: &Session, reply: &Reply, reason: &Reason) {
        if let Reason::Rule(rule) = reason {
            self.ruled(rule);
        }
        let refusal = refusal(reason, reply, server, Some(session.connector()));
        self.refusals.push_back((reply.to_string(), refusal));
    }

    /// Replies that are being sent.
    pub fn sent(&mut self, output: &[u8], now: Instant) {
        let output = String::from_utf8_lossy(output);
        let mut reply = String::new();
        for line in output.lines() {
            reply += line;
            if line.as_bytes().get(3) == Some(&b'-') {
                reply.push('\n');
                continue;
            }
            self.replied(std::mem::take(&mut reply), now);
        }
    }

    fn replied(&mut self, text: String, now: Instant) {
        let place = self.refusals.iter().position(|(reply, _)| *reply == text);
        let refusal = place.and_then(|place| self.refusals.remove(place));
        // Of what else may be sent with it, no reply has these words and several lines.
        let is_hello = text.starts_with("250-") && text.contains(" Hello [");
        self.push(now, What::Reply { text, refusal: refusal.map(|(_, refusal)| refusal) });
        if is_hello
            && let Some(keywords) = self.left_out.pop_front()
            && keywords != self.told
        {
            self.told.clone_from(&keywords);
            self.push(now, What::LeftOut { keywords });
        }
    }

    pub fn tls(&mut self, tls: &Tls, now: Instant) {
        let Tls { command, protocol, cipher_suite, client_certificate } = tls.clone();
        self.push(now, What::Tls { command, protocol, cipher_suite, client_certificate });
    }

    pub fn tls_failed(&mut self, kind: TlsKind, refusal: Refusal, now: Instant) {
        self.push(now, What::TlsFailed { command: kind.to_string(), refusal });
    }

    pub fn message(&mut self, id: &str, octets: u64, recipients: usize, now: Instant) {
        self.push(now, What::Message { id: id.to_owned(), octets, recipients });
    }

    /// The session is over.
    pub fn end(&mut self, session: &Session, ending: Ending) {
        self.followed.trace().identity = session.identity().name();
        self.finish(match ending {
            Ending::Local if self.quit => "ended by QUIT",
            ending => by(ending),
        });
    }

    fn finish(&mut self, ending: &str) {
        self.over = true;
        let mut trace = self.followed.trace();
        trace.ended = Some(Timestamp::now());
        trace.ending = Some(ending.to_owned());
        self.journal.trace(&trace);
        drop(trace);
        self.changed(Point::Ended);
    }

    fn changed(&self, point: Point) {
        if let Some(recent) = self.journal.recent() {
            recent.changed(point, &self.followed);
        }
    }

    /// What the session may do from here on, and by which entries.
    fn permissions(&mut self, session: &Session, now: Instant) {
        let grants = session.grants().into_iter().map(|(source, principal, rights)| trace::Grant {
            by: format!("{source} ({principal})"),
            rights: rights.to_string(),
        });
        let grants = grants.collect();
        let identity = session.identity().name();
        self.followed.trace().identity.clone_from(&identity);
        let holder = identity.unwrap_or_else(|| "anonymous".to_owned());
        self.push(now, What::Permissions { holder, grants });
    }

    fn remark(&mut self, now: Instant, text: String) {
        self.push(now, What::Remark { text });
    }

    fn push(&mut self, now: Instant, what: What) {
        let at = now.saturating_duration_since(self.since).as_millis() as u64;
        let mut trace = self.followed.trace();
        let before = trace.outcome;
        trace.push(at, what);
        let now_refused = trace.outcome == Outcome::Refused && before != Outcome::Refused;
        drop(trace);
        if now_refused {
            self.changed(Point::Refused);
        }
    }
}

/// A session that was cut leaves its trace all the same.
impl Drop for Tracer {
    fn drop(&mut self) {
        if !self.over {
            self.finish("cut by the server");
        }
    }
}

/// What an EHLO reply leaves out now, and why.
fn left_out(session: &Session) -> Vec<LeftOut> {
    let mut keywords = Vec::new();
    session.offer().every_keyword(|keyword, missing| {
        if let Some(why) = missing {
            let name = keyword.as_str().map(Cow::Borrowed);
            let keyword = name.unwrap_or_else(|| keyword.to_string().into());
            keywords.push(LeftOut { keyword, why: why.to_string() });
        }
    });
    keywords
}

/// How the connectors stood.
pub(super) fn weighed(
    server: &Server,
    selection: &scope::Selection<'_>,
    local: SocketAddr,
) -> Selection {
    let others = losers(server, selection, local).into_iter();
    let others = others.map(|loser| Other { connector: loser.connector, why: loser.why });
    Selection {
        connector: selection.winner().map(|winner| server.identity(winner)),
        reason: selection.reason(),
        others: others.collect(),
    }
}

/// A refusal, told to a person.
pub(super) fn refusal(
    reason: &Reason,
    reply: &Reply,
    server: &Server,
    connector: Option<&ReceiveConnector>,
) -> Refusal {
    let Advice { sender, mend, commands } = reason.advice(reply, server, connector);
    Refusal { reason: reason.to_string(), sender, mend, commands }
}

/// Who ended a session.
pub(super) fn by(ending: Ending) -> &'static str {
    match ending {
        Ending::Local => "closed by the server",
        Ending::Remote => "closed by the client",
        Ending::ConnectionReset => "reset by the client",
        Ending::SocketError => "the connection broke",
    }
}
