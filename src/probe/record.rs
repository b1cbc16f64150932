//! What happened on a connection, in order, for the dialogue and for the protocol log.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use super::answer::Answer;
use super::report::{Direction, Line};
use crate::journal::Ending;
use crate::tls::{Details, Negotiated};

/// Who is told of each line as it comes.
pub(super) type Watcher = Box<dyn FnMut(&Line) + Send>;

pub(super) struct Record {
    began: Instant,
    pub moments: Vec<Moment>,
    watcher: Watcher,
}

#[derive(Clone, Debug)]
pub(super) struct Moment {
    pub at: Duration,
    pub what: What,
}

#[derive(Clone, Debug)]
pub(super) enum What {
    Connected {
        local: SocketAddr,
        remote: SocketAddr,
    },
    /// A line of ours, without what is secret in it.
    Sent(String),
    /// A token or a password of ours; the text tells of what kind.
    SentSecret(String),
    Received(Answer),
    /// What came of a reply that was never whole, or is none.
    Fragment(String),
    /// The server's certificate.
    Certificate(Box<Details>),
    Negotiated(Negotiated),
    HandshakeFailed(String),
    /// The sender's own part of a proof failed, with this status.
    ProofFailed(&'static str),
    Ended(Ending),
}

impl Record {
    pub fn begin(watcher: Watcher) -> Self {
        Self { began: Instant::now(), moments: Vec::new(), watcher }
    }

    pub fn push(&mut self, what: What) {
        let moment = Moment { at: self.began.elapsed(), what };
        moment.lines().iter().for_each(&mut self.watcher);
        self.moments.push(moment);
    }

    pub fn elapsed(&self) -> Duration {
        self.began.elapsed()
    }
}

/// What stands in a dialogue, and in a log, for a reply to AUTH or X-EXPS that carries a token.
pub(super) fn without_token(answer: &Answer) -> Option<usize> {
    let text = answer.text();
    let is_prompt = text.len() < 32 && !text.starts_with("TlRM");
    (answer.code == 334 && !is_prompt).then_some(text.len())
}

/// The dialogue, a line each.
pub(super) fn dialogue(moments: &[Moment]) -> Vec<Line> {
    moments.iter().flat_map(Moment::lines).collect()
}

impl Moment {
    fn lines(&self) -> Vec<Line> {
        let Self { at, what } = self;
        let mut lines = Vec::new();
        let mut put = |direction, text: String| {
            lines.push(Line { ms: at.as_millis() as u64, direction, text });
        };
        match what {
            What::Connected { local, remote } => {
                put(Direction::Note, format!("connected to {remote} from {}", local.ip()));
            }
            What::Sent(line) | What::SentSecret(line) => put(Direction::Sent, line.clone()),
            What::Received(answer) => match without_token(answer) {
                Some(length) => {
                    put(Direction::Received, format!("{} <token, {length} octets>", answer.code));
                }
                None => {
                    let last = answer.lines.len().saturating_sub(1);
                    for (i, line) in answer.lines.iter().enumerate() {
                        let separator = if i == last { ' ' } else { '-' };
                        put(Direction::Received, format!("{}{separator}{line}", answer.code));
                    }
                }
            },
            What::Fragment(text) => put(Direction::Received, text.clone()),
            What::Certificate(details) => put(
                Direction::Note,
                format!("certificate {} for {}", details.subject, details.names.join(", ")),
            ),
            What::Negotiated(negotiated) => {
                let Negotiated { protocol, cipher_suite, .. } = negotiated;
                put(Direction::Note, format!("{protocol}, {cipher_suite}"));
            }
            What::HandshakeFailed(why) => put(Direction::Note, format!("TLS failed: {why}")),
            What::ProofFailed(status) => {
                put(Direction::Note, format!("Outbound Authentication failed with {status}"));
            }
            What::Ended(Ending::Local) => {}
            What::Ended(Ending::Remote) => put(Direction::Note, "closed by the server".to_owned()),
            What::Ended(_) => put(Direction::Note, "the connection broke".to_owned()),
        }
        lines
    }
}
