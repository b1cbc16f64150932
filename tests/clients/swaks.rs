use std::process::Command;

use crate::server::{BEHIND_A_PROXY, CLIENT_FRONTEND, DEFAULT_FRONTEND, Server};
use crate::support::{Finished, run, tool};

/// Swaks' exit status for recipients that were all refused.
const NO_RECIPIENTS: i32 = 24;
const LOGIN_FAILED: i32 = 28;

fn swaks(server: &Server, options: &[&str]) -> Option<Finished> {
    let mut swaks = Command::new(tool("swaks")?);
    swaks
        .args(["--server", "127.0.0.1", "--port", &server.port(), "--timeout", "20"])
        .args(["--helo", "client.fabrikam.test"])
        .args(options)
        // Settings of whoever runs the test.
        .env("SWAKS_HOME", "/nonexistent");
    Some(run(&mut swaks, b""))
}

const TO_ALICE: [&str; 4] = ["--from", "bob@fabrikam.test", "--to", "alice@contoso.test"];
const FROM_ALICE: [&str; 4] = ["--from", "alice@contoso.test", "--to", "bob@fabrikam.test"];

#[test]
fn a_stranger_delivers_after_starttls() {
    let server = Server::start(DEFAULT_FRONTEND);
    let Some(sent) = swaks(&server, &[&TO_ALICE[..], &["--tls"]].concat()) else { return };
    assert!(sent.status.success(), "{}", sent.stdout);
    assert!(sent.stdout.contains("TLS peer DN=\"/CN=EX01\""), "{}", sent.stdout);
    let message = server.message();
    assert_eq!(message.tls(), Some(("STARTTLS", "TLSv1.3")));
    assert_eq!(message.envelope(), "bob@fabrikam.test > alice@contoso.test");
}

#[test]
fn a_user_logs_on_after_starttls_and_may_relay() {
    let server = Server::start(CLIENT_FRONTEND);
    let login = ["--tls", "--auth", "LOGIN", "--auth-user", r"CONTOSO\alice"];
    let options = [&FROM_ALICE[..], &login, &["--auth-password", "Passw0rd!"]].concat();
    let Some(sent) = swaks(&server, &options) else { return };
    assert!(sent.status.success(), "{}", sent.stdout);
    assert_eq!(server.message().identity(), Some((r"CONTOSO\alice", "Login")));
}

#[test]
fn login_is_not_offered_in_clear() {
    let server = Server::start(CLIENT_FRONTEND);
    let login = ["--auth", "LOGIN", "--auth-user", "alice", "--auth-password", "Passw0rd!"];
    let Some(sent) = swaks(&server, &[&FROM_ALICE[..], &login].concat()) else { return };
    assert_eq!(sent.status.code(), Some(LOGIN_FAILED), "{}", sent.stdout);
    let auth = sent.stdout.lines().find(|line| line.contains("250-AUTH")).unwrap();
    assert!(auth.contains("GSSAPI") && !auth.contains("LOGIN"), "{auth}");
}

#[test]
fn relay_is_refused_to_a_stranger() {
    let server = Server::start(DEFAULT_FRONTEND);
    let options = ["--from", "bob@fabrikam.test", "--to", "carol@tailspin.test"];
    let Some(sent) = swaks(&server, &options) else { return };
    assert_eq!(sent.status.code(), Some(NO_RECIPIENTS));
    let reply = "<** 550 5.7.54 SMTP; Unable to relay recipient in non-accepted domain\n";
    assert!(sent.stdout.contains(reply), "{}", sent.stdout);
}

#[test]
fn a_proxy_header_of_either_version_says_where_the_client_is() {
    for version in ["1", "2"] {
        let server = Server::start(BEHIND_A_PROXY);
        let proxy = [
            ["--proxy-version", version],
            ["--proxy-family", if version == "1" { "TCP4" } else { "AF_INET" }],
            ["--proxy-source", "10.0.0.12"],
            ["--proxy-source-port", "40000"],
            ["--proxy-dest", "10.0.0.5"],
            ["--proxy-dest-port", "25"],
        ];
        let Some(sent) = swaks(&server, &[&TO_ALICE[..], proxy.as_flattened()].concat()) else {
            return;
        };
        assert!(sent.status.success(), "{}", sent.stdout);
        assert_eq!(server.message().remote(), "10.0.0.12:40000".parse().unwrap());
    }
}

#[test]
fn without_a_proxy_header_nobody_is_served_there() {
    let server = Server::start(BEHIND_A_PROXY);
    let Some(sent) = swaks(&server, &TO_ALICE) else { return };
    assert!(sent.stdout.contains("<** 421 4.3.2 Service not available\n"), "{}", sent.stdout);
    assert!(server.messages().is_empty());
}
