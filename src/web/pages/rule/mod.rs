//! Failure rules: what they have done, new ones, and an end to them.

mod written;

use std::sync::Arc;

use askama::Template;
use axum::extract::{Form, Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Redirect, Response};
use serde::Deserialize;

use super::Pages;
use super::shell::{Shell, page};
use super::text::encoded;
use crate::rules::{Counted, Fault, PRESETS, Preset, Rule, Spec, Stage};
use written::Written;

#[derive(Template)]
#[template(path = "rules.html")]
struct Shown {
    shell: Shell,
    rules: Vec<Row>,
    written: Written,
    /// What is wrong with the rule that was written: the field, and why.
    problems: Vec<(&'static str, String)>,
    /// The name of the rule that was just added.
    added: Option<String>,
}

/// What the form calls a field.
fn label(key: &str) -> &str {
    let entries = Written::default();
    let label = entries.entries().iter().find(|entry| entry.name == key).map(|entry| entry.label);
    match key {
        "name" => "Name",
        "stage" => "Stage",
        "sender" => "Sender",
        "reply" => "Reply",
        "action" => "Or instead of a reply",
        "close" => "Close the connection behind the reply",
        key => label.unwrap_or(key),
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Asked {
    added: String,
}

struct Row {
    name: String,
    stage: Stage,
    /// The conditions and how often, as they are written.
    when: Vec<(&'static str, String)>,
    then: String,
    hits: u64,
}

#[derive(Debug, Deserialize)]
pub(super) struct Named {
    name: String,
}

pub(super) async fn list(State(pages): State<Arc<Pages>>, Query(asked): Query<Asked>) -> Response {
    let added = pages.app.host.rules.find(&asked.added).map(|_| asked.added);
    page(&Shown { added, ..pages.rules(Written::default(), Vec::new()) })
}

pub(super) async fn add(State(pages): State<Arc<Pages>>, Form(written): Form<Written>) -> Response {
    let rules = &pages.app.host.rules;
    let added = match written.spec(|name| rules.find(name).is_some()) {
        Err(problem) => Err(vec![problem]),
        Ok(spec) => match Rule::try_from(spec) {
            Ok(rule) => {
                let name = rule.name().to_owned();
                let added = rules.add(rule).map(|()| name);
                added.map_err(|error| vec![("name", error.to_string())])
            }
            Err(bad) => Err(bad.0.iter().map(|error| (error.key(), error.to_string())).collect()),
        },
    };
    match added {
        Ok(name) => Redirect::to(&format!("/rules?added={}", encoded(&name))).into_response(),
        Err(problems) => {
            let shown = page(&pages.rules(written, problems));
            (StatusCode::UNPROCESSABLE_ENTITY, shown).into_response()
        }
    }
}

pub(super) async fn remove(
    State(pages): State<Arc<Pages>>,
    Form(Named { name }): Form<Named>,
) -> Redirect {
    // It may be gone already; then all is as it should be.
    pages.app.host.rules.remove(&name);
    Redirect::to("/rules")
}

/// Sets all counts back to zero.
pub(super) async fn reset(State(pages): State<Arc<Pages>>) -> Redirect {
    pages.app.host.rules.reset();
    Redirect::to("/rules")
}

impl Pages {
    fn rules(&self, written: Written, problems: Vec<(&'static str, String)>) -> Shown {
        let rules = self.app.host.rules.list().into_iter().map(Row::of).collect();
        Shown { shell: self.shell("/rules"), rules, written, problems, added: None }
    }
}

impl Row {
    fn of(counted: Counted) -> Self {
        let rule = &*counted.rule;
        let spec = Spec::from(rule.clone());
        let given = [
            ("connector", spec.connector),
            ("remote", spec.remote),
            ("identity", spec.identity),
            ("sender", spec.sender),
            ("recipient", spec.recipient),
            ("header", spec.header),
            ("size_over", spec.size_over),
            ("mechanism", spec.mechanism),
            ("times", spec.times),
        ];
        Self {
            name: rule.name().to_owned(),
            stage: rule.stage(),
            when: given.into_iter().filter_map(|(key, value)| Some((key, value?))).collect(),
            then: rule.then().to_string(),
            hits: counted.hits,
        }
    }
}

impl Shown {
    fn presets(&self) -> impl Iterator<Item = &'static Preset> {
        // The first row of a name is for a rule that names no stage.
        const ROWS: &[Preset] = &PRESETS;
        let is_first = |(place, row): &(usize, &Preset)| {
            ROWS[..*place].iter().all(|before| before.name != row.name)
        };
        ROWS.iter().enumerate().filter(is_first).map(|(_, row)| row)
    }

    fn stages(&self) -> [&'static str; 11] {
        Stage::ALL.map(Stage::name)
    }

    fn actions(&self) -> [&'static str; 5] {
        Fault::ALL.map(Fault::name)
    }

    /// What is wrong with a field.
    fn problem(&self, name: &str) -> Option<&str> {
        let mut problems = self.problems.iter();
        problems.find(|(key, _)| *key == name).map(|(_, problem)| problem.as_str())
    }
}
