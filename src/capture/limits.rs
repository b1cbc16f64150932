//! How much is kept.

use std::time::Duration;

use jiff::Timestamp;

/// What is kept at most. What is beyond goes, the oldest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    pub messages: u64,
    /// Octets of contents and of what is kept beside them to be searched. The newest message
    /// stays, whatever its size.
    pub octets: u64,
    /// Counted from when a message was received; `None`: for ever.
    pub age: Option<Duration>,
}

impl Limits {
    /// Our choice.
    pub const MEMORY: Self = Self { messages: 10_000, octets: 256 << 20, age: None };

    /// For what is kept on a disk. Our choice.
    pub const DISK: Self = Self { messages: 1_000_000, octets: 10 << 30, age: None };

    /// Whether so much is too much.
    pub(super) fn are_exceeded_by(&self, messages: u64, octets: u64) -> bool {
        messages > self.messages.max(1) || (octets > self.octets && messages > 1)
    }

    /// What was received before this is too old.
    pub(super) fn oldest(&self, now: Timestamp) -> Option<Timestamp> {
        self.age.and_then(|age| now.checked_sub(age).ok())
    }
}
