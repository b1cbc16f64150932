//! Kept messages: found, waited for, read and removed.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::extract::{Nothing, Path, Query};
use super::value::{Cursor, Limit, Moment, Timeout, parsed};
use super::{Api, no};
use crate::capture::{self, CaptureError, Filter, Kept, Page, Removal, Summary, Waited};
use crate::web::Problem;
use crate::web::problem::{Late, Wrong};

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct MessageFilter {
    /// Part of the sender in the envelope, in any case.
    #[param(example = "@fabrikam.test")]
    from: Option<String>,
    /// Part of one of the recipients in the envelope, in any case.
    to: Option<String>,
    /// Part of the decoded subject.
    subject: Option<String>,
    /// Part of the decoded text.
    text: Option<String>,
    /// The connector that took it, by its name or as `SERVER\name`.
    connector: Option<String>,
    /// The account that sent it, or `anonymous`.
    identity: Option<String>,
    /// The session that brought it.
    session: Option<String>,
    /// Received then or later (RFC 3339).
    #[serde(default, deserialize_with = "parsed")]
    #[param(value_type = Option<String>, format = DateTime)]
    since: Option<Moment>,
    /// Received before.
    #[serde(default, deserialize_with = "parsed")]
    #[param(value_type = Option<String>, format = DateTime)]
    until: Option<Moment>,
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct MessagePage {
    /// 1 to 1000.
    #[serde(default, deserialize_with = "parsed")]
    #[param(value_type = Option<u64>, minimum = 1, maximum = 1000, default = 50)]
    limit: Option<Limit>,
    /// `next` of the page before.
    #[serde(default, deserialize_with = "parsed")]
    #[param(value_type = Option<u64>)]
    cursor: Option<Cursor>,
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct MessageWait {
    /// How long to wait: `10s`, `500ms`; 60 s at most.
    #[serde(default, deserialize_with = "parsed")]
    #[param(value_type = Option<String>, default = "10s",
        pattern = "^([0-9]|[1-5][0-9]|60)s$|^[0-9]{1,4}ms$")]
    timeout: Option<Timeout>,
    /// Only a message that came after this one: its `id` or its `number`.
    after: Option<String>,
}

#[derive(Serialize, ToSchema)]
pub(super) struct MessageList {
    /// The newest first.
    messages: Vec<Summary>,
    /// For `cursor`, if there may be more.
    next: Option<u64>,
    /// Messages that are kept, whether they match or not.
    total: u64,
}

/// A message, and how it came.
#[derive(Serialize, ToSchema)]
pub(super) struct KeptMessage {
    /// Each message has a higher one than those before it.
    number: u64,
    #[serde(flatten)]
    #[schema(value_type = capture::Message)]
    message: Arc<capture::Message>,
}

#[derive(Serialize, ToSchema)]
pub(super) struct Removed {
    removed: u64,
}

impl From<CaptureError> for Problem {
    fn from(error: CaptureError) -> Self {
        tracing::error!(%error, "kept messages cannot be asked");
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, error.to_string())
    }
}

impl MessageFilter {
    fn of(self, api: &Api) -> Filter {
        let anonymous = |identity: String| match identity.eq_ignore_ascii_case("anonymous") {
            true => String::new(),
            false => identity,
        };
        Filter {
            from: self.from,
            to: self.to,
            subject: self.subject,
            text: self.text,
            connector: self.connector.map(|name| api.identity(name)),
            identity: self.identity.map(anonymous),
            session: self.session,
            message_id: None,
            since: self.since.map(|Moment(time)| time),
            until: self.until.map(|Moment(time)| time),
            after: None,
        }
    }
}

/// Kept messages
#[utoipa::path(
    get, path = "/messages", operation_id = "listMessages", tag = "Messages", params(MessageFilter, MessagePage),
    responses((status = 200, description = "A page of messages", body = MessageList))
)]
pub(super) async fn list(
    State(api): State<Api>,
    Query(filter, page): Query<MessageFilter, MessagePage>,
) -> Result<Json<MessageList>, Problem> {
    let past = page.cursor.map(|Cursor(number)| number);
    let limit = page.limit.unwrap_or_default().0;
    let page = Page { past, limit, ..Page::default() };
    let listed = api.app.capture.list(&filter.of(&api), page).await?;
    let capture::Listed { messages, next, total } = listed;
    Ok(Json(MessageList { messages, next, total }))
}

