//! The conditions of a rule.

use std::borrow::Cow;

use mail_parser::parsers::MessageStream;
use memchr::memmem;

use super::pattern::Pattern;
use super::stage::Stage;
use crate::connector::{ByteSize, IpRange, SourceAddress};
use crate::smtp::header::HeaderReader;

/// What is known at a stage. What is not known there meets no condition.
#[derive(Clone, Debug)]
pub struct Facts<'a> {
    /// The connector's name.
    pub connector: &'a str,
    pub remote: SourceAddress,
    /// `anonymous`, or the name of who is logged on. At auth and x-exps that of the account
    /// that has just proved itself, and `None` while it has not.
    pub identity: Option<Cow<'a, str>>,
    /// The reverse path; `<>` for the null path.
    pub sender: Option<Cow<'a, str>>,
    /// At rcpt the one that is asked for, after it all that were taken.
    pub recipients: Vec<Cow<'a, str>>,
    /// Octets: announced, or at the end of data those that came.
    pub size: Option<u64>,
    pub mechanism: Option<&'a str>,
    /// The message, at the end of data.
    pub content: Option<&'a [u8]>,
}

/// Conditions that must all hold. Those that are not given hold always.
#[derive(Clone, Debug, Default)]
pub struct When {
    pub(super) connector: Option<Pattern>,
    pub(super) remote: Option<IpRange>,
    pub(super) identity: Option<Pattern>,
    pub(super) sender: Option<Pattern>,
    pub(super) recipient: Option<Pattern>,
    pub(super) header: Option<HeaderPattern>,
    pub(super) size_over: Option<ByteSize>,
    pub(super) mechanism: Option<Pattern>,
}

impl When {
    pub fn fits(&self, stage: Stage, facts: &Facts<'_>) -> bool {
        let is = |pattern: &Option<Pattern>, text: Option<&str>| {
            pattern.as_ref().is_none_or(|p| text.is_some_and(|text| p.matches(text)))
        };
        is(&self.connector, Some(facts.connector))
            && self.remote.as_ref().is_none_or(|range| range.contains(facts.remote))
            && is(&self.identity, facts.identity.as_deref())
            && (self.identity.is_some() || !is_second_asking(stage, facts))
            && is(&self.sender, facts.sender.as_deref())
            && self.recipient.as_ref().is_none_or(|p| facts.recipients.iter().any(|r| p.matches(r)))
            && self.size_over.is_none_or(|limit| facts.size.is_some_and(|size| size > limit.0))
            && is(&self.mechanism, facts.mechanism)
            && self.header.as_ref().is_none_or(|h| facts.content.is_some_and(|c| h.is_in(c)))
    }
}

/// A rule without identity was asked when the command came, and is not asked again at the
/// proof.
fn is_second_asking(stage: Stage, facts: &Facts<'_>) -> bool {
    Stage::PROOFS.contains(&stage) && facts.identity.is_some()
}

/// `Name: text`, or a name alone for a field that is there whatever it says.
#[derive(Clone, Debug)]
pub(super) struct HeaderPattern {
    name: Box<str>,
    text: Pattern,
}

impl HeaderPattern {
    pub fn parse(text: &str) -> Option<Self> {
        let (name, text) = text.split_once(':').unwrap_or((text, "*"));
        let fits = !name.is_empty() && name.bytes().all(|b| b.is_ascii_graphic());
        fits.then(|| Self { name: name.into(), text: Pattern::new(&spaced(text)) })
    }

    /// Whether a field of that name has that text, as it came or decoded (RFC 2047).
    fn is_in(&self, message: &[u8]) -> bool {
        let mut reader = HeaderReader::default();
        let mut fields = std::iter::from_fn(|| reader.next(message, true));
        fields.any(|field| field.is(&self.name) && self.is_told_by(field.body()))
    }

    fn is_told_by(&self, body: &[u8]) -> bool {
        // What is no UTF-8 is still a field that is there.
        self.text.matches(&spaced(&String::from_utf8_lossy(body)))
            || decoded(body).is_some_and(|text| self.text.matches(&spaced(&text)))
    }
}

