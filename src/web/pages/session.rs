//! Sessions: who came, and the dialogue with the reason of every answer.

use std::net::SocketAddr;
use std::sync::Arc;

use askama::Template;
use axum::extract::{Path, Query, State};
use axum::response::Response;
use jiff::Timestamp;
use serde::Deserialize;

use super::shell::{Shell, page};
use super::text::{self, encoded};
use super::{Failure, Pages};
use crate::journal::trace::{Outcome, Refusal, Step, Trace, What};

/// Sessions on a page.
const ROWS: usize = 50;

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Asked {
    outcome: String,
    page: String,
}

#[derive(Template)]
#[template(path = "sessions.html")]
struct Sessions {
    shell: Shell,
    rows: Vec<Row>,
    outcome: Option<Outcome>,
    page: usize,
    /// There are older ones.
    more: bool,
    all: usize,
}

struct Row {
    session: String,
    started: Timestamp,
    open: bool,
    outcome: Outcome,
    remote: String,
    identity: Option<String>,
    connector: String,
    messages: u32,
    /// The first reply that refused something.
    refusal: Option<String>,
}

#[derive(Template)]
#[template(path = "session.html")]
struct Session {
    shell: Shell,
    trace: Trace,
    /// Where the connector listens, if that is one address other than the binding.
    listening: Option<SocketAddr>,
}

const OUTCOMES: [Outcome; 3] = [Outcome::Refused, Outcome::Accepted, Outcome::Quiet];

fn name(outcome: &Outcome) -> &'static str {
    match outcome {
        Outcome::Refused => "refused",
        Outcome::Accepted => "accepted",
        Outcome::Quiet => "quiet",
    }
}

impl Sessions {
    fn outcomes(&self) -> [Outcome; 3] {
        OUTCOMES
    }

    /// This list, on another page.
    fn at(&self, page: usize) -> String {
        let outcome = self.outcome.as_ref().map_or("", name);
        format!("/sessions?outcome={outcome}&page={page}")
    }
}

impl Row {
    fn of(trace: &Trace) -> Self {
        let refusal = trace.steps.iter().find_map(|step| match &step.what {
            What::Reply { text, refusal: Some(_) } => text.lines().next(),
            What::TlsFailed { .. } => Some("the TLS handshake failed"),
            _ => None,
        });
        Self {
            session: trace.session.clone(),
            started: trace.started,
            open: trace.ended.is_none(),
            outcome: trace.outcome,
            remote: trace.remote.clone(),
            identity: trace.identity.clone(),
            connector: match &trace.selection.connector {
                Some(connector) => text::connector(connector).to_owned(),
                None => "none".to_owned(),
            },
            messages: trace.messages,
            refusal: refusal.map(str::to_owned),
        }
    }
}

pub(super) async fn list(State(pages): State<Arc<Pages>>, Query(asked): Query<Asked>) -> Response {
    let outcome = OUTCOMES.into_iter().find(|outcome| name(outcome) == asked.outcome);
    let number = asked.page.parse().unwrap_or(0);
    let sessions = pages.app.recent.sessions();
    let wanted = sessions
        .iter()
        .filter(|session| outcome.is_none_or(|outcome| session.trace().outcome == outcome));
    let mut wanted = wanted.skip(ROWS.saturating_mul(number));
    let rows = wanted.by_ref().take(ROWS).map(|session| Row::of(&session.trace())).collect();
    let more = wanted.next().is_some();
    let shell = pages.shell("/sessions");
    page(&Sessions { shell, rows, outcome, page: number, more, all: sessions.len() })
}

pub(super) async fn show(
    State(pages): State<Arc<Pages>>,
    Path(id): Path<String>,
) -> Result<Response, Failure> {
    let Some(session) = pages.app.recent.session(&id) else {
        let detail = "There is no such session: it is too long ago, or was never here.";
        return Err(pages.missing("/sessions", detail));
    };
    let trace = session.trace().clone();
    let listening = pages.listening(&trace);
    Ok(page(&Session { shell: pages.shell("/sessions"), trace, listening }))
}

impl Pages {
    fn listening(&self, trace: &Trace) -> Option<SocketAddr> {
        let (place, _) = self.connector(text::connector(trace.selection.connector.as_ref()?))?;
        match self.app.served.get(place)?.addresses[..] {
            [one] if one.to_string() != trace.local => Some(one),
            _ => None,
        }
    }
}

/// A rule alone is told of by no more than its name.
fn is_by_rule(refusal: &Refusal) -> bool {
    refusal.reason.starts_with("rule \"")
}

/// `+0.012 s`
fn at(step: &Step) -> String {
    format!("+{}.{:03} s", step.at / 1000, step.at % 1000)
}
