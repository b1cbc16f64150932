//! The acceptor's state machine, RFC 4178 §4 and §5.

use std::fmt;
use std::mem;

use super::inner::Inner;
use super::mechanism::{MechType, Mechanism};
use super::negotiation::{Due, Negotiation};
use super::refusal::{Refusal, RefusalKind};
use super::token::{NegState, NegTokenInit, NegTokenResp, Token};

/// One negotiation with one client.
pub struct Acceptor<I> {
    choose: Box<Choose<I>>,
    state: State<I>,
}

type Choose<I> = dyn FnMut(Mechanism) -> Option<I> + Send;

/// What follows a client's token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// Send this and wait for the next token.
    Continue(Vec<u8>),
    /// The mechanism's context is established, and the choice of mechanism was the
    /// client's. With a token, the client waits for it.
    Done {
        /// What to send.
        token: Option<Vec<u8>>,
    },
}

type Outcome<I> = Result<(State<I>, Step), RefusalKind<<I as Inner>::Error>>;

enum State<I> {
    Start,
    Underway(Due, Negotiation<I>),
    Done(Negotiation<I>),
    Failed,
}

impl<I: Inner> Acceptor<I> {
    /// Prepares for one negotiation.
    ///
    /// `choose` starts a mechanism, or gives `None` if the server does not support it. It
    /// is asked in the client's order of preference until one is started.
    pub fn new(choose: impl FnMut(Mechanism) -> Option<I> + Send + 'static) -> Self {
        Self { choose: Box::new(choose), state: State::Start }
    }

    /// Takes the client's next token. After a failure every further token is out of
    /// sequence.
    pub fn step(&mut self, token: &[u8]) -> Result<Step, Refusal<I::Error>> {
        let state = mem::replace(&mut self.state, State::Failed);
        let (state, step) = self.advance(state, token)?;
        self.state = state;
        Ok(step)
    }

    /// The mechanism that was chosen, until the negotiation fails.
    pub fn mechanism(&self) -> Option<Mechanism> {
        match &self.state {
            State::Underway(_, negotiation) | State::Done(negotiation) => {
                Some(negotiation.mechanism)
            }
            State::Start | State::Failed => None,
        }
    }

    /// The established context, after [`Step::Done`] only.
    pub fn established(&mut self) -> Option<&mut I> {
        match &mut self.state {
            State::Done(negotiation) => Some(&mut negotiation.inner),
            _ => None,
        }
    }

    fn advance(&mut self, state: State<I>, token: &[u8]) -> Outcome<I> {
        match state {
            State::Start => match Token::parse(token)? {
                Token::Init(init) => self.start(&init),
                Token::Resp(_) => Err(RefusalKind::InitMissing),
            },
            State::Underway(due, mut negotiation) => {
                let resp = response(token)?;
                match due {
                    Due::Token => {
                        let missing = RefusalKind::TokenMissing(negotiation.mechanism);
                        let token = resp.response_token.ok_or(missing)?;
                        respond(negotiation, token, resp.mech_list_mic, None)
                    }
                    Due::Mic => {
                        let token = negotiation.conclude(&resp)?;
                        Ok((State::Done(negotiation), Step::Done { token }))
                    }
                }
            }
            state @ (State::Done(_) | State::Failed) => {
                // What is established stays so, whatever else the client sends.
                self.state = state;
                Err(RefusalKind::OutOfSequence)
            }
        }
    }

    fn start(&mut self, init: &NegTokenInit<'_>) -> Outcome<I> {
        let chosen = init.mech_types.iter().enumerate().find_map(|(place, &oid)| {
            let mechanism = Mechanism::find(oid)?;
            Some((place == 0, oid, mechanism, (self.choose)(mechanism)?))
        });
        let Some((preferred, oid, mechanism, inner)) = chosen else {
            let offered = init.mech_types.iter().filter_map(|oid| MechType::new(oid));
            return Err(RefusalKind::NoCommonMechanism(offered.collect()));
        };
        let mech_list = init.mech_list.to_vec();
        let negotiation = Negotiation { mechanism, inner, mech_list, mic_required: !preferred };
        // The identifier is the client's: of the two of Kerberos, it knows the one it sent.
        let supported_mech = Some(oid);
        if let (true, Some(token)) = (preferred, init.mech_token) {
            return respond(negotiation, token, init.mech_list_mic, supported_mech);
        }
        // An optimistic token for another mechanism is of no use; the client starts over.
        let state = if preferred { NegState::AcceptIncomplete } else { NegState::RequestMic };
        let reply = NegTokenResp { state: Some(state), supported_mech, ..NegTokenResp::default() };
        Ok((State::Underway(Due::Token, negotiation), Step::Continue(reply.encode())))
    }
}

impl<I> fmt::Debug for Acceptor<I> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Acceptor").finish_non_exhaustive()
    }
}

/// Hands a token to the mechanism. `supported_mech` is for the first reply alone.
fn respond<I: Inner>(
    mut negotiation: Negotiation<I>,
    token: &[u8],
    mic: Option<&[u8]>,
    supported_mech: Option<&[u8]>,
) -> Outcome<I> {
    let answer = negotiation.carry_on(token, mic)?;
    let state = match answer.due {
        Some(_) => NegState::AcceptIncomplete,
        None => NegState::AcceptCompleted,
    };
    let reply = NegTokenResp {
        state: Some(state),
        supported_mech,
        response_token: answer.token.as_deref(),
        mech_list_mic: answer.mic.as_deref(),
    }
    .encode();
    Ok(match answer.due {
        Some(due) => (State::Underway(due, negotiation), Step::Continue(reply)),
        None => (State::Done(negotiation), Step::Done { token: Some(reply) }),
    })
}

/// A message after the first.
fn response<E>(token: &[u8]) -> Result<NegTokenResp<'_>, RefusalKind<E>> {
    match Token::parse(token)? {
        Token::Init(_) => Err(RefusalKind::SecondInit),
        Token::Resp(NegTokenResp { state: Some(NegState::Reject), .. }) => {
            Err(RefusalKind::ClientRejected)
        }
        Token::Resp(NegTokenResp { state: Some(NegState::RequestMic), .. }) => {
            Err(RefusalKind::ClientRequestsMic)
        }
        Token::Resp(resp) => Ok(resp),
    }
}
