//! What rustls is told: TLS 1.2 and 1.3, and whom to ask for a certificate.

use std::sync::Arc;

use tokio_rustls::rustls::client::danger::HandshakeSignatureValid;
use tokio_rustls::rustls::crypto::{
    CryptoProvider, aws_lc_rs, verify_tls12_signature, verify_tls13_signature,
};
use tokio_rustls::rustls::pki_types::{CertificateDer, UnixTime};
use tokio_rustls::rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use tokio_rustls::rustls::{
    DigitallySignedStruct, DistinguishedName, Error, ServerConfig, ServerConnection,
    SignatureScheme,
};

use super::certificate::Certificate;

#[derive(Debug, thiserror::Error)]
#[error("the certificate {thumbprint} cannot be used: {error}")]
pub struct TlsError {
    thumbprint: String,
    error: Error,
}

/// For STARTTLS: no client certificate is asked for.
pub fn starttls(certificate: &Certificate) -> Result<Arc<ServerConfig>, TlsError> {
    build(certificate, None)
}

/// For X-ANONYMOUSTLS: a client certificate is asked for and never required. Whoever shows
/// one must hold its key; nobody asks who signed it.
pub fn internal_transport(certificate: &Certificate) -> Result<Arc<ServerConfig>, TlsError> {
    build(certificate, Some(Arc::new(AnyCertificate(Arc::new(aws_lc_rs::default_provider())))))
}

fn build(
    certificate: &Certificate,
    verifier: Option<Arc<AnyCertificate>>,
) -> Result<Arc<ServerConfig>, TlsError> {
    let provider = Arc::new(aws_lc_rs::default_provider());
    let builder =
        ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let config = builder.and_then(|builder| {
        let builder = match verifier {
            Some(verifier) => builder.with_client_cert_verifier(verifier),
            None => builder.with_no_client_auth(),
        };
        builder.with_single_cert(certificate.chain.clone(), certificate.key.clone_key())
    });
    let error = |error| TlsError { thumbprint: certificate.thumbprint.clone(), error };
    config.map(Arc::new).map_err(error)
}

/// What a handshake came to.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Facts {
    /// `TLSv1_3`
    pub protocol: String,
    /// `TLS13_AES_256_GCM_SHA384`
    pub cipher_suite: String,
    pub client_certificate: bool,
}

/// The facts of a finished handshake.
pub fn facts(connection: &ServerConnection) -> Facts {
    let name = |value: Option<String>| value.unwrap_or_default();
    Facts {
        protocol: name(connection.protocol_version().map(|version| format!("{version:?}"))),
        cipher_suite: name(
            connection.negotiated_cipher_suite().map(|suite| format!("{:?}", suite.suite())),
        ),
        client_certificate: connection.peer_certificates().is_some_and(|chain| !chain.is_empty()),
    }
}

#[derive(Debug)]
struct AnyCertificate(Arc<CryptoProvider>);

impl ClientCertVerifier for AnyCertificate {
    fn client_auth_mandatory(&self) -> bool {
        false
    }

    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn verify_client_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        Ok(ClientCertVerified::assertion())
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
