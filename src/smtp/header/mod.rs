//! The header block of a message (RFC 5322 §2.2): found, never changed.

mod family;
mod message_id;
mod received;

use std::borrow::Cow;
use std::ops::Range;

use bytes::Bytes;
use memchr::{memchr, memchr2};

pub use family::Family;
pub use message_id::message_id;
pub use received::made_by;

/// Finds the fields of a header block while the content is still coming in, and looks at each
/// octet once.
///
/// The block ends at the first empty line and nowhere else. Readers of mail pass over a line
/// that is no field, and over what stands before a name, and read on: a field that such a line
/// could hide would be hidden from this reader alone. Our tests hold it against mail-parser.
#[derive(Clone, Debug, Default)]
pub struct HeaderReader {
    /// Where the line or field that is being read begins.
    start: usize,
    /// Where its name begins, once that was found.
    name: Option<usize>,
    /// Its colon, once that was found: the name before it is one.
    colon: Option<usize>,
    /// How far was searched.
    searched: usize,
    ended: bool,
}

/// A field, folded as it came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Field<'a> {
    /// Where it begins in the content.
    pub at: usize,
    /// All of it, with its line ends.
    pub text: &'a [u8],
    name: usize,
    colon: usize,
}

/// A field that a receiver takes out of a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stripped {
    /// Where it began in the content.
    pub at: usize,
    /// All of it, with its line ends.
    pub field: Bytes,
    /// What would have kept it: the name of a right, or of a parameter.
    pub needs: Cow<'static, str>,
}

impl HeaderReader {
    /// The next field that is whole; `None` where there is none, or none yet. `content` is all
    /// that has come so far, and `last` tells that no more will.
    pub fn next<'a>(&mut self, content: &'a [u8], last: bool) -> Option<Field<'a>> {
        if self.ended {
            return None;
        }
        let (name, colon) = self.find_name(content)?;
        let end = self.find_end(content, last)?;
        let start = std::mem::replace(&mut self.start, end);
        (self.searched, self.name, self.colon) = (end, None, None);
        Some(Field {
            at: start,
            text: &content[start..end],
            name: name - start,
            colon: colon - start,
        })
    }

    /// Octets of the header block in `content`, of which no whole field is left to be read.
    pub fn octets(&self, content: &[u8]) -> usize {
        // A carriage return may begin the empty line.
        let is_open = !self.ended && content[self.start..] != *b"\r";
        if is_open { content.len() } else { self.start }
    }

    /// The next name and its colon, past lines that have none.
    fn find_name(&mut self, content: &[u8]) -> Option<(usize, usize)> {
        loop {
            if let (Some(name), Some(colon)) = (self.name, self.colon) {
                return Some((name, colon));
            }
            if self.name.is_none() {
                let rest = &content[self.searched..];
                let blanks = rest.iter().take_while(|octet| is_before_name(**octet)).count();
                self.searched += blanks;
                let first = content.get(self.searched)?;
                self.name = (*first != b'\n').then_some(self.searched);
            }
            let Some(at) = memchr2(b':', b'\n', &content[self.searched..]) else {
                self.searched = content.len();
                return None;
            };
            let at = self.searched + at;
            if content[at] == b':' {
                (self.colon, self.searched) = (Some(at), at + 1);
            } else if matches!(content[self.start..at], [] | [b'\r']) {
                self.ended = true;
                return None;
            } else {
                (self.start, self.searched, self.name) = (at + 1, at + 1, None);
            }
        }
    }

    /// A field ends at the first line end that no blank follows.
    fn find_end(&mut self, content: &[u8], last: bool) -> Option<usize> {
        while let Some(at) = memchr(b'\n', &content[self.searched..]) {
            let line_feed = self.searched + at;
            match content.get(line_feed + 1) {
                Some(b' ' | b'\t') => self.searched = line_feed + 1,
                None if !last => {
                    self.searched = line_feed;
                    return None;
                }
                _ => return Some(line_feed + 1),
            }
        }
        self.searched = content.len();
        last.then_some(content.len())
    }
}

