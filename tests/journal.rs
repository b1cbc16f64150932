//! The files of `--journal`: who writes them, who reads them, what is not in them, and what
//! becomes of them when the disk fails.

mod support;

#[path = "journal/agreement.rs"]
mod agreement;
#[path = "journal/edges.rs"]
mod edges;
#[path = "journal/readers.rs"]
mod readers;
#[path = "journal/secrets.rs"]
mod secrets;
#[path = "journal/trouble.rs"]
mod trouble;

use std::path::PathBuf;
use std::process::Command;

use support::{Client, Daemon, protocol_log, run, wait_until};

/// One server with a service of each kind.
const SERVER: &str = r#"
    [[ReceiveConnector]]
    Name = "Default Frontend EX01"
    TransportRole = "FrontendTransport"
    Bindings = "127.0.0.1:0"
    AuthMechanism = "Tls, Integrated, BasicAuth, ExchangeServer"
    PermissionGroups = "AnonymousUsers, ExchangeUsers, ExchangeServers"
    ProtocolLoggingLevel = "Verbose"
    TarpitInterval = "00:00:00"
    AuthTarpitInterval = "00:00:00"
    MaxLogonFailures = 0
    MaxProtocolErrors = "unlimited"

    [[ReceiveConnector]]
    Name = "Default EX01"
    TransportRole = "HubTransport"
    Bindings = "127.0.0.1:0"
    PermissionGroups = "AnonymousUsers"
    ProtocolLoggingLevel = "Verbose"

    [[ReceiveConnector]]
    Name = "Quiet"
    TransportRole = "FrontendTransport"
    Bindings = "127.0.0.1:0"
    PermissionGroups = "AnonymousUsers"
"#;

/// A daemon that keeps a journal, and the folder.
fn start(toml: &str) -> (Daemon, PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let journal = dir.path().join("journal");
    let daemon = Daemon::start_in(dir, toml, &["--journal", journal.to_str().unwrap()], &[]);
    (daemon, journal)
}

fn front_end(daemon: &Daemon) -> Client {
    Client::connect(daemon.address("Default Frontend EX01"))
}

/// Waits for the log to hold a row that ends with `end`, and gives all rows.
fn rows_until(journal: &std::path::Path, end: &str) -> Vec<String> {
    wait_until(|| {
        let log = protocol_log(journal).concat();
        let rows: Vec<_> = log.lines().filter(|line| line.starts_with("20")).collect();
        rows.iter()
            .any(|row| row.ends_with(end))
            .then(|| rows.into_iter().map(str::to_owned).collect())
    })
}

/// The lines of `events.jsonl`, once there are `count`.
fn events(journal: &std::path::Path, count: usize) -> Vec<serde_json::Value> {
    wait_until(|| {
        let text = std::fs::read_to_string(journal.join("events.jsonl")).ok()?;
        let events = text.lines().map(serde_json::from_str);
        events.collect::<Result<Vec<_>, _>>().ok().filter(|events| events.len() >= count)
    })
}

#[test]
fn each_service_has_its_folder_and_a_quiet_connector_no_row() {
    let (daemon, journal) = start(SERVER);
    for name in ["Default Frontend EX01", "Default EX01", "Quiet"] {
        let mut client = Client::connect(daemon.address(name));
        client.ehlo();
        client.deliver("bob@fabrikam.test", "alice@contoso.test");
        client.command("QUIT");
    }
    for (service, connector) in [("FrontEnd", "Default Frontend EX01"), ("Hub", "Default EX01")] {
        let rows = rows_until(&journal.join(service).join("ProtocolLog/SmtpReceive"), "-,,Local");
        let own = format!(",EX01\\{connector},");
        assert!(rows.iter().all(|row| row.contains(&own)), "{rows:#?}");
        let mut sequence = rows.iter().map(|row| row.split(',').nth(3).unwrap());
        assert!((0..rows.len()).all(|n| sequence.next() == Some(&n.to_string())), "{rows:#?}");
        let proxied = rows.iter().any(|row| row.contains("OnProxyInboundMessage"));
        assert_eq!(proxied, service == "FrontEnd", "{rows:#?}");
    }
}

/// 2010 has no services that share a server, and a file for each day.
#[test]
fn an_older_version_has_one_folder() {
    let toml = r#"
        [Server]
        Version = "2010"
        [[ReceiveConnector]]
        Name = "Default EX01"
        Bindings = "127.0.0.1:0"
        PermissionGroups = "AnonymousUsers"
        ProtocolLoggingLevel = "Verbose"
    "#;
    let (daemon, journal) = start(toml);
    drop(Client::connect(daemon.address("Default EX01")));
    let folder = journal.join("ProtocolLog/SmtpReceive");
    let rows = rows_until(&folder, "-,,Remote");
    assert!(rows[1].ends_with(
        ",*,SMTPSubmit SMTPAcceptAnySender SMTPAcceptAuthoritativeDomainSender \
         AcceptRoutingHeaders,Set Session Permissions"
    ));
    let name = std::fs::read_dir(folder).unwrap().next().unwrap().unwrap().file_name();
    assert_eq!(name.len(), "RECV20190221-1.LOG".len(), "{name:?}");
}