/// With each run of blanks and line ends as one space, and none at the ends: however a field was
/// folded.
fn spaced(text: &str) -> String {
    text.split_ascii_whitespace().collect::<Vec<_>>().join(" ")
}

/// A field's text, if it has encoded words.
fn decoded(body: &[u8]) -> Option<String> {
    memmem::find(body, b"=?")?;
    // The parser reads on to the end of a line.
    let field = [body.trim_ascii_end(), b"\n"].concat();
    MessageStream::new(&field).parse_unstructured().into_text().map(Cow::into_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn facts() -> Facts<'static> {
        Facts {
            connector: "App relay",
            remote: "10.0.0.12".parse().unwrap(),
            identity: Some("anonymous".into()),
            sender: Some("a@fabrikam.test".into()),
            recipients: vec!["x@contoso.test".into(), "y@contoso.test".into()],
            size: Some(2048),
            mechanism: None,
            content: Some(
                b"Received: from a\r\nreceived: from\r\n\tb\r\nX-Flag:\r\nSubject: =?utf-8?Q?Gr=C3=BC=C3=9Fe?=\r\n \
                  =?utf-8?B?IGFuIGFsbGU=?=\r\n\r\nSubject: body\r\n",
            ),
        }
    }

    #[test]
    fn every_condition_must_hold() {
        let fits = |change: fn(&mut When)| {
            let mut when = When::default();
            change(&mut when);
            when.fits(Stage::EndOfData, &facts())
        };
        assert!(fits(|_| ()));
        assert!(fits(|w| w.connector = Some(Pattern::new("app*"))));
        assert!(!fits(|w| w.connector = Some(Pattern::new("Default*"))));
        assert!(fits(|w| w.remote = "10.0.0.0/24".parse().ok()));
        assert!(!fits(|w| w.remote = "10.0.1.0/24".parse().ok()));
        assert!(fits(|w| w.identity = Some(Pattern::new("anonymous"))));
        assert!(!fits(|w| w.identity = Some(Pattern::new("CONTOSO\\*"))));
        assert!(fits(|w| w.recipient = Some(Pattern::new("Y@*"))));
        assert!(!fits(|w| w.recipient = Some(Pattern::new("z@*"))));
        assert!(fits(|w| w.size_over = Some(ByteSize(2047))));
        assert!(!fits(|w| w.size_over = Some(ByteSize(2048))));
        assert!(!fits(|w| w.mechanism = Some(Pattern::new("*"))), "unknown is no match");
        assert!(!fits(|w| {
            w.sender = Some(Pattern::new("*@fabrikam.test"));
            w.recipient = Some(Pattern::new("z@contoso.test"));
        }));
    }

    #[test]
    fn any_field_of_the_name_counts_unfolded() {
        let fits = |text: &str| {
            let when = When { header: HeaderPattern::parse(text), ..When::default() };
            when.fits(Stage::EndOfData, &facts())
        };
        assert!(fits("Received: from\tb"));
        assert!(fits("Received: from b"), "however it is folded");
        assert!(fits("Subject: gr\u{fc}\u{df}e an alle"), "decoded");
        assert!(fits("Subject: =?utf-8?Q?Gr=C3=BC=C3=9Fe?= *"), "as it came");
        assert!(fits("received:from a"));
        assert!(fits("X-Flag"));
        assert!(fits("X-Flag:"));
        assert!(!fits("X-Flag: ?*"));
        assert!(!fits("Subject: body"), "the body is not searched");
        assert!(HeaderPattern::parse("").is_none());
        assert!(HeaderPattern::parse("a b: c").is_none());
    }

    #[test]
    fn an_identity_waits_for_the_proof_and_nothing_is_asked_twice() {
        let anybody = When::default();
        let alice = When { identity: Some(Pattern::new("*\\alice")), ..When::default() };
        let command = Facts { identity: None, ..facts() };
        let proof = Facts { identity: Some("CONTOSO\\alice".into()), ..facts() };
        assert!(anybody.fits(Stage::Auth, &command) && !anybody.fits(Stage::Auth, &proof));
        assert!(!alice.fits(Stage::Auth, &command) && alice.fits(Stage::Auth, &proof));
        assert!(anybody.fits(Stage::Mail, &proof) && alice.fits(Stage::Mail, &proof));
    }
}
