//! What leaves a record without a session, or beside its dialogue.

use std::fs;
use std::io::Read as _;
use std::net::TcpStream;
use std::path::Path;

use serde_json::Value;

use crate::agreement::lines;
use crate::support::{Client, Daemon, http, protocol_log, wait_until};
use crate::{events, rows_until, start};

const SERVER: &str = r#"
    [[account]]
    name = 'CONTOSO\alice'
    password = "Passw0rd!"

    [[ReceiveConnector]]
    Name = "One"
    TransportRole = "FrontendTransport"
    Bindings = "127.0.0.1:0"
    AuthMechanism = "Tls, Integrated, BasicAuth"
    PermissionGroups = "AnonymousUsers"
    ProtocolLoggingLevel = "Verbose"
    MaxInboundConnection = 1
    TarpitInterval = "00:00:00"
    AuthTarpitInterval = "00:00:00"

    [[ReceiveConnector]]
    Name = "Elsewhere"
    TransportRole = "FrontendTransport"
    Bindings = "127.0.0.1:0"
    RemoteIPRanges = "192.0.2.0/24"
    PermissionGroups = "AnonymousUsers"
    ProtocolLoggingLevel = "Verbose"

    [[ReceiveConnector]]
    Name = "Strict"
    TransportRole = "FrontendTransport"
    Bindings = "127.0.0.1:0"
    AuthMechanism = "Tls"
    PermissionGroups = "ExchangeUsers"
    TarpitInterval = "00:00:00"
    RequireTLS = true

    [[ReceiveConnector]]
    Name = "Users"
    TransportRole = "FrontendTransport"
    Bindings = "127.0.0.1:0"
    PermissionGroups = "ExchangeUsers"
    TarpitInterval = "00:00:00"
"#;

fn metrics(daemon: &Daemon) -> String {
    http(daemon.http(), "GET", "/metrics", &[], "").body
}

fn assert_metrics(daemon: &Daemon, expected: &[&str]) {
    let text = metrics(daemon);
    for line in expected {
        assert!(text.lines().any(|l| l == *line), "{line}\n{text}");
    }
}

fn trace(journal: &Path, wanted: impl Fn(&Value) -> bool) -> Value {
    wait_until(|| lines(journal, "sessions").into_iter().find(|trace| wanted(trace)))
}

/// Reply, reason and remedy of the one step of a connection that was turned away.
fn only_step(trace: &Value) -> (&str, &Value) {
    let steps = trace["steps"].as_array().unwrap();
    assert_eq!(steps.len(), 1, "{trace}");
    (steps[0]["text"].as_str().unwrap(), &steps[0]["refusal"])
}

#[test]
fn a_connection_without_a_place_leaves_rows_a_trace_an_event_and_counts() {
    let (daemon, journal) = start(SERVER);
    let mut first = Client::connect_silently(daemon.address("One"));
    let greeting = first.reply();
    // It is told when it is refused, while the other side still has the line open.
    let mut second = TcpStream::connect(daemon.address("One")).unwrap();
    let rows = rows_until(&journal, "-,,Local");
    let last = rows.iter().position(|row| row.ends_with("-,,Local")).unwrap();
    assert!(rows[last - 1].contains(",>,\"421 4.3.2 "), "{rows:#?}");
    let trace = trace(&journal, |trace| trace["outcome"] == "refused");
    assert_eq!(trace["selection"]["connector"], r"EX01\One");
    let (reply, refusal) = only_step(&trace);
    assert!(reply.starts_with("421 4.3.2 The maximum number of concurrent server"), "{reply}");
    assert_eq!(refusal["reason"], "MaxInboundConnection (1) is reached");
    assert_eq!(
        refusal["commands"][0],
        r#"Set-ReceiveConnector "EX01\One" -MaxInboundConnection 2"#
    );
    let event = events(&journal, 1).pop().unwrap();
    assert_eq!((&event["id"], &event["session"]), (&1009.into(), &trace["session"]));
    assert!(rows[last].contains(trace["session"].as_str().unwrap()), "{rows:#?}");
    let mut told = String::new();
    second.read_to_string(&mut told).unwrap();
    assert_eq!(told, format!("{reply}\r\n"));
    let sent = greeting.len() + "\r\n".len() + told.len();
    assert_metrics(
        &daemon,
        &[
            r#"expsd_replies_total{code="421"} 1"#,
            &format!("expsd_sent_bytes_total {sent}"),
            r#"expsd_connections_refused_total{reason="max_inbound_connection"} 1"#,
            r#"expsd_events_total{id="1009",level="Warning",source="MSExchangeFrontEndTransport"} 1"#,
            r#"expsd_events_total{id="1035",level="Warning",source="MSExchangeFrontEndTransport"} 0"#,
            r#"expsd_authentications_total{mechanism="Login",outcome="ok"} 0"#,
            r#"expsd_tls_handshakes_total{command="STARTTLS",outcome="ok"} 0"#,
            r#"expsd_journal_dropped_total{kind="trace"} 0"#,
            r#"expsd_sessions_total{connector="EX01\\Strict"} 0"#,
        ],
    );
}

