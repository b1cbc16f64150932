//! How often each verb came, and each reply code went.

use std::sync::atomic::{AtomicU64, Ordering};

use super::command::{VERBS, Verb};

/// Counters that all sessions of a daemon share, without a lock.
#[derive(Debug)]
pub struct Tally {
    verbs: [AtomicU64; VERBS.len()],
    unknown: AtomicU64,
    /// By code, from 200 on.
    replies: [AtomicU64; 400],
}

impl Default for Tally {
    fn default() -> Self {
        Self {
            verbs: [const { AtomicU64::new(0) }; _],
            unknown: AtomicU64::new(0),
            replies: [const { AtomicU64::new(0) }; _],
        }
    }
}

impl Tally {
    /// A command came; `None` for a verb that nobody knows.
    pub fn command(&self, verb: Option<Verb>) {
        let place = verb.and_then(|verb| VERBS.iter().position(|(_, known)| *known == verb));
        let counter = place.map_or(&self.unknown, |place| &self.verbs[place]);
        counter.fetch_add(1, Ordering::Relaxed);
    }

    /// A reply with this code goes out.
    pub fn reply(&self, code: u16) {
        if let Some(counter) = code.checked_sub(200).and_then(|c| self.replies.get(usize::from(c)))
        {
            counter.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Each verb that came, with its count; `other` for those that nobody knows.
    pub fn commands(&self) -> impl Iterator<Item = (&'static str, u64)> {
        let known = VERBS.iter().map(|(name, _)| *name).zip(&self.verbs);
        counted(known.chain([("other", &self.unknown)]))
    }

    /// Each code that went, with its count.
    pub fn replies(&self) -> impl Iterator<Item = (u16, u64)> {
        counted((200..).zip(&self.replies))
    }
}

fn counted<'a, N>(
    counters: impl Iterator<Item = (N, &'a AtomicU64)>,
) -> impl Iterator<Item = (N, u64)> {
    counters.map(|(name, count)| (name, count.load(Ordering::Relaxed))).filter(|(_, n)| *n > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_came_and_went_is_counted_by_name() {
        let tally = Tally::default();
        tally.command(Some(Verb::Mail));
        tally.command(Some(Verb::Mail));
        tally.command(None);
        for code in [250, 250, 599, 600, 7] {
            tally.reply(code);
        }
        assert_eq!(tally.commands().collect::<Vec<_>>(), [("MAIL", 2), ("other", 1)]);
        assert_eq!(tally.replies().collect::<Vec<_>>(), [(250, 2), (599, 1)]);
    }
}
