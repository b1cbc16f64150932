//! Webhooks, told to a receiver of the test's own.

mod support;

use std::io::{BufRead as _, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver};
use std::time::Duration;

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use rcgen::{ExtendedKeyUsagePurpose, KeyPair};
use serde_json::Value;
use support::certificate::Certificate;
use support::{Client, Daemon, PATIENCE};
use tokio_rustls::rustls::pki_types::PrivatePkcs8KeyDer;
use tokio_rustls::rustls::{self, ServerConfig, ServerConnection, StreamOwned};

const SECRET: &str = "0123456789abcdef";

/// Takes one request a connection, and gives the answers in their order, the last for ever.
struct Hook {
    address: SocketAddr,
    requests: Receiver<Request>,
}

struct Request {
    head: String,
    body: String,
}

impl Hook {
    fn start(answers: &'static [&'static str]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let (sender, requests) = mpsc::channel();
        std::thread::spawn(move || {
            for (n, stream) in listener.incoming().enumerate() {
                let answer = answers[n.min(answers.len() - 1)];
                if sender.send(take(stream.unwrap(), answer)).is_err() {
                    return;
                }
            }
        });
        Self { address, requests }
    }

    fn next(&self) -> Request {
        self.requests.recv_timeout(PATIENCE).unwrap()
    }
}

fn take(stream: impl Read + Write, answer: &str) -> Request {
    let mut stream = BufReader::new(stream);
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        assert!(stream.read_line(&mut head).unwrap() > 0, "{head}");
    }
    let request = Request { body: String::new(), head };
    let mut body = vec![0; request.header("content-length").parse().unwrap()];
    stream.read_exact(&mut body).unwrap();
    write!(stream.get_mut(), "HTTP/1.1 {answer}\r\nContent-Length: 0\r\n\r\n").unwrap();
    Request { body: String::from_utf8(body).unwrap(), ..request }
}

impl Request {
    fn header(&self, name: &str) -> &str {
        let lines = self.head.lines().filter_map(|line| line.split_once(": "));
        lines.into_iter().find(|(key, _)| *key == name).map(|(_, value)| value).expect(name)
    }

    fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap()
    }

    fn is_signed(&self) -> bool {
        let (id, time) = (self.header("webhook-id"), self.header("webhook-timestamp"));
        let tag = self.header("webhook-signature").strip_prefix("v1,").unwrap();
        let key = hmac::Key::new(hmac::HMAC_SHA256, SECRET.as_bytes());
        let text = format!("{id}.{time}.{}", self.body);
        hmac::verify(&key, text.as_bytes(), &BASE64_STANDARD.decode(tag).unwrap()).is_ok()
    }
}

fn daemon(hook: &Hook, on: &str) -> Daemon {
    let url = format!("http://{}/hook?key=1", hook.address);
    daemon_for(&url, on, &[])
}

fn daemon_for(url: &str, on: &str, environment: &[(&str, &str)]) -> Daemon {
    let toml = format!(
        "[[ReceiveConnector]]\nName = \"a\"\nBindings = \"127.0.0.1:0\"\nPermissionGroups = \"AnonymousUsers\"\n\
         TarpitInterval = \"00:00:00\"\nAuthTarpitInterval = \"00:00:00\"\n\
         [[webhook]]\nurl = \"{url}\"\nsecret = \"{SECRET}\"\non = {on}\n",
    );
    Daemon::start_in(tempfile::tempdir().unwrap(), &toml, &[], environment)
}

fn deliver(daemon: &Daemon) {
    let mut client = Client::connect(daemon.address("a"));
    client.ehlo();
    client.deliver("a@b.test", "alice@contoso.test");
    client.command("QUIT");
}

