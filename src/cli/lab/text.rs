//! What both sides see, side by side.

use std::fmt::Write as _;
use std::net::{IpAddr, SocketAddr};

use expsd::lab::run::{Act, Event, Evidence, Seen};
use expsd::lab::scenario::{Scenario, Side};

use super::wrap::{paragraph, width, wrapped};

/// Narrower than this, one side stands below the other.
const NARROW: usize = 100;
const GAP: &str = " │ ";

/// How much is told.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum View {
    /// All that is known.
    Whole,
    /// What an administrator would see, without what names the cause.
    Question,
}

pub fn page(scenario: &Scenario, evidence: &Evidence, view: View) -> String {
    let width = width();
    let mut text = String::new();
    match view {
        View::Whole => whole(&mut text, scenario, evidence, width),
        View::Question => {
            let heading = format!("Scenario {}: ", scenario.number());
            paragraph(&mut text, &heading, &scenario.symptom, width);
        }
    }
    for event in &evidence.events {
        paragraph(&mut text, "", &event_line(event), width);
    }
    for (n, (cast, act)) in scenario.cast.iter().zip(&evidence.acts).enumerate() {
        let _ = writeln!(text, "\n── {}, {}, from {}", cast.name, cast.what, cast.from);
        // The first is whom the scenario is about.
        match n == 0 || act.seen.outcome != "delivered" {
            true => beside(&mut text, &sender(&act.seen, view), &receiver(act, view), width),
            false => {
                let met = act.met().unwrap_or("nobody");
                let _ = writeln!(text, "delivers to {}, at {met}", cast.rcpt_to);
            }
        }
    }
    if view == View::Whole {
        judgement(&mut text, evidence, width);
    }
    text
}

/// What is known before anybody comes.
fn whole(text: &mut String, scenario: &Scenario, evidence: &Evidence, width: usize) {
    let Evidence { title, side, up_ms, took_ms, .. } = evidence;
    paragraph(text, &format!("{} ({}): ", scenario.name, side.name()), title, width);
    let _ = writeln!(text, "up in {up_ms} ms, played in {} ms", took_ms - up_ms);
    if evidence.side == Side::Fixed {
        for line in scenario.difference() {
            paragraph(text, "  ", &line, width);
        }
    }
    if let Some(refused) = &evidence.refused {
        paragraph(text, "The receiver does not run: ", refused, width);
    }
    for told in &evidence.lint {
        paragraph(text, &format!("lint {}: ", told.rule), &told.problem, width);
    }
}

fn judgement(text: &mut String, evidence: &Evidence, width: usize) {
    text.push('\n');
    match &evidence.not_as_stated[..] {
        [] => text.push_str("All is as the scenario states.\n"),
        wrong => {
            text.push_str("Not as the scenario states:\n");
            for line in wrong {
                paragraph(text, "  ", line, width);
            }
        }
    }
}

/// What there is to do while it is up.
pub fn invitation(
    scenario: &Scenario,
    evidence: &Evidence,
    pages: Option<SocketAddr>,
    view: View,
) -> String {
    let mut text = String::new();
    if view == View::Whole {
        listening(&mut text, evidence);
    }
    if let Some(address) = pages {
        let _ = writeln!(text, "\nIn a browser: http://{address}/lesson");
    }
    if let (Some(cast), Some(act)) = (scenario.cast.first(), evidence.acts.first())
        && matches!(cast.from, IpAddr::V4(ip) if ip.is_loopback())
    {
        let (to, port) = (act.target.ip(), act.target.port());
        let _ = writeln!(
            text,
            "\nTo come from {} yourself:\n  telnet -b {} {to} {port}",
            cast.name, cast.from
        );
    }
    if view == View::Question {
        return text;
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

/// What listens where.
fn listening(text: &mut String, evidence: &Evidence) {
    if evidence.refused.is_some() {
        text.push_str("\nThe receiver does not run, so nothing listens");
        if let Some(act) = evidence.acts.first() {
            let _ = write!(text, ": a telnet to {} says \"Connection refused\"", act.target);
        }
        text.push_str(".\n");
        return;
    }
    text.push_str("\nIt stays up:\n");
    for part in &evidence.parts {
        let _ = writeln!(text, "  {:21}  {}", part.address.to_string(), part.what);
    }
}

/// What the sender sees.
pub fn sender(seen: &Seen, view: View) -> Vec<String> {
    let mut lines = vec!["SENDER".to_owned()];
    lines.extend(seen.lines());
    lines.push(format!("{} at the sender", seen.outcome));
    if let Some(error) = &seen.last_error {
        lines.push(format!("Last Error: {error}"));
    }
    if let Some(event) = &seen.event {
        lines.push(format!("event {}: {}", event.id, event.text.as_ref().unwrap_or(&event.about)));
    }
    if view == View::Question {
        return lines;
    }
    for cause in &seen.causes {
        lines.push(format!("cause {}: {}. Next: {}", cause.id, cause.fits, cause.next));
    }
    lines
}

/// What the receiver shows.
pub fn receiver(act: &Act, view: View) -> Vec<String> {
    let mut lines = vec!["RECEIVER".to_owned()];
    if view == View::Whole {
        lines.extend(act.reasons());
        if !act.firewall.is_empty() {
            lines.push("log of the firewall between:".to_owned());
            lines.extend(act.firewall.iter().map(|line| format!("  {line}")));
        }
    }
    if let Some(row) = act.rows.first() {
        // Each row has the connector; once is enough here.
        let connector = row.split(',').nth(1).unwrap_or_default();
        lines.push(format!("SmtpReceive log, at {connector}:"));
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
