//! Stands in for the GSSAPI acceptor in a build without the feature `gssapi`.

use std::path::Path;
use std::sync::Arc;

use super::Protection;
use super::context::Context;
use crate::directory::Directory;

/// There is none.
#[derive(Debug)]
pub enum Acceptor {}

impl Acceptor {
    pub fn open(_keytab: &Path, _replay_cache: Option<&Path>) -> Result<Self, AcceptorError> {
        Err(AcceptorError)
    }

    pub(super) fn begin(&self, _: Arc<Directory>, _: Protection) -> Box<dyn Context> {
        match *self {}
    }
}

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("this expsd was built without the feature gssapi")]
pub struct AcceptorError;
