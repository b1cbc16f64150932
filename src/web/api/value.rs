//! Values of queries, each with the words that a wrong one is refused with.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Deserializer};

/// Reads a value by its `FromStr`, for `#[serde(deserialize_with)]`.
pub(super) fn parsed<'de, D, T>(deserializer: D) -> Result<Option<T>, D::Error>
where
    D: Deserializer<'de>,
    T: FromStr<Err: fmt::Display>,
{
    let text = String::deserialize(deserializer)?;
    text.parse().map(Some).map_err(serde::de::Error::custom)
}

/// A number as JSON writes it: without a sign, and without zeros before it.
pub(super) fn number<T: FromStr>(text: &str) -> Option<T> {
    let plain = text.bytes().all(|b| b.is_ascii_digit()) && (text == "0" || !text.starts_with('0'));
    plain.then(|| text.parse().ok()).flatten()
}

/// Part of something, or its name. A variable that was never set must not mean everything.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Text(pub String);

impl FromStr for Text {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let given = !text.trim().is_empty();
        given.then(|| Self(text.to_owned())).ok_or("is empty; leave it out where all are meant")
    }
}

/// 16 hexadecimal digits, as in the protocol log, in upper case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct SessionId(pub String);

impl FromStr for SessionId {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let fits = text.len() == 16 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        fits.then(|| Self(text.to_ascii_uppercase()))
            .ok_or("expected the 16 hexadecimal digits of a session")
    }
}

/// The number by which the event log knows a kind of event.
pub(super) struct EventId(pub u16);

impl FromStr for EventId {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        number(text).map(Self).ok_or("expected a number such as 1035")
    }
}

/// How many entries of a list are given at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Limit(pub usize);

impl Limit {
    pub const MAX: usize = 1_000;
}

impl Default for Limit {
    fn default() -> Self {
        Self(50)
    }
}

impl FromStr for Limit {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let limit = number(text).filter(|limit| (1..=Self::MAX).contains(limit));
        limit.map(Self).ok_or("expected a number from 1 to 1000")
    }
}

/// How long somebody waits: `10s`, `500ms`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Timeout(pub Duration);

impl Timeout {
    /// Below the time that any request may take.
    const MAX: Duration = Duration::from_secs(60);
}

impl Default for Timeout {
    fn default() -> Self {
        Self(Duration::from_secs(10))
    }
}

impl FromStr for Timeout {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let milliseconds = match text.strip_suffix("ms") {
            Some(milliseconds) => number(milliseconds),
            None => text
                .strip_suffix('s')
                .and_then(number::<u64>)
                .and_then(|seconds| seconds.checked_mul(1_000)),
        };
        let span = milliseconds.map(Duration::from_millis).filter(|span| *span <= Self::MAX);
        span.map(Self).ok_or("expected a time such as 10s or 500ms, 60s at most")
    }
}

/// A point in time (RFC 3339).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Moment(pub Timestamp);

impl FromStr for Moment {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let time = text.parse().ok();
        time.map(Self).ok_or("expected a time such as 2026-11-22T09:30:00Z")
    }
}

/// A number that a list gave, or that a message has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Cursor(pub u64);

impl FromStr for Cursor {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        // What a signed integer of 64 bits holds, as clients may have no other.
        let cursor = number(text).filter(|cursor| *cursor <= i64::MAX as u64);
        cursor.map(Self).ok_or("expected a number that a list gave")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_timeout_has_a_unit_and_an_end() {
        let read = |text: &str| text.parse().ok().map(|Timeout(span)| span.as_millis());
        assert_eq!(read("10s"), Some(10_000));
        assert_eq!(read("0ms"), Some(0));
        assert_eq!(read("60s"), Some(60_000));
        assert_eq!(read("30000ms"), Some(30_000));
        for wrong in [
            "",
            "10",
            "s",
            "61s",
            "-1s",
            "+1s",
            "01s",
            "1m",
            "1.5s",
            "18446744073709551615s",
            "60001ms",
        ] {
            assert_eq!(read(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn limits_and_cursors_are_plain_numbers() {
        for wrong in ["", "0", "1001", "-1", "+5", "05", "1e3"] {
            assert!(wrong.parse::<Limit>().is_err(), "{wrong}");
        }
        for wrong in ["", "-1", "+1", "1.0", "9223372036854775808"] {
            assert!(wrong.parse::<Cursor>().is_err(), "{wrong}");
        }
    }
}
