//! Failures that Exchange is known for, by name.

use super::stage::Stage;
use super::then::Answer;
use crate::smtp::{Reply, reply};

/// What a documented failure looks like at one stage. `docs/evidence.md` names the sources.
#[derive(Clone, Debug, PartialEq)]
pub struct Preset {
    pub name: &'static str,
    pub stage: Stage,
    pub reply: Reply,
    /// The connection is closed behind the reply.
    pub close: bool,
}

/// The first row of a name is for a rule that names no stage.
pub const PRESETS: [Preset; 12] = [
    row("cannot-achieve-exchange-auth", Stage::XExps, reply::CANNOT_ACHIEVE_EXCHANGE_AUTH, false),
    row(
        "cannot-achieve-exchange-auth",
        Stage::XAnonymousTls,
        reply::CANNOT_ACHIEVE_EXCHANGE_AUTH,
        false,
    ),
    row("temporary-auth-failure", Stage::XExps, reply::TEMPORARY_AUTH_FAILURE, true),
    row("temporary-auth-failure", Stage::Auth, reply::TEMPORARY_AUTH_FAILURE, true),
    row("back-pressure", Stage::Mail, reply::INSUFFICIENT_RESOURCES, false),
    row("back-pressure", Stage::EndOfData, reply::INSUFFICIENT_DISK, false),
    row("too-many-connections", Stage::Connect, reply::TOO_MANY_FROM_SOURCE, true),
    row("service-not-active", Stage::Mail, reply::SERVICE_NOT_ACTIVE, true),
    row("message-rate", Stage::Mail, reply::SUBMISSION_RATE, true),
    row("prx5", Stage::EndOfData, reply::PROXY_FAILED_PRX5, false),
    row("prx5", Stage::Auth, reply::PROXY_FAILED_PRX5, false),
    row("hop-count", Stage::EndOfData, reply::HOP_COUNT_EXCEEDED, false),
];

const fn row(name: &'static str, stage: Stage, reply: Reply, close: bool) -> Preset {
    Preset { name, stage, reply, close }
}

impl Preset {
    /// The rows of `name`, one for each stage at which it is known.
    pub(super) fn rows(name: &str) -> impl Iterator<Item = &'static Self> + Clone {
        const ROWS: &[Preset] = &PRESETS;
        ROWS.iter().filter(move |row| row.name == name)
    }

    pub(super) fn names() -> Vec<&'static str> {
        let mut names: Vec<_> = PRESETS.iter().map(|row| row.name).collect();
        names.dedup();
        names
    }

    pub(super) fn answer(&self) -> Answer {
        Answer::Reply { reply: self.reply.clone(), close: self.close }
    }
}
