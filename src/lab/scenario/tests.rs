use std::collections::BTreeSet;
use std::path::Path;

use super::*;

/// The list in the program is written by hand.
#[test]
fn every_folder_is_in_the_list() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/scenarios");
    let there: BTreeSet<_> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    let listed: BTreeSet<_> = all().iter().map(|scenario| scenario.name.to_owned()).collect();
    assert_eq!(listed, there);
    assert!(all().len() >= 26);
}

#[test]
fn every_scenario_is_whole() {
    for scenario in all() {
        let name = scenario.name;
        scenario.peers();
        for side in [Side::Broken, Side::Fixed] {
            let draft = scenario.draft(side).unwrap_or_else(|error| panic!("{name}: {error}"));
            let setting = scenario.setting(side);
            let refused = setting.refused.is_some() || setting.forced;
            assert_eq!(draft.broken.is_empty(), !refused, "{name}: {:?}", draft.broken);
        }
        let differs = scenario.broken != scenario.fixed || !scenario.difference().is_empty();
        assert!(differs, "{name}: nothing is mended");
        let lines = scenario.lesson.lines().count();
        assert!((10..=40).contains(&lines), "{name}: the lesson has {lines} lines");
        for part in ["**Symptom.**", "**Evidence.**", "**Repair.**", "**Sources.**"] {
            assert!(scenario.lesson.contains(part), "{name}: the lesson has no {part}");
        }
        let quiz = &scenario.quiz;
        assert!((4..=6).contains(&quiz.choices.len()), "{name}");
        assert!(quiz.choices[0].why.starts_with("Right: "), "{name}");
        assert!(quiz.choices[1..].iter().all(|c| !c.why.starts_with("Right")), "{name}");
    }
}

/// Whoever writes a scenario is told where it is wrong.
#[test]
fn what_cannot_be_read_is_told_with_file_and_line() {
    let files =
        |scenario| files::Files { name: "new", scenario, broken: "", fixed: "", lesson: "" };
    for (slip, what) in [("sympton = \"a slip\"", "unknown field"), ("peers = [\"EX02\"]", "EX02")]
    {
        let text = format!("title = \"New\"\n{slip}\n");
        let told = read(&files(Box::leak(text.into_boxed_str()))).unwrap_err().to_string();
        assert!(told.starts_with("examples/scenarios/new/scenario.toml: "), "{told}");
        assert!(told.contains("at line 2, column ") && told.contains(what), "{told}");
    }
}

#[test]
fn a_statement_has_its_place() {
    let scenario = find("exchange-auth-unticked").unwrap();
    let line = |place: String| {
        let (path, line) = place.split_once(':').unwrap();
        assert_eq!(path, "examples/scenarios/exchange-auth-unticked/scenario.toml");
        scenario.source.lines().nth(line.parse::<usize>().unwrap() - 1).unwrap()
    };
    assert_eq!(line(scenario.place(Side::Fixed, None)), "[fixed]");
    assert_eq!(line(scenario.place(Side::Broken, Some(1))), "[cast.broken]");
    assert_ne!(scenario.place(Side::Broken, Some(0)), scenario.place(Side::Broken, Some(1)));
}

#[test]
fn a_scenario_has_a_number() {
    for (n, scenario) in (1..).zip(all()) {
        assert_eq!(scenario.number(), n);
        assert_eq!(find(&n.to_string()).unwrap().name, scenario.name);
    }
    assert!(find("0").is_none() && find("99").is_none());
}

#[test]
fn the_fixed_side_delivers() {
    for scenario in all() {
        assert!(scenario.cast.iter().any(|cast| cast.fixed.outcome == "delivered"));
        // It tells of both sides.
        let receiver = scenario.cast.iter().any(|cast| {
            let Sees { met, trace, row, events, .. } = &cast.broken;
            met.is_some() || row.is_some() || !trace.is_empty() || !events.is_empty()
        });
        assert!(receiver || !scenario.broken.events.is_empty(), "{}", scenario.name);
        for cast in &scenario.cast {
            let same = cast.broken.outcome == cast.fixed.outcome;
            assert!(same || cast.broken.outcome != "delivered" || cast.fixed.reply.is_some());
        }
    }
}

#[test]
fn choices_come_in_any_order_and_the_same_for_a_seed() {
    let quiz = &all()[0].quiz;
    let places = |seed| quiz.shuffled(seed).iter().position(|(_, right)| *right);
    let seen: BTreeSet<_> = (0..100).map(places).collect();
    assert_eq!(seen.len(), quiz.choices.len());
    assert_eq!(quiz.shuffled(7), quiz.shuffled(7));
}

#[test]
fn a_difference_has_what_went_and_what_came() {
    let lines = difference(&["a", "b", "c"], &["a", "x", "c", "d"]);
    assert_eq!(lines, ["- b", "+ x", "+ d"]);
    assert_eq!(difference(&[], &["a"]), ["+ a"]);
}
