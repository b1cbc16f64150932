//! The events, and the end of the protocol log.

use std::sync::Arc;

use askama::Template;
use axum::extract::{Path, Query, State};
use axum::response::Response;
use serde::Deserialize;

use super::shell::{Shell, page};
use super::text;
use super::{Failure, Pages};
use crate::journal::{EventRecord, FIELDS};

/// Events and rows on a page.
const ROWS: usize = 200;

#[derive(Template)]
#[template(path = "events.html")]
struct Events {
    shell: Shell,
    events: Vec<Arc<EventRecord>>,
    all: usize,
}

#[derive(Template)]
#[template(path = "event.html")]
struct One {
    shell: Shell,
    event: Arc<EventRecord>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Asked {
    all: String,
}

#[derive(Template)]
#[template(path = "log.html")]
struct Log {
    shell: Shell,
    rows: Vec<Arc<str>>,
    /// Rows before these.
    more: usize,
}

pub(super) async fn list(State(pages): State<Arc<Pages>>) -> Response {
    let mut events = pages.app.recent.events();
    let all = events.len();
    events.truncate(ROWS);
    page(&Events { shell: pages.shell("/events"), events, all })
}

pub(super) async fn show(
    State(pages): State<Arc<Pages>>,
    Path(number): Path<String>,
) -> Result<Response, Failure> {
    let events = pages.app.recent.events();
    let event = events.into_iter().find(|event| event.number.to_string() == number);
    let missing = || pages.missing("/events", "There is no such event, or no longer.");
    let event = event.ok_or_else(missing)?;
    Ok(page(&One { shell: pages.shell("/events"), event }))
}

pub(super) async fn log(State(pages): State<Arc<Pages>>, Query(asked): Query<Asked>) -> Response {
    let mut rows = pages.app.recent.rows();
    let more = if asked.all.is_empty() { rows.len().saturating_sub(ROWS) } else { 0 };
    rows.drain(..more);
    page(&Log { shell: pages.shell("/log"), rows, more })
}

/// A row, cut around the id of its session: the first field of 16 hexadecimal digits.
fn with_session(row: &str) -> Option<(&str, &str, &str)> {
    let mut start = 0;
    let session = row.split(',').find(|field| {
        let is_id = field.len() == 16 && field.bytes().all(|octet| octet.is_ascii_hexdigit());
        start += if is_id { 0 } else { field.len() + 1 };
        is_id
    })?;
    Some((&row[..start], session, &row[start + session.len()..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_leads_to_its_session() {
        let row = r#"2026-11-29T20:11:28.657Z,"EX01\A, B",08DF4E54F3EDF47D,0,0.0.0.0:25,,+,,"#;
        let cut = with_session(row).unwrap();
        assert_eq!(cut.1, "08DF4E54F3EDF47D");
        assert_eq!([cut.0, cut.1, cut.2].concat(), row);
        assert!(with_session("é,b").is_none() && with_session("").is_none());
    }
}
