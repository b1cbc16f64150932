//! The reading of many files, and what is kept of them.

use std::collections::HashMap;
use std::hash::{BuildHasher as _, RandomState};
use std::io::{self, Read};
use std::net::SocketAddr;

use indexmap::IndexMap;
use memchr::memchr;
use serde::{Serialize, Serializer};

use super::flight::{Books, Flight};
use super::lines::{Line, Lines};
use super::names::{Few, NameId, Names, OTHERS};
use super::row::{Event, Layout, Row, Unreadable, begins_with_date, host, unquoted};
use super::tally::Tally;
use super::time::Stamp;
use super::wire::code;
use crate::connector::SourceAddress;
use crate::directory::Directory;

/// How much is kept, whatever the files hold.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    /// Sources, counted once for each connector. Further ones are counted together.
    pub sources: usize,
    /// Different names: of connectors and sources, of hellos, of accounts.
    pub names: usize,
    /// Different failures.
    pub failures: usize,
    /// Sessions under way at one time. Those silent for the longest are given up first.
    pub sessions: usize,
    /// Octets that are read at a time, and the length of the longest line.
    pub block: usize,
}

pub(super) const LIMITS: Limits =
    Limits { sources: 100_000, names: 250_000, failures: 1_000, sessions: 20_000, block: 1 << 20 };

/// Rows that cannot be read and are shown; the others are counted.
const MAX_SHOWN: usize = 20;

/// Octets of a `#Log-type` that are shown.
const MAX_LOG_TYPE: usize = 60;

/// Which rows count.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    pub since: Option<Stamp>,
    pub until: Option<Stamp>,
    /// `SERVER\Connector name`, or the name alone.
    pub connector: Option<String>,
}

/// A row that could not be read.
#[derive(Clone, Debug, Serialize)]
pub struct UnreadableRow {
    pub file: String,
    pub line: u64,
    #[serde(serialize_with = "in_words")]
    pub problem: Unreadable,
}

/// What one file gave.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FileFacts {
    pub rows: u64,
    pub unreadable: u64,
    /// What was wrong with the first row that could not be read.
    pub first_problem: Option<Unreadable>,
    /// The last `#Log-type` that is none of SMTP Receive.
    pub other_log: Option<String>,
}

/// A source on a local endpoint, as a set of connectors can be asked about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SeenSource {
    /// `SERVER\Connector name`
    pub connector: String,
    pub local: SocketAddr,
    pub source: SourceAddress,
    pub sessions: u64,
}

/// Everything that was counted in the files read so far.
pub struct Survey {
    pub(super) limits: Limits,
    pub(super) filter: Filter,
    pub(super) directory: Option<Directory>,
    pub(super) names: Names,
    pub(super) failures: Names,
    pub(super) tallies: IndexMap<(NameId, NameId), Tally>,
    pub(super) files: u64,
    pub(super) rows: u64,
    pub(super) unreadable: u64,
    pub(super) unreadable_rows: Vec<UnreadableRow>,
    /// Rows in which the peer says what only a server says.
    pub(super) received_replies: u64,
    pub(super) passed_over: PassedOver,
    sessions: HashMap<u64, Session>,
    hasher: RandomState,
}

/// Rows that the filter kept out before the first that it let in.
#[derive(Debug, Default)]
pub(super) struct PassedOver {
    pub period: Option<(Stamp, Stamp)>,
    pub connectors: Few<u64, 16>,
}

impl PassedOver {
    fn row(&mut self, row: &Row<'_>, names: &mut Names) {
        let (first, last) = self.period.unwrap_or((row.time, row.time));
        self.period = Some((first.min(row.time), last.max(row.time)));
        *self.connectors.named(&unquoted(row.connector), names) += 1;
    }
}

struct Session {
    flight: Flight,
    tally: usize,
    /// The number of its last row.
    row: u64,
}

impl Survey {
    /// With a directory, recipients outside its accepted domains are counted.
    pub fn new(filter: Filter, directory: Option<Directory>) -> Self {
        Self::with_limits(filter, directory, LIMITS)
    }

    pub(super) fn with_limits(
        filter: Filter,
        directory: Option<Directory>,
        limits: Limits,
    ) -> Self {
        Self {
            names: Names::new(limits.names),
            failures: Names::new(limits.failures),
            limits,
            filter,
            directory,
            tallies: IndexMap::new(),
            files: 0,
            rows: 0,
            unreadable: 0,
            unreadable_rows: Vec::new(),
            received_replies: 0,
            passed_over: PassedOver::default(),
            sessions: HashMap::new(),
            hasher: RandomState::new(),
        }
    }

