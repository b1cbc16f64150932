//! The pages in a browser: Chromium, driven by playwright-core, looked at by axe-core.
//!
//! Debian packages: chromium, nodejs (20 or later), npm, swaks.

mod support;

#[allow(dead_code)] // The other packages are for other tests.
#[path = "proofs/packages.rs"]
mod packages;

use std::net::TcpListener;
use std::path::Path;
use std::time::Duration;

use support::{Daemon, own_address, run_within, tool};

/// A browser on a slow machine, some hundred pages.
const PATIENCE: Duration = Duration::from_secs(300);

/// `address` is one that nobody else uses: two connectors share a binding.
fn set(address: &str) -> String {
    format!(
        r#"
        [[AcceptedDomain]]
        DomainName = "contoso.test"
        [[ReceiveConnector]]
        Name = "Default Frontend EX01"
        TransportRole = "FrontendTransport"
        Bindings = "{address}:2525"
        AuthMechanism = "Tls, Integrated, BasicAuth, ExchangeServer"
        PermissionGroups = "AnonymousUsers, ExchangeServers, ExchangeUsers"
        ProtocolLoggingLevel = "Verbose"
        TarpitInterval = "00:00:00"
        AuthTarpitInterval = "00:00:00"
        [[ReceiveConnector]]
        Name = "App relay"
        TransportRole = "FrontendTransport"
        Bindings = "{address}:2525"
        RemoteIPRanges = "10.0.0.10-10.0.0.20"
        AuthMechanism = "Tls"
        PermissionGroups = "AnonymousUsers"
        [[account]]
        name = 'CONTOSO\alice'
        password = "Passw0rd!"
        addresses = ["alice@contoso.test"]
        "#
    )
}

fn drive(script: &str, daemon: &Daemon, more: &[&str]) {
    let (Some(chromium), Some(swaks)) = (tool("chromium"), tool("swaks")) else { return };
    let Some(mut node) = packages::browser() else { return };
    let scripts = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/browser");
    node.arg(scripts.join(script))
        .env("CHROMIUM", chromium)
        .env("SWAKS", swaks)
        .env("PAGES", format!("http://{}", daemon.http()))
        .args(more);
    let done = run_within(PATIENCE, &mut node, b"");
    assert!(done.status.success(), "{}{}", done.stdout, done.stderr);
}

#[test]
fn a_reader_finds_his_way() {
    let address = own_address().to_string();
    let daemon = Daemon::start(&set(&address), &[]);
    // Whoever loads something of a message asks here.
    let elsewhere = TcpListener::bind("127.0.0.1:0").unwrap();
    elsewhere.set_nonblocking(true).unwrap();
    let beacon = format!("http://{}/beacon.png", elsewhere.local_addr().unwrap());
    drive("reader.cjs", &daemon, &[&address, &beacon]);
    assert!(elsewhere.accept().is_err(), "something was loaded from elsewhere");
}

#[test]
fn a_stranger_shows_the_token() {
    let toml = format!("{}[http]\ntoken = \"0123456789abcdef\"\n", set(&own_address().to_string()));
    let daemon = Daemon::start(&toml, &[]);
    drive("token.cjs", &daemon, &["0123456789abcdef"]);
}
