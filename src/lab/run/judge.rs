//! Whether all was as the scenario states.

use super::{Act, Evidence};
use crate::lab::scenario::{Scenario, Sees, Side};

/// What is other than stated, a sentence each, with the place of the statement.
pub(super) fn judge(scenario: &Scenario, evidence: &Evidence) -> Vec<String> {
    let setting = scenario.setting(evidence.side);
    let mut wrong = Vec::new();
    let mut rules: Vec<_> = evidence.lint.iter().map(|told| told.rule.to_owned()).collect();
    rules.sort();
    let events: Vec<_> = evidence.events.iter().map(|event| event.id).collect();
    differ(&mut wrong, "lint", &rules, &setting.lint);
    differ(&mut wrong, "the events at the start", &events, &setting.events);
    differ(&mut wrong, "the refusal to run", &evidence.refused, &setting.refused);
    let place = scenario.place(evidence.side, None);
    wrong.iter_mut().for_each(|text| *text += &format!(" ({place})"));
    for (n, (cast, act)) in scenario.cast.iter().zip(&evidence.acts).enumerate() {
        let stated = match evidence.side {
            Side::Broken => &cast.broken,
            Side::Fixed => &cast.fixed,
        };
        let mut of_act = Vec::new();
        judge_act(stated, act, &mut of_act);
        let place = scenario.place(evidence.side, Some(n));
        wrong.extend(of_act.into_iter().map(|text| format!("{}: {text} ({place})", cast.name)));
    }
    wrong
}

fn judge_act(stated: &Sees, act: &Act, wrong: &mut Vec<String>) {
    let seen = &act.seen;
    let causes: Vec<_> = seen.causes.iter().map(|cause| cause.id.clone()).collect();
    let events: Vec<_> = act.events.iter().map(|event| event.id).collect();
    differ(wrong, "the outcome", &seen.outcome, &stated.outcome);
    differ(wrong, "Last Error", &seen.last_error, &stated.last_error);
    differ(wrong, "the sender's event", &seen.event.as_ref().map(|e| e.id), &stated.event);
    differ(wrong, "the causes", &causes, &stated.causes);
    differ(wrong, "the receiver's events", &events, &stated.events);
    if let Some(reply) = &stated.reply {
        differ(wrong, "the last reply", &seen.reply(), &Some(reply.as_str()));
    }
    if let Some(met) = &stated.met {
        let name = act.met().and_then(|identity| identity.split_once('\\')).map(|(_, name)| name);
        differ(wrong, "the connector", &name, &Some(met.as_str()));
    }
    let trace = act.trace.as_ref().map(ToString::to_string).unwrap_or_default();
    for line in stated.trace.iter().filter(|line| !trace.contains(*line)) {
        wrong.push(format!("the trace has no line {line:?}"));
    }
    if let Some(row) = &stated.row
        && !act.rows.iter().any(|is| Act::row(is).contains(row))
    {
        wrong.push(format!("the protocol log has no row {row:?}"));
    }
}

fn differ<T: PartialEq + std::fmt::Debug>(wrong: &mut Vec<String>, what: &str, is: &T, stated: &T) {
    if is != stated {
        wrong.push(format!("{what}: {is:?}, and not {stated:?}"));
    }
}
