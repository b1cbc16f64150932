//! The message that is under way in a session, as far as its recipients go.

use super::tally::Tally;

/// Recipients that were accepted since MAIL. They count when their message does.
#[derive(Debug, Default)]
pub struct Mail {
    recipients: u64,
    outside: u64,
}

impl Mail {
    pub fn accept(&mut self, outside: bool) {
        self.recipients += 1;
        self.outside += u64::from(outside);
    }

    /// The message was accepted. Gives how many of its recipients are outside.
    pub fn send(&mut self, tally: &mut Tally) -> u64 {
        let Self { recipients, outside } = std::mem::take(self);
        tally.messages += 1;
        tally.recipients += recipients;
        outside
    }

    /// It was given up or refused.
    pub fn drop(&mut self, tally: &mut Tally) {
        tally.recipients_unsent += std::mem::take(self).recipients;
    }
}
