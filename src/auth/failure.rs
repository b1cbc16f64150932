//! Why a proof failed, and the status name that Exchange's log and events give it.

use std::fmt;

use super::BindingFailure;
use super::ntlm::{Refusal, RefusalKind, SecurityError};
use super::spnego;

/// Status names as event 1035 and the protocol log print them. LogonDenied, IllegalMessage,
/// InvalidToken and UnexpectedExchangeAuthBlob stand in public logs; the others are names of
/// the same family, unconfirmed as values there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Status {
    BadBindings,
    DecryptFailure,
    IllegalMessage,
    InvalidToken,
    LogonDenied,
    MessageAltered,
    NoCredentials,
    OutOfSequence,
    TimeSkew,
    UnexpectedExchangeAuthBlob,
    UnknownCredentials,
    Unsupported,
    WrongPrincipal,
}

impl Status {
    pub const ALL: [Self; 13] = [
        Self::BadBindings,
        Self::DecryptFailure,
        Self::IllegalMessage,
        Self::InvalidToken,
        Self::LogonDenied,
        Self::MessageAltered,
        Self::NoCredentials,
        Self::OutOfSequence,
        Self::TimeSkew,
        Self::UnexpectedExchangeAuthBlob,
        Self::UnknownCredentials,
        Self::Unsupported,
        Self::WrongPrincipal,
    ];
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}

/// Why a proof failed. `Display` says it to a person.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    #[error("the response is not base64")]
    NotBase64,
    #[error("the response is longer than {0} octets")]
    TooLong(usize),
    #[error("the response is empty where the mechanism needs a token")]
    EmptyToken,
    #[error("a token came where the mechanism expects an empty line")]
    UnexpectedToken,
    #[error("{0} is not a user name")]
    UserName(String),
    #[error("there is no account called {0}")]
    UnknownUser(String),
    #[error("the password of {0} is wrong")]
    WrongPassword(String),
    #[error("the client asked for a security layer; only \"no layer\" is offered")]
    SecurityLayer,
    #[error("{account} asked to act as {wanted}")]
    AuthorizationIdentity { account: String, wanted: String },
    #[error(
        "EXCHANGEAUTH binds Kerberos to the TLS session by a computation that Microsoft has not \
         published; expsd does not do it. Use X-EXPS GSSAPI, as Exchange does with \
         UseDowngradedExchangeServerAuth"
    )]
    ExchangeAuth,
    #[error("EXCHANGEAUTH needs the hash algorithm SHA256, which the client did not name")]
    ExchangeAuthHash,
    #[error("EXCHANGEAUTH needs a token in base64")]
    ExchangeAuthSyntax,
    #[error("{0}")]
    Ntlm(Box<Refusal>),
    #[error("{0}")]
    Spnego(Box<spnego::RefusalKind<Failure>>),
    #[error(transparent)]
    Security(#[from] SecurityError),
    #[error(transparent)]
    Binding(#[from] BindingFailure),
    #[error(transparent)]
    Kerberos(#[from] KerberosFailure),
}

/// What Kerberos can find wrong with a client's token.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KerberosFailure {
    #[error("the server has no keytab, so it cannot check any ticket")]
    NoKeytab,
    #[error("the ticket does not decrypt: the keytab holds another key for this principal ({0})")]
    WrongKey(String),
    #[error("the ticket was made with a key version that the keytab does not hold ({0})")]
    OldKey(String),
    #[error("the keytab holds no key for the service that the ticket names ({0})")]
    NoSuchService(String),
    #[error("the clocks of client and server are further apart than Kerberos tolerates ({0})")]
    ClockSkew(String),
    #[error("the ticket has expired ({0})")]
    TicketExpired(String),
    #[error("the same authenticator was seen before ({0})")]
    Replay(String),
    #[error("the token is not one of Kerberos or SPNEGO ({0})")]
    Defective(String),
    #[error("{0} is no account of this server")]
    UnknownPrincipal(String),
    #[error("GSSAPI refused the token ({0})")]
    Other(String),
}

impl Failure {
    /// The one status name of this failure.
    pub fn status(&self) -> Status {
        match self {
            Self::NotBase64
            | Self::TooLong(_)
            | Self::EmptyToken
            | Self::UnexpectedToken
            | Self::UserName(_)
            | Self::ExchangeAuthHash
            | Self::ExchangeAuthSyntax => Status::IllegalMessage,
            Self::UnknownUser(_) | Self::WrongPassword(_) | Self::AuthorizationIdentity { .. } => {
                Status::LogonDenied
            }
            Self::SecurityLayer => Status::Unsupported,
            Self::ExchangeAuth => Status::UnexpectedExchangeAuthBlob,
            Self::Ntlm(refusal) => ntlm_status(&refusal.kind),
            Self::Spnego(kind) => spnego_status(kind),
            Self::Security(_) => Status::MessageAltered,
            Self::Binding(_) => Status::BadBindings,
            Self::Kerberos(failure) => failure.status(),
        }
    }

    /// What an administrator does about it; the causes are those of KB 979174.
    pub fn remedy(&self) -> Option<&'static str> {
        Some(match self {
            Self::UnknownUser(_) | Self::WrongPassword(_) => "mend the name or the password",
            Self::AuthorizationIdentity { .. } => {
                "have the client act as the account it logs on as"
            }
            Self::ExchangeAuth | Self::ExchangeAuthHash | Self::ExchangeAuthSyntax => {
                "Set-TransportService -UseDowngradedExchangeServerAuth $true on the sender, so \
                 that it uses X-EXPS GSSAPI"
            }
            Self::Binding(_) => {
                "something between the two ends TLS: take it away, or ExtendedProtectionPolicy None"
            }
            Self::Ntlm(refusal) => match refusal.kind {
                RefusalKind::BelowMinimum(_) | RefusalKind::Ntlm2FlagMissing => {
                    "have the client use NTLMv2 (LmCompatibilityLevel 3 or more)"
                }
                RefusalKind::UnknownUser | RefusalKind::WrongPassword => {
                    "mend the name or the password"
                }
                _ => return None,
            },
            Self::Spnego(kind) => match &**kind {
                spnego::RefusalKind::Mechanism(failure) => return failure.remedy(),
                _ => return None,
            },
            Self::Kerberos(failure) => failure.remedy()?,
            _ => return None,
        })
    }

    /// The name that the client gave, if it gave one.
    pub fn user(&self) -> Option<&str> {
        match self {
            Self::UnknownUser(name)
            | Self::WrongPassword(name)
            | Self::AuthorizationIdentity { account: name, .. }
            | Self::Kerberos(KerberosFailure::UnknownPrincipal(name)) => Some(name),
            Self::Ntlm(refusal) => refusal.user.as_deref(),
            Self::Spnego(kind) => match &**kind {
                spnego::RefusalKind::Mechanism(failure) => failure.user(),
                _ => None,
            },
            _ => None,
        }
    }

    /// The proof was good, but nobody is known by that name: Exchange has no SID for it.
    pub fn is_unknown_identity(&self) -> bool {
        matches!(self, Self::Kerberos(KerberosFailure::UnknownPrincipal(_)))
    }
}