/// Remove the messages that match
///
/// All of them without a parameter. Files in the folder of --capture stay.
#[utoipa::path(
    delete, path = "/messages", operation_id = "removeMessages", tag = "Messages", params(MessageFilter),
    responses((status = 200, description = "How many there were", body = Removed))
)]
pub(super) async fn remove_some(
    State(api): State<Api>,
    Query(filter, _): Query<MessageFilter>,
) -> Result<Json<Removed>, Problem> {
    let which = Removal::Matching(Box::new(filter.of(&api)));
    Ok(Json(Removed { removed: api.app.capture.remove(which).await? }))
}

/// Wait for a message
///
/// Answers at once if one is there already: the newest of several, or the next one after `after`.
#[utoipa::path(
    get, path = "/messages/wait", operation_id = "waitForMessage", tag = "Messages", params(MessageFilter, MessageWait),
    responses(
        (status = 200, description = "The message", body = KeptMessage),
        (status = 408, description = "None came in time; these are there, the newest first",
            body = Late<Summary>, content_type = "application/problem+json"),
        (status = 503, description = "Too many wait, or the daemon is stopping",
            body = Problem, content_type = "application/problem+json"),
    )
)]
pub(super) async fn wait(
    State(api): State<Api>,
    Query(filter, wait): Query<MessageFilter, MessageWait>,
) -> Result<Response, Problem> {
    let _place = api.place()?;
    let deadline = std::time::Instant::now() + wait.timeout.unwrap_or_default().0;
    let after = match wait.after {
        Some(after) => Some(number_of(&api, after).await?),
        None => None,
    };
    let filter = Filter { after, ..filter.of(&api) };
    Ok(match api.until_stopped(api.app.capture.wait(&filter, deadline)).await?? {
        Waited::Found(kept) => Json(KeptMessage::of(kept)).into_response(),
        Waited::Late(arrived) => Late::of("no such message came in time", arrived).into_response(),
    })
}

async fn number_of(api: &Api, after: String) -> Result<u64, Problem> {
    if let Ok(Cursor(number)) = after.parse() {
        return Ok(number);
    }
    let kept = api.app.capture.get(&after).await?;
    kept.map(|kept| kept.number).ok_or_else(|| {
        let detail = format!("expected the id or the number of a message; there is no \"{after}\"");
        let wrong = Wrong { name: "after".to_owned(), detail };
        Problem::with_errors(StatusCode::BAD_REQUEST, vec![wrong])
    })
}

impl KeptMessage {
    fn of(Kept { number, message }: Kept) -> Self {
        Self { number, message }
    }
}

pub(super) async fn get(api: &Api, id: &str) -> Result<Kept, Problem> {
    api.app.capture.get(id).await?.ok_or_else(|| no("message", id))
}

/// One message: its envelope, and how it came
#[utoipa::path(
    get, path = "/messages/{id}", operation_id = "getMessage", tag = "Messages",
    params(("id" = String, Path, description = "As lists give it")),
    responses(
        (status = 200, description = "All that is known of it", body = KeptMessage),
        (status = 404, description = "There is none", body = Problem,
            content_type = "application/problem+json"),
    )
)]
pub(super) async fn one(
    State(api): State<Api>,
    Path(id): Path<String>,
    _: Query<Nothing>,
) -> Result<Json<KeptMessage>, Problem> {
    Ok(Json(KeptMessage::of(get(&api, &id).await?)))
}

/// Remove a message
#[utoipa::path(
    delete, path = "/messages/{id}", operation_id = "removeMessage", tag = "Messages",
    params(("id" = String, Path, description = "As lists give it")),
    responses(
        (status = 204, description = "It is gone"),
        (status = 404, description = "There is none", body = Problem,
            content_type = "application/problem+json"),
    )
)]
pub(super) async fn remove(
    State(api): State<Api>,
    Path(id): Path<String>,
    _: Query<Nothing>,
) -> Result<StatusCode, Problem> {
    match api.app.capture.remove(Removal::Ids(vec![id.clone()])).await? {
        0 => Err(no("message", &id)),
        _ => Ok(StatusCode::NO_CONTENT),
    }
}
