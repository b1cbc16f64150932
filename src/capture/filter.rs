//! Which of the kept messages are meant.

use jiff::Timestamp;
use memchr::memchr2_iter;

use super::Kept;

/// What a message must be like. All that is set must hold; the default holds for all.
///
/// Where part of a text is enough, ASCII letters match in either case; the rest is exact.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    /// Part of the sender in the envelope.
    pub from: Option<String>,
    /// Part of one of the recipients in the envelope.
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
            wanted.as_deref().is_none_or(|wanted| wanted == there)
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
            && has(&self.from, fields.from)
            && self.to.as_deref().is_none_or(|part| to.any(|to| contains(to, part)))
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
    pub from: &'a str,
    pub subject: &'a str,
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

    use super::contains;

    proptest! {
        #[test]
        fn contains_is_what_lower_case_says(text in "[aAbBéÉ]{0,12}", part in "[aAbBéÉ]{0,3}") {
            let lower = |text: &str| text.to_ascii_lowercase();
            prop_assert_eq!(contains(&text, &part), lower(&text).contains(&lower(&part)));
        }
    }
}
