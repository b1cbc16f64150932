//! What can go wrong with a realm.

use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitStatus;
use std::time::Duration;

use thiserror::Error;

/// Why a realm could not be started or used.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum RealmError {
    /// Kerberos programs are not installed.
    #[error(
        "not installed: {}; on Debian: apt install {}",
        tools.join(", "), packages.join(" ")
    )]
    ToolsMissing {
        /// The programs' names.
        tools: Vec<&'static str>,
        /// The Debian packages that contain them.
        packages: Vec<&'static str>,
    },

    /// A program could not be run.
    #[error("cannot run {tool}")]
    Spawn {
        /// The program's name.
        tool: &'static str,
        /// Why the system refused.
        source: io::Error,
    },

    /// A Kerberos program reported failure.
    #[error("{tool} failed ({status}): {stderr}")]
    ToolFailed {
        /// The program's name.
        tool: &'static str,
        /// How it ended; some programs end well after they reported an error.
        status: ExitStatus,
        /// What it said.
        stderr: String,
    },

    /// The KDC ended by itself, at its start or later.
    #[error("the KDC ended ({status}): {log}")]
    KdcEnded {
        /// How it ended.
        status: ExitStatus,
        /// Its log and error output.
        log: String,
    },

    /// The KDC did not answer in time.
    #[error("the KDC did not answer at {address} within {waited:?}: {log}")]
    KdcSilent {
        /// Where it was to listen.
        address: SocketAddr,
        /// How long it was given.
        waited: Duration,
        /// Its log and error output.
        log: String,
    },

    /// Every port that was tried was taken by another process before the KDC got it.
    #[error("no loopback port for the KDC after {attempts} attempts: {log}")]
    NoPort {
        /// How many ports were tried.
        attempts: u32,
        /// The log and error output of the last KDC.
        log: String,
    },

    /// The directory cannot hold a realm.
    #[error("cannot keep a realm in {path:?}: it {reason}")]
    Directory {
        /// The directory.
        path: PathBuf,
        /// What is wrong with it.
        reason: &'static str,
    },

    /// A file has the name that one of the realm's must have, and is not ours to replace.
    #[error(
        "{path:?} is in the way: no realm of expsd made it; move it, or name another directory"
    )]
    Foreign {
        /// The file.
        path: PathBuf,
    },

    /// The directory holds a realm that runs.
    #[error("a realm runs in {path:?} already; end it, or name another directory")]
    InUse {
        /// The directory.
        path: PathBuf,
    },

    /// A realm, server or principal name is unusable.
    #[error("cannot use the {kind} name {name:?}: it {reason}")]
    Name {
        /// `realm`, `server` or `principal`.
        kind: &'static str,
        /// The name.
        name: String,
        /// What is wrong with it.
        reason: &'static str,
    },

    /// A password is unusable; it is not repeated here.
    #[error("cannot use the password: it {reason}")]
    Password {
        /// What is wrong with it.
        reason: &'static str,
    },

    /// A keytab is not in the format expected.
    #[error("cannot rewrite the keytab for {path:?}: {reason}")]
    Keytab {
        /// The keytab that was to be written.
        path: PathBuf,
        /// What is wrong with it.
        reason: &'static str,
    },

    /// A credential cache is not in the format expected.
    #[error("cannot rewrite the credential cache {path:?}: {reason}")]
    CredentialCache {
        /// The cache.
        path: PathBuf,
        /// What is wrong with it.
        reason: &'static str,
    },

    /// A file of the realm could not be handled.
    #[error("cannot {action} {path:?}")]
    Io {
        /// What was being done.
        action: &'static str,
        /// To which file.
        path: PathBuf,
        /// Why it failed.
        source: io::Error,
    },
}

impl RealmError {
    pub(super) fn io(action: &'static str, path: &Path, source: io::Error) -> Self {
        Self::Io { action, path: path.to_owned(), source }
    }
}
