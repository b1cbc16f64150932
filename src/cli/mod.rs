//! One file per subcommand: parse, call, print.

/// As `eprintln!`, which panics where nobody reads standard error any more.
macro_rules! say {
    ($($text:tt)*) => {{
        use std::io::Write as _;
        let _ = writeln!(std::io::stderr(), $($text)*);
    }};
}

mod cert;
mod diff;
mod explain;
mod import;
mod lab;
mod lint;
mod log;
mod logs;
mod manual;
mod middlebox;
mod output;
mod probe;
mod realm;
mod serve;
mod trace;

use std::fmt::Display;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::SystemTime;

use clap::{Args, Parser, Subcommand, ValueEnum};
use expsd::config::{ConfigError, Configuration, Doubt, Draft};
use expsd::connector::{ReceiveConnector, Server};
use expsd::tls::Store;
use jiff::Timestamp;
use miette::Report;
use serde::Serialize;

/// An SMTP receive daemon that answers as a Microsoft Exchange receive connector does, and says
/// why.
///
/// It accepts mail and keeps it; it never sends any on. Not a Microsoft product.
#[derive(Parser)]
#[command(name = "expsd", version, arg_required_else_help = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Serve(serve::Serve),
    Explain(explain::Explain),
    Lint(lint::Lint),
    Diff(diff::Diff),
    Trace(trace::Tell),
    Import(import::Import),
    Logs(logs::Logs),
    Probe(probe::Probe),
    #[command(subcommand)]
    Lab(lab::Lab),
    /// Make certificates and list them
    #[command(subcommand)]
    Cert(cert::Cert),
    // Without words of its own here, its help is that of the arguments, whole.
    Realm(realm::Realm),
    Middlebox(middlebox::Stand),
    Completions(manual::Completions),
    Man(manual::Man),
}

/// Where the connectors come from.
#[derive(Args)]
struct Source {
    /// Configuration file; where a set is needed and none is named, it is that of EX01 of
    /// contoso.test, an Exchange 2019 with its default connectors
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Dump of a real server's connectors, from Get-ReceiveConnector, in place of a
    /// configuration; see expsd import --help
    #[arg(long, value_name = "DUMP", conflicts_with = "config")]
    import: Option<PathBuf>,
    #[command(flatten)]
    of: import::Of,
}

/// Where certificates live.
#[derive(Args)]
struct State {
    /// State directory [default: $XDG_STATE_HOME/expsd, or ~/.local/state/expsd]
    #[arg(long, value_name = "DIR")]
    state: Option<PathBuf>,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    Text,
    Json,
}

/// Prints what was found: JSON as one list, text with a blank line between.
fn print_all<T: Serialize + Display>(format: Format, found: &[T]) -> Result<(), Failed> {
    let mut out = io::stdout().lock();
    let result = match format {
        Format::Json => serde_json::to_writer_pretty(&mut out, found)
            .map_err(io::Error::from)
            .and_then(|()| writeln!(out)),
        Format::Text => found.iter().enumerate().try_for_each(|(i, part)| {
            let gap = if i > 0 { "\n" } else { "" };
            write!(out, "{gap}{part}")
        }),
    };
    written("standard output", result)
}

fn written(place: &str, result: io::Result<()>) -> Result<(), Failed> {
    match result {
        // Who reads no further has what he wanted.
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            Err(fail(FAILED, format!("cannot write to {place}: {error}")))
        }
        _ => Ok(()),
    }
}

/// Doubts that are told at one place.
const DOUBTS: usize = 10;

/// What is not known of a set, in words and no more than a few.
fn doubts<'a>(doubts: impl Iterator<Item = &'a Doubt>) -> Vec<String> {
    let mut texts: Vec<String> = doubts.map(|doubt| doubt.text.clone()).collect();
    let more = texts.len().saturating_sub(DOUBTS);
    texts.truncate(DOUBTS);
    texts.extend((more > 0).then(|| format!("and {more} more; `expsd import` tells all")));
    texts
}

/// Something went wrong, and what it was has been printed.
struct Failed(u8);

/// The command could not do its work.
const FAILED: u8 = 1;
/// What it was given could not be read.
const UNREADABLE: u8 = 2;

