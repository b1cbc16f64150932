//! DATA, BDAT (RFC 3030), and the end of data.

use std::sync::Arc;
use std::time::Instant;

use bytes::BytesMut;

use super::{Identity, Memory, Reason, Received, Refusal, Session, State, Transaction};
use crate::connector::Rights;
use crate::smtp::command::{Body, parse_bdat};
use crate::smtp::data::{ChunkReader, Content, DotReader};
use crate::smtp::{Envelope, Reply, Syntax, header, reply};

/// Content that is coming in.
pub(super) enum Receiving {
    Data {
        envelope: Envelope,
        dots: DotReader,
        collected: Collected,
    },
    Chunk {
        envelope: Envelope,
        chunk: ChunkReader,
        collected: Collected,
    },
    /// A chunk that was refused: its octets come all the same, and the reply after them.
    Refused {
        chunk: ChunkReader,
        sink: Content,
        reply: Reply,
        reason: Reason,
        then: State,
    },
}

/// Content so far, and the memory that it takes from the daemon's share.
pub(super) struct Collected {
    content: Content,
    memory: Arc<Memory>,
    reserved: u64,
    starved: bool,
    since: Instant,
}

impl Collected {
    fn new(
        limit: Option<u64>,
        expected: Option<u64>,
        memory: &Arc<Memory>,
        since: Instant,
    ) -> Self {
        Self {
            content: Content::new(limit, expected),
            memory: Arc::clone(memory),
            reserved: 0,
            starved: false,
            since,
        }
    }

    /// Reserves memory for what the content holds by now, in steps.
    fn account(&mut self) {
        const STEP: u64 = 64 << 10;
        let held = self.content.held() as u64;
        if held <= self.reserved {
            return;
        }
        let more = (held - self.reserved).next_multiple_of(STEP);
        if self.memory.take(more) {
            self.reserved += more;
        } else {
            self.starved = true;
            self.content.discard();
        }
    }
}

impl Drop for Collected {
    fn drop(&mut self) {
        self.memory.give_back(self.reserved);
    }
}

/// A message on its way to be kept. Its memory stays accounted until that is decided.
pub(super) struct Keeping {
    received: Option<Box<Received>>,
    message_id: Option<String>,
    octets: u64,
    ended: Instant,
    collected: Collected,
}

impl Keeping {
    pub(super) fn take(&mut self) -> Option<Box<Received>> {
        self.received.take()
    }
}

/// What the keeper of messages says of one it has kept.
#[derive(Clone, Debug)]
pub struct Receipt {
    pub internal_id: u64,
    /// Unique; makes the Message-ID of a message that came without.
    pub guid: String,
}

impl Session {
    pub(super) fn data_command(&mut self, args: &str, now: Instant) {
        if let Err((reply, reason)) = self.check_data() {
            return self.refuse(reply, reason, now);
        }
        if !args.is_empty() {
            return self.refuse(reply::INVALID_ARGUMENTS, Syntax::Arguments.into(), now);
        }
        let limit = self.size_limit();
        let State::Transaction(transaction) = &mut self.state else { return };
        if transaction.chunks.is_some() || transaction.envelope.body == Body::BinaryMime {
            return self.refuse(reply::BAD_SEQUENCE, Reason::Sequence, now);
        }
        let State::Transaction(transaction) = std::mem::replace(&mut self.state, State::Ready)
        else {
            return;
        };
        let envelope = transaction.envelope;
        let collected = Collected::new(limit, envelope.declared_size, &self.host.memory, now);
        let dots = DotReader::default();
        self.state = State::Receiving(Box::new(Receiving::Data { envelope, dots, collected }));
        self.accept(&reply::START_MAIL_INPUT);
    }

    fn check_data(&self) -> Result<(), Refusal> {
        match &self.state {
            _ if self.hello.is_none() => Err((reply::SEND_HELLO_FIRST, Reason::NoHello)),
            State::Transaction(t) if t.envelope.recipients.is_empty() => {
                Err((reply::NEED_RCPT, Reason::Sequence))
            }
            State::Transaction(_) => Ok(()),
            _ => Err((reply::NEED_MAIL, Reason::Sequence)),
        }
    }

    pub(super) fn bdat_command(&mut self, args: &str, now: Instant) {
        if !self.connector.chunking_enabled {
            return self.refuse(reply::UNRECOGNIZED_COMMAND, Reason::NotOffered("CHUNKING"), now);
        }
        let (size, last) = match parse_bdat(args) {
            Ok(chunk) => chunk,
            Err(syntax) => return self.refuse(reply::INVALID_ARGUMENTS, syntax.into(), now),
        };
        let chunk = ChunkReader::new(size, last);
        let checked = self.check_data();
        let limit = self.size_limit();
        let receiving = match (checked, std::mem::replace(&mut self.state, State::Ready)) {
            (Ok(()), State::Transaction(transaction)) => {
                let Transaction { envelope, chunks } = *transaction;
                let collected = chunks.unwrap_or_else(|| {
                    Collected::new(limit, envelope.declared_size, &self.host.memory, now)
                });
                Receiving::Chunk { envelope, chunk, collected }
            }
            (refusal, then) => {
                let (reply, reason) = refusal.err().unwrap_or((reply::NEED_MAIL, Reason::Sequence));
                let sink = Content::new(Some(0), None);
                Receiving::Refused { chunk, sink, reply, reason, then }
            }
        };
        self.state = State::Receiving(Box::new(receiving));
    }

