//! `docs/course.md`: the scenarios in order, each with the dialogue of a real run.

use std::fmt::Write as _;
use std::path::Path;

use expsd::lab::run::Seen;
use expsd::lab::scenario::{self, Scenario, Side};
use serde_json::Value;

const INTRODUCTION: &str = "\
# A course of receive connectors

How the receive connectors of Exchange go wrong, and how to find out. Each lesson is a scenario of
`expsd lab`, which runs it on one machine: a broken configuration, a cast of senders who meet it, and
the repair.

```
expsd lab run NAME --ask      what both sides see, and the question: which cause is it?
expsd lab run NAME            the same with all that is known; it stays up for your own tries
expsd lab quiz NAME           the question alone
expsd lab show NAME           the configuration, and this lesson
expsd lab run NAME --fixed    the repair
```

NAME may be the number of the lesson, which gives nothing away.
`expsd lab show NAME --config broken >broken.toml` gives the configuration alone, for
`expsd explain` and `expsd lint`.

127.x.y.z stands for an address of a real network: a Linux machine has all of 127.0.0.0/8 to itself,
so the connectors take `telnet -b 127.0.0.12` for EX02.

The dialogues are from real runs, and this page is made from them
(`UPDATE_DOCS=1 cargo test --test lab`). Dates, ports, ids and the size of tokens are left out, long
banners are cut, and the keywords of an EHLO reply are put on one line.
";

#[test]
fn the_course_tells_what_happens() {
    if !scenario::all().iter().all(super::can_play) {
        return;
    }
    let runs = super::runs();
    let mut text = INTRODUCTION.to_owned();
    text.push('\n');
    for (n, scenario) in (1..).zip(scenario::all()) {
        let anchor = format!("{n}-{}", scenario.title).to_ascii_lowercase().replace(' ', "-");
        let anchor: String =
            anchor.chars().filter(|c| c.is_ascii_alphanumeric() || *c == '-').collect();
        let _ = writeln!(text, "{n}. [{}](#{anchor})", scenario.title);
    }
    for (n, scenario) in (1..).zip(scenario::all()) {
        lesson(&mut text, n, scenario, |side| &runs[&(scenario.name, side)].1);
    }
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/course.md");
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(&path, &text).unwrap();
    }
    let there = std::fs::read_to_string(&path).unwrap_or_default();
    let differs = there.lines().zip(text.lines()).find(|(a, b)| a != b);
    assert!(
        there == text,
        "docs/course.md is not what happens: run with UPDATE_DOCS=1\n{differs:#?}"
    );
}

fn lesson<'a>(text: &mut String, n: usize, scenario: &Scenario, run: impl Fn(Side) -> &'a Value) {
    let (broken, fixed) = (run(Side::Broken), run(Side::Fixed));
    let _ = write!(text, "\n## {n}. {}\n\n`expsd lab run {}`\n", scenario.title, scenario.name);
    // Whoever fails; where the trouble is that nobody does, the first.
    let failing = scenario.cast.iter().position(|cast| cast.broken.outcome != "delivered");
    let shown = failing.unwrap_or(0);
    let (act, cast) = (&broken["acts"][shown], &scenario.cast[shown]);
    let _ = write!(text, "\n{} ({}), from {}:\n\n```text\n", cast.name, cast.what, cast.from);
    let seen: Seen = serde_json::from_value(act["probe"].clone()).unwrap();
    for line in seen.lines() {
        let _ = writeln!(text, "{}", masked(&line));
    }
    text.push_str("```\n\n");
    if let Some(error) = &seen.last_error {
        let _ = writeln!(text, "- **The sender's queue:** `{error}`");
    }
    if let Some(event) = &seen.event {
        let _ = writeln!(text, "- **The sender's events:** {}", event.id);
    }
    let met = act["trace"]["selection"]["connector"].as_str();
    let _ = writeln!(
        text,
        "- **The receiver:** {}",
        met.map_or("no session".to_owned(), |met| format!("met `{met}`"))
    );
    let steps = act["trace"]["steps"].as_array().into_iter().flatten();
    for reason in steps.filter_map(|step| step["refusal"]["reason"].as_str()) {
        // What a library says of it differs from one to the next.
        let reason = reason.split(" (Unspecified").next().unwrap();
        let _ = writeln!(text, "- **Refused because** {reason}");
    }
    let events =
        [&broken["events"], &act["events"]].into_iter().flat_map(|e| e.as_array().unwrap());
    for event in events {
        let told = dateless(event["text"].as_str().unwrap());
        let _ = writeln!(text, "- **Event {}:** {told}", event["id"]);
    }
    for told in broken["lint"].as_array().unwrap() {
        let (rule, problem) = (told["rule"].as_str().unwrap(), told["problem"].as_str().unwrap());
        let problem = dateless(problem);
        let _ = writeln!(text, "- **Lint:** [{rule}](lint.md#{rule}): {problem}");
    }
    let _ = write!(text, "\n{}\n", scenario.lesson);
    let difference = scenario.difference();
    if !difference.is_empty() {
        let _ =
            write!(text, "In the configuration:\n\n```diff\n{}\n```\n\n", difference.join("\n"));
    }
    let outcomes = scenario.cast.iter().zip(fixed["acts"].as_array().unwrap());
    for (cast, act) in outcomes {
        let _ = writeln!(
            text,
            "- Then {}: {}.",
            cast.name,
            match act["probe"]["last_error"].as_str() {
                None => act["probe"]["outcome"].as_str().unwrap().to_owned(),
                Some(error) => format!("`{error}`"),
            }
        );
    }
}

/// A sentence as Markdown shows it, without the days of this run's certificates.
fn dateless(sentence: &str) -> String {
    let is_date = |word: &str| word.parse::<jiff::civil::Date>().is_ok();
    let words = sentence.split(' ').map(|word| if is_date(word) { "<date>" } else { word });
    // `<S>` of an issuer and a subject would strike out the rest of the page.
    words.collect::<Vec<_>>().join(" ").replace('<', r"\<")
}

/// A line without what differs from run to run.
fn masked(line: &str) -> String {
    if let Some((before, _)) = line.split_once("connected to 127.0.0.") {
        return format!("{before}connected");
    }
    // The place of 2 and 0 in it depends on the date.
    if line.starts_with("S: 220 *") {
        return format!("{}…", line.chars().take(60).collect::<String>());
    }
    if let Some((before, _)) = line.split_once(" ready at ") {
        return format!("{before} ready at <date>");
    }
    if line.starts_with("S: 250 2.6.0 <") {
        return "S: 250 2.6.0 <id> [InternalId=…, Hostname=…] … Queued mail for delivery"
            .to_owned();
    }
    match line.split_once(", ") {
        Some((before, octets)) if octets.ends_with(" octets>") => format!("{before}>"),
        _ => line.to_owned(),
    }
}
