//! Certificates made on the spot, and clients that show them.

use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    date_time_ymd,
};
use tokio_rustls::rustls::SupportedProtocolVersion;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivatePkcs8KeyDer};
use tokio_rustls::rustls::version::TLS13;

use super::tls::{TlsClient, handshake_as};
use super::{Client, Daemon};

/// A certificate with its key.
pub struct Certificate {
    pub chain: Vec<CertificateDer<'static>>,
    pub key: KeyPair,
    pub pem: String,
}

impl Certificate {
    /// Vouched for by nobody but itself.
    pub fn self_signed(name: &str) -> Self {
        Self::renewed(name, KeyPair::generate().unwrap(), anybody)
    }

    /// Another certificate for the same key.
    pub fn renewed(name: &str, key: KeyPair, change: impl FnOnce(&mut CertificateParams)) -> Self {
        let mut params = params(name);
        change(&mut params);
        let certificate = params.self_signed(&key).unwrap();
        Self { chain: vec![certificate.der().clone()], pem: certificate.pem(), key }
    }

    /// Shows the certificate in the handshake behind `verb`.
    pub fn shown(
        &self,
        daemon: &Daemon,
        connector: &str,
        verb: &str,
        version: &'static SupportedProtocolVersion,
    ) -> TlsClient<std::net::TcpStream> {
        let key = PrivatePkcs8KeyDer::from(self.key.serialize_der()).into();
        handshake_as(ready(daemon, connector, verb), self.chain.clone(), key, version)
    }

    pub fn after_starttls(
        &self,
        daemon: &Daemon,
        connector: &str,
    ) -> TlsClient<std::net::TcpStream> {
        let mut client = self.shown(daemon, connector, "STARTTLS", &TLS13);
        client.ehlo();
        client
    }
}

fn params(name: &str) -> CertificateParams {
    let mut params = CertificateParams::new([name.to_owned()]).unwrap();
    params.distinguished_name.push(DnType::CommonName, name);
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    params
}

pub fn anybody(_: &mut CertificateParams) {}

pub fn expired(params: &mut CertificateParams) {
    params.not_before = date_time_ymd(2001, 1, 1);
    params.not_after = date_time_ymd(2002, 1, 1);
}

/// An authority that signs certificates of partners.
pub struct Authority {
    issuer: Issuer<'static, KeyPair>,
    pub pem: String,
}

impl Authority {
    pub fn new() -> Self {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(DnType::CommonName, "A root");
        let key = KeyPair::generate().unwrap();
        let pem = params.self_signed(&key).unwrap().pem();
        Self { issuer: Issuer::new(params, key), pem }
    }

    pub fn sign(&self, name: &str, change: impl FnOnce(&mut CertificateParams)) -> Certificate {
        let key = KeyPair::generate().unwrap();
        let mut params = params(name);
        change(&mut params);
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        Certificate { chain: vec![certificate.der().clone()], pem: certificate.pem(), key }
    }
}

/// A connection that may do the handshake of `verb` now.
pub fn ready(daemon: &Daemon, connector: &str, verb: &str) -> Client {
    let mut client = Client::connect(daemon.address(connector));
    client.ehlo();
    assert_eq!(client.command(verb), "220 2.0.0 SMTP server ready");
    client
}

/// A daemon with `files` beside its configuration.
pub fn start(toml: &str, files: &[(&str, &str)]) -> Daemon {
    let dir = tempfile::tempdir().unwrap();
    for (name, pem) in files {
        std::fs::write(dir.path().join(name), pem).unwrap();
    }
    Daemon::start_in(dir, toml, &[], &[])
}
