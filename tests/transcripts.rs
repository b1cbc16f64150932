//! Wire dialogues, replayed octet for octet; see `tests/transcripts/README.md`.

use std::collections::BTreeSet;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use std::{fs, io};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use expsd::ExchangeServer;
use jiff::fmt::strtime;
use tokio::io::{AsyncBufReadExt as _, AsyncRead, AsyncWrite, AsyncWriteExt as _, BufReader};
use tokio::time::Instant;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::ClientConfig;
use tokio_rustls::rustls::pki_types::ServerName;

mod support;

use support::tls;

/// The clock stands still while anybody works and jumps to the next timer when all wait, so
/// that delays cost no time and are compared exactly.
#[tokio::test(start_paused = true)]
async fn every_transcript_is_replayed() {
    let mut failed = 0;
    for file in transcripts() {
        let text = fs::read_to_string(&file).unwrap();
        // A panic says what differs; the others are replayed all the same.
        let replayed = tokio::spawn(async move { replay(&name_of(&file), &text).await });
        failed += usize::from(replayed.await.is_err());
    }
    assert_eq!(failed, 0, "transcripts that differ");
}

#[test]
fn the_table_names_every_transcript_and_no_other() {
    let readme = fs::read_to_string(folder().join("README.md")).unwrap();
    let (_, table) = readme.split_once("\n## ").unwrap();
    let named: BTreeSet<_> =
        table.split('`').filter(|word| word.ends_with(".txt")).map(str::to_owned).collect();
    let there: BTreeSet<_> = transcripts().iter().map(|path| name_of(path)).collect();
    assert_eq!(named, there);
}

#[test]
fn a_placeholder_stands_for_its_own_kind_only() {
    for (pattern, good, bad) in [
        ("a {date}", "a Fri, 5 Aug 2016 16:24:41 -0700", "a Fri, 05 Aug 2016 16:24:41 -0700"),
        ("a {date}", "a Sat, 6 Aug 2016 16:24:41 -0700", "a Fri, 6 Aug 2016 16:24:41 -0700"),
        ("[{n}]", "[17]", "[1 7]"),
        ("[{n}, x]", "[17, x]", "[, x]"),
        ("<{guid}@x>", "<9bb3a1f4-84ee-4b9b-a8f0-9d0c79b53b4b@x>", "<9bb3a1f4@x>"),
        ("334 {challenge}", "334 TlRMTVNTUAACAAAA", "334 TlRMTVNTUAABAAAA"),
        ("{time},", "2023-01-11T15:59:56.232Z,", "2023-01-11T15:59:56Z,"),
        ("{id}", "08D892B7A9441226", "08D892B7A944122"),
        ("250 OK", "250 OK", "250 OK "),
    ] {
        assert!(matches(pattern, good), "{pattern}: {good}");
        assert!(!matches(pattern, bad), "{pattern}: {bad}");
    }
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/transcripts")
}

fn transcripts() -> Vec<PathBuf> {
    let entries = fs::read_dir(folder()).unwrap().map(|entry| entry.unwrap().path());
    let mut files: Vec<_> =
        entries.filter(|path| path.extension().is_some_and(|e| e == "txt")).collect();
    files.sort();
    files
}

fn name_of(path: &Path) -> String {
    path.file_name().unwrap().to_string_lossy().into_owned()
}

