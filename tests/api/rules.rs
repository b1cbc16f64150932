//! Failure rules over HTTP.

use serde_json::json;

use crate::support::{Client, Daemon};
use crate::{TOML, ask, each, get, json, refused, send};

fn mail(daemon: &Daemon) -> String {
    let mut client = Client::connect(daemon.address("a"));
    client.ehlo();
    client.command("MAIL FROM:<a@b.test>")
}

#[test]
fn a_rule_bites_and_counts() {
    let daemon = Daemon::start(TOML, &[]);
    let rule = r#"{"name": "first mail", "stage": "mail", "reply": "451 4.7.0 Later", "times": "first 1"}"#;
    let added = send(&daemon, "POST", "/rules", rule);
    assert_eq!(added.status, 201, "{}", added.body);
    assert!(added.headers.contains("location: /api/v1/rules/first%20mail"));
    assert_eq!(mail(&daemon), "451 4.7.0 Later");
    assert_eq!(mail(&daemon), "250 2.1.0 Sender OK");
    let rule = get(&daemon, "/rules/first%20mail");
    assert_eq!(rule["hits"], 1);
    assert_eq!(rule["times"], "first 1");
    assert_eq!(each(&get(&daemon, "/rules")["rules"], "name"), ["first mail"]);

    let put = send(&daemon, "PUT", "/rules/first%20mail", r#"{"preset": "back-pressure"}"#);
    assert_eq!((put.status, &json(&put)["hits"]), (200, &json!(0)));
    assert_eq!(mail(&daemon), "452 4.3.1 Insufficient system resources");
    let new = send(&daemon, "PUT", "/rules/b", r#"{"name": "b", "preset": "prx5"}"#);
    assert_eq!(new.status, 201);
    assert_eq!(ask(&daemon, "DELETE", "/rules/first%20mail").status, 204);
    assert_eq!(ask(&daemon, "DELETE", "/rules/first%20mail").status, 404);
    assert_eq!(mail(&daemon), "250 2.1.0 Sender OK");
    assert_eq!(ask(&daemon, "GET", "/rules/first%20mail").status, 404);
}

#[test]
fn a_wrong_rule_is_refused_with_the_reason() {
    let daemon = Daemon::start(TOML, &[]);
    let refuse = |rule: &str| refused(&send(&daemon, "POST", "/rules", rule));
    let (status, detail) = refuse(r#"{"name": "a", "stage": "mail", "action": "garble-tls"}"#);
    assert_eq!(status, 422);
    assert_eq!(detail, "action: garble-tls happens only at starttls, x-anonymoustls, not at mail");
    let (status, detail) = refuse(r#"{"name": "a", "replay": "x"}"#);
    assert_eq!(status, 422);
    assert!(
        detail.starts_with("replay: unknown field `replay`, expected one of `name`"),
        "{detail}"
    );
    assert_eq!(refuse(r#"{"name": "#).0, 400);
    let wrong = send(&daemon, "POST", "/rules", r#"{"name": "", "stage": "mial"}"#);
    assert_eq!(each(&json(&wrong)["errors"], "name"), ["name", "stage", "action"]);

    let rule = r#"{"name": "a", "preset": "prx5"}"#;
    assert_eq!(send(&daemon, "POST", "/rules", rule).status, 201);
    assert_eq!(refuse(rule).0, 409);
    let other = send(&daemon, "PUT", "/rules/b", rule);
    assert_eq!(refused(&other), (422, "name: expected \"b\", as in the path".to_owned()));
    assert_eq!(refused(&ask(&daemon, "POST", "/rules")).0, 415);
    let large = format!("{{\"name\": \"{}\"}}", "a".repeat(1 << 20));
    assert_eq!(refuse(&large).0, 413);
}

#[test]
fn reset_brings_back_what_the_daemon_began_with() {
    let file = "[[rule]]\nname = \"file\"\nstage = \"mail\"\nreply = \"451 4.7.0 Later\"\ntimes = \"first 1\"\n";
    let daemon = Daemon::start(&format!("{TOML}\n{file}"), &[]);
    assert_eq!(mail(&daemon), "451 4.7.0 Later");
    crate::deliver(&daemon, "a@b.test", "c@contoso.test", "Subject: one\r\n\r\n");
    crate::fail_to_log_on(&daemon);
    get(&daemon, "/sessions/wait?connector=b&outcome=refused");
    send(&daemon, "POST", "/rules", r#"{"name": "more", "preset": "prx5"}"#);
    ask(&daemon, "DELETE", "/rules/file");

    assert_eq!(ask(&daemon, "POST", "/reset").status, 204);
    let rules = get(&daemon, "/rules");
    assert_eq!(each(&rules["rules"], "name"), ["file"]);
    assert_eq!(rules["rules"][0]["hits"], 0);
    for (path, list) in
        [("/messages", "messages"), ("/sessions", "sessions"), ("/events", "events")]
    {
        assert_eq!(get(&daemon, path)[list], json!([]), "{path}");
    }
    assert_eq!(mail(&daemon), "451 4.7.0 Later");
}

#[test]
fn presets_say_what_they_answer() {
    let daemon = Daemon::start(TOML, &[]);
    let presets = get(&daemon, "/presets");
    let prx5 = presets["presets"].as_array().unwrap().iter().find(|p| p["name"] == "prx5").unwrap();
    assert_eq!(each(&prx5["stages"], "stage"), ["end-of-data", "auth"]);
}
