//! What a session tells besides its replies: facts for the log, the events and the trace.

use std::sync::Arc;
use std::time::Duration;

use super::offer::TlsKind;
use super::reason::Reason;
use super::shown::Shown;
use crate::auth::{Failure, Mechanism, Package};
use crate::connector::{Rights, TlsCapabilities};
use crate::directory::Group;
use crate::rules::Rule;
use crate::smtp::Reply;

/// Something worth recording.
#[derive(Clone, Debug)]
pub enum Note {
    /// A command came. This and the next six are told only by a session that was asked to
    /// tell all, [`super::Session::tell_all`].
    Received(Shown),
    /// A response came, of a proof that is under way.
    Response,
    /// EHLO was answered with what the session offers now.
    Advertised,
    /// EXCHANGEAUTH was asked for in clear, where it is not offered.
    ExchangeAuthInClear,
    /// The next replies wait.
    Delayed(Duration),
    /// A hello behind STARTTLS was answered; with a client's certificate, whether its chain is
    /// vouched for, and what it lets the client do.
    SecuredHello { vouched_for: Option<bool>, capabilities: TlsCapabilities },
    /// A transaction began, the first of the session being number 1.
    Transaction { number: u32, rights: Rights },
    /// A command, a connection or a message was refused.
    Refused { reply: Reply, reason: Reason },
    /// A message was refused at the end of its data, or of a chunk.
    MessageRejected { reply: Reply },
    /// A proof was accepted.
    Authenticated { account: String, mechanism: Mechanism, package: Package, rights: Rights },
    /// A proof failed.
    AuthenticationFailed { mechanism: Mechanism, failure: Failure },
    /// A proof was good, but the account may not submit here.
    NoSubmitPermission { account: String, mechanism: Mechanism, rights: Rights },
    /// A proof was good, but the account is one that may not be used.
    WellKnownAccount { account: String, mechanism: Mechanism },
    /// A client certificate gave a role.
    TrustedByCertificate { subject: String, role: Group, rights: Rights },
    /// Nobody is known by a client certificate.
    DirectTrustFailed { subject: String },
    /// MaxLogonFailures was exceeded.
    LogonFailuresExceeded { limit: u32 },
    /// The reply that accepts a message is held back.
    AcknowledgementDelayed { by: Duration },
    /// A failure rule bit, and refused nothing by a reply.
    Ruled { rule: Arc<Rule>, reason: Reason },
    /// Octets that came in clear behind STARTTLS or X-ANONYMOUSTLS were dropped.
    PlaintextDropped { command: TlsKind, octets: usize },
}
