//! One SMTP conversation, free of I/O.
//!
//! A [`Session`] takes octets and instants and gives octets and [`Step`]s:
//!
//! 1. [`Session::step`] with what has been read, until it says what to do;
//! 2. do that: read more, wait, start TLS, keep a message, close;
//! 3. before reading, starting TLS or closing, and once a wait is over, send what is in
//!    [`Session::output`].
//!
//! Replies wait in the output while a step says [`Step::Hold`], so that a tarpit delays the
//! earlier replies of a pipelined group too, and not the later ones, as Exchange's does.

mod advice;
mod auth;
mod content;
mod data;
pub mod explain;
mod firewall;
mod hello;
mod identity;
mod keep;
mod mail;
mod memory;
mod misc;
mod note;
mod offer;
mod rate;
mod reason;
mod recipient_domain;
mod refusal;
mod ruled;
mod shown;
mod stamp;
#[cfg(test)]
mod tests;
mod tls;
mod trust;
mod version;

use std::sync::Arc;
use std::time::Instant;

use bytes::{Buf, Bytes, BytesMut};

use crate::auth::Authenticator;
use crate::connector::{GrantSource, Principal, ReceiveConnector, Rights, Server, SourceAddress};
use crate::directory::Directory;
use crate::rules::{Fault, Rules};
use crate::scope::Met;
use crate::smtp::header::Stripped;
use crate::smtp::line::{LineReader, Next};
use crate::smtp::{Envelope, Reply, Tally, reply};

pub use advice::Advice;
pub use explain::{Explanation, explain};
pub use identity::Identity;
pub use keep::Receipt;
pub use memory::Memory;
pub use note::Note;
pub use offer::{Offer, TlsKind};
pub use rate::Rates;
pub use reason::Reason;
pub use shown::Shown;
pub use stamp::{Arrival, date};
pub use trust::{DirectTrust, DomainSecurity, PeerCertificate, Secured};
pub use version::{Facts, LastError, Queued, facts};

/// What all sessions of a daemon share.
#[derive(Debug)]
pub struct Host {
    pub server: Server,
    pub directory: Arc<Directory>,
    pub authenticator: Authenticator,
    pub memory: Arc<Memory>,
    pub tally: Arc<Tally>,
    pub rules: Arc<Rules>,
    /// Edge and Hub servers that are known by their keys.
    pub direct_trust: Vec<DirectTrust>,
    /// TLSReceiveDomainSecureList.
    pub domain_secure: Vec<String>,
    /// ShadowRedundancyEnabled.
    pub shadow_redundancy: bool,
    /// What MessageRateLimit goes by.
    pub rates: Rates,
}

/// What to do before the session can go on.
#[derive(Debug)]
pub enum Step {
    /// Send the output, then read.
    Read,
    /// Send nothing before this instant, then the output, and step again.
    Hold(Instant),
    /// Send the output, do the handshake, then call [`Session::tls_started`].
    StartTls(TlsKind),
    /// Keep the message, then call [`Session::kept`] or [`Session::not_kept`].
    Keep(Box<Received>),
    /// Send the output and close.
    Close,
    /// Send the output, then let the connection go wrong.
    Break(Fault),
}

/// A message that was accepted but for being kept.
#[derive(Debug)]
pub struct Received {
    pub envelope: Envelope,
    /// As it came.
    pub content: Bytes,
    /// Its Message-ID field, with the angle brackets.
    pub message_id: Option<String>,
    /// The fields that do not pass the header firewall, in order.
    pub stripped: Vec<Stripped>,
    header: firewall::Header,
}

/// One conversation.
pub struct Session {
    host: Arc<Host>,
    connector: Met,
    /// A certificate for STARTTLS was found.
    certificate: bool,
    remote: SourceAddress,
    out: BytesMut,
    notes: Vec<Note>,
    tells_all: bool,
    /// AUTH or X-EXPS came, or what may have been meant for it.
    proof_tried: bool,
    transactions: u32,
    lines: LineReader,
    state: State,
    hello: Option<Hello>,
    tls: Option<Secured>,
    /// The subject of a client certificate that nobody knows.
    distrusted: Option<String>,
    identity: Identity,
    rights: Rights,
    protocol_errors: u32,
    logon_failures: u32,
    opened: Instant,
    last_heard: Instant,
    hold: Option<Instant>,
    pending: ruled::Pending,
}

