//! Kept messages: found, waited for, read and removed.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::extract::{Nothing, Path, Query};
use super::value::{Cursor, Limit, Moment, SessionId, Text, Timeout, parsed};
use super::{Api, aside, no};
use crate::capture::{self, CaptureError, Filter, Kept, Page, Parts, Removal, Summary, Waited};
use crate::web::Problem;
use crate::web::problem::Late;

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct MessageFilter {
    /// Part of the sender in the envelope, in any case; `<>` for the null path. With something
    /// before an `@` it is where the address begins: `alice@` does not mean `malice@`.
    #[serde(default, deserialize_with = "parsed")]
    #[param(value_type = Option<String>, pattern = "\\S", example = "@fabrikam.test")]
    from: Option<Text>,
    /// Part of one of the recipients in the envelope, as for `from`.
    #[serde(default, deserialize_with = "parsed")]
    #[param(value_type = Option<String>, pattern = "\\S", example = "alice@")]
    to: Option<Text>,
    /// Part of the decoded subject, in any case.
    #[serde(default, deserialize_with = "parsed")]
    #[param(value_type = Option<String>, pattern = "\\S")]
    subject: Option<Text>,
    /// Part of the decoded text, in any case.
    #[serde(default, deserialize_with = "parsed")]
    #[param(value_type = Option<String>, pattern = "\\S")]
    text: Option<Text>,
    /// Its Message-ID field, with or without the angle brackets.
    #[serde(default, deserialize_with = "parsed")]
    #[param(value_type = Option<String>, pattern = "\\S")]
    message_id: Option<Text>,
    /// The connector that took it, by its name or as `SERVER\name`.
    #[serde(default, deserialize_with = "parsed")]
    #[param(value_type = Option<String>, pattern = "\\S")]
    connector: Option<Text>,
    /// The account that sent it, or `anonymous`, which nothing means as well.
    identity: Option<String>,
    /// The session that brought it: 16 hexadecimal digits.
    #[serde(default, deserialize_with = "parsed")]
    #[param(value_type = Option<String>, pattern = "^[0-9A-Fa-f]{16}$")]
    session: Option<SessionId>,
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
pub(super) struct MessageIds {
    /// Those of these ids, with commas between.
    #[serde(default, deserialize_with = "parsed")]
    #[param(value_type = Option<String>, pattern = "\\S", example = "08DE2A3B4C5D6E7F-1,08DE2A3B4C5D6E7F-2")]
    id: Option<Text>,
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
        pattern = "^([0-9]|[1-5][0-9]|60)s$|^([0-9]|[1-9][0-9]{1,3}|[1-5][0-9]{4}|60000)ms$")]
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
    /// The first text part that is meant to be shown, decoded: 64 KB of it at most.
    text: Option<String>,
    /// The first HTML part that is meant to be shown, decoded, likewise.
    html: Option<String>,
}

#[derive(Serialize, ToSchema)]
pub(super) struct Removed {
    removed: u64,
}

impl From<CaptureError> for Problem {
    fn from(error: CaptureError) -> Self {
        tracing::error!(%error, "kept messages cannot be asked");
        let status = match error.is_full() {
            true => StatusCode::INSUFFICIENT_STORAGE,
            false => StatusCode::INTERNAL_SERVER_ERROR,
        };
        Self::new(status, error.to_string())
    }
}

impl MessageFilter {
    async fn of(self, api: &Api) -> Result<Filter, Problem> {
        let anonymous = |identity: String| match identity.eq_ignore_ascii_case("anonymous") {
            true => String::new(),
            false => identity,
        };
        let bracketed = |Text(id): Text| match id.starts_with('<') {
            true => id,
            false => format!("<{id}>"),
        };
        let text = |text: Option<Text>| text.map(|Text(text)| text);
        let connector = match self.connector {
            Some(name) => Some(connector(api, name).await?),
            None => None,
        };
        Ok(Filter {
            from: text(self.from),
            to: text(self.to),
            subject: text(self.subject),
            text: text(self.text),
            connector,
            identity: self.identity.map(anonymous),
            session: self.session.map(|SessionId(id)| id),
            message_id: self.message_id.map(bracketed),
            since: self.since.map(|Moment(time)| time),
            until: self.until.map(|Moment(time)| time),
            after: None,
        })
    }
}

