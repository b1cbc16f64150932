//! Waiting for what comes.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use crate::support::{Client, PATIENCE, wait_until};
use crate::{ask, be_refused, daemon, deliver, each, fail_to_log_on, get, json, refused};

#[test]
fn a_message_that_is_there_answers_at_once() {
    let daemon = daemon();
    deliver(&daemon, "a@b.test", "c@contoso.test", "Subject: one\r\n\r\n");
    deliver(&daemon, "a@b.test", "c@contoso.test", "Subject: two\r\n\r\n");
    let start = Instant::now();
    assert_eq!(get(&daemon, "/messages/wait?to=c@")["subject"], "two", "the newest");
    let one = get(&daemon, "/messages/wait?subject=one");
    assert!(start.elapsed() < Duration::from_secs(5));
    for after in [one["id"].as_str().unwrap(), "1"] {
        let next = get(&daemon, &format!("/messages/wait?after={after}"));
        assert_eq!(next["subject"], "two", "the next one");
    }
}

#[test]
fn one_that_comes_later_is_waited_for() {
    let daemon = daemon();
    deliver(&daemon, "a@b.test", "c@contoso.test", "Subject: one\r\n\r\n");
    std::thread::scope(|scope| {
        let waiters: Vec<_> = (0..100)
            .map(|n| {
                let daemon = &daemon;
                scope.spawn(move || {
                    let path =
                        format!("/messages/wait?to=user{n}@contoso.test&after=1&timeout=30s");
                    get(daemon, &path)["subject"].as_str().unwrap().to_owned()
                })
            })
            .collect();
        for n in 0..100 {
            let to = format!("user{n}@contoso.test");
            deliver(&daemon, "a@b.test", &to, &format!("Subject: for {n}\r\n\r\n"));
        }
        for (n, waiter) in waiters.into_iter().enumerate() {
            assert_eq!(waiter.join().unwrap(), format!("for {n}"));
        }
    });
}

#[test]
fn who_waits_in_vain_is_told_what_came_instead() {
    let daemon = daemon();
    deliver(&daemon, "a@b.test", "c@contoso.test", "Subject: one\r\n\r\n");
    deliver(&daemon, "a@b.test", "c@contoso.test", "Subject: two\r\n\r\n");
    let late = ask(&daemon, "GET", "/messages/wait?to=nobody&after=1&timeout=50ms");
    assert_eq!(refused(&late), (408, "no such message came in time".to_owned()));
    assert_eq!(each(&json(&late)["arrived"], "subject"), ["two"]);
    be_refused(&daemon);
    let late = ask(&daemon, "GET", "/sessions/wait?outcome=refused&connector=b&timeout=50ms");
    assert_eq!(late.status, 408);
    assert_eq!(json(&late)["arrived"][0]["outcome"], "refused");
    for (query, detail) in [
        ("timeout=61s", "timeout: expected a time such as 10s or 500ms, 60s at most"),
        ("after=x", "after: expected the id or the number of a message; there is no \"x\""),
    ] {
        let wrong = ask(&daemon, "GET", &format!("/messages/wait?{query}"));
        assert_eq!(refused(&wrong), (400, detail.to_owned()));
    }
}

#[test]
fn a_refusal_is_told_while_the_session_goes_on() {
    let daemon = &daemon();
    std::thread::scope(|scope| {
        let waiter = scope.spawn(|| get(daemon, "/sessions/wait?outcome=refused&timeout=30s"));
        let mut client = Client::connect(daemon.address("a"));
        client.ehlo();
        client.command("X-EXPS GSSAPI");
        let session = waiter.join().unwrap();
        assert!(session["ended"].is_null());
        let refusal = &session["refusal"];
        assert_eq!(refusal["reply"], "451 5.7.3 Cannot achieve Exchange Server authentication");
        let after = session["session"].as_str().unwrap();
        client.command("QUIT");
        let again = format!("/sessions/wait?outcome=refused&after={after}&timeout=30s");
        let waiter = scope.spawn(move || get(daemon, &again));
        fail_to_log_on(daemon);
        assert_eq!(waiter.join().unwrap()["connector"], "EX01\\b");
    });
}

#[test]
fn waiting_ends_with_the_daemon() {
    let mut daemon = daemon();
    let at = daemon.http();
    let mut stream = TcpStream::connect(at).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    write!(stream, "GET /api/v1/messages/wait?timeout=60s HTTP/1.1\r\nHost: {at}\r\n\r\n").unwrap();
    wait_until(|| has_read(at, stream.local_addr().unwrap()).then_some(()));
    let start = Instant::now();
    daemon.signal("-TERM");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 503 "), "{answer}");
    assert!(answer.contains("the daemon is stopping"), "{answer}");
    assert!(daemon.wait().success());
    assert!(start.elapsed() < PATIENCE / 3, "{:?}", start.elapsed());
}

/// Whether all that `client` sent was taken from the socket of `server`.
fn has_read(server: SocketAddr, client: SocketAddr) -> bool {
    let ports =
        format!(":{:04X} 0100007F:{:04X} 01 00000000:00000000 ", server.port(), client.port());
    std::fs::read_to_string("/proc/net/tcp").unwrap().contains(&ports)
}
