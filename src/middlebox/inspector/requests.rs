//! What comes from the client.

use super::content::End;
use super::{Class, Event, Input, Inspection, Judged, Requests, overwrite};
use crate::middlebox::log::Replaced;
use crate::smtp::Command;

/// A command line, as far as it has come.
#[derive(Debug, Default)]
pub(super) struct Line {
    fate: Fate,
    verb: &'static str,
    octets: usize,
    /// Of a MAIL command; bounded by the class of command lines.
    text: Vec<u8>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Fate {
    #[default]
    Undecided,
    /// A packet ended behind a verb that is known, if it ends there.
    Verb,
    Passes,
    Overwritten,
}

impl Requests {
    pub(super) fn read(
        &mut self,
        mut packet: &mut [u8],
        inspection: &Inspection,
        events: &mut Vec<Event>,
    ) -> Judged<()> {
        while !packet.is_empty() {
            if let Input::Content(content) = &mut self.input {
                let (read, end) = content.read(packet, inspection.classes, events)?;
                packet = &mut packet[read..];
                if let Some(End { octets }) = end {
                    self.content_ended(octets, inspection, events);
                }
                continue;
            }
            let end = memchr::memchr(b'\n', packet).map(|at| at + 1);
            let (piece, rest) = packet.split_at_mut(end.unwrap_or(packet.len()));
            packet = rest;
            if let Input::Command(line) = &mut self.input {
                line.read(piece, inspection, events)?;
            }
            if end.is_some() {
                let ended = std::mem::replace(&mut self.input, Input::Command(Line::default()));
                if let Input::Command(line) = ended {
                    self.command_ended(&line, inspection)?;
                }
            }
        }
        Ok(())
    }

    fn command_ended(&mut self, line: &Line, inspection: &Inspection) -> Judged<()> {
        if line.fate == Fate::Overwritten {
            return Ok(());
        }
        match line.verb {
            "EHLO" => self.ehlo = true,
            "STARTTLS" => self.starttls = true,
            "MAIL" => {
                (self.recipients, self.declared) = (0, declared_size(&line.text));
                check(inspection, Class::SenderAddress, sender(&line.text).len())?;
            }
            "RCPT" => {
                self.recipients += 1;
                check(inspection, Class::Recipients, self.recipients)?;
            }
            _ => {}
        }
        Ok(())
    }

    fn content_ended(&mut self, actual: u64, inspection: &Inspection, events: &mut Vec<Event>) {
        self.input = Input::Command(Line::default());
        if let Some(declared) = self.declared.take()
            && inspection.classes
            && actual > declared
        {
            events.push(Event::Size { declared, actual });
        }
    }
}

impl Line {
    /// Reads what a packet holds of the line.
    fn read(
        &mut self,
        piece: &mut [u8],
        inspection: &Inspection,
        events: &mut Vec<Event>,
    ) -> Judged<()> {
        self.octets = self.octets.saturating_add(piece.len());
        check(inspection, Class::CommandLine, self.octets)?;
        let fate = match self.fate {
            Fate::Undecided => self.decide(piece, inspection),
            Fate::Verb if is_blank(piece[0]) => Fate::Passes,
            Fate::Verb => Fate::Overwritten,
            decided => decided,
        };
        if fate == Fate::Overwritten {
            if self.fate != Fate::Overwritten {
                events.push(Event::Replaced(described(piece)));
            }
            overwrite(piece);
        } else if self.verb == "MAIL" && inspection.classes {
            self.text.extend_from_slice(piece);
        }
        self.fate = fate;
        Ok(())
    }

    fn decide(&mut self, piece: &[u8], inspection: &Inspection) -> Fate {
        let end = piece.iter().position(|octet| is_blank(*octet));
        let word = &piece[..end.unwrap_or(piece.len())];
        match inspection.verb(word) {
            Some(verb) => {
                self.verb = verb;
                if end.is_some() { Fate::Passes } else { Fate::Verb }
            }
            None if text(piece).is_empty() => Fate::Passes,
            None => Fate::Overwritten,
        }
    }
}

fn check(inspection: &Inspection, class: Class, is: usize) -> Judged<()> {
    if inspection.classes && is > class.limit() { Err(class) } else { Ok(()) }
}

fn described(piece: &[u8]) -> Replaced {
    let text = text(piece);
    match Command::verb_of(text) {
        Some((verb, _)) => Replaced::Verb(verb.name()),
        None => Replaced::Octets(text.len()),
    }
}

fn text(line: &[u8]) -> &[u8] {
    let line = line.strip_suffix(b"\n").unwrap_or(line);
    line.strip_suffix(b"\r").unwrap_or(line)
}

fn is_blank(octet: u8) -> bool {
    matches!(octet, b' ' | b'\t' | b'\r' | b'\n')
}

/// What stands between the angle brackets of a MAIL command, or behind its colon.
fn sender(mail: &[u8]) -> &[u8] {
    let after = |octet| memchr::memchr(octet, mail).map(|at| &mail[at + 1..]);
    let path = after(b'<').or_else(|| after(b':')).unwrap_or_default();
    &path[..path.iter().position(|octet| *octet == b'>' || is_blank(*octet)).unwrap_or(path.len())]
}

fn declared_size(mail: &[u8]) -> Option<u64> {
    text(mail)
        .split(|octet| *octet == b' ')
        .filter(|word| word.len() > 5 && word[..5].eq_ignore_ascii_case(b"SIZE="))
        .find_map(|word| std::str::from_utf8(&word[5..]).ok()?.parse().ok())
}
