//! Findings for scripts. Fields may be added, and do not change or go.

use std::io::{self, Write};

use expsd::scope::lint::{Concerns, Finding, Severity};
use serde::Serialize;

use super::{Report, Told, as_io};

#[derive(Serialize)]
struct Document<'a> {
    /// Of this format.
    version: u32,
    server: &'a str,
    /// `null` for what comes from no file.
    file: Option<&'a str>,
    summary: Summary,
    findings: Vec<Entry<'a>>,
    /// What a dump did not tell: findings about it are left out, or may be wrong.
    uncertain: Vec<String>,
}

#[derive(Serialize)]
struct Summary {
    connectors: usize,
    errors: usize,
    warnings: usize,
    notes: usize,
    /// Silenced by comments, and not counted above.
    allowed: usize,
}

#[derive(Serialize)]
struct Entry<'a> {
    rule: &'static str,
    /// `error`, `warning` or `note`
    severity: String,
    title: &'static str,
    problem: &'a str,
    /// `SERVER\Connector name`; `null` if it is about a comment.
    connector: Option<String>,
    parameter: Option<&'static str>,
    others: Vec<String>,
    /// `null` if it concerns whoever meets the connector.
    addresses: Option<Addresses>,
    hit: Option<&'a str>,
    sees: Option<Sees<'a>>,
    /// Each a way, of one or more commands.
    mend: &'a [Vec<String>],
    place: Option<Place>,
    /// The reason of a comment that silences it.
    allowed: Option<&'a str>,
}

#[derive(Serialize)]
struct Addresses {
    /// In decimal; up to 2^128 less one.
    count: String,
    stretches: usize,
    /// `low-high`, or one address.
    first: Vec<String>,
    /// The port at which no connector takes them.
    unserved_at: Option<u16>,
}

#[derive(Serialize)]
struct Sees<'a> {
    replies: Vec<Answer<'a>>,
    ehlo_lacks: &'a [&'static str],
    queue: Option<&'a str>,
    event: Option<Event<'a>>,
    log: Option<&'a str>,
    more: Option<&'a str>,
}

#[derive(Serialize)]
struct Answer<'a> {
    to: &'a str,
    reply: &'a str,
}

#[derive(Serialize)]
struct Event<'a> {
    id: u32,
    text: &'a str,
}

#[derive(Serialize)]
struct Place {
    line: usize,
    column: usize,
}

pub(super) fn write(report: &Report<'_>, out: &mut impl Write) -> io::Result<()> {
    let configuration = &report.draft.configuration;
    let places = &report.draft.places;
    let document = Document {
        version: 1,
        server: &configuration.server.name,
        file: Some(places.name()).filter(|name| !name.is_empty()),
        summary: Summary {
            connectors: configuration.connectors.len(),
            errors: report.count(Severity::Error),
            warnings: report.count(Severity::Warning),
            notes: report.count(Severity::Note),
            allowed: report.silenced(),
        },
        findings: report.told.iter().map(|told| entry(report, told)).collect(),
        uncertain: crate::cli::doubts(report.draft.doubts.iter()),
    };
    serde_json::to_writer_pretty(&mut *out, &document).map_err(as_io)?;
    writeln!(out)
}

fn entry<'a>(report: &Report<'_>, told: &'a Told<'_>) -> Entry<'a> {
    let finding = told.finding;
    Entry {
        rule: told.rule.id,
        severity: told.rule.severity.to_string(),
        title: told.rule.title,
        problem: &told.problem,
        connector: finding.map(|finding| report.identity(finding.connector)),
        parameter: finding.map(|finding| finding.parameter),
        others: finding
            .iter()
            .flat_map(|finding| finding.others.iter().map(|other| report.identity(*other)))
            .collect(),
        addresses: finding.and_then(addresses),
        hit: finding.map(|finding| finding.hit.as_str()),
        sees: finding.map(sees),
        mend: finding.map_or(&[], |finding| finding.mend.as_slice()),
        place: told.place.as_ref().map(|place| {
            let (line, column) = report.position(place.start);
            Place { line, column }
        }),
        allowed: told.allowed.as_deref(),
    }
}

fn addresses(finding: &Finding) -> Option<Addresses> {
    const SHOWN: usize = 10;
    let (set, unserved_at) = match &finding.concerns {
        Concerns::Everyone => return None,
        Concerns::Sources(sources) => (sources, None),
        Concerns::Unserved(port, sources) => (sources, Some(*port)),
    };
    let shown = |(first, last)| {
        if first == last { format!("{first}") } else { format!("{first}-{last}") }
    };
    Some(Addresses {
        count: set.count().to_string(),
        stretches: set.stretches().count(),
        first: set.stretches().take(SHOWN).map(shown).collect(),
        unserved_at,
    })
}

fn sees(finding: &Finding) -> Sees<'_> {
    let sees = &finding.sees;
    Sees {
        replies: sees.replies.iter().map(|(to, reply)| Answer { to, reply }).collect(),
        ehlo_lacks: &sees.lacks,
        queue: sees.queue.as_deref(),
        event: sees.event.as_ref().map(|(id, text)| Event { id: *id, text }),
        log: sees.log.as_deref(),
        more: sees.more.as_deref(),
    }
}
