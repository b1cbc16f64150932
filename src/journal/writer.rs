//! One thread that writes, so that no session waits for a disk.

use std::fmt;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread;
use std::time::Duration;

use crossbeam_queue::ArrayQueue;
use jiff::Timestamp;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric as _};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::Unit;
use tokio::sync::oneshot;

use super::lines::LineFile;
use super::protocol::Folder;
use super::recent::Recent;
use crate::connector::Role;

/// Octets that may wait for the disk. Our choice; what comes beyond is dropped.
const WAITING: usize = 16 << 20;

/// How long pieces gather before they are written: one write for many, and no wake-up of the
/// thread for each. Our choice.
const GATHER: Duration = Duration::from_millis(20);

/// Pieces that are taken before all that waits is written, however fast they come.
const AT_ONCE: usize = 10_000;

/// Buffers for rows that wait to be used again: to free them on this thread, which did not
/// allocate them, costs sessions more than to write into them. Our choice.
const SPARE: usize = 512;

/// Octets that a buffer for rows begins with, and may have to be used again: what commands and
/// their replies take.
const USUAL: usize = 1 << 10;
const LARGEST: usize = 4 << 10;

/// Something to write.
pub(super) enum Piece {
    /// Rows of the protocol log, of one session, the first from `at`.
    Rows { role: Role, at: Timestamp, text: Vec<u8>, rows: u32 },
    /// A line of the event log.
    Event { line: String },
    /// A line of the sessions.
    Trace { line: String },
    /// Tell when all that came before is written.
    Flush(oneshot::Sender<()>),
}

/// The way to the thread, which ends when the last of these is gone.
#[derive(Clone)]
pub(super) struct Queue {
    pieces: Sender<Piece>,
    load: Arc<Load>,
    spare: Arc<ArrayQueue<Vec<u8>>>,
}

/// What waits for the disk, and what did not get so far.
#[derive(Debug)]
pub(super) struct Load {
    octets: AtomicUsize,
    /// Rows that found too many octets before them, until the log tells of them.
    dropped: AtomicU64,
    /// All rows and events that are lost.
    lost: Arc<AtomicU64>,
}

/// Where things go.
pub(super) struct Targets {
    pub files: Option<Files>,
    pub recent: Option<Arc<Recent>>,
}

pub(super) struct Files {
    pub front_end: Folder,
    pub hub: Folder,
    pub edge: Folder,
    pub events: LineFile,
    pub sessions: LineFile,
}

impl Queue {
    /// Starts the thread. `lost` counts what is lost, here and by the targets.
    pub fn start(mut targets: Targets, lost: Arc<AtomicU64>) -> io::Result<Self> {
        let (pieces, incoming) = mpsc::channel();
        let (octets, dropped) = (AtomicUsize::new(0), AtomicU64::new(0));
        let load = Arc::new(Load { octets, dropped, lost });
        let spare = Arc::new(ArrayQueue::new(SPARE));
        let queue = Self { pieces, load: Arc::clone(&load), spare: Arc::clone(&spare) };
        thread::Builder::new()
            .name("journal".to_owned())
            .spawn(move || targets.write(&incoming, &load, &spare))?;
        Ok(queue)
    }

    /// An empty buffer for rows.
    pub fn buffer(&self) -> Vec<u8> {
        self.spare.pop().unwrap_or_else(|| Vec::with_capacity(USUAL))
    }

    /// Never waits: a piece that finds too many octets before it is dropped and counted.
    pub fn put(&self, piece: Piece) {
        let octets = piece.octets();
        let waiting = self.load.octets.fetch_add(octets, Ordering::Relaxed) + octets;
        if waiting > WAITING {
            self.load.octets.fetch_sub(octets, Ordering::Relaxed);
            self.load.lost.fetch_add(piece.rows(), Ordering::Relaxed);
            if self.load.dropped.fetch_add(piece.rows(), Ordering::Relaxed) == 0 {
                tracing::warn!("the disk does not keep up with the journal; rows are dropped");
            }
            return;
        }
        // The thread outlives every queue.
        let _ = self.pieces.send(piece);
    }