/// A transcript: a configuration and a dialogue.
struct Transcript<'a> {
    local: SocketAddr,
    remote: SocketAddr,
    configuration: String,
    dialogue: Vec<(usize, &'a str)>,
    /// Rows of the protocol log.
    rows: Vec<(usize, &'a str)>,
}

impl<'a> Transcript<'a> {
    fn parse(text: &'a str) -> Self {
        let mut transcript = Self {
            local: "0.0.0.0:25".parse().unwrap(),
            remote: "192.0.2.10:40000".parse().unwrap(),
            configuration: String::new(),
            dialogue: Vec::new(),
            rows: Vec::new(),
        };
        for (i, line) in text.lines().enumerate() {
            if let Some(address) = line.strip_prefix("# from: ") {
                transcript.remote = address.parse().unwrap();
            } else if let Some(address) = line.strip_prefix("# to: ") {
                transcript.local = address.parse().unwrap();
            } else if let Some(line) = line.strip_prefix("| ") {
                transcript.configuration += line;
                transcript.configuration += "\n";
            } else if let Some(row) = line.strip_prefix("L: ") {
                transcript.rows.push((i + 1, row));
            } else if !line.starts_with('#') && !line.is_empty() {
                transcript.dialogue.push((i + 1, line));
            }
        }
        transcript
    }
}

async fn replay(name: &str, text: &str) {
    /// Longer than any tarpit, shorter than any timeout of an idle session.
    const QUIET: Duration = Duration::from_secs(50);

    let transcript = Transcript::parse(text);
    let journal = tempfile::tempdir().unwrap();
    let builder = ExchangeServer::builder().configuration(&transcript.configuration);
    let mut builder = builder.unwrap_or_else(|error| panic!("{name}: {error}"));
    if !transcript.rows.is_empty() {
        builder = builder.journal(journal.path());
    }
    let server = builder.start().await.unwrap();
    let mut stream =
        Stream::Clear(BufReader::new(server.connect(transcript.local, transcript.remote)));
    let mut delay = Duration::ZERO;
    let mut closed = false;
    for (number, line) in &transcript.dialogue {
        let at = format!("{name}:{number}");
        let (kind, text) = line.split_at_checked(3).unwrap_or((line, ""));
        assert!(!closed, "{at}: this comes after the end");
        match kind {
            "C: " => stream.write(format!("{text}\r\n").as_bytes()).await,
            "C:" => stream.write(b"\r\n").await,
            "R: " => {
                let octets = unescape(text).unwrap_or_else(|| panic!("{at}: what is {line:?}?"));
                stream.write(&octets).await;
            }
            "S: " => {
                let (waited, got) = stream.line().await;
                let got = got.unwrap_or_else(|error| panic!("{at}:\nexpected {text}\n{error}"));
                assert!(matches(text, &got), "{at}:\nexpected {text}\n     got {got}");
                assert_eq!(waited, std::mem::take(&mut delay), "{at}: the delay");
            }
            "T: " if text.starts_with("handshake") => {
                let config = match text.split(' ').collect::<Vec<_>>()[..] {
                    ["handshake", suite, group] => tls::client_config_of(suite, group),
                    _ => tls::client_config(&[]),
                };
                stream = stream.handshake(config).await;
            }
            "T: " if text == "closed" => {
                let (waited, got) = stream.line().await;
                assert_eq!(got.ok().as_deref(), Some(""), "{at}");
                assert_eq!(waited, delay, "{at}: the delay");
                closed = true;
            }
            "T: " => {
                let seconds = text.strip_prefix("after ").and_then(|t| t.strip_suffix(" s"));
                let seconds = seconds.unwrap_or_else(|| panic!("{at}: what is {line:?}?"));
                delay = Duration::from_secs(seconds.parse().unwrap());
            }
            _ => panic!("{at}: what is {line:?}?"),
        }
    }
    if !closed {
        assert_eq!(delay, Duration::ZERO, "{name}: nothing comes after the delay");
        let more = tokio::time::timeout(QUIET, stream.line()).await;
        assert!(more.is_err(), "{name}: after the last line came {:?}", more.unwrap());
    }
    if !transcript.rows.is_empty() {
        drop(stream);
        server.stop().await;
        compare_rows(name, &transcript, journal.path());
    }
}

/// The rows of the one session, each with its sequence number before the last three columns.
fn compare_rows(name: &str, transcript: &Transcript<'_>, journal: &Path) {
    // The thread that writes it lives by another clock than the server.
    let text = support::wait_until(|| {
        support::protocol_log(journal).pop().filter(|text| text.contains(",-,,"))
    });
    let mut rows = text.lines().filter(|line| !line.starts_with(['#', '\u{feff}']));
    let mut id = None;
    for (number, row) in &transcript.rows {
        let at = format!("{name}:{number}");
        let got = rows.next().unwrap_or_else(|| panic!("{at}: no more rows; expected {row}"));
        let (sequence, rest) = row.split_once(' ').unwrap();
        let session = id.get_or_insert_with(|| got.split(',').nth(2).unwrap_or("").to_owned());
        assert!(matches("{id}", session), "{at}: {session}");
        let (connector, session) = (got.split(',').nth(1).unwrap_or(""), &**session);
        let connector_name = connector.strip_prefix("EX01\\").expect(&at);
        assert!(transcript.configuration.contains(&format!("Name = \"{connector_name}\"")), "{at}");
        // A connection in memory finds a wildcard at loopback.
        let (mut local, remote) = (transcript.local, transcript.remote);
        if local.ip().is_unspecified() {
            local.set_ip(Ipv4Addr::LOCALHOST.into());
        }
        let pattern = format!("{{time}},{connector},{session},{sequence},{local},{remote},{rest}");
        let pattern = pattern.replace("{session}", session);
        assert!(matches(&pattern, got), "{at}:\nexpected {pattern}\n     got {got}");
    }
    assert_eq!(rows.next(), None, "{name}: more rows");
}

/// `\r`, `\n`, `\\` and `\x80` stand for octets; `None` where a backslash stands for nothing.
fn unescape(text: &str) -> Option<Vec<u8>> {
    let mut octets = Vec::new();
    let mut rest = text;
    while let Some((before, escape)) = rest.split_once('\\') {
        octets.extend_from_slice(before.as_bytes());
        let (octet, taken) = match escape.as_bytes().first()? {
            b'r' => (b'\r', 1),
            b'n' => (b'\n', 1),
            b'\\' => (b'\\', 1),
            b'x' => (u8::from_str_radix(escape.get(1..3)?, 16).ok()?, 3),
            _ => return None,
        };
        octets.push(octet);
        rest = &escape[taken..];
    }
    octets.extend_from_slice(rest.as_bytes());
    Some(octets)
}

/// Compares with `{…}` in the pattern standing for what differs from run to run.
fn matches(pattern: &str, text: &str) -> bool {
    let Some((before, rest)) = pattern.split_once('{') else { return pattern == text };
    let (placeholder, after) = rest.split_once('}').unwrap();
    let Some(text) = text.strip_prefix(before) else { return false };
    let fits: fn(&str) -> bool = match placeholder {
        "n" => |t| !t.is_empty() && t.bytes().all(|b| b.is_ascii_digit()),
        "guid" => |t| uuid::Uuid::try_parse(t).is_ok_and(|guid| guid.to_string() == t),
        "challenge" => {
            |t| STANDARD.decode(t).is_ok_and(|token| token.starts_with(b"NTLMSSP\0\x02\0\0\0"))
        }
        "date" => is_date,
        "time" => is_time,
        "id" => |t| t.len() == 16 && is_hex(t),
        "hex" => is_hex,
        other => panic!("no placeholder {other}"),
    };
    (1..=text.len())
        .any(|n| text.is_char_boundary(n) && fits(&text[..n]) && matches(after, &text[n..]))
}

/// `Fri, 5 Aug 2016 16:24:41 -0700`
fn is_date(text: &str) -> bool {
    const FORM: &str = "%a, %-d %b %Y %H:%M:%S %z";
    let date = strtime::parse(FORM, text).and_then(|parsed| parsed.to_zoned());
    date.is_ok_and(|date| date.strftime(FORM).to_string() == text)
}

/// `2023-01-11T15:59:56.232Z`
fn is_time(text: &str) -> bool {
    let time = text.parse::<jiff::Timestamp>();
    time.is_ok_and(|time| time.strftime("%Y-%m-%dT%H:%M:%S.%3fZ").to_string() == text)
}

fn is_hex(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit() || (b'A'..=b'F').contains(&b))
}

