//! Answering: acceptance, refusal with its delay and its reason, and the end.

use std::time::{Duration, Instant};

use super::{Identity, Note, Reason, Session, State};
use crate::connector::{TimeSpan, Unlimited};
use crate::smtp::{Reply, reply};

impl Session {
    pub(super) fn accept(&mut self, reply: &Reply) {
        self.host.tally.reply(reply.code());
        let start = self.out.len();
        reply.write_to(&mut self.out);
        self.truncate_reply(start);
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
        if matches!(self.identity, Identity::Anonymous) {
            self.delay(interval, now);
        }
    }

    /// Holds back what is in the output, whoever the peer is.
    pub(super) fn delay(&mut self, interval: TimeSpan, now: Instant) {
        if interval.0 > Duration::ZERO {
            self.hold = self.hold.max(Some(now + interval.0));
            self.tell(Note::Delayed(interval.0));
        }
    }

    /// While shadow redundancy works, 2010 holds back the reply that accepts a message until it
    /// was delivered, for MaxAcknowledgementDelay at most (Set-ReceiveConnector). Here nothing
    /// is ever delivered, so it is for all of that, from the end of data on.
    pub(super) fn delay_acknowledgement(&mut self, ended: Instant, now: Instant) {
        let until = ended + self.connector.max_acknowledgement_delay.0;
        if self.facts().delayed_acknowledgement && self.host.shadow_redundancy && until > now {
            self.notes.push(Note::AcknowledgementDelayed { by: until - now });
            self.hold = Some(until);
            self.last_heard = until;
        }
    }
}
