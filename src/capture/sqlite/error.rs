//! What is wrong with a database, and what to do about it.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rusqlite::ErrorCode;

#[derive(Clone, Debug)]
pub struct DatabaseError {
    path: Arc<Path>,
    cause: Cause,
}

#[derive(Clone, Debug, thiserror::Error)]
pub(super) enum Cause {
    #[error("{0}; see that its folder can be made and written to, or name another file")]
    NotOpened(Arc<io::Error>),
    #[error("another expsd keeps its messages there; stop that one, or name another file")]
    Taken,
    #[error("it is no SQLite database; name another file")]
    NotADatabase,
    #[error("it is a database of another program; name another file")]
    Foreign,
    #[error(
        "a newer expsd made it (layout {found}, this one knows {known}); run that one, or name \
         another file"
    )]
    Newer { found: i64, known: i64 },
    #[error("another program has locked it; end that program's transaction")]
    Locked,
    #[error("the disk is full; make room")]
    Full,
    #[error("it cannot be written to ({0}); see to the rights of the file and its folder")]
    ReadOnly(Arc<rusqlite::Error>),
    #[error(
        "it is damaged ({0}); move it away, or recover it with .recover of sqlite3 3.43 or later"
    )]
    Damaged(Arc<rusqlite::Error>),
    #[error("the disk fails ({0}); see to it, or name a file on another")]
    Disk(Arc<rusqlite::Error>),
    #[error("it cannot keep its log beside it (journal mode {0}); name a file on a local disk")]
    NoLog(String),
    #[error("a message in it cannot be read: {0}")]
    Message(Arc<serde_json::Error>),
    #[error("its thread has ended; start expsd again")]
    Ended,
    #[error("{0}")]
    Other(Arc<rusqlite::Error>),
}

impl DatabaseError {
    pub(super) fn new(path: &Path, cause: impl Into<Cause>) -> Self {
        Self { path: path.into(), cause: cause.into() }
    }

    /// The database.
    pub fn path(&self) -> PathBuf {
        self.path.to_path_buf()
    }

    /// Whether the disk is full.
    pub fn is_full(&self) -> bool {
        matches!(self.cause, Cause::Full)
    }
}

impl Cause {
    /// Whether other messages of the same transaction may fare better.
    pub(super) fn is_of_one_message(&self) -> bool {
        matches!(self, Self::Other(_))
    }
}

impl fmt::Display for DatabaseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.path.display(), self.cause)
    }
}

impl std::error::Error for DatabaseError {}

impl From<io::Error> for Cause {
    fn from(error: io::Error) -> Self {
        Self::NotOpened(Arc::new(error))
    }
}

impl From<serde_json::Error> for Cause {
    fn from(error: serde_json::Error) -> Self {
        Self::Message(Arc::new(error))
    }
}

impl From<rusqlite::Error> for Cause {
    fn from(error: rusqlite::Error) -> Self {
        let code = error.sqlite_error_code();
        let error = Arc::new(error);
        match code {
            Some(ErrorCode::NotADatabase) => Self::NotADatabase,
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => Self::Locked,
            Some(ErrorCode::DiskFull) => Self::Full,
            Some(ErrorCode::ReadOnly | ErrorCode::PermissionDenied | ErrorCode::CannotOpen) => {
                Self::ReadOnly(error)
            }
            Some(ErrorCode::DatabaseCorrupt) => Self::Damaged(error),
            Some(ErrorCode::SystemIoFailure) => Self::Disk(error),
            _ => Self::Other(error),
        }
    }
}
