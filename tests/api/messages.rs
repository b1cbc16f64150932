//! Kept messages.

use serde_json::json;

use crate::support::{Client, Daemon};
use crate::{ask, daemon, deliver, each, get, json, refused};

fn subjects(daemon: &Daemon, query: &str) -> Vec<String> {
    let list = get(daemon, &format!("/messages{query}"));
    each(&list["messages"], "subject").iter().map(ToString::to_string).collect()
}

fn first_id(daemon: &Daemon) -> String {
    get(daemon, "/messages?limit=1")["messages"][0]["id"].as_str().unwrap().to_owned()
}

#[test]
fn each_filter_finds_its_messages() {
    let daemon = daemon();
    deliver(
        &daemon,
        "erp@fabrikam.test",
        "alice@contoso.test",
        "Subject: =?utf-8?Q?Gr=C3=BC=C3=9Fe?=\r\n\r\nOrder 17",
    );
    deliver(&daemon, "crm@fabrikam.test", "bob@contoso.test", "Subject: two\r\n\r\nOrder 18");
    let second = get(&daemon, "/messages?subject=two")["messages"][0].clone();
    let session = second["session"].as_str().unwrap();
    let received = second["received"].as_str().unwrap();
    for (query, found) in [
        ("?from=CRM@", &["two"][..]),
        ("?to=alice", &["Grüße"]),
        ("?subject=gr%C3%BC", &["Grüße"]),
        ("?text=order", &["two", "Grüße"]),
        ("?text=order&text=", &[]),
        ("?connector=a&from=erp", &["Grüße"]),
        ("?connector=EX01%5Ca&from=erp", &["Grüße"]),
        ("?connector=b", &[]),
        ("?identity=anonymous&to=bob", &["two"]),
        ("?identity=CONTOSO%5Calice", &[]),
        (&format!("?session={session}"), &["two"]),
        (&format!("?since={received}"), &["two"]),
        (&format!("?until={received}"), &["Grüße"]),
    ] {
        if query.matches("text=").count() == 2 {
            assert_eq!(ask(&daemon, "GET", &format!("/messages{query}")).status, 400);
        } else {
            assert_eq!(subjects(&daemon, query), found, "{query}");
        }
    }
}

#[test]
fn pages_follow_each_other() {
    let daemon = daemon();
    for number in 1..=5 {
        deliver(&daemon, "a@b.test", "c@contoso.test", &format!("Subject: {number}\r\n\r\n"));
    }
    let first = get(&daemon, "/messages?limit=2");
    assert_eq!(each(&first["messages"], "subject"), ["5", "4"]);
    assert_eq!(first["total"], 5);
    let next = first["next"].as_u64().unwrap();
    assert_eq!(subjects(&daemon, &format!("?limit=2&cursor={next}")), ["3", "2"]);
    assert_eq!(subjects(&daemon, "?limit=5"), ["5", "4", "3", "2", "1"]);
    assert!(get(&daemon, "/messages?limit=5")["next"].is_null());
}

#[test]
fn wrong_parameters_are_named() {
    let daemon = daemon();
    for (query, detail) in [
        ("limit=0", "limit: expected a number from 1 to 1000"),
        ("cursor=x", "cursor: expected a number that a list gave"),
        ("since=yesterday", "since: expected a time such as 2026-11-22T09:30:00Z"),
        (
            "form=x",
            "form: unknown; known here: from, to, subject, text, connector, identity, session, \
             since, until, limit, cursor",
        ),
    ] {
        let response = ask(&daemon, "GET", &format!("/messages?{query}"));
        assert_eq!(refused(&response), (400, detail.to_owned()));
        assert_eq!(json(&response)["errors"][0]["name"], query.split('=').next().unwrap());
    }
    // Not everything is removed because of a slip.
    deliver(&daemon, "a@b.test", "c@contoso.test", "Subject: kept\r\n\r\n");
    assert_eq!(ask(&daemon, "DELETE", "/messages?form=x").status, 400);
    assert_eq!(subjects(&daemon, ""), ["kept"]);
}

