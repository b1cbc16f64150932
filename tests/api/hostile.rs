//! Messages that are made to hurt whoever reads them.

use std::fmt::Write as _;
use std::time::{Duration, Instant};

use crate::support::{Client, Daemon};
use crate::{ask, daemon, get};

fn deliver(daemon: &Daemon, content: &[u8]) {
    let mut client = Client::connect(daemon.address("a"));
    client.ehlo();
    client.command("MAIL FROM:<a@b.test> BODY=BINARYMIME");
    client.command("RCPT TO:<c@contoso.test>");
    client.send(&format!("BDAT {} LAST", content.len()));
    client.send_raw(content);
    let reply = client.reply();
    assert!(reply.starts_with("250 "), "{reply}");
}

#[test]
fn hostile_mail_stays_small_and_quick() {
    let daemon = daemon();
    let mut parts =
        "Subject: parts\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n".to_owned();
    for n in 0..10_000 {
        write!(parts, "--b\r\n\r\npart {n}\r\n").unwrap();
    }
    let mut deep = "Subject: deep\r\n".to_owned();
    for n in 0..3_000 {
        write!(deep, "Content-Type: multipart/mixed; boundary=b{n}\r\n\r\n--b{n}\r\n").unwrap();
    }
    let line = [b"Subject: line\r\n\r\n", &vec![b'x'; 50 << 20][..]].concat();
    let charsets = b"Subject: =?x-none?Q?=FF=FE?= =?utf-8?B?!!!?=\r\nContent-Type: text/plain; \
        charset=\"\x01utf-16\r\n x: y\"\r\n\r\n\xff\xfe\xd8\x00";
    let names = "Content-Type: application/\"x\r\nContent-Disposition: attachment; \
        filename*=utf-8''%0D%0AX-Injected%3A%201\r\n\r\n\0";
    let contents = [parts.as_bytes(), deep.as_bytes(), &line, charsets, names.as_bytes()];
    for content in contents {
        deliver(&daemon, content);
    }
    let list = get(&daemon, "/messages");
    let messages = list["messages"].as_array().unwrap();
    assert_eq!(messages.len(), contents.len());
    assert!(list.to_string().len() < 20_000);
    for message in messages {
        let id = message["id"].as_str().unwrap();
        for path in ["", "/headers", "/parts", "/parts/0"] {
            let start = Instant::now();
            let response = read(&daemon, &format!("/messages/{id}{path}"));
            assert!(response.starts_with(b"HTTP/1.1 200"), "{path}");
            assert!(start.elapsed() < Duration::from_secs(5), "{path}: {:?}", start.elapsed());
            assert!(!response.windows(14).any(|w| w == b"\r\nX-Injected: 1"), "{path}");
            if path != "/parts/0" {
                assert!(response.len() < 100_000, "{path}: {}", response.len());
            }
        }
    }
    let first = messages.last().unwrap()["id"].as_str().unwrap();
    assert_eq!(get(&daemon, &format!("/messages/{first}/parts"))["more"], 9_900);
    assert_eq!(ask(&daemon, "GET", "/messages?text=xxxxx").status, 200);
    assert!(resident(&daemon) < 700 << 20, "{}", resident(&daemon));
}

fn read(daemon: &Daemon, path: &str) -> Vec<u8> {
    use std::io::{Read as _, Write as _};
    let at = daemon.http();
    let mut stream = std::net::TcpStream::connect(at).unwrap();
    stream.set_read_timeout(Some(crate::support::PATIENCE)).unwrap();
    write!(stream, "GET /api/v1{path} HTTP/1.1\r\nHost: {at}\r\nConnection: close\r\n\r\n")
        .unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    answer
}

/// Octets of memory that the daemon takes.
fn resident(daemon: &Daemon) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", daemon.pid())).unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() << 10
}
