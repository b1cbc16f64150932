//! Moments and periods, as protocol logs and command lines write them.

use std::fmt;
use std::str::FromStr;

use serde::{Serialize, Serializer};

/// A moment in UTC, to the millisecond. Held as its digits, `yyyyMMddHHmmssfff`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Stamp(u64);

const SHAPE: &str = "0000-00-00T00:00:00.000";

impl Stamp {
    pub(super) const FIRST: Self = Self(0);

    /// Reads `2026-11-22T09:12:02.123Z`; the fraction and the `Z` may be missing.
    pub fn parse(text: &[u8]) -> Option<Self> {
        let text = text.strip_suffix(b"Z").unwrap_or(text);
        if text.len() < "0000-00-00T00:00:00".len() {
            return None;
        }
        let mut digits = 0;
        for (i, shape) in SHAPE.bytes().enumerate() {
            match (text.get(i), shape) {
                (Some(b @ b'0'..=b'9'), b'0') => digits = digits * 10 + u64::from(b - b'0'),
                (None, b'0') => digits *= 10,
                (Some(b), _) if *b == shape => {}
                (None, _) => {}
                _ => return None,
            }
        }
        let rest = text.get(SHAPE.len()..).unwrap_or_default();
        rest.iter().all(u8::is_ascii_digit).then_some(Self(digits))
    }
}

impl fmt::Display for Stamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let two = |place: u64| self.0 / place % 100;
        write!(
            f,
            "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}Z",
            self.0 / 10_000_000_000_000,
            two(100_000_000_000),
            two(1_000_000_000),
            two(10_000_000),
            two(100_000),
            two(1_000),
            self.0 % 1_000
        )
    }
}

impl Serialize for Stamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl fmt::Debug for Stamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A stretch of time as a person names it: a day, an hour, a minute, a second, or less.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Period {
    pub first: Stamp,
    pub last: Stamp,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected a day (2026-11-22) or a moment in UTC (2026-11-22T09:12, 2026-11-22T09:12:02Z)")]
pub struct BadPeriod;

impl FromStr for Period {
    type Err = BadPeriod;

    fn from_str(text: &str) -> Result<Self, BadPeriod> {
        let text = text.strip_suffix('Z').unwrap_or(text);
        if !matches!(text.len(), 10 | 13 | 16 | 19 | 23) || !text.is_ascii() {
            return Err(BadPeriod);
        }
        let filled = |shape: &str| format!("{text}{}", &shape[text.len()..]);
        let (first, last) = (filled(SHAPE), filled("0000-00-00T23:59:59.999"));
        first.parse::<jiff::civil::DateTime>().map_err(|_| BadPeriod)?;
        let stamp = |text: String| Stamp::parse(text.as_bytes()).ok_or(BadPeriod);
        Ok(Self { first: stamp(first)?, last: stamp(last)? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stamp(text: &str) -> Option<String> {
        Stamp::parse(text.as_bytes()).map(|stamp| stamp.to_string())
    }

    #[test]
    fn moments_with_and_without_a_fraction() {
        let whole = Some("2026-11-22T09:12:02.000Z".to_owned());
        assert_eq!(stamp("2026-11-22T09:12:02.000Z"), whole);
        assert_eq!(stamp("2026-11-22T09:12:02Z"), whole);
        assert_eq!(stamp("2026-11-22T09:12:02.0000000Z"), whole);
        assert_eq!(stamp("2026-11-22T09:12:02.12"), Some("2026-11-22T09:12:02.120Z".to_owned()));
        for text in ["", "2026-11-22", "2026-11-22 09:12:02Z", "2026-11-22T09:12:02.12x", "x"] {
            assert_eq!(stamp(text), None, "{text:?}");
        }
    }

    #[test]
    fn a_period_is_as_long_as_its_text_is_short() {
        let period =
            |text: &str| text.parse::<Period>().map(|p| (p.first.to_string(), p.last.to_string()));
        let day = ("2026-11-22T00:00:00.000Z".to_owned(), "2026-11-22T23:59:59.999Z".to_owned());
        assert_eq!(period("2026-11-22"), Ok(day));
        let minute = ("2026-11-22T09:12:00.000Z".to_owned(), "2026-11-22T09:12:59.999Z".to_owned());
        assert_eq!(period("2026-11-22T09:12Z"), Ok(minute));
        for text in ["", "2026", "2026-13-01", "2026-11-22T9", "yesterday!", "2026-11-22T25"] {
            assert_eq!(period(text), Err(BadPeriod), "{text:?}");
        }
    }
}
