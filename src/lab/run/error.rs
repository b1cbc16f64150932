//! Why a lab does not start, or not play.

use std::io;
use std::net::IpAddr;
use std::path::PathBuf;

use thiserror::Error;

use crate::config::ConfigError;
use crate::lab::realm::RealmError;
use crate::middlebox;
use crate::server::StartError;
use crate::tls::StoreError;

#[derive(Debug, Error)]
pub enum LabError {
    #[error("there is no place for a lab, which TMPDIR can name: {0}")]
    Folder(io::Error),
    #[error(transparent)]
    Configuration(#[from] ConfigError),
    #[error("certificates: {0}")]
    Store(#[from] StoreError),
    #[error("{}: {error}", path.display())]
    File { path: PathBuf, error: io::Error },
    #[error("the Kerberos realm: {0}")]
    Realm(#[from] RealmError),
    /// Its thread panicked.
    #[error("the Kerberos realm did not start")]
    RealmThread,
    #[error("this scenario needs Kerberos, and this expsd was built without it (feature gssapi)")]
    NoKerberos,
    #[error("the configuration has no account {0} with a password")]
    NoPassword(String),
    #[error(transparent)]
    Daemon(#[from] StartError),
    #[error("the firewall: {0}")]
    Firewall(#[from] middlebox::StartError),
    #[error(
        "nobody can come from {from}: {error}; all of 127.0.0.0/8 must be this machine's, as on \
         Linux"
    )]
    Source { from: IpAddr, error: io::Error },
    #[error("no connection can be opened from {from}: {error}")]
    Connect { from: IpAddr, error: io::Error },
    #[error("the probe: {0}")]
    Probe(String),
}
