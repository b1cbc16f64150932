//! What the API does against what its OpenAPI document says, by schemathesis: requests that are
//! made of the document, good ones and wrong ones.

#[allow(dead_code)] // The other packages are for other tests.
#[path = "proofs/packages.rs"]
mod packages;
mod support;

use std::fs;
use std::time::Duration;

use serde_json::Value;
use support::{Client, Daemon, Finished, http, run_within};

const PATIENCE: Duration = Duration::from_secs(500);

const TOML: &str = r#"
    [[ReceiveConnector]]
    Name = "a"
    Bindings = "127.0.0.1:0"
    AuthMechanism = ["Tls", "BasicAuth"]
    PermissionGroups = "AnonymousUsers"
    ProtocolLoggingLevel = "Verbose"
    TarpitInterval = "00:00:00"
    AuthTarpitInterval = "00:00:00"

    [[rule]]
    name = "never"
    stage = "mail"
    sender = "nobody@contoso.test"
    reply = "451 4.7.0 Later"
"#;

/// Sets apart what a document cannot say: which texts are addresses, connectors or rules, and
/// whether something comes in time.
const SETTINGS: &str = r#"
    [parameters]
    timeout = "5ms"
    connector = "a"

    [[operations]]
    include-path-regex = "/(wait|rules|explain|map.svg|sessions)"
    checks.positive_data_acceptance.expected-statuses = [200, 201, 204, 400, 404, 408, 409, 422]
"#;

fn daemon() -> Daemon {
    let daemon = Daemon::start(TOML, &[]);
    for _ in 0..3 {
        let mut client = Client::connect(daemon.address("a"));
        client.ehlo();
        client.command("X-EXPS GSSAPI");
        client.command("AUTH LOGIN");
        client.command("YWxpY2U=");
        assert!(client.command("d3Jvbmc=").starts_with("535 "));
        client.deliver("a@b.test", "alice@contoso.test");
        client.command("QUIT");
    }
    daemon
}

fn get(daemon: &Daemon, path: &str) -> Value {
    serde_json::from_str(&http(daemon.http(), "GET", path, &[], "").body).unwrap()
}

/// Runs it over all but the stream, which has no end; gives how many requests it made.
fn check(daemon: &Daemon, settings: &str, arguments: &[&str]) -> Option<u32> {
    let mut schemathesis = packages::schemathesis()?;
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("schemathesis.toml"), settings).unwrap();
    schemathesis
        .current_dir(folder.path())
        .args(["run", &format!("http://{}/api/v1/openapi.json", daemon.http())])
        .args(["--no-color", "--seed", "1", "--generation-database", "none"])
        .args(["--exclude-path", "/api/v1/stream", "--request-timeout", "10"])
        .args(arguments);
    let Finished { status, stdout, stderr } = run_within(PATIENCE, &mut schemathesis, b"");
    assert!(status.success(), "{stdout}{stderr}");
    let count = stdout.lines().find_map(|line| line.trim().split_once(" generated, "));
    Some(count.expect(&stdout).0.parse().unwrap())
}

#[test]
fn the_api_does_what_its_document_says() {
    let daemon = daemon();
    let id = |path: &str, list: &str, key: &str| {
        get(&daemon, path)[list][0][key].as_str().unwrap().to_owned()
    };
    let message = id("/api/v1/messages", "messages", "id");
    let session = id("/api/v1/sessions", "sessions", "session");
    // What is there is found, while nothing is removed.
    let known = format!(
        "{SETTINGS}
        [[operations]]
        include-path-regex = \"/messages/\\\\{{\"
        parameters = {{ id = \"{message}\" }}

        [[operations]]
        include-path-regex = \"/sessions/\\\\{{\"
        parameters = {{ id = \"{session}\" }}

        [[operations]]
        include-path-regex = \"/rules/\\\\{{|/connectors/\\\\{{\"
        parameters = {{ name = \"a\" }}

        [[operations]]
        include-path-regex = \"/events/\\\\{{\"
        parameters = {{ number = 1 }}"
    );
    let arguments = ["--exclude-method", "DELETE", "--exclude-path", "/api/v1/reset"];
    let Some(there) = check(&daemon, &known, &[&arguments[..], &["-n", "60"]].concat()) else {
        return;
    };
    let all = check(&daemon, SETTINGS, &["-n", "60"]).unwrap();
    assert!(there + all >= 3_000, "{there} and {all} requests");
}
