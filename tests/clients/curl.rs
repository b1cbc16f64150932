use std::iter;
use std::process::Command;

use crate::server::{BEHIND_A_PROXY, CLIENT_FRONTEND, DEFAULT_FRONTEND, Server};
use crate::support::{Finished, run, tool};

const MESSAGE: &str = "Subject: by curl\r\n\r\n.A dot, and text.\r\n";

/// Curl's exit status for a login that was denied.
const LOGIN_DENIED: i32 = 67;

/// A curl that takes the server for ex01.contoso.test.
fn curl(server: &Server) -> Option<Command> {
    let mut curl = Command::new(tool("curl")?);
    curl.args(["--disable", "--silent", "--show-error", "--verbose"])
        .args(["--connect-to", &format!("::{}", server.address())])
        .arg("smtp://ex01.contoso.test/client.fabrikam.test");
    Some(curl)
}

fn deliver(curl: &mut Command, from: &str, to: &str, message: &[u8]) -> Finished {
    run(curl.args(["--mail-from", from, "--mail-rcpt", to, "--upload-file", "-"]), message)
}

#[test]
fn a_stranger_delivers_to_the_domain_of_the_server() {
    let server = Server::start(DEFAULT_FRONTEND);
    let Some(mut curl) = curl(&server) else { return };
    let sent = deliver(&mut curl, "bob@fabrikam.test", "alice@contoso.test", MESSAGE.as_bytes());
    assert!(sent.status.success(), "{}", sent.stderr);
    let message = server.message();
    assert_eq!(message.text(), MESSAGE);
    assert_eq!(message.envelope(), "bob@fabrikam.test > alice@contoso.test");
    assert_eq!(message.fact("hello"), "client.fabrikam.test");
    assert_eq!((message.tls(), message.identity()), (None, None));
}

#[test]
fn a_stranger_delivers_after_starttls() {
    let server = Server::start(DEFAULT_FRONTEND);
    let Some(mut curl) = curl(&server) else { return };
    curl.args(["--ssl-reqd", "--insecure"]);
    let sent = deliver(&mut curl, "bob@fabrikam.test", "alice@contoso.test", MESSAGE.as_bytes());
    assert!(sent.status.success(), "{}", sent.stderr);
    assert_eq!(server.message().tls(), Some(("STARTTLS", "TLSv1.3")));
}

#[test]
fn the_certificate_stands_up_to_a_check() {
    let server = Server::start(DEFAULT_FRONTEND);
    let Some(mut curl) = curl(&server) else { return };
    curl.arg("--ssl-reqd").arg("--cacert").arg(server.certificate());
    let sent = deliver(&mut curl, "bob@fabrikam.test", "alice@contoso.test", MESSAGE.as_bytes());
    assert!(sent.status.success(), "{}", sent.stderr);
}

#[test]
fn a_user_logs_on_after_starttls_and_may_relay() {
    let server = Server::start(CLIENT_FRONTEND);
    let Some(mut curl) = curl(&server) else { return };
    curl.args(["--ssl-reqd", "--insecure", "--login-options", "AUTH=LOGIN"])
        .args(["--user", r"CONTOSO\alice:Passw0rd!"]);
    let sent = deliver(&mut curl, "alice@contoso.test", "bob@fabrikam.test", MESSAGE.as_bytes());
    assert!(sent.status.success(), "{}", sent.stderr);
    assert_eq!(server.message().identity(), Some((r"CONTOSO\alice", "Login")));
}

#[test]
fn a_wrong_password_is_refused() {
    let server = Server::start(CLIENT_FRONTEND);
    let Some(mut curl) = curl(&server) else { return };
    curl.args(["--ssl-reqd", "--insecure", "--login-options", "AUTH=LOGIN"])
        .args(["--user", "alice:wrong"]);
    let sent = deliver(&mut curl, "alice@contoso.test", "bob@fabrikam.test", MESSAGE.as_bytes());
    assert_eq!(sent.status.code(), Some(LOGIN_DENIED), "{}", sent.stderr);
    assert!(sent.stderr.contains("< 535 5.7.3 Authentication unsuccessful"), "{}", sent.stderr);
    assert!(server.messages().is_empty());
}

#[test]
fn a_large_message_arrives_whole() {
    let server = Server::start(DEFAULT_FRONTEND);
    let Some(mut curl) = curl(&server) else { return };
    let lines = (0..160_000).map(|n| format!("line {n}, and a dot alone:\r\n.\r\n"));
    let message: String = iter::once("Subject: large\r\n\r\n".to_owned()).chain(lines).collect();
    assert!(message.len() > 5_000_000);
    let sent = deliver(&mut curl, "bob@fabrikam.test", "alice@contoso.test", message.as_bytes());
    assert!(sent.status.success(), "{}", sent.stderr);
    assert!(server.message().text() == message);
}

/// Curl states its own address before 8.2 and, with `--haproxy-clientip`, any since.
#[test]
fn a_proxy_header_says_where_the_client_is() {
    let own = BEHIND_A_PROXY.replace("10.0.0.0/24", "127.0.0.12");
    let Some(curl_path) = tool("curl") else { return };
    let help = run(Command::new(curl_path).args(["--help", "all"]), b"").stdout;
    let (parameters, address, options) = if help.contains("--haproxy-clientip") {
        (BEHIND_A_PROXY, "10.0.0.12", ["--haproxy-clientip", "10.0.0.12"].as_slice())
    } else {
        (own.as_str(), "127.0.0.12", ["--haproxy-protocol", "--interface", "127.0.0.12"].as_slice())
    };
    let server = Server::start(parameters);
    let mut curl = curl(&server).unwrap();
    curl.args(options);
    let sent = deliver(&mut curl, "bob@fabrikam.test", "alice@contoso.test", MESSAGE.as_bytes());
    assert!(sent.status.success(), "{}", sent.stderr);
    assert_eq!(server.message().remote().ip().to_string(), address);
}

/// Curl tries GSSAPI only for a user of a domain. Without a password it can do nothing else.
#[cfg(feature = "gssapi")]
#[test]
fn a_ticket_lets_a_user_in() {
    let Some(domain) = crate::server::Domain::start("") else { return };
    for service in ["smtp", "SMTPSVC"] {
        let Some(mut curl) = curl(&domain.server) else { return };
        curl.envs(domain.environment())
            .args(["--user", r"CONTOSO\alice:", "--login-options", "AUTH=GSSAPI"])
            .args(["--service-name", service]);
        let sent =
            deliver(&mut curl, "alice@contoso.test", "bob@fabrikam.test", MESSAGE.as_bytes());
        assert!(sent.status.success(), "{}", sent.stderr);
    }
    for message in domain.server.messages() {
        assert_eq!(message.identity(), Some((r"CONTOSO\alice", "Gssapi")));
    }
    assert_eq!(domain.server.messages().len(), 2);
}
