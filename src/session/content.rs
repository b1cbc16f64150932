//! The content of a message while it comes in, and what is asked of it.

use std::time::Instant;

use super::firewall::{Firewall, Header};
use super::memory::Reservation;
use super::{Identity, Reason, Refusal, Session};
use crate::connector::Rights;
use crate::smtp::data::{BareLinefeeds, Content};
use crate::smtp::reply;

/// Content so far, what is known of it, and its memory.
pub(super) struct Collected {
    pub content: Content,
    pub firewall: Firewall,
    /// Where they are looked for.
    pub linefeeds: Option<BareLinefeeds>,
    pub since: Instant,
    pub reservation: Reservation,
    max_header: u64,
}

impl Collected {
    /// Looks at what is new, and reserves memory for it; `last` tells that no more will come.
    /// `is_local` knows the names of this server.
    pub fn look(&mut self, last: bool, is_local: impl Fn(&[u8]) -> bool) {
        let Some(content) = self.content.collected() else { return };
        self.firewall.read(content, last, is_local);
        if let Some(linefeeds) = &mut self.linefeeds {
            linefeeds.read(content);
        }
        let held = self.content.held() + self.firewall.held();
        if self.firewall.header().octets > self.max_header || !self.reservation.cover(held) {
            self.content.discard();
        }
    }
}

impl Session {
    /// Content that begins now, of about `expected` octets.
    pub(super) fn collect(&self, expected: Option<u64>, now: Instant) -> Collected {
        Collected {
            content: Content::new(self.size_limit(), expected),
            firewall: Firewall::new(self.rights, self.offer().offers_xoorg()),
            linefeeds: None,
            since: now,
            reservation: Reservation::new(&self.host.memory),
            max_header: self.connector.max_header_size.0,
        }
    }

    /// What is asked of content whether more comes or not.
    pub(super) fn check_content(&self, collected: &Collected) -> Result<(), Refusal> {
        let octets = collected.content.received();
        match self.size_limit() {
            Some(limit) if octets > limit => {
                Err((reply::MESSAGE_TOO_LARGE, Reason::TooLarge { octets, limit }))
            }
            _ if collected.firewall.header().octets > collected.max_header => {
                Err((reply::HEADER_TOO_LARGE, Reason::HeaderTooLarge(collected.max_header)))
            }
            _ if collected.reservation.is_short => {
                Err((reply::INSUFFICIENT_RESOURCES, Reason::NoMemory))
            }
            _ => Ok(()),
        }
    }

    /// What is asked of content that is whole.
    pub(super) fn check_whole(&self, collected: &Collected) -> Result<(), Refusal> {
        if collected.linefeeds.is_some_and(|linefeeds| linefeeds.found()) {
            return Err((reply::BARE_LINEFEEDS, Reason::BareLinefeed));
        }
        let header = collected.firewall.header();
        let (hops, limit) = (header.hops, self.connector.max_hop_count);
        if hops > limit {
            return Err((reply::HOP_COUNT_EXCEEDED, Reason::TooManyHops { hops, limit }));
        }
        let (hops, limit) = (header.local_hops, self.connector.max_local_hop_count);
        // 0: never.
        if limit > 0 && hops > limit {
            return Err((reply::HOP_COUNT_EXCEEDED, Reason::TooManyLocalHops { hops, limit }));
        }
        Ok(())
    }

    /// Without Accept-Any-Sender every address of every From field must be the client's too.
    /// That such a check comes at the end of data is seen (geekswithblogs.net, "Authenticated
    /// SMTP relaying in Exchange 2013"); how it reads the field is our choice.
    pub(super) fn check_from(&self, header: &Header, content: &[u8]) -> Result<(), Refusal> {
        let Identity::Account { account, .. } = &self.identity else { return Ok(()) };
        if self.rights.contains(Rights::ACCEPT_ANY_SENDER) {
            return Ok(());
        }
        let foreign = header.from(content).find(|address| !account.has_address(address));
        let Some(sender) = foreign else { return Ok(()) };
        let account = account.name.to_string();
        Err((self.facts().cannot_send_as.clone(), Reason::NotOwnAddress { sender, account }))
    }
}
