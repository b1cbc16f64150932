//! Figures of a report: totals, and names with their counts.

use std::borrow::Cow;

use serde::{Serialize, Serializer};

use super::names::{Few, Names};
use super::tally::{Attempts, Channel, Outcome, Tally};

#[derive(Default, Serialize)]
pub struct Totals<'a> {
    pub sessions: u64,
    pub partial: u64,
    pub messages: u64,
    pub recipients: u64,
    pub recipients_unsent: u64,
    pub outside: Option<Outside>,
    pub may_relay: u64,
    pub tarpits: u64,
    pub masked: u64,
    pub outcomes: Outcomes,
    pub tls: TlsCounts,
    pub ciphers: Counted<'a, u64>,
    pub mechanisms: Counted<'a, Attempts>,
}

/// Recipients of accepted messages in no accepted domain.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Outside {
    /// Of sessions that had not logged on.
    pub anonymous: u64,
    pub authenticated: u64,
    /// Of sessions that may have logged on before the log began.
    pub unknown: u64,
}

/// Sessions by what came of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Outcomes {
    /// At least one message was accepted.
    pub delivered: u64,
    /// None was, and something was refused.
    pub refused: u64,
    /// Broken off before either, or in the midst of a handshake or a message.
    pub dropped: u64,
    /// Came and went.
    pub idle: u64,
    /// The end is not in the log.
    pub unfinished: u64,
}

/// Sessions in clear, behind STARTTLS, behind X-ANONYMOUSTLS, and those that began before the
/// log and do not show it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct TlsCounts {
    pub none: u64,
    pub starttls: u64,
    pub x_anonymoustls: u64,
    pub unknown: u64,
}

/// Names with what was counted of each.
pub struct Counted<'a, T>(pub Vec<(Cow<'a, str>, T)>);

impl<'a> Totals<'a> {
    pub(super) fn add(&mut self, tally: &Tally, outside: Option<Outside>, names: &'a Names) {
        let outcomes = Outcomes::of(tally);
        let tls = TlsCounts::of(tally);
        for (total, more) in [
            (&mut self.sessions, tally.sessions),
            (&mut self.partial, tally.partial),
            (&mut self.messages, tally.messages),
            (&mut self.recipients, tally.recipients),
            (&mut self.recipients_unsent, tally.recipients_unsent),
            (&mut self.may_relay, tally.may_relay),
            (&mut self.tarpits, tally.tarpits),
            (&mut self.masked, tally.masked),
            (&mut self.outcomes.delivered, outcomes.delivered),
            (&mut self.outcomes.refused, outcomes.refused),
            (&mut self.outcomes.dropped, outcomes.dropped),
            (&mut self.outcomes.idle, outcomes.idle),
            (&mut self.outcomes.unfinished, outcomes.unfinished),
            (&mut self.tls.none, tls.none),
            (&mut self.tls.starttls, tls.starttls),
            (&mut self.tls.x_anonymoustls, tls.x_anonymoustls),
            (&mut self.tls.unknown, tls.unknown),
        ] {
            *total += more;
        }
        if let Some(outside) = outside {
            self.outside.get_or_insert_default().add(outside);
        }
        for (name, count) in tally.ciphers.iter() {
            *self.ciphers.of(names.text(name)) += count;
        }
        for (name, attempts) in tally.mechanisms.iter() {
            let total = self.mechanisms.of(names.text(name));
            total.accepted += attempts.accepted;
            total.failed += attempts.failed;
        }
    }
}

impl Outside {
    pub fn all(self) -> u64 {
        self.anonymous + self.authenticated + self.unknown
    }

    pub(super) fn add(&mut self, more: Self) {
        self.anonymous += more.anonymous;
        self.authenticated += more.authenticated;
        self.unknown += more.unknown;
    }
}

impl Outcomes {
    pub(super) fn of(tally: &Tally) -> Self {
        Self {
            delivered: tally.sessions_with(Outcome::Delivered),
            refused: tally.sessions_with(Outcome::Refused),
            dropped: tally.sessions_with(Outcome::Dropped),
            idle: tally.sessions_with(Outcome::Idle),
            unfinished: tally.sessions_with(Outcome::Unfinished),
        }
    }
}

impl TlsCounts {
    pub(super) fn of(tally: &Tally) -> Self {
        Self {
            none: tally.sessions_in(Channel::Clear),
            starttls: tally.sessions_in(Channel::StartTls),
            x_anonymoustls: tally.sessions_in(Channel::XAnonymousTls),
            unknown: tally.sessions_in(Channel::Unknown),
        }
    }
}

impl<'a, T: Copy + Default> Counted<'a, T> {
    pub(super) fn named<const LIMIT: usize>(few: &Few<T, LIMIT>, names: &'a Names) -> Self {
        Self(few.iter().map(|(name, count)| (names.text(name), *count)).collect())
    }

    fn of(&mut self, name: Cow<'a, str>) -> &mut T {
        let known = self.0.iter().position(|(known, _)| *known == name);
        let at = known.unwrap_or_else(|| {
            self.0.push((name, T::default()));
            self.0.len() - 1
        });
        &mut self.0[at].1
    }

    /// The largest first, then by name.
    pub(super) fn sort(&mut self, count: impl Fn(&T) -> u64) {
        self.0.sort_by(|(a, x), (b, y)| count(y).cmp(&count(x)).then_with(|| a.cmp(b)));
    }
}

impl<T> Default for Counted<'_, T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<T: Serialize> Serialize for Counted<'_, T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(name, count)| (name, count)))
    }
}
