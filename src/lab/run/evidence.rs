//! What both sides show of a scenario.

use std::net::SocketAddr;

use serde::{Deserialize, Serialize};

use crate::journal::EventRecord;
use crate::journal::trace::{LeftOut, Trace, What};
use crate::lab::scenario::Side;
use crate::session::Explanation;

/// Everything that was seen when the cast came.
#[derive(Clone, Debug, Serialize)]
pub struct Evidence {
    pub scenario: &'static str,
    pub title: &'static str,
    pub side: Side,
    /// Until everything was up.
    pub up_ms: u64,
    /// Until all of the cast had come and gone.
    pub took_ms: u64,
    pub parts: Vec<Part>,
    /// Why the receiver does not run.
    pub refused: Option<String>,
    /// What the linter says of the configuration.
    pub lint: Vec<Told>,
    /// Events of the receiver before anybody came.
    pub events: Vec<Event>,
    pub acts: Vec<Act>,
    /// What is other than the scenario states; empty if all is well.
    pub not_as_stated: Vec<String>,
}

/// Something that listens.
#[derive(Clone, Debug, Serialize)]
pub struct Part {
    pub what: String,
    pub address: SocketAddr,
}

/// A finding of the linter.
#[derive(Clone, Debug, Serialize)]
pub struct Told {
    pub rule: &'static str,
    /// `SERVER\Connector name`
    pub connector: String,
    pub problem: String,
    /// Ways to mend it, each one or more commands.
    pub mend: Vec<Vec<String>>,
}

/// What one of the cast saw, and what the receiver shows of it.
#[derive(Clone, Debug, Serialize)]
pub struct Act {
    /// As the cast has it.
    pub name: &'static str,
    /// Where it connected to.
    pub target: SocketAddr,
    /// How to do it again while the lab is up.
    pub command: String,
    /// The report of the last probe, whole.
    pub probe: serde_json::Value,
    /// What of it is looked at.
    #[serde(skip)]
    pub seen: Seen,
    /// Which connector takes the address, where nothing stands between.
    pub explanation: Option<Explanation>,
    /// The last session; there is none if the connection led to none.
    pub trace: Option<Trace>,
    /// The log of the firewall between.
    pub firewall: Vec<String>,
    /// Rows of the receiver's protocol log, of all its sessions.
    pub rows: Vec<String>,
    pub events: Vec<Event>,
}

/// A probe's report, as far as it is looked at: see [`Report`](crate::probe::Report).
#[derive(Clone, Debug, Deserialize)]
pub struct Seen {
    pub outcome: String,
    pub last_error: Option<String>,
    pub event: Option<SenderEvent>,
    pub causes: Vec<Cause>,
    pub dialogue: Vec<Line>,
}

#[derive(Clone, Debug, Deserialize)]
pub struct SenderEvent {
    pub id: u32,
    pub text: Option<String>,
    pub about: String,
}

#[derive(Clone, Debug, Deserialize)]
pub struct Cause {
    pub id: String,
    pub fits: String,
    pub next: String,
}

#[derive(Clone, Debug, Deserialize)]
pub struct Line {
    pub direction: Direction,
    pub text: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Direction {
    Sent,
    Received,
    Note,
}

/// An event of the receiver.
#[derive(Clone, Debug, Serialize)]
pub struct Event {
    pub id: u32,
    pub level: &'static str,
    /// `MSExchangeTransport`
    pub source: &'static str,
    pub text: String,
}

impl Event {
    pub(super) fn of(record: &EventRecord) -> Self {
        let EventRecord { source, event, .. } = record;
        Self {
            id: event.id(),
            level: event.level().name(),
            source: source.name(),
            text: event.to_string(),
        }
    }
}

/// The keywords of an EHLO reply that Exchange servers look for.
const BETWEEN_SERVERS: [&str; 3] = ["STARTTLS", "X-ANONYMOUSTLS", "X-EXPS"];

impl Seen {
    /// The dialogue, `C:` and `S:`; the keywords of an EHLO reply are one line.
    pub fn lines(&self) -> Vec<String> {
        let mut lines: Vec<String> = Vec::new();
        let mut keywords: Vec<&str> = Vec::new();
        for Line { direction, text } in &self.dialogue {
            let received = *direction == Direction::Received;
            let keyword = text.strip_prefix("250-").filter(|_| received);
            match (keyword, direction) {
                (Some(keyword), _) => {
                    keywords.push(keyword);
                    continue;
                }
                (None, Direction::Received) if !keywords.is_empty() => {
                    keywords.push(text.get(4..).unwrap_or_default());
                    lines.push(format!("S: 250-{}", keywords[0]));
                    lines.push(format!("S: 250 {}", keywords[1..].join(" | ")));
                }
                (None, Direction::Received) => lines.push(format!("S: {text}")),
                (None, Direction::Sent) => lines.push(format!("C: {text}")),
                (None, Direction::Note) => lines.push(format!("   {text}")),
            }
            keywords.clear();
        }
        lines
    }

