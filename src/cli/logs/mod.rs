//! `expsd logs`

mod csv;
mod input;
mod progress;
mod text;

use std::io::{self, BufWriter, Write};
use std::path::PathBuf;
use std::str::FromStr;

use clap::{Args, ValueEnum};
use expsd::config::Configuration;
use expsd::connector::SourceAddress;
use expsd::journal::logs::{Filter, Peer, Period, Report, Survey, Today};
use expsd::scope::Scope;

use super::{Failed, Source, UNREADABLE, written};
use input::Unread;

/// Say who uses which connector, and what fails there, from SmtpReceive protocol logs
///
/// Reads the protocol logs of real servers, of any version, and says for each connector and
/// source address: how many sessions and messages, by which TLS and as whom, what was refused
/// and what that means, and since when nobody came. Folders are searched for RECV*.LOG; files
/// may be compressed with gzip or ZIP, and "-" is the standard input.
///
/// With a set of connectors beside the logs, recipients outside the accepted domains are
/// counted, and each source is held against the connector that it would meet today. Without
/// one the logs speak for themselves.
///
/// Exits with 0, or with 2 if a file cannot be read; the others are reported all the same.
#[derive(Args)]
#[command(after_help = "\
Examples:
  expsd logs 'V15/TransportRoles/Logs/FrontEnd/ProtocolLog/SmtpReceive'
  expsd logs SmtpReceive --config ex01.toml --connector 'App relay'
  expsd logs SmtpReceive --import ex01.clixml
  expsd logs SmtpReceive --peer EX02=10.0.0.12 --peer EX03=10.0.0.13,fe80::1%11
  expsd logs RECV20261122*.LOG --since 2026-11-22T09 --format csv > sources.csv")]
pub struct Logs {
    /// Protocol logs, folders with such, or - for the standard input
    #[arg(required = true, value_name = "FILE|DIR")]
    files: Vec<PathBuf>,
    #[command(flatten)]
    source: Source,
    /// An Exchange server or relay of yours, to see which connectors it meets; may be repeated
    #[arg(long, value_name = "NAME=IP[,IP…]", value_parser = Peers::from_str)]
    peer: Vec<Peers>,
    /// Only this connector, by its name with or without the server before it; lists all sources
    #[arg(long, value_name = "NAME")]
    connector: Option<String>,
    /// Only rows from this day or moment on, in UTC, as in 2026-11-22 or 2026-11-22T09:12
    #[arg(long, value_name = "TIME", value_parser = Period::from_str)]
    since: Option<Period>,
    /// Only rows up to this day or moment, which is included
    #[arg(long, value_name = "TIME", value_parser = Period::from_str)]
    until: Option<Period>,
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    Text,
    Json,
    /// A line for each source on each connector
    Csv,
}

/// The value of one `--peer`.
#[derive(Clone)]
struct Peers(Vec<Peer>);

impl FromStr for Peers {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (name, addresses) = text
            .split_once('=')
            .filter(|(name, _)| !name.is_empty())
            .ok_or("expected a name, = and an address, such as EX02=10.0.0.12")?;
        let peer = |address: &str| {
            let address: SourceAddress = address.parse().map_err(|e| format!("{address}: {e}"))?;
            Ok(Peer { name: name.to_owned(), address })
        };
        addresses.split(',').map(peer).collect::<Result<_, _>>().map(Self)
    }
}

/// Reads what `files` stand for, as far as it can be read; the rest is named.
pub fn read(files: &[PathBuf], survey: &mut Survey) -> Result<(), Failed> {
    let unread = input::read(files, survey);
    for Unread { name, problem } in &unread {
        say!("expsd: {name}: {problem}");
    }
    if unread.is_empty() { Ok(()) } else { Err(Failed(UNREADABLE)) }
}

impl Logs {
    pub fn run(self) -> Result<(), Failed> {
        let configuration = match self.source.is_given() {
            true => Some(self.source.look()?.configuration),
            false => None,
        };
        let filter = Filter {
            since: self.since.map(|period| period.first),
            until: self.until.map(|period| period.last),
            connector: self.connector.clone(),
        };
        let directory = configuration.as_ref().map(|c| c.directory.clone());
        let mut survey = Survey::new(filter, directory);
        let read = read(&self.files, &mut survey);
        if read.is_ok() || !survey.is_empty() {
            self.print(&mut survey, configuration.as_ref())?;
        }
        read
    }

    fn print(
        &self,
        survey: &mut Survey,
        configuration: Option<&Configuration>,
    ) -> Result<(), Failed> {
        let peers: Vec<Peer> = self.peer.iter().flat_map(|peers| peers.0.clone()).collect();
        let scope = configuration.map(|c| Scope::new(c.connectors.clone()));
        let today = configuration
            .zip(scope.as_ref())
            .map(|(configuration, scope)| Today { server: &configuration.server, scope });
        let report = survey.report(&peers, today);
        let mut out = BufWriter::new(io::stdout().lock());
        let result = self.write(&report, &mut out).and_then(|()| out.flush());
        written("standard output", result)
    }

    fn write(&self, report: &Report<'_>, out: &mut impl Write) -> io::Result<()> {
        match self.format {
            Format::Text => text::write(report, self.connector.is_some(), out),
            Format::Csv => csv::write(report, out),
            Format::Json => {
                serde_json::to_writer_pretty(&mut *out, report)?;
                writeln!(out)
            }
        }
    }
}
