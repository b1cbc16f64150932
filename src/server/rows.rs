//! From a connection to rows of the protocol log.

use std::io;
use std::net::SocketAddr;

use super::shared::Shared;
use crate::connector::{ProtocolLoggingLevel, ReceiveConnector};
use crate::journal::{CertificateRow, Ending, Opening, Rows};
use crate::session::Note;
use crate::tls::Details;

/// The rows of a session, if its connector has any.
pub(super) fn open(
    shared: &Shared,
    connector: &ReceiveConnector,
    session: &str,
    local: SocketAddr,
    remote: SocketAddr,
) -> Option<Rows> {
    let journal = shared.journal.as_deref()?;
    let server = &shared.host.server;
    (connector.protocol_logging_level == ProtocolLoggingLevel::Verbose).then(|| {
        journal.rows(Opening {
            role: server.role_of(connector),
            connector: &server.identity(connector),
            session,
            local,
            remote,
        })
    })
}

/// The row of a note, if the log has one.
pub(super) fn write(rows: &mut Rows, note: &Note) {
    match note {
        Note::Received(command) => rows.received(command),
        Note::Delayed(interval) => rows.tarpit(*interval),
        Note::SecuredHello { vouched_for, capabilities } => {
            rows.certificate_status(*vouched_for, *capabilities);
        }
        Note::Transaction { number, rights } => rows.receiving_message(*number, *rights),
        Note::Authenticated { account, rights, .. } => {
            rows.permissions(*rights);
            rows.authenticated(account);
        }
        Note::AuthenticationFailed { mechanism, failure } => {
            rows.authentication_failed(*mechanism, failure);
        }
        Note::ExchangeAuthInClear => rows.exchange_auth_in_clear(),
        Note::AcknowledgementDelayed { by } => rows.acknowledgement_delayed(*by),
        Note::NoSubmitPermission { account, .. } => rows.no_submit_permission(account),
        Note::WellKnownAccount { account, .. } => rows.well_known_account(account),
        Note::TrustedByCertificate { rights, .. } => rows.permissions(*rights),
        Note::DirectTrustFailed { subject } => rows.direct_trust_failed(subject),
        // Refusals show in the replies; the others are not known of Exchange's log.
        Note::Response
        | Note::Advertised
        | Note::Refused { .. }
        | Note::MessageRejected { .. }
        | Note::LogonFailuresExceeded { .. }
        | Note::Ruled { .. }
        | Note::PlaintextDropped { .. } => {}
    }
}

pub(super) fn certificate(details: &Details) -> CertificateRow<'_> {
    CertificateRow {
        subject: &details.subject,
        issuer: &details.issuer,
        serial_number: &details.serial_number,
        thumbprint: &details.thumbprint,
        not_before: details.not_before,
        not_after: details.not_after,
        names: &details.names,
    }
}

/// Who ended a connection that broke.
pub(super) fn ending(error: &io::Error) -> Ending {
    use io::ErrorKind as Kind;
    match error.kind() {
        Kind::UnexpectedEof => Ending::Remote,
        Kind::ConnectionReset => Ending::ConnectionReset,
        // What the peer sent was no TLS, or it took nothing for too long.
        Kind::InvalidData | Kind::NotConnected | Kind::TimedOut => Ending::Local,
        _ => Ending::SocketError,
    }
}
