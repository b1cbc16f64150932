//! What a survey found, in order, and beside what is known from elsewhere.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};

use serde::ser::SerializeStruct as _;
use serde::{Serialize, Serializer};

use super::figures::{Counted, Outcomes, Outside, TlsCounts, Totals};
use super::meaning::meaning;
use super::names::{NameId, Names};
use super::peers::{PeerReport, peer_at};
use super::survey::{Survey, UnreadableRow, endpoint};
use super::tally::{Attempts, Tally};
use super::time::Stamp;
use crate::connector::{Server, SourceAddress};
use crate::scope::Scope;
use crate::scope::lint::Peer;

/// A set of connectors to hold the log against.
#[derive(Clone, Copy, Debug)]
pub struct Today<'a> {
    pub server: &'a Server,
    pub scope: &'a Scope,
}

/// What was found. It serialises to everything.
#[derive(Serialize)]
pub struct Report<'a> {
    pub files: u64,
    pub rows: u64,
    pub sessions: u64,
    pub first: Option<Stamp>,
    pub last: Option<Stamp>,
    /// The server whose connectors the sources were held against.
    pub held_against: Option<&'a str>,
    pub unreadable: Unreadables<'a>,
    /// Rows in which the peer gives replies, as in logs of what the server sent.
    pub received_replies: u64,
    /// What the files hold, if the filter lets nothing of it in.
    pub passed_over: Option<PassedOverReport<'a>>,
    /// More sources, names or failures than are told apart.
    pub limits_reached: Vec<String>,
    pub peers: Vec<PeerReport<'a>>,
    pub connectors: Vec<ConnectorReport<'a>>,
}

#[derive(Serialize)]
pub struct PassedOverReport<'a> {
    pub first: Stamp,
    pub last: Stamp,
    /// By rows.
    pub connectors: Counted<'a, u64>,
}

#[derive(Serialize)]
pub struct Unreadables<'a> {
    pub rows: u64,
    /// The first of them.
    pub first: &'a [UnreadableRow],
}

#[derive(Serialize)]
pub struct ConnectorReport<'a> {
    /// `SERVER\Connector name`
    pub connector: Cow<'a, str>,
    pub totals: Totals<'a>,
    /// Names that failed to log on, by how often, and no more than [`MAX_SOURCES`].
    pub failed_identities: Counted<'a, u64>,
    pub failed_identities_in_all: usize,
    pub failures: Vec<FailureReport<'a>>,
    /// Those with the most messages come first.
    pub sources: Vec<SourceReport<'a>>,
}

#[derive(Serialize)]
pub struct FailureReport<'a> {
    pub text: Cow<'a, str>,
    pub count: u64,
    pub last: Stamp,
    pub means: Option<&'static str>,
    pub look_at: Option<&'static str>,
    /// By how often, and no more than [`MAX_SOURCES`].
    pub sources: Counted<'a, u64>,
    pub sources_in_all: usize,
}

/// Sources that are named of a failure, and names of a connector.
pub const MAX_SOURCES: usize = 10;

/// One source on one connector. It serialises to all its figures.
pub struct SourceReport<'a> {
    pub source: Cow<'a, str>,
    pub peer: Option<&'a str>,
    pub now: Option<Now<'a>>,
    pub tally: &'a Tally,
    domains_known: bool,
    names: &'a Names,
    failures: &'a Names,
}

/// What a source would meet today on the local endpoint that it mostly came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Now<'a> {
    Same,
    /// The name of another connector.
    Other(&'a str),
    NoConnector,
}

