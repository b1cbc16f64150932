//! Sessions as OpenTelemetry spans: `cargo test --features otlp --test otlp`.

mod support;

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpListener;

use memchr::memmem;
use support::{Client, Daemon, PATIENCE};

const ANONYMOUS: &str = "[[ReceiveConnector]]\nName = \"a\"\nBindings = \"127.0.0.1:0\"\n\
                         PermissionGroups = \"AnonymousUsers\"\n";

#[test]
fn a_collector_gets_each_session_with_its_connector() {
    let collector = TcpListener::bind("127.0.0.1:0").unwrap();
    let endpoint = format!("http://{}", collector.local_addr().unwrap());
    let environment = [("OTEL_EXPORTER_OTLP_ENDPOINT", &endpoint[..])];
    let dir = tempfile::tempdir().unwrap();
    let mut daemon = Daemon::start_in(dir, ANONYMOUS, &[], &environment);
    let collected = std::thread::spawn(move || {
        let (stream, _) = collector.accept().unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let mut reader = BufReader::new(stream);
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            assert_ne!(reader.read_line(&mut head).unwrap(), 0);
        }
        let length = head.lines().find_map(|line| {
            let (name, value) = line.split_once(": ")?;
            name.eq_ignore_ascii_case("content-length").then(|| value.parse().unwrap())
        });
        let mut body = vec![0; length.unwrap()];
        reader.read_exact(&mut body).unwrap();
        let answer = "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n";
        reader.get_mut().write_all(answer.as_bytes()).unwrap();
        (head, body)
    });
    let mut client = Client::connect(daemon.address("a"));
    client.ehlo();
    client.command("QUIT");
    daemon.signal("-TERM");
    assert!(daemon.wait().success());
    let (head, body) = collected.join().unwrap();
    assert!(head.starts_with("POST /v1/traces HTTP/1.1\r\n"), "{head}");
    for text in ["expsd", "session", "connector", "remote"] {
        assert!(memmem::find(&body, text.as_bytes()).is_some(), "{text}");
    }
}