trait Transport: AsyncRead + AsyncWrite + Unpin + Send {}
impl<T: AsyncRead + AsyncWrite + Unpin + Send> Transport for T {}

enum Stream {
    Clear(BufReader<tokio::io::DuplexStream>),
    Tls(BufReader<Box<dyn Transport>>),
}

impl Stream {
    async fn write(&mut self, bytes: &[u8]) {
        let io: &mut dyn Transport = match self {
            Self::Clear(stream) => stream.get_mut(),
            Self::Tls(stream) => stream.get_mut(),
        };
        io.write_all(bytes).await.unwrap();
        io.flush().await.unwrap();
    }

    /// The next line without its CRLF, or nothing at the end; and how long it took to come.
    async fn line(&mut self) -> (Duration, io::Result<String>) {
        let since = Instant::now();
        let mut line = String::new();
        let read = match self {
            Self::Clear(stream) => stream.read_line(&mut line).await,
            Self::Tls(stream) => stream.read_line(&mut line).await,
        };
        let line = read.and_then(|octets| match line.strip_suffix("\r\n") {
            Some("") => Err(io::Error::other("an empty line came")),
            Some(text) => Ok(text.to_owned()),
            None if octets == 0 => Ok(String::new()),
            None => Err(io::Error::other(format!("{line:?} has no CRLF"))),
        });
        (since.elapsed(), line)
    }

    async fn handshake(self, config: ClientConfig) -> Self {
        let Self::Clear(stream) = self else { panic!("TLS twice") };
        assert!(stream.buffer().is_empty(), "the server spoke before the handshake");
        let name = ServerName::try_from("ex01.contoso.test").unwrap();
        let connector = TlsConnector::from(Arc::new(config));
        let stream = connector.connect(name, stream.into_inner()).await.unwrap();
        Self::Tls(BufReader::new(Box::new(stream)))
    }
}
