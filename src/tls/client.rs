//! The connecting side, for a peer that looks at certificates itself.

use std::sync::Arc;

use tokio_rustls::rustls::client::danger::{
    HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier,
};
use tokio_rustls::rustls::crypto::{
    CryptoProvider, aws_lc_rs, verify_tls12_signature, verify_tls13_signature,
};
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use tokio_rustls::rustls::{
    ClientConfig, ClientConnection, DigitallySignedStruct, Error, SignatureScheme,
};
use x509_parser::prelude::{FromDer as _, X509Certificate};

use super::certificate::{Certificate, Details};
use super::facts::Negotiated;

/// Takes any certificate whose key the server holds: who signed it and what it names is for the
/// caller to look at, as a sender without RequireTLS talks to anybody. Shows `own` if the server
/// asks.
pub fn client(own: Option<&Certificate>) -> Result<Arc<ClientConfig>, Error> {
    let provider = Arc::new(aws_lc_rs::default_provider());
    let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(AnyServer(provider)));
    let config = match own {
        Some(own) => builder.with_client_auth_cert(own.chain.clone(), own.key.clone_key())?,
        None => builder.with_no_client_auth(),
    };
    Ok(Arc::new(config))
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
struct AnyServer(Arc<CryptoProvider>);

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
        verify_tls12_signature(message, cert, dss, &self.0.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, cert, dss, &self.0.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
