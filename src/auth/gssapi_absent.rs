//! Stands in for the GSSAPI acceptor in a build without the feature `gssapi`.

use std::path::Path;
use std::sync::Arc;

use super::{AuthCommand, Exchange};
use crate::directory::Directory;

/// There is none.
#[derive(Debug)]
pub enum Acceptor {}

impl Acceptor {
    pub fn open(_keytab: &Path, _replay_cache: Option<&Path>) -> Result<Self, AcceptorError> {
        Err(AcceptorError)
    }

    pub(super) fn begin(
        &self,
        _command: AuthCommand,
        _directory: Arc<Directory>,
        _prompt: &'static str,
    ) -> Box<dyn Exchange> {
        match *self {}
    }
}

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("this expsd was built without the feature gssapi")]
pub struct AcceptorError;