pub fn main() -> ExitCode {
    let done = match Cli::parse().command {
        Command::Serve(serve) => serve.run(),
        Command::Explain(explain) => explain.run(),
        Command::Lint(lint) => lint.run(),
        Command::Diff(diff) => diff.run(),
        Command::Trace(trace) => trace.run(),
        Command::Import(import) => import.run(),
        Command::Logs(logs) => logs.run(),
        Command::Probe(probe) => probe.run(),
        Command::Lab(lab) => lab.run(),
        Command::Cert(cert) => cert.run(),
        Command::Realm(realm) => realm.run(),
        Command::Middlebox(stand) => stand.run(),
        Command::Completions(completions) => completions.run(),
        Command::Man(man) => man.run(),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(Failed(code)) => ExitCode::from(code),
    }
}

impl Source {
    fn is_given(&self) -> bool {
        self.config.is_some() || self.import.is_some()
    }

    fn is_dump(&self) -> bool {
        self.import.is_some()
    }

    /// What may run: it breaks no rule.
    fn load(&self) -> Result<Configuration, Failed> {
        self.draft()?.finish().map_err(show)
    }

    /// What is only looked at. Rules that it breaks are told.
    fn look(&self) -> Result<Draft, Failed> {
        let draft = self.draft()?;
        tell_broken(&draft);
        Ok(draft)
    }

    fn draft(&self) -> Result<Draft, Failed> {
        match (&self.import, &self.config) {
            (Some(dump), _) => imported(dump, &self.of),
            (None, Some(path)) => Draft::load(path).map_err(show),
            (None, None) => Ok(Configuration::default().into()),
        }
    }

    /// Looks at the configuration, or the dump, at `path`.
    fn either(path: &Path) -> Result<Draft, Failed> {
        let is_toml = path.extension().is_some_and(|extension| extension == "toml");
        let draft = match !is_toml && import::is_dump(path)? {
            true => imported(path, &import::Of::default()),
            false => Draft::load(path).map_err(show),
        };
        let draft = draft?;
        tell_broken(&draft);
        Ok(draft)
    }
}

/// The lines about an import that come before what one has asked for.
const SHORTLY: usize = 10;

fn imported(path: &Path, of: &import::Of) -> Result<Draft, Failed> {
    let import = of.import(path)?;
    import::tell(&import, SHORTLY);
    Ok(Draft::imported(import, path.display().to_string()))
}

fn tell_broken(draft: &Draft) {
    let broken: Vec<_> = draft.surely_broken().cloned().collect();
    if !broken.is_empty()
        && let Err(error) = (Draft { broken, ..draft.clone() }).finish()
    {
        say!("expsd: Exchange takes no such set, nor would expsd run it:\n{error}");
    }
}

fn show(error: ConfigError) -> Failed {
    if error.problems().is_empty() {
        return fail(UNREADABLE, error);
    }
    for problem in error.into_problems() {
        say!("{:?}", Report::new(problem));
    }
    Failed(UNREADABLE)
}

impl State {
    /// The certificates that a daemon would find: those of the state directory, or else what
    /// a fresh one starts with.
    fn read(&self, configuration: &Configuration) -> Result<Store, Failed> {
        let server = &configuration.server;
        let now = SystemTime::now();
        let store = match self.directory() {
            Ok(state) => Store::read(&state, &server.name, &server.fqdn, now),
            Err(_) => Store::ephemeral(&server.name, &server.fqdn, now),
        };
        store.map_err(|error| fail(FAILED, error))
    }

    fn directory(&self) -> Result<PathBuf, Failed> {
        let from = |variable: &str, below: &str| {
            let path = PathBuf::from(std::env::var_os(variable)?);
            path.is_absolute().then(|| path.join(below))
        };
        self.state
            .clone()
            .or_else(|| from("XDG_STATE_HOME", "expsd"))
            .or_else(|| from("HOME", ".local/state/expsd"))
            .ok_or_else(|| {
                fail(
                    FAILED,
                    "there is no place for certificates: name one with --state DIR, or set HOME",
                )
            })
    }
}

/// Whether the daemon would find a certificate for STARTTLS on a connector.
fn has_certificate<'a>(
    store: &'a Store,
    server: &'a Server,
) -> impl Fn(&ReceiveConnector) -> bool + 'a {
    let now = Timestamp::now();
    move |connector| store.for_connector(connector, server, now).usable().is_some()
}

fn fail(code: u8, error: impl std::fmt::Display) -> Failed {
    say!("expsd: {error}");
    Failed(code)
}
