//! Mailboxes and paths (RFC 5321 §4.1.2, RFC 6531), as MAIL and RCPT carry them.

use std::fmt;

/// Exchange's limit on an address without LongAddressesEnabled, and with it
/// (Set-ReceiveConnector, parameter LongAddressesEnabled).
pub const MAX_ADDRESS: usize = 571;
pub const MAX_LONG_ADDRESS: usize = 1860;

/// `local-part@domain`, or a bare local part whose domain the server fills in.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Mailbox {
    text: Box<str>,
    /// Where the `@` stands; `None` for a bare local part.
    at: Option<usize>,
}

impl Mailbox {
    /// Parses `text`, which must be a whole mailbox without angle brackets.
    pub fn parse(text: &str) -> Option<Self> {
        if text.is_empty() || text.len() > MAX_LONG_ADDRESS {
            return None;
        }
        let end = local_part_end(text)?;
        if end == text.len() {
            return Some(Self { text: text.into(), at: None });
        }
        let domain = text[end..].strip_prefix('@')?;
        // A name that ends in a dot is for the DNS, not for mail (RFC 5321 §4.1.2).
        let is_good = is_domain(domain) && !domain.ends_with('.');
        (is_good || is_address_literal(domain)).then(|| Self { text: text.into(), at: Some(end) })
    }

    pub fn as_str(&self) -> &str {
        &self.text
    }

    pub fn local_part(&self) -> &str {
        &self.text[..self.at.unwrap_or(self.text.len())]
    }

    pub fn domain(&self) -> Option<&str> {
        self.at.map(|at| &self.text[at + 1..])
    }

    /// The mailbox with `domain` added, if it had none.
    pub fn qualified(self, domain: &str) -> Self {
        match self.at {
            Some(_) => self,
            None => {
                Self { at: Some(self.text.len()), text: format!("{}@{domain}", self.text).into() }
            }
        }
    }

    pub fn is_ascii(&self) -> bool {
        self.text.is_ascii()
    }

    /// Mailboxes are the same when they differ only in the case of ASCII letters.
    pub fn matches(&self, other: &str) -> bool {
        self.text.eq_ignore_ascii_case(other)
    }
}

impl fmt::Display for Mailbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl fmt::Debug for Mailbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "<{}>", self.text)
    }
}

/// A reverse or forward path: the null path `<>`, or a mailbox.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Path {
    Null,
    Mailbox(Mailbox),
}

impl Path {
    /// Takes a path off the front of `text` and gives it with what follows.
    ///
    /// Besides `<user@example>` this takes a mailbox without brackets, as Microsoft's own
    /// telnet walkthrough types it, and drops a source route (RFC 5321 §4.1.1.3).
    pub fn take(text: &str) -> Option<(Self, &str)> {
        let text = text.trim_start_matches(' ');
        let Some(inner) = text.strip_prefix('<') else {
            let end = unbracketed_end(text)?;
            return Some((Self::Mailbox(Mailbox::parse(&text[..end])?), &text[end..]));
        };
        if let Some(rest) = inner.strip_prefix('>') {
            return Some((Self::Null, rest));
        }
        let inner = match inner.strip_prefix('@') {
            Some(route) => &route[route.find(':')? + 1..],
            None => inner,
        };
        let end = closing_bracket(inner)?;
        Some((Self::Mailbox(Mailbox::parse(&inner[..end])?), &inner[end + 1..]))
    }

    pub fn mailbox(&self) -> Option<&Mailbox> {
        match self {
            Self::Null => None,
            Self::Mailbox(mailbox) => Some(mailbox),
        }
    }
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Null => Ok(()),
            Self::Mailbox(mailbox) => mailbox.fmt(f),
        }
    }
}

/// Whether `text` may stand as a domain: labels of letters, digits, hyphens and underscores
/// (which Windows host names have), or of letters beyond ASCII.
pub fn is_domain(text: &str) -> bool {
    let text = text.strip_suffix('.').unwrap_or(text);
    text.len() <= 255
        && !text.is_empty()
        && text.split('.').all(|label| {
            !label.is_empty()
                && label.len() <= 63
                && !label.starts_with('-')
                && !label.ends_with('-')
                && label.chars().all(|c| {
                    c.is_ascii_alphanumeric() || matches!(c, '-' | '_') || is_non_ascii_text(c)
                })
        })
}

