//! What comes from the server.

use super::{Event, Inspection, overwrite};
use crate::middlebox::log::Replaced;
use crate::middlebox::mode::Banner;

/// The side of the server.
#[derive(Debug, Default)]
pub(super) struct Replies {
    /// The first reply has ended.
    greeted: bool,
    /// Lines of an EHLO reply have come; these many of them were masked.
    listing: Option<u8>,
    /// The EHLO reply has ended just now.
    listed: bool,
    /// Of a line that came without its end.
    unfinished: Option<(Head, Mask)>,
}

/// How a line begins.
#[derive(Clone, Copy, Debug)]
struct Head {
    code: u16,
    is_final: bool,
}

#[derive(Clone, Copy, Debug)]
enum Mask {
    Nothing,
    Banner,
    /// X, and this letter in the end.
    Keyword(u8),
}

/// A code and what stands behind it, blank or hyphen.
const PREFIX: usize = 4;

impl Replies {
    /// Reads a line, or what is let through of one. Gives the code of the reply if it ends there.
    pub(super) fn read(
        &mut self,
        line: &mut [u8],
        inspection: &Inspection,
        ehlo: bool,
        events: &mut Vec<Event>,
    ) -> Option<u16> {
        let ends = line.ends_with(b"\n");
        let (head, mask, skip) = match self.unfinished.take() {
            Some((head, mask)) => (head, mask, 0),
            None => {
                let head = Head::of(line);
                (head, self.mask(line, head, inspection, ehlo, events), PREFIX.min(line.len()))
            }
        };
        match mask {
            Mask::Nothing => {}
            Mask::Banner => mask_banner(&mut line[skip..], inspection.banner),
            Mask::Keyword(letter) => mask_keyword(&mut line[skip..], letter),
        }
        if !ends {
            self.unfinished = Some((head, mask));
            return None;
        }
        if !head.is_final {
            return None;
        }
        self.greeted = true;
        self.listed = self.listing.take().is_some();
        Some(head.code)
    }

    pub(super) fn greeted(&self) -> bool {
        self.greeted
    }

    /// Whether the reply that has just ended was the list that EHLO asks for.
    pub(super) fn take_listed(&mut self) -> bool {
        std::mem::take(&mut self.listed)
    }

    fn mask(
        &mut self,
        line: &[u8],
        head: Head,
        inspection: &Inspection,
        ehlo: bool,
        events: &mut Vec<Event>,
    ) -> Mask {
        // A refusal in place of the greeting passes: our choice.
        if !self.greeted && head.code == 220 {
            if head.is_final {
                events.push(Event::Replaced(Replaced::Banner));
            }
            return Mask::Banner;
        }
        if !inspection.masks_keywords() || !ehlo || head.code != 250 {
            return Mask::Nothing;
        }
        let Some(masked) = self.listing else {
            // The first line names the server and passes. Were it the only one, the reply could
            // be to a command before the EHLO.
            self.listing = (!head.is_final).then_some(0);
            return Mask::Nothing;
        };
        let text = line.get(PREFIX..).unwrap_or_default().trim_ascii_end();
        let word = text.split(|octet| *octet == b' ').next().unwrap_or_default();
        if inspection.passes_keyword(word) {
            return Mask::Nothing;
        }
        // What comes behind Z is our choice.
        self.listing = Some((masked + 1) % 26);
        let shown = String::from_utf8_lossy(text).escape_debug().take(64).collect();
        events.push(Event::Replaced(Replaced::Keyword(shown)));
        Mask::Keyword(b'A' + masked)
    }
}

impl Head {
    /// What is no reply counts as a whole one without a code.
    fn of(line: &[u8]) -> Self {
        let code = line.get(..3).filter(|code| code.iter().all(u8::is_ascii_digit));
        let code = code.map_or(0, |code| {
            code.iter().fold(0, |number, digit| number * 10 + u16::from(digit - b'0'))
        });
        Self { code, is_final: code == 0 || line.get(3) != Some(&b'-') }
    }
}

fn mask_banner(text: &mut [u8], banner: Banner) {
    let mut before = 0;
    for octet in text {
        let stays = match *octet {
            b'\r' | b'\n' => true,
            b'2' | b'0' => banner == Banner::TwosAndNoughts,
            b' ' => banner == Banner::TwosAndNoughts && before == b'0',
            _ => false,
        };
        before = *octet;
        if !stays {
            *octet = b'*';
        }
    }
}

fn mask_keyword(text: &mut [u8], letter: u8) {
    let ends = text.ends_with(b"\n");
    let length = text.trim_ascii_end().len();
    overwrite(&mut text[..length]);
    if ends && length > 0 {
        text[length - 1] = letter;
    }
}
