//! The sides of a message, each as small as a page may be.

use crate::capture::{Message, Parts};
use crate::smtp::header::HeaderReader;

use super::frame::{self, MAX_HTML};

/// Octets of a part that are shown as text.
const MAX_TEXT: usize = 256 << 10;
/// Octets of the source.
const MAX_SOURCE: usize = 64 << 10;
const MAX_FIELDS: usize = 500;
/// Octets of one field.
const MAX_FIELD: usize = 4 << 10;

/// Which side of a message is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum View {
    Html,
    Text,
    Headers,
    Parts,
    Source,
}

/// What a view shows.
pub(super) enum Content {
    Frame { cut: bool, links: Vec<String> },
    Text { text: String, cut: bool },
    Headers { fields: Vec<Field>, more: usize },
    Parts { listed: Vec<Listed>, more: usize },
}

pub(super) struct Field {
    pub(super) text: String,
    pub(super) mark: Mark,
}

pub(super) enum Mark {
    /// As it came.
    Kept,
    Stamped,
    /// Taken out, for want of this.
    Stripped(String),
}

pub(super) struct Listed {
    pub(super) kind: String,
    pub(super) name: Option<String>,
    pub(super) octets: u64,
    pub(super) attachment: bool,
    /// It can be looked at.
    pub(super) image: bool,
}

impl View {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Html => "html",
            Self::Text => "text",
            Self::Headers => "headers",
            Self::Parts => "parts",
            Self::Source => "source",
        }
    }

    pub(super) fn label(self) -> &'static str {
        match self {
            Self::Html => "HTML",
            Self::Text => "Text",
            Self::Headers => "Headers",
            Self::Parts => "Parts",
            Self::Source => "Source",
        }
    }

    /// Those that a message of these parts has; the first one is shown unless another is asked
    /// for.
    pub(super) fn all(parts: &Parts<'_>) -> Vec<Self> {
        let html = parts.shown("text/html").map(|_| Self::Html);
        let text = parts.shown("text/plain").map(|_| Self::Text);
        html.into_iter().chain(text).chain([Self::Headers, Self::Parts, Self::Source]).collect()
    }
}

/// `view` of a message that has these `parts`.
pub(super) fn content(message: &Message, parts: &Parts<'_>, view: View) -> Content {
    match view {
        View::Html => {
            let octets = parts.shown("text/html").map_or(0, |(_, part)| part.octets());
            Content::Frame { cut: octets > MAX_HTML, links: frame::links(parts) }
        }
        View::Text => {
            let text = parts.shown("text/plain").map(|(_, part)| part.text(MAX_TEXT));
            let (text, whole) = text.unwrap_or_default();
            Content::Text { text, cut: !whole }
        }
        View::Headers => headers(message),
        View::Parts => Content::Parts {
            listed: parts
                .listed
                .iter()
                .map(|part| Listed {
                    kind: shortened(&part.kind, 100),
                    name: part.name.as_ref().map(|name| shortened(name, 200)),
                    octets: part.octets() as u64,
                    attachment: part.attachment,
                    image: frame::is_image(part),
                })
                .collect(),
            more: parts.more,
        },
        View::Source => {
            let start = &message.content[..message.content.len().min(MAX_SOURCE)];
            let text = String::from_utf8_lossy(start).into_owned();
            Content::Text { text, cut: start.len() < message.content.len() }
        }
    }
}

/// The fields as the server has them: those that it stamped, then those that came.
fn headers(message: &Message) -> Content {
    let stamped = message.stamped.iter().filter(|text| !text.trim().is_empty());
    let stamped =
        stamped.map(|text| Field { text: text.trim_end().to_owned(), mark: Mark::Stamped });
    let mut reader = HeaderReader::default();
    let mut stripped = message.stripped.iter().peekable();
    let came = std::iter::from_fn(|| reader.next(&message.content, true)).map(|field| {
        let cut = stripped.next_if(|cut| cut.at == field.at);
        let mark = cut.map_or(Mark::Kept, |cut| Mark::Stripped(cut.needs.to_string()));
        let start = &field.text[..field.text.len().min(MAX_FIELD)];
        let text = String::from_utf8_lossy(start.trim_ascii_end()).into_owned();
        let more = if start.len() < field.text.len() { "…" } else { "" };
        Field { text: text + more, mark }
    });
    let mut all = stamped.chain(came);
    let fields = all.by_ref().take(MAX_FIELDS).collect();
    Content::Headers { fields, more: all.count() }
}

fn shortened(text: &str, most: usize) -> String {
    match text.char_indices().nth(most) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}
