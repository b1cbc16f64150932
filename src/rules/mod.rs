//! Failure rules: when, then, how often.
//!
//! A [`Rule`] waits at one [`Stage`] of the conversations that fit its conditions ([`When`]),
//! and makes something go wrong there ([`Then`]), each time or only at some ([`Times`]). All
//! sessions of a daemon ask the same [`Rules`], in their order, and the first that bites wins.
//!
//! `docs/rules.md` tells how rules are written. Nothing here knows a clock or a connection:
//! chance comes from a seed, so that a failing test fails again.

mod error;
mod pattern;
mod preset;
mod reader;
mod rule;
mod set;
mod spec;
mod stage;
#[cfg(test)]
mod tests;
mod then;
mod times;
mod when;

pub use error::{BadRule, RuleError, RulesError};
pub use preset::{PRESETS, Preset};
pub use rule::Rule;
pub use set::{Counted, MAX_RULES, Rules};
pub use spec::{Lines, Spec};
pub use stage::Stage;
pub use then::{Answer, Fault, KEYWORDS, Then};
pub(crate) use times::mix;
pub use times::{BadTimes, Share, Times};
pub use when::{Facts, When};
