//! `expsd lint`

mod json;
mod sarif;
mod text;

use std::io::{self, Write as _};
use std::ops::Range;
use std::str::FromStr;

use clap::{Args, ValueEnum};
use expsd::config::{Allow, Draft};
use expsd::connector::{ReceiveConnector, Version};
use expsd::scope::Scope;
use expsd::scope::lint::{
    self, ALLOW_COMMENT, Concerns, Finding, Peer, RULES, Rule, Severity, Words,
};
use expsd::server::findings;
use expsd::session::facts;

use super::{Failed, Source, State, written};

/// Say what is wrong with a set of connectors
///
/// One rule for each known way to get it wrong: which connector, which addresses, who is hit,
/// what he sees (reply, queue, event, log) and which command mends it. Without --peer, ranges
/// that might cover Exchange servers are judged by their size; with it, exactly. A comment
/// `# expsd-lint: allow RULE reason` in a configuration silences a rule for the connector that
/// it stands in or above, or for the parameter on its line. Certificates are those that
/// `expsd serve` would use; of a dump they are not known.
///
/// Exits with 0 if nothing was found or notes only, 1 if there are errors or warnings, and 2 if
/// the file cannot be read.
#[derive(Args)]
#[command(after_help = "\
Examples:
  expsd lint
  expsd lint --config ex01.toml
  expsd lint --config ex01.toml --peer EX02=10.0.0.12 --peer balancer:LB1=10.0.0.4
  expsd lint --config ex01.toml --peer application:ERP=10.0.5.7,fd00::57
  expsd lint --import ex01.clixml --peer EX02=10.0.0.12
  expsd lint --config ex01.toml --format sarif >ex01.sarif
  expsd lint --explain relay-covers-exchange-server")]
pub struct Lint {
    #[command(flatten)]
    source: Source,
    #[command(flatten)]
    state: State,
    /// A known peer and its addresses. KIND is exchange (the default), balancer (hides its
    /// clients' addresses), gateway (brings the Internet's mail) or application (sends mail)
    #[arg(long = "peer", value_name = "[KIND:]NAME=IP[,IP…]", value_parser = Peer::from_str)]
    peers: Vec<Peer>,
    /// How to print it
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    format: Format,
    /// Print what a rule is about, and nothing else
    #[arg(long, value_name = "RULE", value_parser = find_rule, conflicts_with_all = ["config", "import", "peers"])]
    explain: Option<&'static Rule>,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    Text,
    Json,
    Sarif,
}

/// There are errors or warnings.
const FINDINGS: u8 = 1;

/// What is told: a finding about a connector, or about a comment that should silence one.
struct Told<'a> {
    rule: &'static Rule,
    problem: String,
    /// Where it stands in the file, if it comes from one.
    place: Option<Range<usize>>,
    finding: Option<&'a Finding>,
    /// The reason why it is silenced.
    allowed: Option<String>,
}

/// Everything, with what it is about.
struct Report<'a> {
    draft: &'a Draft,
    told: Vec<Told<'a>>,
}

impl Lint {
    pub fn run(self) -> Result<(), Failed> {
        if let Some(rule) = self.explain {
            return written("standard output", write!(io::stdout(), "{}", rule.page(&words)));
        }
        let draft = self.source.draft()?;
        let scope = Scope::new(draft.configuration.connectors.clone());
        // A dump is of another server, whose certificates are not here, and no place for comments.
        let (store, allows) = match self.source.is_dump() {
            true => (None, Vec::new()),
            false => (Some(self.state.read(&draft.configuration)?), draft.places.allows()),
        };
        let findings = findings(&draft, &scope, store.as_ref(), &self.peers);
        let report = Report::new(&draft, &findings, &allows);
        let mut out = io::stdout().lock();
        let result = match self.format {
            Format::Text => text::write(&report, &mut out),
            Format::Json => json::write(&report, &mut out),
            Format::Sarif => sarif::write(&report, &mut out),
        };
        written("standard output", result)?;
        let counts = |severity| report.count(severity) > 0;
        match counts(Severity::Error) || counts(Severity::Warning) {
            true => Err(Failed(FINDINGS)),
            false => Ok(()),
        }
    }
}

fn words(version: Version) -> &'static dyn Words {
    facts(version)
}

fn find_rule(id: &str) -> Result<&'static Rule, String> {
    lint::rule(id).ok_or_else(|| unknown(id))
}

fn unknown(id: &str) -> String {
    let likeness = |rule: &&&Rule| (strsim::jaro_winkler(id, rule.id) * 1000.0) as u32;
    match RULES.iter().max_by_key(likeness).filter(|rule| likeness(rule) > 850) {
        Some(rule) => format!("there is no rule \"{id}\"; did you mean {}?", rule.id),
        None => {
            let all: Vec<_> = RULES.iter().map(|rule| rule.id).collect();
            format!("there is no rule \"{id}\"; there are {}", all.join(", "))
        }
    }
}

