//! A session whose rows are being read.

use std::collections::VecDeque;
use std::mem::{discriminant, take};

use memchr::memmem;

use super::failure::normalized;
use super::mail::Mail;
use super::names::{NameId, Names};
use super::row::{Event, Row, host, unquoted};
use super::tally::{Channel, Outcome, Tally};
use super::time::Stamp;
use super::wire::{cipher, code, is_outside, mechanism};
use crate::directory::Directory;
use crate::smtp::command::{Command, Verb, parse_bdat};

/// Commands that may wait for their replies; further ones are known by their replies alone.
const MAX_WAITING: usize = 1000;

/// What the rows so far have told of a session.
#[derive(Debug)]
pub struct Flight {
    /// Commands whose reply is still to come. Front Ends log pipelined commands before the
    /// replies to those ahead of them.
    waiting: VecDeque<Waiting>,
    /// The reply to EHLO offers X-EXPS or X-ANONYMOUSTLS, as far as it has been read.
    offers_exchange: bool,
    /// What the first EHLO was offered, if it came in clear.
    offered_exchange: Option<bool>,
    helo: bool,
    /// No server of ours: it uses AUTH, comes to port 587 or from the server itself.
    is_client: bool,
    /// The TLS command that got its 220.
    tls_granted: Option<Channel>,
    tls: Channel,
    mechanism: NameId,
    logged_on: LoggedOn,
    may_relay: bool,
    mail: Mail,
    /// Recipients outside, of which it is not known yet who sent to them.
    held: u64,
    delivered: bool,
    refused: bool,
    /// A context that tells why the next refusal came.
    reason: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum LoggedOn {
    No,
    Yes,
    /// It may have before the log began.
    Unknown,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Waiting {
    Ehlo,
    Helo,
    Tls(Channel),
    Auth,
    Mail,
    Rcpt {
        outside: bool,
    },
    /// DATA, or the last BDAT.
    Data,
    /// A BDAT after which others come.
    Chunk,
    Rset,
    Other,
}

/// What a row is read with.
pub struct Books<'a> {
    pub names: &'a mut Names,
    pub failures: &'a mut Names,
    pub directory: Option<&'a Directory>,
}

impl Flight {
    /// A session of which `first` is the first row that is there.
    pub fn new(first: &Row<'_>) -> Self {
        let whole = first.event == Event::Connect;
        let comes_from_here = !first.remote.is_empty() && host(first.local) == host(first.remote);
        Self {
            waiting: VecDeque::new(),
            offers_exchange: false,
            offered_exchange: None,
            helo: false,
            is_client: first.local.ends_with(b":587") || comes_from_here,
            tls_granted: None,
            tls: if whole { Channel::Clear } else { Channel::Unknown },
            mechanism: NameId::default(),
            logged_on: if whole { LoggedOn::No } else { LoggedOn::Unknown },
            may_relay: false,
            mail: Mail::default(),
            held: 0,
            delivered: false,
            refused: false,
            reason: None,
        }
    }

    /// Takes in a row that is neither the first nor the last of its session.
    pub fn row(&mut self, row: &Row<'_>, tally: &mut Tally, books: &mut Books<'_>) {
        match row.event {
            Event::Received => self.received(&unquoted(row.data), tally, books),
            Event::Sent => self.sent(&unquoted(row.data), row.time, tally, books),
            Event::Information => self.information(row, tally, books),
            Event::Connect | Event::Disconnect => {}
        }
    }

    /// Whether the peer has logged on, or is behind X-ANONYMOUSTLS, where a server that does
    /// not log on is known by its certificate. `None` if the log does not show it.
    fn is_known(&self) -> Option<bool> {
        match (self.logged_on, self.tls) {
            (LoggedOn::Yes, _) | (_, Channel::XAnonymousTls) => Some(true),
            (LoggedOn::No, _) => Some(false),
            (LoggedOn::Unknown, _) => None,
        }
    }

    /// A row shows that nobody had logged on before it.
    fn had_not_logged_on(&mut self, tally: &mut Tally) {
        if self.is_known().is_none() {
            self.logged_on = LoggedOn::No;
            tally.outside.anonymous += take(&mut self.held);
        }
    }

    /// The handshake behind a granted TLS command went through: who the peer is counts anew.
    fn is_in_tls(&mut self, granted: Channel) {
        (self.tls, self.logged_on) = (granted, LoggedOn::No);
    }

    fn received(&mut self, line: &[u8], tally: &mut Tally, books: &mut Books<'_>) {
        if let Some(granted) = self.tls_granted.take() {
            // Had the handshake failed, nothing more would have come.
            self.is_in_tls(granted);
        }
        let waiting = match Command::parse(line) {
            Ok(command) => self.command(command, tally, books),
            Err(_) => {
                let verb = line.split(|b| *b == b' ').next().unwrap_or_default();
                tally.masked += u64::from(verb.len() > 2 && verb.iter().all(|b| *b == b'X'));
                Waiting::Other
            }
        };
        if self.waiting.len() < MAX_WAITING {
            self.waiting.push_back(waiting);
        }
    }

