//! Where failure rules come in: what they are told of the session, and what they do to it.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Instant;

use super::content::Collected;
use super::{Note, Reason, Session, State};
use crate::auth::AuthCommand;
use crate::rules::{Answer, Facts, Fault, Rule, Stage};
use crate::smtp::command::{Command, MailFrom, RcptTo, Verb, parse_auth};
use crate::smtp::{Envelope, Path, reply};

/// What the rule that bit last still has to do.
#[derive(Debug, Default)]
pub(super) struct Pending {
    /// Octets of the next reply to send before the connection is dropped.
    pub truncate: Option<usize>,
    /// A rule that withdraws keywords from the next EHLO reply.
    pub withdrawing: Option<Arc<Rule>>,
    /// What happens to the connection behind what is in the output.
    pub fault: Option<Fault>,
}

impl Session {
    /// Asks the rules before the banner goes out. True if one has answered for the server.
    pub(super) fn rule_greets(&mut self) -> bool {
        let rule = self.host.rules.consult(Stage::Connect, || self.rule_facts(None));
        rule.is_some_and(|rule| self.obey(&rule, self.opened))
    }

    /// Asks the rules about a command. True if one has answered for the server.
    pub(super) fn rule_answers_command(&mut self, command: &Command<'_>, now: Instant) -> bool {
        self.pending.withdrawing = None;
        let Some(stage) = stage_of(command.verb) else { return false };
        let rule = self.host.rules.consult(stage, || self.command_facts(stage, command.args));
        rule.is_some_and(|rule| self.obey(&rule, now))
    }

    /// Asks the rules that name an identity, once `account` has proved itself.
    pub(super) fn rule_answers_proof(
        &mut self,
        command: AuthCommand,
        mechanism: &str,
        account: &str,
        now: Instant,
    ) -> bool {
        let stage = match command {
            AuthCommand::Auth => Stage::Auth,
            AuthCommand::XExps => Stage::XExps,
        };
        let rule = self.host.rules.consult(stage, || Facts {
            identity: Some(account.into()),
            mechanism: Some(mechanism),
            ..self.rule_facts(None)
        });
        rule.is_some_and(|rule| self.obey(&rule, now))
    }

    /// Asks the rules about the first BDAT of a message.
    pub(super) fn rule_answers_chunk(&mut self, envelope: &Envelope, now: Instant) -> bool {
        let rule = self.host.rules.consult(Stage::Data, || self.rule_facts(Some(envelope)));
        rule.is_some_and(|rule| self.obey(&rule, now))
    }

    /// Asks the rules about a message that is whole.
    pub(super) fn rule_answers_content(
        &mut self,
        envelope: &Envelope,
        collected: &Collected,
        now: Instant,
    ) -> bool {
        let rule = self.host.rules.consult(Stage::EndOfData, || Facts {
            size: Some(collected.content.received()),
            content: collected.content.collected(),
            ..self.rule_facts(Some(envelope))
        });
        rule.is_some_and(|rule| self.obey(&rule, now))
    }

    /// Does what `rule` says. False if the server is to answer itself.
    fn obey(&mut self, rule: &Arc<Rule>, now: Instant) -> bool {
        let then = rule.then();
        if let Some(delay) = then.delay {
            // No delay outlasts ConnectionTimeout.
            let end = self.opened + self.connector.connection_timeout.0;
            let until = end.min(now + delay.0);
            self.hold = self.hold.max(Some(until));
            // Who waits for a reply is not idle.
            self.last_heard = self.last_heard.max(until);
        }
        self.pending.truncate = then.truncate;
        let reason = Reason::Rule(rule.name().to_owned());
        if let Answer::Reply { reply, close } = &then.answer {
            self.accept(reply);
            if *close {
                self.state = State::Closed;
            }
            if reply.code() >= 400 {
                self.note_refusal(reply, reason);
                return true;
            }
        }
        self.notes.push(Note::Ruled { rule: Arc::clone(rule), reason });
        match &then.answer {
            Answer::Own => false,
            Answer::Withdraw(_) => {
                self.pending.withdrawing = Some(Arc::clone(rule));
                false
            }
            Answer::Reply { .. } => true,
            Answer::Fault(fault) => {
                if *fault == Fault::GarbleTls {
                    self.accept(&reply::READY_FOR_TLS);
                }
                self.pending.fault = Some(*fault);
                true
            }
        }
    }

    /// Cuts the reply that stands in the output from `start` on, if a rule wants it.
    pub(super) fn truncate_reply(&mut self, start: usize) {
        if let Some(octets) = self.pending.truncate.take() {
            self.out.truncate(start + octets);
            self.pending.fault = Some(Fault::Drop);
        }
    }

    fn command_facts<'a>(&'a self, stage: Stage, args: &'a str) -> Facts<'a> {
        let envelope = match &self.state {
            State::Transaction(transaction) => Some(&transaction.envelope),
            _ => None,
        };
        match stage {
            // Who it is shows when the proof is there.
            Stage::Auth | Stage::XExps => Facts {
                identity: None,
                mechanism: Some(parse_auth(args).0),
                ..self.rule_facts(None)
            },
            Stage::Mail => {
                let mail = MailFrom::parse(args).ok();
                Facts {
                    size: mail.as_ref().and_then(|mail| mail.size),
                    sender: mail.map(|mail| address(mail.path)),
                    ..self.rule_facts(None)
                }
            }
            Stage::Rcpt => {
                let recipient = RcptTo::parse(args).ok().map(|rcpt| address(rcpt.path));
                Facts { recipients: recipient.into_iter().collect(), ..self.rule_facts(envelope) }
            }
            _ => self.rule_facts(envelope),
        }
    }

    fn rule_facts<'a>(&'a self, envelope: Option<&'a Envelope>) -> Facts<'a> {
        let recipients =
            envelope.map(|envelope| envelope.recipients.as_slice()).unwrap_or_default();
        Facts {
            connector: &self.connector.name,
            remote: self.remote,
            identity: Some(self.identity.name().map_or("anonymous".into(), Cow::from)),
            sender: envelope.map(|envelope| match &envelope.reverse_path {
                Path::Null => "<>".into(),
                Path::Mailbox(mailbox) => mailbox.as_str().into(),
            }),
            recipients: recipients.iter().map(|r| r.mailbox.as_str().into()).collect(),
            size: envelope.and_then(|envelope| envelope.declared_size),
            mechanism: None,
            content: None,
        }
    }
}

fn stage_of(verb: Verb) -> Option<Stage> {
    match verb {
        Verb::Ehlo | Verb::Helo => Some(Stage::Ehlo),
        Verb::StartTls => Some(Stage::StartTls),
        Verb::XAnonymousTls => Some(Stage::XAnonymousTls),
        Verb::Auth => Some(Stage::Auth),
        Verb::XExps => Some(Stage::XExps),
        Verb::Mail => Some(Stage::Mail),
        Verb::Rcpt => Some(Stage::Rcpt),
        Verb::Data => Some(Stage::Data),
        Verb::Quit => Some(Stage::Quit),
        // BDAT is asked about when its octets are in.
        Verb::Bdat
        | Verb::Rset
        | Verb::Noop
        | Verb::Vrfy
        | Verb::Expn
        | Verb::Help
        | Verb::Internal(_) => None,
    }
}

fn address(path: Path) -> Cow<'static, str> {
    match path {
        Path::Null => "<>".into(),
        Path::Mailbox(mailbox) => mailbox.to_string().into(),
    }
}
