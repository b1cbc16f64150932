//! A scenario of the lab that runs: what both sides showed, the map, the question, the lesson.

use std::sync::Arc;

use askama::Template;
use axum::extract::State;
use axum::response::Response;
use pulldown_cmark::{Event, LinkType, Parser, Tag, TagEnd, TextMergeStream, html};

use super::map::NARROW;
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
    /// Why it went so, on both sides: what the question asks for.
    pub diagnosis: Vec<String>,
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
    let events = TextMergeStream::new(Parser::new(markdown));
    html::push_html(
        &mut text,
        events.flat_map(|event| match event {
            Event::Html(html) | Event::InlineHtml(html) => vec![Event::Text(html)],
            Event::Text(text) => linked(&text),
            event => vec![event],
        }),
    );
    text
}

/// Text in which the sources, written without `https://`, are links.
fn linked(text: &str) -> Vec<Event<'static>> {
    let plain = |text: &str| Event::Text(text.to_owned().into());
    let mut events = Vec::new();
    for word in text.split_inclusive([' ', '(']) {
        let address = word.trim_end_matches([' ', '(', ')', ',', ';', '.', ':']);
        if !is_address(address) {
            events.push(plain(word));
            continue;
        }
        let link = Tag::Link {
            link_type: LinkType::Inline,
            dest_url: format!("https://{address}").into(),
            title: "".into(),
            id: "".into(),
        };
        events.extend([Event::Start(link), plain(address), Event::End(TagEnd::Link)]);
        events.push(plain(&word[address.len()..]));
    }
    events
}

/// `learn.microsoft.com/exchange`: a host of two names and more, and a path.
fn is_address(word: &str) -> bool {
    let Some((host, _)) = word.split_once('/') else { return false };
    let mut names = host.split('.');
    let is_name = |name: &str| {
        !name.is_empty() && name.bytes().all(|octet| octet.is_ascii_alphanumeric() || octet == b'-')
    };
    let last = names.next_back().unwrap_or_default();
    let is_domain = last.len() > 1 && last.bytes().all(|octet| octet.is_ascii_lowercase());
    is_domain && host.contains('.') && names.all(is_name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sources_are_links() {
        assert_eq!(
            html_of(
                "**Sources.** learn.microsoft.com/a_b/c_d\n(KB 1); x.test/d; 10.0.0.0/24, a/b <b>."
            ),
            "<p><strong>Sources.</strong> \
             <a href=\"https://learn.microsoft.com/a_b/c_d\">learn.microsoft.com/a_b/c_d</a>\n\
             (KB 1); <a href=\"https://x.test/d\">x.test/d</a>; 10.0.0.0/24, a/b &lt;b&gt;.</p>\n"
        );
    }
}
