//! Messages in memory: bounded, the oldest go first.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;

use super::Message;

/// Messages kept at most, and octets that their content takes.
const MAX_MESSAGES: usize = 10_000;
const MAX_OCTETS: u64 = 256 << 20;

#[derive(Debug)]
pub struct Memory {
    kept: Mutex<Kept>,
    max_messages: usize,
    max_octets: u64,
    accepted: watch::Sender<u64>,
}

#[derive(Debug, Default)]
struct Kept {
    messages: VecDeque<Arc<Message>>,
    octets: u64,
    discarded: u64,
}

/// Counts since the start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Totals {
    pub accepted: u64,
    /// Accepted, and gone since to make room.
    pub discarded: u64,
}

impl Default for Memory {
    fn default() -> Self {
        Self::bounded(MAX_MESSAGES, MAX_OCTETS)
    }
}

impl Memory {
    fn bounded(max_messages: usize, max_octets: u64) -> Self {
        let accepted = watch::Sender::new(0);
        Self { kept: Mutex::default(), max_messages, max_octets, accepted }
    }

    pub(super) fn keep(&self, message: Arc<Message>) {
        let mut kept = self.lock();
        kept.octets += message.held();
        kept.messages.push_back(message);
        while kept.messages.len() > self.max_messages
            || (kept.octets > self.max_octets && kept.messages.len() > 1)
        {
            let Some(oldest) = kept.messages.pop_front() else { break };
            kept.octets -= oldest.held();
            kept.discarded += 1;
        }
        drop(kept);
        self.accepted.send_modify(|accepted| *accepted += 1);
    }

    /// The messages, oldest first.
    pub fn messages(&self) -> Vec<Arc<Message>> {
        self.lock().messages.iter().cloned().collect()
    }

    pub fn totals(&self) -> Totals {
        let discarded = self.lock().discarded;
        Totals { accepted: *self.accepted.borrow(), discarded }
    }

    /// Changes whenever a message was accepted.
    pub fn watch(&self) -> watch::Receiver<u64> {
        self.accepted.subscribe()
    }

    /// The data stay whole whatever happens to a holder of the lock, so poison means nothing.
    fn lock(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::smtp::command::MailFrom;
    use crate::smtp::{Envelope, Path};

    fn message(id: u32, octets: u64) -> Arc<Message> {
        let mail = MailFrom::parse("FROM:<>").unwrap();
        Arc::new(Message {
            id: id.to_string(),
            session: String::new(),
            received: jiff::Timestamp::UNIX_EPOCH,
            connector: String::new(),
            selection: String::new(),
            local: String::new(),
            remote: String::new(),
            hello: String::new(),
            identity: None,
            mechanism: None,
            permissions: String::new(),
            tls: None,
            envelope: Envelope::new(&mail, Path::Null),
            message_id: String::new(),
            internal_id: 0,
            octets,
            stamped: Vec::new(),
            stripped: Vec::new(),
            content: vec![0; octets as usize].into(),
        })
    }

    fn kept(memory: &Memory) -> String {
        memory.messages().iter().map(|message| message.id.as_str()).collect()
    }

    #[test]
    fn the_oldest_make_room_and_are_counted() {
        let memory = Memory::bounded(3, 100);
        for id in 1..=4 {
            memory.keep(message(id, 10));
        }
        assert_eq!(kept(&memory), "234");
        memory.keep(message(5, 85));
        assert_eq!(kept(&memory), "45");
        assert_eq!(memory.totals(), Totals { accepted: 5, discarded: 3 });
    }

    #[test]
    fn the_newest_stays_whatever_its_size() {
        let memory = Memory::bounded(3, 100);
        memory.keep(message(1, 10));
        memory.keep(message(2, 1000));
        assert_eq!(kept(&memory), "2");
    }
}