    /// Whether no row has counted so far.
    pub fn is_empty(&self) -> bool {
        self.rows == 0
    }

    /// Reads a file. Sessions may go on in the next one. After an error what came before it
    /// has been counted.
    pub fn read(&mut self, name: &str, input: impl Read) -> io::Result<FileFacts> {
        let mut lines = Lines::new(input, self.limits.block);
        let mut layout = Ok(Layout::default());
        let mut facts = FileFacts::default();
        let mut last = None;
        self.files += 1;
        while let Some(line) = lines.next()? {
            let problem = match line {
                Line::Text => self.line(&mut lines, &mut layout, &mut facts)?,
                Line::TooLong => Some(Unreadable::TooLong(self.limits.block)),
            };
            if let Some(problem) = problem {
                // One word for all of another log is enough.
                let told = problem == Unreadable::OtherLog && last == Some(problem);
                (last, facts.first_problem) =
                    (Some(problem), facts.first_problem.or(Some(problem)));
                facts.unreadable += 1;
                self.unreadable += 1;
                if !told && self.unreadable_rows.len() < MAX_SHOWN {
                    let (file, line) = (name.to_owned(), lines.number());
                    self.unreadable_rows.push(UnreadableRow { file, line, problem });
                }
            }
        }
        Ok(facts)
    }

    /// Reads the current line, and gives what is wrong with it.
    fn line<R: Read>(
        &mut self,
        lines: &mut Lines<R>,
        layout: &mut Result<Layout, Unreadable>,
        facts: &mut FileFacts,
    ) -> io::Result<Option<Unreadable>> {
        loop {
            let line = lines.text();
            let line = line.strip_prefix(b"\xef\xbb\xbf").unwrap_or(line);
            if line.is_empty() {
                return Ok(None);
            }
            if line[0] == b'#' && memchr(b'\r', line).is_none() {
                header(line, layout, facts);
                return Ok(None);
            }
            let problem = match layout {
                Err(problem) => *problem,
                Ok(layout) => match layout.row(line) {
                    Ok(row) => {
                        facts.rows += 1;
                        self.row(&row);
                        return Ok(None);
                    }
                    Err(_) if memchr(b'\r', line).is_some() => Unreadable::CarriageReturns,
                    Err(problem) => problem,
                },
            };
            let may_go_on = problem == Unreadable::OpenQuote
                && layout.as_ref().is_ok_and(Layout::begins_with_time);
            if !may_go_on || !lines.join(|next| begins_with_date(next) || next.starts_with(b"#"))? {
                return Ok(Some(problem));
            }
        }
    }

    fn row(&mut self, row: &Row<'_>) {
        if self.filter.since.is_some_and(|since| row.time < since)
            || self.filter.until.is_some_and(|until| row.time > until)
            || self.filter.connector.as_ref().is_some_and(|name| !is_called(row.connector, name))
        {
            if self.rows == 0 {
                self.passed_over.row(row, &mut self.names);
            }
            return;
        }
        self.received_replies +=
            u64::from(row.event == Event::Received && code(row.data).is_some());
        self.rows += 1;
        // Session ids alone may be those of two servers, or zeroed by whoever gave the file away.
        let key = self.hasher.hash_one((row.session, row.remote));
        if row.event == Event::Connect
            && let Some(session) = self.sessions.remove(&key)
        {
            self.end(session, None);
        }
        if row.event == Event::Disconnect {
            if let Some(session) = self.sessions.remove(&key) {
                self.end(session, Some(row));
            }
            return;
        }
        if !self.sessions.contains_key(&key) {
            let session = self.begin(row);
            self.sessions.insert(key, session);
        }
        let Some(session) = self.sessions.get_mut(&key) else { return };
        session.row = self.rows;
        let tally = &mut self.tallies[session.tally];
        tally.seen(row.time);
        let mut books = Books {
            names: &mut self.names,
            failures: &mut self.failures,
            directory: self.directory.as_ref(),
        };
        session.flight.row(row, tally, &mut books);
    }

