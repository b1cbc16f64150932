//! Memory for messages in flight.

use std::sync::atomic::{AtomicU64, Ordering};

/// Memory for messages in flight, shared by all sessions of a daemon.
#[derive(Debug)]
pub struct Memory {
    free: AtomicU64,
}

impl Memory {
    pub fn new(octets: u64) -> Self {
        Self { free: AtomicU64::new(octets) }
    }

    pub(super) fn take(&self, octets: u64) -> bool {
        self.free
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |free| free.checked_sub(octets))
            .is_ok()
    }

    pub(super) fn give_back(&self, octets: u64) {
        self.free.fetch_add(octets, Ordering::Relaxed);
    }
}
