//! The end of data: a message is refused, or handed over to be kept and acknowledged.

use std::time::Instant;

use super::content::Collected;
use super::memory::Reservation;
use super::{Note, Reason, Received, Refusal, Session, State};
use crate::smtp::{Envelope, reply};

/// A message on its way to be kept. Its memory stays accounted until that is decided.
pub(super) struct Keeping {
    received: Option<Box<Received>>,
    message_id: Option<String>,
    octets: u64,
    since: Instant,
    ended: Instant,
    _reservation: Reservation,
}

impl Keeping {
    pub(super) fn take(&mut self) -> Option<Box<Received>> {
        self.received.take()
    }
}

/// What the keeper of messages says of one it has kept.
#[derive(Clone, Debug)]
pub struct Receipt {
    pub internal_id: u64,
    /// Unique; makes the Message-ID of a message that came without.
    pub guid: String,
}

impl Session {
    pub(super) fn end_of_data(&mut self, envelope: Envelope, collected: Collected, now: Instant) {
        if self.rule_answers_content(&envelope, &collected, now) {
            return;
        }
        if let Err(refusal) = self.hand_over(envelope, collected, now) {
            self.reject(refusal, now);
        }
    }

    fn hand_over(
        &mut self,
        envelope: Envelope,
        mut collected: Collected,
        ended: Instant,
    ) -> Result<(), Refusal> {
        collected.look(true, |host| self.host.server.is_named(host, &self.connector));
        self.check_content(&collected)?;
        self.check_whole(&collected)?;
        let Collected { content, firewall, since, reservation: _reservation, .. } = collected;
        let octets = content.received();
        let content = content.into_bytes();
        let (header, stripped) = firewall.finish(&content);
        self.check_from(&header, &content)?;
        let message_id = header.message_id(&content);
        let received =
            Received { envelope, content, message_id: message_id.clone(), stripped, header };
        let received = Some(Box::new(received));
        let keeping = Keeping { received, message_id, octets, since, ended, _reservation };
        self.state = State::Keeping(Box::new(keeping));
        Ok(())
    }

    /// Refuses a message. One whose header block is too large ends the connection
    /// (Set-ReceiveConnector, MaxHeaderSize).
    pub(super) fn reject(&mut self, (reply, reason): Refusal, now: Instant) {
        self.notes.push(Note::MessageRejected { reply: reply.clone() });
        if matches!(reason, Reason::HeaderTooLarge(_)) {
            self.tarpit_refusal(&reply, &reason, now);
            return self.close(reply, reason);
        }
        self.refuse(reply, reason, now);
    }

    /// The id of a message: its own, or one of this server.
    pub fn message_id(&self, own: Option<&str>, guid: &str) -> String {
        let host = &self.host.server.fqdn;
        own.map_or_else(|| format!("<{guid}@{host}>"), str::to_owned)
    }

    /// The message is kept: the reply that hands over the responsibility for it.
    pub fn kept(&mut self, receipt: &Receipt, now: Instant) {
        let State::Keeping(keeping) = std::mem::replace(&mut self.state, State::Ready) else {
            return;
        };
        let message_id = self.message_id(keeping.message_id.as_deref(), &receipt.guid);
        let elapsed = now.saturating_duration_since(keeping.since);
        let (queued, host) = (self.facts().queued, &self.host.server.fqdn);
        let reply = queued.reply(&message_id, receipt.internal_id, host, keeping.octets, elapsed);
        self.accept(&reply);
        self.last_heard = now;
        self.delay_acknowledgement(keeping.ended, now);
    }

    /// The message could not be kept; the client is to try again.
    pub fn not_kept(&mut self, why: String, now: Instant) {
        self.state = State::Ready;
        self.refuse(reply::INSUFFICIENT_RESOURCES, Reason::NotKept(why), now);
        self.last_heard = now;
    }
}