    fn begin(&mut self, row: &Row<'_>) -> Session {
        if self.sessions.len() >= self.limits.sessions {
            self.give_up_the_oldest();
        }
        let connector = self.names.id(&unquoted(row.connector));
        let source = self.names.id(host(row.remote));
        let mut key = (connector, source);
        if self.tallies.len() >= self.limits.sources && !self.tallies.contains_key(&key) {
            // A connector that comes first when all is full has a row of its own, up to a
            // second limit.
            let crowded = self.tallies.len() >= self.limits.sources + MAX_CROWDED;
            key = (connector, OTHERS);
            if crowded && !self.tallies.contains_key(&key) {
                key = (OTHERS, OTHERS);
            }
        }
        let local = self.names.id(row.local);
        let entry = self.tallies.entry(key);
        let index = entry.index();
        let tally = entry.or_insert_with(|| Tally::new(row.time));
        tally.sessions += 1;
        tally.partial += u64::from(row.event != Event::Connect);
        *tally.locals.of(local) += 1;
        Session { flight: Flight::new(row), tally: index, row: self.rows }
    }

    fn end(&mut self, session: Session, row: Option<&Row<'_>>) {
        let tally = &mut self.tallies[session.tally];
        if let Some(row) = row {
            tally.seen(row.time);
        }
        let mut books = Books {
            names: &mut self.names,
            failures: &mut self.failures,
            directory: self.directory.as_ref(),
        };
        session.flight.end(row, tally, &mut books);
    }

    /// Ends the half of the sessions that has been silent the longest.
    fn give_up_the_oldest(&mut self) {
        let mut rows: Vec<u64> = self.sessions.values().map(|session| session.row).collect();
        rows.sort_unstable();
        if let Some(median) = rows.get(rows.len() / 2) {
            self.give_up(*median);
        }
    }

    /// Ends the sessions whose last row was `row` or came before it.
    pub(super) fn give_up(&mut self, row: u64) {
        let old = self.sessions.extract_if(|_, session| session.row <= row);
        let mut old: Vec<Session> = old.map(|(_, session)| session).collect();
        old.sort_unstable_by_key(|session| session.row);
        for session in old {
            self.end(session, None);
        }
    }

    /// The sources whose addresses can be read, one for each local endpoint that they came to.
    pub fn seen(&self) -> impl Iterator<Item = SeenSource> {
        self.tallies.iter().flat_map(move |((connector, source), tally)| {
            let source: Option<SourceAddress> = self.names.text(*source).parse().ok();
            tally.locals.iter().filter_map(move |(local, sessions)| {
                Some(SeenSource {
                    connector: self.names.text(*connector).into_owned(),
                    local: endpoint(&self.names.text(local))?,
                    source: source?,
                    sessions: *sessions,
                })
            })
        })
    }
}

/// Connectors that may have a row for their other sources when there are too many.
const MAX_CROWDED: usize = 1_000;

fn in_words<S: Serializer>(problem: &Unreadable, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(problem)
}

fn header(line: &[u8], layout: &mut Result<Layout, Unreadable>, facts: &mut FileFacts) {
    let value = |name: &str| {
        let (head, value) = line.split_at_checked(name.len())?;
        head.eq_ignore_ascii_case(name.as_bytes()).then_some(value.trim_ascii())
    };
    if let Some(list) = value("#Fields:") {
        if *layout != Err(Unreadable::OtherLog) {
            *layout = Layout::parse(list);
        }
    } else if let Some(kind) = value("#Log-type:") {
        let receives = kind.to_ascii_lowercase().starts_with(b"smtp receive");
        *layout = if receives { Ok(Layout::default()) } else { Err(Unreadable::OtherLog) };
        if !receives {
            let kind = &kind[..kind.len().min(MAX_LOG_TYPE)];
            facts.other_log = Some(String::from_utf8_lossy(kind).escape_debug().to_string());
        }
    }
}

/// Whether `connector`, as a row has it, goes by `name`, with or without its server.
fn is_called(connector: &[u8], name: &str) -> bool {
    let connector = unquoted(connector);
    let bare = connector.iter().position(|b| *b == b'\\').map(|at| &connector[at + 1..]);
    connector.eq_ignore_ascii_case(name.as_bytes())
        || bare.is_some_and(|bare| bare.eq_ignore_ascii_case(name.as_bytes()))
}

/// `10.0.0.5:25` or `[::1]:25`, and `::1:25` as the .NET of 2007 and 2010 writes it.
pub(super) fn endpoint(text: &str) -> Option<SocketAddr> {
    text.parse().ok().or_else(|| {
        let (ip, port) = text.rsplit_once(':')?;
        let ip: SourceAddress = ip.parse().ok()?;
        Some(SocketAddr::new(ip.ip(), port.parse().ok()?))
    })
}
