//! The connection: lines out, replies in, all of it bounded in time and size.

use std::fmt;
use std::io;
use std::time::Duration;

use bytes::BytesMut;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout, timeout_at};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::pki_types::ServerName;

use super::answer::{Answer, is_masked_greeting, shown, split};
use super::record::{Record, What};
use crate::journal::Ending;
use crate::smtp::line::{LineReader, Next};
use crate::tls::{self, Certificate, HandshakeFailure, ServerFacts, Terms};

/// A reply line may have 512 octets (RFC 5321 §4.5.3.1.5), and Exchange 2003 sent 1,024.
const LINE: usize = 8 << 10;
/// Lines of one reply.
const LINES: usize = 200;
/// How much of what is no reply is shown.
const FRAGMENT: usize = 200;

/// Why there is no reply.
#[derive(Debug)]
pub(super) enum Fault {
    /// Nothing whole came in time; so many octets had come.
    TimedOut(usize),
    Closed,
    Reset,
    Io(io::Error),
    /// The line is no reply.
    NotSmtp(String),
    TooLong,
}

pub(super) struct Wire {
    stream: Stream,
    buffer: BytesMut,
    reader: LineReader,
    timeout: Duration,
    /// What the server was told and nobody else is to see, in each form.
    secrets: Vec<String>,
    /// A mask may have cut the greeting in two (KB 320027).
    greeting_is_masked: bool,
    pub record: Record,
}

enum Stream {
    Plain(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
    /// Between the two, and after a handshake that failed.
    Gone,
}

impl Wire {
    pub fn new(stream: TcpStream, record: Record, timeout: Duration) -> Self {
        Self {
            stream: Stream::Plain(stream),
            buffer: BytesMut::new(),
            reader: LineReader::default(),
            timeout,
            secrets: Vec::new(),
            greeting_is_masked: false,
            record,
        }
    }

    /// Sends what has no place in the dialogue.
    pub async fn send_raw(&mut self, bytes: &[u8]) -> Result<(), Fault> {
        let io = self.stream.io()?;
        let sending = async {
            io.write_all(bytes).await?;
            io.flush().await
        };
        match timeout(self.timeout, sending).await {
            Err(_) => Err(Fault::TimedOut(0)),
            Ok(done) => done.map_err(Fault::from),
        }
    }

    pub async fn send(&mut self, line: &str) -> Result<(), Fault> {
        self.record.push(What::Sent(line.to_owned()));
        self.send_raw(format!("{line}\r\n").as_bytes()).await
    }

    /// Keeps a secret that is about to be sent out of whatever the server says from now on.
    pub fn hide(&mut self, secret: &[u8], line: &str) {
        let forms = [shown(secret), line.to_owned()];
        self.secrets.extend(forms.into_iter().filter(|form| !form.is_empty()));
    }

    fn without_secrets(&self, text: &str) -> String {
        let hide = |text: String, secret: &String| text.replace(secret, "<secret>");
        self.secrets.iter().fold(text.to_owned(), hide)
    }

    /// Sends a line that the dialogue shows as `shown`.
    pub async fn send_secret(&mut self, line: &str, shown: String) -> Result<(), Fault> {
        self.record.push(What::SentSecret(shown));
        self.send_raw(format!("{line}\r\n").as_bytes()).await
    }

    pub async fn command(&mut self, line: &str) -> Result<Answer, Fault> {
        self.send(line).await?;
        self.answer().await
    }

    /// A whole reply.
    pub async fn answer(&mut self) -> Result<Answer, Fault> {
        let deadline = Instant::now() + self.timeout;
        let mut lines = Vec::new();
        let mut code = None;
        let fault = loop {
            let line = match self.line(deadline).await {
                Ok(line) => line,
                Err(fault) => break fault,
            };
            if self.greeting_is_masked && lines.is_empty() && is_masked_greeting(&line) {
                self.record.push(What::Fragment(line));
                continue;
            }
            match split(&line) {
                Some((this, last, text)) if code.is_none_or(|code| code == this) => {
                    code = Some(this);
                    lines.push(self.without_secrets(text));
                    if last {
                        let answer = Answer { code: this, lines };
                        self.greeting_is_masked |= this == 220 && answer.is_masked_banner();
                        self.record.push(What::Received(answer.clone()));
                        return Ok(answer);
                    }
                }
                _ => {
                    self.fragments(code, &mut lines);
                    let line = cut(self.without_secrets(&line));
                    self.record.push(What::Fragment(line.clone()));
                    return Err(Fault::NotSmtp(line));
                }
            }
            if lines.len() >= LINES {
                lines.truncate(3);
                break Fault::TooLong;
            }
        };
        let fault = match fault {
            Fault::TimedOut(octets) => {
                let whole = |line: &String| "220-\r\n".len() + line.len();
                Fault::TimedOut(octets + lines.iter().map(whole).sum::<usize>())
            }
            fault => fault,
        };
        self.fragments(code, &mut lines);
        let rest = std::mem::take(&mut self.buffer);
        if !rest.is_empty() {
            let rest = self.without_secrets(&shown(&rest));
            self.record.push(What::Fragment(cut(rest)));
        }
        match &fault {
            Fault::Closed => self.record.push(What::Ended(Ending::Remote)),
            Fault::Reset => self.record.push(What::Ended(Ending::ConnectionReset)),
            Fault::Io(_) => self.record.push(What::Ended(Ending::SocketError)),
            Fault::TimedOut(_) | Fault::NotSmtp(_) | Fault::TooLong => {}
        }
        Err(fault)
    }

