//! The SmtpSend log of the visit.

use jiff::Timestamp;

use super::plan::Plan;
use super::queue::send_connector;
use super::record::{Moment, What, without_token};
use crate::journal::{CertificateRow, SendRows};
use crate::tls::{Details, Negotiated};

/// The rows, behind the lines that a file begins with; none where there was no connection.
pub(super) fn send_log(plan: &Plan, moments: &[Moment], began: Timestamp) -> Vec<String> {
    let Some(What::Connected { local, remote }) = moments.first().map(|moment| &moment.what) else {
        return Vec::new();
    };
    let session = session_id(began);
    let mut rows = SendRows::new(plan.version, send_connector(plan), &session, *local, *remote);
    for Moment { at, what } in moments {
        let at = began.checked_add(*at).unwrap_or(began);
        match what {
            What::Connected { .. } => rows.connected(at),
            What::Sent(line) => rows.sent(at, line),
            // Nor does a server's log show what clients answer.
            What::SentSecret(_) => {}
            What::Received(answer) => match without_token(answer) {
                Some(_) => rows.received_token(at, answer.code),
                None => rows.received(at, answer.code, &answer.lines),
            },
            What::Fragment(text) => rows.received_text(at, text),
            What::Certificate(details) => rows.received_certificate(at, row(details)),
            What::Negotiated(Negotiated { protocol, cipher_suite, group }) => {
                rows.negotiated(at, protocol, cipher_suite, group);
            }
            What::HandshakeFailed(_) => rows.negotiation_failed(at, "InternalError"),
            What::ProofFailed(status) => rows.authentication_failed(at, status),
            What::Ended(ending) => rows.ended(at, *ending),
        }
    }
    let mut log = SendRows::header(plan.version, began);
    log.extend(rows.into_rows());
    log
}

fn row(details: &Details) -> CertificateRow<'_> {
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

/// By .NET ticks, which ids of Exchange's logs look like.
fn session_id(began: Timestamp) -> String {
    const TICKS_TO_1970: i128 = 621_355_968_000_000_000;
    format!("{:016X}", TICKS_TO_1970 + began.as_nanosecond() / 100)
}
