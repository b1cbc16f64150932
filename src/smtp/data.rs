//! The framing of message content: DATA with its dots (RFC 5321 §4.5.2) and BDAT (RFC 3030).

use std::sync::LazyLock;

use bytes::{Buf, BytesMut};
use memchr::{memchr_iter, memmem};

/// Where a message's content is collected, up to a limit.
///
/// Content beyond the limit is counted and dropped: the peer's framing is followed to its
/// end, so that the refusal comes at the end of data.
#[derive(Debug, Default)]
pub struct Content {
    bytes: BytesMut,
    limit: Option<u64>,
    received: u64,
    discarding: bool,
}

impl Content {
    /// `expected` is what the client announced with SIZE; it only sizes the first buffer.
    pub fn new(limit: Option<u64>, expected: Option<u64>) -> Self {
        const MAX_FIRST_BUFFER: u64 = 1 << 20;
        let first = expected.unwrap_or(0).min(limit.unwrap_or(u64::MAX)).min(MAX_FIRST_BUFFER);
        Self {
            bytes: BytesMut::with_capacity(first as usize),
            limit,
            received: 0,
            discarding: false,
        }
    }

    fn push(&mut self, piece: &[u8]) {
        self.received += piece.len() as u64;
        if self.exceeded() {
            self.discard();
        }
        if !self.discarding {
            self.bytes.extend_from_slice(piece);
        }
    }

    /// Lets go of what was collected, and collects no more.
    pub fn discard(&mut self) {
        self.discarding = true;
        self.bytes = BytesMut::new();
    }

    /// Octets received, whether kept or not.
    pub fn received(&self) -> u64 {
        self.received
    }

    /// What was collected; `None` once it was let go of.
    pub fn collected(&self) -> Option<&[u8]> {
        (!self.discarding).then_some(&self.bytes[..])
    }

    /// Octets held in memory.
    pub fn held(&self) -> usize {
        self.bytes.len()
    }

    pub fn exceeded(&self) -> bool {
        self.limit.is_some_and(|limit| self.received > limit)
    }

    pub fn into_bytes(self) -> bytes::Bytes {
        self.bytes.freeze()
    }
}

/// Looks for a line feed without a carriage return before it, in content that is still coming
/// in.
#[derive(Clone, Copy, Debug, Default)]
pub struct BareLinefeeds {
    searched: usize,
    found: bool,
}

impl BareLinefeeds {
    /// Looks at what is new in `content`, which is all that has come so far.
    pub fn read(&mut self, content: &[u8]) {
        let from = std::mem::replace(&mut self.searched, content.len());
        self.found |=
            memchr_iter(b'\n', &content[from..]).any(|at| !content[..from + at].ends_with(b"\r"));
    }

    /// Whether there was one.
    pub fn found(&self) -> bool {
        self.found
    }
}

/// Setting up the search costs more than many a line is long.
static LINE_WITH_DOT: LazyLock<memmem::Finder<'static>> =
    LazyLock::new(|| memmem::Finder::new(b"\r\n."));

/// Takes the dots out of a DATA stream.
///
/// Only `<CRLF>.<CRLF>` ends the data. A bare CR or LF is content and never part of the end,
/// so a message cannot smuggle another one past a peer that reads line ends differently.
#[derive(Debug)]
pub struct DotReader {
    state: Within,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Within {
    LineStart,
    Text,
    Cr,
    LeadingDot,
    CrAfterDot,
}

impl Default for DotReader {
    fn default() -> Self {
        Self { state: Within::LineStart }
    }
}

impl DotReader {
    /// Moves content from `input` to `content`; true once the end was seen. What follows the
    /// end stays in `input`.
    pub fn read(&mut self, input: &mut BytesMut, content: &mut Content) -> bool {
        while !input.is_empty() {
            match self.state {
                Within::LineStart => match input[0] {
                    b'.' => {
                        input.advance(1);
                        self.state = Within::LeadingDot;
                    }
                    _ => self.state = Within::Text,
                },
                Within::Text => self.read_text(input, content),
                Within::Cr => {
                    if input[0] == b'\n' {
                        content.push(b"\n");
                        input.advance(1);
                        self.state = Within::LineStart;
                    } else {
                        self.state = Within::Text;
                    }
                }
                Within::LeadingDot => {
                    if input[0] == b'\r' {
                        input.advance(1);
                        self.state = Within::CrAfterDot;
                    } else {
                        self.state = Within::Text;
                    }
                }
                Within::CrAfterDot => {
                    if input[0] == b'\n' {
                        input.advance(1);
                        return true;
                    }
                    content.push(b"\r");
                    self.state = Within::Text;
                }
            }
        }
        false
    }

