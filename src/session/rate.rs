//! MessageRateLimit: messages in a minute, by source address, by user, or by both.

use std::collections::hash_map::RandomState;
use std::collections::{HashMap, VecDeque};
use std::hash::{BuildHasher as _, Hash as _, Hasher as _};
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::{Reason, Session};
use crate::connector::{MessageRateSource, Unlimited};
use crate::smtp::{Path, reply};

const MINUTE: Duration = Duration::from_secs(60);
/// Senders that are counted at a time; beyond, the one counted longest is forgotten.
const SENDERS: usize = 65_536;

/// The messages of the last minute, of all sessions of a daemon. Only MAIL asks, and only on a
/// connector with a limit.
#[derive(Debug, Default)]
pub struct Rates {
    /// A sender stands here by a keyed hash, so that long addresses take no more room.
    keys: RandomState,
    counted: Mutex<Counted>,
}

#[derive(Debug, Default)]
struct Counted {
    messages: HashMap<u64, u32>,
    /// In the order in which their minutes began.
    minutes: VecDeque<(Instant, u64)>,
}

/// Whom a message is counted by. An account has the same name whoever it sends as.
#[derive(Clone, Copy)]
enum Sender<'a> {
    Address(IpAddr),
    User(&'a str),
}

impl Session {
    /// Counts a message; one too many is refused, and the session ends. The reply waits for
    /// the tarpit whoever is logged on, as it was seen to do on a client connector.
    pub(super) fn count_message(&mut self, reverse_path: &Path, now: Instant) -> bool {
        let Unlimited::Limited(limit) = self.connector.message_rate_limit else { return true };
        let account = self.is_authenticated().then(|| self.identity.name()).flatten();
        let user = Sender::User(match (&account, reverse_path) {
            (Some(account), _) => account,
            (None, Path::Mailbox(sender)) => sender.as_str(),
            (None, Path::Null) => "<>",
        });
        let address = Sender::Address(self.remote.ip());
        let senders: &[_] = match self.connector.message_rate_source {
            MessageRateSource::None => return true,
            MessageRateSource::IPAddress => &[address],
            MessageRateSource::User => &[user],
            MessageRateSource::All => &[address, user],
        };
        let Err(sender) = self.host.rates.count(&self.connector.name, senders, limit, now) else {
            return true;
        };
        let by = match sender {
            Sender::Address(ip) => ip.to_string(),
            Sender::User(name) => name.to_owned(),
        };
        self.delay(self.connector.tarpit_interval, now);
        self.close(reply::SUBMISSION_RATE, Reason::TooFast { limit, by });
        false
    }
}

impl Rates {
    /// Counts one message for each of `senders`, unless it is one too many for some of them.
    fn count<'a>(
        &self,
        connector: &str,
        senders: &[Sender<'a>],
        limit: u32,
        now: Instant,
    ) -> Result<(), Sender<'a>> {
        let mut counted = self.counted.lock().unwrap_or_else(PoisonError::into_inner);
        counted.forget(now);
        let full = |sender: &&Sender<'_>| {
            counted.messages.get(&self.key(connector, **sender)).is_some_and(|n| *n >= limit)
        };
        if let Some(sender) = senders.iter().find(full) {
            return Err(*sender);
        }
        for sender in senders {
            counted.add(self.key(connector, *sender), now);
        }
        Ok(())
    }

    fn key(&self, connector: &str, sender: Sender<'_>) -> u64 {
        let mut hasher = self.keys.build_hasher();
        connector.hash(&mut hasher);
        std::mem::discriminant(&sender).hash(&mut hasher);
        match sender {
            Sender::Address(ip) => ip.hash(&mut hasher),
            Sender::User(name) => {
                name.bytes().for_each(|b| hasher.write_u8(b.to_ascii_lowercase()));
            }
        }
        hasher.finish()
    }
}

impl Counted {
    fn add(&mut self, key: u64, now: Instant) {
        let messages = self.messages.entry(key).or_insert(0);
        *messages += 1;
        if *messages == 1 {
            self.minutes.push_back((now, key));
        }
        if self.minutes.len() > SENDERS {
            self.drop_oldest();
        }
    }

    /// Lets go of those whose minute is over.
    fn forget(&mut self, now: Instant) {
        let is_over = |(start, _): &(Instant, u64)| now.saturating_duration_since(*start) >= MINUTE;
        while self.minutes.front().is_some_and(is_over) {
            self.drop_oldest();
        }
    }

    fn drop_oldest(&mut self) {
        if let Some((_, key)) = self.minutes.pop_front() {
            self.messages.remove(&key);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_bounded() {
        let (rates, now) = (Rates::default(), Instant::now());
        let count = |n: u32| {
            let sender = Sender::Address(IpAddr::from(n.to_be_bytes()));
            rates.count("a", &[sender], 1, now).is_ok()
        };
        for n in 0..SENDERS as u32 {
            assert!(count(n), "{n}");
        }
        assert!(!count(0));
        assert!(count(SENDERS as u32));
        // The first had to go for it.
        assert!(count(0));
        assert!(!count(2));
        let counted = rates.counted.lock().unwrap();
        assert_eq!((counted.messages.len(), counted.minutes.len()), (SENDERS, SENDERS));
    }

    #[test]
    fn nothing_stays_behind_after_a_minute() {
        let (rates, start) = (Rates::default(), Instant::now());
        let count = |name, seconds| {
            let now = start + Duration::from_secs(seconds);
            rates.count("a", &[Sender::User(name)], 2, now).is_ok()
        };
        assert!(count("a", 0) && count("b", 30) && count("A", 59));
        assert!(!count("a", 59));
        assert!(count("c", 90));
        assert_eq!(rates.counted.lock().unwrap().messages.len(), 1);
    }
}