    /// The lines of a reply whose end did not come.
    fn fragments(&mut self, code: Option<u16>, lines: &mut Vec<String>) {
        for line in lines.drain(..) {
            let code = code.unwrap_or_default();
            self.record.push(What::Fragment(format!("{code}-{line}")));
        }
    }

    async fn line(&mut self, deadline: Instant) -> Result<String, Fault> {
        loop {
            match self.reader.next(&mut self.buffer, LINE) {
                Next::Line { text, len } => {
                    let line = self.buffer.split_to(len);
                    return Ok(shown(&line[..text]));
                }
                Next::TooLong => return Err(Fault::TooLong),
                Next::Incomplete => {}
            }
            let reading = self.stream.io()?.read_buf(&mut self.buffer);
            match timeout_at(deadline, reading).await {
                Err(_) => return Err(Fault::TimedOut(self.buffer.len())),
                Ok(Ok(0)) => return Err(Fault::Closed),
                Ok(Ok(_)) => {}
                Ok(Err(error)) => return Err(error.into()),
            }
        }
    }

    /// Whether words came with the reply that the server was to be silent after: they are not
    /// behind TLS, and are dropped (RFC 3207 §6; CVE-2011-0411).
    pub fn drop_early_words(&mut self) -> bool {
        let early = !self.buffer.is_empty();
        self.buffer.clear();
        self.reader = LineReader::default();
        early
    }

    /// Does the handshake; `name` is told to the server (RFC 6066 §3) if it is one.
    pub async fn start_tls(
        &mut self,
        name: &str,
        own: Option<&Certificate>,
        terms: Terms,
    ) -> Result<ServerFacts, HandshakeFailure> {
        let done = self.handshake(name, own, terms).await;
        match &done {
            Ok(facts) => {
                if let Some(details) = &facts.details {
                    self.record.push(What::Certificate(Box::new(details.clone())));
                }
                self.record.push(What::Negotiated(facts.negotiated.clone()));
            }
            Err(why) => self.record.push(What::HandshakeFailed(why.to_string())),
        }
        done
    }

    async fn handshake(
        &mut self,
        name: &str,
        own: Option<&Certificate>,
        terms: Terms,
    ) -> Result<ServerFacts, HandshakeFailure> {
        let other = |why: &str| HandshakeFailure::Other(why.to_owned());
        let Stream::Plain(stream) = std::mem::replace(&mut self.stream, Stream::Gone) else {
            return Err(other("the session is in TLS already"));
        };
        let config = tls::client(own, terms).map_err(|error| other(&error.to_string()))?;
        let name = ServerName::try_from(name.to_owned())
            .or_else(|_| stream.peer_addr().map(|peer| ServerName::from(peer.ip())))
            .map_err(|error| other(&error.to_string()))?;
        let connecting = TlsConnector::from(config).connect(name, stream);
        let failed =
            |error: io::Error| HandshakeFailure::of(&error, shown(error.to_string().as_bytes()));
        let stream = timeout(self.timeout, connecting)
            .await
            .map_err(|_| other(&format!("no handshake within {:?}", self.timeout)))?
            .map_err(failed)?;
        // An invariant of a handshake that is done.
        let facts = tls::server_facts(stream.get_ref().1);
        let facts = facts.ok_or_else(|| other("no certificate was shown"))?;
        self.stream = Stream::Tls(Box::new(stream));
        Ok(facts)
    }

    /// Takes leave, without much waiting.
    pub async fn quit(&mut self) {
        const LEAVE: Duration = Duration::from_secs(2);
        self.timeout = self.timeout.min(LEAVE);
        let _ = self.command("QUIT").await;
    }
}

fn cut(mut text: String) -> String {
    if let Some((end, _)) = text.char_indices().nth(FRAGMENT) {
        text.truncate(end);
        text.push('…');
    }
    text
}

impl From<io::Error> for Fault {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe => Self::Reset,
            // Closed without TLS's farewell.
            io::ErrorKind::UnexpectedEof => Self::Closed,
            _ => Self::Io(error),
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TimedOut(0) => f.write_str("nothing came in time"),
            Self::TimedOut(n) => write!(f, "no whole reply came in time; {n} octets of one did"),
            Self::Closed => f.write_str("the server closed the connection"),
            Self::Reset => f.write_str("the connection was reset"),
            Self::Io(error) => write!(f, "the connection broke: {error}"),
            Self::NotSmtp(line) => write!(f, "\"{line}\" is no SMTP reply"),
            Self::TooLong => {
                write!(f, "the reply goes on beyond {LINES} lines, or a line beyond {LINE} octets")
            }
        }
    }
}

trait Io: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Io for T {}

impl Stream {
    fn io(&mut self) -> io::Result<&mut dyn Io> {
        match self {
            Self::Plain(stream) => Ok(stream),
            Self::Tls(stream) => Ok(stream),
            Self::Gone => Err(io::ErrorKind::NotConnected.into()),
        }
    }
}
