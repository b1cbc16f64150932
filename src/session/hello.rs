//! HELO and EHLO.

use std::fmt::Write as _;
use std::time::Instant;

use super::{Hello, Note, Reason, Session, State};
use crate::smtp::address::{is_address_literal, is_domain};
use crate::smtp::reply;

impl Session {
    /// Exchange takes a hello without a name unless RequireEHLODomain is on (a telnet
    /// session of 2007 or 2010; KB 2866822 for 2013).
    pub(super) fn hello_command(&mut self, name: &str, extended: bool, now: Instant) {
        if let Some(subject) = self.distrusted.take() {
            return self.refuse_distrusted(subject, now);
        }
        if name.is_empty() && self.connector.require_ehlo_domain {
            let requires =
                if extended { reply::EHLO_REQUIRES_DOMAIN } else { reply::HELO_REQUIRES_DOMAIN };
            self.tarpit_refusal(&requires, &Reason::NoDomain, now);
            return self.close(requires, Reason::NoDomain);
        }
        if !name.is_empty() && !is_name(name) {
            return self.refuse(reply::INVALID_DOMAIN_NAME, Reason::BadDomain, now);
        }
        if self.hello.is_some() {
            self.tarpit(self.connector.tarpit_interval, now);
        }
        self.tell_of_certificate();
        self.hello = Some(Hello { name: name.into(), extended });
        self.state = State::Ready;
        self.write_hello(extended);
        if extended {
            self.tell(Note::Advertised);
        }
    }

    fn write_hello(&mut self, extended: bool) {
        const USUAL: usize = 512;
        self.host.tally.reply(250);
        let mut out = std::mem::take(&mut self.out);
        out.reserve(USUAL);
        let begin = out.len();
        let mut last = begin;
        let withdrawing = self.pending.withdrawing.take();
        let fqdn = self.host.server.fqdn_of(&self.connector);
        // Writing into a growing buffer cannot fail.
        let _ = write!(out, "250-{fqdn} Hello [{}]\r\n", self.remote);
        if extended {
            self.offer().keywords(|keyword| {
                let start = out.len();
                let _ = write!(out, "250-{keyword}\r\n");
                match &withdrawing {
                    Some(rule) if rule.withdraws(&out[start + 4..]) => out.truncate(start),
                    _ => last = start,
                }
            });
        }
        out[last + 3] = b' ';
        self.out = out;
        self.truncate_reply(begin);
    }
}

/// ASCII also where SMTPUTF8 is offered (RFC 6531 §3.7.1).
fn is_name(text: &str) -> bool {
    text.is_ascii() && (is_domain(text) || is_address_literal(text))
}
