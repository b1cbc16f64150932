//! A TLS client that takes any certificate, as test clients of self-signed servers do.

use std::io::{Read, Write};
use std::sync::Arc;

use tokio_rustls::rustls::client::WantsClientCert;
use tokio_rustls::rustls::client::danger::{
    HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier,
};
use tokio_rustls::rustls::crypto::aws_lc_rs;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use tokio_rustls::rustls::version::TLS12;
use tokio_rustls::rustls::{
    ALL_VERSIONS, ClientConfig, ClientConnection, ConfigBuilder, DigitallySignedStruct, Error,
    SignatureScheme, StreamOwned, SupportedProtocolVersion,
};

use super::Client;

pub type TlsClient<S> = Client<StreamOwned<ClientConnection, S>>;

/// Does the handshake over a connection on which the server has said that it is ready.
pub fn handshake<S: Read + Write>(client: Client<S>) -> TlsClient<S> {
    handshake_with(client, &[]).0
}

/// The same with certain versions of TLS; also gives the certificate that the server showed.
pub fn handshake_with<S: Read + Write>(
    client: Client<S>,
    versions: &[&'static SupportedProtocolVersion],
) -> (TlsClient<S>, CertificateDer<'static>) {
    handshake_by(client, client_config(versions))
}

/// The same in one version of TLS, showing a certificate if the server asks for one.
pub fn handshake_as<S: Read + Write>(
    client: Client<S>,
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
    version: &'static SupportedProtocolVersion,
) -> TlsClient<S> {
    let config = builder(&[version]).with_client_auth_cert(chain, key).unwrap();
    handshake_by(client, config).0
}

/// The same as `config` has it; also gives the certificate that the server showed.
pub fn handshake_by<S: Read + Write>(
    client: Client<S>,
    config: ClientConfig,
) -> (TlsClient<S>, CertificateDer<'static>) {
    let name = ServerName::try_from("ex01.contoso.test").unwrap();
    let connection = ClientConnection::new(Arc::new(config), name).unwrap();
    let mut stream = StreamOwned::new(connection, client.into_inner());
    while stream.conn.is_handshaking() {
        stream.conn.complete_io(&mut stream.sock).unwrap();
    }
    let certificate = stream.conn.peer_certificates().unwrap()[0].clone().into_owned();
    (Client::over(stream), certificate)
}

/// Takes any certificate, in these versions of TLS; in all if there are none.
pub fn client_config(versions: &[&'static SupportedProtocolVersion]) -> ClientConfig {
    builder(versions).with_no_client_auth()
}

/// Takes any certificate, and insists on one cipher suite of TLS 1.2 and one curve, by the
/// names that rustls prints.
pub fn client_config_of(suite: &str, group: &str) -> ClientConfig {
    let mut provider = aws_lc_rs::default_provider();
    provider.cipher_suites.retain(|offered| format!("{:?}", offered.suite()) == suite);
    provider.kx_groups.retain(|offered| format!("{:?}", offered.name()) == group);
    ClientConfig::builder_with_provider(Arc::new(provider))
        .with_protocol_versions(&[&TLS12])
        .unwrap()
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(Any))
        .with_no_client_auth()
}

fn builder(
    versions: &[&'static SupportedProtocolVersion],
) -> ConfigBuilder<ClientConfig, WantsClientCert> {
    let versions = if versions.is_empty() { ALL_VERSIONS } else { versions };
    ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_protocol_versions(versions)
        .unwrap()
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(Any))
}

#[derive(Debug)]
struct Any;

impl ServerCertVerifier for Any {
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
        _message: &[u8],
        _cert: &CertificateDer<'_>,
        _dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _message: &[u8],
        _cert: &CertificateDer<'_>,
        _dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        aws_lc_rs::default_provider().signature_verification_algorithms.supported_schemes()
    }
}
