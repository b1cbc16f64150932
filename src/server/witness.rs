//! Who follows a connection: the rows of the protocol log, and the decision trace.

use std::time::Instant;

use super::handshake::HandshakeFailure;
use super::rows;
use super::tracer::Tracer;
use crate::capture::Tls;
use crate::connector::Server;
use crate::journal::{Ending, Rows};
use crate::session::{Note, Session, TlsKind};
use crate::tls::{Details, Facts};

/// Either, both or none; then it costs nothing.
#[derive(Debug)]
pub(super) struct Witness {
    pub rows: Option<Rows>,
    pub tracer: Option<Tracer>,
}

impl Witness {
    /// Whether anybody wants to know all.
    pub fn is_there(&self) -> bool {
        self.rows.is_some() || self.tracer.is_some()
    }

    pub fn note(&mut self, server: &Server, session: &Session, note: &Note, now: Instant) {
        if let Some(rows) = &mut self.rows {
            rows::write(rows, note);
        }
        if let Some(tracer) = &mut self.tracer {
            tracer.note(server, session, note, now);
        }
    }

    /// `output` is about to be sent.
    pub fn sent(&mut self, output: &[u8], now: Instant) {
        if let Some(rows) = &mut self.rows {
            rows.sent(output);
        }
        if let Some(tracer) = &mut self.tracer {
            tracer.sent(output, now);
        }
    }

    /// Waits for `next` a moment with what is to be handed over, as it may bring more; `None` if
    /// it is still to come.
    pub async fn wait_with<T>(&mut self, next: impl Future<Output = T>) -> Option<T> {
        match &mut self.rows {
            Some(rows) => rows.wait_with(next).await,
            None => None,
        }
    }

    /// Nothing more comes for a while.
    pub fn hand_over(&mut self) {
        if let Some(rows) = &mut self.rows {
            rows.hand_over();
        }
    }

    pub fn sending_certificate(&mut self, details: &Details) {
        if let Some(rows) = &mut self.rows {
            rows.sending_certificate(rows::certificate(details));
        }
        self.hand_over();
    }

    pub fn negotiated(&mut self, facts: &Facts, tls: &Tls, now: Instant) {
        if let Some(rows) = &mut self.rows {
            rows.negotiated(&facts.protocol, &facts.cipher_suite, &facts.group);
            if let Some(client) = &facts.client {
                rows.remote_certificate(rows::certificate(&client.details));
            }
        }
        if let Some(tracer) = &mut self.tracer {
            tracer.tls(tls, now);
        }
    }

    pub fn negotiation_failed(
        &mut self,
        server: &Server,
        kind: TlsKind,
        failure: HandshakeFailure,
        now: Instant,
    ) {
        if let Some(rows) = &mut self.rows {
            rows.negotiation_failed(failure.status());
        }
        if let Some(tracer) = &mut self.tracer {
            tracer.tls_failed(kind, failure.refusal(server), now);
        }
    }

    /// A message has come whole; `id` is a UUID.
    pub fn keeping(&mut self, id: &str) {
        if let Some(rows) = &mut self.rows {
            rows.proxy_destination(id);
        }
    }

    pub fn kept(&mut self, id: &str, octets: u64, recipients: usize, now: Instant) {
        if let Some(tracer) = &mut self.tracer {
            tracer.message(id, octets, recipients, now);
        }
    }

    /// The connection is about to be over.
    pub fn ending(&mut self, ending: Ending) {
        if let Some(rows) = &mut self.rows {
            rows.ended(ending);
        }
    }

    pub fn ended(&mut self, session: &Session, ending: Ending) {
        self.ending(ending);
        if let Some(tracer) = &mut self.tracer {
            tracer.end(session, ending);
        }
    }
}
