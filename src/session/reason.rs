//! Why something was refused.

use crate::auth::Failure;
use crate::connector::Rights;
use crate::smtp::Syntax;

use super::offer::TlsKind;
use super::trust::DomainSecurity;

/// The reason behind a refusal. `Display` says it to a person; the variant is for programs.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum Reason {
    /// In the words of the selection.
    #[error("{0}")]
    NoConnector(String),
    /// A limit on connections, by the parameter's name, and in words.
    #[error("{words}")]
    NoPlace { parameter: &'static str, words: String },

    #[error("{0}")]
    Syntax(#[from] Syntax),
    #[error("the line is longer than {0} octets")]
    LineTooLong(usize),
    #[error("the command came out of order")]
    Sequence,
    #[error("no HELO or EHLO came before")]
    NoHello,
    #[error("the hello names no domain, and RequireEHLODomain is on")]
    NoDomain,
    #[error("the name in the hello is no domain and no address literal")]
    BadDomain,
    #[error("the verb is known and not done")]
    NotImplemented,
    #[error("the verb is offered to Exchange servers, and expsd does not act on it")]
    InternalVerb,
    #[error("a parameter belongs to an extension that is not offered: {0}")]
    NotOffered(&'static str),
    #[error("more protocol errors than MaxProtocolErrors allows ({0})")]
    TooManyErrors(u32),

    #[error(
        "{0}: Exchange Server authentication is not ticked (AuthMechanism has no ExchangeServer)"
    )]
    NoExchangeServerAuth(&'static str),
    #[error("X-ANONYMOUSTLS is suppressed on this connector (SuppressXAnonymousTls)")]
    XAnonymousTlsSuppressed,
    #[error("STARTTLS needs Tls in AuthMechanism")]
    NoTls,
    #[error(
        "no certificate that is still valid is for {0}, which the connector goes by (event 12014 or 12016)"
    )]
    NoCertificate(String),
    #[error("the session is in TLS already, by {0}")]
    TlsActive(TlsKind),
    #[error("RequireTLS is on and the session is in clear")]
    TlsRequired,

    #[error("{mechanism} is not offered here{hint}")]
    MechanismNotOffered { mechanism: String, hint: &'static str },
    #[error("the session is authenticated already")]
    AuthenticatedAlready,
    #[error("the client cancelled")]
    Cancelled,
    #[error("{0}")]
    Proof(#[from] Failure),
    #[error(
        "{account} proved itself, but no permission group gives it ms-Exch-SMTP-Submit (its rights: {rights})"
    )]
    NoSubmitAfterProof { account: String, rights: Rights },
    #[error("{0} is an account that nobody may log on with from outside")]
    WellKnownAccount(String),
    #[error("nobody is known by the client's certificate {0} (direct trust)")]
    UnknownCertificate(String),
    #[error("{domain} is in TLSReceiveDomainSecureList, and {problem}")]
    DomainSecurity { domain: String, problem: DomainSecurity },
    #[error("more failed logons than MaxLogonFailures allows ({0})")]
    TooManyLogonFailures(u32),

    #[error("the session has no right ms-Exch-SMTP-Submit (its rights: {0})")]
    NoSubmit(Rights),
    #[error("{sender} is not an address of {account}, which has no ms-Exch-SMTP-Accept-Any-Sender")]
    NotOwnAddress { sender: String, account: String },
    #[error("an anonymous session may not send as {0}: a right on senders is missing")]
    AnonymousSender(String),
    #[error(
        "{0} is in no accepted domain, and the session has no right ms-Exch-SMTP-Accept-Any-Recipient"
    )]
    Relay(String),
    #[error("{0} is not in ASCII, and SMTPUTF8 was not asked for")]
    NotAscii(String),
    #[error("the address is longer than {0} characters")]
    AddressTooLong(usize),
    #[error("more recipients than MaxRecipientsPerMessage ({0})")]
    TooManyRecipients(u32),
    #[error("{octets} octets are more than MaxMessageSize ({limit})")]
    TooLarge { octets: u64, limit: u64 },
    #[error("more messages in a minute than MessageRateLimit allows ({limit}), counted by {by}")]
    TooFast { limit: u32, by: String },
    #[error("{0} is reserved by RFC 2606")]
    ReservedDomain(String),
    #[error("{0} is a domain of one label")]
    SingleLabelDomain(String),
    #[error("the header block is larger than MaxHeaderSize ({0})")]
    HeaderTooLarge(u64),
    #[error("{hops} Received fields are more than MaxHopCount ({limit})")]
    TooManyHops { hops: u32, limit: u32 },
    #[error("{hops} Received fields of this server are more than MaxLocalHopCount ({limit})")]
    TooManyLocalHops { hops: u32, limit: u32 },
    #[error("a line feed has no carriage return before it, and BareLinefeedRejectionEnabled is on")]
    BareLinefeed,
    #[error("the server has no memory left for messages in flight")]
    NoMemory,
    #[error("the message could not be kept: {0}")]
    NotKept(String),
    #[error("rule \"{0}\"")]
    Rule(String),
    #[error("nothing came for ConnectionInactivityTimeout")]
    Inactive,
    #[error("the connection is older than ConnectionTimeout")]
    TooOld,
    #[error("the server is shutting down")]
    ShuttingDown,
}

impl Reason {
    /// Counted against MaxProtocolErrors.
    pub(super) fn is_protocol_error(&self) -> bool {
        matches!(
            self,
            Self::Syntax(_)
                | Self::LineTooLong(_)
                | Self::Sequence
                | Self::NoHello
                | Self::NoDomain
                | Self::BadDomain
                | Self::NotImplemented
                | Self::NotOffered(_)
                | Self::NoTls
                | Self::NoCertificate(_)
                | Self::TlsActive(_)
                | Self::MechanismNotOffered { .. }
                | Self::AuthenticatedAlready
                | Self::Cancelled
        )
    }

    /// A failed or refused proof: delayed like an error even where the reply is a 4yz.
    pub(super) fn is_auth_failure(&self) -> bool {
        matches!(
            self,
            Self::NoExchangeServerAuth(_)
                | Self::XAnonymousTlsSuppressed
                | Self::Proof(_)
                | Self::NoSubmitAfterProof { .. }
                | Self::WellKnownAccount(_)
                | Self::UnknownCertificate(_)
        )
    }
}
