//! `expsd diff`

use std::fmt;
use std::path::PathBuf;

use clap::Args;
use expsd::config::{Configuration, Draft};
use expsd::journal::logs::{Filter, Survey};
use expsd::scope::Scope;
use expsd::session::explain::{Seen, Side, differences, only_seen};
use serde::Serialize;

use super::{Failed, Format, Source, State, print_all};

/// Compare two sets of connectors by what every source address meets
///
/// The question before a change, and between two servers that should be alike: whom does it
/// hurt? Every address that meets another connector, or the same one with other offers or
/// other rights, is shown with what changes for an anonymous peer, a user and an Exchange
/// server. Settings that change nothing of that are passed over.
///
/// Exits with 0 if nothing differs, 1 if something does, and 2 if a file cannot be read.
#[derive(Args)]
#[command(after_help = "\
Examples:
  expsd diff before.toml after.toml
  expsd diff ex01.clixml ex02.clixml
  expsd diff before.toml after.toml --logs ./SmtpReceive
  expsd diff before.toml after.toml --format json")]
pub struct Diff {
    /// A configuration, or the dump of a server's connectors
    #[arg(value_name = "A")]
    before: PathBuf,
    /// The one to compare it with
    #[arg(value_name = "B")]
    after: PathBuf,
    /// Protocol logs of the server: only sources that were really seen are told
    #[arg(long, value_name = "FILE", num_args = 1..)]
    logs: Vec<PathBuf>,
    #[command(flatten)]
    state: State,
    /// How to print it
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    format: Format,
}

/// What differs, with what is not known of the two sets.
#[derive(Serialize)]
struct Difference<'a, T> {
    #[serde(flatten)]
    what: T,
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    uncertain: &'a [String],
}

impl<T: fmt::Display> fmt::Display for Difference<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.what.fmt(f)?;
        self.uncertain.iter().try_for_each(|doubt| writeln!(f, "  uncertain {doubt}"))
    }
}

/// The doubts of both sets that bear on which connector a source meets, and what it may do.
fn uncertain(before: &Draft, after: &Draft) -> Vec<String> {
    let of = |side: &str, draft: &Draft| {
        let texts = super::doubts(draft.doubts.iter()).into_iter();
        texts.map(|text| format!("{side}: {text}")).collect::<Vec<_>>()
    };
    [of("A", before), of("B", after)].concat()
}

/// Something differs.
const DIFFERENT: u8 = 1;

impl Diff {
    pub fn run(self) -> Result<(), Failed> {
        let drafts = (Source::either(&self.before)?, Source::either(&self.after)?);
        let uncertain = uncertain(&drafts.0, &drafts.1);
        let (before, after) = (drafts.0.configuration, drafts.1.configuration);
        let (old_store, new_store) = (self.state.read(&before)?, self.state.read(&after)?);
        let scope = |configuration: &Configuration| Scope::new(configuration.connectors.clone());
        let (old, new) = (scope(&before), scope(&after));
        let found = differences(
            &Side {
                server: &before.server,
                scope: &old,
                certificate: &super::has_certificate(&old_store, &before.server),
            },
            &Side {
                server: &after.server,
                scope: &new,
                certificate: &super::has_certificate(&new_store, &after.server),
            },
        );
        let found = match self.logs.is_empty() {
            true => found,
            false => only_seen(found, &self.seen()?),
        };
        if found.is_empty() && self.format == Format::Text {
            let whom = if self.logs.is_empty() { "source address" } else { "source in the logs" };
            println!("Every {whom} meets the same in both.");
            uncertain.iter().for_each(|doubt| println!("  uncertain {doubt}"));
            return Ok(());
        }
        let found: Vec<_> =
            found.into_iter().map(|what| Difference { what, uncertain: &uncertain }).collect();
        print_all(self.format, &found)?;
        match found.is_empty() {
            true => Ok(()),
            false => Err(Failed(DIFFERENT)),
        }
    }

    fn seen(&self) -> Result<Vec<Seen>, Failed> {
        let mut survey = Survey::new(Filter::default(), None);
        super::logs::read(&self.logs, &mut survey)?;
        let seen = survey.seen().map(|seen| Seen {
            local: seen.local,
            source: seen.source,
            sessions: seen.sessions,
        });
        Ok(seen.collect())
    }
}
