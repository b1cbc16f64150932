//! Handshakes that the probe cannot make, and certificates of every form.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::sync::Arc;
use std::time::SystemTime;

use expsd::probe::{Outcome, run};
use expsd::tls::{Certificate, KeyKind};
use tokio_rustls::rustls::crypto::aws_lc_rs;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::server::{ClientHello, ResolvesServerCert};
use tokio_rustls::rustls::sign::CertifiedKey;
use tokio_rustls::rustls::{ServerConfig, ServerConnection, StreamOwned};

use super::strange::serve;
use super::*;

fn say(stream: &mut impl std::io::Write, text: &str) {
    stream.write_all(format!("{text}\r\n").as_bytes()).unwrap();
}

/// Speaks until TLS is to begin, and hands the stream on.
fn until_tls(with: impl FnOnce(TcpStream) + Send + 'static) -> SocketAddr {
    serve(move |mut stream| {
        let mut lines = BufReader::new(stream.try_clone().unwrap()).lines();
        say(&mut stream, "220 ex01.contoso.test Microsoft ESMTP MAIL Service ready");
        lines.next();
        say(
            &mut stream,
            "250-ex01.contoso.test Hello [127.0.0.1]\r\n250-STARTTLS\r\n250 X-ANONYMOUSTLS",
        );
        lines.next();
        say(&mut stream, "220 2.0.0 SMTP server ready");
        with(stream);
    })
}

/// Servers that have CBC or RSA key exchange alone, or TLS 1.1, end it by these alerts (RFC 5246
/// §7.2.2).
#[tokio::test]
async fn nothing_in_common_is_the_probes_lack() {
    const HANDSHAKE_FAILURE: u8 = 40;
    const PROTOCOL_VERSION: u8 = 70;
    for alert in [HANDSHAKE_FAILURE, PROTOCOL_VERSION] {
        let at = until_tls(move |mut stream| {
            let _ = stream.read(&mut [0; 1024]);
            stream.write_all(&[0x15, 3, 3, 0, 2, 2, alert]).unwrap();
        });
        let report = run(&as_server(at)).await;
        assert_eq!(ids(&report), ["tls-nothing-in-common"], "{report}");
        assert_eq!(report.outcome, Outcome::Undecided);
        assert_eq!((report.last_error, report.fate), (None, None));
    }
    // Closing without a word may be anything.
    let report = run(&as_server(until_tls(drop))).await;
    assert_eq!(ids(&report), ["tls-failed"]);
    assert!(report.last_error.is_some());
}

const HELLO: &str = "250 ex01.contoso.test Hello [127.0.0.1]";

#[derive(Debug)]
struct Shown(Arc<CertifiedKey>);

impl ResolvesServerCert for Shown {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(&self.0))
    }
}

/// A server that shows a certificate, as `change` has it, with its key or another, and
/// answers EHLO in TLS by `ehlo`.
fn showing(change: fn(Vec<u8>) -> Vec<u8>, own_key: bool, ehlo: &'static str) -> SocketAddr {
    let pem = || {
        let names = ["ex01.contoso.test".to_owned()];
        Certificate::generate(&names, 30, KeyKind::Ec, SystemTime::now()).unwrap()
    };
    let (shown, other) = (pem(), pem());
    let der = CertificateDer::from_pem_slice(shown.as_bytes()).unwrap().to_vec();
    let key = if own_key { &shown } else { &other };
    let key = PrivateKeyDer::from_pem_slice(key.as_bytes()).unwrap();
    let key = aws_lc_rs::sign::any_supported_type(&key).unwrap();
    let key = CertifiedKey::new(vec![change(der).into()], key);
    until_tls(move |stream| {
        let config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_cert_resolver(Arc::new(Shown(Arc::new(key))));
        let connection = ServerConnection::new(Arc::new(config)).unwrap();
        let mut stream = StreamOwned::new(connection, stream);
        let mut line = String::new();
        while BufReader::new(&mut stream).read_line(&mut line).is_ok_and(|n| n > 0) {
            let reply = match line.split(' ').next() {
                Some("EHLO") => ehlo,
                _ => "250 2.0.0 OK",
            };
            say(&mut stream, reply);
            line.clear();
        }
    })
}

/// X.509 version 1, which an old self-signed certificate may have.
fn version_1(mut der: Vec<u8>) -> Vec<u8> {
    const VERSION_3: [u8; 5] = [0xa0, 3, 2, 1, 2];
    let at = der.windows(5).position(|window| window == VERSION_3).unwrap();
    der[at + 4] = 0;
    der
}

#[tokio::test]
async fn the_form_of_a_certificate_does_not_matter_where_nobody_looks_at_it() {
    for mechanism in [Mechanism::ExchangeServer, Mechanism::Anonymous] {
        let report = run(&Plan { mechanism, ..as_server(showing(version_1, true, HELLO)) }).await;
        assert_eq!(report.outcome, Outcome::Accepted, "{report}");
        let protocol = report.tls.unwrap().protocol.unwrap();
        let expected = match mechanism {
            Mechanism::Anonymous => "TLSv1.3",
            _ => "TLSv1.2",
        };
        assert_eq!(protocol, expected, "{mechanism:?}");
    }
}

#[tokio::test]
async fn a_key_that_is_not_the_certificates() {
    let report = run(&as_server(showing(|der| der, false, HELLO))).await;
    assert_eq!(ids(&report), ["tls-certificate-form"], "{report}");
    assert_eq!((report.outcome, report.last_error), (Outcome::Undecided, None));
}

/// With a password the stand-in for EXCHANGEAUTH is NTLM.
#[tokio::test]
async fn the_verb_that_is_not_offered_is_named() {
    let ehlo = "250-ex01.contoso.test Hello [127.0.0.1]\r\n250 X-EXPS GSSAPI";
    let report = run(&as_server(showing(|der| der, true, ehlo))).await;
    assert_eq!(ids(&report), ["mechanism-not-offered"], "{report}");
    assert!(report.causes[0].fits.starts_with("X-EXPS NTLM is not there"), "{report}");
}

/// Only direct trust is refused for a certificate.
#[tokio::test]
async fn a_cipher_that_is_too_weak_for_the_server() {
    for (ehlo, cause) in [
        (
            "454 4.7.0 Temporary authentication failure because negotiated Tls cipher strength is \
             too weak",
            "weak-cipher",
        ),
        ("454 4.7.0 Temporary authentication failure", "temporary"),
    ] {
        let report = run(&as_server(showing(|der| der, true, ehlo))).await;
        assert_eq!(ids(&report), [cause], "{report}");
    }
}

/// Behind STARTTLS a sender has TLS 1.3 from 2019 on.
#[tokio::test]
async fn older_senders_stop_at_tls_1_2() {
    use expsd::connector::Version;
    for (version, protocol) in [(Version::E2016, "TLSv1.2"), (Version::E2019, "TLSv1.3")] {
        let (_server, at) = server(USUAL).await;
        let report = run(&Plan { version, ..as_nobody(at) }).await;
        assert_eq!(report.tls.unwrap().protocol.as_deref(), Some(protocol));
    }
}
