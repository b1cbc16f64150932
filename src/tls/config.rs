//! What rustls is told: the versions of TLS, and whom to ask for a certificate.

use std::sync::Arc;

use tokio_rustls::rustls::client::danger::HandshakeSignatureValid;
use tokio_rustls::rustls::crypto::{
    CryptoProvider, aws_lc_rs, verify_tls12_signature, verify_tls13_signature,
};
use tokio_rustls::rustls::pki_types::{CertificateDer, UnixTime};
use tokio_rustls::rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use tokio_rustls::rustls::version::{TLS12, TLS13};
use tokio_rustls::rustls::{
    DigitallySignedStruct, DistinguishedName, Error, ServerConfig, SignatureScheme,
    SupportedProtocolVersion,
};

use super::certificate::Certificate;

#[derive(Debug, thiserror::Error)]
#[error("the certificate {thumbprint} cannot be used: {error}")]
pub struct TlsError {
    thumbprint: String,
    error: Error,
}

/// A certificate, ready to be shown.
#[derive(Clone, Debug)]
pub struct Endpoint {
    pub config: Arc<ServerConfig>,
    pub certificate: Arc<Certificate>,
}

/// For STARTTLS, up to TLS 1.3 or 1.2. A client certificate is asked for where Domain Security
/// is on, and never required.
pub fn starttls(
    certificate: &Arc<Certificate>,
    ask_client: bool,
    tls13: bool,
) -> Result<Endpoint, TlsError> {
    let versions = if tls13 { &[&TLS13, &TLS12][..] } else { &[&TLS12] };
    build(certificate, ask_client.then(AnyCertificate::new), versions)
}

/// For X-ANONYMOUSTLS, by TLS 1.2 alone: EXCHANGEAUTH goes with it, and is older than 1.3. A
/// client certificate is asked for and never required. Whoever shows one must hold its key;
/// nobody asks who signed it.
pub fn internal_transport(certificate: &Arc<Certificate>) -> Result<Endpoint, TlsError> {
    build(certificate, Some(AnyCertificate::new()), &[&TLS12])
}

fn build(
    certificate: &Arc<Certificate>,
    verifier: Option<AnyCertificate>,
    versions: &[&'static SupportedProtocolVersion],
) -> Result<Endpoint, TlsError> {
    let provider = Arc::new(aws_lc_rs::default_provider());
    let builder = ServerConfig::builder_with_provider(provider).with_protocol_versions(versions);
    let config = builder.and_then(|builder| {
        let builder = match verifier {
            Some(verifier) => builder.with_client_cert_verifier(Arc::new(verifier)),
            None => builder.with_no_client_auth(),
        };
        builder.with_single_cert(certificate.chain.clone(), certificate.key.clone_key())
    });
    let error = |error| TlsError { thumbprint: certificate.details.thumbprint.clone(), error };
    let mut config = config.map_err(error)?;
    // As Windows does: the order of suites is the server's.
    config.ignore_client_order = true;
    Ok(Endpoint { config: Arc::new(config), certificate: Arc::clone(certificate) })
}

#[derive(Debug)]
struct AnyCertificate(Arc<CryptoProvider>);

impl AnyCertificate {
    fn new() -> Self {
        Self(Arc::new(aws_lc_rs::default_provider()))
    }
}

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