impl Survey {
    /// Ends the sessions whose last row did not come, and says what was found.
    pub fn report<'a>(&'a mut self, peers: &'a [Peer], today: Option<Today<'a>>) -> Report<'a> {
        self.give_up(u64::MAX);
        let survey = &*self;
        let mut connectors: BTreeMap<NameId, ConnectorReport<'a>> = BTreeMap::new();
        for ((connector, source), tally) in &survey.tallies {
            let name = survey.names.text(*connector);
            let source = survey.source(*source, &name, tally, peers, today);
            let report = connectors.entry(*connector).or_insert_with(|| ConnectorReport {
                connector: name,
                totals: Totals::default(),
                failed_identities: Counted::default(),
                failed_identities_in_all: 0,
                failures: Vec::new(),
                sources: Vec::new(),
            });
            report.totals.add(tally, source.outside(), &survey.names);
            report.sources.push(source);
        }
        let mut connectors: Vec<_> = connectors.into_values().collect();
        for report in &mut connectors {
            report.failures = survey.failures_of(&report.sources);
            report.failed_identities = survey.failed_identities_of(&report.sources);
            report.failed_identities_in_all = report.failed_identities.0.len();
            report.failed_identities.0.truncate(MAX_SOURCES);
            report.sources.sort_by(|a, b| {
                let rank = |s: &SourceReport<'_>| (s.tally.messages, s.tally.sessions);
                rank(b).cmp(&rank(a)).then_with(|| a.source.cmp(&b.source))
            });
        }
        connectors.sort_by(|a, b| a.connector.cmp(&b.connector));
        Report {
            files: survey.files,
            rows: survey.rows,
            sessions: survey.tallies.values().map(|tally| tally.sessions).sum(),
            first: survey.tallies.values().map(|tally| tally.first).min(),
            last: survey.tallies.values().map(|tally| tally.last).max(),
            held_against: today.map(|today| today.server.name.as_str()),
            unreadable: Unreadables { rows: survey.unreadable, first: &survey.unreadable_rows },
            received_replies: survey.received_replies,
            passed_over: survey.passed_over(),
            limits_reached: survey.limits_reached(),
            peers: survey.peers(peers, today),
            connectors,
        }
    }

    fn passed_over(&self) -> Option<PassedOverReport<'_>> {
        let (first, last) = self.passed_over.period.filter(|_| self.rows == 0)?;
        let mut connectors = Counted::named(&self.passed_over.connectors, &self.names);
        connectors.sort(|rows| *rows);
        Some(PassedOverReport { first, last, connectors })
    }

    fn source<'a>(
        &'a self,
        source: NameId,
        connector: &str,
        tally: &'a Tally,
        peers: &'a [Peer],
        today: Option<Today<'a>>,
    ) -> SourceReport<'a> {
        let text = self.names.text(source);
        let address: Option<SourceAddress> = text.parse().ok();
        let peer = address.and_then(|address| peer_at(peers, address));
        SourceReport {
            peer: peer.map(|peer| peer.name.as_str()),
            now: self.now(today, connector, &text, tally),
            source: text,
            tally,
            domains_known: self.directory.is_some(),
            names: &self.names,
            failures: &self.failures,
        }
    }

    /// What `source` would meet today instead of `connector`.
    pub(super) fn now<'a>(
        &self,
        today: Option<Today<'a>>,
        connector: &str,
        source: &str,
        tally: &Tally,
    ) -> Option<Now<'a>> {
        let today = today?;
        let (server, name) = connector.split_once('\\')?;
        if !server.eq_ignore_ascii_case(&today.server.name) {
            return None;
        }
        let (local, _) = tally.locals.iter().max_by_key(|(_, sessions)| **sessions)?;
        let local = endpoint(&self.names.text(local))?;
        Some(match today.scope.select(local, source.parse().ok()?).winner() {
            Some(winner) if winner.name.eq_ignore_ascii_case(name) => Now::Same,
            Some(winner) => Now::Other(&winner.name),
            None => Now::NoConnector,
        })
    }

    fn failed_identities_of<'a>(&'a self, sources: &[SourceReport<'a>]) -> Counted<'a, u64> {
        let mut all: HashMap<NameId, u64> = HashMap::new();
        for (name, count) in sources.iter().flat_map(|source| source.tally.failed_identities.iter())
        {
            *all.entry(name).or_default() += count;
        }
        let named = all.into_iter().map(|(name, count)| (self.names.text(name), count));
        let mut all = Counted(named.collect());
        all.sort(|count| *count);
        all
    }

    fn failures_of<'a>(&'a self, sources: &[SourceReport<'a>]) -> Vec<FailureReport<'a>> {
        let mut all: HashMap<NameId, FailureReport<'a>> = HashMap::new();
        for source in sources {
            for (id, failures) in source.tally.failures.iter() {
                let report = all.entry(id).or_insert_with(|| {
                    let text = self.failures.text(id);
                    let meaning = meaning(&text);
                    FailureReport {
                        count: 0,
                        last: failures.last,
                        means: meaning.map(|meaning| meaning.means),
                        look_at: meaning.map(|meaning| meaning.look_at),
                        sources: Counted(Vec::new()),
                        sources_in_all: 0,
                        text,
                    }
                });
                report.count += failures.count;
                report.last = report.last.max(failures.last);
                report.sources.0.push((source.source.clone(), failures.count));
            }
        }
        let mut all: Vec<_> = all.into_values().collect();
        for report in &mut all {
            report.sources_in_all = report.sources.0.len();
            report.sources.sort(|count| *count);
            report.sources.0.truncate(MAX_SOURCES);
        }
        all.sort_by(|a, b| b.count.cmp(&a.count).then_with(|| a.text.cmp(&b.text)));
        all
    }

    fn limits_reached(&self) -> Vec<String> {
        let limits = [
            (self.tallies.len() >= self.limits.sources, self.limits.sources, "sources"),
            (self.names.is_full(), self.limits.names, "names"),
            (self.failures.is_full(), self.limits.failures, "failures"),
        ];
        let reached = limits.into_iter().filter(|(reached, ..)| *reached);
        reached
            .map(|(_, limit, what)| {
                format!("more than {limit} {what}: the others are counted as (others)")
            })
            .collect()
    }
}

impl<'a> SourceReport<'a> {
    /// `None` if the accepted domains are not known.
    pub fn outside(&self) -> Option<Outside> {
        self.domains_known.then_some(self.tally.outside)
    }

    pub fn outcomes(&self) -> Outcomes {
        Outcomes::of(self.tally)
    }

    pub fn tls(&self) -> TlsCounts {
        TlsCounts::of(self.tally)
    }

    pub fn locals(&self) -> Counted<'a, u64> {
        Counted::named(&self.tally.locals, self.names)
    }

    pub fn ciphers(&self) -> Counted<'a, u64> {
        Counted::named(&self.tally.ciphers, self.names)
    }

    pub fn mechanisms(&self) -> Counted<'a, Attempts> {
        Counted::named(&self.tally.mechanisms, self.names)
    }

    pub fn identities(&self) -> Counted<'a, u64> {
        Counted::named(&self.tally.identities, self.names)
    }

    pub fn failed_identities(&self) -> Counted<'a, u64> {
        Counted::named(&self.tally.failed_identities, self.names)
    }

    pub fn hellos(&self) -> Counted<'a, u64> {
        Counted::named(&self.tally.hellos, self.names)
    }

    pub fn failures(&self) -> Counted<'a, u64> {
        let failures = self.tally.failures.iter();
        let mut all = Counted(failures.map(|(id, f)| (self.failures.text(id), f.count)).collect());
        all.sort(|count| *count);
        all
    }
}

