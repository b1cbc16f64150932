//! What happens, as it happens: server-sent events (WHATWG HTML, "Server-sent events").

use std::convert::Infallible;
use std::time::Duration;

use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::sse::{Event, KeepAlive, Sse};
use futures_util::stream::{self, Stream};

use super::Api;
use super::extract::{Nothing, Query};
use crate::web::Problem;
use crate::web::feed::{Feed, Happened, Mark};

const KEEP_ALIVE: Duration = Duration::from_secs(15);

/// What happens, as it happens
///
/// Server-sent events: `message` with a message as in lists, `session` when one begins, meets its
/// first refusal, when a failure rule bites and when it ends (`point` says which), `event` with an
/// event. A session is shown as it is when it is told, which may be later than its point. With
/// `Last-Event-ID` it begins with the messages and events that came since, also across a restart;
/// messages that were kept in memory are gone then.
#[utoipa::path(
    get, path = "/stream", operation_id = "stream", tag = "Server",
    params(("Last-Event-ID" = Option<String>, Header,
        description = "The id of the last event that was seen")),
    responses(
        (status = 200, description = "A stream that ends with the daemon", body = String,
            content_type = "text/event-stream"),
        (status = 503, description = "Too many wait, or the daemon is stopping",
            body = Problem, content_type = "application/problem+json"),
    )
)]
pub(super) async fn stream(
    State(api): State<Api>,
    headers: HeaderMap,
    _: Query<Nothing>,
) -> Result<Sse<impl Stream<Item = Result<Event, Infallible>>>, Problem> {
    let place = api.waiting.clone().try_acquire_owned().map_err(|_| Problem::too_many_wait())?;
    let seen = headers.get("last-event-id").and_then(|value| value.to_str().ok()?.parse().ok());
    let feed = Feed::new(api.app, seen);
    let events = stream::unfold((feed, api.stopping, place), |(mut feed, stopping, place)| async {
        let (mark, happened) = stopping.run_until_cancelled(feed.next()).await??;
        Some((Ok(told(mark, &happened)), (feed, stopping, place)))
    });
    Ok(Sse::new(events).keep_alive(KeepAlive::new().interval(KEEP_ALIVE)))
}

fn told(mark: Mark, happened: &Happened) -> Event {
    let name = match happened {
        Happened::Message(_) => "message",
        Happened::Session(_) => "session",
        Happened::Event(_) => "event",
    };
    let event = Event::default().event(name).id(mark.to_string());
    // Strings and numbers always serialise.
    event.json_data(happened).unwrap_or_default()
}
