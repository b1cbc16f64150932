//! Server-sent events.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpStream;
use std::time::Instant;

use serde_json::Value;

use crate::support::{Daemon, PATIENCE};
use crate::{TOML, daemon, deliver, fail_to_log_on};

struct Stream(BufReader<TcpStream>);

#[derive(Debug)]
struct Event {
    name: String,
    id: String,
    data: Value,
}

impl Stream {
    fn open(daemon: &Daemon, last: Option<&str>) -> Self {
        let at = daemon.http();
        let mut stream = TcpStream::connect(at).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let last = last.map(|id| format!("Last-Event-ID: {id}\r\n")).unwrap_or_default();
        write!(stream, "GET /api/v1/stream HTTP/1.1\r\nHost: {at}\r\n{last}\r\n").unwrap();
        let mut stream = Self(BufReader::new(stream));
        assert_eq!(stream.line().as_deref(), Some("HTTP/1.1 200 OK"));
        let kind = std::iter::from_fn(|| stream.line().filter(|line| !line.is_empty()))
            .any(|line| line == "content-type: text/event-stream");
        assert!(kind);
        stream
    }

    fn line(&mut self) -> Option<String> {
        let mut line = String::new();
        let octets = self.0.read_line(&mut line).unwrap();
        (octets > 0).then(|| line.trim_end().to_owned())
    }

    /// `None` at the end.
    fn next(&mut self) -> Option<Event> {
        let mut event = Event { name: String::new(), id: String::new(), data: Value::Null };
        loop {
            let line = self.line()?;
            match line.split_once(": ") {
                Some(("event", name)) => event.name = name.to_owned(),
                Some(("id", id)) => event.id = id.to_owned(),
                Some(("data", data)) => event.data = serde_json::from_str(data).unwrap(),
                _ if line.is_empty() && !event.name.is_empty() => return Some(event),
                // Sizes of chunks, and comments.
                _ => {}
            }
        }
    }

    /// The next one called `name`.
    fn next_of(&mut self, name: &str) -> Event {
        std::iter::from_fn(|| self.next()).find(|event| event.name == name).unwrap()
    }
}

#[test]
fn what_happens_is_told_as_it_happens() {
    let daemon = daemon();
    let mut stream = Stream::open(&daemon, None);
    deliver(&daemon, "a@b.test", "c@contoso.test", "Subject: one\r\n\r\n");
    let began = stream.next().unwrap();
    assert_eq!((&began.name[..], &began.data["point"]), ("session", &"began".into()));
    let first = stream.next_of("message");
    assert_eq!(first.data["subject"], "one");
    fail_to_log_on(&daemon);
    assert_eq!(stream.next_of("event").data["id"], 1035);

    deliver(&daemon, "a@b.test", "c@contoso.test", "Subject: two\r\n\r\n");
    assert_eq!(stream.next_of("message").data["subject"], "two");
    let mut again = Stream::open(&daemon, Some(&first.id));
    assert_eq!(again.next_of("event").data["id"], 1035);
    assert_eq!(again.next_of("message").data["subject"], "two");
    let mut another_run = Stream::open(&daemon, Some("1-2-0"));
    assert_eq!(another_run.next_of("event").data["id"], 1035);
    assert_eq!(another_run.next_of("message").data["subject"], "one", "the first of this run");
}

#[test]
fn a_restart_loses_nothing_that_is_kept_in_a_database() {
    let folder = tempfile::tempdir().unwrap();
    let capture = format!("sqlite:{}", folder.path().join("mail.db").display());
    let start = || Daemon::start(TOML, &["--capture", &capture]);
    let mut daemon = start();
    let mut stream = Stream::open(&daemon, None);
    let send = |daemon: &Daemon, subject: &str| {
        deliver(daemon, "a@b.test", "c@contoso.test", &format!("Subject: {subject}\r\n\r\n"));
    };
    send(&daemon, "seen");
    let seen = stream.next_of("message");
    drop(stream);
    send(&daemon, "missed");
    daemon.signal("-TERM");
    assert!(daemon.wait().success());
    let daemon = start();
    send(&daemon, "new");
    let mut again = Stream::open(&daemon, Some(&seen.id));
    for subject in ["missed", "new"] {
        assert_eq!(again.next_of("message").data["subject"], subject);
    }
}

#[test]
fn streams_end_with_the_daemon() {
    let mut daemon = daemon();
    let mut streams: Vec<_> = (0..5).map(|_| Stream::open(&daemon, None)).collect();
    let start = Instant::now();
    daemon.signal("-TERM");
    for stream in &mut streams {
        assert!(stream.next().is_none());
    }
    assert!(daemon.wait().success());
    assert!(start.elapsed() < PATIENCE / 3, "{:?}", start.elapsed());
}