impl Serialize for Now<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl Now<'_> {
    /// In one word, or the name of the other connector.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Same => "the same",
            Self::Other(name) => name,
            Self::NoConnector => "no connector",
        }
    }
}

impl Serialize for SourceReport<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let tally = self.tally;
        let mut fields = serializer.serialize_struct("Source", 28)?;
        fields.serialize_field("source", &self.source)?;
        fields.serialize_field("peer", &self.peer)?;
        fields.serialize_field("first", &tally.first)?;
        fields.serialize_field("last", &tally.last)?;
        fields.serialize_field("sessions", &tally.sessions)?;
        fields.serialize_field("partial", &tally.partial)?;
        fields.serialize_field("outcomes", &self.outcomes())?;
        fields.serialize_field("tls", &self.tls())?;
        fields.serialize_field("ciphers", &self.ciphers())?;
        fields.serialize_field("mechanisms", &self.mechanisms())?;
        fields.serialize_field("identities", &self.identities())?;
        fields.serialize_field("failed_identities", &self.failed_identities())?;
        fields.serialize_field("hellos", &self.hellos())?;
        fields.serialize_field("local", &self.locals())?;
        fields.serialize_field("messages", &tally.messages)?;
        fields.serialize_field("recipients", &tally.recipients)?;
        fields.serialize_field("recipients_unsent", &tally.recipients_unsent)?;
        fields.serialize_field("recipients_refused", &tally.recipients_refused)?;
        fields.serialize_field("outside", &self.outside())?;
        fields.serialize_field("may_relay", &tally.may_relay)?;
        fields.serialize_field("tarpits", &tally.tarpits)?;
        fields.serialize_field("masked", &tally.masked)?;
        fields.serialize_field("ehlo", &tally.ehlo)?;
        fields.serialize_field("ehlo_without_exchange", &tally.ehlo_without_exchange)?;
        fields.serialize_field("helo", &tally.helo)?;
        fields.serialize_field("clients", &tally.clients)?;
        fields.serialize_field("failures", &self.failures())?;
        fields.serialize_field("now", &self.now)?;
        fields.end()
    }
}
