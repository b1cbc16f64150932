//! Sessions of late.

use crate::support::Client;
use crate::{ask, be_refused, daemon, deliver, each, fail_to_log_on, get, refused};

#[test]
fn each_filter_finds_its_sessions() {
    let daemon = daemon();
    deliver(&daemon, "a@b.test", "c@contoso.test", "Subject: one\r\n\r\n");
    be_refused(&daemon);
    fail_to_log_on(&daemon);
    let mut client = Client::connect(daemon.address("a"));
    client.command("QUIT");
    // The last of them is over, so all are.
    get(&daemon, "/sessions/wait?outcome=quiet");
    for (query, outcomes) in [
        ("", &["quiet", "refused", "refused", "accepted"][..]),
        ("?outcome=refused", &["refused", "refused"]),
        ("?outcome=accepted", &["accepted"]),
        ("?connector=b", &["refused"]),
        ("?connector=ex01%5CA&outcome=refused", &["refused"]),
        ("?since=2026-01-01T00:00:00Z&limit=1", &["quiet"]),
        ("?until=2026-01-01T00:00:00Z", &[]),
        ("?remote=127.0.0.0/8&limit=1", &["quiet"]),
        ("?remote=10.0.0.1", &[]),
        ("?identity=anonymous&outcome=quiet", &["quiet"]),
        ("?identity=CONTOSO%5Calice", &[]),
    ] {
        let list = get(&daemon, &format!("/sessions{query}"));
        assert_eq!(each(&list["sessions"], "outcome"), outcomes, "{query}");
    }
    let unknown = ask(&daemon, "GET", "/sessions/wait?connector=c");
    let detail = "connector: there is no connector \"c\"; there are a, b";
    assert_eq!(refused(&unknown), (400, detail.to_owned()));
    assert_eq!(ask(&daemon, "GET", "/events?session=x").status, 400);
    let wrong = ask(&daemon, "GET", "/sessions?outcome=lost");
    let detail = "outcome: unknown variant `lost`, expected one of `quiet`, `accepted`, `refused`";
    assert_eq!(refused(&wrong), (400, detail.to_owned()));
}

#[test]
fn pages_follow_each_other() {
    let daemon = daemon();
    for _ in 0..3 {
        be_refused(&daemon);
    }
    let first = get(&daemon, "/sessions?limit=2");
    let next = first["next"].as_str().unwrap();
    assert_eq!(first["sessions"].as_array().unwrap().len(), 2);
    let second = get(&daemon, &format!("/sessions?limit=2&cursor={next}"));
    assert_eq!(second["sessions"].as_array().unwrap().len(), 1);
    assert!(second["next"].is_null());
}

#[test]
fn a_session_is_told_step_by_step() {
    let daemon = daemon();
    be_refused(&daemon);
    let id = get(&daemon, "/sessions/wait?outcome=refused")["session"].clone();
    let id = id.as_str().unwrap();
    let session = get(&daemon, &format!("/sessions/{id}"));
    let steps = session["steps"].as_array().unwrap();
    let refusal = steps.iter().find_map(|step| step["refusal"].as_object()).unwrap();
    let why = "X-EXPS: Exchange Server authentication is not ticked (AuthMechanism has no ExchangeServer)";
    assert_eq!(refusal["reason"], why);
    assert!(refusal["mend"].as_str().unwrap().starts_with("if the peer is an Exchange server"));
    assert!(refusal["commands"][0].as_str().unwrap().starts_with("Set-ReceiveConnector "));
    let text = ask(&daemon, "GET", &format!("/sessions/{}?format=text", id.to_lowercase()));
    assert!(text.headers.contains("content-type: text/plain; charset=utf-8"));
    assert!(text.body.contains("  C: X-EXPS GSSAPI\n"), "{}", text.body);
    assert!(session["transcript"].as_str().unwrap().contains("  C: X-EXPS GSSAPI\n"));
    let none = ask(&daemon, "GET", "/sessions/x");
    assert_eq!(refused(&none), (404, "there is no session \"x\"".to_owned()));
}
