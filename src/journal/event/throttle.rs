//! Repeats of an event, which Exchange writes once in a period.

use std::collections::HashMap;

use jiff::{SignedDuration, Timestamp};

use super::Event;

/// How long an event keeps its like away. Our choice; what Exchange's period is, is not public.
const PERIOD: SignedDuration = SignedDuration::from_mins(5);

/// Events that are remembered. Inserts come from clients, which can make up many.
const REMEMBERED: usize = 4096;

/// What was recorded lately.
#[derive(Debug, Default)]
pub(in crate::journal) struct Throttle {
    recent: HashMap<String, Recent>,
}

#[derive(Debug)]
struct Recent {
    since: Timestamp,
    suppressed: u64,
}

impl Throttle {
    /// Whether to record `event`: `Some` with the number of its like that were not, since the
    /// one before.
    pub fn admit(&mut self, event: &Event, now: Timestamp) -> Option<u64> {
        let is_over = |recent: &Recent| now.duration_since(recent.since) >= PERIOD;
        let key = format!("{}:{}", event.id(), event.inserts().join("\n"));
        if let Some(recent) = self.recent.get_mut(&key) {
            if !is_over(recent) {
                recent.suppressed += 1;
                return None;
            }
            recent.since = now;
            return Some(std::mem::take(&mut recent.suppressed));
        }
        if self.recent.len() >= REMEMBERED {
            self.recent.retain(|_, recent| !is_over(recent));
        }
        if self.recent.len() >= REMEMBERED {
            self.recent.clear();
        }
        self.recent.insert(key, Recent { since: now, suppressed: 0 });
        Some(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failed(remote: &str) -> Event {
        Event::NotAuthorized { account: remote.to_owned() }
    }

    #[test]
    fn the_next_record_counts_what_was_not_recorded() {
        let mut throttle = Throttle::default();
        let at = |seconds| Timestamp::from_second(seconds).unwrap();
        assert_eq!(throttle.admit(&failed("a"), at(0)), Some(0));
        assert_eq!(throttle.admit(&failed("a"), at(1)), None);
        assert_eq!(throttle.admit(&failed("b"), at(2)), Some(0));
        assert_eq!(throttle.admit(&failed("a"), at(299)), None);
        assert_eq!(throttle.admit(&failed("a"), at(300)), Some(2));
        assert_eq!(throttle.admit(&failed("a"), at(301)), None);
        assert_eq!(throttle.admit(&failed("a"), at(600)), Some(1));
    }

    #[test]
    fn no_client_fills_the_memory() {
        let mut throttle = Throttle::default();
        for number in 0..3 * REMEMBERED {
            throttle.admit(&failed(&number.to_string()), Timestamp::UNIX_EPOCH);
        }
        assert!(throttle.recent.len() <= REMEMBERED);
    }
}
