//! DATA and BDAT (RFC 3030).

use std::time::Instant;

use bytes::BytesMut;

use super::content::Collected;
use super::{Reason, Refusal, Session, State, Transaction};
use crate::smtp::command::{Body, parse_bdat};
use crate::smtp::data::{BareLinefeeds, ChunkReader, Content, DotReader};
use crate::smtp::{Envelope, Reply, Syntax, reply};

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
        /// No chunk of the message came before.
        first: bool,
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

const NO_CHUNKING: Reason = Reason::NotOffered("CHUNKING");

impl Session {
    pub(super) fn data_command(&mut self, args: &str, now: Instant) {
        if let Err((reply, reason)) = self.check_data() {
            return self.refuse(reply, reason, now);
        }
        if !args.is_empty() {
            return self.refuse(reply::INVALID_ARGUMENTS, Syntax::Arguments.into(), now);
        }
        let State::Transaction(transaction) = &self.state else { return };
        if transaction.chunks.is_some() || transaction.envelope.body == Body::BinaryMime {
            return self.refuse(reply::BAD_SEQUENCE, Reason::Sequence, now);
        }
        let State::Transaction(transaction) = std::mem::replace(&mut self.state, State::Ready)
        else {
            return;
        };
        let envelope = transaction.envelope;
        let mut collected = self.collect(envelope.declared_size, now);
        // Not in BDAT: the parameter is about the DATA stream, and binary content has them.
        let watched = self.connector.bare_linefeed_rejection_enabled;
        collected.linefeeds = watched.then(BareLinefeeds::default);
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
        let (size, last) = match parse_bdat(args) {
            Ok(chunk) => chunk,
            Err(_) if !self.connector.chunking_enabled => {
                return self.refuse(reply::UNRECOGNIZED_COMMAND, NO_CHUNKING, now);
            }
            Err(syntax) => {
                // Nobody knows where its octets end.
                let reason = syntax.into();
                self.tarpit_refusal(&reply::INVALID_ARGUMENTS, &reason, now);
                return self.close(reply::INVALID_ARGUMENTS, reason);
            }
        };
        let chunk = ChunkReader::new(size, last.unwrap_or_default());
        let checked = self.check_bdat(last);
        let receiving = match (checked, std::mem::replace(&mut self.state, State::Ready)) {
            (Ok(()), State::Transaction(transaction)) => {
                let Transaction { envelope, chunks } = *transaction;
                let first = chunks.is_none();
                let collected = chunks.unwrap_or_else(|| self.collect(envelope.declared_size, now));
                Receiving::Chunk { envelope, chunk, collected, first }
            }
            (refusal, state) => {
                let (reply, reason) = refusal.err().unwrap_or((reply::NEED_MAIL, Reason::Sequence));
                // No later chunk may pass for the first of the message (RFC 3030 §2).
                let then = if reason == NO_CHUNKING { state } else { State::Ready };
                let sink = Content::new(Some(0), None);
                Receiving::Refused { chunk, sink, reply, reason, then }
            }
        };
        self.state = State::Receiving(Box::new(receiving));
    }

    fn check_bdat(&self, last: Result<bool, Syntax>) -> Result<(), Refusal> {
        if !self.connector.chunking_enabled {
            return Err((reply::UNRECOGNIZED_COMMAND, NO_CHUNKING));
        }
        last.map_err(|syntax| (reply::INVALID_ARGUMENTS, syntax.into()))?;
        self.check_data()
    }

    /// Takes content from `input`; true once it is whole.
    pub(super) fn receive(&mut self, input: &mut BytesMut, now: Instant) -> bool {
        let State::Receiving(receiving) = &mut self.state else { return true };
        let is_local = |host: &[u8]| self.host.server.is_named(host, &self.connector);
        let whole = match &mut **receiving {
            Receiving::Data { dots, collected, .. } => {
                let whole = dots.read(input, &mut collected.content);
                collected.look(false, is_local);
                whole
            }
            Receiving::Chunk { chunk, collected, .. } => {
                let whole = chunk.read(input, &mut collected.content);
                collected.look(false, is_local);
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
            Receiving::Chunk { envelope, first: true, .. }
                if self.rule_answers_chunk(&envelope, now) => {}
            Receiving::Chunk { envelope, chunk, collected, .. } => {
                match self.check_content(&collected) {
                    Ok(()) if chunk.last => self.end_of_data(envelope, collected, now),
                    Ok(()) => {
                        if self.facts().chunk_tarpit {
                            self.tarpit(self.connector.tarpit_interval, now);
                        }
                        self.accept(&reply::chunk_received(chunk.size));
                        let chunks = Some(collected);
                        self.state = State::Transaction(Box::new(Transaction { envelope, chunks }));
                    }
                    Err(refusal) => self.reject(refusal, now),
                }
            }
            Receiving::Refused { reply, reason, then, .. } => {
                self.state = then;
                self.refuse(reply, reason, now);
            }
        }
        true
    }
}