    fn command(
        &mut self,
        command: Command<'_>,
        tally: &mut Tally,
        books: &mut Books<'_>,
    ) -> Waiting {
        match command.verb {
            Verb::Ehlo | Verb::Helo => {
                *tally.hellos.named(command.args.as_bytes(), books.names) += 1;
                self.offers_exchange = false;
                // Nobody pipelines past a hello: the replies to these are missing in the log.
                self.waiting.clear();
                if command.verb == Verb::Ehlo { Waiting::Ehlo } else { Waiting::Helo }
            }
            Verb::StartTls => Waiting::Tls(Channel::StartTls),
            Verb::XAnonymousTls => Waiting::Tls(Channel::XAnonymousTls),
            Verb::Auth | Verb::XExps => {
                self.is_client |= command.verb == Verb::Auth;
                self.mechanism = books.names.id(mechanism(&command).as_bytes());
                Waiting::Auth
            }
            Verb::Mail => Waiting::Mail,
            Verb::Rcpt => Waiting::Rcpt {
                outside: books.directory.is_some_and(|all| is_outside(command.args, all)),
            },
            Verb::Data => Waiting::Data,
            Verb::Bdat => match parse_bdat(command.args) {
                Ok((_, Ok(true))) => Waiting::Data,
                _ => Waiting::Chunk,
            },
            Verb::Rset => Waiting::Rset,
            _ => Waiting::Other,
        }
    }

    fn sent(&mut self, line: &[u8], time: Stamp, tally: &mut Tally, books: &mut Books<'_>) {
        let Some(code) = code(line) else { return };
        let offers = |keyword: &str| memmem::find(line, keyword.as_bytes()).is_some();
        if self.waiting.front() == Some(&Waiting::Ehlo) {
            self.offers_exchange |= offers("X-EXPS") || offers("X-ANONYMOUSTLS");
        }
        if self.tls == Channel::Unknown
            && code == 250
            && offers("TLS")
            && !line.ends_with(b"delivery")
        {
            // Nobody is offered TLS within TLS.
            self.tls = Channel::Clear;
        }
        if code == 334 {
            self.had_not_logged_on(tally);
        }
        // A row of a reply that goes on, or a prompt in the midst of a command.
        if line.get(3) == Some(&b'-') || (300..400).contains(&code) {
            return;
        }
        if line.starts_with(b"451 4.7.0 Timeout") {
            // It answers nothing, and refuses nothing.
            return tally.failed(books.failures.id(line), time);
        }
        let answered = self.answered(line);
        match (code, answered) {
            (400.., _) => self.refused(line, answered, time, tally, books),
            (235, _) => {
                self.had_not_logged_on(tally);
                self.logged_on = LoggedOn::Yes;
                tally.mechanisms.of(self.mechanism).accepted += 1;
            }
            (220, Some(Waiting::Tls(tls))) => {
                self.tls = Channel::Clear;
                self.tls_granted = Some(tls);
            }
            (250, Some(Waiting::Ehlo)) => {
                self.mail.drop(tally);
                if self.tls == Channel::Clear {
                    self.offered_exchange.get_or_insert(self.offers_exchange);
                }
            }
            (250, Some(Waiting::Helo)) => {
                self.mail.drop(tally);
                self.helo = true;
            }
            (250, Some(Waiting::Mail | Waiting::Rset)) => self.mail.drop(tally),
            (250, Some(Waiting::Rcpt { outside })) => self.mail.accept(outside),
            (250, Some(Waiting::Data)) => self.delivered(tally),
            _ => {}
        }
    }

    fn delivered(&mut self, tally: &mut Tally) {
        self.delivered = true;
        let outside = self.mail.send(tally);
        match self.is_known() {
            Some(true) => tally.outside.authenticated += outside,
            Some(false) => tally.outside.anonymous += outside,
            None => self.held += outside,
        }
    }

    /// The command that `reply` answers: the oldest that waits, but for replies which tell by
    /// their text what they answer, where rows are missing.
    fn answered(&mut self, reply: &[u8]) -> Option<Waiting> {
        let kind = match reply {
            _ if reply.starts_with(b"250 2.1.0 ") => Waiting::Mail,
            _ if reply.starts_with(b"250 2.1.5 ") => Waiting::Rcpt { outside: false },
            _ if reply.ends_with(b" Queued mail for delivery") => Waiting::Data,
            _ => return self.waiting.pop_front(),
        };
        let is_it = |waiting: &Waiting| discriminant(waiting) == discriminant(&kind);
        match self.waiting.iter().position(is_it) {
            Some(at) => self.waiting.drain(..=at).next_back(),
            None => Some(kind),
        }
    }

