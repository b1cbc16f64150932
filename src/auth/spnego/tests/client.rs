//! The initiator's side, RFC 4178 §4 and §5, with the mock mechanism inside.

use super::super::der::{APPLICATION, OCTET_STRING, OID, SEQUENCE, context, element};
use super::super::token::{NegState, NegTokenResp, Token};
use super::super::{Acceptor, Refusal, Step};
use super::mock::{Mock, MockError, mic, token};

pub(super) const SPNEGO: &[u8] = &[0x2b, 6, 1, 5, 5, 2];

#[derive(Clone, Debug)]
pub(super) struct Client {
    pub(super) mechanisms: Vec<&'static [u8]>,
    /// Send a token for the first of them at once.
    pub(super) optimistic: bool,
    pub(super) legs: usize,
    pub(super) integrity: bool,
    /// Send a MIC even if it is optional.
    pub(super) eager: bool,
    /// Send no MIC even if it is required.
    pub(super) negligent: bool,
}

/// An exchange that came to its end.
pub(super) struct Transcript {
    /// The client's messages.
    pub(super) sent: Vec<Vec<u8>>,
    /// Ours. One less if the client's was the last.
    pub(super) replies: Vec<Vec<u8>>,
    /// The client has checked our MIC.
    pub(super) mic_verified: bool,
}

impl Client {
    pub(super) fn new(mechanisms: &[&'static [u8]], legs: usize) -> Self {
        let mechanisms = mechanisms.to_vec();
        let (optimistic, integrity) = (true, true);
        Self { mechanisms, optimistic, legs, integrity, eager: false, negligent: false }
    }

    pub(super) fn mech_list(&self) -> Vec<u8> {
        let list: Vec<_> = self.mechanisms.iter().map(|oid| element(OID, &[oid])).collect();
        element(SEQUENCE, &[&list.concat()])
    }

    /// A MIC to go with the `number`th token, where one has to or may.
    fn mic_with(&self, number: usize, requested: bool) -> Option<Vec<u8>> {
        let last = number * 2 + 1 == self.legs;
        let wanted = (requested || self.eager) && !self.negligent;
        (last && wanted && self.integrity).then(|| mic('c', &self.mech_list()))
    }

    pub(super) fn init(&self) -> Vec<u8> {
        let token = self.optimistic.then(|| token('c', 0));
        let mic = self.mic_with(0, false).filter(|_| self.optimistic);
        init(&self.mech_list(), token.as_deref(), mic.as_deref())
    }

    pub(super) fn run(
        &self,
        acceptor: &mut Acceptor<Mock>,
    ) -> Result<Transcript, Refusal<MockError>> {
        let mut out = Transcript { sent: Vec::new(), replies: Vec::new(), mic_verified: false };
        let mut message = self.init();
        let mut sent = usize::from(self.optimistic);
        let mut received = 0;
        let mut requested = false;
        loop {
            out.sent.push(message.clone());
            let (reply, over) = match acceptor.step(&message)? {
                Step::Continue(reply) => (reply, false),
                Step::Done { token: Some(reply) } => (reply, true),
                Step::Done { token: None } => return Ok(out),
            };
            out.replies.push(reply.clone());
            let Token::Resp(reply) = Token::parse(&reply).unwrap() else { panic!() };
            // Both only in the first reply.
            assert_eq!(reply.supported_mech.is_some(), out.replies.len() == 1);
            if let Some(chosen) = reply.supported_mech {
                requested = reply.state == Some(NegState::RequestMic);
                assert_eq!(requested, chosen != self.mechanisms[0]);
                if requested {
                    assert_eq!(reply.response_token, None);
                    sent = 0;
                }
            } else {
                assert_ne!(reply.state, Some(NegState::RequestMic));
            }
            if let Some(theirs) = reply.response_token {
                assert_eq!(theirs, token('s', received));
                received += 1;
            }
            if let Some(theirs) = reply.mech_list_mic {
                assert_eq!(theirs, mic('s', &self.mech_list()));
                out.mic_verified = true;
            }
            let complete = sent + received == self.legs;
            assert_eq!(over, reply.state == Some(NegState::AcceptCompleted));
            if over {
                assert!(complete);
                return Ok(out);
            }
            message = if complete {
                assert!(out.mic_verified, "nothing left to say");
                let mic = (!self.negligent).then(|| mic('c', &self.mech_list()));
                resp(Some(NegState::AcceptCompleted), None, mic.as_deref())
            } else {
                let mic = self.mic_with(sent, requested);
                sent += 1;
                resp(None, Some(&token('c', sent - 1)), mic.as_deref())
            };
        }
    }
}

/// A NegTokenInit within its frame.
pub(super) fn init(mech_list: &[u8], token: Option<&[u8]>, mic: Option<&[u8]>) -> Vec<u8> {
    let octets = |number, content: Option<&[u8]>| match content {
        Some(content) => element(context(number), &[&element(OCTET_STRING, &[content])]),
        None => Vec::new(),
    };
    framed(&[&element(context(0), &[mech_list]), &octets(2, token), &octets(3, mic)])
}

/// A NegTokenInit of these fields, within its frame.
pub(super) fn framed(fields: &[&[u8]]) -> Vec<u8> {
    let init = element(context(0), &[&element(SEQUENCE, fields)]);
    element(APPLICATION, &[&element(OID, &[SPNEGO]), &init])
}

pub(super) fn resp(state: Option<NegState>, token: Option<&[u8]>, mic: Option<&[u8]>) -> Vec<u8> {
    NegTokenResp { state, supported_mech: None, response_token: token, mech_list_mic: mic }.encode()
}
