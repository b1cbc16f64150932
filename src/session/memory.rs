//! Memory for messages in flight.

use std::sync::Arc;
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

    fn take(&self, octets: u64) -> bool {
        self.free
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |free| free.checked_sub(octets))
            .is_ok()
    }
}

/// The memory that one message has of it, until it is dropped.
pub(super) struct Reservation {
    memory: Arc<Memory>,
    octets: u64,
    pub is_short: bool,
}

impl Reservation {
    pub fn new(memory: &Arc<Memory>) -> Self {
        Self { memory: Arc::clone(memory), octets: 0, is_short: false }
    }

    /// Takes as much more as `held` octets need, in steps; says whether there was enough.
    pub fn cover(&mut self, held: usize) -> bool {
        const STEP: u64 = 64 << 10;
        let more = (held as u64).saturating_sub(self.octets).next_multiple_of(STEP);
        if more > 0 {
            self.is_short = !self.memory.take(more);
            self.octets += if self.is_short { 0 } else { more };
        }
        !self.is_short
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        self.memory.free.fetch_add(self.octets, Ordering::Relaxed);
    }
}
