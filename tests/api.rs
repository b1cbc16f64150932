//! The REST API, as a test asks it.

mod support;

#[path = "api/docs.rs"]
mod docs;
#[path = "api/guard.rs"]
mod guard;
#[path = "api/hostile.rs"]
mod hostile;
#[path = "api/messages.rs"]
mod messages;
#[path = "api/rules.rs"]
mod rules;
#[path = "api/server.rs"]
mod server;
#[path = "api/sessions.rs"]
mod sessions;
#[path = "api/stream.rs"]
mod stream;
#[path = "api/waiting.rs"]
mod waiting;

use serde_json::Value;
use support::{Client, Daemon, Response, http};

/// `a` takes mail from anybody, `b` wants a log-on.
const TOML: &str = r#"
    [[ReceiveConnector]]
    Name = "a"
    Bindings = "127.0.0.1:0"
    PermissionGroups = "AnonymousUsers"
    ProtocolLoggingLevel = "Verbose"
    TarpitInterval = "00:00:00"
    AuthTarpitInterval = "00:00:00"
    MaxMessageSize = "64 MB"

    [[ReceiveConnector]]
    Name = "b"
    Bindings = "127.0.0.1:0"
    AuthMechanism = ["Tls", "BasicAuth"]
    PermissionGroups = "ExchangeUsers"
    TarpitInterval = "00:00:00"
    AuthTarpitInterval = "00:00:00"

    [[account]]
    name = 'CONTOSO\alice'
    password = "Passw0rd!"
    addresses = ["alice@contoso.test"]
"#;

fn daemon() -> Daemon {
    Daemon::start(TOML, &[])
}

fn ask(daemon: &Daemon, method: &str, path: &str) -> Response {
    http(daemon.http(), method, &format!("/api/v1{path}"), &[], "")
}

/// What a GET gives.
fn get(daemon: &Daemon, path: &str) -> Value {
    let response = ask(daemon, "GET", path);
    assert_eq!(response.status, 200, "{path}: {}", response.body);
    json(&response)
}

fn json(response: &Response) -> Value {
    let kind = match response.status {
        200..300 => "content-type: application/json\r\n",
        _ => "content-type: application/problem+json\r\n",
    };
    assert!(response.headers.contains(kind), "{}", response.headers);
    let json: Value = serde_json::from_str(&response.body).unwrap();
    if response.status >= 400 {
        assert_eq!(json["status"], response.status);
    }
    json
}

/// The status and the detail of a problem.
fn refused(response: &Response) -> (u16, String) {
    (response.status, json(response)["detail"].as_str().unwrap().to_owned())
}

fn send(daemon: &Daemon, method: &str, path: &str, document: &str) -> Response {
    let headers = ["Content-Type: application/json"];
    http(daemon.http(), method, &format!("/api/v1{path}"), &headers, document)
}

fn deliver(daemon: &Daemon, from: &str, to: &str, content: &str) {
    let mut client = Client::connect(daemon.address("a"));
    client.ehlo();
    client.command(&format!("MAIL FROM:<{from}>"));
    client.command(&format!("RCPT TO:<{to}>"));
    client.command("DATA");
    let reply = client.command(&format!("{content}\r\n."));
    assert!(reply.starts_with("250 "), "{reply}");
    client.command("QUIT");
}

/// A session that asks for what is not offered.
fn be_refused(daemon: &Daemon) {
    let mut client = Client::connect(daemon.address("a"));
    client.ehlo();
    let reply = client.command("X-EXPS GSSAPI");
    assert_eq!(reply, "451 5.7.3 Cannot achieve Exchange Server authentication");
    client.command("QUIT");
}

/// A log-on with a wrong password.
fn fail_to_log_on(daemon: &Daemon) {
    let mut client = Client::connect(daemon.address("b"));
    client.ehlo();
    client.command("AUTH LOGIN");
    client.command("YWxpY2U=");
    assert!(client.command("d3Jvbmc=").starts_with("535 "));
    client.command("QUIT");
}

/// The values of `key` in a list.
fn each<'a>(list: &'a Value, key: &str) -> Vec<&'a str> {
    list.as_array().unwrap().iter().map(|item| item[key].as_str().unwrap()).collect()
}
