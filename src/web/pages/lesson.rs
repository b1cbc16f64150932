//! A scenario of the lab that runs: what both sides showed, the map, the question, the lesson.

use std::sync::Arc;

use askama::Template;
use axum::extract::State;
use axum::response::Response;
use pulldown_cmark::{Event, Parser, html};

use super::shell::{Shell, page};
use super::text::encoded;
use super::{Failure, Pages};

/// What the page `/lesson` tells.
#[derive(Clone, Debug)]
pub struct Lesson {
    pub name: String,
    /// `broken` or `fixed`.
    pub side: String,
    pub title: String,
    /// The cause is asked for: the page leaves the solution out.
    pub asks: bool,
    pub symptom: String,
    /// What runs, in TOML.
    pub configuration: String,
    /// Rules of the linter, with what is wrong.
    pub findings: Vec<(String, String)>,
    pub acts: Vec<Scene>,
    /// Lines of the configuration that the repair takes out (`-`) and puts in (`+`).
    pub difference: Vec<String>,
    pub question: String,
    /// Each with what speaks for or against it.
    pub choices: Vec<(String, String)>,
    /// In Markdown.
    pub lesson: String,
}

/// What one of the cast and the receiver saw of each other.
#[derive(Clone, Debug)]
pub struct Scene {
    pub name: String,
    pub who: String,
    pub from: String,
    pub sender: Vec<String>,
    pub receiver: Vec<String>,
    /// All went well, and it is not whom the scenario is about.
    pub aside: bool,
    /// The session's id, if the connection led to one.
    pub session: Option<String>,
    /// How to do it again.
    pub command: String,
}

#[derive(Template)]
#[template(path = "lesson.html")]
struct Told {
    shell: Shell,
    lesson: Arc<Lesson>,
    marks: String,
    /// In HTML.
    text: String,
}

pub(super) async fn show(State(pages): State<Arc<Pages>>) -> Result<Response, Failure> {
    let Some(lesson) = pages.app.lesson.clone() else {
        return Err(pages.missing("", "No scenario runs here: expsd lab run NAME shows one."));
    };
    let marks =
        lesson.acts.iter().map(|act| format!("{}={}", act.name.replace([',', '='], " "), act.from));
    Ok(page(&Told {
        shell: pages.shell("/lesson"),
        marks: encoded(&marks.collect::<Vec<_>>().join(",")).to_string(),
        text: html_of(&lesson.lesson),
        lesson,
    }))
}

/// The text is our own; HTML in it is shown as text all the same.
fn html_of(markdown: &str) -> String {
    let mut text = String::new();
    html::push_html(
        &mut text,
        Parser::new(markdown).map(|event| match event {
            Event::Html(html) | Event::InlineHtml(html) => Event::Text(html),
            event => event,
        }),
    );
    text
}
