//! Messages in an SQLite database: written ahead (WAL), and on disk before they are acknowledged
//! (`synchronous=FULL`).

mod error;
mod query;
mod schema;
#[cfg(test)]
mod tests;
mod writer;

use std::collections::HashMap;
use std::fs::File;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{self, Sender};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::thread::{self, JoinHandle};

use jiff::Timestamp;
use rusqlite::Connection;
use tokio::sync::oneshot;

use super::{
    CaptureError, Filter, Keeping, Kept, Limits, Listed, Message, Page, Removal, Store, Totals,
};
use error::Cause;
use writer::{Counts, Job, Writer};

pub use error::DatabaseError;

/// Connections that wait to be read over. Our choice.
const IDLE: usize = 4;

#[derive(Debug)]
pub struct Sqlite {
    path: Arc<Path>,
    /// Taken away at the end only.
    jobs: Option<Sender<Job>>,
    writer: Option<JoinHandle<()>>,
    readers: Mutex<Vec<Connection>>,
    /// Messages that somebody looks at, by number.
    held: Mutex<HashMap<u64, Weak<Message>>>,
    counters: Arc<Counters>,
    /// Behind the connections.
    _lock: File,
}

/// What [`Sqlite::totals`] tells; the writer sets it after each commit.
#[derive(Debug, Default)]
struct Counters {
    kept: AtomicU64,
    held: AtomicU64,
    newest: AtomicU64,
    accepted: AtomicU64,
    discarded: AtomicU64,
}

impl Sqlite {
    /// Opens or makes the database.
    pub fn open(path: &Path, limits: Limits) -> Result<Self, DatabaseError> {
        // SQLite gives some relative names a meaning of their own.
        let opened = std::path::absolute(path)
            .map_err(Cause::from)
            .and_then(|absolute| Self::open_at(&absolute, limits));
        opened.map_err(|cause| DatabaseError::new(path, cause))
    }

    fn open_at(path: &Path, limits: Limits) -> Result<Self, Cause> {
        let lock = schema::take(path)?;
        let connection = schema::open(path)?;
        let counts = Counts::read(&connection)?;
        let counters = Arc::new(Counters::default());
        let path: Arc<Path> = path.into();
        let writer = Writer {
            path: Arc::clone(&path),
            connection,
            limits,
            counters: Arc::clone(&counters),
            counts,
        };
        counters.kept.store(counts.kept, Ordering::Relaxed);
        counters.held.store(counts.held, Ordering::Relaxed);
        counters.newest.store(counts.newest, Ordering::Relaxed);
        let (jobs, incoming) = mpsc::channel();
        let writer = thread::Builder::new()
            .name("capture".to_owned())
            .spawn(move || writer.run(&incoming))?;
        Ok(Self {
            path,
            jobs: Some(jobs),
            writer: Some(writer),
            readers: Mutex::default(),
            held: Mutex::default(),
            counters,
            _lock: lock,
        })
    }

    /// Reads over a connection that is free, or a new one.
    fn read<T>(
        &self,
        read: impl FnOnce(&Connection) -> Result<T, Cause>,
    ) -> Result<T, CaptureError> {
        let idle = || self.readers.lock().unwrap_or_else(PoisonError::into_inner);
        let free = idle().pop();
        let connection = free.map_or_else(|| schema::open_reader(&self.path), Ok);
        let result = connection.and_then(|connection| {
            let result = read(&connection)?;
            // One that failed is not used again.
            let mut idle = idle();
            if idle.len() < IDLE {
                idle.push(connection);
            }
            Ok(result)
        });
        result.map_err(|cause| self.error(cause))
    }

    fn give(&self, job: Job) {
        // Whoever asked is told when the job is dropped.
        let _ = self.jobs.as_ref().map(|jobs| jobs.send(job));
    }

    fn error(&self, cause: impl Into<Cause>) -> CaptureError {
        DatabaseError::new(&self.path, cause).into()
    }
}

impl Store for Sqlite {
    fn keep(&self, message: Arc<Message>) -> Keeping {
        let (asker, answer) = oneshot::channel();
        self.give(Job::Keep(message, asker));
        let ended = self.error(Cause::Ended);
        Box::pin(async move { answer.await.unwrap_or(Err(ended)) })
    }

    fn get(&self, id: &str) -> Result<Option<Kept>, CaptureError> {
        let held = || self.held.lock().unwrap_or_else(PoisonError::into_inner);
        let share = |number| held().get(&number).and_then(Weak::upgrade);
        let kept = self.read(|connection| query::get(connection, id, share))?;
        if let Some(Kept { number, message }) = &kept {
            let mut held = held();
            held.retain(|_, message| message.strong_count() > 0);
            held.insert(*number, Arc::downgrade(message));
        }
        Ok(kept)
    }

    fn list(&self, filter: &Filter, page: Page) -> Result<Listed, CaptureError> {
        let listed = self.read(|connection| query::list(connection, filter, page))?;
        Ok(Listed { total: self.counters.kept.load(Ordering::Relaxed), ..listed })
    }

    fn remove(&self, which: &Removal) -> Result<u64, CaptureError> {
        let (asker, answer) = mpsc::channel();
        self.give(Job::Remove(which.clone(), asker));
        answer.recv().unwrap_or_else(|_| Err(self.error(Cause::Ended)))
    }

    fn totals(&self) -> Totals {
        let Counters { kept, held, newest, accepted, discarded } = &*self.counters;
        let [kept, octets, newest, accepted, discarded] =
            [kept, held, newest, accepted, discarded].map(|count| count.load(Ordering::Relaxed));
        Totals { kept, octets, newest, accepted, discarded }
    }
}

impl Drop for Sqlite {
    /// Waits for the writer: its connection must be closed before the lock is. It must be the
    /// last to be closed, as those that read cannot move what is in SQLite's log to the database.
    fn drop(&mut self) {
        self.readers.get_mut().unwrap_or_else(PoisonError::into_inner).clear();
        self.jobs = None;
        if let Some(writer) = self.writer.take() {
            let _ = writer.join();
        }
    }
}

impl Counts {
    fn read(connection: &Connection) -> Result<Self, Cause> {
        let counts =
            connection.query_row("SELECT kept, held, latest, disorder FROM totals", [], |row| {
                let (kept, held) = (row.get(0)?, row.get(1)?);
                let (latest, disorder) = (row.get(2)?, row.get(3)?);
                Ok(Self { kept, held, latest, disorder, ..Self::default() })
            })?;
        let newest = connection.query_row(
            "SELECT coalesce(max(seq), 0) FROM sqlite_sequence WHERE name = 'message'",
            [],
            |row| row.get(0),
        )?;
        Ok(Self { newest, ..counts })
    }
}

/// Since 1970; what lies beyond the years 1677 to 2262 is put at their ends.
fn nanoseconds(time: Timestamp) -> i64 {
    time.as_nanosecond().clamp(i64::MIN.into(), i64::MAX.into()) as i64
}
