//! Failure rules over HTTP.

use serde_json::json;

use crate::support::{Client, Daemon, wait_until};
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
    assert!(detail.starts_with("replay: unknown; known here: "), "{detail}");
    assert!(detail.contains(", name, "), "{detail}");
    let shapes = r#"{"name": 1, "reply": 2, "truncate": "3", "close": "yes"}"#;
    let shapes = send(&daemon, "POST", "/rules", shapes);
    let mut wrong: Vec<_> = json(&shapes)["errors"].as_array().unwrap().clone();
    wrong.sort_by_key(|wrong| wrong["name"].to_string());
    let wrong: Vec<_> = wrong.iter().map(|w| w["detail"].as_str().unwrap()).collect();
    let expected = [
        "expected true or false",
        "expected a text",
        "expected a text, or a list of texts",
        "expected a number of octets",
    ];
    assert_eq!(wrong, expected);
    let array = r#"["a", null, null, null, null, null, null, null, null, null, "00:00:01"]"#;
    for no_object in [array, "[]", "1", "\"a\"", "null"] {
        let expected = "expected a JSON object: {\"key\": value, …}";
        assert_eq!(refuse(no_object), (422, expected.to_owned()), "{no_object}");
    }
    let (status, detail) = refuse(r#"{"name": "#);
    assert_eq!(status, 400);
    assert!(detail.starts_with("the document is no JSON: name: EOF"), "{detail}");
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
fn what_was_read_can_be_changed_and_put_back() {
    let daemon = Daemon::start(TOML, &[]);
    let first = r#"{"name": "one", "stage": "mail", "reply": "451 4.7.1 One"}"#;
    assert_eq!(send(&daemon, "POST", "/rules", first).status, 201);
    assert_eq!(mail(&daemon), "451 4.7.1 One");
    let mut rule = get(&daemon, "/rules/one");
    assert_eq!(rule["hits"], 1);
    rule["reply"] = "451 4.7.2 Two".into();
    let put = send(&daemon, "PUT", "/rules/one", &rule.to_string());
    assert_eq!((put.status, &json(&put)["hits"]), (200, &json!(0)), "{}", put.body);
    assert_eq!(mail(&daemon), "451 4.7.2 Two");

    rule["name"] = "zero".into();
    rule["reply"] = "451 4.7.3 Zero".into();
    assert_eq!(send(&daemon, "POST", "/rules?place=first", &rule.to_string()).status, 201);
    assert_eq!(each(&get(&daemon, "/rules")["rules"], "name"), ["zero", "one"]);
    assert_eq!(mail(&daemon), "451 4.7.3 Zero");
    assert_eq!(json(&ask(&daemon, "DELETE", "/rules"))["removed"], 2);
    assert_eq!(mail(&daemon), "250 2.1.0 Sender OK");
}

#[test]
fn a_rule_that_refuses_nothing_shows_in_its_session() {
    let daemon = Daemon::start(TOML, &[]);
    for (name, stage, action) in [("cut", "rcpt", "drop"), ("mute", "mail", "stall")] {
        let rule = json!({"name": name, "stage": stage, "action": action}).to_string();
        assert_eq!(send(&daemon, "POST", "/rules", &rule).status, 201);
        let mut client = Client::connect(daemon.address("a"));
        client.ehlo();
        client.send("MAIL FROM:<a@b.test>\r\nRCPT TO:<c@contoso.test>");
        let session = get(&daemon, &format!("/sessions/wait?rule={name}"));
        assert_eq!(session["rules"], json!([name]));
        assert!(session["refusal"].is_null());
    }
    assert_eq!(get(&daemon, "/sessions?rule=cut")["sessions"].as_array().unwrap().len(), 1);
    let rule = r#"{"name": "no", "stage": "ehlo", "reply": "550 5.7.1 No"}"#;
    assert_eq!(send(&daemon, "POST", "/rules", rule).status, 201);
    let mut client = Client::connect(daemon.address("a"));
    assert_eq!(client.command("EHLO client.test"), "550 5.7.1 No");
    assert_eq!(get(&daemon, "/sessions/wait?rule=no")["rules"], json!(["no"]));
}

#[test]
fn a_session_that_is_open_outlives_a_reset() {
    let daemon = Daemon::start(TOML, &[]);
    let mut client = Client::connect(daemon.address("a"));
    client.ehlo();
    assert_eq!(ask(&daemon, "POST", "/reset").status, 204);
    client.command("X-EXPS GSSAPI");
    assert_eq!(get(&daemon, "/sessions/wait?outcome=refused")["connector"], "EX01\\a");
}

#[test]
fn reset_brings_back_what_the_daemon_began_with() {
    let file = "[[rule]]\nname = \"file\"\nstage = \"mail\"\nreply = \"451 4.7.0 Later\"\ntimes = \"first 1\"\n";
    let daemon = Daemon::start(&format!("{TOML}\n{file}"), &[]);
    assert_eq!(mail(&daemon), "451 4.7.0 Later");
    crate::deliver(&daemon, "a@b.test", "c@contoso.test", "Subject: one\r\n\r\n");
    crate::fail_to_log_on(&daemon);
    wait_until(|| {
        let sessions = get(&daemon, "/sessions");
        let sessions = sessions["sessions"].as_array().unwrap();
        sessions.iter().all(|session| !session["ended"].is_null()).then_some(())
    });
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
