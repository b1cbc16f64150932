//! A mechanism of any number of tokens, whose MICs can be read.

use super::super::{Inner, InnerStep};

#[derive(Clone, Debug, Default)]
pub(super) struct Mock {
    /// Tokens in all, the client's and ours.
    pub(super) legs: usize,
    pub(super) integrity: bool,
    /// Answers a client's token with nothing before the end.
    pub(super) mute: bool,
    pub(super) received: usize,
    /// What was done with MICs, in order.
    pub(super) mics: Vec<&'static str>,
}

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum MockError {
    #[error("the token is {0:?}")]
    Token(Vec<u8>),
    #[error("the MIC is {0:?}")]
    Mic(Vec<u8>),
}

impl Mock {
    pub(super) fn new(legs: usize, integrity: bool) -> Self {
        Self { legs, integrity, ..Self::default() }
    }

    fn is_complete(&self) -> bool {
        self.received * 2 >= self.legs
    }
}

/// The `number`th token from `side`.
pub(super) fn token(side: char, number: usize) -> Vec<u8> {
    format!("{side}{number}").into_bytes()
}

pub(super) fn mic(side: char, mech_list: &[u8]) -> Vec<u8> {
    [format!("{side} signs ").as_bytes(), mech_list].concat()
}

impl Inner for Mock {
    type Error = MockError;

    fn step(&mut self, received: &[u8]) -> Result<InnerStep, MockError> {
        assert!(!self.is_complete());
        if received != token('c', self.received) {
            return Err(MockError::Token(received.to_vec()));
        }
        let answers = self.received * 2 + 1 < self.legs && !self.mute;
        let token = answers.then(|| token('s', self.received));
        self.received += 1;
        // Libraries tend to write "no token" as an empty one.
        Ok(InnerStep { token: token.or(Some(Vec::new())), complete: self.is_complete() })
    }

    fn has_integrity(&self) -> bool {
        assert!(self.is_complete());
        self.integrity
    }

    fn mic(&mut self, mech_list: &[u8]) -> Result<Vec<u8>, MockError> {
        assert!(self.is_complete() && self.integrity);
        self.mics.push("sign");
        Ok(mic('s', mech_list))
    }

    fn verify_mic(&mut self, mech_list: &[u8], received: &[u8]) -> Result<(), MockError> {
        assert!(self.is_complete() && self.integrity);
        if received != mic('c', mech_list) {
            return Err(MockError::Mic(received.to_vec()));
        }
        self.mics.push("verify");
        Ok(())
    }
}