#[test]
fn a_reset_is_told_from_an_end() {
    let (daemon, journal) = start(SERVER);
    let mut client = front_end(&daemon);
    client.ehlo();
    let stream = client.into_inner();
    socket2::SockRef::from(&stream).set_linger(Some(std::time::Duration::ZERO)).unwrap();
    drop(stream);
    rows_until(&journal, "-,,Remote(ConnectionReset)");
}

#[test]
fn a_handshake_that_fails_has_a_row() {
    let (daemon, journal) = start(SERVER);
    let mut client = front_end(&daemon);
    client.ehlo();
    client.command("STARTTLS");
    client.send_raw(b"EHLO in clear\r\n");
    let rows = rows_until(&journal, "-,,Local");
    let failed = "*,,TLS negotiation failed with error IllegalMessage";
    assert!(rows[rows.len() - 2].ends_with(failed), "{rows:#?}");
}

/// The reply, the row and the event of one failure, which name each other's session.
#[test]
fn a_failed_proof_leaves_rows_and_one_event() {
    let (daemon, journal) = start(SERVER);
    let mut client = front_end(&daemon);
    client.ehlo();
    for _ in 0..3 {
        client.command("AUTH LOGIN ZXZl");
        assert_eq!(client.command("d3Jvbmc="), "535 5.7.3 Authentication unsuccessful");
    }
    client.command("QUIT");
    let rows = rows_until(&journal, "-,,Local");
    let failed: Vec<_> = rows
        .iter()
        .filter(|row| row.ends_with("AUTH LOGIN failed because of LogonDenied"))
        .collect();
    assert_eq!(failed.len(), 3);
    // An account that may not be used, which is another event.
    let mut client = front_end(&daemon);
    client.ehlo();
    client.command("X-EXPS EXCHANGEAUTH");
    client.command("AUTH LOGIN Ym9i");
    client.command("d3Jvbmc=");
    let events = events(&journal, 1);
    assert_eq!(events.len(), 1, "repeats are counted, not recorded");
    let event = &events[0];
    assert_eq!(event["id"], 1035);
    assert_eq!(event["source"], "MSExchangeFrontEndTransport");
    assert_eq!(event["inserts"][0], "LogonDenied");
    assert_eq!(event["session"], failed[0].split(',').nth(2).unwrap());
    assert!(daemon.log().contains(event["text"].as_str().unwrap()));
}

#[test]
fn a_server_that_cannot_listen_leaves_events() {
    let (daemon, journal) = start(SERVER);
    let address = daemon.address("Default EX01");
    let toml = SERVER.replacen("127.0.0.1:0", &address.to_string(), 1);
    let dir = tempfile::tempdir().unwrap();
    let config = dir.path().join("expsd.toml");
    std::fs::write(&config, toml).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_expsd"));
    command.args(["serve", "--http", "off", "--state"]).arg(dir.path());
    let ended = run(command.arg("--config").arg(config).arg("--journal").arg(&journal), b"");
    assert_eq!(ended.status.code(), Some(1), "{}", ended.stderr);
    let events = events(&journal, 2);
    let told: Vec<_> = events.iter().map(|event| event["text"].as_str().unwrap()).collect();
    assert_eq!(
        told,
        [
            format!("The address is already in use. Binding: {address}."),
            format!("Failed to start listening (Error: 10048). Binding: {address}."),
        ]
    );
    assert_eq!(events[0]["source"], "MSExchangeFrontEndTransport");
}

#[test]
fn the_folder_can_be_configured_and_what_is_written_too() {
    let dir = tempfile::tempdir().unwrap();
    let toml = format!(
        "[journal]\ndirectory = \"logs\"\nReceiveProtocolLogMaxFileSize = \"4 KB\"\n\
         ReceiveProtocolLogMaxDirectorySize = \"20 KB\"\n{SERVER}"
    );
    let journal = dir.path().join("logs");
    let daemon = Daemon::start_in(dir, &toml, &[], &[]);
    for _ in 0..20 {
        let mut client = front_end(&daemon);
        client.ehlo();
        client.deliver("bob@fabrikam.test", "alice@contoso.test");
        client.command("QUIT");
    }
    let is_last = |log: &String| log.contains(",-,,");
    let files = wait_until(|| {
        let files = protocol_log(&journal);
        (files.len() > 3 && files.last().is_some_and(is_last)).then_some(files)
    });
    assert!(files.iter().all(|file| file.len() <= 4096));
    assert!(files.iter().map(String::len).sum::<usize>() <= 20 << 10);
}