impl<'a> Report<'a> {
    fn new(draft: &'a Draft, findings: &'a [Finding], allows: &[Allow]) -> Self {
        let mut told: Vec<Told<'a>> = findings
            .iter()
            .map(|finding| {
                let allow = allows.iter().find(|allow| silences(allow, finding));
                Told {
                    rule: finding.rule,
                    problem: finding.problem.clone(),
                    place: place(draft, finding),
                    finding: Some(finding),
                    allowed: allow.map(|allow| allow.reason.clone()),
                }
            })
            .collect();
        told.extend(allows.iter().filter_map(|allow| {
            Some(Told {
                rule: &ALLOW_COMMENT,
                problem: idle(allow, findings)?,
                place: Some(allow.span.clone()),
                finding: None,
                allowed: None,
            })
        }));
        told.sort_by_key(|told| told.rule.severity);
        Self { draft, told }
    }

    /// Those that no comment silences.
    fn open(&self) -> impl Iterator<Item = &Told<'a>> {
        self.told.iter().filter(|told| told.allowed.is_none())
    }

    fn count(&self, severity: Severity) -> usize {
        self.open().filter(|told| told.rule.severity == severity).count()
    }

    fn silenced(&self) -> usize {
        self.told.len() - self.open().count()
    }

    /// `SERVER\Connector name`
    fn identity(&self, connector: usize) -> String {
        let configuration = &self.draft.configuration;
        configuration.server.identity(&configuration.connectors[connector])
    }

    /// Line and column of an offset, from 1.
    fn position(&self, offset: usize) -> (usize, usize) {
        let places = &self.draft.places;
        let before = &places.text()[..offset.min(places.text().len())];
        let line = before.rfind('\n').map_or(0, |end| end + 1);
        (places.line(offset), before[line..].chars().count() + 1)
    }
}

/// Where a finding is shown: at its parameter, in a list at the item that it is about, and never
/// on more than one line.
fn place(draft: &Draft, finding: &Finding) -> Option<Range<usize>> {
    let whole = draft.places.find(finding.connector, finding.parameter)?;
    let text = &draft.places.text()[whole.clone()];
    let item = item(&draft.configuration.connectors[finding.connector], finding);
    if let Some((at, item)) = item.and_then(|item| Some((text.find(&item)?, item))) {
        return Some(whole.start + at..whole.start + at + item.len());
    }
    let line = text.find(['\r', '\n']).unwrap_or(text.len());
    if line <= LONGEST_PLACE {
        return Some(whole.start..whole.start + line);
    }
    // JSON or CSV with a whole connector, or all of them, on one line.
    let key = format!("\"{}\"", finding.parameter);
    let from = text[..line].find(&key).unwrap_or(0);
    let to = text::floor(text, (from + LONGEST_PLACE).min(line));
    Some(whole.start + from..whole.start + to)
}

/// Octets of a place that are shown where its line is longer.
const LONGEST_PLACE: usize = 120;

/// The range that holds the first of the sources that a finding concerns, as it is written.
fn item(connector: &ReceiveConnector, finding: &Finding) -> Option<String> {
    let Concerns::Sources(sources) = &finding.concerns else { return None };
    let (first, _) = sources.stretches().next()?;
    let ranges = connector.remote_ip_ranges.iter().filter(|range| range.contains(first));
    let range = ranges.min_by_key(|range| range.span())?;
    (finding.parameter == "RemoteIPRanges").then(|| format!("\"{range}\""))
}

fn silences(allow: &Allow, finding: &Finding) -> bool {
    allow.rule == finding.rule.id
        && !allow.reason.is_empty()
        && allow.connector == Some(finding.connector)
        && allow.parameter.is_none_or(|parameter| parameter == finding.parameter)
}

/// Why a comment silences nothing.
fn idle(allow: &Allow, findings: &[Finding]) -> Option<String> {
    let Allow { rule, reason, connector, .. } = allow;
    if rule.is_empty() {
        return Some("write `# expsd-lint: allow RULE reason`".to_owned());
    }
    if lint::rule(rule).is_none() {
        return Some(unknown(rule));
    }
    if reason.is_empty() {
        return Some(format!("say why {rule} is allowed, behind the rule"));
    }
    if connector.is_none() {
        let where_to = "it belongs into a [[ReceiveConnector]], or directly above one";
        return Some(format!("this comment is about no connector: {where_to}"));
    }
    let used = findings.iter().any(|finding| silences(allow, finding));
    (!used).then(|| format!("{rule} finds nothing here that this comment could allow"))
}

/// An error that is about writing, as one about what was written.
fn as_io(error: impl std::fmt::Display) -> io::Error {
    io::Error::other(error.to_string())
}
