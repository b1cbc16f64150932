//! Why a negotiation failed.

use std::error::Error;
use std::fmt;

use super::mechanism::{MechType, Mechanism};
use super::token::{NegState, NegTokenResp};

/// A failed negotiation. `E` is the error of the mechanism.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal<E> {
    /// What was wrong.
    pub kind: RefusalKind<E>,
    /// A token that tells the client, where the client is known to speak SPNEGO and has
    /// not ended the negotiation itself.
    pub reply: Option<Vec<u8>>,
}

/// What was wrong with a negotiation.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RefusalKind<E> {
    /// A token does not follow RFC 4178 §4.2.
    #[error("the SPNEGO token is malformed: {0}")]
    Malformed(#[from] ParseError),
    /// The acceptor was not waiting for any token.
    #[error("a token came after the end of the negotiation")]
    OutOfSequence,
    /// The negotiation began with an answer.
    #[error("the negotiation began with a NegTokenResp where a NegTokenInit was due")]
    InitMissing,
    /// The negotiation began again.
    #[error("a second NegTokenInit came where a NegTokenResp was due")]
    SecondInit,
    /// None of the client's mechanisms is supported.
    #[error("the server supports no mechanism that the client offers, {}", Listed(.0))]
    NoCommonMechanism(Vec<MechType>),
    /// The client sent the state `reject`.
    #[error("the client broke off the negotiation")]
    ClientRejected,
    /// The client sent the state `request-mic`.
    #[error("the client sent the state request-mic, which only the server may")]
    ClientRequestsMic,
    /// The mechanism has more to hear from the client.
    #[error("the client sent no {0} token where one was due")]
    TokenMissing(Mechanism),
    /// The mechanism has heard all it needs from the client.
    #[error("the client sent another {0} token after the last one")]
    TokenUnexpected(Mechanism),
    /// The mechanism did not finish and has nothing to send.
    #[error("{0} has no answer to the client's token")]
    NoAnswer(Mechanism),
    /// The mechanism failed.
    #[error(transparent)]
    Mechanism(E),
    /// The client's first choice was not taken, and so it has to prove that the list was
    /// its own.
    #[error(
        "the client's mechListMIC is missing, which shows that its list of mechanisms was not \
         altered"
    )]
    MicMissing,
    /// A MIC before the keys for it exist.
    #[error("the client sent a mechListMIC before {0} was finished")]
    MicTooEarly(Mechanism),
    /// The client sent another list than the acceptor received, or computed the MIC wrongly.
    #[error("the client's mechListMIC does not match its list of mechanisms")]
    MicMismatch(#[source] E),
}

/// How a token departs from RFC 4178 §4.2.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ParseError {
    /// Longer than any token has reason to be.
    #[error("it is longer than 64 KiB")]
    TooLong,
    /// The token ends before an element does.
    #[error("it ends within an element")]
    Truncated,
    /// A length is not in the one form that DER allows.
    #[error("a length in it is not in the form that DER demands")]
    Length,
    /// A tag is not of one octet.
    #[error("the tag that begins with {0:#04x} is none of SPNEGO's")]
    Tag(u8),
    /// Neither of the two messages.
    #[error("it is neither a NegTokenInit nor a NegTokenResp")]
    Unknown,
    /// The first token of some other mechanism.
    #[error("it is the first token of another mechanism")]
    OtherMechanism,
    /// Something obligatory is not where it has to be.
    #[error("its {0} is missing or of another type")]
    Missing(&'static str),
    /// Something follows where nothing may.
    #[error("something follows after its {0}")]
    TrailingData(&'static str),
    /// A field unknown to RFC 4178 is not what an extension may look like.
    #[error("the field with tag {0:#04x} is repeated, out of order or of the wrong class")]
    Field(u8),
    /// An object identifier breaks the rules, or is absurdly long.
    #[error("an object identifier in it is malformed")]
    ObjectIdentifier,
    /// The list of mechanisms is empty.
    #[error("its list of mechanisms is empty")]
    NoMechanisms,
    /// The list of mechanisms is absurdly long.
    #[error("it lists more than 32 mechanisms")]
    TooManyMechanisms,
    /// A state that is not one of the four.
    #[error("its negState is none of the four")]
    NegState,
}

impl<E> From<RefusalKind<E>> for Refusal<E> {
    fn from(kind: RefusalKind<E>) -> Self {
        let silent = matches!(
            kind,
            RefusalKind::Malformed(_) | RefusalKind::OutOfSequence | RefusalKind::ClientRejected
        );
        let reject = NegTokenResp { state: Some(NegState::Reject), ..NegTokenResp::default() };
        Self { kind, reply: (!silent).then(|| reject.encode()) }
    }
}

impl<E: Error + 'static> fmt::Display for Refusal<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.kind.fmt(f)
    }
}

impl<E: Error + 'static> Error for Refusal<E> {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.kind.source()
    }
}

struct Listed<'a>(&'a [MechType]);

impl fmt::Display for Listed<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, mechanism) in self.0.iter().enumerate() {
            let separator = if index == 0 { "" } else { ", " };
            write!(f, "{separator}{mechanism}")?;
        }
        Ok(())
    }
}
