//! A file in lines, read in blocks.

use std::io::{self, Read};
use std::ops::Range;

use memchr::memchr;

/// A quoted field that runs over more lines than this is taken for one whose quote was lost.
const MAX_JOINED: u64 = 32;

/// Hands out one line after the other, without copying.
pub struct Lines<R> {
    input: R,
    buffer: Box<[u8]>,
    /// What of the buffer has been read.
    filled: usize,
    /// The current line, with the lines that were joined to it, and without its line end.
    current: Range<usize>,
    /// Where the next one begins.
    next: usize,
    /// The number of the current line, and how many lines it has.
    number: u64,
    joined: u64,
    ended: bool,
}

pub enum Line {
    /// See [`Lines::text`].
    Text,
    /// Longer than the buffer; it has been skipped.
    TooLong,
}

impl<R: Read> Lines<R> {
    /// `block` is how much is read at a time, and the length of the longest line.
    pub fn new(input: R, block: usize) -> Self {
        Self {
            input,
            buffer: vec![0; block].into(),
            filled: 0,
            current: 0..0,
            next: 0,
            number: 0,
            joined: 1,
            ended: false,
        }
    }

    /// Goes to the next line. `None` at the end.
    pub fn next(&mut self) -> io::Result<Option<Line>> {
        self.number += self.joined;
        self.joined = 1;
        self.current = self.next..self.next;
        match self.find_end()? {
            Found::Line => Ok(Some(Line::Text)),
            Found::Nothing => Ok(None),
            Found::Full => {
                self.skip_line()?;
                Ok(Some(Line::TooLong))
            }
        }
    }

    /// The current line.
    pub fn text(&self) -> &[u8] {
        let line = &self.buffer[self.current.clone()];
        line.strip_suffix(b"\r").unwrap_or(line)
    }

    /// Its number, from 1; of joined lines that of the first.
    pub fn number(&self) -> u64 {
        self.number
    }

    /// Joins the next line to the current one, unless `begins` says that a row begins there.
    /// Tells whether it did.
    pub fn join(&mut self, begins: impl Fn(&[u8]) -> bool) -> io::Result<bool> {
        let end = self.current.end - self.current.start;
        if self.joined == MAX_JOINED {
            return Ok(false);
        }
        let whole = matches!(self.find_end()?, Found::Line);
        let next = &self.buffer[self.current.clone()][end..];
        if !whole || begins(next.strip_prefix(b"\n").unwrap_or(next)) {
            self.next = (self.current.start + end + 1).min(self.filled);
            self.current.end = self.current.start + end;
            return Ok(false);
        }
        self.joined += 1;
        Ok(true)
    }

    /// Looks for a line end from `next` on, and reads more until there is one.
    fn find_end(&mut self) -> io::Result<Found> {
        let mut from = self.next;
        loop {
            if let Some(i) = memchr(b'\n', &self.buffer[from..self.filled]) {
                self.current.end = from + i;
                self.next = from + i + 1;
                return Ok(Found::Line);
            }
            if self.ended {
                let something = self.next < self.filled;
                self.current.end = self.filled;
                self.next = self.filled;
                return Ok(if something { Found::Line } else { Found::Nothing });
            }
            if self.filled == self.buffer.len() {
                if self.current.start == 0 {
                    return Ok(Found::Full);
                }
                self.move_to_front();
            }
            from = self.filled;
            self.fill()?;
        }
    }

    fn move_to_front(&mut self) {
        let start = self.current.start;
        self.buffer.copy_within(start..self.filled, 0);
        self.filled -= start;
        self.next -= start;
        self.current = 0..self.current.end - start;
    }

    fn skip_line(&mut self) -> io::Result<()> {
        loop {
            (self.current, self.next, self.filled) = (0..0, 0, 0);
            self.fill()?;
            if let Some(i) = memchr(b'\n', &self.buffer[..self.filled]) {
                self.next = i + 1;
                self.current = i..i;
                return Ok(());
            }
            if self.ended {
                return Ok(());
            }
        }
    }

    fn fill(&mut self) -> io::Result<()> {
        match self.input.read(&mut self.buffer[self.filled..]) {
            Ok(0) => self.ended = true,
            Ok(n) => self.filled += n,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
        Ok(())
    }
}

enum Found {
    Line,
    /// The end of the input, with nothing before it.
    Nothing,
    /// No line end in a full buffer.
    Full,
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Gives its text in reads of `step` octets.
    struct Drip<'a>(&'a [u8], usize);

    impl Read for Drip<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            let n = self.1.min(buffer.len()).min(self.0.len());
            let (now, later) = self.0.split_at(n);
            buffer[..n].copy_from_slice(now);
            self.0 = later;
            Ok(n)
        }
    }

    fn lines(text: &str, step: usize, block: usize) -> Vec<(u64, Option<String>)> {
        let mut lines = Lines::new(Drip(text.as_bytes(), step), block);
        let mut all = Vec::new();
        while let Some(line) = lines.next().unwrap() {
            let text = match line {
                Line::TooLong => None,
                Line::Text => {
                    // An odd number of quotes goes on, unless a digit comes.
                    while lines.text().iter().filter(|b| **b == b'"').count() % 2 == 1 {
                        if !lines.join(|next| next.first().is_some_and(u8::is_ascii_digit)).unwrap()
                        {
                            break;
                        }
                    }
                    Some(String::from_utf8(lines.text().to_vec()).unwrap())
                }
            };
            all.push((lines.number(), text));
        }
        all
    }

    #[test]
    fn reads_and_blocks_of_any_size_give_the_same_lines() {
        let text = "1a\r\n\n2\"b\nx\ny\"\n3\"c\nd\n4\"\n5e\n6\"f";
        let expected = [
            (1, "1a"),
            (2, ""),
            (3, "2\"b\nx\ny\""),
            (6, "3\"c\nd"),
            (8, "4\""),
            (9, "5e"),
            (10, "6\"f"),
        ];
        let expected: Vec<_> = expected.map(|(n, text)| (n, Some(text.to_owned()))).into();
        for step in 1..=text.len() {
            for block in 10..30 {
                assert_eq!(lines(text, step, block), expected, "{step} {block}");
            }
        }
    }

    #[test]
    fn a_line_that_does_not_fit_is_skipped_and_counted() {
        let text = "1\n234567890123\n4\n5678901234567890";
        let expected = [(1, Some("1")), (2, None), (3, Some("4")), (4, None)];
        let expected: Vec<_> = expected.map(|(n, text)| (n, text.map(str::to_owned))).into();
        for step in 1..=text.len() {
            assert_eq!(lines(text, step, 8), expected, "{step}");
        }
    }

    #[test]
    fn a_quote_that_never_closes_joins_a_few_lines_only() {
        let text = "\"".to_owned() + &"x\n".repeat(100);
        let all = lines(&text, 1000, 1000);
        assert_eq!(all[0].1.as_ref().unwrap().lines().count() as u64, MAX_JOINED);
        assert_eq!(all[1], (MAX_JOINED + 1, Some("x".to_owned())));
    }
}