impl<'a> Field<'a> {
    /// What stands before the colon, without blanks around it.
    pub fn name(&self) -> &'a [u8] {
        self.text[self.name..self.colon].trim_ascii_end()
    }

    /// Whether its name is one by RFC 5322 §3.6.8, and begins the line.
    pub fn is_well_formed(&self) -> bool {
        self.name == 0 && self.name().iter().all(u8::is_ascii_graphic)
    }

    pub fn is(&self, name: &str) -> bool {
        self.name().eq_ignore_ascii_case(name.as_bytes())
    }

    /// What stands behind the colon, still folded.
    pub fn body(&self) -> &'a [u8] {
        &self.text[self.colon + 1..]
    }

    /// Where the body stands in the content.
    pub fn body_span(&self) -> Range<usize> {
        self.at + self.colon + 1..self.at + self.text.len()
    }
}

/// What readers pass over in search of a name.
fn is_before_name(octet: u8) -> bool {
    octet == b':' || (octet.is_ascii_whitespace() && octet != b'\n')
}

/// The body of a field, unfolded and trimmed; `None` if it is not UTF-8.
pub fn unfold(body: &[u8]) -> Option<String> {
    let unfolded: Vec<u8> = body.iter().copied().filter(|b| !matches!(b, b'\r' | b'\n')).collect();
    String::from_utf8(unfolded).ok().map(|text| text.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The fields of `content`, which comes in pieces, and the length of the block.
    fn read(content: &[u8], cuts: &[usize]) -> (Vec<(usize, Vec<u8>)>, usize) {
        let mut reader = HeaderReader::default();
        let mut fields = Vec::new();
        let mut ends: Vec<_> = cuts.iter().map(|cut| cut % (content.len() + 1)).collect();
        ends.sort_unstable();
        for (end, last) in ends.iter().map(|end| (*end, false)).chain([(content.len(), true)]) {
            while let Some(field) = reader.next(&content[..end], last) {
                fields.push((field.at, field.text.to_vec()));
            }
        }
        (fields, reader.octets(content))
    }

    fn names(content: &str) -> Vec<String> {
        let mut reader = HeaderReader::default();
        std::iter::from_fn(|| reader.next(content.as_bytes(), true))
            .map(|field| String::from_utf8(field.name().to_vec()).unwrap())
            .collect()
    }

    #[test]
    fn fields_are_found_whole() {
        let content = b"Subject: a\r\n b\r\nMESSAGE-ID : <1@x>\r\n\r\nTo: c\r\n";
        let mut reader = HeaderReader::default();
        let subject = reader.next(content, true).unwrap();
        assert_eq!((subject.at, subject.text), (0, &content[..16]));
        assert_eq!(unfold(subject.body()).as_deref(), Some("a b"));
        let id = reader.next(content, true).unwrap();
        assert!(id.is("message-id") && !id.is("message"));
        assert_eq!(unfold(&content[id.body_span()]).as_deref(), Some("<1@x>"));
        assert_eq!(reader.next(content, true), None);
        assert_eq!(reader.octets(content), 36);
    }

    #[test]
    fn the_block_ends_at_an_empty_line_alone() {
        for (content, expected) in [
            ("", vec![]),
            ("\r\nTo: a\r\n", vec![]),
            ("\nTo: a\r\n", vec![]),
            ("Text.\r\nTo: a\r\n", vec!["To"]),
            (" To: a\r\n", vec!["To"]),
            (" \r\nTo: a\r\n", vec!["To"]),
            ("\r\r\nTo: a\r\n", vec!["To"]),
            (": a\r\nTo: a\r\n", vec!["To"]),
            (" : To: a\r\n", vec!["To"]),
            ("T\0: a\r\nTo: a\r\n", vec!["T\0", "To"]),
            ("T o: a\r\nTo: a\r\n", vec!["T o", "To"]),
            ("\u{e9}: a\r\nTo: a\r\n", vec!["\u{e9}", "To"]),
            ("From a Sun Nov 22\r\nTo: a\r\n", vec!["To"]),
            ("Subject: a\r\nText\r\n To: b\r\n", vec!["Subject", "To"]),
            ("Subject: a\r\nText\r\n\r\nTo: b\r\n", vec!["Subject"]),
            ("Subject: a", vec!["Subject"]),
            ("Subject: a\r\nText", vec!["Subject"]),
            ("Subject: a\nTo: b\n\nCc: c\n", vec!["Subject", "To"]),
            ("Subject:\r\n \r\n\t\r\nTo: b\r\n", vec!["Subject", "To"]),
            // A bare CR ends no line.
            ("Subject: a\rTo: b\r\nCc: c\r\n", vec!["Subject", "Cc"]),
        ] {
            assert_eq!(names(content), expected, "{content:?}");
        }
    }

    #[test]
    fn a_field_is_not_given_before_it_is_whole() {
        let mut reader = HeaderReader::default();
        for (content, octets) in [
            ("", 0),
            ("Sub", 3),
            ("Subject:", 8),
            ("Subject: a\r\n", 12),
            ("Subject: a\r\n b\r\n", 16),
        ] {
            assert_eq!(reader.next(content.as_bytes(), false), None, "{content:?}");
            assert_eq!(reader.octets(content.as_bytes()), octets, "{content:?}");
        }
        assert!(reader.next(b"Subject: a\r\n b\r\nT", false).is_some());
    }

    #[test]
    fn lines_without_a_field_count_too() {
        for (content, octets) in [
            ("Text.\r\nMore.\r\n", 14),
            ("Text.\r\nMore.\r\n\r", 14),
            ("Text.\r\nMore.\r\n\r\nBody", 14),
            (":::::", 5),
        ] {
            assert_eq!(read(content.as_bytes(), &[]).1, octets, "{content:?}");
        }
    }

    proptest! {
        /// However the content is cut: what a reading in one piece finds, line by line.
        #[test]
        fn cuts_make_no_difference(
            pieces in prop::collection::vec(
                prop::sample::select(vec!["\r\n", "\n", "\r", " ", "\t", ":", "A", "To: b", "\0", "\u{e9}"]),
                0..40,
            ),
            cuts in prop::collection::vec(any::<usize>(), 0..8),
        ) {
            let content = pieces.concat().into_bytes();
            let (fields, octets) = read(&content, &cuts);
            let mut expected: Vec<(usize, Vec<u8>)> = Vec::new();
            let mut at = 0;
            let mut folds = false;
            for line in content.split_inclusive(|b| *b == b'\n') {
                if matches!(line, b"\n" | b"\r\n") {
                    break;
                }
                let named = line.iter().position(|b| !matches!(b, b' ' | b'\t' | b'\r' | b'\n' | b':'));
                if let (true, b' ' | b'\t', Some((_, field))) = (folds, line[0], expected.last_mut()) {
                    field.extend_from_slice(line);
                } else if named.is_some_and(|name| line[name..].contains(&b':')) {
                    expected.push((at, line.to_vec()));
                    folds = true;
                } else {
                    folds = false;
                }
                at += line.len();
            }
            if content[..at].ends_with(b"\n\r") || content[..at] == *b"\r" {
                at -= 1;
            }
            prop_assert_eq!(octets, at);
            prop_assert_eq!(fields, expected);
        }

        /// No field of a family that mail-parser sees is hidden from this reader.
        #[test]
        fn what_another_reader_sees_is_seen(
            pieces in prop::collection::vec(
                prop::sample::select(vec![
                    "\r\n", "\n", "\r", " ", "\t", "\u{c}", "\u{b}", ":", "A", "To: b", "\0", "\u{e9}", "bad line",
                    "B d: -1", "From a Sun Nov 22", "From: \"", "(", "\"", "<", "=?utf-8?Q?", "?=", ";", "\\",
                    "Subject: ", "Date: 1", "Received: ", "Content-Type: a/b; c=", "Message-ID: ", "Keywords: ",
                    "X-MS-Exchange-Organization-AuthAs: Internal", "x-ms-exchange-organization-SCL : -1",
                ]),
                0..40,
            ),
        ) {
            let content = pieces.concat().into_bytes();
            let mut reader = HeaderReader::default();
            let seen: Vec<_> = std::iter::from_fn(|| reader.next(&content, true))
                .filter(|field| Family::of(field.name()) == Some(Family::Organization))
                .map(|field| field.at..field.at + field.text.len())
                .collect();
            let parsed = mail_parser::MessageParser::default().parse_headers(&content);
            for header in parsed.iter().flat_map(|message| message.headers()) {
                if Family::of(header.name().as_bytes()) == Some(Family::Organization) {
                    let at = header.offset_field as usize;
                    prop_assert!(seen.iter().any(|field| field.contains(&at)), "{at}");
                }
            }
        }
    }
}
