//! The record that a server leaves of itself: protocol log, events, and traces of sessions.
//!
//! A [`Journal`] is a folder, or the memory of what happened lately, or both. Sessions and the
//! server hand it what to write and never wait for it: one thread writes, a disk that does not
//! keep up costs rows, and the log says how many.

mod event;
mod file;
mod lines;
pub mod logs;
mod metrics;
mod protocol;
mod recent;
pub mod trace;
mod writer;

use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use jiff::Timestamp;
use prometheus_client::collector::Collector;
use tokio::sync::oneshot;

use crate::config::ProtocolLog;
use crate::connector::{Role, Server, Version};

pub use event::{Category, Definition, Event, EventLine, EventRecord, Level, Source, catalogue};
pub use metrics::{
    DIRECT_TRUST, DOMAIN_SECURITY, Metrics, NO_SUBMIT_PERMISSION, OpenSession, Refused, RuleHits,
    UNKNOWN_CERTIFICATE, WELL_KNOWN_ACCOUNT,
};
pub use protocol::{CertificateRow, Ending, FIELDS, Opening, Rows, SendRows};
pub use recent::{Change, Followed, Point, Recent};

use self::event::Throttle;
use self::lines::LineFile;
use self::protocol::{Folder, Layout};
use self::trace::Trace;
use self::writer::{Files, Loads, Lost, Piece, Queue, Targets};

/// Where the time of rows and events comes from.
pub type Clock = fn() -> Timestamp;

/// The record of one server.
#[derive(Debug)]
pub struct Journal {
    queue: Queue,
    clock: Clock,
    version: Version,
    computer: String,
    events: AtomicU64,
    throttle: Mutex<Throttle>,
    recent: Option<Arc<Recent>>,
    /// Whether events are written to a file.
    events_in_file: bool,
    /// Whether traces are.
    traces: bool,
}

/// Where a journal is kept.
#[derive(Clone, Debug, Default)]
pub struct Places {
    /// Below this folder, as the server would.
    pub folder: Option<PathBuf>,
    /// Traces too, in `sessions.jsonl`.
    pub traces: bool,
    pub recent: Option<Arc<Recent>>,
}

impl Journal {
    /// Writes to `places` as `server` would. Files and folders are made when there is something
    /// to write; what goes wrong with them is told to the log, not to the caller.
    ///
    /// # Errors
    ///
    /// If no thread can be started.
    pub fn open(
        places: Places,
        limits: ProtocolLog,
        server: &Server,
        clock: Clock,
    ) -> io::Result<Self> {
        let layout = Layout::of(server.version);
        let lost = Lost::default();
        let of = |folder: &Path, role| {
            Folder::new(layout.folder(folder, role), layout, limits, Arc::clone(&lost.rows))
        };
        let files = places.folder.as_deref().map(|folder| Files {
            front_end: of(folder, Role::FrontEnd),
            hub: of(folder, Role::Hub),
            edge: of(folder, Role::Edge),
            events: LineFile::new(folder, "events", Arc::clone(&lost.events)),
            sessions: LineFile::new(folder, "sessions", Arc::clone(&lost.traces)),
        });
        let in_files = files.is_some();
        let targets = Targets { files, recent: places.recent.clone() };
        Ok(Self {
            queue: Queue::start(targets, lost)?,
            clock,
            version: server.version,
            computer: server.fqdn.clone(),
            events: AtomicU64::new(0),
            throttle: Mutex::default(),
            events_in_file: in_files,
            traces: places.traces && in_files,
            recent: places.recent,
        })
    }

    /// Begins the rows of a session.
    pub fn rows(&self, opening: Opening<'_>) -> Rows {
        Rows::open(self.queue.clone(), Layout::of(self.version), self.clock, opening)
    }

    /// Records what happened in a service, in a session if there was one. Repeats of the same
    /// text are counted for five minutes, and told with the next one.
    pub fn event(&self, event: Event, source: Source, session: Option<&str>) {
        let time = (self.clock)();
        // Nobody panics while holding it; if so, what is in it still serves.
        let mut throttle = self.throttle.lock().unwrap_or_else(|broken| broken.into_inner());
        let Some(suppressed) = throttle.admit(&event, time) else { return };
        drop(throttle);
        let record = EventRecord {
            time,
            number: self.events.fetch_add(1, Ordering::Relaxed) + 1,
            source,
            computer: self.computer.clone(),
            session: session.map(str::to_owned),
            event,
            suppressed,
        };
        tracing::debug!("{}", record.event_viewer());
        // Strings and numbers always serialise.
        if self.events_in_file
            && let Ok(line) = serde_json::to_string(&record)
        {
            self.queue.put(Piece::Event { line: line + "\n" });
        }
        if let Some(recent) = &self.recent {
            recent.event(record);
        }
    }

    /// Whether anybody wants traces of sessions.
    pub fn wants_traces(&self) -> bool {
        self.traces || self.recent.is_some()
    }

    /// What happened lately, if that is kept.
    pub fn recent(&self) -> Option<&Arc<Recent>> {
        self.recent.as_ref()
    }

    /// Records the trace of a session that is over.
    pub fn trace(&self, trace: &Trace) {
        if !self.traces {
            return;
        }
        // Strings and numbers always serialise.
        if let Ok(line) = serde_json::to_string(trace) {
            self.queue.put(Piece::Trace { line: line + "\n" });
        }
    }

    /// What waits to be written, and what was lost.
    pub fn metrics(&self) -> Box<dyn Collector> {
        Box::new(Loads(Arc::clone(self.queue.load())))
    }

    /// Returns when all that was handed in is written, or given up.
    pub async fn flush(&self) {
        let (done, flushed) = oneshot::channel();
        self.queue.put(Piece::Flush(done));
        // An error is the end of the thread: nothing is left to write.
        let _ = flushed.await;
    }
}
