//! Text on a picture that cannot measure it: how wide it comes out at most, where it breaks,
//! and what is left out.

use std::fmt;
use std::fmt::Write as _;

#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Font {
    /// In pixels.
    pub(super) size: f32,
    pub(super) bold: bool,
}

impl Font {
    pub(super) const TITLE: Self = Self { size: 19.0, bold: true };
    pub(super) const ANSWER: Self = Self { size: 15.0, bold: true };
    pub(super) const HEADING: Self = Self { size: 14.0, bold: true };
    pub(super) const BODY: Self = Self { size: 13.0, bold: false };
    pub(super) const STRONG: Self = Self { size: 12.0, bold: true };
    pub(super) const LABEL: Self = Self { size: 12.0, bold: false };
    pub(super) const FLAG: Self = Self { size: 11.0, bold: true };
    pub(super) const SMALL: Self = Self { size: 11.0, bold: false };

    /// From one baseline to the next.
    pub(super) fn line(self) -> f32 {
        (self.size * 1.36).round()
    }

    /// From the top of a line to its baseline.
    pub(super) fn ascent(self) -> f32 {
        (self.size * 1.02).round()
    }

    /// How wide `text` comes out at most.
    pub(super) fn width(self, text: &str) -> f32 {
        let ems: f32 = text.chars().map(ems).sum();
        ems * self.size * if self.bold { 1.13 } else { 1.0 }
    }
}

/// Of DejaVu Sans, the widest face that a system commonly has for sans-serif, rounded up.
/// Beyond ASCII a guess: what is drawn there is not known.
fn ems(c: char) -> f32 {
    match c {
        TO_THE_RIGHT => 0.0,
        ' ' | '\u{a0}' | '!' | '\'' | ',' | '.' | '/' | ':' | ';' | 'I' | 'J' | '\\' | 'f'
        | 'i' | 'j' | 'l' | '|' => 0.36,
        '"' | '(' | ')' | '-' | '[' | ']' | 'r' | 't' => 0.42,
        '%' | '@' | 'M' | 'W' | 'm' => 1.0,
        'A'..='Z' | 'w' | '#' | '&' | '+' | '<' | '=' | '>' | '^' | '~' => 0.84,
        '\u{20}'..='\u{7e}' | '–' => 0.64,
        '\u{a0}'..='\u{2e7f}' => 0.8,
        '\u{2e80}'..='\u{ffef}' => 1.05,
        _ => 1.3,
    }
}

/// `text` in lines that are no wider than `room`, broken at spaces, or after one of `also`;
/// a word that is wider by itself anywhere.
pub(super) fn wrap(text: &str, font: Font, room: f32, also: &[char]) -> Vec<String> {
    let mut lines = vec![String::new()];
    let mut used = 0.0;
    for word in text.split_inclusive(|c| c == ' ' || also.contains(&c)) {
        let width = font.width(word.trim_end());
        if used + width > room && used > 0.0 {
            lines.push(String::new());
            used = 0.0;
        }
        for c in word.chars() {
            let width = font.width(c.encode_utf8(&mut [0; 4]));
            if used + width > room && used > 0.0 && c != ' ' {
                lines.push(String::new());
                used = 0.0;
            }
            if let Some(line) = lines.last_mut() {
                line.push(c);
            }
            used += width;
        }
    }
    for line in &mut lines {
        line.truncate(line.trim_end().len());
    }
    lines
}

/// As [`wrap`] does, in `most` lines at most: then the middle of `text` is left out.
pub(super) fn fit(text: &str, font: Font, room: f32, most: usize, also: &[char]) -> Vec<String> {
    /// More than any line here has room for.
    const ENOUGH: usize = 200;

    let characters: Vec<char> = text.chars().collect();
    if characters.len() <= ENOUGH {
        let lines = wrap(text, font, room, also);
        if lines.len() <= most {
            return lines;
        }
    }
    let ends = |kept: usize| {
        let (head, tail) = (kept.div_ceil(2), kept / 2);
        let head: String = characters[..head].iter().collect();
        let tail: String = characters[characters.len() - tail..].iter().collect();
        wrap(&format!("{}…{}", head.trim_end(), tail.trim_start()), font, room, also)
    };
    let kept = (0..characters.len().min(ENOUGH)).rev();
    kept.map(ends).find(|lines| lines.len() <= most).unwrap_or_default()
}

/// [`fit`] on one line.
pub(super) fn elide(text: &str, font: Font, room: f32) -> String {
    fit(text, font, room, 1, &[]).concat()
}

/// A name, as it may stand in a picture: without characters that have no shape or turn the
/// order of those after them.
pub(super) fn clean(name: &str) -> String {
    name.chars().map(|c| if is_unfit(c) { '\u{fffd}' } else { c }).collect()
}

fn is_unfit(c: char) -> bool {
    c.is_control() || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// LEFT-TO-RIGHT MARK
const TO_THE_RIGHT: char = '\u{200e}';

/// A name within a line of other text. What follows one in Arabic, a number or a bracket,
/// would else be drawn before it.
pub(super) fn inline(name: &str) -> String {
    if name.is_ascii() { name.to_owned() } else { format!("{name}{TO_THE_RIGHT}") }
}

/// As XML has it, in text and in attributes. Characters that it does not know are replaced
/// (XML 1.0, section 2.2).
pub(super) struct Escaped<'a>(pub(super) &'a str);

impl fmt::Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.chars().try_for_each(|c| match c {
            '&' => f.write_str("&amp;"),
            '<' => f.write_str("&lt;"),
            '>' => f.write_str("&gt;"),
            '"' => f.write_str("&quot;"),
            '\t' | '\n' | '\r' => f.write_char(' '),
            '\0'..'\u{20}' | '\u{fffe}' | '\u{ffff}' => f.write_char('\u{fffd}'),
            c => f.write_char(c),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_break_at_spaces_and_keep_within_the_room() {
        let text = "Default Frontend EX01 and a-word-that-is-wider-than-one-line-by-itself";
        let lines = wrap(text, Font::SMALL, 100.0, &[]);
        assert_eq!(lines[..3], ["Default", "Frontend EX01", "and"]);
        assert!(lines.iter().all(|line| Font::SMALL.width(line) <= 100.0), "{lines:?}");
        assert_eq!(lines.concat().replace(' ', ""), text.replace(' ', ""));
    }

    #[test]
    fn the_middle_is_left_out() {
        let name = "Relay for the scanners on the second floor, building 7";
        assert_eq!(elide(name, Font::LABEL, 200.0), "Relay for the s…oor, building 7");
        assert_eq!(elide(name, Font::LABEL, 2000.0), name);
        assert_eq!(fit(name, Font::LABEL, 100.0, 2, &[]), ["Relay for the…,", "building 7"]);
        assert_eq!(elide(name, Font::LABEL, 1.0), "…");
        assert!(elide(&"x".repeat(1_000_000), Font::LABEL, 100.0).starts_with("xxx"));
    }

    #[test]
    fn what_xml_or_a_line_cannot_bear_is_replaced() {
        let name = clean("a\u{0}b\u{202e}c\u{2069}<&>\"");
        assert_eq!(name, "a\u{fffd}b\u{fffd}c\u{fffd}<&>\"");
        assert_eq!(Escaped(&name).to_string(), "a\u{fffd}b\u{fffd}c\u{fffd}&lt;&amp;&gt;&quot;");
        assert_eq!(Escaped("a\u{c}b\u{ffff}\tc").to_string(), "a\u{fffd}b\u{fffd} c");
    }
}
