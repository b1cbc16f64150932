//! What happens, as it happens: server-sent events (WHATWG HTML, "Server-sent events").

use std::collections::VecDeque;
use std::convert::Infallible;
use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::sse::{Event, KeepAlive, Sse};
use futures_util::stream::{self, Stream};
use serde::Serialize;
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::{OwnedSemaphorePermit, broadcast, watch};

use super::Api;
use super::extract::{Nothing, Query};
use super::sessions::SessionSummary;
use crate::capture::{Filter, Order, Page};
use crate::journal::Change;
use crate::web::Problem;

const KEEP_ALIVE: Duration = Duration::from_secs(15);

/// What was told so far; the id of an event. Whoever comes back with one is told the messages
/// and events since.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Mark {
    /// Milliseconds since 1970 at which the daemon started: another one counts from 1 again.
    run: i64,
    message: u64,
    event: u64,
}

impl fmt::Display for Mark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}-{}", self.run, self.message, self.event)
    }
}

impl FromStr for Mark {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let mut numbers = text.splitn(3, '-');
        let mut next = || numbers.next().ok_or(());
        let run = next()?.parse().map_err(drop)?;
        let message = next()?.parse().map_err(drop)?;
        let event = next()?.parse().map_err(drop)?;
        Ok(Self { run, message, event })
    }
}

/// What happens, as it happens
///
/// Server-sent events: `message` with a message as in lists, `session` when one begins, meets its
/// first refusal and ends, `event` with an event. With `Last-Event-ID` it begins with the messages
/// and events that came since.
#[utoipa::path(
    get, path = "/stream", operation_id = "stream", tag = "Server",
    params(("Last-Event-ID" = Option<String>, Header, description = "The id of the last event that was seen")),
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
    let listener = Listener::new(api, seen, place);
    let events = stream::unfold(listener, |mut listener| async move {
        let event = listener.next().await?;
        Some((Ok(event), listener))
    });
    Ok(Sse::new(events).keep_alive(KeepAlive::new().interval(KEEP_ALIVE)))
}

struct Listener {
    api: Api,
    told: Mark,
    waiting: VecDeque<Event>,
    messages: watch::Receiver<u64>,
    changes: broadcast::Receiver<Change>,
    _place: OwnedSemaphorePermit,
}

impl Listener {
    fn new(api: Api, seen: Option<Mark>, place: OwnedSemaphorePermit) -> Self {
        // Before looking at what there is, so that nothing falls in between.
        let changes = api.app.recent.changes();
        let mut messages = api.app.capture.watch();
        let run = api.app.started.as_millisecond();
        let newest = api.app.recent.events().first().map_or(0, |event| event.number);
        let now = Mark { run, message: *messages.borrow(), event: newest };
        let told = seen.filter(|seen| seen.run == run).unwrap_or(now);
        messages.mark_changed();
        let mut listener =
            Self { api, told, waiting: VecDeque::new(), messages, changes, _place: place };
        listener.take_events();
        listener
    }

    /// `None` when the daemon stops.
    async fn next(&mut self) -> Option<Event> {
        let stopping = self.api.stopping.clone();
        loop {
            if let Some(event) = self.waiting.pop_front() {
                return Some(event);
            }
            tokio::select! {
                () = stopping.cancelled() => return None,
                changed = self.messages.changed() => {
                    changed.ok()?;
                    self.take_messages().await;
                }
                change = self.changes.recv() => match change {
                    Ok(Change::Session(session)) => {
                        self.push("session", &SessionSummary::of(&session));
                    }
                    Ok(Change::Event(_)) => self.take_events(),
                    // Sessions can be asked for; what has numbers is not lost.
                    Err(RecvError::Lagged(_)) => self.take_events(),
                    Err(RecvError::Closed) => return None,
                },
            }
        }
    }

    async fn take_messages(&mut self) {
        self.messages.mark_unchanged();
        let page = Page { order: Order::OldestFirst, limit: Page::MAX, ..Page::default() };
        let filter = Filter { after: Some(self.told.message), ..Filter::default() };
        // What cannot be read now is read when the next one comes.
        let Ok(listed) = self.api.app.capture.list(&filter, page).await else { return };
        for message in listed.messages {
            self.told.message = message.number;
            self.push("message", &message);
        }
        if listed.next.is_some() {
            self.messages.mark_changed();
        }
    }

    fn take_events(&mut self) {
        let told = self.told.event;
        let events = self.api.app.recent.events();
        for event in events.iter().rev().filter(|event| event.number > told) {
            self.told.event = event.number;
            self.push("event", &event.line());
        }
    }

    fn push(&mut self, name: &str, data: &impl Serialize) {
        let event = Event::default().event(name).id(self.told.to_string());
        // Strings and numbers always serialise.
        self.waiting.extend(event.json_data(data));
    }
}
