//! MAIL and RCPT: who may send as whom, and to whom.

use std::time::Instant;

use super::{Identity, Note, Reason, Refusal, Session, State, Transaction};
use crate::connector::Rights;
use crate::directory::Account;
use crate::smtp::address::{MAX_ADDRESS, MAX_LONG_ADDRESS};
use crate::smtp::command::{Body, MailFrom, RcptTo};
use crate::smtp::{Envelope, Mailbox, Path, Recipient, Reply, Syntax, reply};

const POSTMASTER: &str = "postmaster";

impl Session {
    pub(super) fn mail_command(&mut self, args: &str, now: Instant) {
        match self.check_mail(args) {
            Ok(envelope) => {
                if self.count_message(&envelope.reverse_path, now) {
                    self.transactions += 1;
                    let number = self.transactions;
                    self.tell(Note::Transaction { number, rights: self.rights });
                    let transaction = Transaction { envelope, chunks: None };
                    self.state = State::Transaction(Box::new(transaction));
                    self.accept(&reply::SENDER_OK);
                }
            }
            Err((reply, reason)) => self.refuse(reply, reason, now),
        }
    }

    fn check_mail(&mut self, args: &str) -> Result<Envelope, Refusal> {
        if self.hello.is_none() {
            return Err((reply::SEND_HELLO_FIRST, Reason::NoHello));
        }
        if matches!(self.state, State::Transaction(_)) {
            return Err((reply::SENDER_ALREADY_SPECIFIED, Reason::Sequence));
        }
        if self.connector.require_tls && self.tls.is_none() {
            return Err((reply::MUST_ISSUE_STARTTLS, Reason::TlsRequired));
        }
        let mail = MailFrom::parse(args);
        // First, as it can give the right to submit.
        if let Ok(MailFrom { path: Path::Mailbox(sender), .. }) = &mail {
            self.check_domain_security(sender)?;
        }
        if !self.rights.contains(Rights::SUBMIT) {
            return Err((self.facts().not_authenticated.clone(), Reason::NoSubmit(self.rights)));
        }
        let mut mail =
            mail.map_err(|syntax| (syntax_reply(syntax, reply::INVALID_SENDER), syntax.into()))?;
        self.check_mail_parameters(&mail)?;
        let reverse_path = match std::mem::replace(&mut mail.path, Path::Null) {
            Path::Null => Path::Null,
            Path::Mailbox(sender) => {
                let sender = self
                    .qualify(sender, mail.smtputf8)
                    .map_err(|reason| (reply::INVALID_SENDER, reason))?;
                self.check_sender(&sender)?;
                Path::Mailbox(sender)
            }
        };
        let mut envelope = Envelope::new(&mail, reverse_path);
        if !self.rights.contains(Rights::ACCEPT_AUTHENTICATION_FLAG) {
            envelope.auth = None;
        }
        Ok(envelope)
    }

    fn check_mail_parameters(&self, mail: &MailFrom<'_>) -> Result<(), Refusal> {
        use crate::connector::SizeMode;
        let connector = &self.connector;
        let unknown = |name| Err((reply::UNRECOGNIZED_PARAMETER, Reason::NotOffered(name)));
        if mail.size.is_some() && connector.size_enabled == SizeMode::Disabled {
            return unknown("SIZE");
        }
        if mail.smtputf8 && !self.offer().offers_smtputf8() {
            return unknown("SMTPUTF8");
        }
        if mail.xoorg.is_some() && !self.offer().offers_xoorg() {
            return unknown("XOORG");
        }
        if (mail.ret.is_some() || mail.envid.is_some())
            && !connector.delivery_status_notification_enabled
        {
            return unknown("DSN");
        }
        match mail.body {
            Some(Body::EightBitMime) if !connector.eight_bit_mime_enabled => {
                return Err((reply::UNSUPPORTED_BODY, Reason::NotOffered("8BITMIME")));
            }
            Some(Body::BinaryMime) if !connector.binary_mime_enabled => {
                return Err((reply::UNSUPPORTED_BODY, Reason::NotOffered("BINARYMIME")));
            }
            _ => {}
        }
        match (mail.size, self.size_limit()) {
            (Some(octets), Some(limit)) if octets > limit => {
                Err((reply::MESSAGE_TOO_LARGE, Reason::TooLarge { octets, limit }))
            }
            _ => Ok(()),
        }
    }

    /// MaxMessageSize, unless the session may pass it.
    pub(super) fn size_limit(&self) -> Option<u64> {
        let bypass = self.rights.contains(Rights::BYPASS_MESSAGE_SIZE_LIMIT);
        (!bypass).then_some(self.connector.max_message_size.0)
    }

    /// A user without Accept-Any-Sender sends as himself; an anonymous peer as anybody, or
    /// as nobody of ours where Accept-Authoritative-Domain-Sender was taken from it.
    fn check_sender(&self, sender: &Mailbox) -> Result<(), Refusal> {
        let any = self.rights.contains(Rights::ACCEPT_ANY_SENDER);
        let own = |account: &Account| account.has_address(sender.as_str());
        let is_ours =
            sender.domain().is_some_and(|domain| self.host.directory.is_authoritative(domain));
        let allowed =
            any && (!is_ours || self.rights.contains(Rights::ACCEPT_AUTHORITATIVE_DOMAIN_SENDER));
        if let Identity::Account { account, .. } = &self.identity {
            if allowed || own(account) {
                return Ok(());
            }
            let (sender, account) = (sender.to_string(), account.name.to_string());
            return Err((
                self.facts().cannot_send_as.clone(),
                Reason::NotOwnAddress { sender, account },
            ));
        }
        // A partner is no account that could be asked for its addresses.
        let partner = matches!(self.identity, Identity::Partner { .. }) && !is_ours;
        if allowed || partner {
            return Ok(());
        }
        Err((reply::ANONYMOUS_CANNOT_SEND_AS, Reason::AnonymousSender(sender.to_string())))
    }

