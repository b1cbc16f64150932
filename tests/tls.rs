//! STARTTLS and X-ANONYMOUSTLS over real sockets.

mod support;

use std::io::{Read as _, Write as _};

use rcgen::{CertificateParams, DnType, Issuer, KeyPair, date_time_ymd};
use support::tls::{client_config_of, handshake, handshake_by, handshake_with};
use support::{Client, Daemon};
use tokio_rustls::rustls::ProtocolVersion;
use tokio_rustls::rustls::version::{TLS12, TLS13};
use x509_parser::prelude::{FromDer as _, X509Certificate};

const CONNECTORS: &str = r#"
[[ReceiveConnector]]
Name = "Default Frontend EX01"
Bindings = "127.0.0.1:0"
AuthMechanism = "Tls, Integrated, BasicAuth, BasicAuthRequireTLS, ExchangeServer"
PermissionGroups = "AnonymousUsers, ExchangeServers"
TarpitInterval = "00:00:00"

[[ReceiveConnector]]
Name = "Internet"
Bindings = "127.0.0.1:0"
Fqdn = "mail.contoso.test"
AuthMechanism = "Tls"
PermissionGroups = "AnonymousUsers"
"#;

const READY: &str = "220 2.0.0 SMTP server ready";

#[test]
fn both_verbs_lead_to_a_delivery() {
    let daemon = Daemon::start(CONNECTORS, &[]);
    for (verb, version) in [("STARTTLS", &TLS12), ("STARTTLS", &TLS13), ("X-ANONYMOUSTLS", &TLS12)]
    {
        let mut client = Client::connect(daemon.address("Default Frontend EX01"));
        client.ehlo();
        assert_eq!(client.command(verb), READY);
        let (mut client, certificate) = handshake_with(client, &[version]);
        let (_, certificate) = X509Certificate::from_der(&certificate).unwrap();
        assert_eq!(certificate.subject().to_string(), "CN=EX01");
        assert_eq!(client.command("MAIL FROM:<a@b.test>"), "503 5.5.2 Send hello first");
        let keywords = client.ehlo();
        assert!(!keywords.iter().any(|k| k.contains("TLS")), "{keywords:?}");
        let delivered = client.deliver("a@fabrikam.test", "alice@contoso.test");
        assert!(delivered.starts_with("250 2.6.0 "), "{delivered}");
    }
}

#[test]
fn the_version_of_tls_is_the_servers_and_the_verbs() {
    for (year, verb, expected) in [
        ("2016", "STARTTLS", ProtocolVersion::TLSv1_2),
        ("2019", "STARTTLS", ProtocolVersion::TLSv1_3),
        ("2019", "X-ANONYMOUSTLS", ProtocolVersion::TLSv1_2),
    ] {
        let daemon = Daemon::start(&format!("[Server]\nVersion = \"{year}\"\n{CONNECTORS}"), &[]);
        let mut client = Client::connect(daemon.address("Default Frontend EX01"));
        client.ehlo();
        assert_eq!(client.command(verb), READY);
        let stream = handshake(client).into_inner();
        assert_eq!(stream.conn.protocol_version(), Some(expected), "{year} {verb}");
    }
}

#[test]
fn the_two_verbs_show_two_certificates() {
    let daemon = Daemon::start(CONNECTORS, &[]);
    let [smtp, internal] = ["STARTTLS", "X-ANONYMOUSTLS"].map(|verb| {
        let mut client = Client::connect(daemon.address("Default Frontend EX01"));
        client.ehlo();
        client.command(verb);
        handshake_with(client, &[]).1
    });
    assert_ne!(smtp, internal);
}

/// What comes behind the command in one packet is in clear, and must not count inside TLS.
#[test]
fn plaintext_behind_starttls_is_dropped_and_recorded() {
    let daemon = Daemon::start(CONNECTORS, &[]);
    let mut client = Client::connect(daemon.address("Default Frontend EX01"));
    client.ehlo();
    client.send_raw(b"STARTTLS\r\nEHLO injected\r\nMAIL FROM:<evil@fabrikam.test>\r\n");
    assert_eq!(client.reply(), READY);
    let mut client = handshake(client);
    assert_eq!(client.command("RCPT TO:<alice@contoso.test>"), "503 5.5.2 Send hello first");
    daemon.wait_for_log("octets that came in clear behind STARTTLS were dropped");
}

