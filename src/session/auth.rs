//! AUTH (RFC 4954) and X-EXPS.

use std::time::Instant;

use base64::Engine as _;
use base64::alphabet;
use base64::engine::DecodePaddingMode;
use base64::engine::GeneralPurpose;
use base64::engine::general_purpose::GeneralPurposeConfig;

use super::shown::is_mechanism;
use super::{Identity, Note, Reason, Session, State};
use crate::auth::{
    AuthCommand, Exchange, Failure, Mechanism, Proof, Protection, Step, exchange_auth,
};
use crate::connector::{AuthMechanism, ExchangeAuthRefusal, Rights, Token};
use crate::smtp::command::parse_auth;
use crate::smtp::reply;

/// Some clients leave the padding out.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// A proof under way.
pub(super) struct Authenticating {
    command: AuthCommand,
    mechanism: Mechanism,
    exchange: Box<dyn Exchange>,
}

impl Session {
    /// The order of the checks is our choice: hello, whether X-EXPS is there at all, once only,
    /// not in a transaction, then whether the mechanism is offered.
    pub(super) fn auth_command(&mut self, command: AuthCommand, args: &str, now: Instant) {
        if self.hello.is_none() {
            return self.refuse(reply::SEND_HELLO_FIRST, Reason::NoHello, now);
        }
        if command == AuthCommand::XExps && !self.connector.offers_exchange_server() {
            let reply = match self.host.server.exchange_auth_refusal {
                ExchangeAuthRefusal::Documented => reply::CANNOT_ACHIEVE_EXCHANGE_AUTH,
                ExchangeAuthRefusal::Observed => reply::UNRECOGNIZED_AUTH_TYPE,
            };
            return self.refuse(reply, Reason::NoExchangeServerAuth("X-EXPS"), now);
        }
        if self.is_authenticated() {
            return self.refuse(reply::AUTH_ALREADY_SPECIFIED, Reason::AuthenticatedAlready, now);
        }
        if matches!(self.state, State::Transaction(_)) {
            return self.refuse(reply::BAD_SEQUENCE, Reason::Sequence, now);
        }
        let (name, initial) = parse_auth(args);
        let Some(mechanism) = Mechanism::find(name).filter(|m| self.offer().takes(command, *m))
        else {
            let exchange_auth = Mechanism::find(name) == Some(Mechanism::ExchangeAuth);
            if exchange_auth && command == AuthCommand::XExps && self.tls.is_none() {
                self.tell(Note::ExchangeAuthInClear);
            }
            let reason = self.not_offered(name);
            return self.refuse(reply::UNRECOGNIZED_AUTH_TYPE, reason, now);
        };
        let protection = Protection {
            policy: self.connector.extended_protection_policy,
            bindings: self.tls.as_ref().map(|tls| tls.bindings.clone()),
        };
        let Some(exchange) = self.host.authenticator.begin(command, mechanism, protection) else {
            return self.auth_failed(command, mechanism, exchange_auth::refuse(initial), now);
        };
        let authenticating = Box::new(Authenticating { command, mechanism, exchange });
        match initial {
            Some("=") => self.auth_token(authenticating, &[], now),
            Some(token) if !token.is_empty() => {
                self.auth_base64(authenticating, token.as_bytes(), now)
            }
            _ => {
                let prompt = authenticating.exchange.prompt();
                self.accept(&reply::continue_auth(prompt));
                self.state = State::Authenticating(authenticating);
            }
        }
    }

    pub(super) fn auth_response(&mut self, line: &[u8], now: Instant) {
        let State::Authenticating(authenticating) =
            std::mem::replace(&mut self.state, State::Ready)
        else {
            return;
        };
        match line.trim_ascii() {
            b"*" => self.refuse(reply::AUTH_CANCELLED, Reason::Cancelled, now),
            response => self.auth_base64(authenticating, response, now),
        }
    }

    pub(super) fn auth_response_too_long(&mut self, limit: usize, now: Instant) {
        if let State::Authenticating(authenticating) =
            std::mem::replace(&mut self.state, State::Ready)
        {
            let Authenticating { command, mechanism, .. } = *authenticating;
            self.auth_failed(command, mechanism, Failure::TooLong(limit), now);
        }
    }

    fn auth_base64(&mut self, authenticating: Box<Authenticating>, response: &[u8], now: Instant) {
        match BASE64.decode(response) {
            Ok(token) => self.auth_token(authenticating, &token, now),
            Err(_) => {
                let Authenticating { command, mechanism, .. } = *authenticating;
                self.auth_failed(command, mechanism, Failure::NotBase64, now);
            }
        }
    }

