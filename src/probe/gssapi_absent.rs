//! What stands in where the program is built without GSSAPI.

use std::time::Duration;

use super::plan::Credentials;
use super::report::Service;
use super::token::{TokenError, TokenErrorKind};

/// Cannot be made.
pub(super) enum Initiator {}

impl Initiator {
    pub async fn begin(_: &Credentials, _: &str, _: bool, _: Duration) -> Result<Self, TokenError> {
        Err(absent())
    }

    pub fn client(&self) -> &str {
        match *self {}
    }

    pub async fn answer(&mut self, _: Option<&[u8]>) -> Result<Vec<u8>, TokenError> {
        match *self {}
    }
}

pub(super) async fn services(
    _: &Credentials,
    _: Option<&str>,
    _: Duration,
) -> Result<(String, Vec<Service>), TokenError> {
    Err(absent())
}

fn absent() -> TokenError {
    TokenError::new(TokenErrorKind::NoCredentials, "built without GSSAPI")
}