impl KerberosFailure {
    fn status(&self) -> Status {
        match self {
            Self::NoKeytab => Status::NoCredentials,
            Self::WrongKey(_) | Self::OldKey(_) => Status::DecryptFailure,
            Self::NoSuchService(_) => Status::WrongPrincipal,
            Self::ClockSkew(_) | Self::TicketExpired(_) => Status::TimeSkew,
            Self::Replay(_) => Status::OutOfSequence,
            Self::Defective(_) => Status::InvalidToken,
            Self::UnknownPrincipal(_) => Status::UnknownCredentials,
            Self::Other(_) => Status::LogonDenied,
        }
    }

    fn remedy(&self) -> Option<&'static str> {
        Some(match self {
            Self::NoKeytab => "give the server a keytab ([kerberos] keytab, or --with-realm)",
            Self::WrongKey(_) | Self::OldKey(_) => {
                "the machine account's key was changed: renew tickets (klist purge), and reset \
                 the secure channel where that does not help (Test-ComputerSecureChannel -Repair)"
            }
            Self::NoSuchService(_) => {
                "register the name: setspn -L EX01 shows what is there, setspn -S SMTPSVC/… EX01 \
                 adds it; setspn -X finds one that stands at two accounts"
            }
            Self::ClockSkew(_) => "set the clocks of both by the domain's time: w32tm /resync",
            Self::TicketExpired(_) => "get a new ticket: klist purge, kinit",
            Self::UnknownPrincipal(_) => "make an account for it, or mend the trust of the domains",
            Self::Replay(_) | Self::Defective(_) | Self::Other(_) => return None,
        })
    }
}

fn ntlm_status(kind: &RefusalKind) -> Status {
    match kind {
        RefusalKind::Malformed(_) => Status::InvalidToken,
        RefusalKind::OutOfSequence => Status::OutOfSequence,
        RefusalKind::MicMissing | RefusalKind::MicMismatch => Status::MessageAltered,
        RefusalKind::Ntlm2FlagMissing
        | RefusalKind::Anonymous
        | RefusalKind::NtResponseMissing
        | RefusalKind::BelowMinimum(_)
        | RefusalKind::UnknownUser
        | RefusalKind::WrongPassword => Status::LogonDenied,
    }
}

fn spnego_status(kind: &spnego::RefusalKind<Failure>) -> Status {
    use spnego::RefusalKind as Kind;
    match kind {
        Kind::Mechanism(failure) => failure.status(),
        Kind::OutOfSequence | Kind::InitMissing | Kind::SecondInit => Status::OutOfSequence,
        Kind::NoCommonMechanism(_) => Status::Unsupported,
        Kind::MicMissing | Kind::MicMismatch(_) => Status::MessageAltered,
        _ => Status::InvalidToken,
    }
}
