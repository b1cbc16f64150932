//! The case that every post tells: a relay connector on the same port, whose range covers
//! another Exchange server.

mod support;

use std::process::Command;

use support::{Client, Daemon, own_address};

const CONNECTORS: &str = r#"
[[ReceiveConnector]]
Name = "Default Frontend EX01"
TransportRole = "FrontendTransport"
Bindings = "ADDRESS:25025"
AuthMechanism = "Tls, Integrated, BasicAuth, BasicAuthRequireTLS, ExchangeServer"
PermissionGroups = "AnonymousUsers, ExchangeServers, ExchangeLegacyServers"

[[ReceiveConnector]]
Name = "App relay"
TransportRole = "FrontendTransport"
Bindings = "ADDRESS:25025"
RemoteIPRanges = ["RANGE"]
AuthMechanism = ["Tls"]
PermissionGroups = ["AnonymousUsers"]
TarpitInterval = "00:00:00"
AuthTarpitInterval = "00:00:00"

[proxy_protocol]
trust = ["127.0.0.0/8"]
"#;

/// Both connectors on one port, of an address that is this test's own.
fn start(range: &str) -> Daemon {
    let address = own_address().to_string();
    let toml = CONNECTORS.replace("ADDRESS", &address).replace("RANGE", range);
    Daemon::start(&toml, &[])
}

fn explain(daemon: &Daemon, remote: &str) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_expsd"))
        .args(["explain", "--remote", remote, "--config"])
        .arg(daemon.dir().join("expsd.toml"))
        .env("XDG_STATE_HOME", daemon.dir().join("state"))
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

fn offers_exchange_auth(keywords: &[String]) -> bool {
    let both = ["X-ANONYMOUSTLS", "X-EXPS GSSAPI NTLM"];
    let found = both.map(|keyword| keywords.iter().any(|k| k == keyword));
    assert_eq!(found[0], found[1], "{keywords:?}");
    found[0]
}

#[test]
fn a_relay_range_that_covers_an_exchange_server_shadows_the_default() {
    let daemon = start("10.0.0.10-10.0.0.20");
    let address = daemon.address("Default Frontend EX01");

    let mut covered = Client::connect_from(address, "10.0.0.12");
    assert!(!offers_exchange_auth(&covered.ehlo()));
    let refusal = "451 5.7.3 Cannot achieve Exchange Server authentication";
    assert_eq!(covered.command("X-EXPS GSSAPI"), refusal);
    assert_eq!(covered.command("X-ANONYMOUSTLS"), refusal);
    daemon.wait_for_log("Exchange Server authentication is not ticked");

    let mut free = Client::connect_from(address, "10.0.0.30");
    assert!(offers_exchange_auth(&free.ehlo()));
    assert_eq!(free.command("X-EXPS GSSAPI"), "334 GSSAPI supported");

    let explained = explain(&daemon, "10.0.0.12");
    for fact in [
        r"meets     EX01\App relay",
        "by its range 10.0.0.10-10.0.0.20 (11 addresses)",
        r"shadows   EX01\Default Frontend EX01",
        "451 5.7.3 Cannot achieve Exchange Server authentication",
    ] {
        assert!(explained.contains(fact), "{fact}\n{explained}");
    }
    assert!(explain(&daemon, "10.0.0.30").contains(r"meets     EX01\Default Frontend EX01"));
}

#[test]
fn narrowing_the_range_mends_it() {
    let daemon = start("10.0.0.15-10.0.0.20");
    let address = daemon.address("Default Frontend EX01");
    for source in ["10.0.0.12", "10.0.0.30"] {
        let mut client = Client::connect_from(address, source);
        assert!(offers_exchange_auth(&client.ehlo()), "{source}");
    }
}

#[test]
fn both_versions_of_proxy_state_the_source() {
    let daemon = start("10.0.0.10-10.0.0.20");
    let address = daemon.address("Default Frontend EX01");
    let mut client = Client::connect_silently(address);
    let mut header = b"\r\n\r\n\0\r\nQUIT\n\x21\x11\x00\x0c".to_vec();
    header.extend_from_slice(&[10, 0, 0, 12, 127, 0, 0, 1, 0x9c, 0x40, 0, 25]);
    client.send_raw(&header);
    assert!(client.reply().starts_with("220 "));
    let hello = client.command("EHLO ex02.contoso.test");
    assert!(hello.starts_with("250-ex01.contoso.test Hello [10.0.0.12]\n"), "{hello}");
}

#[test]
fn a_trusted_peer_without_a_header_speaks_for_itself() {
    let daemon = start("10.0.0.10-10.0.0.20");
    let mut client = Client::connect(daemon.address("Default Frontend EX01"));
    assert!(client.command("EHLO a").starts_with("250-ex01.contoso.test Hello [127.0.0.1]\n"));
}

#[test]
fn nobody_else_may_state_a_source() {
    let toml = "[[ReceiveConnector]]\nName = \"a\"\nBindings = \"127.0.0.1:0\"\n\
                PermissionGroups = \"AnonymousUsers\"\n[proxy_protocol]\ntrust = [\"192.0.2.1\"]\n";
    let daemon = Daemon::start(toml, &[]);
    for header in [
        &b"PROXY TCP4 10.0.0.12 127.0.0.1 40000 25\r\n"[..],
        b"\r\n\r\n\0\r\nQUIT\n\x21\x11\x00\x0c",
    ] {
        let mut client = Client::connect(daemon.address("a"));
        client.send_raw(header);
        assert!(client.is_closed());
    }
    daemon.wait_for_log("states another source address by a PROXY header");
}

#[test]
fn no_connector_for_an_address_is_recorded() {
    let toml = "[[ReceiveConnector]]\nName = \"a\"\nBindings = \"127.0.0.1:0\"\nRemoteIPRanges = \"10.0.0.0/8\"\n";
    let daemon = Daemon::start(toml, &[]);
    let mut client = Client::connect_silently(daemon.address("a"));
    assert_eq!(client.reply(), "421 4.3.2 Service not available");
    assert!(client.is_closed());
    let line = daemon.wait_for_log("refused");
    assert!(line.contains("no enabled connector takes 127.0.0.1 on 127.0.0.1:"), "{line}");
}
