//! A session whose rows are being read.

use std::collections::VecDeque;
use std::mem::discriminant;

use memchr::memmem;

use super::failure::normalized;
use super::names::{NameId, Names};
use super::row::{Event, Row, unquoted};
use super::tally::{Channel, Outcome, Tally};
use super::time::Stamp;
use crate::directory::Directory;
use crate::smtp::Path;
use crate::smtp::command::{Command, Verb, parse_bdat};

/// Commands that may wait for their replies; further ones are known by their replies alone.
const MAX_WAITING: usize = 1000;

/// What the rows so far have told of a session.
#[derive(Debug, Default)]
pub struct Flight {
    /// Commands whose reply is still to come. Front Ends log pipelined commands before the
    /// replies to those ahead of them.
    waiting: VecDeque<Waiting>,
    /// The reply to EHLO offers X-EXPS or X-ANONYMOUSTLS, as far as it has been read.
    offers_exchange: bool,
    /// The TLS command that got its 220.
    tls_granted: Option<Channel>,
    tls: Option<Channel>,
    mechanism: NameId,
    authenticated: bool,
    may_relay: bool,
    delivered: bool,
    refused: bool,
    /// A context that tells why the next refusal came.
    reason: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Waiting {
    Ehlo,
    Tls(Channel),
    Auth,
    Mail,
    Rcpt {
        outside: bool,
    },
    /// DATA, or the last BDAT.
    Data,
    Other,
}

/// What a row is read with.
pub struct Books<'a> {
    pub names: &'a mut Names,
    pub failures: &'a mut Names,
    pub directory: Option<&'a Directory>,
}

impl Flight {
    /// Takes in a row that is neither the first nor the last of its session.
    pub fn row(&mut self, row: &Row<'_>, tally: &mut Tally, books: &mut Books<'_>) {
        match row.event {
            Event::Received => self.received(&unquoted(row.data), tally, books),
            Event::Sent => self.sent(&unquoted(row.data), row.time, tally, books),
            Event::Information => self.information(row, tally, books),
            Event::Connect | Event::Disconnect => {}
        }
    }

    /// The peer has logged on, or is behind X-ANONYMOUSTLS, where a server that does not log
    /// on is known by its certificate.
    fn is_known(&self) -> bool {
        self.authenticated || self.tls == Some(Channel::XAnonymousTls)
    }

    fn received(&mut self, line: &[u8], tally: &mut Tally, books: &mut Books<'_>) {
        if let Some(tls) = self.tls_granted.take() {
            // Had the handshake failed, nothing more would have come.
            self.tls = Some(tls);
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
                *tally.hellos.of(books.names.id(command.args.as_bytes())) += 1;
                self.offers_exchange = false;
                // Nobody pipelines past a hello: the replies to these are missing in the log.
                self.waiting.clear();
                if command.verb == Verb::Ehlo { Waiting::Ehlo } else { Waiting::Other }
            }
            Verb::StartTls => Waiting::Tls(Channel::StartTls),
            Verb::XAnonymousTls => Waiting::Tls(Channel::XAnonymousTls),
            Verb::Auth | Verb::XExps => {
                self.mechanism = books.names.id(mechanism(&command).as_bytes());
                Waiting::Auth
            }
            Verb::Mail => Waiting::Mail,
            Verb::Rcpt => Waiting::Rcpt {
                outside: books.directory.is_some_and(|all| is_outside(command.args, all)),
            },
            Verb::Data => Waiting::Data,
            Verb::Bdat if parse_bdat(command.args).is_ok_and(|(_, last)| last == Ok(true)) => {
                Waiting::Data
            }
            _ => Waiting::Other,
        }
    }

    fn sent(&mut self, line: &[u8], time: Stamp, tally: &mut Tally, books: &mut Books<'_>) {
        let Some(code) = code(line) else { return };
        if self.waiting.front() == Some(&Waiting::Ehlo) {
            let offers = |keyword: &str| memmem::find(line, keyword.as_bytes()).is_some();
            self.offers_exchange |= offers("X-EXPS") || offers("X-ANONYMOUSTLS");
        }
        // A row of a reply that goes on, or a prompt in the midst of a command.
        if line.get(3) == Some(&b'-') || (300..400).contains(&code) {
            return;
        }
        let answered = self.answered(line);
        match (code, answered) {
            (400.., _) => self.refused(line, answered, time, tally, books),
            (235, _) => {
                self.authenticated = true;
                tally.mechanisms.of(self.mechanism).accepted += 1;
            }
            (220, Some(Waiting::Tls(tls))) => self.tls_granted = Some(tls),
            (250, Some(Waiting::Ehlo)) => {
                tally.ehlo += 1;
                tally.ehlo_without_exchange += u64::from(!self.offers_exchange);
            }
            (250, Some(Waiting::Rcpt { outside })) => {
                tally.recipients += 1;
                let outside = u64::from(outside);
                match self.is_known() {
                    true => tally.outside_authenticated += outside,
                    false => tally.outside_anonymous += outside,
                }
            }
            (250, Some(Waiting::Data)) => {
                self.delivered = true;
                tally.messages += 1;
            }
            _ => {}
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
            Some(Waiting::Auth) => tally.mechanisms.of(self.mechanism).failed += 1,
            Some(Waiting::Rcpt { .. }) => tally.recipients_refused += 1,
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
            b"" => tally.tarpits += u64::from(data.starts_with(b"Tarpit for ")),
            b"authenticated" => {
                self.authenticated = true;
                *tally.identities.of(books.names.id(&unquoted(data))) += 1;
            }
            b"Set Session Permissions" => {
                let any = memmem::find(data, b"SMTPAcceptAnyRecipient").is_some();
                // The rights of somebody who logs on may stand before or after his name.
                let logs_on = self.waiting.contains(&Waiting::Auth);
                self.may_relay |= any && !logs_on && !self.is_known();
            }
            context if context.starts_with(b"TLS protocol ") => {
                self.tls = self.tls_granted.take().or(self.tls);
                let cipher = cipher(&String::from_utf8_lossy(context));
                *tally.ciphers.of(books.names.id(cipher.as_bytes())) += 1;
            }
            context if REASONS.iter().any(|reason| context.starts_with(reason)) => {
                self.tls_granted = None;
                self.reason = Some(normalized(&String::from_utf8_lossy(context)));
            }
            _ => {}
        }
    }

    /// Ends the session with its last row, or without one where the log has none.
    pub fn end(mut self, row: Option<&Row<'_>>, tally: &mut Tally, books: &mut Books<'_>) {
        let broken_off = row.filter(|row| row.context.contains(&b'('));
        let time = row.map_or(tally.last, |row| row.time);
        if let Some(reason) = self.reason.take() {
            self.refused = true;
            tally.failed(books.failures.id(reason.as_bytes()), time);
        }
        if let Some(row) = broken_off {
            tally.failed(books.failures.id(row.context), time);
        }
        let outcome = match row {
            _ if self.delivered => Outcome::Delivered,
            _ if self.refused => Outcome::Refused,
            None => Outcome::Unfinished,
            Some(_) if broken_off.is_some() => Outcome::Dropped,
            Some(_) => Outcome::Idle,
        };
        tally.outcomes[outcome as usize] += 1;
        tally.tls[self.tls.unwrap_or(Channel::Clear) as usize] += 1;
        tally.may_relay += u64::from(self.may_relay);
    }
}

