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
        let is = |wanted: &Option<String>, there: &str| {
            wanted.as_deref().is_none_or(|wanted| wanted == there)
        };
        let has = |wanted: &Option<String>, there: &str| {
            wanted.as_deref().is_none_or(|wanted| contains(there, wanted))
        };
        let envelope = &message.envelope;
        let sender = envelope.reverse_path.mailbox().map_or("", |mailbox| mailbox.as_str());
        let mut recipients = envelope.recipients.iter();
        self.after.is_none_or(|after| kept.number > after)
            && self.since.is_none_or(|since| message.received >= since)
            && self.until.is_none_or(|until| message.received < until)
            && is(&self.session, &message.session)
            && is(&self.connector, &message.connector)
            && is(&self.identity, message.identity.as_deref().unwrap_or_default())
            && has(&self.from, sender)
            && self.to.as_deref().is_none_or(|to| {
                recipients.any(|recipient| contains(recipient.mailbox.as_str(), to))
            })
            && has(&self.subject, &message.digest.subject)
            && has(&self.text, &message.digest.text)
    }
}

/// Whether `part` is in `text`, ASCII letters in either case.
pub(super) fn contains(text: &str, part: &str) -> bool {
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
