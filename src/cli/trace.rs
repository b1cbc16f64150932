//! `expsd trace`

use std::fs::File;
use std::io::{self, BufRead as _, BufReader};
use std::path::PathBuf;

use clap::Args;
use expsd::journal::trace::{Outcome, Trace};

use super::{FAILED, Failed, Format, UNREADABLE, fail, print_all};

/// Tell what happened in a session, and why
///
/// Reads `sessions.jsonl` of a journal that `expsd serve --journal DIR` wrote: which connector
/// was met and why, what was advertised and what was left out, each command with its reply,
/// and beside each refusal the reason, what shows at the sender, and how to mend it. Without
/// an id the sessions are listed, a line each.
#[derive(Args)]
#[command(after_help = "\
Examples:
  expsd trace --journal ./journal
  expsd trace --journal ./journal last
  expsd trace --journal ./journal 08DF4895 --format json")]
pub struct Tell {
    /// Id of the session or the end of it, as the log has it; `last` is the one that ended last
    #[arg(value_name = "ID")]
    id: Option<String>,
    /// Folder of the journal
    #[arg(long, value_name = "DIR")]
    journal: PathBuf,
    /// How to print it
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    format: Format,
}

impl Tell {
    pub fn run(self) -> Result<(), Failed> {
        let id = self.id.as_deref().map(str::to_ascii_uppercase);
        let mut found: Vec<Trace> = Vec::new();
        self.each(|trace| match id.as_deref() {
            Some("LAST") => found = vec![trace],
            Some(id) if !trace.session.ends_with(id) => {}
            _ => found.push(trace),
        })?;
        if let (Some(id), true) = (&self.id, found.is_empty()) {
            let journal = self.journal.display();
            return Err(fail(FAILED, format!("no session of {journal} ends in {id}")));
        }
        match (self.format, &self.id) {
            (Format::Text, None) => print_all(Format::Text, &[List(&found)]),
            (format, _) => print_all(format, &found),
        }
    }

    /// Hands each trace of the journal to `take`, the oldest first. Lines that cannot be read
    /// are counted and told.
    fn each(&self, mut take: impl FnMut(Trace)) -> Result<(), Failed> {
        let mut unreadable = 0;
        for name in ["sessions.old.jsonl", "sessions.jsonl"] {
            let path = self.journal.join(name);
            let cannot =
                |error| fail(UNREADABLE, format!("cannot read {}: {error}", path.display()));
            let file = match File::open(&path) {
                Err(error) if error.kind() == io::ErrorKind::NotFound && name.contains("old") => {
                    continue;
                }
                file => file.map_err(cannot)?,
            };
            for line in BufReader::new(file).split(b'\n') {
                match serde_json::from_slice(&line.map_err(cannot)?) {
                    Ok(trace) => take(trace),
                    Err(_) => unreadable += 1,
                }
            }
        }
        if unreadable > 0 {
            let lines = if unreadable == 1 {
                "line of the journal is no trace"
            } else {
                "lines of the journal are no traces"
            };
            say!("expsd: {unreadable} {lines}");
        }
        Ok(())
    }
}

/// Sessions, a line each.
#[derive(serde::Serialize)]
struct List<'a>(&'a [Trace]);

impl std::fmt::Display for List<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.iter().try_for_each(|trace| {
            let outcome = match trace.outcome {
                Outcome::Quiet => "quiet",
                Outcome::Accepted => "accepted",
                Outcome::Refused => "refused",
            };
            let Trace { session, started, remote, selection, .. } = trace;
            let connector = selection.connector.as_deref().unwrap_or("no connector");
            writeln!(f, "{session}  {started:.0}  {outcome:<8}  {remote}  {connector}")
        })
    }
}
