//! Wire dialogues, replayed octet for octet; see `tests/transcripts/README.md`.

use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use expsd::ExchangeServer;
use tokio::io::{AsyncBufReadExt as _, AsyncRead, AsyncWrite, AsyncWriteExt as _, BufReader};
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::pki_types::ServerName;

mod support;

use support::tls;

#[tokio::test]
async fn every_transcript_is_replayed() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/transcripts");
    let mut files: Vec<_> =
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.retain(|path| path.extension().is_some_and(|extension| extension == "txt"));
    files.sort();
    assert!(files.len() > 10, "the transcripts are gone");
    let mut failed = 0;
    for file in files {
        let name = file.file_name().unwrap().to_string_lossy().into_owned();
        let text = fs::read_to_string(&file).unwrap();
        let replayed = async move {
            let replayed = replay(&name, &text);
            tokio::time::timeout(Duration::from_secs(60), replayed).await.expect(&name);
        };
        // A panic says what differs; the others are replayed all the same.
        failed += usize::from(tokio::spawn(replayed).await.is_err());
    }
    assert_eq!(failed, 0, "transcripts that differ");
}

/// A transcript: a configuration and a dialogue.
struct Transcript<'a> {
    local: SocketAddr,
    remote: SocketAddr,
    configuration: String,
    dialogue: Vec<(usize, &'a str)>,
}

impl<'a> Transcript<'a> {
    fn parse(text: &'a str) -> Self {
        let mut transcript = Self {
            local: "0.0.0.0:25".parse().unwrap(),
            remote: "192.0.2.10:40000".parse().unwrap(),
            configuration: String::new(),
            dialogue: Vec::new(),
        };
        for (i, line) in text.lines().enumerate() {
            if let Some(address) = line.strip_prefix("# from: ") {
                transcript.remote = address.parse().unwrap();
            } else if let Some(address) = line.strip_prefix("# to: ") {
                transcript.local = address.parse().unwrap();
            } else if let Some(line) = line.strip_prefix("| ") {
                transcript.configuration += line;
                transcript.configuration += "\n";
            } else if !line.starts_with('#') && !line.is_empty() {
                transcript.dialogue.push((i + 1, line));
            }
        }
        transcript
    }
}

async fn replay(name: &str, text: &str) {
    let transcript = Transcript::parse(text);
    let builder = ExchangeServer::builder().configuration(&transcript.configuration);
    let server = builder.unwrap_or_else(|error| panic!("{name}: {error}")).start().await.unwrap();
    let mut stream =
        Stream::Clear(BufReader::new(server.connect(transcript.local, transcript.remote)));
    for (number, line) in transcript.dialogue {
        let at = format!("{name}:{number}");
        let (kind, text) = line.split_at_checked(3).unwrap_or((line, ""));
        match kind {
            "C: " => stream.write(format!("{text}\r\n").as_bytes()).await,
            "C:" => stream.write(b"\r\n").await,
            "S: " => {
                let got = stream.line().await;
                assert!(matches(text, &got), "{at}:\nexpected {text}\n     got {got}");
            }
            "T: " if text == "handshake" => stream = stream.handshake().await,
            "T: " if text == "closed" => assert_eq!(stream.line().await, "", "{at}"),
            _ => panic!("{at}: what is {line:?}?"),
        }
    }
}

/// Compares with `{…}` in the pattern standing for what differs from run to run.
fn matches(pattern: &str, text: &str) -> bool {
    let Some((before, rest)) = pattern.split_once('{') else { return pattern == text };
    let (placeholder, after) = rest.split_once('}').unwrap();
    let Some(text) = text.strip_prefix(before) else { return false };
    let fits: fn(char) -> bool = match placeholder {
        "n" => |c| c.is_ascii_digit(),
        "guid" => |c| c.is_ascii_hexdigit() || c == '-',
        "base64" => |c| c.is_ascii_alphanumeric() || "+/=".contains(c),
        "date" => |c| c.is_ascii_alphanumeric() || " ,:+-".contains(c),
        other => panic!("no placeholder {other}"),
    };
    let end = text.find(|c| !fits(c)).unwrap_or(text.len());
    // The shortest match that lets the rest fit; a date may be followed by more words.
    (1..=end).any(|n| text.is_char_boundary(n) && matches(after, &text[n..]))
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

    async fn line(&mut self) -> String {
        let mut line = String::new();
        let _ = match self {
            Self::Clear(stream) => stream.read_line(&mut line).await,
            Self::Tls(stream) => stream.read_line(&mut line).await,
        };
        line.trim_end_matches(['\r', '\n']).to_owned()
    }

    async fn handshake(self) -> Self {
        let Self::Clear(stream) = self else { panic!("TLS twice") };
        let name = ServerName::try_from("ex01.contoso.test").unwrap();
        let connector = TlsConnector::from(Arc::new(tls::client_config(&[])));
        let stream = connector.connect(name, stream.into_inner()).await.unwrap();
        Self::Tls(BufReader::new(Box::new(stream)))
    }
}