    pub fn load(&self) -> &Arc<Load> {
        &self.load
    }
}

impl Targets {
    fn write(&mut self, incoming: &Receiver<Piece>, load: &Load, spare: &ArrayQueue<Vec<u8>>) {
        while let Ok(first) = incoming.recv() {
            thread::sleep(GATHER);
            let mut flushed = Vec::new();
            for piece in std::iter::once(first).chain(incoming.try_iter().take(AT_ONCE)) {
                load.octets.fetch_sub(piece.octets(), Ordering::Relaxed);
                match piece {
                    Piece::Rows { role, at, mut text, rows } => {
                        self.take_rows(role, at, &text, rows, load);
                        if text.capacity() <= LARGEST {
                            text.clear();
                            // One too many is freed.
                            let _ = spare.push(text);
                        }
                    }
                    Piece::Event { line } => {
                        self.files.iter_mut().for_each(|files| files.events.take(&line));
                    }
                    Piece::Trace { line } => {
                        self.files.iter_mut().for_each(|files| files.sessions.take(&line));
                    }
                    Piece::Flush(done) => flushed.push(done),
                }
            }
            if let Some(files) = &mut self.files {
                files.write_out();
            }
            for done in flushed {
                // Whoever asked may have lost patience.
                let _ = done.send(());
            }
        }
    }

    fn take_rows(&mut self, role: Role, at: Timestamp, text: &[u8], rows: u32, load: &Load) {
        if let Some(recent) = &self.recent {
            recent.take_rows(text);
        }
        let Some(files) = &mut self.files else { return };
        let folder = files.folder(role);
        let dropped = load.dropped.swap(0, Ordering::Relaxed);
        if dropped > 0 {
            tracing::warn!(dropped, "the disk keeps up with the journal again");
            folder.lose(dropped, "the disk did not keep up");
        }
        folder.take(at, text, rows.into());
    }
}

impl Files {
    fn write_out(&mut self) {
        for role in [Role::FrontEnd, Role::Hub, Role::Edge] {
            self.folder(role).write_out();
        }
        self.events.write_out();
        self.sessions.write_out();
    }

    fn folder(&mut self, role: Role) -> &mut Folder {
        match role {
            Role::FrontEnd => &mut self.front_end,
            Role::Hub => &mut self.hub,
            Role::Edge => &mut self.edge,
        }
    }
}

impl Piece {
    fn octets(&self) -> usize {
        match self {
            Self::Rows { text, .. } => text.len(),
            Self::Event { line } | Self::Trace { line } => line.len(),
            Self::Flush(_) => 0,
        }
    }

    fn rows(&self) -> u64 {
        match self {
            Self::Rows { rows, .. } => (*rows).into(),
            Self::Event { .. } | Self::Trace { .. } => 1,
            Self::Flush(_) => 0,
        }
    }
}

/// As metrics.
#[derive(Debug)]
pub(super) struct Loads(pub Arc<Load>);

impl Collector for Loads {
    fn encode(&self, mut encoder: DescriptorEncoder) -> fmt::Result {
        let lost = ConstCounter::new(self.0.lost.load(Ordering::Relaxed));
        let waiting = ConstGauge::new(self.0.octets.load(Ordering::Relaxed) as i64);
        let (name, help) = ("journal_dropped", "Rows and events that were not written");
        lost.encode(encoder.encode_descriptor(name, help, None, MetricType::Counter)?)?;
        let (name, help) = ("journal_waiting", "Octets that wait for the disk");
        let unit = Some(&Unit::Bytes);
        waiting.encode(encoder.encode_descriptor(name, help, unit, MetricType::Gauge)?)
    }
}

impl fmt::Debug for Queue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Queue").field("load", &self.load).finish_non_exhaustive()
    }
}
