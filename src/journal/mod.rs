//! The record that a server leaves of itself: protocol log files and events.
//!
//! A [`Journal`] is a folder. Sessions and the server hand it what to write and never wait for
//! it: one thread writes, a disk that does not keep up costs rows, and the log says how many.

mod event;
mod file;
mod lines;
pub mod logs;
mod metrics;
mod protocol;
pub mod trace;
mod writer;

use std::io;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use jiff::Timestamp;
use prometheus_client::collector::Collector;
use tokio::sync::oneshot;

use crate::config::ProtocolLog;
use crate::connector::{Role, Server, Version};

pub use event::{Category, Definition, Event, EventRecord, Level, Source, catalogue};
pub use metrics::{Metrics, OpenSession, Refused};
pub use protocol::{CertificateRow, Ending, Opening, Rows};

use self::event::Throttle;
use self::lines::LineFile;
use self::protocol::{Folder, Layout};
use self::trace::Trace;
use self::writer::{Loads, Piece, Queue, Targets};

/// Where the time of rows and events comes from.
pub type Clock = fn() -> Timestamp;

/// The files of one server.
#[derive(Debug)]
pub struct Journal {
    queue: Queue,
    clock: Clock,
    version: Version,
    computer: String,
    events: AtomicU64,
    throttle: Mutex<Throttle>,
}

impl Journal {
    /// Writes below `folder` as `server` would. Files and folders are made when there is
    /// something to write; what goes wrong with them is told to the log, not to the caller.
    ///
    /// # Errors
    ///
    /// If no thread can be started.
    pub fn open(
        folder: &Path,
        limits: ProtocolLog,
        server: &Server,
        clock: Clock,
    ) -> io::Result<Self> {
        let layout = Layout::of(server.version);
        let lost = Arc::<AtomicU64>::default();
        let of = |role| Folder::new(layout.folder(folder, role), layout, limits, Arc::clone(&lost));
        let targets = Targets {
            front_end: of(Role::FrontEnd),
            hub: of(Role::Hub),
            edge: of(Role::Edge),
            events: LineFile::new(folder, "events"),
            sessions: LineFile::new(folder, "sessions"),
        };
        Ok(Self {
            queue: Queue::start(targets, lost)?,
            clock,
            version: server.version,
            computer: server.fqdn.clone(),
            events: AtomicU64::new(0),
            throttle: Mutex::default(),
        })
    }

    /// Begins the rows of a session.
    pub fn rows(&self, opening: Opening<'_>) -> Rows {
        Rows::open(self.queue.clone(), Layout::of(self.version), self.clock, opening)
    }

    /// Records what happened in a service, in a session if there was one. Repeats of the same
    /// text are counted for five minutes, and told with the next one.
    pub fn event(&self, event: Event, role: Role, session: Option<&str>) {
        let time = (self.clock)();
        // Nobody panics while holding it; if so, what is in it still serves.
        let mut throttle = self.throttle.lock().unwrap_or_else(|broken| broken.into_inner());
        let Some(suppressed) = throttle.admit(&event, time) else { return };
        drop(throttle);
        let record = EventRecord {
            time,
            number: self.events.fetch_add(1, Ordering::Relaxed) + 1,
            source: Source::of(self.version, role),
            computer: self.computer.clone(),
            session: session.map(str::to_owned),
            event,
            suppressed,
        };
        tracing::debug!("{}", record.event_viewer());
        // Strings and numbers always serialise.
        if let Ok(line) = serde_json::to_string(&record) {
            self.queue.put(Piece::Event { line: line + "\n" });
        }
    }

    /// Records the trace of a session.
    pub fn trace(&self, trace: &Trace) {
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
