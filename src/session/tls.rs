//! STARTTLS (RFC 3207) and X-ANONYMOUSTLS.

use std::time::Instant;

use bytes::BytesMut;

use super::{Identity, Note, Reason, Secured, Session, State, TlsKind};
use crate::connector::{AuthMechanism, ExchangeAuthRefusal};
use crate::smtp::{Syntax, reply};

impl Session {
    pub(super) fn start_tls(&mut self, kind: TlsKind, args: &str, now: Instant) {
        if self.hello.is_none() {
            return self.refuse(reply::SEND_HELLO_FIRST, Reason::NoHello, now);
        }
        if matches!(&self.state, State::Transaction(t) if t.chunks.is_some()) {
            return self.refuse(reply::BAD_SEQUENCE, Reason::Sequence, now);
        }
        if !args.is_empty() {
            return self.refuse(reply::INVALID_ARGUMENTS, Syntax::Arguments.into(), now);
        }
        if !self.offer().enables_tls(kind) {
            return self.refuse_tls(kind, now);
        }
        if let Some(active) = self.tls() {
            return self.refuse(reply::ONLY_ONE_STARTTLS, Reason::TlsActive(active), now);
        }
        self.accept(&reply::READY_FOR_TLS);
        self.state = State::Upgrading(kind);
    }

    fn refuse_tls(&mut self, kind: TlsKind, now: Instant) {
        let reason = match kind {
            TlsKind::StartTls if self.connector.auth_mechanism.contains(AuthMechanism::Tls) => {
                Reason::NoCertificate(self.host.server.certificate_of(&self.connector))
            }
            TlsKind::StartTls => Reason::NoTls,
            TlsKind::XAnonymousTls if self.connector.offers_exchange_server() => {
                Reason::XAnonymousTlsSuppressed
            }
            TlsKind::XAnonymousTls => Reason::NoExchangeServerAuth("X-ANONYMOUSTLS"),
        };
        let reply = match (kind, self.host.server.exchange_auth_refusal) {
            (TlsKind::XAnonymousTls, ExchangeAuthRefusal::Documented) => {
                reply::CANNOT_ACHIEVE_EXCHANGE_AUTH
            }
            _ => reply::UNRECOGNIZED_COMMAND,
        };
        self.refuse(reply, reason, now);
    }

    /// What came in clear behind the command must not be taken for what comes inside TLS.
    pub(super) fn drop_plaintext(&mut self, command: TlsKind, input: &mut BytesMut) {
        if !input.is_empty() {
            self.notes.push(Note::PlaintextDropped { command, octets: input.len() });
            input.clear();
        }
    }

    /// The handshake is done. All that the peer said before is forgotten (RFC 3207 §4.2).
    pub fn tls_started(&mut self, secured: Secured, now: Instant) {
        self.tls = Some(secured);
        self.hello = None;
        self.identity = Identity::initial(&self.connector);
        self.rights = self.connector.rights(&self.identity.token());
        self.state = State::Ready;
        self.last_heard = now;
        self.judge_certificate();
    }
}
