//! What is counted of one source on one connector.

use serde::Serialize;

use super::figures::Outside;
use super::names::{Few, NameId};
use super::time::Stamp;

/// How a session went over the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Channel {
    Clear,
    StartTls,
    XAnonymousTls,
    /// It began before the log did.
    Unknown,
}

/// What came of a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// At least one message was accepted.
    Delivered,
    /// None was, and something was refused.
    Refused,
    /// It broke off before either, or in the midst of a handshake or a message.
    Dropped,
    /// It came and went: a probe, a monitor, or a peer that did not find what it needs.
    Idle,
    /// Its end is not in the log.
    Unfinished,
}

/// Attempts to log on, by how they ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Attempts {
    pub accepted: u64,
    pub failed: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Failures {
    pub count: u64,
    pub last: Stamp,
}

impl Default for Failures {
    fn default() -> Self {
        Self { count: 0, last: Stamp::FIRST }
    }
}

/// The figures of one source on one connector.
#[derive(Clone, Debug)]
pub struct Tally {
    pub first: Stamp,
    pub last: Stamp,
    pub sessions: u64,
    /// Sessions whose beginning is not in the log.
    pub partial: u64,
    /// By [`Outcome`].
    pub(super) outcomes: [u64; 5],
    /// Sessions by [`Channel`].
    pub(super) tls: [u64; 4],
    pub messages: u64,
    /// Of the messages that were accepted.
    pub recipients: u64,
    /// Accepted, and no message came for them.
    pub recipients_unsent: u64,
    pub recipients_refused: u64,
    /// Recipients of accepted messages in no accepted domain.
    pub(super) outside: Outside,
    /// Sessions that could relay without logging on, by the permissions that 2007 to 2013 log.
    pub may_relay: u64,
    /// Answers that were held back (TarpitInterval).
    pub tarpits: u64,
    /// Commands of nothing but X, as firewalls leave them that do not know a verb.
    pub masked: u64,
    /// Sessions whose first EHLO, in clear, was answered, and those where the reply offered
    /// neither X-EXPS nor X-ANONYMOUSTLS. Those of clients do not count.
    pub ehlo: u64,
    pub ehlo_without_exchange: u64,
    /// Sessions that began with HELO.
    pub helo: u64,
    /// Sessions that are no server's: with AUTH, on port 587, or from the server itself.
    pub clients: u64,
    /// `10.0.0.5:25`, by sessions.
    pub(super) locals: Few<u64, 16>,
    /// `TLS 1.2 AES_256`, by handshakes.
    pub(super) ciphers: Few<u64, 16>,
    /// `AUTH LOGIN`, by attempts.
    pub(super) mechanisms: Few<Attempts, 16>,
    /// Who logged on, by times.
    pub(super) identities: Few<u64, 64>,
    /// Names that failed to log on, by times.
    pub(super) failed_identities: Few<u64, 64>,
    /// What it calls itself, by times.
    pub(super) hellos: Few<u64, 8>,
    pub(super) failures: Few<Failures, 64>,
}

impl Tally {
    pub fn new(time: Stamp) -> Self {
        Self {
            first: time,
            last: time,
            sessions: 0,
            partial: 0,
            outcomes: [0; 5],
            tls: [0; 4],
            messages: 0,
            recipients: 0,
            recipients_unsent: 0,
            recipients_refused: 0,
            outside: Outside::default(),
            may_relay: 0,
            tarpits: 0,
            masked: 0,
            ehlo: 0,
            ehlo_without_exchange: 0,
            helo: 0,
            clients: 0,
            locals: Few::default(),
            ciphers: Few::default(),
            mechanisms: Few::default(),
            identities: Few::default(),
            failed_identities: Few::default(),
            hellos: Few::default(),
            failures: Few::default(),
        }
    }

    pub fn sessions_with(&self, outcome: Outcome) -> u64 {
        self.outcomes[outcome as usize]
    }

    pub fn sessions_in(&self, channel: Channel) -> u64 {
        self.tls[channel as usize]
    }

    pub fn seen(&mut self, time: Stamp) {
        self.first = self.first.min(time);
        self.last = self.last.max(time);
    }

    pub fn failed(&mut self, name: NameId, time: Stamp) {
        let failures = self.failures.of(name);
        failures.count += 1;
        failures.last = failures.last.max(time);
    }
}
