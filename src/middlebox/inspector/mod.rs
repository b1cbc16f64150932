//! One conversation as the firewall sees it, free of I/O.
//!
//! Packets are overwritten in place, so that no length can change.

mod content;
mod replies;
mod requests;

use super::log::{Class, Event};
use super::mode::{Inspection, Mode};
use content::Content;
use replies::Replies;
use requests::Line;

/// What becomes of a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum Verdict {
    /// It goes on as it is now.
    Pass,
    /// It does not, and the connection ends.
    Drop,
}

/// The state of both directions.
#[derive(Debug)]
pub struct Inspector {
    /// `None` where everything passes, from the start or since TLS began.
    inspection: Option<&'static Inspection>,
    requests: Requests,
    replies: Replies,
    events: Vec<Event>,
}

/// What the client says next.
#[derive(Debug)]
enum Input {
    Command(Line),
    /// The answer to a `334`.
    Response,
    Content(Content),
}

/// The side of the client.
#[derive(Debug)]
struct Requests {
    input: Input,
    /// An EHLO has passed, and its reply has not.
    ehlo: bool,
    /// A STARTTLS has passed, and neither its reply nor a refusal has.
    starttls: bool,
    recipients: usize,
    /// `SIZE=` of the transaction.
    declared: Option<u64>,
}

impl Inspector {
    pub fn new(mode: Mode) -> Self {
        Self {
            inspection: mode.inspection(),
            requests: Requests {
                input: Input::Command(Line::default()),
                ehlo: false,
                starttls: false,
                recipients: 0,
                declared: None,
            },
            replies: Replies::default(),
            events: Vec::new(),
        }
    }

    /// What has happened since it was asked last, oldest first.
    pub fn events(&mut self) -> Vec<Event> {
        std::mem::take(&mut self.events)
    }

    /// Judges what one read of the client's side gave. It is judged as it stands, as the
    /// firewalls do: a verb that is cut short is none (Cisco document 113423).
    pub fn from_client(&mut self, packet: &mut [u8]) -> Verdict {
        let Some(inspection) = self.inspection else { return Verdict::Pass };
        match self.requests.read(packet, inspection, &mut self.events) {
            Ok(()) => Verdict::Pass,
            Err(class) => {
                self.events.extend([Event::Matched(class), Event::Disconnected]);
                Verdict::Drop
            }
        }
    }

    /// Judges what the server's side has said so far, and gives how many octets of it go on now.
    /// The rest is a line without its end: it must come again, with what follows, and does go
    /// on where `last` says that nothing can follow. That replies are judged by whole lines is
    /// our choice; servers send them so.
    pub fn from_server(&mut self, bytes: &mut [u8], last: bool) -> usize {
        let mut done = 0;
        while let Some(inspection) = self.inspection {
            let rest = &mut bytes[done..];
            let end = memchr::memchr(b'\n', rest).map(|at| at + 1);
            let Some(end) = end.or_else(|| (last && !rest.is_empty()).then_some(rest.len())) else {
                return done;
            };
            done += end;
            let line = &mut rest[..end];
            let (ehlo, greeted) = (self.requests.ehlo, self.replies.greeted());
            if let Some(code) = self.replies.read(line, inspection, ehlo, &mut self.events) {
                self.replied(code, greeted);
            }
        }
        bytes.len()
    }

    /// A reply has ended; where `greeted` is not set it was the greeting, which a client may have
    /// spoken before.
    fn replied(&mut self, code: u16, greeted: bool) {
        let requests = &mut self.requests;
        if self.replies.take_listed() {
            requests.ehlo = false;
        }
        match (code, &requests.input) {
            (334, Input::Command(_)) => requests.input = Input::Response,
            (354, Input::Command(_)) => requests.input = Input::Content(Content::default()),
            (220, _) if greeted && requests.starttls => {
                self.inspection = None;
                self.events.push(Event::TlsStarted);
            }
            (400.., _) => requests.starttls = false,
            _ => {}
        }
    }
}

/// `Err`: a class has matched that drops the connection.
type Judged<T> = Result<T, Class>;

/// X for every octet, blanks too, but for CR and LF wherever they stand.
fn overwrite(text: &mut [u8]) {
    for octet in text.iter_mut().filter(|octet| !matches!(octet, b'\r' | b'\n')) {
        *octet = b'X';
    }
}

#[cfg(test)]
mod tests;
