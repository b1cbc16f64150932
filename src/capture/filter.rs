//! Which of the kept messages are meant.

use jiff::Timestamp;
use memchr::memchr2_iter;

use super::Kept;

/// What a message must be like. All that is set must hold; the default holds for all.
///
/// Where part of a text is enough, any part of it will do; where not, it is the whole. ASCII
/// letters match in either case.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    /// Part of the sender in the envelope, or `<>` for the null path. With something before an
    /// `@` it is where the address begins, so that `alice@` does not mean `malice@`.
    pub from: Option<String>,
    /// Part of one of the recipients in the envelope, as for [`Filter::from`].
    pub to: Option<String>,
    /// Part of the decoded subject.
    pub subject: Option<String>,
    /// Part of the decoded text ([`Digest::text`](super::Digest::text)).
    pub text: Option<String>,
    /// `SERVER\Connector name`
    pub connector: Option<String>,
    /// The account; empty for anonymous peers.
    pub identity: Option<String>,
    pub session: Option<String>,
    /// [`Message::message_id`](super::Message::message_id)
    pub message_id: Option<String>,
    /// Received then or later.
    pub since: Option<Timestamp>,
    /// Received before.
    pub until: Option<Timestamp>,
    /// Accepted after the message of this number.
    pub after: Option<u64>,
}

impl Filter {
    pub fn matches(&self, kept: &Kept) -> bool {
        let message = &kept.message;
        let envelope = &message.envelope;
        let fields = Fields {
            number: kept.number,
            received: message.received,
            session: &message.session,
            connector: &message.connector,
            identity: message.identity.as_deref().unwrap_or_default(),
            message_id: &message.message_id,
            from: envelope.reverse_path.mailbox().map_or("", |mailbox| mailbox.as_str()),
            subject: &message.digest.subject,
        };
        self.fits(&fields, envelope.recipients.iter().map(|recipient| recipient.mailbox.as_str()))
            && self.fits_text(&message.digest.text)
    }

    /// Whether all matches but the text, which stands apart.
    pub(super) fn fits<'a>(
        &self,
        fields: &Fields<'_>,
        mut to: impl Iterator<Item = &'a str>,
    ) -> bool {
        let is = |wanted: &Option<String>, there: &str| {
            wanted.as_deref().is_none_or(|wanted| wanted.eq_ignore_ascii_case(there))
        };
        let has = |wanted: &Option<String>, there: &str| {
            wanted.as_deref().is_none_or(|wanted| contains(there, wanted))
        };
        self.after.is_none_or(|after| fields.number > after)
            && self.since.is_none_or(|since| fields.received >= since)
            && self.until.is_none_or(|until| fields.received < until)
            && is(&self.session, fields.session)
            && is(&self.connector, fields.connector)
            && is(&self.identity, fields.identity)
            && is(&self.message_id, fields.message_id)
            && self.from.as_deref().is_none_or(|part| is_meant(fields.from, part))
            && self.to.as_deref().is_none_or(|part| to.any(|to| is_meant(to, part)))
            && has(&self.subject, fields.subject)
    }

    pub(super) fn fits_text(&self, text: &str) -> bool {
        self.text.as_deref().is_none_or(|part| contains(text, part))
    }
}

/// What is held against a filter, wherever it is kept.
pub(super) struct Fields<'a> {
    pub number: u64,
    pub received: Timestamp,
    pub session: &'a str,
    pub connector: &'a str,
    pub identity: &'a str,
    pub message_id: &'a str,
    pub from: &'a str,
    pub subject: &'a str,
}

/// Whether `part` means an address, which is empty for the null path.
fn is_meant(address: &str, part: &str) -> bool {
    match part.find('@') {
        _ if part == "<>" => address.is_empty(),
        Some(1..) => {
            let begins = address.as_bytes().get(..part.len());
            begins.is_some_and(|begins| begins.eq_ignore_ascii_case(part.as_bytes()))
        }
        _ => contains(address, part),
    }
}

/// Whether `part` is in `text`, ASCII letters in either case.
fn contains(text: &str, part: &str) -> bool {
    let (text, part) = (text.as_bytes(), part.as_bytes());
    let Some(first) = part.first() else { return true };
    let (lower, upper) = (first.to_ascii_lowercase(), first.to_ascii_uppercase());
    memchr2_iter(lower, upper, text).any(|at| {
        text.get(at..at + part.len()).is_some_and(|there| there.eq_ignore_ascii_case(part))
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{contains, is_meant};

    #[test]
    fn a_local_part_is_told_whole() {
        for (part, address) in [
            ("alice@", "Alice@contoso.test"),
            ("ALICE@contoso.test", "alice@contoso.test"),
            ("alice@con", "alice@contoso.test"),
            ("lice", "malice@contoso.test"),
            ("@contoso", "malice@contoso.test"),
            ("<>", ""),
            ("", ""),
        ] {
            assert!(is_meant(address, part), "{part} {address}");
        }
        for (part, address) in [
            ("alice@", "malice@contoso.test"),
            ("1@contoso.test", "u11@contoso.test"),
            ("alice@contoso.test.", "alice@contoso.test"),
            ("<>", "alice@contoso.test"),
            ("@", ""),
        ] {
            assert!(!is_meant(address, part), "{part} {address}");
        }
    }

    proptest! {
        #[test]
        fn contains_is_what_lower_case_says(text in "[aAbBéÉ]{0,12}", part in "[aAbBéÉ]{0,3}") {
            let lower = |text: &str| text.to_ascii_lowercase();
            prop_assert_eq!(contains(&text, &part), lower(&text).contains(&lower(&part)));
        }
    }
}
