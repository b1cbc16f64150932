//! What a rule does.

use std::fmt;

use super::stage::Stage;
use crate::connector::TimeSpan;
use crate::smtp::Reply;

/// What happens when a rule bites: a delay, then an answer, of which perhaps not all is sent.
#[derive(Clone, Debug, PartialEq)]
pub struct Then {
    pub delay: Option<TimeSpan>,
    pub answer: Answer,
    /// Octets of the reply to send before the connection is dropped.
    pub truncate: Option<usize>,
}

#[derive(Clone, Debug, PartialEq)]
pub enum Answer {
    /// The server's own: the command is carried out.
    Own,
    /// The server's own, with these EHLO keywords left out. Their verbs go on working, as
    /// behind a firewall that rewrites the reply.
    Withdraw(Vec<&'static str>),
    /// In place of the server's. The command is not carried out, whatever the code says.
    Reply { reply: Reply, close: bool },
    /// No answer.
    Fault(Fault),
}

/// A way in which a connection goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// It is closed without a word: a FIN, and in TLS no close_notify.
    Drop,
    /// It is reset (RST).
    Reset,
    /// Nothing more is said, until the connector's timeouts end it.
    Stall,
    /// The server's direction is closed, the client's stays open until it closes or the
    /// connector's timeouts end it.
    HalfClose,
    /// The TLS handshake is answered with something that is not TLS.
    GarbleTls,
}

impl Fault {
    pub const ALL: [Self; 5] =
        [Self::Drop, Self::Reset, Self::Stall, Self::HalfClose, Self::GarbleTls];

    pub fn name(self) -> &'static str {
        match self {
            Self::Drop => "drop",
            Self::Reset => "reset",
            Self::Stall => "stall",
            Self::HalfClose => "half-close",
            Self::GarbleTls => "garble-tls",
        }
    }

    /// The stages at which it can happen.
    pub(super) fn stages(self) -> &'static [Stage] {
        match self {
            Self::GarbleTls => Stage::HANDSHAKES,
            _ => &Stage::ALL,
        }
    }
}

/// The EHLO keywords that a rule can withdraw: every one that a connector can offer.
pub const KEYWORDS: [&str; 26] = [
    "SIZE",
    "PIPELINING",
    "DSN",
    "ENHANCEDSTATUSCODES",
    "STARTTLS",
    "X-ANONYMOUSTLS",
    "AUTH",
    "X-EXPS",
    "X-EXCHANGEAUTH",
    "8BITMIME",
    "BINARYMIME",
    "CHUNKING",
    "XEXCH50",
    "SMTPUTF8",
    "XLONGADDR",
    "XORAR",
    "XRDST",
    "XSHADOW",
    "XSHADOWREQUEST",
    "XPROXY",
    "XPROXYFROM",
    "XPROXYTO",
    "X-MESSAGECONTEXT",
    "XSYSPROBE",
    "XORIGFROM",
    "XOORG",
];

/// `delay 00:00:05, reply 421 4.3.2 Service not active, close`
impl fmt::Display for Then {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut between = "";
        if let Some(delay) = self.delay {
            write!(f, "delay {delay}")?;
            between = ", ";
        }
        if self.answer != Answer::Own {
            write!(f, "{between}{}", self.answer)?;
            between = ", ";
        }
        match self.truncate {
            Some(octets) => write!(f, "{between}truncate {octets}"),
            None => Ok(()),
        }
    }
}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Own => Ok(()),
            Self::Withdraw(keywords) => write!(f, "withdraw {}", keywords.join(" ")),
            Self::Reply { reply, close } => {
                write!(f, "reply {reply}{}", if *close { ", close" } else { "" })
            }
            Self::Fault(fault) => f.write_str(fault.name()),
        }
    }
}
