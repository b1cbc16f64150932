//! The one thread that writes: what waits goes into one transaction, and whoever waits for it
//! is answered after the commit.

use std::path::Path;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::sync::{Arc, mpsc};
use std::time::Duration;

use jiff::Timestamp;
use rusqlite::{Connection, Transaction, TransactionBehavior, params};
use tokio::sync::oneshot;

use super::super::{CaptureError, Filter, Limits, Message, Removal};
use super::error::Cause;
use super::{Counters, DatabaseError, nanoseconds, query, schema};

/// Messages in one transaction. Our choice.
const AT_ONCE: usize = 500;

/// Messages that go from one transaction to make room, so that new ones need not wait for all.
const DISCARDED_AT_ONCE: usize = 1_000;

/// How often it looks for what has become too old.
const SWEEP: Duration = Duration::from_secs(1);

pub(super) enum Job {
    Keep(Arc<Message>, oneshot::Sender<Result<u64, CaptureError>>),
    Remove(Removal, mpsc::Sender<Result<u64, CaptureError>>),
}

pub(super) struct Writer {
    pub path: Arc<Path>,
    pub connection: Connection,
    pub limits: Limits,
    pub counters: Arc<Counters>,
    pub counts: Counts,
}

/// What is in the database.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Counts {
    pub kept: u64,
    pub held: u64,
    pub newest: u64,
    pub accepted: u64,
    pub discarded: u64,
    /// The greatest time of reception so far, in nanoseconds since 1970.
    pub latest: i64,
    /// By how much one that came behind it was less, at most: clocks go back.
    pub disorder: i64,
}

impl Writer {
    /// Writes until nobody can give it more.
    pub fn run(mut self, jobs: &Receiver<Job>) {
        let mut crowded = true;
        loop {
            let wait = match (crowded, self.limits.age) {
                (true, _) => Duration::ZERO,
                (false, Some(_)) => SWEEP,
                (false, None) => Duration::MAX,
            };
            let first = match jobs.recv_timeout(wait) {
                Ok(first) => Some(first),
                Err(RecvTimeoutError::Timeout) => None,
                Err(RecvTimeoutError::Disconnected) => return,
            };
            let rest = jobs.try_iter().take(AT_ONCE - 1);
            crowded = self.serve(first.into_iter().chain(rest).collect());
        }
    }

    /// Does what is asked, and tells. Whether there is more to discard.
    fn serve(&mut self, jobs: Vec<Job>) -> bool {
        match self.transact(&jobs) {
            Ok((done, crowded)) => {
                for (job, number) in jobs.into_iter().zip(done) {
                    job.answer(Ok(number));
                }
                crowded
            }
            Err(cause) if cause.is_of_one_message() && jobs.len() > 1 => {
                jobs.into_iter().fold(false, |crowded, job| crowded | self.serve(vec![job]))
            }
            Err(cause) => {
                if jobs.is_empty() {
                    tracing::warn!("{}", DatabaseError::new(&self.path, cause.clone()));
                }
                for job in jobs {
                    job.answer(Err(DatabaseError::new(&self.path, cause.clone()).into()));
                }
                false
            }
        }
    }

    fn transact(&mut self, jobs: &[Job]) -> Result<(Vec<u64>, bool), Cause> {
        let mut counts = self.counts;
        let transaction =
            self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let done = jobs
            .iter()
            .map(|job| match job {
                Job::Keep(message, _) => insert(&transaction, message, &mut counts),
                Job::Remove(which, _) => remove(&transaction, which, &mut counts),
            })
            .collect::<Result<_, Cause>>()?;
        let crowded = discard(&transaction, &self.limits, &mut counts)?;
        if counts == self.counts {
            return Ok((done, crowded));
        }
        if counts.kept == 0 {
            (counts.latest, counts.disorder) = (0, 0);
        }
        transaction
            .prepare_cached("UPDATE totals SET kept = ?1, held = ?2, latest = ?3, disorder = ?4")?
            .execute(params![counts.kept, counts.held, counts.latest, counts.disorder])?;
        transaction.commit()?;
        self.counts = counts;
        self.counters.set(counts);
        if counts.kept == 0 && jobs.iter().any(|job| matches!(job, Job::Remove(..))) {
            // The file shrinks; should it not, all is gone from it just the same.
            let _ = self.connection.execute_batch("PRAGMA incremental_vacuum");
        }
        Ok((done, crowded))
    }
}

impl Job {
    /// Whoever asked may be gone.
    fn answer(self, answer: Result<u64, CaptureError>) {
        match self {
            Self::Keep(_, asker) => drop(asker.send(answer)),
            Self::Remove(_, asker) => drop(asker.send(answer)),
        }
    }
}

