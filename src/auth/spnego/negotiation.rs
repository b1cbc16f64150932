//! The chosen mechanism's run, and the protection of the choice, RFC 4178 §5.

use super::inner::Inner;
use super::mechanism::Mechanism;
use super::refusal::RefusalKind;
use super::token::{NegState, NegTokenResp};

/// What the first token settles.
pub(super) struct Negotiation<I> {
    pub(super) mechanism: Mechanism,
    pub(super) inner: I,
    /// As received, which need not be as we would encode it.
    pub(super) mech_list: Vec<u8>,
    /// The client's first choice was not taken.
    pub(super) mic_required: bool,
}

/// What the client's next token is to bring.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Due {
    /// The mechanism's next token.
    Token,
    /// A MIC in answer to ours: the mechanism is finished.
    Mic,
}

/// What to answer.
pub(super) struct Answer {
    pub(super) token: Option<Vec<u8>>,
    pub(super) mic: Option<Vec<u8>>,
    /// `None` once all is done.
    pub(super) due: Option<Due>,
}

impl<I: Inner> Negotiation<I> {
    /// Hands the client's token to the mechanism.
    pub(super) fn carry_on(
        &mut self,
        token: &[u8],
        theirs: Option<&[u8]>,
    ) -> Result<Answer, RefusalKind<I::Error>> {
        let step = self.inner.step(token).map_err(RefusalKind::Mechanism)?;
        let token = step.token.filter(|token| !token.is_empty());
        match (step.complete, theirs, &token) {
            (true, _, _) => {}
            (false, Some(_), _) => return Err(RefusalKind::MicTooEarly(self.mechanism)),
            (false, None, None) => return Err(RefusalKind::NoAnswer(self.mechanism)),
            (false, None, Some(_)) => {
                return Ok(Answer { token, mic: None, due: Some(Due::Token) });
            }
        }
        if !self.inner.has_integrity() {
            // Then no MICs are exchanged; one that came regardless proves nothing.
            return Ok(Answer { token, mic: None, due: None });
        }
        if let Some(theirs) = theirs {
            self.verify(theirs)?;
            return Ok(Answer { token, mic: Some(self.sign()?), due: None });
        }
        match (self.mic_required, &token) {
            (false, _) => Ok(Answer { token, mic: None, due: None }),
            // The last token of the mechanism is ours, so that our MIC goes first (§5 b).
            (true, Some(_)) => Ok(Answer { token, mic: Some(self.sign()?), due: Some(Due::Mic) }),
            // It was the client's, and its MIC belonged with it (§5 c).
            (true, None) => Err(RefusalKind::MicMissing),
        }
    }

    /// Takes the client's MIC in answer to ours, and gives what the client waits for.
    pub(super) fn conclude(
        &mut self,
        resp: &NegTokenResp<'_>,
    ) -> Result<Option<Vec<u8>>, RefusalKind<I::Error>> {
        if resp.response_token.is_some_and(|token| !token.is_empty()) {
            return Err(RefusalKind::TokenUnexpected(self.mechanism));
        }
        self.verify(resp.mech_list_mic.ok_or(RefusalKind::MicMissing)?)?;
        // The client has all it needs, unless it says that it has not.
        Ok((resp.state == Some(NegState::AcceptIncomplete)).then(|| {
            let state = Some(NegState::AcceptCompleted);
            NegTokenResp { state, ..NegTokenResp::default() }.encode()
        }))
    }

    fn sign(&mut self) -> Result<Vec<u8>, RefusalKind<I::Error>> {
        self.inner.mic(&self.mech_list).map_err(RefusalKind::Mechanism)
    }

    fn verify(&mut self, mic: &[u8]) -> Result<(), RefusalKind<I::Error>> {
        self.inner.verify_mic(&self.mech_list, mic).map_err(RefusalKind::MicMismatch)
    }
}