/// What the peer said of itself.
#[derive(Clone, Debug)]
pub struct Hello {
    pub name: Box<str>,
    pub extended: bool,
}

enum State {
    /// Between transactions, with or without a hello.
    Ready,
    Transaction(Box<Transaction>),
    Receiving(Box<data::Receiving>),
    Authenticating(Box<auth::Authenticating>),
    Upgrading(TlsKind),
    Keeping(Box<keep::Keeping>),
    Closed,
}

struct Transaction {
    envelope: Envelope,
    /// Content of the BDAT chunks so far.
    chunks: Option<content::Collected>,
}

/// A reply that refuses, and why.
type Refusal = (Reply, Reason);

/// A line of AUTH is bounded by what Windows lets a token be (MaxTokenSize, 48,000 octets).
const MAX_AUTH_LINE: usize = 65_536;
/// Set-ReceiveConnector, LongAddressesEnabled: "the maximum length of a line is 8,000".
const MAX_LONG_LINE: usize = 8_000;
/// RFC 5321 §4.5.3.1.4 and the additions of RFC 1870, 3461, 4954, 6152; our choice.
const MAX_LINE: usize = 2_048;

impl Session {
    /// A session on `connector`, whose address was judged already. Call [`Session::greet`] next.
    pub fn new(
        host: Arc<Host>,
        connector: Met,
        certificate: bool,
        remote: SourceAddress,
        now: Instant,
    ) -> Self {
        let mut session = Self {
            identity: Identity::initial(&connector),
            host,
            connector,
            certificate,
            remote,
            out: BytesMut::new(),
            notes: Vec::new(),
            tells_all: false,
            proof_tried: false,
            transactions: 0,
            lines: LineReader::default(),
            state: State::Ready,
            hello: None,
            tls: None,
            distrusted: None,
            rights: Rights::empty(),
            protocol_errors: 0,
            logon_failures: 0,
            opened: now,
            last_heard: now,
            hold: None,
            pending: ruled::Pending::default(),
        };
        session.rights = session.connector.rights(&session.identity.token());
        session
    }

    /// Writes the banner. `date` is the server's local date and time, as RFC 5322 has it but
    /// without a leading zero: `Fri, 5 Aug 2016 16:24:41 -0700`.
    pub fn greet(&mut self, date: &str) {
        use std::fmt::Write as _;
        if self.rule_greets() {
            return;
        }
        self.host.tally.reply(220);
        // Writing into a growing buffer cannot fail.
        let _ = match &self.connector.banner {
            Some(banner) => write!(self.out, "{banner}\r\n"),
            None => {
                let fqdn = self.host.server.fqdn_of(&self.connector);
                write!(self.out, "220 {fqdn} Microsoft ESMTP MAIL Service ready at {date}\r\n")
            }
        };
        self.truncate_reply(0);
    }

    /// Goes on with what was read. Leaves in `input` what is not used yet.
    pub fn step(&mut self, input: &mut BytesMut, now: Instant) -> Step {
        if !input.is_empty() {
            self.last_heard = now;
        }
        loop {
            if let Some(until) = self.hold {
                if now < until {
                    return Step::Hold(until);
                }
                self.hold = None;
            }
            if let Some(fault) = self.pending.fault {
                return Step::Break(fault);
            }
            match &mut self.state {
                State::Closed => return Step::Close,
                State::Upgrading(kind) => {
                    let kind = *kind;
                    self.drop_plaintext(kind, input);
                    return Step::StartTls(kind);
                }
                State::Keeping(keeping) => match keeping.take() {
                    Some(received) => return Step::Keep(received),
                    None => return Step::Read,
                },
                State::Receiving(_) => {
                    if !self.receive(input, now) {
                        return Step::Read;
                    }
                }
                _ => {
                    let limit = self.line_limit(input);
                    match self.lines.next(input, limit) {
                        Next::Incomplete => return Step::Read,
                        Next::TooLong => {
                            self.tell_long_line();
                            self.long_line(limit, now);
                        }
                        Next::Line { text, len } if self.tells_all => {
                            let line = input.split_to(len).freeze().slice(..text);
                            self.tell_command(&line);
                            self.line(&line, now);
                        }
                        Next::Line { text, len } => {
                            self.line(&input[..text], now);
                            input.advance(len);
                        }
                    }
                }
            }
        }
    }