#[test]
fn a_message_tells_how_it_came() {
    let daemon = daemon();
    let content = "Subject: a\r\nX-MS-Exchange-Organization-SCL: -1\r\n\r\nText.";
    deliver(&daemon, "a@b.test", "c@contoso.test", content);
    let id = first_id(&daemon);
    let message = get(&daemon, &format!("/messages/{id}"));
    assert_eq!(message["number"], 1);
    assert_eq!(message["connector"], "EX01\\a");
    assert_eq!(message["envelope"]["mail_from"], "a@b.test");
    assert_eq!(message["envelope"]["rcpt_to"][0]["to"], "c@contoso.test");

    let received = ask(&daemon, "GET", &format!("/messages/{id}/raw?as=received"));
    assert_eq!(received.body, format!("{content}\r\n"));
    let delivered = ask(&daemon, "GET", &format!("/messages/{id}/raw"));
    assert!(delivered.headers.contains("content-type: message/rfc822"));
    assert!(delivered.headers.contains(&format!("content-length: {}", delivered.body.len())));
    assert!(delivered.body.starts_with("Received: from "));
    assert!(delivered.body.ends_with("Subject: a\r\n\r\nText.\r\n"));

    let headers = get(&daemon, &format!("/messages/{id}/headers"));
    let headers = headers["headers"].as_array().unwrap();
    let last = &headers[headers.len() - 2..];
    let field = |name: &str, value: &str, stripped_for: serde_json::Value| json!({"name": name, "value": value, "origin": "received", "stripped_for": stripped_for});
    assert_eq!(last[0], field("Subject", "a", json!(null)));
    let right = json!("ms-Exch-Accept-Headers-Organization");
    assert_eq!(last[1], field("X-MS-Exchange-Organization-SCL", "-1", right));
    assert_eq!(headers[0]["name"], "Received");
    assert_eq!(headers[0]["origin"], "stamped");
}

#[test]
fn parts_come_decoded_and_are_not_shown_in_place() {
    let daemon = daemon();
    deliver(
        &daemon,
        "a@b.test",
        "c@contoso.test",
        "Content-Type: multipart/mixed; boundary=b\r\n\r\n\
         --b\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: base64\r\n\r\nSGFsbG8=\r\n\
         --b\r\nContent-Type: text/html; name=\"a\\\".html\"\r\n\r\n<script>alert(1)</script>\r\n--b--",
    );
    let id = first_id(&daemon);
    let list = get(&daemon, &format!("/messages/{id}/parts"));
    assert_eq!(each(&list["parts"], "media_type"), ["text/plain", "text/html"]);
    assert_eq!(list["more"], 0);
    let text = ask(&daemon, "GET", &format!("/messages/{id}/parts/0"));
    assert_eq!(text.body, "Hallo");
    let html = ask(&daemon, "GET", &format!("/messages/{id}/parts/1"));
    assert!(html.headers.contains("content-type: text/html\r\n"), "{}", html.headers);
    assert!(html.headers.contains("content-disposition: attachment; filename*=utf-8''a%22.html"));
    assert!(html.headers.contains("content-security-policy: sandbox; default-src 'none'"));
    assert!(html.headers.contains("x-content-type-options: nosniff"));
    let none = ask(&daemon, "GET", &format!("/messages/{id}/parts/2"));
    assert_eq!(refused(&none), (404, "there is no part \"2\"".to_owned()));
}

#[test]
fn messages_are_removed_one_by_one_by_filter_and_all() {
    let daemon = daemon();
    for to in ["a", "b", "b", "c"] {
        deliver(
            &daemon,
            "a@b.test",
            &format!("{to}@contoso.test"),
            &format!("Subject: {to}\r\n\r\n"),
        );
    }
    let path = format!("/messages/{}", first_id(&daemon));
    assert_eq!(ask(&daemon, "DELETE", &path).status, 204);
    assert_eq!(ask(&daemon, "DELETE", &path).status, 404);
    assert_eq!(ask(&daemon, "GET", &path).status, 404);
    assert_eq!(subjects(&daemon, ""), ["b", "b", "a"]);
    assert_eq!(json(&ask(&daemon, "DELETE", "/messages?to=b@"))["removed"], 2);
    assert_eq!(json(&ask(&daemon, "DELETE", "/messages"))["removed"], 1);
    assert_eq!(subjects(&daemon, ""), [""; 0]);
}

#[test]
fn who_logged_on_is_found_by_his_name() {
    let daemon = daemon();
    let mut client = Client::connect(daemon.address("b"));
    client.ehlo();
    client.command("AUTH LOGIN");
    client.command("YWxpY2U=");
    assert!(client.command("UGFzc3cwcmQh").starts_with("235 "));
    client.deliver("alice@contoso.test", "bob@contoso.test");
    client.command("QUIT");
    assert_eq!(subjects(&daemon, "?identity=CONTOSO%5Calice&connector=b"), ["test"]);
    assert_eq!(subjects(&daemon, "?identity=anonymous"), [""; 0]);
    let sessions = get(&daemon, "/sessions/wait?identity=contoso%5Calice");
    assert_eq!(sessions["outcome"], "accepted");
}