impl Counters {
    fn set(&self, counts: Counts) {
        self.kept.store(counts.kept, Ordering::Relaxed);
        self.held.store(counts.held, Ordering::Relaxed);
        self.newest.store(counts.newest, Ordering::Relaxed);
        self.accepted.store(counts.accepted, Ordering::Relaxed);
        self.discarded.store(counts.discarded, Ordering::Relaxed);
    }
}

fn insert(
    transaction: &Transaction<'_>,
    message: &Message,
    counts: &mut Counts,
) -> Result<u64, Cause> {
    let envelope = &message.envelope;
    let mut sender = envelope.reverse_path.to_string();
    let recipients: Vec<_> = envelope.recipients.iter().map(|r| r.mailbox.as_str()).collect();
    let recipients = recipients.join("\n");
    let digest = &message.digest;
    let mut statement = transaction.prepare_cached(
        "INSERT INTO message (id, session, received, connector, remote, identity, sender,
             recipients, subject, preview, octets, stripped, held, message_id)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14)",
    )?;
    let received = nanoseconds(message.received);
    let number = statement.insert(params![
        message.id,
        message.session,
        received,
        message.connector,
        message.remote,
        message.identity.as_deref().unwrap_or_default(),
        sender,
        recipients,
        digest.subject,
        digest.preview,
        message.octets,
        message.stripped.len(),
        message.held(),
        message.message_id,
    ])?;
    transaction
        .prepare_cached(
            "INSERT INTO content (number, facts, text, content) VALUES (?1, ?2, ?3, ?4)",
        )?
        .execute(params![
            number,
            serde_json::to_string(message)?,
            digest.text,
            &message.content[..]
        ])?;
    // SQLite numbers from 1.
    let newest = number as u64;
    if newest.is_multiple_of(schema::MARKED) {
        sender.push_str(schema::MARK);
    }
    transaction
        .prepare_cached(
            "INSERT INTO search (rowid, sender, recipients, subject, text)
             VALUES (?1, ?2, ?3, ?4, ?5)",
        )?
        .execute(params![number, sender, recipients, digest.subject, digest.text])?;
    counts.kept += 1;
    counts.held += message.held();
    counts.accepted += 1;
    counts.disorder = counts.disorder.max(counts.latest.saturating_sub(received));
    counts.latest = counts.latest.max(received);
    counts.newest = newest;
    Ok(newest)
}

fn remove(
    transaction: &Transaction<'_>,
    which: &Removal,
    counts: &mut Counts,
) -> Result<u64, Cause> {
    let numbers = match which {
        Removal::Matching(filter) if **filter == Filter::default() => {
            transaction.execute_batch(
                "DELETE FROM message; DELETE FROM content;
                 INSERT INTO search (search) VALUES ('delete-all')",
            )?;
            counts.held = 0;
            return Ok(std::mem::take(&mut counts.kept));
        }
        Removal::Matching(filter) => query::numbers(transaction, filter)?,
        Removal::Ids(ids) => {
            let mut statement =
                transaction.prepare_cached("SELECT number FROM message WHERE id = ?1")?;
            let mut numbers = Vec::new();
            for id in ids {
                numbers.extend(
                    statement
                        .query_map([id], |row| row.get(0))?
                        .collect::<Result<Vec<u64>, _>>()?,
                );
            }
            numbers
        }
    };
    let mut removed = 0;
    for number in numbers {
        removed += u64::from(delete(transaction, number, counts)?);
    }
    Ok(removed)
}

/// Lets the oldest go where there is too much. Whether too much is left.
fn discard(
    transaction: &Transaction<'_>,
    limits: &Limits,
    counts: &mut Counts,
) -> Result<bool, Cause> {
    let oldest = limits.oldest(Timestamp::now()).map_or(i64::MIN, nanoseconds);
    for _ in 0..DISCARDED_AT_ONCE {
        if counts.kept == 0 {
            return Ok(false);
        }
        let (number, received): (u64, i64) = transaction
            .prepare_cached("SELECT number, received FROM message ORDER BY number LIMIT 1")?
            .query_row([], |row| Ok((row.get(0)?, row.get(1)?)))?;
        if received >= oldest && !limits.are_exceeded_by(counts.kept, counts.held) {
            return Ok(false);
        }
        counts.discarded += u64::from(delete(transaction, number, counts)?);
    }
    Ok(true)
}

fn delete(transaction: &Transaction<'_>, number: u64, counts: &mut Counts) -> Result<bool, Cause> {
    let held: Option<u64> = transaction
        .prepare_cached("DELETE FROM message WHERE number = ?1 RETURNING held")?
        .query_map([number], |row| row.get(0))?
        .next()
        .transpose()?;
    let Some(held) = held else { return Ok(false) };
    for table in ["DELETE FROM content WHERE number = ?1", "DELETE FROM search WHERE rowid = ?1"] {
        transaction.prepare_cached(table)?.execute([number])?;
    }
    counts.kept -= 1;
    counts.held -= held;
    Ok(true)
}
