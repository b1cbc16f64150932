//! What a handshake came to.

use std::sync::Arc;

use aws_lc_rs::digest::{Algorithm, SHA256, SHA384, SHA512, digest};
use tokio_rustls::rustls::client::verify_server_cert_signed_by_trust_anchor;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, UnixTime};
use tokio_rustls::rustls::server::danger::ClientCertVerifier;
use tokio_rustls::rustls::server::{ParsedCertificate, WebPkiClientVerifier};
use tokio_rustls::rustls::{
    CommonState, RootCertStore, ServerConnection, crypto::aws_lc_rs as provider,
};
use x509_parser::oid_registry;
use x509_parser::prelude::{FromDer as _, X509Certificate};

use super::certificate::{Certificate, Details};

/// The facts of a finished handshake.
#[derive(Clone, Debug)]
pub struct Facts {
    /// `TLSv1.3`
    pub protocol: String,
    /// `TLS_AES_256_GCM_SHA384`
    pub cipher_suite: String,
    /// `secp384r1`
    pub group: String,
    /// Hash of the server's certificate (RFC 5929 §4.1).
    pub end_point: Vec<u8>,
    /// Exported keying material (RFC 9266).
    pub exporter: Option<[u8; 32]>,
    pub client: Option<ClientCertificate>,
}

/// The certificate that the client showed; it holds the key.
#[derive(Clone, Debug)]
pub struct ClientCertificate {
    pub details: Details,
    /// SubjectPublicKeyInfo in DER.
    pub public_key: Vec<u8>,
    chain: Vec<CertificateDer<'static>>,
}

/// Gathers the facts of a session in which `own` was shown.
pub fn facts(connection: &ServerConnection, own: &Certificate) -> Facts {
    let exporter =
        connection.export_keying_material([0; 32], b"EXPORTER-Channel-Binding", Some(&[])).ok();
    let Negotiated { protocol, cipher_suite, group } = Negotiated::of(connection);
    Facts {
        protocol,
        cipher_suite,
        group,
        end_point: end_point(&own.chain[0]),
        exporter,
        client: connection.peer_certificates().and_then(ClientCertificate::read),
    }
}

/// What both sides agreed on, by the names of RFCs; see [`Facts`].
#[derive(Clone, Debug)]
pub struct Negotiated {
    pub protocol: String,
    pub cipher_suite: String,
    pub group: String,
}

impl Negotiated {
    pub(super) fn of(state: &CommonState) -> Self {
        let name = |value: Option<String>| value.unwrap_or_default();
        let suite = state.negotiated_cipher_suite().map(|suite| format!("{:?}", suite.suite()));
        let group = state.negotiated_key_exchange_group();
        Self {
            protocol: name(state.protocol_version().map(|v| format!("{v:?}").replace('_', "."))),
            cipher_suite: name(suite.map(|suite| suite.replace("TLS13_", "TLS_"))),
            group: name(group.map(|group| format!("{:?}", group.name()))),
        }
    }
}

/// The hash of the certificate by the function of its signature; SHA-256 in place of MD5 and
/// SHA-1.
fn end_point(certificate: &CertificateDer<'_>) -> Vec<u8> {
    let algorithm: &Algorithm = match X509Certificate::from_der(certificate) {
        Ok((_, parsed)) => {
            let oid = parsed.signature_algorithm.oid();
            if *oid == oid_registry::OID_PKCS1_SHA384WITHRSA
                || *oid == oid_registry::OID_SIG_ECDSA_WITH_SHA384
            {
                &SHA384
            } else if *oid == oid_registry::OID_PKCS1_SHA512WITHRSA
                || *oid == oid_registry::OID_SIG_ECDSA_WITH_SHA512
            {
                &SHA512
            } else {
                &SHA256
            }
        }
        Err(_) => &SHA256,
    };
    digest(algorithm, certificate).as_ref().to_vec()
}

impl ClientCertificate {
    fn read(chain: &[CertificateDer<'_>]) -> Option<Self> {
        let first = chain.first()?;
        let (_, parsed) = X509Certificate::from_der(first).ok()?;
        Some(Self {
            details: Details::read(first, &parsed).ok()?,
            public_key: parsed.public_key().raw.to_vec(),
            chain: chain.iter().map(|der| der.clone().into_owned()).collect(),
        })
    }
}

/// The authorities that partners' certificates are checked against.
#[derive(Debug)]
pub struct ClientRoots {
    roots: Arc<RootCertStore>,
    verifier: Arc<dyn ClientCertVerifier>,
}

#[derive(Debug, thiserror::Error)]
#[error("the roots for client certificates cannot be used: {0}")]
pub struct RootsError(String);

impl ClientRoots {
    pub fn from_pem(pem: &str) -> Result<Self, RootsError> {
        let mut roots = RootCertStore::empty();
        for certificate in CertificateDer::pem_slice_iter(pem.as_bytes()) {
            let certificate = certificate.map_err(|error| RootsError(error.to_string()))?;
            roots.add(certificate).map_err(|error| RootsError(error.to_string()))?;
        }
        let (roots, provider) = (Arc::new(roots), Arc::new(provider::default_provider()));
        let builder = WebPkiClientVerifier::builder_with_provider(Arc::clone(&roots), provider);
        let verifier = builder.build().map_err(|error| RootsError(error.to_string()))?;
        Ok(Self { roots, verifier })
    }

    /// Whether the chain of `client` leads to one of the roots and is valid now. Mail servers
    /// show the certificate that they serve with, so one for servers will do.
    pub fn vouch_for(&self, client: &ClientCertificate) -> bool {
        let Some((first, rest)) = client.chain.split_first() else { return false };
        let now = UnixTime::now();
        let algorithms = provider::default_provider().signature_verification_algorithms.all;
        self.verifier.verify_client_cert(first, rest, now).is_ok()
            || ParsedCertificate::try_from(first).is_ok_and(|parsed| {
                verify_server_cert_signed_by_trust_anchor(
                    &parsed,
                    &self.roots,
                    rest,
                    now,
                    algorithms,
                )
                .is_ok()
            })
    }
}

/// The key of the first certificate in `pem`, to know a peer by.
pub fn public_key(pem: &str) -> Option<Vec<u8>> {
    let certificate = CertificateDer::from_pem_slice(pem.as_bytes()).ok()?;
    let (_, parsed) = X509Certificate::from_der(&certificate).ok()?;
    Some(parsed.public_key().raw.to_vec())
}