/// How contexts begin that tell of a failure.
const REASONS: [&[u8]; 3] =
    [b"Inbound ", b"TLS negotiation failed", b"DirectTrust certificate failed"];

fn code(line: &[u8]) -> Option<u16> {
    let digits = std::str::from_utf8(line.get(..3)?).ok()?;
    digits.parse().ok().filter(|_| line.get(3).is_none_or(|b| matches!(b, b' ' | b'-')))
}

/// `AUTH LOGIN`. What stands behind the mechanism may be a secret, and what is no mechanism too.
fn mechanism(command: &Command<'_>) -> String {
    let word = command.args.split(' ').next().unwrap_or_default();
    let known = ["LOGIN", "NTLM", "GSSAPI", "EXCHANGEAUTH", "PLAIN", "CRAM-MD5", "XOAUTH2"];
    let known = known.iter().find(|known| known.eq_ignore_ascii_case(word));
    format!("{} {}", command.verb.name(), known.unwrap_or(&"(another)"))
}

fn is_outside(args: &str, directory: &Directory) -> bool {
    let path = args.split_at_checked(3).filter(|(to, _)| to.eq_ignore_ascii_case("TO:"));
    let Some((Path::Mailbox(mailbox), _)) = path.and_then(|(_, path)| Path::take(path)) else {
        return false;
    };
    mailbox.domain().is_some_and(|domain| directory.accepted_domain(domain).is_none())
}

/// `TLS 1.2 AES_256` of a row with Schannel's names, `TLS protocol SP_PROT_TLS1_2_SERVER
/// negotiation succeeded using bulk encryption algorithm CALG_AES_256 with strength 256 bits, …`.
fn cipher(context: &str) -> String {
    let after = |text: &str| {
        let word = context.split_once(text)?.1.split(' ').next()?;
        Some(word.trim_end_matches(','))
    };
    let protocol = after("TLS protocol ").unwrap_or_default();
    let protocol = protocol.strip_prefix("SP_PROT_").unwrap_or(protocol);
    let protocol = protocol.strip_suffix("_SERVER").unwrap_or(protocol);
    let protocol = match protocol.strip_prefix("TLS") {
        Some(version) => format!("TLS {}", version.replace('_', ".")),
        None => protocol.to_owned(),
    };
    let cipher = after("encryption algorithm ").unwrap_or_default();
    let cipher = cipher.strip_prefix("CALG_").unwrap_or(cipher);
    format!("{protocol} {cipher}").trim_end().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn handshakes_by_schannels_names() {
        let row = "TLS protocol SP_PROT_TLS1_2_SERVER negotiation succeeded using bulk encryption \
                   algorithm CALG_AES_256 with strength 256 bits, MAC hash algorithm CALG_SHA_384";
        assert_eq!(cipher(row), "TLS 1.2 AES_256");
        assert_eq!(cipher("TLS protocol SSL3 x"), "SSL3");
    }

    #[test]
    fn what_follows_the_mechanism_is_never_kept() {
        let name = |line: &str| mechanism(&Command::parse(line.as_bytes()).unwrap());
        assert_eq!(name("auth login YWxpY2U="), "AUTH LOGIN");
        assert_eq!(name("X-EXPS exchangeauth SHA256"), "X-EXPS EXCHANGEAUTH");
        assert_eq!(name("AUTH UGFzc3cwcmQh"), "AUTH (another)");
        assert_eq!(name("AUTH"), "AUTH (another)");
    }
}
