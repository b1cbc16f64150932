//! How far the reading is, on a terminal.

use std::fmt::Display;
use std::io::{IsTerminal as _, Read, Seek, SeekFrom};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

const INTERVAL: Duration = Duration::from_millis(200);

/// A line on the standard error that is written over and over, if that is a terminal.
pub struct Progress {
    on: bool,
    /// `None`: not known.
    total: Option<u64>,
    done: Arc<AtomicU64>,
    begun: Instant,
    shown: Option<Instant>,
}

impl Progress {
    /// `total` and `done` are octets as they lie on the disk.
    pub fn new(total: Option<u64>, done: Arc<AtomicU64>) -> Self {
        let on = std::io::stderr().is_terminal();
        Self { on, total, done, begun: Instant::now(), shown: None }
    }

    pub fn show(&mut self, name: impl Display) {
        if !self.on || self.shown.is_some_and(|shown| shown.elapsed() < INTERVAL) {
            return;
        }
        self.shown = Some(Instant::now());
        let done = self.done.load(Ordering::Relaxed);
        let rate = done as f64 / self.begun.elapsed().as_secs_f64().max(0.001) / 1e6;
        let name: String = name.to_string().escape_debug().take(40).collect();
        let how_far = match self.total {
            Some(total) => {
                let percent = (done.min(total) * 100).checked_div(total).unwrap_or_default();
                format!("{percent:3} % of {} MB", total / 1_000_000)
            }
            None => format!("{} MB", done / 1_000_000),
        };
        eprint!("\r{how_far}, {rate:.0} MB/s, {name}\x1b[K");
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if self.shown.is_some() {
            eprint!("\r\x1b[K");
        }
    }
}

/// Counts what is read from a file.
pub struct Counted<R> {
    pub inner: R,
    pub done: Arc<AtomicU64>,
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let n = self.inner.read(buffer)?;
        self.done.fetch_add(n as u64, Ordering::Relaxed);
        Ok(n)
    }
}

impl<R: Seek> Seek for Counted<R> {
    fn seek(&mut self, to: SeekFrom) -> std::io::Result<u64> {
        self.inner.seek(to)
    }
}