#[test]
fn a_handshake_that_fails_ends_without_a_reply() {
    let daemon = Daemon::start(CONNECTORS, &[]);
    let mut client = Client::connect(daemon.address("Default Frontend EX01"));
    client.ehlo();
    assert_eq!(client.command("STARTTLS"), READY);
    client.send_raw(b"EHLO in clear\r\n");
    let rest = client.reply();
    assert!(!rest.starts_with(|c: char| c.is_ascii_digit()), "{rest}");
    daemon.wait_for_log("the TLS handshake behind STARTTLS failed");
}

/// As a server of 2010 did: ask.wireshark.org, question 55085.
#[test]
fn clear_text_behind_the_handshake_ends_without_a_reply() {
    let daemon = Daemon::start(CONNECTORS, &[]);
    let mut client = Client::connect(daemon.address("Default Frontend EX01"));
    client.ehlo();
    assert_eq!(client.command("STARTTLS"), READY);
    let mut socket = handshake(client).into_inner().sock;
    socket.write_all(b"EHLO client.test\r\n").unwrap();
    let mut rest = Vec::new();
    socket.read_to_end(&mut rest).unwrap();
    assert!(!rest.first().is_some_and(u8::is_ascii_digit), "{rest:?}");
}

#[test]
fn a_missing_certificate_is_an_event_and_mended_by_cert_new() {
    let daemon = Daemon::start(CONNECTORS, &[]);
    let event = daemon.wait_for_log("event=12014");
    assert!(
        event.contains(
            "Microsoft Exchange could not find a certificate that contains the domain name \
             mail.contoso.test in the personal store on the local computer. Therefore, it is \
             unable to support the STARTTLS SMTP verb for the connector Internet with a FQDN \
             parameter of mail.contoso.test."
        ),
        "{event}"
    );
    let mut client = Client::connect(daemon.address("Internet"));
    assert!(!client.ehlo().contains(&"STARTTLS".to_owned()));

    let state = tempfile::tempdir().unwrap();
    let made = std::process::Command::new(env!("CARGO_BIN_EXE_expsd"))
        .args(["cert", "new", "--name", "mail.contoso.test", "--state"])
        .arg(state.path())
        .output()
        .unwrap();
    assert!(made.status.success());
    let daemon = Daemon::start(CONNECTORS, &["--state", state.path().to_str().unwrap()]);
    let mut client = Client::connect(daemon.address("Internet"));
    assert!(client.ehlo().contains(&"STARTTLS".to_owned()));
}

/// A client that knows nothing but RSA, as old ones do.
#[test]
fn who_takes_rsa_alone_gets_in() {
    let daemon = Daemon::start(CONNECTORS, &[]);
    let mut client = Client::connect(daemon.address("Default Frontend EX01"));
    client.ehlo();
    assert_eq!(client.command("STARTTLS"), READY);
    let config = client_config_of("TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384", "secp384r1");
    let (mut client, _) = handshake_by(client, config);
    client.ehlo();
    assert!(client.deliver("a@fabrikam.test", "alice@contoso.test").starts_with("250 2.6.0 "));
}

fn new_certificate(arguments: &[&str]) -> (Option<i32>, String, tempfile::TempDir) {
    let state = tempfile::tempdir().unwrap();
    let made = std::process::Command::new(env!("CARGO_BIN_EXE_expsd"))
        .args(["cert", "new", "--state"])
        .arg(state.path())
        .args(arguments)
        .output()
        .unwrap();
    (made.status.code(), String::from_utf8(made.stderr).unwrap(), state)
}

#[test]
fn a_certificate_has_the_key_that_was_asked_for() {
    for (arguments, oid) in [
        (&["--name", "mail.contoso.test"][..], "1.2.840.113549.1.1.1"),
        (&["--name", "*.contoso.test", "--key", "rsa"], "1.2.840.113549.1.1.1"),
        (&["--name", "mail.contoso.test", "--key", "ec"], "1.2.840.10045.2.1"),
    ] {
        let (code, error, state) = new_certificate(arguments);
        assert_eq!(code, Some(0), "{error}");
        let file = std::fs::read_dir(state.path().join("certs")).unwrap().next().unwrap().unwrap();
        let pem = std::fs::read(file.path()).unwrap();
        let (_, pem) = x509_parser::pem::parse_x509_pem(&pem).unwrap();
        let certificate = pem.parse_x509().unwrap();
        assert_eq!(certificate.public_key().algorithm.algorithm.to_id_string(), oid);
    }
}

#[test]
fn what_is_no_dns_name_is_refused() {
    for name in ["", "bad name", "*", "*.", "a..b", "mail.contoso.test.", "*.*.contoso.test"] {
        let (code, error, _) = new_certificate(&["--name", name]);
        assert_eq!(code, Some(2), "{name:?}: {error}");
        assert!(error.contains("expected a DNS name such as mail.contoso.test"), "{error}");
    }
}

