//! A rule that can be done.

use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::error::BadRule;
use super::reader::Reader;
use super::spec::Spec;
use super::stage::Stage;
use super::then::{Answer, Then};
use super::times::Times;
use super::when::When;

/// When, then, how often: one failure to make.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(try_from = "Spec", into = "Spec")]
pub struct Rule {
    spec: Spec,
    stage: Stage,
    when: When,
    then: Then,
    times: Times,
}

impl Rule {
    pub fn name(&self) -> &str {
        &self.spec.name
    }

    pub fn stage(&self) -> Stage {
        self.stage
    }

    pub fn when(&self) -> &When {
        &self.when
    }

    pub fn then(&self) -> &Then {
        &self.then
    }

    pub fn times(&self) -> Times {
        self.times
    }

    /// Whether the rule leaves out the keyword that a line of an EHLO reply begins with.
    pub fn withdraws(&self, line: &[u8]) -> bool {
        let Answer::Withdraw(keywords) = &self.then.answer else { return false };
        let end = line.iter().position(u8::is_ascii_whitespace).unwrap_or(line.len());
        keywords.iter().any(|keyword| keyword.as_bytes() == &line[..end])
    }
}

/// Rules are the same when they are written the same.
impl PartialEq for Rule {
    fn eq(&self, other: &Self) -> bool {
        self.spec == other.spec
    }
}

impl From<Rule> for Spec {
    fn from(rule: Rule) -> Self {
        rule.spec
    }
}

impl TryFrom<Spec> for Rule {
    type Error = BadRule;

    fn try_from(spec: Spec) -> Result<Self, BadRule> {
        let mut reader = Reader::of(&spec);
        reader.name();
        let stage = reader.stage();
        let when = reader.when(stage);
        let then = reader.then(stage);
        let times = reader.times(stage);
        match (stage, reader.errors) {
            (Some(stage), errors) if errors.is_empty() => {
                Ok(Self { spec, stage, when, then, times })
            }
            (_, errors) => Err(BadRule(errors)),
        }
    }
}

/// Reads the keys of a `[[rule]]` in TOML, without its header.
impl FromStr for Rule {
    type Err = toml::de::Error;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        toml::from_str(text)
    }
}
