//! Lines that fit the terminal.

use std::fmt::Write as _;

/// Where the output is no terminal.
const WIDTH: usize = 120;
/// No line is broken to fit into less.
const NARROWEST: usize = 40;
/// Prose wider than this is hard to read.
const PROSE: usize = 100;

/// The characters of a line, as the terminal has them.
pub fn width() -> usize {
    terminal().unwrap_or(WIDTH).max(NARROWEST)
}

fn terminal() -> Option<usize> {
    terminal_size::terminal_size().map(|(width, _)| width.0.into())
}

pub fn paragraph(text: &mut String, head: &str, body: &str, width: usize) {
    for line in wrapped(&format!("{head}{body}"), width) {
        let _ = writeln!(text, "{line}");
    }
}

/// Markdown for the terminal, or as it stands where there is none: code, headings and what a list
/// begins with are kept, the rest of a paragraph fills its lines.
pub fn prose(markdown: &str) -> String {
    match terminal() {
        Some(width) => filled(markdown, width.clamp(NARROWEST, PROSE)),
        None => markdown.to_owned(),
    }
}

fn filled(markdown: &str, width: usize) -> String {
    let mut text = String::new();
    let mut open = String::new();
    let mut in_code = false;
    let close = |open: &mut String, text: &mut String| {
        let indent = if open.starts_with("- ") { "  " } else { "" };
        if !open.is_empty() {
            for line in pieces(open, indent, width) {
                let _ = writeln!(text, "{line}");
            }
            open.clear();
        }
    };
    for line in markdown.lines() {
        let is_fence = line.starts_with("```");
        if in_code || is_fence || line.is_empty() {
            close(&mut open, &mut text);
            let _ = writeln!(text, "{line}");
            in_code ^= is_fence;
            continue;
        }
        if line.starts_with("- ") {
            close(&mut open, &mut text);
        }
        if !open.is_empty() {
            open.push(' ');
        }
        open.push_str(line.trim());
    }
    close(&mut open, &mut text);
    text
}

/// A line in pieces of at most `width` characters; all but the first are indented by four.
pub fn wrapped(line: &str, width: usize) -> Vec<String> {
    pieces(line, "    ", width)
}

/// Broken at blanks where there are any; all but the first begin with `indent`.
fn pieces(line: &str, indent: &str, width: usize) -> Vec<String> {
    let mut pieces = Vec::new();
    let mut rest = line.trim_end();
    let mut before = "";
    loop {
        let room = width - before.len();
        let Some((end, next)) = rest.char_indices().nth(room) else {
            pieces.push(format!("{before}{rest}"));
            return pieces;
        };
        // Not within the indentation of the line itself.
        let start = rest.len() - rest.trim_start().len();
        let blank = match next {
            ' ' => end,
            _ => rest[..end].rfind(' ').filter(|at| *at > start).unwrap_or(end),
        };
        pieces.push(format!("{before}{}", &rest[..blank]));
        rest = rest[blank..].trim_start();
        before = indent;
    }
}

#[cfg(test)]
mod tests {
    use super::{filled, wrapped};

    #[test]
    fn long_lines_break_at_blanks() {
        assert_eq!(wrapped("  a bc def", 8), ["  a bc", "    def"]);
        assert_eq!(wrapped("abcdefghijkl", 8), ["abcdefgh", "    ijkl"]);
        assert_eq!(wrapped("abcd efg hij", 8), ["abcd efg", "    hij"]);
        assert_eq!(wrapped("", 8), [""]);
    }

    #[test]
    fn markdown_fills_its_lines_and_keeps_code() {
        let code = "```\na long line of code\n```\n";
        let text = format!("one\ntwo three\n\n- four five\n  six\n- seven\n\n{code}");
        let full = format!("one two\nthree\n\n- four\n  five six\n- seven\n\n{code}");
        assert_eq!(filled(&text, 10), full);
    }
}
