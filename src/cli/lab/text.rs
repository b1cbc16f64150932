//! What both sides see, side by side.

use std::fmt::Write as _;
use std::net::{IpAddr, SocketAddr};

use expsd::lab::run::{Act, Event, Evidence, Seen};
use expsd::lab::scenario::{Scenario, Side};

/// Where the output is no terminal.
const WIDTH: usize = 120;
/// No line is broken to fit into less.
const NARROWEST: usize = 40;
/// Narrower than this, one side stands below the other.
const NARROW: usize = 100;
const GAP: &str = " │ ";

pub fn page(scenario: &Scenario, evidence: &Evidence) -> String {
    let width = terminal_size::terminal_size().map_or(WIDTH, |(width, _)| width.0.into());
    let width = width.max(NARROWEST);
    let Evidence { title, side, up_ms, took_ms, .. } = evidence;
    let mut text = format!("{} ({}): {title}\n", scenario.name, side.name());
    let _ = writeln!(text, "up in {up_ms} ms, played in {} ms", took_ms - up_ms);
    if evidence.side == Side::Fixed {
        for line in scenario.difference() {
            paragraph(&mut text, "  ", &line, width);
        }
    }
    if let Some(refused) = &evidence.refused {
        paragraph(&mut text, "The receiver does not run: ", refused, width);
    }
    for told in &evidence.lint {
        paragraph(&mut text, &format!("lint {}: ", told.rule), &told.problem, width);
    }
    for event in &evidence.events {
        paragraph(&mut text, "", &event_line(event), width);
    }
    for (n, (cast, act)) in scenario.cast.iter().zip(&evidence.acts).enumerate() {
        let _ = writeln!(text, "\n── {}, {}, from {}", cast.name, cast.what, cast.from);
        // The first is whom the scenario is about.
        match n == 0 || act.seen.outcome != "delivered" {
            true => beside(&mut text, &sender(&act.seen), &receiver(act), width),
            false => {
                let met = act.met().unwrap_or("nobody");
                let _ = writeln!(text, "delivers to {}, at {met}", cast.rcpt_to);
            }
        }
    }
    text.push('\n');
    match &evidence.not_as_stated[..] {
        [] => text.push_str("All is as the scenario states.\n"),
        wrong => {
            text.push_str("Not as the scenario states:\n");
            for line in wrong {
                paragraph(&mut text, "  ", line, width);
            }
        }
    }
    text
}

/// What there is to do while it is up.
pub fn invitation(scenario: &Scenario, evidence: &Evidence, pages: Option<SocketAddr>) -> String {
    let mut text = "\nIt stays up:\n".to_owned();
    for part in &evidence.parts {
        let _ = writeln!(text, "  {:21}  {}", part.address.to_string(), part.what);
    }
    if let Some(address) = pages {
        let _ = writeln!(text, "\nIn a browser: http://{address}/lesson");
    }
    if let (Some(cast), Some(part)) = (scenario.cast.first(), evidence.parts.first())
        && matches!(cast.from, IpAddr::V4(ip) if ip.is_loopback())
    {
        let (to, port) = (part.address.ip(), part.address.port());
        let _ = writeln!(
            text,
            "\nTo come from {} yourself:\n  telnet -b {} {to} {port}",
            cast.name, cast.from
        );
    }
    text.push_str("\nTo do what the cast did:\n");
    for act in &evidence.acts {
        let _ = writeln!(text, "  {}", act.command);
    }
    let _ = write!(
        text,
        "\nThe lesson: expsd lab show {0}. The question: expsd lab quiz {0}.\nCtrl-C ends it.\n",
        scenario.name
    );
    text
}

/// What the sender sees.
pub fn sender(seen: &Seen) -> Vec<String> {
    let mut lines = vec!["SENDER".to_owned()];
    lines.extend(seen.lines());
    lines.push(format!("{} at the sender", seen.outcome));
    if let Some(error) = &seen.last_error {
        lines.push(format!("Last Error: {error}"));
    }
    if let Some(event) = &seen.event {
        lines.push(format!("event {}: {}", event.id, event.text.as_ref().unwrap_or(&event.about)));
    }
    for cause in &seen.causes {
        lines.push(format!("cause {}: {}. Next: {}", cause.id, cause.fits, cause.next));
    }
    lines
}

/// What the receiver shows.
pub fn receiver(act: &Act) -> Vec<String> {
    let mut lines = vec!["RECEIVER".to_owned()];
    lines.extend(act.reasons());
    if !act.firewall.is_empty() {
        lines.push("log of the firewall between:".to_owned());
        lines.extend(act.firewall.iter().map(|line| format!("  {line}")));
    }
    if !act.rows.is_empty() {
        lines.push("SmtpReceive log:".to_owned());
        lines.extend(act.rows.iter().map(|row| format!("  {}", Act::row(row))));
    }
    lines.extend(act.events.iter().map(event_line));
    lines
}

fn event_line(event: &Event) -> String {
    format!("event {} ({}): {}", event.id, event.source, event.text)
}

/// The one beside the other, or below it where there is no room.
fn beside(text: &mut String, left: &[String], right: &[String], width: usize) {
    if width < NARROW {
        for line in left.iter().chain(right).flat_map(|line| wrapped(line, width)) {
            let _ = writeln!(text, "{line}");
        }
        return;
    }
    let half = (width - GAP.chars().count()) / 2;
    let column = |lines: &[String]| -> Vec<String> {
        lines.iter().flat_map(|line| wrapped(line, half)).collect()
    };
    let (left, right) = (column(left), column(right));
    for i in 0..left.len().max(right.len()) {
        let side = |lines: &[String]| lines.get(i).cloned().unwrap_or_default();
        let line = format!("{:half$}{GAP}{}", side(&left), side(&right));
        let _ = writeln!(text, "{}", line.trim_end());
    }
}

fn paragraph(text: &mut String, head: &str, body: &str, width: usize) {
    for line in wrapped(&format!("{head}{body}"), width) {
        let _ = writeln!(text, "{line}");
    }
}

/// A line in pieces of at most `width` characters, broken at blanks where there are any; all
/// but the first are indented by four.
fn wrapped(line: &str, width: usize) -> Vec<String> {
    let mut pieces = Vec::new();
    let mut rest = line.trim_end();
    let mut indent = "";
    loop {
        let room = width - indent.len();
        let Some((end, _)) = rest.char_indices().nth(room) else {
            pieces.push(format!("{indent}{rest}"));
            return pieces;
        };
        // Not within the indentation of the line itself.
        let start = rest.len() - rest.trim_start().len();
        let blank = rest[..end].rfind(' ').filter(|at| *at > start).unwrap_or(end);
        pieces.push(format!("{indent}{}", &rest[..blank]));
        rest = rest[blank..].trim_start();
        indent = "    ";
    }
}

#[cfg(test)]
mod tests {
    use super::wrapped;

    #[test]
    fn long_lines_break_at_blanks() {
        assert_eq!(wrapped("  a bc def", 8), ["  a bc", "    def"]);
        assert_eq!(wrapped("abcdefghijkl", 8), ["abcdefgh", "    ijkl"]);
        assert_eq!(wrapped("", 8), [""]);
    }
}
