//! Messages in memory: bounded, the oldest go first.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;

use super::Message;

/// Messages kept at most, and octets of content.
const MAX_MESSAGES: usize = 10_000;
const MAX_OCTETS: u64 = 256 << 20;

#[derive(Debug)]
pub struct Memory {
    kept: Mutex<Kept>,
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
        Self { kept: Mutex::default(), accepted: watch::Sender::new(0) }
    }
}

impl Memory {
    pub(super) fn keep(&self, message: Arc<Message>) {
        let mut kept = self.lock();
        kept.octets += message.octets;
        kept.messages.push_back(message);
        while kept.messages.len() > MAX_MESSAGES
            || (kept.octets > MAX_OCTETS && kept.messages.len() > 1)
        {
            let Some(oldest) = kept.messages.pop_front() else { break };
            kept.octets -= oldest.octets;
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
