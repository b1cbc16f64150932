//! Command lines out of a byte stream, with a bound on their length.

use bytes::{Buf, BytesMut};
use memchr::memchr;

/// What the buffer holds next.
#[derive(Debug, PartialEq, Eq)]
pub enum Next {
    /// A whole line of this many octets (line end included); its text is the first `text` octets.
    Line { text: usize, len: usize },
    /// More octets are needed.
    Incomplete,
    /// The line is longer than allowed. What was buffered of it is gone, and the rest is skipped.
    TooLong,
}

/// Finds lines in a buffer, remembering what was searched already.
///
/// A line ends with LF; a CR before it belongs to the line end. RFC 5321 §2.3.8 asks for
/// CRLF; a bare LF ends a *command* here too, so that people can type at it with `nc`.
/// Message data is stricter, see [`super::data`].
#[derive(Debug, Default)]
pub struct LineReader {
    searched: usize,
    skipping: bool,
}

impl LineReader {
    /// Looks for the next line. The caller must take a returned line off `buffer`
    /// (with `advance` or `split_to`) before it asks again.
    pub fn next(&mut self, buffer: &mut BytesMut, limit: usize) -> Next {
        loop {
            let Some(found) = memchr(b'\n', &buffer[self.searched..]) else {
                if self.skipping {
                    buffer.clear();
                    self.searched = 0;
                } else if buffer.len() > limit {
                    self.skipping = true;
                    buffer.clear();
                    self.searched = 0;
                    return Next::TooLong;
                } else {
                    self.searched = buffer.len();
                }
                return Next::Incomplete;
            };
            let len = self.searched + found + 1;
            self.searched = 0;
            if self.skipping {
                buffer.advance(len);
                self.skipping = false;
                continue;
            }
            if len > limit {
                buffer.advance(len);
                return Next::TooLong;
            }
            let text = len - if len >= 2 && buffer[len - 2] == b'\r' { 2 } else { 1 };
            return Next::Line { text, len };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(chunks: &[&[u8]], limit: usize) -> Vec<Result<Vec<u8>, ()>> {
        let mut reader = LineReader::default();
        let mut buffer = BytesMut::new();
        let mut all = Vec::new();
        for chunk in chunks {
            buffer.extend_from_slice(chunk);
            loop {
                match reader.next(&mut buffer, limit) {
                    Next::Line { text, len } => {
                        all.push(Ok(buffer.split_to(len)[..text].to_vec()));
                    }
                    Next::TooLong => all.push(Err(())),
                    Next::Incomplete => break,
                }
            }
        }
        all
    }

    #[test]
    fn lines_split_over_reads_come_out_whole() {
        assert_eq!(
            lines(&[b"EH", b"LO a\r", b"\nNOOP\nQ"], 100),
            [Ok(b"EHLO a".to_vec()), Ok(b"NOOP".to_vec())]
        );
    }

    #[test]
    fn an_overlong_line_is_reported_once_and_skipped() {
        assert_eq!(
            lines(&[b"XXXXXX", b"XXXXXX", b"XX\r\nNOOP\r\n"], 8),
            [Err(()), Ok(b"NOOP".to_vec())]
        );
        assert_eq!(lines(&[b"XXXXXXXXXX\r\nNOOP\r\n"], 8), [Err(()), Ok(b"NOOP".to_vec())]);
    }
}
