//! Answering: acceptance, refusal with its delay and its reason, and the end.

use std::time::{Duration, Instant};

use super::{Identity, Note, Reason, Session, State};
use crate::connector::{TimeSpan, Unlimited};
use crate::smtp::{Reply, reply};

impl Session {
    pub(super) fn accept(&mut self, reply: &Reply) {
        self.host.tally.reply(reply.code());
        reply.write_to(&mut self.out);
    }

    /// Refuses a command: counts it if it is a protocol error, delays the reply to an
    /// unauthenticated peer, and notes the reason.
    pub(super) fn refuse(&mut self, reply: Reply, reason: Reason, now: Instant) {
        self.tarpit_refusal(&reply, &reason, now);
        if reason.is_protocol_error() {
            self.protocol_errors += 1;
            if self.connector.max_protocol_errors.is_exceeded_by(self.protocol_errors) {
                self.note_refusal(&reply, reason);
                let limit = match self.connector.max_protocol_errors {
                    Unlimited::Limited(limit) => limit,
                    Unlimited::Unlimited => u32::MAX,
                };
                return self.close(reply::TOO_MANY_ERRORS, Reason::TooManyErrors(limit));
            }
        }
        self.accept(&reply);
        self.note_refusal(&reply, reason);
    }

    /// Refuses and closes, at once.
    pub(super) fn close(&mut self, reply: Reply, reason: Reason) {
        self.accept(&reply);
        self.note_refusal(&reply, reason);
        self.state = State::Closed;
    }

    pub(super) fn note_refusal(&mut self, reply: &Reply, reason: Reason) {
        self.notes.push(Note::Refused { reply: reply.clone(), reason });
    }

    /// TarpitInterval delays errors to unauthenticated peers, and AuthTarpitInterval failed
    /// proofs where the version has it (Set-ReceiveConnector; "Message rate limits").
    pub(super) fn tarpit_refusal(&mut self, reply: &Reply, reason: &Reason, now: Instant) {
        if reason.is_auth_failure() && self.facts().auth_tarpit {
            self.tarpit(self.connector.auth_tarpit_interval, now);
        } else if reason.is_auth_failure() || reply.is_permanent_failure() {
            self.tarpit(self.connector.tarpit_interval, now);
        }
    }

    pub(super) fn tarpit(&mut self, interval: TimeSpan, now: Instant) {
        let is_anonymous = matches!(self.identity, Identity::Anonymous);
        if is_anonymous && interval.0 > Duration::ZERO {
            self.hold = Some(now + interval.0);
        }
    }
}