#[test]
fn a_connection_that_no_connector_takes_leaves_a_trace() {
    let (daemon, journal) = start(SERVER);
    let mut client = TcpStream::connect(daemon.address("Elsewhere")).unwrap();
    let mut told = String::new();
    client.read_to_string(&mut told).unwrap();
    assert_eq!(told, "421 4.3.2 Service not available\r\n");
    let trace = trace(&journal, |_| true);
    assert_eq!(trace["selection"]["connector"], Value::Null);
    let (_, refusal) = only_step(&trace);
    let reason = refusal["reason"].as_str().unwrap();
    assert!(reason.starts_with("no enabled connector takes 127.0.0.1"), "{reason}");
    assert!(refusal["mend"].as_str().unwrap().contains("RemoteIPRanges"), "{refusal}");
    assert!(protocol_log(&journal).concat().is_empty());
    assert_metrics(&daemon, &[r#"expsd_replies_total{code="421"} 1"#]);
}

#[test]
fn a_handshake_that_fails_is_a_refusal_with_its_reason() {
    let (daemon, journal) = start(SERVER);
    let mut client = Client::connect(daemon.address("One"));
    client.ehlo();
    client.command("STARTTLS");
    client.send_raw(b"EHLO in clear\r\n");
    let trace = trace(&journal, |_| true);
    let steps = trace["steps"].as_array().unwrap();
    let failed = steps.iter().find(|step| step["kind"] == "tls-failed").expect("a step");
    assert_eq!(failed["refusal"]["reason"], "what the client sent is no TLS");
    let sender = failed["refusal"]["sender"].as_str().unwrap();
    assert!(sender.contains("421 4.4.2 Connection dropped due to SocketError"), "{sender}");
    assert_eq!(trace["outcome"], "refused");
    assert_metrics(
        &daemon,
        &[r#"expsd_tls_handshakes_total{command="STARTTLS",outcome="IllegalMessage"} 1"#],
    );
}

/// The session goes on with the rights that it had, so no row tells of others.
#[test]
fn a_proof_without_submit_takes_nothing_away() {
    let (daemon, journal) = start(SERVER);
    let mut client = Client::connect(daemon.address("One"));
    client.ehlo();
    client.command("AUTH LOGIN YWxpY2U=");
    assert_eq!(client.command("UGFzc3cwcmQh"), "535 5.7.3 Authentication unsuccessful");
    assert_eq!(client.command("MAIL FROM:<a@fabrikam.test>"), "250 2.1.0 Sender OK");
    client.command("QUIT");
    let rows = rows_until(&journal, "-,,Local").concat();
    assert!(rows.contains("doesn't have submit permission."), "{rows}");
    assert!(!rows.contains("Set Session Permissions"), "{rows}");
    let trace = trace(&journal, |_| true);
    assert_eq!(trace["ending"], "ended by QUIT");
    let said: Vec<_> = trace["steps"].as_array().unwrap().iter().map(|s| &s["text"]).collect();
    assert!(said.contains(&&"<authentication response>".into()), "{said:?}");
    assert_metrics(
        &daemon,
        &[r#"expsd_authentications_total{mechanism="Login",outcome="NoSubmitPermission"} 1"#],
    );
}

#[test]
fn what_a_hello_leaves_out_stands_behind_its_reply_and_once() {
    let (daemon, journal) = start(SERVER);
    let mut client = Client::connect(daemon.address("One"));
    client.send_raw(b"HELO a\r\nEHLO a\r\nMAIL FROM:<a@fabrikam.test>\r\nEHLO a\r\nQUIT\r\n");
    for code in ["250 ", "250-", "250 2.1.0", "250-", "221 "] {
        assert!(client.reply().starts_with(code));
    }
    let trace = trace(&journal, |_| true);
    let steps = trace["steps"].as_array().unwrap();
    let places: Vec<_> = (0..steps.len()).filter(|i| steps[*i]["kind"] == "left-out").collect();
    assert_eq!(places.len(), 1, "{steps:#?}");
    let before = steps[places[0] - 1]["text"].as_str().unwrap();
    assert!(before.starts_with("250-") && before.contains("Hello"), "{before}");
}

/// 1023 and 1032 of what clients try, each with its session.
#[test]
fn a_submission_without_right_and_one_without_tls_are_events() {
    let (daemon, journal) = start(SERVER);
    for (name, reply) in [("Users", "530 5.7.57"), ("Strict", "451 5.7.3 Must issue a STARTTLS")] {
        let mut client = Client::connect(daemon.address(name));
        client.ehlo();
        let told = client.command("MAIL FROM:<a@fabrikam.test>");
        assert!(told.starts_with(reply), "{told}");
    }
    let events = events(&journal, 2);
    let told: Vec<_> = events.iter().map(|e| (e["id"].as_u64(), e["level"].as_str())).collect();
    assert_eq!(told, [(Some(1023), Some("Information")), (Some(1032), Some("Error"))]);
    assert_eq!(events[0]["inserts"], serde_json::json!(["Users", "anonymous", "127.0.0.1"]));
}

#[test]
fn an_internal_certificate_without_its_key_is_told_and_left_alone() {
    let dir = tempfile::tempdir().unwrap();
    let state = dir.path().join("state/expsd");
    let mut daemon = Daemon::start_in(dir, SERVER, &[], &[]);
    let path = state.join("certs/internal-transport.pem");
    let pem = fs::read_to_string(&path).unwrap();
    let (certificate, _) = pem.split_once("-----BEGIN PRIVATE").unwrap();
    fs::write(&path, certificate).unwrap();
    daemon.signal("-TERM");
    assert!(daemon.wait().success());
    let second = tempfile::tempdir().unwrap();
    let journal = second.path().join("journal");
    let arguments = ["--journal", journal.to_str().unwrap(), "--state", state.to_str().unwrap()];
    let _second = Daemon::start_in(second, SERVER, &arguments, &[]);
    let event = events(&journal, 1).pop().unwrap();
    assert_eq!(event["id"], 12024);
    assert_ne!(event["inserts"][0], event["inserts"][1]);
    assert_eq!(fs::read_to_string(&path).unwrap(), certificate);
}