    fn auth_token(&mut self, mut authenticating: Box<Authenticating>, token: &[u8], now: Instant) {
        let (command, mechanism) = (authenticating.command, authenticating.mechanism);
        match authenticating.exchange.respond(token) {
            Step::Challenge(challenge) => {
                self.accept(&reply::continue_auth(BASE64.encode(challenge)));
                self.state = State::Authenticating(authenticating);
            }
            Step::Proved(proof) => self.proved(command, mechanism, proof, now),
            Step::Failed(failure) => self.auth_failed(command, mechanism, failure, now),
        }
    }

    /// The rights of a proved identity are its own; the anonymous ones end here. Without
    /// Submit the proof is of no use (events 1018 and 1020).
    fn proved(
        &mut self,
        command: AuthCommand,
        mechanism: Mechanism,
        Proof { account, package }: Proof,
        now: Instant,
    ) {
        let rights = self.connector.rights(&Token::of(&account));
        let name = account.name.to_string();
        if self.rule_answers_proof(command, mechanism.keyword(), &name, now) {
            return;
        }
        if account.is_well_known() {
            self.notes.push(Note::WellKnownAccount { account: name.clone(), mechanism });
            let reason = Reason::WellKnownAccount(name);
            return match command {
                AuthCommand::Auth => self.logon_failure(reply::AUTH_UNSUCCESSFUL, reason, now),
                AuthCommand::XExps => self.fail_and_close(reason, now),
            };
        }
        if rights.contains(Rights::SUBMIT) {
            self.identity = Identity::Account { account, mechanism };
            self.rights = rights;
            self.notes.push(Note::Authenticated { account: name, mechanism, package, rights });
            return self.accept(&reply::AUTHENTICATED);
        }
        self.notes.push(Note::NoSubmitPermission { account: name.clone(), mechanism, rights });
        let reason = Reason::NoSubmitAfterProof { account: name, rights };
        match (command, self.host.server.exchange_auth_refusal) {
            (AuthCommand::Auth, _) => self.logon_failure(reply::AUTH_UNSUCCESSFUL, reason, now),
            (AuthCommand::XExps, ExchangeAuthRefusal::Documented) => {
                self.logon_failure(reply::CANNOT_ACHIEVE_EXCHANGE_AUTH, reason, now);
            }
            (AuthCommand::XExps, ExchangeAuthRefusal::Observed) => {
                self.fail_and_close(reason, now);
            }
        }
    }

    /// X-EXPS drops the connection; AUTH does only where the identity is unknown to the
    /// server.
    fn auth_failed(
        &mut self,
        command: AuthCommand,
        mechanism: Mechanism,
        failure: Failure,
        now: Instant,
    ) {
        self.notes.push(Note::AuthenticationFailed { mechanism, failure: failure.clone() });
        if command == AuthCommand::XExps || failure.is_unknown_identity() {
            self.fail_and_close(Reason::Proof(failure), now);
        } else {
            self.logon_failure(reply::AUTH_UNSUCCESSFUL, Reason::Proof(failure), now);
        }
    }

    pub(super) fn fail_and_close(&mut self, reason: Reason, now: Instant) {
        self.tarpit_refusal(&reply::TEMPORARY_AUTH_FAILURE, &reason, now);
        self.close(reply::TEMPORARY_AUTH_FAILURE, reason);
    }

    fn logon_failure(&mut self, reply: crate::smtp::Reply, reason: Reason, now: Instant) {
        self.logon_failures += 1;
        let limit = self.connector.max_logon_failures;
        if limit == 0 || self.logon_failures <= limit {
            return self.refuse(reply, reason, now);
        }
        self.tarpit_refusal(&reply, &reason, now);
        self.note_refusal(&reply, reason);
        self.notes.push(Note::LogonFailuresExceeded { limit });
        self.close(reply::TOO_MANY_ERRORS, Reason::TooManyLogonFailures(limit));
    }

    fn not_offered(&self, name: &str) -> Reason {
        let mechanism = Mechanism::find(name);
        let hint = match mechanism {
            Some(Mechanism::Login)
                if !self.connector.auth_mechanism.contains(AuthMechanism::BasicAuth) =>
            {
                "; it needs BasicAuth in AuthMechanism"
            }
            Some(Mechanism::Login) => "; in clear it waits for TLS (BasicAuthRequireTLS)",
            Some(Mechanism::Gssapi) => "; it needs Integrated and EnableAuthGSSAPI",
            Some(Mechanism::ExchangeAuth) => "; it needs X-EXPS after X-ANONYMOUSTLS",
            _ => "",
        };
        // Another word may be a response that came without its mechanism.
        let shown = if is_mechanism(name) { name } else { "what was asked for" };
        Reason::MechanismNotOffered { mechanism: shown.to_owned(), hint }
    }
}