    /// Copies up to the next line that starts with a dot, or as far as the input reaches.
    fn read_text(&mut self, input: &mut BytesMut, content: &mut Content) {
        if let Some(at) = LINE_WITH_DOT.find(input) {
            content.push(&input[..at + 2]);
            input.advance(at + 2);
            self.state = Within::LineStart;
            return;
        }
        self.state = match *input.as_ref() {
            [.., b'\r', b'\n'] => Within::LineStart,
            [.., b'\r'] => Within::Cr,
            _ => Within::Text,
        };
        content.push(input);
        input.clear();
    }
}

/// One BDAT chunk.
#[derive(Debug)]
pub struct ChunkReader {
    pub size: u64,
    pub last: bool,
    missing: u64,
}

impl ChunkReader {
    pub fn new(size: u64, last: bool) -> Self {
        Self { size, last, missing: size }
    }

    /// Moves content from `input` to `content`; true once the chunk is whole.
    pub fn read(&mut self, input: &mut BytesMut, content: &mut Content) -> bool {
        let n = self.missing.min(input.len() as u64) as usize;
        content.push(&input[..n]);
        input.advance(n);
        self.missing -= n as u64;
        self.missing == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn undot(wire: &[u8], step: usize) -> (bool, Vec<u8>, Vec<u8>) {
        let mut reader = DotReader::default();
        let mut content = Content::new(None, None);
        let mut input = BytesMut::new();
        let mut rest = wire;
        while !rest.is_empty() {
            let (now, later) = rest.split_at(step.min(rest.len()));
            rest = later;
            input.extend_from_slice(now);
            if reader.read(&mut input, &mut content) {
                input.extend_from_slice(rest);
                return (true, content.into_bytes().to_vec(), input.to_vec());
            }
        }
        (false, content.into_bytes().to_vec(), input.to_vec())
    }

    #[test]
    fn the_end_is_crlf_dot_crlf_and_nothing_else() {
        assert_eq!(undot(b"a\r\n.\r\nQUIT", 100), (true, b"a\r\n".to_vec(), b"QUIT".to_vec()));
        assert_eq!(undot(b".\r\n", 1), (true, vec![], vec![]));
        for text in ["a\n.\n", "a\n.\r\n", "a\r\n.\n", "a\r.\r\n", "a\r\n.\r\r\n", "a\r\n.x\r\n"] {
            assert!(!undot(text.as_bytes(), 100).0, "{text:?} must not end the data");
        }
    }

    #[test]
    fn one_leading_dot_is_taken_off() {
        assert_eq!(undot(b"..a\r\n.b\r\n.\r\n", 100).1, b".a\r\nb\r\n");
    }

    #[test]
    fn beyond_the_limit_nothing_is_held() {
        let mut content = Content::new(Some(4), Some(1 << 40));
        let mut input = BytesMut::from(&b"0123456789\r\n.\r\n"[..]);
        assert!(DotReader::default().read(&mut input, &mut content));
        assert!(content.exceeded());
        assert_eq!((content.received(), content.held()), (12, 0));
    }

    #[test]
    fn bare_linefeeds_are_found_across_reads() {
        for (content, found) in [
            ("", false),
            ("a\r\nb\r\n", false),
            ("a\rb\r", false),
            ("\n", true),
            ("a\r\n\n", true),
            ("a\r\nb\nc\r\n", true),
            ("a\n\r", true),
        ] {
            let mut bare = BareLinefeeds::default();
            (0..=content.len()).for_each(|end| bare.read(&content.as_bytes()[..end]));
            assert_eq!(bare.found(), found, "{content:?}");
        }
    }

    /// Adds the dots as a sender does.
    fn dotted(message: &[u8]) -> Vec<u8> {
        let mut wire = Vec::new();
        let mut line_start = true;
        for (i, &byte) in message.iter().enumerate() {
            if line_start && byte == b'.' {
                wire.push(b'.');
            }
            wire.push(byte);
            line_start = byte == b'\n' && i > 0 && message[i - 1] == b'\r';
        }
        wire.extend_from_slice(b".\r\n");
        wire
    }

    proptest! {
        #[test]
        fn what_is_dotted_comes_back_whatever_the_reads(
            pieces in prop::collection::vec(prop::sample::select(vec!["\r\n", ".", "\r", "\n", "a"]), 0..40),
            step in 1usize..8,
        ) {
            let mut message = pieces.concat().into_bytes();
            message.extend_from_slice(b"\r\n");
            let mut wire = dotted(&message);
            wire.extend_from_slice(b"QUIT\r\n");
            prop_assert_eq!(undot(&wire, step), (true, message, b"QUIT\r\n".to_vec()));
        }
    }
}
