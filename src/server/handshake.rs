//! Why a TLS handshake failed.

use std::io;

use tokio_rustls::rustls::{AlertDescription, Error as TlsError};

use crate::connector::Server;
use crate::journal::trace::Refusal;
use crate::session::facts;
use crate::smtp::reply;

/// What [`HandshakeFailure::status`] may be, and the name of what is none.
pub(super) const OUTCOMES: [&str; 9] = [
    "ok",
    "AlgorithmMismatch",
    "CertExpired",
    "CertUnknown",
    "DecryptFailure",
    "IllegalMessage",
    "InternalError",
    "SocketError",
    "UntrustedRoot",
];

/// What a sender says of itself when TLS comes to nothing (a report of 2010 to 2019 on TLS 1.2,
/// and many others).
const DROPPED: &str = "421 4.4.2 Connection dropped due to SocketError";

/// What came in the way of a handshake. `Display` says it to a person.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum HandshakeFailure {
    #[error("the client does not trust the issuer of the server's certificate")]
    UntrustedIssuer,
    #[error("to the client, the server's certificate has expired")]
    Expired,
    #[error("the client does not accept the server's certificate")]
    NotAccepted,
    #[error("the client's certificate cannot be read, or the client does not hold its key")]
    ClientCertificate,
    #[error("client and server have no version of TLS, or no cipher suite, in common")]
    NothingInCommon,
    #[error("what the client sent is no TLS")]
    NotTls,
    #[error("a record was changed on its way")]
    Changed,
    #[error("the client closed the connection")]
    Closed,
    #[error("the client took too long")]
    TooSlow,
    #[error("the client broke it off, or broke the rules of TLS")]
    Other,
}

impl HandshakeFailure {
    pub(super) fn of(error: &io::Error) -> Self {
        use AlertDescription as Alert;
        match error.get_ref().and_then(|inner| inner.downcast_ref::<TlsError>()) {
            None if error.kind() == io::ErrorKind::TimedOut => Self::TooSlow,
            None => Self::Closed,
            Some(TlsError::PeerIncompatible(_)) => Self::NothingInCommon,
            Some(TlsError::InvalidCertificate(_)) => Self::ClientCertificate,
            Some(TlsError::InvalidMessage(_) | TlsError::InappropriateMessage { .. }) => {
                Self::NotTls
            }
            Some(TlsError::DecryptError) => Self::Changed,
            Some(TlsError::AlertReceived(alert)) => match alert {
                Alert::UnknownCA => Self::UntrustedIssuer,
                Alert::CertificateExpired => Self::Expired,
                Alert::BadCertificate
                | Alert::CertificateUnknown
                | Alert::CertificateRevoked
                | Alert::UnsupportedCertificate => Self::NotAccepted,
                Alert::HandshakeFailure | Alert::InsufficientSecurity | Alert::ProtocolVersion => {
                    Self::NothingInCommon
                }
                _ => Self::Other,
            },
            Some(_) => Self::Other,
        }
    }

    /// A name of the family that Exchange gives proofs. Which failure has which is our choice.
    pub(super) fn status(self) -> &'static str {
        match self {
            Self::UntrustedIssuer => "UntrustedRoot",
            Self::Expired => "CertExpired",
            Self::NotAccepted | Self::ClientCertificate => "CertUnknown",
            Self::NothingInCommon => "AlgorithmMismatch",
            Self::NotTls => "IllegalMessage",
            Self::Changed => "DecryptFailure",
            Self::Closed | Self::TooSlow => "SocketError",
            Self::Other => "InternalError",
        }
    }

    /// The refusal that it comes to: no reply tells of it.
    pub(super) fn refusal(self, server: &Server) -> Refusal {
        Refusal {
            reason: self.to_string(),
            sender: Some(self.sender(server)),
            mend: self.mend().map(str::to_owned),
            commands: Vec::new(),
        }
    }

    fn sender(self, server: &Server) -> String {
        let shown = |reply: &str| facts(server.version).last_error(reply);
        match self {
            Self::UntrustedIssuer | Self::Expired | Self::NotAccepted => {
                let shown = shown(&reply::CERTIFICATE_VALIDATION_FAILURE.to_string());
                format!("the queue of a sender that checks certificates shows \"{shown}\"")
            }
            _ => {
                let shown = shown(DROPPED);
                format!("the sender's queue shows \"{shown}\"")
            }
        }
    }

    fn mend(self) -> Option<&'static str> {
        match self {
            Self::UntrustedIssuer | Self::NotAccepted => Some(
                "have the client trust the server's certificate, or give the server one that the \
                 client trusts, and enable it for SMTP (Enable-ExchangeCertificate)",
            ),
            Self::Expired => Some(
                "renew the server's certificate (New-ExchangeCertificate), or set the clock of \
                 the client",
            ),
            Self::ClientCertificate => Some("mend the certificate that the client shows"),
            Self::NothingInCommon => {
                Some("have the client speak TLS 1.2 or 1.3: expsd speaks nothing older")
            }
            Self::NotTls => Some(
                "have the client begin TLS right after the 220, and look for a firewall between \
                 that changes the session",
            ),
            Self::Changed | Self::Closed | Self::TooSlow | Self::Other => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio_rustls::rustls::CertificateError;

    use super::*;

    #[test]
    fn failures_are_told_apart() {
        let of = |error| HandshakeFailure::of(&io::Error::new(io::ErrorKind::InvalidData, error));
        let bad = TlsError::InvalidCertificate(CertificateError::BadSignature);
        assert_eq!(of(bad).status(), "CertUnknown");
        let unknown = TlsError::AlertReceived(AlertDescription::UnknownCA);
        assert_eq!(of(unknown).status(), "UntrustedRoot");
        let gone = io::Error::from(io::ErrorKind::UnexpectedEof);
        assert_eq!(HandshakeFailure::of(&gone), HandshakeFailure::Closed);
        let slow = io::Error::from(io::ErrorKind::TimedOut);
        assert_eq!(HandshakeFailure::of(&slow), HandshakeFailure::TooSlow);
    }

    #[test]
    fn whoever_checks_certificates_names_them() {
        let server = Server::default();
        let refusal = HandshakeFailure::UntrustedIssuer.refusal(&server);
        assert!(refusal.sender.unwrap().contains("454 4.7.5 Certificate validation failure"));
        let refusal = HandshakeFailure::NothingInCommon.refusal(&server);
        assert!(refusal.sender.unwrap().contains("421 4.4.2 Connection dropped"));
        assert!(refusal.mend.unwrap().contains("TLS 1.2"));
    }
}
