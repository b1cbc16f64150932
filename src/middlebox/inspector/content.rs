//! What comes from the client behind a `354`, up to the dot. None of it is changed.

use super::{Class, Event, Judged};

/// Where a message is.
#[derive(Debug)]
pub(super) struct Content {
    section: Section,
    line: Line,
    /// A line end by CRLF stands before the line; a dot ends the content only there (RFC 5321
    /// §4.1.1.4).
    after_crlf: bool,
    file_name: FileName,
    octets: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Section {
    Header,
    Body,
    /// The header of a MIME part: what follows a line that begins as a boundary does.
    Part,
}

/// The line that is being read: its first octets, and its last two.
#[derive(Debug, Default)]
struct Line {
    head: [u8; 3],
    tail: [u8; 2],
    octets: usize,
    /// That it is too long has been told.
    told: bool,
}

/// The value of a `filename=` parameter.
#[derive(Debug, Default)]
struct FileName {
    /// So much of the name of the parameter has been read.
    matched: usize,
    octets: usize,
    quoted: bool,
}

/// The content has ended, after so many octets.
pub(super) struct End {
    pub octets: u64,
}

impl Default for Content {
    fn default() -> Self {
        Self {
            section: Section::Header,
            line: Line::default(),
            after_crlf: true,
            file_name: FileName::default(),
            octets: 0,
        }
    }
}

impl Content {
    /// Reads on to the end of the packet or of the content.
    pub(super) fn read(
        &mut self,
        packet: &[u8],
        classes: bool,
        events: &mut Vec<Event>,
    ) -> Judged<(usize, Option<End>)> {
        let mut read = 0;
        while read < packet.len() {
            let rest = &packet[read..];
            let end = memchr::memchr(b'\n', rest).map(|at| at + 1);
            let piece = &rest[..end.unwrap_or(rest.len())];
            read += piece.len();
            self.octets += piece.len() as u64;
            self.line.take(piece);
            if classes {
                self.classify(piece, events)?;
            }
            if end.is_some() && self.line_ended() {
                return Ok((read, Some(End { octets: self.octets - DOT.len() as u64 })));
            }
        }
        Ok((read, None))
    }

    fn classify(&mut self, piece: &[u8], events: &mut Vec<Event>) -> Judged<()> {
        let class =
            if self.section == Section::Header { Class::HeaderLine } else { Class::BodyLine };
        if self.line.text() > class.limit() && !self.line.told {
            if class.drops() {
                return Err(class);
            }
            self.line.told = true;
            events.push(Event::Matched(class));
        }
        if self.section != Section::Body {
            for octet in piece {
                if self.file_name.push(*octet) > Class::FileName.limit() {
                    return Err(Class::FileName);
                }
            }
        }
        Ok(())
    }

    /// Whether the content has ended with the line.
    fn line_ended(&mut self) -> bool {
        let line = std::mem::take(&mut self.line);
        if self.after_crlf && line.octets == DOT.len() && line.head == *DOT {
            return true;
        }
        self.after_crlf = line.tail == *b"\r\n";
        // A dot more was sent than meant (RFC 5321 §4.5.2).
        self.octets -= u64::from(line.head[0] == b'.');
        self.file_name = FileName::default();
        match self.section {
            Section::Header | Section::Part if line.text() == 0 => self.section = Section::Body,
            Section::Body if line.head.starts_with(b"--") => self.section = Section::Part,
            _ => {}
        }
        false
    }
}

const DOT: &[u8; 3] = b".\r\n";

impl Line {
    fn take(&mut self, piece: &[u8]) {
        let missing = self.head.get_mut(self.octets..).unwrap_or_default();
        let n = missing.len().min(piece.len());
        missing[..n].copy_from_slice(&piece[..n]);
        for octet in &piece[piece.len().saturating_sub(2)..] {
            self.tail = [self.tail[1], *octet];
        }
        self.octets += piece.len();
    }

    /// Octets without a line end, or what may become one.
    fn text(&self) -> usize {
        let end = match self.tail {
            [b'\r', b'\n'] => 2,
            [_, b'\r' | b'\n'] => 1,
            _ => 0,
        };
        self.octets - end
    }
}

impl FileName {
    const NAME: &[u8] = b"filename=";

    /// How many octets of a value have been read with this one.
    fn push(&mut self, octet: u8) -> usize {
        if let Some(expected) = Self::NAME.get(self.matched) {
            // No octet of the name but its first can begin it anew.
            self.matched = match octet.to_ascii_lowercase() {
                lower if lower == *expected => self.matched + 1,
                lower => usize::from(lower == Self::NAME[0]),
            };
            return 0;
        }
        match octet {
            b'"' if self.octets == 0 && !self.quoted => self.quoted = true,
            b'"' => *self = Self::default(),
            b';' | b' ' | b'\r' | b'\n' if !self.quoted => *self = Self::default(),
            _ => self.octets += 1,
        }
        self.octets
    }
}