/// `[192.0.2.1]`, `[IPv6:2001:db8::1]`, and `[2001:db8::1%11]` as Windows hosts write it.
pub fn is_address_literal(text: &str) -> bool {
    let Some(inner) = text.strip_prefix('[').and_then(|t| t.strip_suffix(']')) else {
        return false;
    };
    let address = match inner.get(..5) {
        Some(tag) if tag.eq_ignore_ascii_case("ipv6:") => &inner[5..],
        _ => inner,
    };
    let address = address.split_once('%').map_or(address, |(address, _scope)| address);
    address.parse::<std::net::IpAddr>().is_ok()
}

/// Where the local part at the front of `text` ends: a dot-string or a quoted string.
fn local_part_end(text: &str) -> Option<usize> {
    if let Some(quoted) = text.strip_prefix('"') {
        let mut escaped = false;
        for (i, c) in quoted.char_indices() {
            match c {
                c if c.is_control() => return None,
                _ if escaped => escaped = false,
                '\\' => escaped = true,
                '"' => return Some(i + 2),
                _ => {}
            }
        }
        return None;
    }
    let end = text.find('@').unwrap_or(text.len());
    text[..end].split('.').all(is_atom).then_some(end)
}

pub(super) fn is_atom(text: &str) -> bool {
    !text.is_empty()
        && text.chars().all(|c| {
            c.is_ascii_alphanumeric() || "!#$%&'*+-/=?^_`{|}~".contains(c) || is_non_ascii_text(c)
        })
}

fn is_non_ascii_text(c: char) -> bool {
    !c.is_ascii() && !c.is_control() && !c.is_whitespace()
}

/// The `>` that closes a path, not one inside a quoted local part.
fn closing_bracket(text: &str) -> Option<usize> {
    let from = if text.starts_with('"') { local_part_end(text)? } else { 0 };
    text[from..].find('>').map(|at| from + at)
}

fn unbracketed_end(text: &str) -> Option<usize> {
    let from = if text.starts_with('"') { local_part_end(text)? } else { 0 };
    Some(text[from..].find(' ').map_or(text.len(), |at| from + at))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mailbox(text: &str) -> (String, Option<String>) {
        let mailbox = Mailbox::parse(text).unwrap();
        (mailbox.local_part().to_owned(), mailbox.domain().map(str::to_owned))
    }

    #[test]
    fn mailboxes_of_every_form() {
        assert_eq!(mailbox("a.b+c@x.test"), ("a.b+c".into(), Some("x.test".into())));
        assert_eq!(mailbox("postmaster"), ("postmaster".into(), None));
        assert_eq!(mailbox(r#""a >@b"@x.test"#), (r#""a >@b""#.into(), Some("x.test".into())));
        assert_eq!(mailbox(r#"""@x.test"#).0, r#""""#);
        assert_eq!(mailbox("a@[192.0.2.1]").1.unwrap(), "[192.0.2.1]");
        assert_eq!(mailbox("a@[IPv6:2001:db8::1]").1.unwrap(), "[IPv6:2001:db8::1]");
        assert_eq!(mailbox("jörg@bücher.test").0, "jörg");
    }

    #[test]
    fn nonsense_is_no_mailbox() {
        for text in [
            "",
            "@x",
            "a@",
            "a@@b",
            "a b@x",
            "a..b@x",
            ".a@x",
            "a@-x",
            "a@x..y",
            "a@x.",
            "a@.",
            "\"a@x",
            "a@[300.1.1.1]",
            "\"a\\\r\"@x",
            "\"\u{9b}\"@x",
            "a\u{7f}@x",
            "<a@x>",
        ] {
            assert_eq!(Mailbox::parse(text), None, "{text:?}");
        }
    }

    #[test]
    fn paths_leave_their_parameters() {
        let take = |text| Path::take(text).map(|(path, rest)| (path.to_string(), rest));
        assert_eq!(take("<a@x> SIZE=1"), Some(("a@x".into(), " SIZE=1")));
        assert_eq!(take(" a@x SIZE=1"), Some(("a@x".into(), " SIZE=1")));
        assert_eq!(take("<>"), Some((String::new(), "")));
        assert_eq!(take("<@r1,@r2:a@x>"), Some(("a@x".into(), "")));
        assert_eq!(take(r#"<"a>b"@x> BODY=7BIT"#), Some((r#""a>b"@x"#.into(), " BODY=7BIT")));
        assert_eq!(take("<a@x"), None);
        assert_eq!(take(""), None);
    }
}
