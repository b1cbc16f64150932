//! `expsd logs`

mod csv;
mod find;
mod input;
mod progress;
mod text;

use std::io::{self, BufWriter, Write};
use std::path::PathBuf;
use std::str::FromStr;

use clap::{Args, ValueEnum};
use expsd::config::Configuration;
use expsd::directory::{AcceptedDomain, Directory, DomainType};
use expsd::journal::logs::{Filter, Period, Report, Survey, Today};
use expsd::scope::Scope;
use expsd::scope::lint::Peer;

use super::{Failed, Source, UNREADABLE, written};
use input::Unread;

/// Say who uses which connector, and what fails there, from SmtpReceive protocol logs
///
/// Reads the protocol logs of real servers, of any version, and says for each connector and
/// source address: how many sessions and messages, by which TLS and as whom, what was refused
/// and what that means, and since when nobody came. Folders are searched for RECV*.LOG; files
/// may be compressed with gzip or ZIP, and "-" is the standard input.
///
/// With a set of connectors beside the logs, each source is held against the connector that it
/// would meet today. With the accepted domains, from --accepted-domain or from [[AcceptedDomain]]
/// of --config, recipients outside them are counted. Without either the logs speak for
/// themselves.
///
/// Exits with 0, or with 2 if a file cannot be read; the others are reported all the same.
#[derive(Args)]
#[command(after_help = "\
Examples:
  expsd logs 'V15/TransportRoles/Logs/FrontEnd/ProtocolLog/SmtpReceive'
  expsd logs SmtpReceive --config ex01.toml --connector 'App relay'
  expsd logs SmtpReceive --import ex01.clixml --accepted-domain 'contoso.com,*.contoso.net'
  expsd logs SmtpReceive --peer EX02=10.0.0.12 --peer EX03=10.0.0.13,fe80::1%11
  expsd logs RECV20261122*.LOG --since 2026-11-22T09 --format csv > sources.csv")]
pub struct Logs {
    /// Protocol logs, folders with such, or - for the standard input
    #[arg(required = true, value_name = "FILE|DIR")]
    files: Vec<PathBuf>,
    #[command(flatten)]
    source: Source,
    /// A domain that mail is accepted for, in place of those of --config; `*.` before it stands
    /// for all below it; may be repeated
    #[arg(long, value_name = "DOMAIN", value_delimiter = ',', value_parser = accepted_domain)]
    accepted_domain: Vec<AcceptedDomain>,
    /// Somebody whose addresses are known, to see which connectors he meets; may be repeated.
    /// KIND is exchange, if it is left out, or balancer, gateway or application
    #[arg(long, value_name = "[KIND:]NAME=IP[,IP…]", value_parser = Peer::from_str)]
    peer: Vec<Peer>,
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

fn accepted_domain(text: &str) -> Result<AcceptedDomain, &'static str> {
    AcceptedDomain::new(text, DomainType::Authoritative)
        .ok_or("expected a domain such as contoso.com or *.contoso.com")
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
        let mut survey = Survey::new(filter, self.accepted_domains(configuration.as_ref()));
        let read = read(&self.files, &mut survey);
        if read.is_ok() || !survey.is_empty() {
            self.print(&mut survey, configuration.as_ref())?;
        }
        read
    }

    /// `None` if nobody has said which they are.
    fn accepted_domains(&self, configuration: Option<&Configuration>) -> Option<Directory> {
        let written = configuration.filter(|configuration| !configuration.default_domains);
        let accepted_domains = match self.accepted_domain.is_empty() {
            true => written?.directory.accepted_domains.clone(),
            false => self.accepted_domain.clone(),
        };
        Some(Directory { accepted_domains, ..Directory::default() })
    }

    fn print(
        &self,
        survey: &mut Survey,
        configuration: Option<&Configuration>,
    ) -> Result<(), Failed> {
        let scope = configuration.map(|c| Scope::new(c.connectors.clone()));
        let today = configuration
            .zip(scope.as_ref())
            .map(|(configuration, scope)| Today { server: &configuration.server, scope });
        let report = survey.report(&self.peer, today);
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
