//! One thread that writes, so that no session waits for a disk.

use std::fmt;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
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
    /// Something found too many octets before it, which was told.
    behind: AtomicBool,
    /// Rows that did, until the log tells of them.
    dropped_rows: AtomicU64,
    lost: Lost,
}

/// All that is lost, by kind.
#[derive(Clone, Debug, Default)]
pub(super) struct Lost {
    pub rows: Arc<AtomicU64>,
    pub events: Arc<AtomicU64>,
    pub traces: Arc<AtomicU64>,
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
    pub fn start(mut targets: Targets, lost: Lost) -> io::Result<Self> {
        let (pieces, incoming) = mpsc::channel();
        let load = Arc::new(Load {
            octets: AtomicUsize::new(0),
            behind: AtomicBool::new(false),
            dropped_rows: AtomicU64::new(0),
            lost,
        });
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
            return self.load.dropped(&piece);
        }
        // The thread outlives every queue.
        let _ = self.pieces.send(piece);
    }

    pub fn load(&self) -> &Arc<Load> {
        &self.load
    }
}

impl Load {
    fn dropped(&self, piece: &Piece) {
        let (lost, pieces) = match piece {
            Piece::Rows { rows, .. } => {
                self.dropped_rows.fetch_add((*rows).into(), Ordering::Relaxed);
                (&self.lost.rows, (*rows).into())
            }
            Piece::Event { .. } => (&self.lost.events, 1),
            Piece::Trace { .. } => (&self.lost.traces, 1),
            Piece::Flush(_) => return,
        };
        lost.fetch_add(pieces, Ordering::Relaxed);
        if !self.behind.swap(true, Ordering::Relaxed) {
            tracing::warn!("the disk does not keep up with the journal; what comes is dropped");
        }
    }

    /// All that came was written; whether that was late was told.
    fn caught_up(&self) {
        if self.octets.load(Ordering::Relaxed) < WAITING / 2
            && self.behind.swap(false, Ordering::Relaxed)
        {
            tracing::warn!("the disk keeps up with the journal again");
        }
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
            load.caught_up();
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
        let dropped = load.dropped_rows.swap(0, Ordering::Relaxed);
        if dropped > 0 {
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
}

/// As metrics.
#[derive(Debug)]
pub(super) struct Loads(pub Arc<Load>);

impl Collector for Loads {
    fn encode(&self, mut encoder: DescriptorEncoder) -> fmt::Result {
        let Load { octets, lost: Lost { rows, events, traces }, .. } = &*self.0;
        let (name, help) = ("journal_dropped", "What the journal could not write, by kind");
        let mut family = encoder.encode_descriptor(name, help, None, MetricType::Counter)?;
        for (kind, lost) in [("row", rows), ("event", events), ("trace", traces)] {
            let lost = ConstCounter::new(lost.load(Ordering::Relaxed));
            lost.encode(family.encode_family(&[("kind", kind)])?)?;
        }
        let waiting = ConstGauge::new(octets.load(Ordering::Relaxed) as i64);
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

#[cfg(test)]
mod tests {
    use super::*;

    fn metric(load: &Arc<Load>) -> String {
        let mut registry = prometheus_client::registry::Registry::default();
        registry.register_collector(Box::new(Loads(Arc::clone(load))));
        let mut text = String::new();
        prometheus_client::encoding::text::encode(&mut text, &registry).unwrap();
        text
    }

    /// A trace is no row, and a warning that was called off comes again.
    #[test]
    fn what_is_dropped_is_counted_by_its_kind() {
        let targets = Targets { files: None, recent: None };
        let queue = Queue::start(targets, Lost::default()).unwrap();
        let load = queue.load();
        for behind in [1, 2] {
            load.octets.store(WAITING, Ordering::Relaxed);
            queue.put(Piece::Trace { line: "{}\n".to_owned() });
            queue.put(Piece::Event { line: "{}\n".to_owned() });
            assert!(load.behind.load(Ordering::Relaxed));
            assert_eq!(load.dropped_rows.load(Ordering::Relaxed), 0);
            let text = metric(load);
            for (kind, lost) in [("row", 0), ("event", behind), ("trace", behind)] {
                let line = format!("journal_dropped_total{{kind=\"{kind}\"}} {lost}");
                assert!(text.lines().any(|l| l == line), "{line}\n{text}");
            }
            load.octets.store(0, Ordering::Relaxed);
            load.caught_up();
            assert!(!load.behind.load(Ordering::Relaxed));
        }
    }
}