    /// The last thing that the server said before the good-byes.
    pub fn reply(&self) -> Option<&str> {
        let mut received = self.dialogue.iter().filter(|l| l.direction == Direction::Received);
        let last = received.rfind(|line| !line.text.starts_with("221 "))?;
        Some(&last.text)
    }
}

impl Act {
    /// Why the receiver did as it did: its trace without the dialogue, but for refusals and what
    /// its EHLO reply leaves out of what matters to servers.
    pub fn reasons(&self) -> Vec<String> {
        let Some(trace) = &self.trace else {
            let told = self.explanation.as_ref().map(ToString::to_string).unwrap_or_default();
            // The address, the connector and the reason.
            return told.lines().take(3).map(str::to_owned).collect();
        };
        let selection = &trace.selection;
        let met = selection.connector.as_deref().unwrap_or("no connector");
        let mut lines = vec![format!("met {met}: {}", selection.reason)];
        lines.extend(selection.others.iter().map(|o| format!("not {}: {}", o.connector, o.why)));
        let mut hellos = 0;
        for step in &trace.steps {
            match &step.what {
                What::Reply { text, refusal: Some(refusal) } => {
                    lines.push(format!("S: {text}"));
                    lines.push(format!("   Refused because {}.", refusal.reason));
                    let mend = refusal.mend.iter().map(|mend| {
                        let end = if refusal.commands.is_empty() { '.' } else { ':' };
                        format!("   To mend it: {mend}{end}")
                    });
                    lines.extend(mend);
                    lines.extend(refusal.commands.iter().map(|command| format!("     {command}")));
                }
                // Behind TLS there is nothing new to say.
                What::LeftOut { .. } if hellos > 0 => {}
                What::LeftOut { keywords } => {
                    hellos += 1;
                    let matters = |left: &&LeftOut| BETWEEN_SERVERS.contains(&&left.keyword[..]);
                    for LeftOut { keyword, why } in keywords.iter().filter(matters) {
                        lines.push(format!("no {keyword}: {why}"));
                    }
                }
                What::Command { .. } | What::Reply { .. } => {}
                other => {
                    let told = other.to_string();
                    lines
                        .extend(told.lines().map(|l| l.strip_prefix("  ").unwrap_or(l).to_owned()));
                }
            }
        }
        let identity = trace.identity.as_deref().unwrap_or("anonymous");
        let ending = trace.ending.as_deref().unwrap_or("still open");
        lines.push(format!("in the end: {identity}, {} accepted, {ending}", trace.messages));
        lines
    }

    /// The connector that was met, as `SERVER\Connector name`.
    pub fn met(&self) -> Option<&str> {
        let of_trace = self.trace.as_ref().and_then(|trace| trace.selection.connector.as_deref());
        let explained = self.explanation.as_ref().and_then(|e| e.winner.as_ref());
        of_trace.or(explained.map(|winner| winner.connector.as_str()))
    }

    /// A row without what differs from run to run: from the event on.
    pub fn row(row: &str) -> &str {
        row.splitn(7, ',').nth(6).unwrap_or(row)
    }
}
