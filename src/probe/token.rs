//! Why the sender cannot make its own part of a proof.

use std::fmt;

/// What is wrong, and the library's words for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct TokenError {
    pub kind: TokenErrorKind,
    pub text: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(not(feature = "gssapi"), expect(dead_code, reason = "Kerberos has the others"))]
pub(super) enum TokenErrorKind {
    /// There are no credentials at all.
    NoCredentials,
    TicketExpired,
    /// The KDC knows no such service.
    UnknownService,
    /// The KDC knows no such client, or its password is wrong.
    UnknownClient,
    /// No KDC answers, or none is known.
    NoKdc,
    ClockSkew,
    /// A ticket or a reply does not decrypt.
    WrongKey,
    /// It took too long.
    TimedOut,
    /// What the server said cannot be followed.
    Challenge,
    Other,
}

impl TokenErrorKind {
    /// The status name that the log and event 2017 have. LogonDenied stands in a public log, for
    /// a key that is wrong (case note of 2019-11-04); the others are names of the same family,
    /// and that they stand for these is our choice.
    pub fn status(self) -> &'static str {
        match self {
            Self::NoCredentials => "NoCredentials",
            Self::UnknownClient => "UnknownCredentials",
            Self::UnknownService => "TargetUnknown",
            Self::NoKdc | Self::TimedOut => "NoAuthenticatingAuthority",
            Self::ClockSkew | Self::TicketExpired => "TimeSkew",
            Self::WrongKey => "LogonDenied",
            Self::Challenge => "InvalidToken",
            Self::Other => "InternalError",
        }
    }
}

impl TokenError {
    pub fn new(kind: TokenErrorKind, text: impl Into<String>) -> Self {
        Self { kind, text: text.into() }
    }
}

impl fmt::Display for TokenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match self.kind {
            TokenErrorKind::NoCredentials => "there are no credentials",
            TokenErrorKind::TicketExpired => "the ticket has expired",
            TokenErrorKind::UnknownService => "the KDC knows no such service",
            TokenErrorKind::UnknownClient => "the KDC does not take the name or the password",
            TokenErrorKind::NoKdc => "no KDC answers",
            TokenErrorKind::ClockSkew => "the clocks are too far apart",
            TokenErrorKind::WrongKey => "the ticket does not decrypt",
            TokenErrorKind::TimedOut => "no ticket came in time",
            TokenErrorKind::Challenge => "the server's token cannot be followed",
            TokenErrorKind::Other => "GSSAPI failed",
        };
        match self.text.is_empty() {
            true => f.write_str(kind),
            false => write!(f, "{kind} ({})", self.text),
        }
    }
}