    /// What to send. The caller clears it.
    pub fn output(&mut self) -> &mut BytesMut {
        &mut self.out
    }

    /// What happened since the last call.
    pub fn take_notes(&mut self) -> Vec<Note> {
        std::mem::take(&mut self.notes)
    }

    /// Whether the peer is sending the content of a message, so that large reads pay.
    pub fn is_receiving(&self) -> bool {
        matches!(self.state, State::Receiving(_))
    }

    /// When the session ends if nothing more is heard.
    pub fn deadline(&self) -> Instant {
        let idle = self.last_heard + self.connector.connection_inactivity_timeout.0;
        idle.min(self.opened + self.connector.connection_timeout.0)
    }

    /// Ends the session if its deadline has passed.
    pub fn expire(&mut self, now: Instant) {
        if now >= self.opened + self.connector.connection_timeout.0 {
            self.close(reply::CONNECTION_TIMED_OUT, Reason::TooOld);
        } else if now >= self.deadline() {
            self.close(reply::TIMEOUT_WAITING, Reason::Inactive);
        }
    }

    /// Ends the session if nothing is in flight; says whether it did.
    pub fn shut_down(&mut self) -> bool {
        if !matches!(self.state, State::Ready | State::Authenticating(_)) {
            return false;
        }
        self.close(reply::SERVICE_NOT_AVAILABLE, Reason::ShuttingDown);
        true
    }

    pub fn connector(&self) -> &ReceiveConnector {
        &self.connector
    }

    pub fn remote(&self) -> SourceAddress {
        self.remote
    }

    pub fn hello(&self) -> Option<&Hello> {
        self.hello.as_ref()
    }

    pub fn tls(&self) -> Option<TlsKind> {
        self.tls.as_ref().map(|tls| tls.kind)
    }

    pub fn identity(&self) -> &Identity {
        &self.identity
    }

    pub fn rights(&self) -> Rights {
        self.rights
    }

    /// The entries of the connector that count for this peer: what each is, whom it names, and
    /// the rights in it.
    pub fn grants(&self) -> Vec<(GrantSource, Principal, Rights)> {
        let token = self.identity.token();
        let grants = self.connector.grants(&token);
        grants.map(|grant| (grant.source, grant.principal.clone(), grant.rights)).collect()
    }

    fn is_authenticated(&self) -> bool {
        matches!(self.identity, Identity::Account { .. })
    }

    /// What the connector offers in this state.
    pub fn offer(&self) -> Offer<'_> {
        let offer = Offer::of(&self.host.server, &self.connector, self.certificate, self.tls());
        offer.trusting(self.capabilities())
    }

    fn facts(&self) -> &'static Facts {
        facts(self.host.server.version)
    }

    fn line_limit(&self, input: &[u8]) -> usize {
        let is_proof = matches!(self.state, State::Authenticating(_))
            || starts_with(input, b"AUTH ")
            || starts_with(input, b"X-EXPS ");
        match () {
            () if is_proof => MAX_AUTH_LINE,
            () if self.offer().offers_long_addresses() => MAX_LONG_LINE,
            () => MAX_LINE,
        }
    }
}

impl std::fmt::Debug for Session {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Session")
            .field("connector", &self.connector.name)
            .field("remote", &self.remote)
            .finish_non_exhaustive()
    }
}

fn starts_with(input: &[u8], word: &[u8]) -> bool {
    input.get(..word.len()).is_some_and(|start| start.eq_ignore_ascii_case(word))
}
