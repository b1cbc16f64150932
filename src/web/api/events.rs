//! Events of the application log, and rows of the protocol log.

use axum::Json;
use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse as _, Response};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::extract::{Path, Query};
use super::value::{Cursor, EventId, Limit, SessionId, parsed};
use super::{Api, no};
use crate::journal::{EventLine, FIELDS};
use crate::web::Problem;

#[derive(Serialize, ToSchema)]
pub(super) struct EventList {
    /// The newest first.
    events: Vec<EventLine>,
    /// For `cursor`, if there are more.
    next: Option<u64>,
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct EventFilter {
    /// As the event log numbers its kind.
    #[serde(default, deserialize_with = "parsed")]
    #[param(value_type = Option<u16>, maximum = 65535, example = 1035)]
    id: Option<EventId>,
    /// The session that led to it: 16 hexadecimal digits.
    #[serde(default, deserialize_with = "parsed")]
    #[param(value_type = Option<String>, pattern = "^[0-9A-Fa-f]{16}$")]
    session: Option<SessionId>,
    /// 1 to 1000.
    #[serde(default, deserialize_with = "parsed")]
    #[param(value_type = Option<u64>, minimum = 1, maximum = 1000, default = 50)]
    limit: Option<Limit>,
    /// `next` of the page before.
    #[serde(default, deserialize_with = "parsed")]
    #[param(value_type = Option<u64>)]
    cursor: Option<Cursor>,
}

/// Events of late
#[utoipa::path(
    get, path = "/events", operation_id = "listEvents", tag = "Events", params(EventFilter),
    responses((status = 200, description = "A page of events", body = EventList))
)]
pub(super) async fn list(
    State(api): State<Api>,
    Query(filter, _): Query<EventFilter>,
) -> Json<EventList> {
    let all = api.app.recent.events();
    let mut fitting = all.iter().filter(|event| {
        filter.id.as_ref().is_none_or(|EventId(id)| event.event.id() == u32::from(*id))
            && filter.session.as_ref().is_none_or(|SessionId(session)| {
                event.session.as_ref().is_some_and(|s| s.eq_ignore_ascii_case(session))
            })
            && filter.cursor.is_none_or(|Cursor(number)| event.number < number)
    });
    let limit = filter.limit.unwrap_or_default().0;
    let events: Vec<_> = fitting.by_ref().take(limit).collect();
    let more = fitting.next().is_some();
    let next = events.last().map(|last| last.number).filter(|_| more);
    Json(EventList { events: events.iter().map(|event| event.line()).collect(), next })
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct EventForm {
    #[param(inline)]
    format: Option<Form>,
}

#[derive(Clone, Copy, Default, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
enum Form {
    #[default]
    Json,
    /// As Event Viewer copies it.
    Text,
    /// As Event Viewer's XML view shows it.
    Xml,
}

/// One event
#[utoipa::path(
    get, path = "/events/{number}", operation_id = "getEvent", tag = "Events",
    params(("number" = u64, Path, description = "Its `record`"), EventForm),
    responses(
        (status = 200, description = "The event", content((EventLine = "application/json"),
            (String = "text/plain"), (String = "application/xml"))),
        (status = 404, description = "There is none, or it is too long ago", body = Problem,
            content_type = "application/problem+json"),
    )
)]
pub(super) async fn one(
    State(api): State<Api>,
    Path(number): Path<u64>,
    Query(form, _): Query<EventForm>,
) -> Result<Response, Problem> {
    let events = api.app.recent.events();
    let event = events.iter().find(|event| event.number == number);
    let event = event.ok_or_else(|| no("event", &number.to_string()))?;
    let text = |kind: &'static str, text: String| ([(CONTENT_TYPE, kind)], text).into_response();
    Ok(match form.format.unwrap_or_default() {
        Form::Json => Json(event.line()).into_response(),
        Form::Text => text("text/plain; charset=utf-8", event.event_viewer().to_string()),
        Form::Xml => text("application/xml", event.xml().to_string()),
    })
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct LogForm {
    #[param(inline)]
    format: Option<LogFormat>,
    /// Rows from the end, 1 to 1000.
    #[serde(default, deserialize_with = "parsed")]
    #[param(value_type = Option<u64>, minimum = 1, maximum = 1000, default = 50)]
    limit: Option<Limit>,
}

#[derive(Clone, Copy, Default, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
enum LogFormat {
    #[default]
    Csv,
    Json,
}

#[derive(Serialize, ToSchema)]
pub(super) struct Log {
    /// The names of the columns.
    fields: Vec<&'static str>,
    /// Each as it stands in the file, the oldest first.
    #[schema(value_type = Vec<String>)]
    rows: Vec<std::sync::Arc<str>>,
}

/// The end of the protocol log
///
/// Rows of connectors whose ProtocolLoggingLevel is Verbose.
#[utoipa::path(
    get, path = "/log", operation_id = "getLog", tag = "Events", params(LogForm),
    responses((status = 200, description = "Its last rows", content(
        (String = "text/csv"), (Log = "application/json"))))
)]
pub(super) async fn log(State(api): State<Api>, Query(form, _): Query<LogForm>) -> Response {
    let mut rows = api.app.recent.rows();
    let limit = form.limit.unwrap_or_default().0;
    rows.drain(..rows.len().saturating_sub(limit));
    match form.format.unwrap_or_default() {
        LogFormat::Json => Json(Log { fields: FIELDS.split(',').collect(), rows }).into_response(),
        LogFormat::Csv => {
            let mut text = format!("#Fields: {FIELDS}\r\n");
            for row in rows {
                text += &row;
                text += "\r\n";
            }
            ([(CONTENT_TYPE, "text/csv; charset=utf-8")], text).into_response()
        }
    }
}
