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
        "",
        "carol@contoso.test",
        "Subject: bounce\r\nMessage-ID: <bounce.1@fabrikam.test>\r\n\r\n",
    );
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
        ("?from=rm@", &[]),
        ("?from=rm", &["two"]),
        ("?to=alice", &["Grüße"]),
        ("?to=lice@contoso.test", &[]),
        ("?from=%3C%3E", &["bounce"]),
        ("?message_id=Bounce.1@fabrikam.test", &["bounce"]),
        ("?message_id=%3Cbounce.1@fabrikam.test%3E", &["bounce"]),
        ("?message_id=bounce", &[]),
        ("?subject=gr%C3%BC", &["Grüße"]),
        ("?text=order", &["two", "Grüße"]),
        ("?text=order&text=", &[]),
        ("?connector=a&from=erp", &["Grüße"]),
        ("?connector=ex01%5CA&from=erp", &["Grüße"]),
        ("?connector=b", &[]),
        ("?identity=anonymous&to=bob", &["two"]),
        ("?identity=CONTOSO%5Calice", &[]),
        (&format!("?session={}", session.to_lowercase()), &["two"]),
        (&format!("?since={received}"), &["two"]),
        (&format!("?until={received}&to=alice"), &["Grüße"]),
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
            "form: unknown; known here: from, to, subject, text, message_id, connector, identity, \
             session, since, until, limit, cursor",
        ),
        ("to=", "to: is empty; leave it out where all are meant"),
        ("subject=+", "subject: is empty; leave it out where all are meant"),
        ("to=a&to=b", "to: is given more than once"),
        ("connector=c", "connector: there is no connector \"c\"; there are a, b"),
        ("session=x", "session: expected the 16 hexadecimal digits of a session"),
        ("limit=%2B5", "limit: expected a number from 1 to 1000"),
    ] {
        let response = ask(&daemon, "GET", &format!("/messages?{query}"));
        assert_eq!(refused(&response), (400, detail.to_owned()));
        assert_eq!(json(&response)["errors"][0]["name"], query.split('=').next().unwrap());
    }
    // Not everything is removed because of a slip.
    deliver(&daemon, "a@b.test", "c@contoso.test", "Subject: kept\r\n\r\n");
    for slip in ["form=x", "from=", "to=", "subject=", "text=", "connector=", "session=", "id="] {
        assert_eq!(ask(&daemon, "DELETE", &format!("/messages?{slip}")).status, 400, "{slip}");
        let wait = ask(&daemon, "GET", &format!("/messages/wait?{slip}"));
        assert_eq!(wait.status, 400, "{slip}");
    }
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
fn text_and_html_are_told_and_what_the_html_refers_to() {
    let daemon = daemon();
    deliver(
        &daemon,
        "a@b.test",
        "c@contoso.test",
        "Content-Type: multipart/related; boundary=b\r\n\r\n\
         --b\r\nContent-Type: text/plain\r\nContent-Transfer-Encoding: base64\r\n\r\nSGFsbG8=\r\n\
         --b\r\nContent-Type: text/html; charset=utf-8\r\n\r\n<img src=\"cid:logo@b.test\">\r\n\
         --b\r\nContent-Type: image/png; name=logo.png\r\nContent-ID: <logo@b.test>\r\n\
         Content-Transfer-Encoding: base64\r\n\r\nSGFsbG8=\r\n--b--",
    );
    let message = get(&daemon, "/messages/wait?to=c@");
    assert_eq!(message["text"], "Hallo");
    assert_eq!(message["html"], "<img src=\"cid:logo@b.test\">");
    let parts = get(&daemon, "/messages/latest/parts");
    let image = &parts["parts"][2];
    assert_eq!(image["content_id"], "logo@b.test");
    assert_eq!((&image["octets"], &image["decoded_octets"]), (&json!(8), &json!(5)));
    deliver(&daemon, "a@b.test", "c@contoso.test", "Subject: plain\r\n\r\n");
    assert!(get(&daemon, "/messages/latest")["html"].is_null());
}

#[test]
fn a_message_is_known_by_its_number_and_the_newest_as_latest() {
    let daemon = daemon();
    assert_eq!(ask(&daemon, "GET", "/messages/latest").status, 404);
    for subject in ["one", "two", "three"] {
        let content = format!("Subject: {subject}\r\n\r\n");
        deliver(&daemon, "a@b.test", "c@contoso.test", &content);
    }
    assert_eq!(get(&daemon, "/messages/1")["subject"], "one");
    assert_eq!(get(&daemon, "/messages/latest")["subject"], "three");
    assert!(ask(&daemon, "GET", "/messages/2/raw").body.contains("Subject: two"));
    assert_eq!(ask(&daemon, "DELETE", "/messages/2").status, 204);
    for gone in ["0", "2", "4"] {
        assert_eq!(ask(&daemon, "GET", &format!("/messages/{gone}")).status, 404, "{gone}");
    }
    let part = ask(&daemon, "GET", "/messages/1/parts/x");
    assert_eq!(refused(&part), (400, "expected a number in the path, and not \"x\"".to_owned()));
}

#[test]
fn some_are_removed_by_their_ids() {
    let daemon = daemon();
    for subject in ["one", "two", "three"] {
        let content = format!("Subject: {subject}\r\n\r\n");
        deliver(&daemon, "a@b.test", "c@contoso.test", &content);
    }
    let list = get(&daemon, "/messages");
    let ids = each(&list["messages"], "id");
    let both = format!("/messages?id={},{}", ids[0], ids[2]);
    let others = ask(&daemon, "DELETE", &format!("{both}&subject=two"));
    assert_eq!(json(&others)["removed"], 0);
    assert_eq!(json(&ask(&daemon, "DELETE", &both))["removed"], 2);
    assert_eq!(subjects(&daemon, ""), ["two"]);
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
