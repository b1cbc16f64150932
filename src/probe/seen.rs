//! What was seen of a server, before anything is made of it.

use std::fmt;
use std::net::SocketAddr;
use std::time::Duration;

use super::answer::Answer;
use super::connect::NoConnection;
use super::record::Moment;
use super::report::{Kerberos, Keyword, ProofOutcome, Stage};
use super::token::TokenError;
use super::wire::Fault;
use crate::auth::{AuthCommand, Mechanism};
use crate::session::TlsKind;
use crate::smtp::{Reply, reply};
use crate::tls::{HandshakeFailure, ServerFacts};

#[derive(Debug, Default)]
pub(super) struct Seen {
    pub address: Option<SocketAddr>,
    pub local: Option<SocketAddr>,
    /// The greeting, and how long it took.
    pub banner: Option<(Answer, Duration)>,
    pub hellos: Vec<Heard>,
    pub tls: Option<Handshake>,
    pub proof: Option<Tried>,
    pub kerberos: Option<Kerberos>,
    /// Words came in clear behind the reply to STARTTLS.
    pub early_words: bool,
    /// How the sender and the recipient were answered.
    pub mail: Option<Answer>,
    pub rcpt: Option<Answer>,
    /// The message was taken.
    pub delivered: Option<Answer>,
    pub stop: Option<(Stage, Stop)>,
    pub moments: Vec<Moment>,
    pub took: Duration,
}

/// A reply to EHLO or HELO.
#[derive(Debug)]
pub(super) struct Heard {
    pub verb: &'static str,
    pub tls: Option<TlsKind>,
    pub answer: Answer,
    pub keywords: Vec<Keyword>,
}

#[derive(Debug)]
pub(super) struct Handshake {
    pub verb: TlsKind,
    pub outcome: Result<ServerFacts, HandshakeFailure>,
}

/// A proof, and how far it came.
#[derive(Debug)]
pub(super) struct Tried {
    pub command: AuthCommand,
    pub mechanism: Mechanism,
    pub identity: Option<String>,
    pub outcome: ProofOutcome,
    /// More than the verb was said.
    pub begun: bool,
    /// A password or what is made of it, or of a ticket, was sent.
    pub told: bool,
    pub reply: Option<Answer>,
    pub error: Option<TokenError>,
}

/// Why a conversation ended before its time.
#[derive(Debug)]
pub(super) enum Stop {
    NoConnection(NoConnection),
    Fault(Fault),
    Refused(Answer),
    /// What a sender finds by itself.
    Own(Own),
    HandshakeFailed(HandshakeFailure),
}

/// What a sending Exchange server says of itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Own {
    /// Neither X-ANONYMOUSTLS nor X-EXPS is there to be used.
    CannotAchieve,
    /// The mechanism is not offered, or its token cannot be made.
    Temporary,
    /// EXCHANGEAUTH without a hash that is known.
    UnknownHash,
    TlsRequired,
    NoCertificate,
    /// The server's certificate is not the published one.
    CertificateUnknown,
}

impl Seen {
    /// The hello in the state that the session ended in.
    pub fn last_hello(&self) -> Option<&Heard> {
        self.hellos.last()
    }

    pub fn own(&self) -> Option<Own> {
        match &self.stop {
            Some((_, Stop::Own(own))) => Some(*own),
            _ => None,
        }
    }

    pub fn fault(&self) -> Option<&Fault> {
        match &self.stop {
            Some((_, Stop::Fault(fault))) => Some(fault),
            _ => None,
        }
    }

    pub fn keywords(&self) -> impl Iterator<Item = &Keyword> {
        self.hellos.iter().flat_map(|heard| &heard.keywords)
    }
}

impl Own {
    /// The reply that the sender gives in the server's place.
    pub fn reply(self) -> Reply {
        match self {
            Self::CannotAchieve => reply::CANNOT_ACHIEVE_EXCHANGE_AUTH,
            Self::Temporary | Self::UnknownHash => reply::TEMPORARY_AUTH_FAILURE,
            Self::TlsRequired => reply::STARTTLS_REQUIRED_TO_SEND,
            Self::NoCertificate => reply::CANNOT_LOAD_CERTIFICATE,
            Self::CertificateUnknown => reply::CERTIFICATE_VALIDATION_FAILURE,
        }
    }
}

impl fmt::Display for Stop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoConnection(none) => none.fmt(f),
            Self::Fault(fault) => fault.fmt(f),
            Self::Refused(answer) => answer.fmt(f),
            Self::Own(own) => own.reply().fmt(f),
            Self::HandshakeFailed(why) => write!(f, "the TLS handshake failed: {why}"),
        }
    }
}

impl fmt::Display for NoConnection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unknown(error) => write!(f, "the host name leads nowhere: {error}"),
            Self::TimedOut => f.write_str("nobody answered in time"),
            Self::Refused => f.write_str("the connection was refused: nothing listens there"),
            Self::Source(error) => write!(f, "the address to come from cannot be used: {error}"),
            Self::Other(error) => write!(f, "no connection: {error}"),
        }
    }
}
