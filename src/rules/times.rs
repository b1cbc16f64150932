//! How often a rule bites.

use std::fmt;
use std::num::NonZeroU64;
use std::str::FromStr;

/// Which of the times that its conditions fit a rule bites.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub enum Times {
    #[default]
    Always,
    /// The first so many.
    First(NonZeroU64),
    /// All but the first so many.
    After(NonZeroU64),
    /// Every so many: 3 is the third, the sixth and so on.
    Every(NonZeroU64),
    /// The first of each sender, in any case of its letters.
    OncePerSender,
    /// Each with this probability. The same seed gives the same row of hits and misses.
    Probability { share: Share, seed: u64 },
}

impl Times {
    /// Whether the rule bites now that its conditions fitted `before` times before. Once per
    /// sender is for the caller to know.
    pub(super) fn bites(self, before: u64) -> bool {
        match self {
            Self::Always | Self::OncePerSender => true,
            Self::First(n) => before < n.get(),
            Self::After(n) => before >= n.get(),
            Self::Every(n) => before % n == n.get() - 1,
            Self::Probability { share, seed } => share.holds(mix(seed, before)),
        }
    }
}

/// More than 0, and 1 at most.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Share(f64);

impl Share {
    pub fn new(share: f64) -> Option<Self> {
        (share > 0.0 && share <= 1.0).then_some(Self(share))
    }

    fn holds(self, random: u64) -> bool {
        // The upper 53 bits are what an f64 holds.
        ((random >> 11) as f64) < self.0 * (1_u64 << 53) as f64
    }
}

/// The `n`th number of the SplitMix64 sequence that `seed` begins (Steele, Lea and Flood,
/// "Fast Splittable Pseudorandom Number Generators", 2014).
pub(crate) fn mix(seed: u64, n: u64) -> u64 {
    let mut z = seed.wrapping_add(n.wrapping_add(1).wrapping_mul(0x9E37_79B9_7F4A_7C15));
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "expected always, first N, after N, every N, once per sender, or probability P seed N; N from 1, P over 0 and up to 1"
)]
pub struct BadTimes;

impl FromStr for Times {
    type Err = BadTimes;

    fn from_str(text: &str) -> Result<Self, BadTimes> {
        let words: Vec<&str> = text.split_ascii_whitespace().collect();
        let count = |n: &str| n.parse().map_err(|_| BadTimes);
        let share = |p: &str| p.parse().ok().and_then(Share::new).ok_or(BadTimes);
        match words[..] {
            ["always"] => Ok(Self::Always),
            ["first", n] => count(n).map(Self::First),
            ["after", n] => count(n).map(Self::After),
            ["every", n] => count(n).map(Self::Every),
            ["once", "per", "sender"] => Ok(Self::OncePerSender),
            ["probability", p] => Ok(Self::Probability { share: share(p)?, seed: 0 }),
            ["probability", p, "seed", seed] => {
                let seed = seed.parse().map_err(|_| BadTimes)?;
                Ok(Self::Probability { share: share(p)?, seed })
            }
            _ => Err(BadTimes),
        }
    }
}

impl fmt::Display for Times {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Always => f.write_str("always"),
            Self::First(n) => write!(f, "first {n}"),
            Self::After(n) => write!(f, "after {n}"),
            Self::Every(n) => write!(f, "every {n}"),
            Self::OncePerSender => f.write_str("once per sender"),
            Self::Probability { share, seed } => write!(f, "probability {} seed {seed}", share.0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(text: &str, length: u64) -> String {
        let times: Times = text.parse().unwrap();
        (0..length).map(|before| if times.bites(before) { 'x' } else { '.' }).collect()
    }

    #[test]
    fn which_times_bite() {
        assert_eq!(row("always", 5), "xxxxx");
        assert_eq!(row("first 2", 5), "xx...");
        assert_eq!(row("after 2", 5), "..xxx");
        assert_eq!(row("every 2", 5), ".x.x.");
        assert_eq!(row("every 1", 3), "xxx");
        assert_eq!(row("probability 1", 5), "xxxxx");
    }

    #[test]
    fn chance_is_the_same_again_and_other_with_another_seed() {
        assert_eq!(row("probability 0.5 seed 7", 32), row("probability 0.5 seed 7", 32));
        assert_ne!(row("probability 0.5 seed 7", 32), row("probability 0.5 seed 8", 32));
        assert_eq!(row("probability 0.5", 32), row("probability 0.5 seed 0", 32));
        let hits = row("probability 0.1 seed 7", 100_000).matches('x').count();
        assert!((9_700..10_300).contains(&hits), "{hits}");
    }

    /// The first numbers of the reference implementation for seed 1234567.
    #[test]
    fn the_sequence_is_splitmix64() {
        assert_eq!(mix(1_234_567, 0), 6_457_827_717_110_365_317);
        assert_eq!(mix(1_234_567, 1), 3_203_168_211_198_807_973);
    }

    #[test]
    fn display_is_what_is_read() {
        for text in [
            "always",
            "first 1",
            "after 20",
            "every 3",
            "once per sender",
            "probability 0.25 seed 18446744073709551615",
        ] {
            assert_eq!(text.parse::<Times>().unwrap().to_string(), text);
        }
        for text in [
            "",
            "first",
            "first 0",
            "first -1",
            "every 0",
            "twice",
            "once",
            "always 1",
            "probability 0",
            "probability 1.1",
            "probability nan",
            "probability 0.1 seed",
            "probability 0.1 seed -1",
            "first 99999999999999999999",
        ] {
            assert_eq!(text.parse::<Times>(), Err(BadTimes), "{text:?}");
        }
    }
}