    /// Takes content from `input`; true once it is whole.
    pub(super) fn receive(&mut self, input: &mut BytesMut, now: Instant) -> bool {
        let State::Receiving(receiving) = &mut self.state else { return true };
        let whole = match &mut **receiving {
            Receiving::Data { dots, collected, .. } => {
                let whole = dots.read(input, &mut collected.content);
                collected.account();
                whole
            }
            Receiving::Chunk { chunk, collected, .. } => {
                let whole = chunk.read(input, &mut collected.content);
                collected.account();
                whole
            }
            Receiving::Refused { chunk, sink, .. } => chunk.read(input, sink),
        };
        if !whole {
            return false;
        }
        let State::Receiving(receiving) = std::mem::replace(&mut self.state, State::Ready) else {
            return true;
        };
        match *receiving {
            Receiving::Data { envelope, collected, .. } => {
                self.end_of_data(envelope, collected, now);
            }
            Receiving::Chunk { envelope, chunk, collected } => match self.check_content(&collected)
            {
                Ok(()) if chunk.last => self.end_of_data(envelope, collected, now),
                Ok(()) => {
                    if self.facts().chunk_tarpit {
                        self.tarpit(self.connector.tarpit_interval, now);
                    }
                    self.accept(&reply::chunk_received(chunk.size));
                    let chunks = Some(collected);
                    self.state = State::Transaction(Box::new(Transaction { envelope, chunks }));
                }
                Err((reply, reason)) => self.refuse(reply, reason, now),
            },
            Receiving::Refused { reply, reason, then, .. } => {
                self.state = then;
                self.refuse(reply, reason, now);
            }
        }
        true
    }

    fn check_content(&self, collected: &Collected) -> Result<(), Refusal> {
        let octets = collected.content.received();
        match self.size_limit() {
            Some(limit) if octets > limit => {
                Err((reply::MESSAGE_TOO_LARGE, Reason::TooLarge { octets, limit }))
            }
            _ if collected.starved => Err((reply::INSUFFICIENT_RESOURCES, Reason::NoMemory)),
            _ => Ok(()),
        }
    }

    fn end_of_data(&mut self, envelope: Envelope, mut collected: Collected, now: Instant) {
        if let Err((reply, reason)) = self.check_content(&collected) {
            return self.refuse(reply, reason, now);
        }
        let octets = collected.content.received();
        let content = std::mem::take(&mut collected.content).into_bytes();
        if let Err((reply, reason)) = self.check_from(&content) {
            return self.refuse(reply, reason, now);
        }
        let message_id = header::field(&content, "Message-ID").filter(|id| is_message_id(id));
        let received = Received { envelope, content, message_id: message_id.clone() };
        let received = Some(Box::new(received));
        let keeping = Keeping { received, message_id, octets, ended: now, collected };
        self.state = State::Keeping(Box::new(keeping));
    }

    /// Without Accept-Any-Sender the From field must name the client too. That such a check
    /// comes at the end of data is seen (geekswithblogs.net, "Authenticated SMTP relaying in
    /// Exchange 2013"); how it reads the field is our choice.
    fn check_from(&self, content: &[u8]) -> Result<(), Refusal> {
        let Identity::Account { account, .. } = &self.identity else { return Ok(()) };
        if self.rights.contains(Rights::ACCEPT_ANY_SENDER) {
            return Ok(());
        }
        let Some(from) = header::field(content, "From") else { return Ok(()) };
        let address = match from.rsplit_once('<') {
            Some((_, rest)) => rest.split('>').next().unwrap_or_default(),
            None => from.as_str(),
        };
        let address = address.trim();
        if account.has_address(address) {
            return Ok(());
        }
        let (sender, account) = (address.to_owned(), account.name.to_string());
        Err((self.facts().cannot_send_as.clone(), Reason::NotOwnAddress { sender, account }))
    }

    /// The message is kept: the reply that hands over the responsibility for it.
    pub fn kept(&mut self, receipt: &Receipt, now: Instant) {
        let State::Keeping(keeping) = std::mem::replace(&mut self.state, State::Ready) else {
            return;
        };
        let host = &self.host.server.fqdn;
        let message_id = keeping.message_id.unwrap_or_else(|| format!("<{}@{host}>", receipt.guid));
        let elapsed = now.saturating_duration_since(keeping.collected.since);
        let queued = self.facts().queued;
        let reply = queued.reply(&message_id, receipt.internal_id, host, keeping.octets, elapsed);
        self.accept(&reply);
        self.last_heard = now;
        self.delay_acknowledgement(keeping.ended, now);
    }

    /// The message could not be kept; the client is to try again.
    pub fn not_kept(&mut self, why: String, now: Instant) {
        self.state = State::Ready;
        self.refuse(reply::INSUFFICIENT_RESOURCES, Reason::NotKept(why), now);
        self.last_heard = now;
    }
}

/// Fit to stand in a reply: `<…>`, printable, and not beyond what a reply line holds.
fn is_message_id(text: &str) -> bool {
    text.len() <= 250
        && text.starts_with('<')
        && text.ends_with('>')
        && text.bytes().all(|b| b.is_ascii_graphic())
}