    /// A mailbox as the envelope keeps it: with a domain, of a length and in letters that
    /// the connector takes. DefaultDomain completes a bare local part; postmaster needs none
    /// (RFC 5321 §4.5.1).
    fn qualify(&self, mailbox: Mailbox, smtputf8: bool) -> Result<Mailbox, Reason> {
        let long = self.offer().offers_long_addresses();
        let limit = if long { MAX_LONG_ADDRESS } else { MAX_ADDRESS };
        if mailbox.as_str().len() > limit {
            return Err(Reason::AddressTooLong(limit));
        }
        if !mailbox.is_ascii() && !smtputf8 {
            return Err(Reason::NotAscii(mailbox.to_string()));
        }
        if mailbox.domain().is_some() {
            return Ok(mailbox);
        }
        match &self.connector.default_domain {
            _ if mailbox.matches(POSTMASTER) => Ok(mailbox.qualified(self.postmaster_domain())),
            Some(domain) => Ok(mailbox.qualified(domain)),
            None => Err(Syntax::Address.into()),
        }
    }

    /// DefaultDomain or the server's domain, if mail for it is accepted; else one that is.
    fn postmaster_domain(&self) -> &str {
        let (directory, server) = (&self.host.directory, self.host.server.dns_domain());
        [self.connector.default_domain.as_deref(), Some(server)]
            .into_iter()
            .flatten()
            .find(|domain| directory.accepted_domain(domain).is_some())
            .or_else(|| directory.first_authoritative())
            .unwrap_or(server)
    }

    pub(super) fn rcpt_command(&mut self, args: &str, now: Instant) {
        match self.check_rcpt(args) {
            Ok(recipient) => {
                if let State::Transaction(transaction) = &mut self.state {
                    transaction.envelope.recipients.push(recipient);
                }
                self.accept(&reply::RECIPIENT_OK);
            }
            Err((reply, reason)) => self.refuse(reply, reason, now),
        }
    }

    fn check_rcpt(&self, args: &str) -> Result<Recipient, Refusal> {
        if self.hello.is_none() {
            return Err((reply::SEND_HELLO_FIRST, Reason::NoHello));
        }
        let State::Transaction(transaction) = &self.state else {
            return Err((reply::NEED_MAIL, Reason::Sequence));
        };
        if transaction.chunks.is_some() {
            return Err((reply::BAD_SEQUENCE, Reason::Sequence));
        }
        let mut rcpt = RcptTo::parse(args)
            .map_err(|syntax| (syntax_reply(syntax, reply::INVALID_RECIPIENT), syntax.into()))?;
        self.check_rcpt_parameters(&rcpt)?;
        let Path::Mailbox(mailbox) = std::mem::replace(&mut rcpt.path, Path::Null) else {
            return Err((reply::INVALID_RECIPIENT, Syntax::Address.into()));
        };
        // Every server takes mail for its postmaster (RFC 5321 §4.5.1).
        let is_postmaster = mailbox.matches(POSTMASTER);
        let mailbox = self
            .qualify(mailbox, transaction.envelope.smtputf8)
            .map_err(|reason| (reply::INVALID_RECIPIENT, reason))?;
        self.check_recipient_domain(&mailbox)?;
        let limit = self.connector.max_recipients_per_message;
        // Not enforced between servers of the organisation ("Message size limits").
        let limited = !self.rights.contains(Rights::ACCEPT_HEADERS_ORGANIZATION);
        if limited && transaction.envelope.recipients.len() >= limit as usize {
            return Err((reply::TOO_MANY_RECIPIENTS, Reason::TooManyRecipients(limit)));
        }
        let known = mailbox.domain().and_then(|d| self.host.directory.accepted_domain(d)).is_some();
        if !known && !is_postmaster && !self.rights.contains(Rights::ACCEPT_ANY_RECIPIENT) {
            return Err((self.facts().relay_refused.clone(), Reason::Relay(mailbox.to_string())));
        }
        Ok(Recipient::new(&rcpt, mailbox))
    }

    fn check_rcpt_parameters(&self, rcpt: &RcptTo<'_>) -> Result<(), Refusal> {
        let dsn = self.connector.delivery_status_notification_enabled;
        if (rcpt.notify.is_some() || rcpt.orcpt.is_some()) && !dsn {
            return Err((reply::UNRECOGNIZED_PARAMETER, Reason::NotOffered("DSN")));
        }
        if rcpt.orar {
            return Err(match self.connector.orar_enabled {
                true => (reply::NOT_AUTHORIZED_ORAR, Reason::InternalVerb),
                false => (reply::UNRECOGNIZED_PARAMETER, Reason::NotOffered("XORAR")),
            });
        }
        if rcpt.rdst {
            return Err(match self.offer().offers_xrdst() {
                true => (reply::NOT_AUTHORIZED_RDST, Reason::InternalVerb),
                false => (reply::UNRECOGNIZED_PARAMETER, Reason::NotOffered("XRDST")),
            });
        }
        Ok(())
    }
}

fn syntax_reply(syntax: Syntax, bad_address: Reply) -> Reply {
    match syntax {
        Syntax::Address => bad_address,
        Syntax::UnknownParameter => reply::UNRECOGNIZED_PARAMETER,
        Syntax::Body => reply::UNSUPPORTED_BODY,
        Syntax::Arguments | Syntax::NotText(_) | Syntax::UnknownVerb => reply::INVALID_ARGUMENTS,
    }
}
