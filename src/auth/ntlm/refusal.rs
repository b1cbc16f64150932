//! Why a client was turned away.

use std::fmt;

use thiserror::Error;

use super::response::ResponseKind;

/// A failed exchange, with whatever names the client had given by then.
///
/// For the log, not for the client.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub struct Refusal {
    /// What was wrong.
    #[source]
    pub kind: RefusalKind,
    /// The domain the client named.
    pub domain: Option<String>,
    /// The user the client named.
    pub user: Option<String>,
    /// The client's own name for itself.
    pub workstation: Option<String>,
}

/// What was wrong with an exchange.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum RefusalKind {
    /// A message does not follow [MS-NLMP] 2.2.
    #[error("the NTLM message is malformed: {0}")]
    Malformed(#[from] ParseError),
    /// The acceptor was not waiting for this message.
    #[error("the NTLM message came out of sequence")]
    OutOfSequence,
    /// The policy wants extended session security and the client did not ask for it.
    #[error("the client does not offer extended session security, which the policy requires")]
    Ntlm2FlagMissing,
    /// Neither a user nor a response.
    #[error("the client asked for an anonymous session")]
    Anonymous,
    /// Only an LM or LMv2 response, or none.
    #[error("the client sent no NT response, and an LM response alone is not accepted")]
    NtResponseMissing,
    /// The response is weaker than the policy allows.
    #[error("the client answered with {0}, and the policy accepts nothing below NTLMv2")]
    BelowMinimum(ResponseKind),
    /// The account database knows no such user.
    #[error("there is no such account")]
    UnknownUser,
    /// The response was not computed from the account's password.
    #[error("the response does not match the account's password")]
    WrongPassword,
    /// The client's signed flags announce a message integrity code that is not there.
    #[error("the message integrity code that the client announced is missing")]
    MicMissing,
    /// The three messages are not those the client saw and sent.
    #[error("the message integrity code does not match: a message was altered on its way")]
    MicMismatch,
}

/// How a message departs from [MS-NLMP] 2.2.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum ParseError {
    /// Longer than any message has reason to be.
    #[error("it is longer than 16 KiB")]
    TooLong,
    /// The message ends before its fixed part does.
    #[error("it ends within its header")]
    Truncated,
    /// The message does not start with `NTLMSSP`.
    #[error("it does not start with the NTLMSSP signature")]
    Signature,
    /// The message type is not the one expected now.
    #[error("it is of type {found} where type {expected} was due")]
    MessageType {
        /// The type due at this point of the exchange.
        expected: u32,
        /// The type in the message.
        found: u32,
    },
    /// A payload field reaches outside the payload.
    #[error("its {0} field points outside the message's payload")]
    OutOfBounds(&'static str),
    /// A string is not in the negotiated character set.
    #[error("its {0} is not valid UTF-16")]
    Text(&'static str),
    /// Neither Unicode nor OEM strings were offered.
    #[error("it offers neither Unicode nor OEM strings")]
    Charset,
    /// A response has a length none can have.
    #[error("its {0} has an impossible length")]
    Length(&'static str),
    /// Keys are to be exchanged, and there is none.
    #[error("it lacks the session key that was agreed on")]
    SessionKey,
    /// The NTLMv2 response is of a version other than 1.
    #[error("its NTLMv2 response is of an unknown version")]
    ResponseVersion,
    /// The AV pairs within the NTLMv2 response cannot be read.
    #[error("the AV pairs of its NTLMv2 response are broken")]
    AvPairs,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.kind.fmt(f)?;
        // Debug formatting, because the names are whatever the client chose to send.
        let names =
            [("user", &self.user), ("domain", &self.domain), ("workstation", &self.workstation)];
        for (label, name) in names {
            if let Some(name) = name {
                write!(f, ", {label} {name:?}")?;
            }
        }
        Ok(())
    }
}
