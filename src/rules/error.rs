//! What is wrong with a rule.

use std::fmt;

use super::set::MAX_RULES;
use super::stage::Stage;
use super::times::BadTimes;
use crate::connector::ValueError;
use crate::smtp::WrittenReplyError;

/// One thing that is wrong with a rule. `Display` says what would be right.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RuleError {
    #[error("expected 1 to {MAX_NAME} characters, none of them a control character")]
    Name,
    #[error("expected one of {}", .choices.join(", "))]
    Choice { key: &'static str, choices: Vec<&'static str> },
    #[error("{error}")]
    Value { key: &'static str, error: ValueError },
    #[error("{0}")]
    Times(BadTimes),
    #[error("{0}")]
    Reply(#[from] WrittenReplyError),
    #[error("expected 1 to {MAX_PATTERN} characters, * for anything")]
    Pattern { key: &'static str },
    #[error("expected a field and its text such as \"Subject: *invoice*\", or a field alone")]
    Header,
    #[error("expected a time span over 00:00:00, up to a day (1.00:00:00)")]
    Delay,
    #[error("{}", not_here("is known", *.stage, .at))]
    NotKnown { key: &'static str, stage: Stage, at: Vec<Stage> },
    #[error("{}", not_here(&format!("{what} happens"), *.stage, .at))]
    NotHere { key: &'static str, what: &'static str, stage: Stage, at: Vec<Stage> },
    #[error("at {0} this is the account that proves itself, and never anonymous")]
    AnonymousProof(Stage),
    #[error("cannot stand beside {other}: a rule gives one answer")]
    Together { key: &'static str, other: &'static str },
    #[error("needs {needs} beside it")]
    Needs { key: &'static str, needs: &'static str },
    #[error("{0} gives no reply that could be cut short")]
    NoReply(&'static str),
    #[error("a rule needs one of preset, reply, action, withdraw, delay and truncate")]
    NoAction,
}

pub(super) const MAX_NAME: usize = 100;
pub(super) const MAX_PATTERN: usize = 2_000;

impl RuleError {
    /// The key of the rule that it is about.
    pub fn key(&self) -> &'static str {
        match self {
            Self::Name => "name",
            Self::Choice { key, .. }
            | Self::Value { key, .. }
            | Self::Pattern { key }
            | Self::NotKnown { key, .. }
            | Self::NotHere { key, .. }
            | Self::Together { key, .. }
            | Self::Needs { key, .. } => key,
            Self::Times(_) => "times",
            Self::Reply(_) => "reply",
            Self::Header => "header",
            Self::Delay => "delay",
            Self::AnonymousProof(_) => "identity",
            Self::NoReply(_) => "truncate",
            Self::NoAction => "action",
        }
    }
}

fn not_here(what: &str, stage: Stage, at: &[Stage]) -> String {
    let at: Vec<_> = at.iter().map(|stage| stage.name()).collect();
    format!("{what} only at {}, not at {stage}", at.join(", "))
}

/// All that is wrong with a rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadRule(pub Vec<RuleError>);

impl fmt::Display for BadRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, error) in self.0.iter().enumerate() {
            write!(f, "{}{}: {error}", if i > 0 { "; " } else { "" }, error.key())?;
        }
        Ok(())
    }
}

impl std::error::Error for BadRule {}

/// Why a rule cannot join the others.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RulesError {
    #[error("there is a rule called \"{0}\" already; names tell rules apart")]
    NameTaken(String),
    #[error("there can be {MAX_RULES} rules at most")]
    TooMany,
}
