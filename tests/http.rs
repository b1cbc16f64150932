//! What the daemon answers over HTTP.

mod support;

use support::{Client, Daemon, Response, http};

const ANONYMOUS: &str = "[[ReceiveConnector]]\nName = \"a\"\nBindings = \"127.0.0.1:0\"\n\
                         PermissionGroups = \"AnonymousUsers\"\n";

fn get(daemon: &Daemon, path: &str, headers: &[&str]) -> Response {
    http(daemon.http(), "GET", path, headers, "")
}

#[test]
fn metrics_count_what_happened() {
    let rule = "[[rule]]\nname = \"slow\"\nstage = \"ehlo\"\ndelay = \"00:00:00.01\"\n";
    let daemon = Daemon::start(&format!("{ANONYMOUS}{rule}"), &[]);
    assert_eq!(get(&daemon, "/livez", &[]).body, "ok\n");
    assert_eq!(get(&daemon, "/readyz", &[]).status, 200);
    let mut client = Client::connect(daemon.address("a"));
    client.ehlo();
    client.deliver("a@fabrikam.test", "alice@contoso.test");
    client.send("BOGUS");
    let response = get(&daemon, "/metrics", &[]);
    assert!(response.headers.contains("content-type: application/openmetrics-text; version=1.0.0"));
    for line in [
        r#"expsd_sessions_total{connector="EX01\\a"} 1"#,
        r#"expsd_sessions_open{connector="EX01\\a"} 1"#,
        r#"expsd_messages_total{connector="EX01\\a"} 1"#,
        r#"expsd_commands_total{verb="EHLO"} 1"#,
        r#"expsd_replies_total{code="354"} 1"#,
        r#"expsd_rule_hits_total{rule="slow"} 1"#,
        "expsd_select_duration_seconds_count 1",
    ] {
        assert!(response.body.lines().any(|l| l == line), "{line}\n{}", response.body);
    }
}

#[test]
fn pages_of_other_sites_and_other_names_are_refused() {
    let daemon = Daemon::start(ANONYMOUS, &[]);
    let response = get(&daemon, "/metrics", &["Origin: http://evil.test"]);
    assert_eq!(response.status, 403);
    assert!(response.headers.contains("content-type: application/problem+json"));
    let problem: serde_json::Value = serde_json::from_str(&response.body).unwrap();
    assert_eq!(problem["status"], 403);
    assert_eq!(problem["detail"], "the request comes from a page of another site");

    let rebound = get(&daemon, "/metrics", &["Host: rebind.example.test"]);
    assert_eq!(rebound.status, 403);
    assert_eq!(get(&daemon, "/nothing", &[]).status, 404);
    assert_eq!(http(daemon.http(), "POST", "/metrics", &[], "").status, 405);
}

#[test]
fn a_token_is_asked_for() {
    let toml = format!("{ANONYMOUS}[http]\ntoken = \"0123456789abcdef\"\n");
    let daemon = Daemon::start(&toml, &[]);
    let refused = get(&daemon, "/metrics", &[]);
    assert_eq!(refused.status, 401);
    assert!(refused.headers.contains("www-authenticate: bearer"));
    let shown = get(&daemon, "/metrics", &["Authorization: Bearer 0123456789abcdef"]);
    assert_eq!(shown.status, 200);
    assert_eq!(get(&daemon, "/livez", &[]).status, 200, "health tells nobody anything");
    assert!(!daemon.log().contains("0123456789abcdef"));
}
