//! Taking a line apart, and the verbs that change little: RSET, NOOP, VRFY, EXPN, HELP, QUIT,
//! and those of Exchange servers among themselves.

use std::time::Instant;

use super::{Reason, Session, State, TlsKind};
use crate::auth::AuthCommand;
use crate::smtp::command::{Command, Internal, Verb};
use crate::smtp::{Reply, Syntax, reply};

impl Session {
    pub(super) fn line(&mut self, line: &[u8], now: Instant) {
        if matches!(self.state, State::Authenticating(_)) {
            return self.auth_response(line, now);
        }
        let command = Command::parse(line);
        self.host.tally.command(command.as_ref().ok().map(|command| command.verb));
        match command {
            Ok(command) if self.rule_answers_command(&command, now) => {}
            Ok(command) => self.command(command, now),
            Err(syntax) => self.refuse(no_command(syntax), syntax.into(), now),
        }
    }

    /// A response that is too long is a failed proof: what comes next is a command again.
    pub(super) fn long_line(&mut self, limit: usize, now: Instant) {
        if matches!(self.state, State::Authenticating(_)) {
            return self.auth_response_too_long(limit, now);
        }
        self.refuse(reply::COMMAND_TOO_LONG, Reason::LineTooLong(limit), now);
    }

    fn command(&mut self, Command { verb, args }: Command<'_>, now: Instant) {
        match verb {
            Verb::Ehlo => self.hello_command(args, true, now),
            Verb::Helo => self.hello_command(args, false, now),
            Verb::StartTls => self.start_tls(TlsKind::StartTls, args, now),
            Verb::XAnonymousTls => self.start_tls(TlsKind::XAnonymousTls, args, now),
            Verb::Auth => self.auth_command(AuthCommand::Auth, args, now),
            Verb::XExps => self.auth_command(AuthCommand::XExps, args, now),
            Verb::Mail => self.mail_command(args, now),
            Verb::Rcpt => self.rcpt_command(args, now),
            Verb::Data => self.data_command(args, now),
            Verb::Bdat => self.bdat_command(args, now),
            Verb::Rset => {
                self.state = State::Ready;
                self.accept(&reply::RESETTING);
            }
            Verb::Noop => self.accept(&reply::OK),
            Verb::Vrfy => self.accept(&reply::CANNOT_VRFY),
            Verb::Expn => self.refuse(reply::NOT_IMPLEMENTED, Reason::NotImplemented, now),
            Verb::Help => self.accept(&reply::HELP),
            Verb::Quit => {
                self.accept(&reply::CLOSING);
                self.state = State::Closed;
            }
            Verb::Internal(verb) => self.internal_command(verb, now),
        }
    }

    /// Exchange's own verbs are known where they are offered, and nobody is let through: what
    /// stands behind them (shadow copies, proxied sessions) is not emulated.
    fn internal_command(&mut self, verb: Internal, now: Instant) {
        let offer = self.offer();
        let offered = match verb {
            Internal::XExch50 => offer.offers_xexch50(),
            Internal::XProxy | Internal::XProxyFrom => offer.offers_proxy_verbs(),
            Internal::XProxyTo | Internal::XRsetProxyTo => offer.offers_xproxyto(),
            Internal::XShadow => offer.shadow() == Ok("XSHADOW"),
            Internal::XShadowRequest => offer.shadow() == Ok("XSHADOWREQUEST"),
            Internal::XMessageContext => offer.offers_message_context(),
            Internal::XSessionParams => false,
        };
        match verb {
            _ if offered => self.refuse(reply::NOT_AUTHORIZED, Reason::InternalVerb, now),
            Internal::XExch50 => {
                self.refuse(reply::NOT_ENABLED, Reason::NotOffered("XEXCH50"), now)
            }
            _ => self.refuse(reply::UNRECOGNIZED_COMMAND, Syntax::UnknownVerb.into(), now),
        }
    }
}

/// Octets that are no UTF-8 spoil what they stand in: the name in a hello, or an address.
fn no_command(syntax: Syntax) -> Reply {
    match syntax {
        Syntax::NotText(Verb::Ehlo | Verb::Helo) => reply::INVALID_DOMAIN_NAME,
        Syntax::NotText(Verb::Mail) => reply::INVALID_SENDER,
        Syntax::NotText(Verb::Rcpt) => reply::INVALID_RECIPIENT,
        Syntax::NotText(_) => reply::INVALID_ARGUMENTS,
        _ => reply::UNRECOGNIZED_COMMAND,
    }
}
