//! The layout of a database, and how one is opened.

use std::fs::{self, File, TryLockError};
use std::path::Path;
use std::time::Duration;

use rusqlite::{Connection, OpenFlags, params};

use super::error::Cause;

/// `user_version`: changes with every layout that an older expsd could not use.
const LAYOUT: i64 = 2;

/// `application_id`: "expS".
const APPLICATION: i64 = 0x6578_7053;

/// How long another program's lock is waited for. Our choice; clients wait for much longer
/// (RFC 5321 §4.5.3.2.6: 10 minutes for the reply to the end of data).
const PATIENCE: Duration = Duration::from_secs(5);

/// Of each connection that reads. Our choice.
const CACHE_KIB: i64 = 16 << 10;

/// Bodies stand apart, so that lists need not step over them. `search` holds trigrams only, of
/// ASCII letters in either case.
const TABLES: &str = "
    CREATE TABLE message (
        number INTEGER PRIMARY KEY AUTOINCREMENT,
        id TEXT NOT NULL UNIQUE,
        session TEXT NOT NULL,
        received INTEGER NOT NULL, -- nanoseconds since 1970
        connector TEXT NOT NULL,
        remote TEXT NOT NULL,
        identity TEXT NOT NULL, -- empty for an anonymous peer
        sender TEXT NOT NULL,
        recipients TEXT NOT NULL, -- one on each line
        subject TEXT NOT NULL,
        preview TEXT NOT NULL,
        octets INTEGER NOT NULL,
        stripped INTEGER NOT NULL,
        held INTEGER NOT NULL,
        message_id TEXT NOT NULL DEFAULT ''
    );
    CREATE TABLE content (
        number INTEGER PRIMARY KEY,
        facts TEXT NOT NULL,
        text TEXT NOT NULL,
        content BLOB NOT NULL
    );
    CREATE VIRTUAL TABLE search USING fts5 (
        sender, recipients, subject, text,
        content = '', contentless_delete = 1, tokenize = 'trigram'
    );
";

/// Every index ends in the number, which lists are ordered by.
const INDEXES: &str = "
    CREATE INDEX message_session ON message (session COLLATE NOCASE);
    CREATE INDEX message_connector ON message (connector COLLATE NOCASE);
    CREATE INDEX message_identity ON message (identity COLLATE NOCASE);
    CREATE INDEX message_message_id ON message (message_id COLLATE NOCASE);
";

/// One row. `latest` and `disorder` are nanoseconds: the greatest `received` so far, and by how
/// much one that came behind it was less, at most.
const TOTALS: &str = "
    CREATE TABLE totals (
        kept INTEGER NOT NULL,
        held INTEGER NOT NULL,
        latest INTEGER NOT NULL,
        disorder INTEGER NOT NULL
    );
";

/// The row of `totals`, from the messages themselves.
const COUNT: &str = "
    INSERT INTO totals (kept, held, latest, disorder)
    SELECT count(*), coalesce(sum(held), 0), coalesce(max(received), 0),
        CAST(coalesce(max(greatest - received), 0) AS INTEGER)
    FROM (SELECT held, received, max(received) OVER (ORDER BY number) AS greatest FROM message)
";

/// Every so many messages one is marked in `search`, behind its sender: a search for that as well
/// shows how far it has come, though it finds nothing. FTS5 heeds no end before something matches.
/// Our choice; tests meet more of them.
pub(super) const MARKED: u64 = if cfg!(test) { 4 } else { 4_096 };

/// No sender has such characters.
pub(super) const MARK: &str = "\u{1}\u{1}\u{1}";

/// From layout 1, whose indexes told cases apart, to layout 2.
const TO_2: &str = "
    ALTER TABLE message ADD COLUMN message_id TEXT NOT NULL DEFAULT '';
    UPDATE message SET message_id = coalesce((
        SELECT json_extract(facts, '$.message_id') FROM content
        WHERE content.number = message.number
    ), '');
    DROP INDEX message_session;
    DROP INDEX message_connector;
    DROP INDEX message_identity;
    DROP TABLE totals;
";

/// Contents of `search` cannot be changed, but put anew.
const UNMARK: &str =
    "DELETE FROM search WHERE rowid IN (SELECT number FROM message WHERE number % ?1 = 0)";
const REMARK: &str = "
    INSERT INTO search (rowid, sender, recipients, subject, text)
    SELECT m.number, m.sender || ?2, m.recipients, m.subject, c.text
    FROM message m JOIN content c ON c.number = m.number WHERE m.number % ?1 = 0
";

/// Takes the file for this process alone: another expsd would not tell our waiters what it keeps.
/// SQLite's own locks are of another kind. The file is to be closed after every connection,
/// because closing it frees those too.
pub(super) fn take(path: &Path) -> Result<File, Cause> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    let file = File::options().read(true).write(true).create(true).truncate(false).open(path)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => {
            // It may be another store of this process, whose locks closing the file would free.
            std::mem::forget(file);
            Err(Cause::Taken)
        }
        Err(TryLockError::Error(error)) => Err(error.into()),
    }
}

/// The connection that writes. Makes the tables where there are none.
pub(super) fn open(path: &Path) -> Result<Connection, Cause> {
    let mut connection = connect(path, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
    let number = |pragma| connection.pragma_query_value(None, pragma, |row| row.get::<_, i64>(0));
    let (application, layout) = (number("application_id")?, number("user_version")?);
    let tables: i64 =
        connection.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
    let is_new = application == 0 && layout == 0 && tables == 0;
    if !is_new && application != APPLICATION {
        return Err(Cause::Foreign);
    }
    if layout > LAYOUT {
        return Err(Cause::Newer { found: layout, known: LAYOUT });
    }
    if is_new {
        // Only a database without tables can be told so.
        connection.pragma_update(None, "auto_vacuum", "INCREMENTAL")?;
    }
    let mode: String =
        connection.pragma_update_and_check(None, "journal_mode", "WAL", |row| row.get(0))?;
    if mode != "wal" {
        return Err(Cause::NoLog(mode));
    }
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update(None, "journal_size_limit", 64 << 20)?;
    if layout < LAYOUT {
        let transaction = connection.transaction()?;
        transaction.execute_batch(if is_new { TABLES } else { TO_2 })?;
        if !is_new {
            transaction.execute(UNMARK, [MARKED])?;
            transaction.execute(REMARK, params![MARKED, MARK])?;
        }
        transaction.execute_batch(INDEXES)?;
        transaction.execute_batch(TOTALS)?;
        transaction.pragma_update(None, "application_id", APPLICATION)?;
        transaction.pragma_update(None, "user_version", LAYOUT)?;
        transaction.commit()?;
    }
    let counted = "SELECT count(*) FROM totals";
    if connection.query_row(counted, [], |row| row.get::<_, i64>(0))? == 0 {
        connection.execute_batch(COUNT)?;
    }
    Ok(connection)
}

/// A connection that reads.
pub(super) fn open_reader(path: &Path) -> Result<Connection, Cause> {
    let connection = connect(path, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
    connection.pragma_update(None, "cache_size", -CACHE_KIB)?;
    Ok(connection)
}

fn connect(path: &Path, access: OpenFlags) -> Result<Connection, Cause> {
    let connection = Connection::open_with_flags(path, access | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
    connection.busy_timeout(PATIENCE)?;
    Ok(connection)
}