#[test]
fn a_message_is_posted_signed_and_again_until_it_is_taken() {
    let hook = Hook::start(&["503 Busy", "204 No Content"]);
    let daemon = daemon(&hook, "[\"message\"]");
    deliver(&daemon);
    let (first, second) = (hook.next(), hook.next());
    assert!(first.head.starts_with("POST /hook?key=1 HTTP/1.1\r\n"), "{}", first.head);
    assert_eq!(first.header("host"), hook.address.to_string());
    assert_eq!(first.header("content-type"), "application/json");
    for request in [&first, &second] {
        assert!(request.is_signed(), "{}", request.head);
        let told = request.json();
        assert_eq!(told["type"], "message");
        assert_eq!(told["data"]["subject"], "test");
        assert_eq!(told["data"]["number"], 1);
    }
    assert_eq!(first.header("webhook-id"), second.header("webhook-id"));
    deliver(&daemon);
    let third = hook.next();
    assert_eq!(third.json()["data"]["number"], 2);
    assert_ne!(third.header("webhook-id"), first.header("webhook-id"));
    assert!(!daemon.log().contains(SECRET));
}

#[test]
fn refusals_and_ends_of_sessions_are_told_once() {
    let hook = Hook::start(&["200 OK"]);
    let daemon = daemon(&hook, "[\"refused\", \"session\"]");
    let mut client = Client::connect(daemon.address("a"));
    client.ehlo();
    for _ in 0..2 {
        assert!(client.command("X-EXPS GSSAPI").starts_with("451 5.7.3 "));
    }
    let refused = hook.next().json();
    assert_eq!(refused["type"], "refused");
    assert_eq!(
        refused["data"]["refusal"]["reply"],
        "451 5.7.3 Cannot achieve Exchange Server authentication"
    );
    client.command("QUIT");
    assert_eq!(hook.next().json()["type"], "session");
    deliver(&daemon);
    let next = hook.next().json();
    assert_eq!((&next["type"], &next["data"]["outcome"]), (&"session".into(), &"accepted".into()));
}

#[test]
fn redirects_are_not_followed_and_a_hook_that_fails_holds_up_nobody() {
    let elsewhere = Hook::start(&["200 OK"]);
    let location = format!("307 Away\r\nLocation: http://{}/", elsewhere.address);
    let hook = Hook::start(vec![&*location.leak()].leak());
    let mut daemon = daemon(&hook, "[\"message\"]");
    deliver(&daemon);
    hook.next();
    hook.next();
    deliver(&daemon);
    daemon.signal("-TERM");
    assert!(daemon.wait().success());
    assert!(elsewhere.requests.recv_timeout(Duration::ZERO).is_err());
}

#[test]
fn what_came_just_before_the_end_is_told() {
    let hook = Hook::start(&["200 OK"]);
    let mut daemon = daemon(&hook, "[\"message\", \"session\"]");
    deliver(&daemon);
    daemon.signal("-TERM");
    let mut told = [hook.next(), hook.next()].map(|request| request.json()["type"].to_string());
    told.sort();
    assert_eq!(told, ["\"message\"", "\"session\""]);
    assert!(daemon.wait().success());
}

#[test]
fn https_goes_by_the_certificates_of_the_system() {
    let certificate =
        Certificate::renewed("localhost", KeyPair::generate().unwrap(), |certificate| {
            certificate.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        });
    let key = PrivatePkcs8KeyDer::from(certificate.key.serialize_der()).into();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(certificate.chain.clone(), key)
        .unwrap();
    let config = Arc::new(config);
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("https://localhost:{}/hook", listener.local_addr().unwrap().port());
    let take_one = || {
        let session = ServerConnection::new(Arc::clone(&config)).unwrap();
        let (stream, _) = listener.accept().unwrap();
        let mut stream = StreamOwned::new(session, stream);
        stream.conn.complete_io(&mut stream.sock).map(|_| take(stream, "200 OK"))
    };
    let dir = tempfile::tempdir().unwrap();
    let [known, empty] = ["known.pem", "empty.pem"].map(|name| dir.path().join(name));
    std::fs::write(&known, &certificate.pem).unwrap();
    std::fs::write(&empty, "").unwrap();
    for (roots, is_told) in [(known, true), (empty, false)] {
        let environment = [("SSL_CERT_FILE", roots.to_str().unwrap())];
        let daemon = daemon_for(&url, "[\"message\"]", &environment);
        deliver(&daemon);
        assert_eq!(take_one().is_ok_and(|request| request.is_signed()), is_told);
        if !is_told {
            daemon.wait_for_log("cannot be told: invalid peer certificate");
        }
    }
}
