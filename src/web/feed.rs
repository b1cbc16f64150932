//! What happens, in its order, for whoever is told of it.

use std::collections::VecDeque;
use std::fmt;
use std::str::FromStr;

use serde::Serialize;
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::{broadcast, watch};

use super::App;
use super::api::SessionSummary;
use crate::capture::{Filter, Order, Page, Summary};
use crate::journal::{Change, EventLine, Point};

/// What happens from a moment on. Messages and events are not missed, however late they are
/// asked for, while they are kept; of sessions the changes may be, as those can be asked for.
pub(super) struct Feed {
    app: App,
    told: Mark,
    ready: VecDeque<(Mark, Happened)>,
    messages: watch::Receiver<u64>,
    changes: broadcast::Receiver<Change>,
}

#[derive(Clone, Debug, Serialize)]
#[serde(untagged)]
pub(super) enum Happened {
    Message(Summary),
    Session(SessionChange),
    Event(EventLine),
}

#[derive(Clone, Debug, Serialize)]
pub(super) struct SessionChange {
    pub point: Point,
    #[serde(flatten)]
    session: SessionSummary,
}

/// How far somebody was told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Mark {
    /// Milliseconds since 1970 at which the daemon started: another one counts from 1 again.
    run: i64,
    message: u64,
    event: u64,
}

impl Mark {
    /// Where to go on in the run of `now`. Whoever was told of an earlier one has seen none of the
    /// events of this, nor of the messages unless those have `outlived` it.
    fn in_run(self, now: Self, outlived: bool) -> Self {
        let message = match self.run == now.run || outlived {
            // The database may be another one.
            true => self.message.min(now.message),
            false => 0,
        };
        let event = if self.run == now.run { self.event } else { 0 };
        Self { run: now.run, message, event }
    }
}

impl fmt::Display for Mark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}-{}", self.run, self.message, self.event)
    }
}

#[derive(Debug)]
pub(super) struct BadMark;

impl FromStr for Mark {
    type Err = BadMark;

    fn from_str(text: &str) -> Result<Self, BadMark> {
        let mut numbers = text.splitn(3, '-').map(|number| number.parse().map_err(|_| BadMark));
        let mut next = || numbers.next().unwrap_or(Err(BadMark));
        let (run, message, event): (u64, u64, u64) = (next()?, next()?, next()?);
        Ok(Self { run: run.try_into().map_err(|_| BadMark)?, message, event })
    }
}

impl Feed {
    /// From `seen` on, or from now on.
    pub fn new(app: App, seen: Option<Mark>) -> Self {
        // Before looking at what there is, so that nothing falls in between.
        let changes = app.recent.changes();
        let messages = app.capture.watch();
        let run = app.started.as_millisecond();
        let newest = app.recent.events().first().map_or(0, |event| event.number);
        let now = Mark { run, message: *messages.borrow(), event: newest };
        let told = seen.map_or(now, |seen| seen.in_run(now, app.capture.outlives()));
        let mut feed = Self { app, told, ready: VecDeque::new(), messages, changes };
        feed.take_events();
        feed
    }

    /// The next thing that happens; `None` if nothing will. It may be given up at any time.
    pub async fn next(&mut self) -> Option<(Mark, Happened)> {
        loop {
            if let Some(happened) = self.ready.pop_front() {
                return Some(happened);
            }
            let newest = *self.messages.borrow_and_update();
            if newest > self.told.message {
                self.take_messages(newest).await;
                if !self.ready.is_empty() {
                    continue;
                }
            }
            tokio::select! {
                changed = self.messages.changed() => changed.ok()?,
                change = self.changes.recv() => match change {
                    Ok(Change::Session(point, session)) => {
                        let session = SessionSummary::of(&session);
                        let change = Happened::Session(SessionChange { point, session });
                        self.ready.push_back((self.told, change));
                    }
                    // What was missed is still among those that are kept.
                    Ok(Change::Event(_)) | Err(RecvError::Lagged(_)) => self.take_events(),
                    Err(RecvError::Closed) => return None,
                },
            }
        }
    }

    async fn take_messages(&mut self, newest: u64) {
        let page = Page { order: Order::OldestFirst, limit: Page::MAX, ..Page::default() };
        let filter = Filter { after: Some(self.told.message), ..Filter::default() };
        match self.app.capture.list(&filter, page).await {
            Ok(listed) => {
                for message in listed.messages {
                    self.told.message = message.number;
                    self.ready.push_back((self.told, Happened::Message(message)));
                }
                if listed.next.is_none() {
                    // Those that are not there were removed.
                    self.told.message = self.told.message.max(newest);
                }
            }
            // They are told when something else happens.
            Err(error) => tracing::warn!(%error, "kept messages cannot be told"),
        }
    }

    fn take_events(&mut self) {
        let told = self.told.event;
        let events = self.app.recent.events();
        for event in events.iter().rev().filter(|event| event.number > told) {
            self.told.event = event.number;
            self.ready.push_back((self.told, Happened::Event(event.line())));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_is_read_as_it_is_written() {
        let mark = Mark { run: 1_700_000_000_000, message: 7, event: 2 };
        assert_eq!(mark.to_string().parse::<Mark>().unwrap(), mark);
        for wrong in ["", "1", "1-2", "1-2-3-4", "a-b-c", "-1-2-3", "1-2-18446744073709551616"] {
            assert!(wrong.parse::<Mark>().is_err(), "{wrong}");
        }
    }
}
