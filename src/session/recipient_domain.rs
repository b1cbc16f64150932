//! Recipient domains that a connector may refuse: those that RFC 2606 reserves, and single
//! labels.

use super::{Reason, Refusal, Session};
use crate::smtp::address::is_address_literal;
use crate::smtp::{Mailbox, reply};

/// RFC 2606 §2.
const TOP_LEVEL: [&str; 4] = ["test", "example", "invalid", "localhost"];
/// RFC 2606 §3: `example` under each.
const SECOND_LEVEL: [&str; 3] = ["com", "net", "org"];

impl Session {
    /// Checked before the accepted domains are asked, and in this order: our choice.
    pub(super) fn check_recipient_domain(&self, recipient: &Mailbox) -> Result<(), Refusal> {
        let connector = &self.connector;
        let Some(domain) = recipient.domain().filter(|domain| !is_address_literal(domain)) else {
            return Ok(());
        };
        let mut labels = domain.trim_end_matches('.').rsplit('.');
        let (top, second) = (labels.next().unwrap_or_default(), labels.next());
        let is_one_of = |label: &str, list: &[&str]| {
            list.iter().any(|reserved| reserved.eq_ignore_ascii_case(label))
        };
        let reserved = || Reason::ReservedDomain(domain.to_owned());
        if connector.reject_reserved_top_level_recipient_domains && is_one_of(top, &TOP_LEVEL) {
            return Err((reply::RESERVED_TOP_LEVEL, reserved()));
        }
        let example = second.is_some_and(|second| second.eq_ignore_ascii_case("example"));
        if connector.reject_reserved_second_level_recipient_domains
            && example
            && is_one_of(top, &SECOND_LEVEL)
        {
            return Err((reply::RESERVED_SECOND_LEVEL, reserved()));
        }
        if connector.reject_single_label_recipient_domains && second.is_none() {
            return Err((reply::SINGLE_LABEL, Reason::SingleLabelDomain(domain.to_owned())));
        }
        Ok(())
    }
}