/// A connector of the set, or one of another set from which messages are still kept.
async fn connector(api: &Api, name: Text) -> Result<String, Problem> {
    match api.known_connector(&name) {
        Ok(identity) => Ok(identity),
        Err(unknown) => {
            let identity = api.identity(name.0);
            let filter = Filter { connector: Some(identity.clone()), ..Filter::default() };
            let left = api.app.capture.list(&filter, Page { limit: 1, ..Page::default() }).await?;
            (!left.messages.is_empty()).then_some(identity).ok_or(unknown)
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
    let listed = api.app.capture.list(&filter.of(&api).await?, page).await?;
    let capture::Listed { messages, next, total } = listed;
    Ok(Json(MessageList { messages, next, total }))
}

/// Remove the messages that match
///
/// Or those of `id`; all of them without a parameter. Files in the folder of --capture stay.
#[utoipa::path(
    delete, path = "/messages", operation_id = "removeMessages", tag = "Messages", params(MessageFilter, MessageIds),
    responses((status = 200, description = "How many there were", body = Removed))
)]
pub(super) async fn remove_some(
    State(api): State<Api>,
    Query(filter, ids): Query<MessageFilter, MessageIds>,
) -> Result<Json<Removed>, Problem> {
    let filter = filter.of(&api).await?;
    let which = match ids.id {
        Some(Text(ids)) => Removal::Ids(matching(&api, &ids, &filter).await?),
        None => Removal::Matching(Box::new(filter)),
    };
    Ok(Json(Removed { removed: api.app.capture.remove(which).await? }))
}

/// Those of `ids`, which have commas between, that match as well.
async fn matching(api: &Api, ids: &str, filter: &Filter) -> Result<Vec<String>, Problem> {
    let mut matching = Vec::new();
    for id in ids.split(',').map(str::trim) {
        let kept = api.app.capture.get(id).await?;
        matching.extend(kept.filter(|kept| filter.matches(kept)).map(|_| id.to_owned()));
    }
    Ok(matching)
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
    let filter = Filter { after, ..filter.of(&api).await? };
    Ok(match api.until_stopped(api.app.capture.wait(&filter, deadline)).await?? {
        Waited::Found(kept) => KeptMessage::of(kept).await?.into_response(),
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
        Problem::wrong("after", detail)
    })
}

impl KeptMessage {
    /// Octets of a part that are decoded.
    const MOST: usize = 64 << 10;

    async fn of(Kept { number, message }: Kept) -> Result<Json<Self>, Problem> {
        aside(move || {
            let parts = Parts::of(&message.content);
            let shown = |kind| parts.shown(kind).map(|(_, part)| part.text(Self::MOST).0);
            let (text, html) = (shown("text/plain"), shown("text/html"));
            drop(parts);
            Json(Self { number, message, text, html })
        })
        .await
    }
}

/// The message that a path names: by its id, by its number, or as `latest`.
pub(super) async fn get(api: &Api, name: &str) -> Result<Kept, Problem> {
    let capture = &api.app.capture;
    let kept = match name.parse() {
        Ok(Cursor(number)) => capture.numbered(number).await?,
        Err(_) if name == "latest" => capture.latest().await?,
        Err(_) => capture.get(name).await?,
    };
    kept.ok_or_else(|| no("message", name))
}

/// One message: its envelope, and how it came
#[utoipa::path(
    get, path = "/messages/{id}", operation_id = "getMessage", tag = "Messages",
    params(("id" = String, Path, description = "Its id or its number, as lists give them, or `latest`")),
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
    KeptMessage::of(get(&api, &id).await?).await
}

/// Remove a message
#[utoipa::path(
    delete, path = "/messages/{id}", operation_id = "removeMessage", tag = "Messages",
    params(("id" = String, Path, description = "Its id or its number, as lists give them, or `latest`")),
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
    let kept = get(&api, &id).await?;
    match api.app.capture.remove(Removal::Ids(vec![kept.message.id.clone()])).await? {
        0 => Err(no("message", &id)),
        _ => Ok(StatusCode::NO_CONTENT),
    }
}
