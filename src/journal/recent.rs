//! What happened lately, in memory: sessions, events, and rows of the protocol log.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde::Serialize;
use tokio::sync::broadcast;
use tokio::sync::broadcast::error::RecvError;
use tokio::time::Instant;

use super::event::EventRecord;
use super::trace::Trace;

/// Sessions that are kept, each with a trace of [`Trace::MAX_OCTETS`] at most.
const SESSIONS: usize = 1_000;
const EVENTS: usize = 1_000;
const ROWS: usize = 2_000;
/// Changes that a listener may be behind.
const BEHIND: usize = 1_024;

/// The last sessions, events and rows, and word of what changes.
#[derive(Debug)]
pub struct Recent {
    sessions: Mutex<VecDeque<Arc<Followed>>>,
    events: Mutex<VecDeque<Arc<EventRecord>>>,
    rows: Mutex<VecDeque<Arc<str>>>,
    changes: broadcast::Sender<Change>,
}

/// A session that is being followed, or was.
#[derive(Debug)]
pub struct Followed {
    session: String,
    trace: Mutex<Trace>,
}

/// What has changed.
#[derive(Clone, Debug)]
pub enum Change {
    Session(Point, Arc<Followed>),
    Event(Arc<EventRecord>),
}

/// Where in its life a session is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Point {
    Began,
    /// It met its first refusal.
    Refused,
    /// A failure rule has bitten in it for the first time.
    Ruled,
    Ended,
}

impl Default for Recent {
    fn default() -> Self {
        Self {
            sessions: Mutex::default(),
            events: Mutex::default(),
            rows: Mutex::default(),
            changes: broadcast::Sender::new(BEHIND),
        }
    }
}

impl Recent {
    /// The sessions, the newest first.
    pub fn sessions(&self) -> Vec<Arc<Followed>> {
        lock(&self.sessions).iter().rev().cloned().collect()
    }

    /// The session of this id: 16 hexadecimal digits, as in the protocol log.
    pub fn session(&self, id: &str) -> Option<Arc<Followed>> {
        let sessions = lock(&self.sessions);
        sessions.iter().rev().find(|s| s.session.eq_ignore_ascii_case(id)).cloned()
    }

    /// The events, the newest first.
    pub fn events(&self) -> Vec<Arc<EventRecord>> {
        lock(&self.events).iter().rev().cloned().collect()
    }

    /// Rows of the protocol log, the oldest first, without line ends.
    pub fn rows(&self) -> Vec<Arc<str>> {
        lock(&self.rows).iter().cloned().collect()
    }

    /// Word of every change from now on.
    pub fn changes(&self) -> broadcast::Receiver<Change> {
        self.changes.subscribe()
    }

    /// The first session, also one that is there already, that `wanted` accepts; `None` if there
    /// is none by `deadline`. A session is shown when it begins, at its first refusal, when a rule
    /// bites and at its end.
    pub async fn wait_for_session(
        &self,
        deadline: Instant,
        wanted: impl Fn(&Trace) -> bool,
    ) -> Option<Arc<Followed>> {
        let mut changes = self.changes();
        let fits = |session: &Arc<Followed>| wanted(&session.trace());
        loop {
            if let Some(found) = lock(&self.sessions).iter().find(|session| fits(session)) {
                return Some(Arc::clone(found));
            }
            loop {
                match tokio::time::timeout_at(deadline, changes.recv()).await.ok()? {
                    Ok(Change::Session(_, session)) if fits(&session) => return Some(session),
                    Ok(_) => {}
                    // Some were missed, and may be among those that are kept.
                    Err(RecvError::Lagged(_)) => break,
                    Err(RecvError::Closed) => return None,
                }
            }
        }
    }

    /// Forgets all of it but the sessions that are open.
    pub fn clear(&self) {
        lock(&self.sessions).retain(|session| session.trace().ended.is_none());
        lock(&self.events).clear();
        lock(&self.rows).clear();
    }

    /// Begins to follow a session.
    pub fn opened(&self, session: &Arc<Followed>) {
        push(&self.sessions, Arc::clone(session), SESSIONS);
        self.changed(Point::Began, session);
    }

    /// A session that is followed came to `point`.
    pub fn changed(&self, point: Point, session: &Arc<Followed>) {
        self.tell(Change::Session(point, Arc::clone(session)));
    }

    pub(super) fn event(&self, event: EventRecord) {
        let event = Arc::new(event);
        push(&self.events, Arc::clone(&event), EVENTS);
        self.tell(Change::Event(event));
    }

    /// Takes rows with their line ends.
    pub(super) fn take_rows(&self, text: &[u8]) {
        let text = String::from_utf8_lossy(text);
        let mut rows = lock(&self.rows);
        rows.extend(text.lines().map(Arc::from));
        let over = rows.len().saturating_sub(ROWS);
        rows.drain(..over);
    }

    fn tell(&self, change: Change) {
        // An error says that nobody listens.
        let _ = self.changes.send(change);
    }
}

impl Followed {
    pub fn new(trace: Trace) -> Self {
        Self { session: trace.session.clone(), trace: Mutex::new(trace) }
    }

    /// 16 hexadecimal digits.
    pub fn session(&self) -> &str {
        &self.session
    }

    /// What is known so far. Held no longer than a look takes: the session waits to add to it.
    pub fn trace(&self) -> MutexGuard<'_, Trace> {
        lock(&self.trace)
    }
}

fn push<T>(kept: &Mutex<VecDeque<T>>, new: T, most: usize) {
    let mut kept = lock(kept);
    if kept.len() == most {
        kept.pop_front();
    }
    kept.push_back(new);
}

/// Each value is whole whatever happens to a holder of the lock, so poison means nothing.
fn lock<T>(value: &Mutex<T>) -> MutexGuard<'_, T> {
    value.lock().unwrap_or_else(PoisonError::into_inner)
}
