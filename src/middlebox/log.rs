//! What the firewall tells of its work, in the form of its syslog messages.
//!
//! Ids, levels and the wording of 108004 are public; the wording of the others follows Cisco's
//! guide to syslog messages and was held against no capture. The client is `outside`.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use super::Mode;

/// One line of the log.
#[derive(Clone, Debug)]
pub enum Entry {
    Inspected {
        mode: Mode,
        client: SocketAddr,
        server: SocketAddr,
        event: Event,
    },
    /// A connection was taken and led nowhere.
    Unreachable {
        client: SocketAddr,
        upstream: SocketAddr,
        error: Arc<io::Error>,
    },
    /// Neither side said anything for so long; both were reset.
    Idle {
        client: SocketAddr,
        after: Duration,
    },
    NotAccepted(Arc<io::Error>),
}

/// What an inspection did or saw.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    Replaced(Replaced),
    Matched(Class),
    /// More octets came than `SIZE=` had said.
    Size {
        declared: u64,
        actual: u64,
    },
    TlsStarted,
    /// The connection was dropped.
    Disconnected,
}

/// What was overwritten. Of commands only a known verb is named: anything else may be a secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Replaced {
    Banner,
    Verb(&'static str),
    /// As many octets of something that is no known verb.
    Octets(usize),
    /// An EHLO keyword with its arguments, fit for a terminal, 64 characters at most.
    Keyword(String),
}

/// A class of `_default_esmtp_map`, numbered by its place there (ASA configuration guide).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    CommandLine = 1,
    Recipients,
    BodyLine,
    HeaderLine,
    SenderAddress,
    FileName,
}

impl Class {
    /// In octets; of recipients, their number. A command line is counted with its line end as
    /// RFC 5321 §4.5.3.1.4 does, content lines without (our choice).
    pub fn limit(self) -> usize {
        match self {
            Self::CommandLine => 512,
            Self::Recipients => 100,
            Self::BodyLine | Self::HeaderLine => 998,
            Self::SenderAddress => 320,
            Self::FileName => 255,
        }
    }

    /// Whether the connection is dropped; if not, the match is only logged.
    pub fn drops(self) -> bool {
        self != Self::BodyLine
    }
}

impl fmt::Display for Class {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = match self {
            Self::CommandLine => "cmd line length",
            Self::Recipients => "cmd RCPT count",
            Self::BodyLine => "body line length",
            Self::HeaderLine => "header line length",
            Self::SenderAddress => "sender-address length",
            Self::FileName => "MIME filename length",
        };
        write!(f, "Class {}: {what} gt {}", *self as u8, self.limit())
    }
}

impl fmt::Display for Replaced {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Banner => f.write_str("the banner"),
            Self::Verb(verb) => f.write_str(verb),
            Self::Octets(1) => f.write_str("1 octet"),
            Self::Octets(n) => write!(f, "{n} octets"),
            Self::Keyword(keyword) => f.write_str(keyword),
        }
    }
}

impl fmt::Display for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Inspected { mode, client, server, event } => {
                let product = mode.inspection().map_or("ASA", |inspection| inspection.product);
                write!(f, "%{product}-{}-{}: ", event.level(), event.id())?;
                event.tell(f, client, server)
            }
            Self::Unreachable { client, upstream, error } => {
                write!(f, "{client} was reset: {upstream} cannot be reached: {error}")
            }
            Self::Idle { client, after } => {
                write!(f, "{client} was reset: neither side said anything for {after:?}")
            }
            Self::NotAccepted(error) => write!(f, "a connection could not be accepted: {error}"),
        }
    }
}

impl Event {
    /// The number of the syslog message.
    pub fn id(&self) -> u32 {
        match self {
            Self::Replaced(_) => 108_002,
            Self::Matched(class) if class.drops() => 108_004,
            Self::Matched(_) => 108_005,
            Self::Size { .. } => 108_006,
            Self::TlsStarted => 108_007,
            Self::Disconnected => 507_003,
        }
    }

    /// The severity: 2 is critical, 7 for debugging.
    pub fn level(&self) -> u8 {
        match self {
            Self::Replaced(_) => 2,
            Self::Matched(class) if class.drops() => 4,
            Self::Disconnected => 4,
            Self::Matched(_) | Self::TlsStarted => 6,
            Self::Size { .. } => 7,
        }
    }

    fn tell(
        &self,
        f: &mut fmt::Formatter<'_>,
        client: &SocketAddr,
        server: &SocketAddr,
    ) -> fmt::Result {
        let bars = |at: &SocketAddr| format!("{}|{}", at.ip(), at.port());
        let slash = |at: &SocketAddr| format!("{}/{}", at.ip(), at.port());
        match self {
            Self::Replaced(what) => write!(
                f,
                "SMTP replaced string: out {} in {} data: {what}",
                client.ip(),
                server.ip()
            ),
            Self::Matched(class) => write!(
                f,
                "ESMTP Classification: {} ESMTP Request from outside:{} to inside:{}; matched {class}",
                if class.drops() { "Dropped connection for" } else { "Received" },
                bars(client),
                bars(server)
            ),
            Self::Size { declared, actual } => write!(
                f,
                "Detected ESMTP size violation from outside:{} to inside:{}; declared size is: \
                 {declared}, actual size is {actual}",
                bars(client),
                bars(server)
            ),
            Self::TlsStarted => write!(
                f,
                "TLS started on ESMTP session between client outside:{} and server inside:{}",
                slash(client),
                slash(server)
            ),
            Self::Disconnected => write!(
                f,
                "tcp flow from outside:{} to inside:{} terminated by inspection engine, \
                 reason - inspector disconnected, dropped packet",
                slash(client),
                slash(server)
            ),
        }
    }
}