    fn refused(
        &mut self,
        reply: &[u8],
        answered: Option<Waiting>,
        time: Stamp,
        tally: &mut Tally,
        books: &mut Books<'_>,
    ) {
        self.refused = true;
        match answered {
            Some(Waiting::Auth) => {
                // 503 may mean that it had.
                if !reply.starts_with(b"503") {
                    self.had_not_logged_on(tally);
                }
                tally.mechanisms.of(self.mechanism).failed += 1;
            }
            Some(Waiting::Mail) if reply.starts_with(b"530") => self.had_not_logged_on(tally),
            Some(Waiting::Rcpt { .. }) => {
                // Whoever has logged on may relay.
                if memmem::find(reply, b"Unable to relay").is_some() {
                    self.had_not_logged_on(tally);
                }
                tally.recipients_refused += 1;
            }
            Some(Waiting::Data | Waiting::Chunk) => self.mail.drop(tally),
            _ => {}
        }
        let mut text = normalized(&String::from_utf8_lossy(reply));
        if let Some(reason) = self.reason.take() {
            text = format!("{text} ({reason})");
        }
        tally.failed(books.failures.id(text.as_bytes()), time);
    }

    fn information(&mut self, row: &Row<'_>, tally: &mut Tally, books: &mut Books<'_>) {
        let data = row.data;
        match row.context {
            b"" => tally.tarpits += u64::from(is_tarpit(data)),
            b"authenticated" => {
                self.had_not_logged_on(tally);
                self.logged_on = LoggedOn::Yes;
                *tally.identities.named(&unquoted(data), books.names) += 1;
            }
            b"Set Session Permissions" => {
                let any = memmem::find(data, b"SMTPAcceptAnyRecipient").is_some();
                // The rights of somebody who logs on may stand before or after his name.
                let logs_on = self.waiting.contains(&Waiting::Auth);
                self.may_relay |= any && !logs_on && self.is_known() == Some(false);
            }
            context if context.starts_with(b"TLS protocol ") => {
                if let Some(granted) = self.tls_granted.take() {
                    self.is_in_tls(granted);
                }
                let cipher = cipher(&String::from_utf8_lossy(context));
                *tally.ciphers.of(books.names.id(cipher.as_bytes())) += 1;
            }
            context if REASONS.iter().any(|reason| context.starts_with(reason)) => {
                self.tls_granted = None;
                self.reason = Some(normalized(&String::from_utf8_lossy(context)));
            }
            context => {
                let name = context.strip_prefix(b"User Name: ").filter(|name| *name != b"NULL");
                if let Some(name) = name {
                    *tally.failed_identities.named(&unquoted(name), books.names) += 1;
                }
            }
        }
    }

    /// What the end of the connection cut short.
    fn cut_short(&self) -> Option<&'static str> {
        let sends = |waiting: &Waiting| matches!(waiting, Waiting::Data | Waiting::Chunk);
        match self.tls_granted {
            Some(_) => Some("during the TLS handshake"),
            None => self.waiting.iter().any(sends).then_some("during a message"),
        }
    }

    /// Ends the session with its last row, or without one where the log has none.
    pub fn end(mut self, row: Option<&Row<'_>>, tally: &mut Tally, books: &mut Books<'_>) {
        let time = row.map_or(tally.last, |row| row.time);
        let mut failed = |text: &[u8]| tally.failed(books.failures.id(text), time);
        if let Some(reason) = self.reason.take() {
            self.refused = true;
            failed(reason.as_bytes());
        }
        let mut broken_off = false;
        if let Some(Row { context, .. }) = row {
            let cut_short = self.cut_short();
            broken_off = cut_short.is_some() || context.contains(&b'(');
            match cut_short {
                Some(what) => failed(&[*context, what.as_bytes()].join(&b' ')),
                None if broken_off => failed(context),
                None => {}
            }
        }
        let outcome = match row {
            _ if self.delivered => Outcome::Delivered,
            _ if self.refused => Outcome::Refused,
            None => Outcome::Unfinished,
            Some(_) if broken_off => Outcome::Dropped,
            Some(_) => Outcome::Idle,
        };
        tally.outcomes[outcome as usize] += 1;
        tally.tls[self.tls as usize] += 1;
        tally.may_relay += u64::from(self.may_relay);
        tally.outside.unknown += self.held;
        self.mail.drop(tally);
        match self.offered_exchange {
            _ if self.is_client => tally.clients += 1,
            Some(offered) => {
                tally.ehlo += 1;
                tally.ehlo_without_exchange += u64::from(!offered);
            }
            None => tally.helo += u64::from(self.helo),
        }
    }
}

/// How contexts begin that tell of a failure.
const REASONS: [&[u8]; 3] =
    [b"Inbound ", b"TLS negotiation failed", b"DirectTrust certificate failed"];

/// Not an acknowledgement that a 2010 holds back for shadow redundancy.
fn is_tarpit(data: &[u8]) -> bool {
    data.starts_with(b"Tarpit for ") && !data.ends_with(b" due to 'DelayedAck'")
}
