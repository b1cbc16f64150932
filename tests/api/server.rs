//! Connectors, events, logs, and the server as a whole.

use crate::{ask, be_refused, daemon, each, fail_to_log_on, get, refused};

#[test]
fn a_connector_tells_what_it_is() {
    let daemon = daemon();
    let list = get(&daemon, "/connectors");
    assert_eq!(each(&list["connectors"], "name"), ["a", "b"]);
    assert_eq!(list["connectors"][0]["addresses"][0], daemon.address("a").to_string());
    for path in ["/connectors/b", "/connectors/EX01%5Cb"] {
        let connector = get(&daemon, path);
        assert_eq!(connector["parameters"]["AuthMechanism"], "Tls, BasicAuth");
        assert_eq!(connector["rights"][0]["by"], "ExchangeUsers");
        assert_eq!(connector["rights"][0]["principal"], "NT AUTHORITY\\Authenticated Users");
        let missing = connector["ehlo"]["missing"].as_array().unwrap();
        let verb = missing.iter().find(|missing| missing["keyword"] == "X-ANONYMOUSTLS").unwrap();
        assert_eq!(verb["why"], "AuthMechanism has no ExchangeServer");
    }
    let none = ask(&daemon, "GET", "/connectors/c");
    assert_eq!(refused(&none), (404, "there is no connector \"c\"".to_owned()));
}

#[test]
fn an_address_is_explained_and_drawn() {
    let daemon = daemon();
    let local = daemon.address("a");
    let explained = get(&daemon, &format!("/explain?remote=10.0.0.12&local={local}"));
    assert_eq!(explained["winner"]["connector"], "EX01\\a");
    assert_eq!(explained["winner"]["peers"][2]["refusal"]["command"], "X-EXPS");
    let text = ask(&daemon, "GET", &format!("/explain?remote=10.0.0.12&local={local}&format=text"));
    assert!(text.body.contains("10.0.0.12"), "{}", text.body);
    let map = ask(&daemon, "GET", &format!("/map.svg?mark=EX02=10.0.0.12&local={local}"));
    assert!(map.headers.contains("content-type: image/svg+xml"));
    assert!(map.body.starts_with("<svg") && map.body.contains("EX02"), "{}", &map.body[..200]);
    for (path, detail) in [
        ("/explain", "remote: is missing"),
        ("/explain?remote=x", "remote: expected an IP address such as 10.0.0.12 or fe80::1%11"),
        (
            "/explain?remote=10.0.0.1&local=x",
            "local: expected a port (25), or an address and a port (10.0.0.5:25)",
        ),
        ("/map.svg?width=1", "width: expected a number of pixels from 320 to 4000"),
    ] {
        assert_eq!(refused(&ask(&daemon, "GET", path)), (400, detail.to_owned()));
    }
}

#[test]
fn lint_names_what_is_wrong() {
    let daemon = daemon();
    let findings = get(&daemon, "/lint");
    let rules = each(&findings["findings"], "rule");
    assert!(rules.contains(&"basic-in-clear"), "{rules:?}");
    assert!(each(&findings["findings"], "connector").contains(&"EX01\\b"));
}

#[test]
fn an_event_comes_in_three_forms() {
    let daemon = daemon();
    fail_to_log_on(&daemon);
    let event = get(&daemon, "/events?id=1035")["events"][0].clone();
    assert_eq!(event["inserts"][2], "Login");
    let session = event["session"].as_str().unwrap();
    assert_eq!(get(&daemon, &format!("/events?session={session}"))["events"][0], event);
    assert_eq!(get(&daemon, "/events?id=12014")["events"].as_array().unwrap().len(), 0);
    let path = format!("/events/{}", event["record"]);
    assert_eq!(get(&daemon, &path), event);
    let text = ask(&daemon, "GET", &format!("{path}?format=text")).body;
    assert!(text.contains("Event ID:      1035\n"), "{text}");
    let xml = ask(&daemon, "GET", &format!("{path}?format=xml"));
    assert!(xml.headers.contains("content-type: application/xml"));
    assert!(xml.body.contains(">1035</EventID>"));
    assert_eq!(ask(&daemon, "GET", "/events/999").status, 404);
}

#[test]
fn the_log_ends_with_the_last_row() {
    let daemon = daemon();
    be_refused(&daemon);
    get(&daemon, "/sessions/wait?outcome=refused");
    // Rows are written by a thread of their own.
    let log = crate::support::wait_until(|| {
        let log = ask(&daemon, "GET", "/log?limit=1000");
        log.body.ends_with(",Local\r\n").then_some(log)
    });
    assert!(log.headers.contains("content-type: text/csv; charset=utf-8"));
    assert!(log.body.starts_with("#Fields: date-time,connector-id,"));
    assert!(log.body.contains(",<,X-EXPS GSSAPI,"), "{}", log.body);
    let json = get(&daemon, "/log?format=json&limit=2");
    assert_eq!(json["rows"].as_array().unwrap().len(), 2);
    assert!(log.body.contains(json["rows"][1].as_str().unwrap()));
}

#[test]
fn nobody_is_told_a_secret() {
    let daemon = daemon();
    let accounts = ask(&daemon, "GET", "/accounts");
    assert!(accounts.body.contains("CONTOSO\\\\alice"));
    assert!(!accounts.body.contains("Passw0rd!"));
    assert_eq!(get(&daemon, "/version")["server"]["version"], "2019");
}
