//! Those who wait for a message. Each new one is held against each filter once.

use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::oneshot;

use super::{Filter, Kept};

#[derive(Debug, Default)]
pub(super) struct Waiters {
    waiting: Mutex<Waiting>,
}

#[derive(Debug, Default)]
struct Waiting {
    last: u64,
    all: Vec<Waiter>,
}

#[derive(Debug)]
struct Waiter {
    key: u64,
    filter: Filter,
    found: oneshot::Sender<Kept>,
}

/// A place among the waiters, which is given up when this is dropped.
#[derive(Debug)]
pub(super) struct Place<'a> {
    waiters: &'a Waiters,
    key: u64,
    found: oneshot::Receiver<Kept>,
}

impl Waiters {
    pub fn join(&self, filter: Filter) -> Place<'_> {
        let (sender, found) = oneshot::channel();
        let mut waiting = self.lock();
        waiting.last += 1;
        let key = waiting.last;
        waiting.all.push(Waiter { key, filter, found: sender });
        Place { waiters: self, key, found }
    }

    /// Wakes all that wait for a message like this.
    pub fn tell(&self, kept: &Kept) {
        let met = self.lock().all.extract_if(.., |waiter| waiter.filter.matches(kept)).collect();
        let met: Vec<Waiter> = met;
        for waiter in met {
            // It may have run out of time just now.
            let _ = waiter.found.send(kept.clone());
        }
    }

    /// The list stays whole whatever happens to a holder of the lock, so poison means nothing.
    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Place<'_> {
    /// The first message that was told and matches; never ready if there is none.
    pub async fn found(&mut self) -> Kept {
        match (&mut self.found).await {
            Ok(kept) => kept,
            // Only a message takes the other end out of the list.
            Err(_) => std::future::pending().await,
        }
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.waiters.lock().all.retain(|waiter| waiter.key != self.key);
    }
}
