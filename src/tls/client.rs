//! The connecting side, for a peer that looks at certificates itself.

use std::sync::Arc;
use std::{fmt, io};

use tokio_rustls::rustls::client::danger::{
    HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier,
};
use tokio_rustls::rustls::crypto::{
    CryptoProvider, aws_lc_rs, verify_tls12_signature, verify_tls13_signature,
};
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use tokio_rustls::rustls::version::{TLS12, TLS13};
use tokio_rustls::rustls::{
    AlertDescription, ClientConfig, ClientConnection, DigitallySignedStruct, Error, SignatureScheme,
};
use x509_parser::prelude::{FromDer as _, X509Certificate, X509Version};
use x509_parser::public_key::PublicKey;

use super::certificate::{Certificate, Details};
use super::facts::Negotiated;

/// What a client is content with.
#[derive(Clone, Copy, Debug)]
pub struct Terms {
    /// TLS 1.3, beside 1.2.
    pub tls13: bool,
    /// Also certificates that nothing here can check a signature by: of X.509 version 1, or with
    /// an RSA key of less than 2,048 bits.
    pub any_form: bool,
}

/// Takes any certificate whose key the server holds: who signed it and what it names is for the
/// caller to look at, as a sender without RequireTLS talks to anybody. Shows `own` if the server
/// asks.
pub fn client(own: Option<&Certificate>, terms: Terms) -> Result<Arc<ClientConfig>, Error> {
    let provider = Arc::new(aws_lc_rs::default_provider());
    let versions: &[_] = if terms.tls13 { &[&TLS13, &TLS12] } else { &[&TLS12] };
    let verifier = AnyServer { provider: Arc::clone(&provider), any_form: terms.any_form };
    let builder = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(versions)?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier));
    let config = match own {
        Some(own) => builder.with_client_auth_cert(own.chain.clone(), own.key.clone_key())?,
        None => builder.with_no_client_auth(),
    };
    Ok(Arc::new(config))
}

/// Why a handshake came to nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HandshakeFailure {
    /// The two have no version and no cipher in common; another client may have.
    NothingInCommon(String),
    /// The certificate has a form that we can make nothing of; another client may.
    Certificate(String),
    Other(String),
}

impl HandshakeFailure {
    /// Sorts what a stream says of its handshake; `text` is what people are to read of it.
    pub fn of(error: &io::Error, text: String) -> Self {
        match error.get_ref().and_then(|inner| inner.downcast_ref()) {
            Some(Error::PeerIncompatible(_)) => Self::NothingInCommon(text),
            Some(Error::AlertReceived(
                AlertDescription::HandshakeFailure
                | AlertDescription::ProtocolVersion
                | AlertDescription::InsufficientSecurity,
            )) => Self::NothingInCommon(text),
            Some(Error::InvalidCertificate(_)) => Self::Certificate(text),
            _ => Self::Other(text),
        }
    }

    /// Another client may get further.
    pub fn is_ours(&self) -> bool {
        matches!(self, Self::NothingInCommon(_) | Self::Certificate(_))
    }
}

impl fmt::Display for HandshakeFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (Self::NothingInCommon(why) | Self::Certificate(why) | Self::Other(why)) = self;
        f.write_str(why)
    }
}

/// What a client knows once the handshake is done.
#[derive(Clone, Debug)]
pub struct ServerFacts {
    pub negotiated: Negotiated,
    /// In DER.
    pub certificate: Vec<u8>,
    /// `None`: the certificate cannot be read.
    pub details: Option<Details>,
}

/// Gathers the facts of a session; `None` before the handshake is done.
pub fn server_facts(connection: &ClientConnection) -> Option<ServerFacts> {
    let certificate = connection.peer_certificates()?.first()?;
    let parsed = X509Certificate::from_der(certificate).ok();
    Some(ServerFacts {
        negotiated: Negotiated::of(connection),
        certificate: certificate.to_vec(),
        details: parsed.and_then(|(_, parsed)| Details::read(certificate, &parsed).ok()),
    })
}

#[derive(Debug)]
struct AnyServer {
    provider: Arc<CryptoProvider>,
    any_form: bool,
}

impl AnyServer {
    fn judge(
        &self,
        verified: Result<HandshakeSignatureValid, Error>,
        certificate: &[u8],
    ) -> Result<HandshakeSignatureValid, Error> {
        match verified {
            Err(Error::InvalidCertificate(_)) if self.any_form && is_beyond_us(certificate) => {
                Ok(HandshakeSignatureValid::assertion())
            }
            verified => verified,
        }
    }
}

/// Whether no signature of the certificate's key can be checked here.
fn is_beyond_us(certificate: &[u8]) -> bool {
    let Ok((_, certificate)) = X509Certificate::from_der(certificate) else { return true };
    let weak = match certificate.public_key().parsed() {
        Ok(PublicKey::RSA(key)) => key.key_size() < 2048,
        Ok(_) => false,
        Err(_) => true,
    };
    weak || certificate.version() != X509Version::V3
}

impl ServerCertVerifier for AnyServer {
    fn verify_server_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        self.judge(verify_tls12_signature(message, cert, dss, algorithms), cert)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        self.judge(verify_tls13_signature(message, cert, dss, algorithms), cert)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}
