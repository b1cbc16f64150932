//! The header block of a message (RFC 5322 §2.2): found, never changed.

mod family;
mod received;

use std::borrow::Cow;
use std::ops::Range;

use bytes::Bytes;
use memchr::{memchr, memchr2};

pub use family::Family;
pub use received::made_by;

/// Finds the fields of a header block while the content is still coming in, and looks at each
/// octet once. The block ends at the first line that is no field, whatever follows.
#[derive(Clone, Debug, Default)]
pub struct HeaderReader {
    /// Where the field that is being read begins.
    start: usize,
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
        let colon = self.colon.or_else(|| self.find_colon(content, last))?;
        let end = self.find_end(content, last)?;
        let field =
            Field { at: self.start, text: &content[self.start..end], colon: colon - self.start };
        (self.start, self.searched, self.colon) = (end, end, None);
        Some(field)
    }

    /// Octets of the header block in `content`, of which no whole field is left to be read.
    pub fn octets(&self, content: &[u8]) -> usize {
        if self.colon.is_some() { content.len() } else { self.start }
    }

    fn find_colon(&mut self, content: &[u8], last: bool) -> Option<usize> {
        let Some(at) = memchr2(b':', b'\n', &content[self.searched..]) else {
            self.searched = content.len();
            self.ended = last;
            return None;
        };
        let at = self.searched + at;
        let name = content[self.start..at].trim_ascii_end();
        let is_field =
            content[at] == b':' && !name.is_empty() && name.iter().all(u8::is_ascii_graphic);
        if !is_field {
            self.ended = true;
            return None;
        }
        self.searched = at + 1;
        self.colon = Some(at);
        self.colon
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
    pub fn name(&self) -> &'a [u8] {
        self.text[..self.colon].trim_ascii_end()
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
    fn the_block_ends_at_the_first_line_that_is_no_field() {
        for (content, expected) in [
            ("", vec![]),
            ("\r\nTo: a\r\n", vec![]),
            ("\nTo: a\r\n", vec![]),
            ("Text.\r\nTo: a\r\n", vec![]),
            (" To: a\r\n", vec![]),
            (": a\r\nTo: a\r\n", vec![]),
            ("T\0: a\r\nTo: a\r\n", vec![]),
            ("T o: a\r\nTo: a\r\n", vec![]),
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
            ("Sub", 0),
            ("Subject:", 8),
            ("Subject: a\r\n", 12),
            ("Subject: a\r\n b\r\n", 16),
        ] {
            assert_eq!(reader.next(content.as_bytes(), false), None, "{content:?}");
            assert_eq!(reader.octets(content.as_bytes()), octets, "{content:?}");
        }
        assert!(reader.next(b"Subject: a\r\n b\r\nT", false).is_some());
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
            for line in content.split_inclusive(|b| *b == b'\n') {
                match (line.first(), expected.last_mut()) {
                    (Some(b' ' | b'\t'), Some((_, field))) => field.extend_from_slice(line),
                    _ => {
                        let name = line.split(|b| *b == b':').next().unwrap_or_default();
                        let name = String::from_utf8_lossy(name).into_owned();
                        let name = name.trim_end_matches([' ', '\t', '\r', '\x0c']);
                        if !line.contains(&b':')
                            || name.is_empty()
                            || !name.chars().all(|c| c.is_ascii_graphic())
                        {
                            break;
                        }
                        expected.push((at, line.to_vec()));
                    }
                }
                at += line.len();
            }
            prop_assert_eq!(octets, at);
            prop_assert_eq!(fields, expected);
        }
    }
}
