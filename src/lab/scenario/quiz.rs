//! The question of a lesson: which cause fits the evidence.

use serde::{Deserialize, Serialize};

use crate::rules::mix;

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Quiz {
    pub question: String,
    /// The first is right; they are shuffled before they are shown.
    pub choices: Vec<Choice>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Choice {
    pub text: String,
    /// What speaks for or against it.
    pub why: String,
}

impl Quiz {
    /// The choices in an order that `seed` decides, each with whether it is right.
    pub fn shuffled(&self, seed: u64) -> Vec<(&Choice, bool)> {
        let mut choices: Vec<_> =
            self.choices.iter().enumerate().map(|(i, c)| (c, i == 0)).collect();
        for last in (1..choices.len()).rev() {
            let n = last as u64;
            choices.swap(last, (mix(seed, n) % (n + 1)) as usize);
        }
        choices
    }
}