const CHOSEN: &str = "<I>CN=Contoso CA<S>CN=mail.contoso.test";

/// A daemon whose connector `a` asks for a certificate by name, with `certificates` in its
/// store.
fn start_with_certificate_name(name: &str, certificates: &[String]) -> Daemon {
    let dir = tempfile::tempdir().unwrap();
    let store = dir.path().join("state/expsd/certs");
    std::fs::create_dir_all(&store).unwrap();
    for (i, pem) in certificates.iter().enumerate() {
        std::fs::write(store.join(format!("{i}.pem")), pem).unwrap();
    }
    let toml = format!(
        "[[ReceiveConnector]]\nName = \"a\"\nBindings = \"127.0.0.1:0\"\nAuthMechanism = \"Tls\"\n\
         TlsCertificateName = \"{name}\"\n"
    );
    Daemon::start_in(dir, &toml, &[], &[])
}

/// In PEM with its key: valid from the first day of `from` up to that of `to`, for `dns`.
fn certificate(issuer: &str, subject: &str, dns: &str, from: i32, to: i32) -> String {
    let named = |name: &str| {
        let mut params = CertificateParams::new([dns.to_owned()]).unwrap();
        params.distinguished_name.push(DnType::CommonName, name);
        (params.not_before, params.not_after) =
            (date_time_ymd(from, 1, 1), date_time_ymd(to, 1, 1));
        params
    };
    let [authority, key] = [(); 2].map(|()| KeyPair::generate().unwrap());
    let issuer = Issuer::new(named(issuer), authority);
    named(subject).signed_by(&key, &issuer).unwrap().pem() + &key.serialize_pem()
}

#[test]
fn a_certificate_is_chosen_by_issuer_and_subject_and_the_newest_wins() {
    let ours =
        |from, to| certificate("Contoso CA", "mail.contoso.test", "elsewhere.test", from, to);
    let certificates = [
        ours(2020, 2090),
        ours(2022, 2091),
        ours(2023, 2024),
        certificate("Other CA", "mail.contoso.test", "mail.contoso.test", 2024, 2092),
        certificate("Contoso CA", "ex01.contoso.test", "ex01.contoso.test", 2024, 2093),
    ];
    let daemon = start_with_certificate_name(CHOSEN, &certificates);
    let mut client = Client::connect(daemon.address("a"));
    assert!(client.ehlo().contains(&"STARTTLS".to_owned()));
    assert_eq!(client.command("STARTTLS"), READY);
    let (_, shown) = handshake_with(client, &[]);
    let (_, shown) = X509Certificate::from_der(&shown).unwrap();
    assert_eq!(shown.issuer().to_string(), "CN=Contoso CA");
    assert_eq!(shown.validity().not_after.to_datetime().year(), 2091);
}

/// The self-signed certificate of a fresh server, as a dump of one names it.
#[test]
fn the_certificate_of_a_fresh_server_can_be_named() {
    let daemon = start_with_certificate_name("<I>CN=EX01<S>CN=EX01", &[]);
    assert!(Client::connect(daemon.address("a")).ehlo().contains(&"STARTTLS".to_owned()));
}

#[test]
fn a_stale_certificate_name_takes_starttls_away() {
    let other = certificate("Contoso CA", "ex01.contoso.test", "mail.contoso.test", 2024, 2090);
    let daemon = start_with_certificate_name(CHOSEN, &[other]);
    let event = daemon.wait_for_log("event=12014");
    let text = format!(
        "could not find a certificate that contains the domain name {CHOSEN} in the personal store \
         on the local computer. Therefore, it is unable to support the STARTTLS SMTP verb for the \
         connector a with a FQDN parameter of {CHOSEN}."
    );
    assert!(event.contains(&text), "{event}");
    let mut client = Client::connect(daemon.address("a"));
    assert!(!client.ehlo().contains(&"STARTTLS".to_owned()));
    client.send("STARTTLS");
    daemon.wait_for_log(&format!("no certificate that is still valid is for {CHOSEN}"));

    let expired = certificate("Contoso CA", "mail.contoso.test", "mail.contoso.test", 2020, 2021);
    let daemon = start_with_certificate_name(CHOSEN, &[expired]);
    daemon.wait_for_log("event=12016");
    assert!(!Client::connect(daemon.address("a")).ehlo().contains(&"STARTTLS".to_owned()));
}
