//! One message: what it says, what it is made of, and how it came.
//!
//! HTML of a message is a response of its own, for a frame: it runs nothing, loads nothing but
//! what it carries as `data:`, and is of no origin. All else is shown as text, and only so much
//! of it that the page stays small. Files are those of the API.

mod frame;
mod links;
mod view;

use std::sync::Arc;

use askama::Template;
use axum::extract::{Form, Path, Query, State};
use axum::http::header::{
    CONTENT_SECURITY_POLICY, CONTENT_TYPE, REFERRER_POLICY, X_DNS_PREFETCH_CONTROL,
};
use axum::response::{IntoResponse as _, Redirect, Response};
use mail_parser::MessageParser;
use serde::Deserialize;

use super::login::own;
use super::shell::{Shell, page};
use super::text::{self, encoded};
use super::{Failure, Pages};
use crate::capture::{Kept, Message, Parts, Removal};
use crate::connector::Rights;
use view::{Content, Mark, View, content};

/// Nothing of a message runs, is loaded, leads anywhere or is sent.
const FRAME_POLICY: &str = "sandbox; default-src 'none'; img-src data:; style-src 'unsafe-inline'; \
     form-action 'none'; base-uri 'none'; frame-ancestors 'self'";

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Asked {
    view: String,
    /// The search of the inbox that one came from.
    back: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Left {
    back: String,
}

#[derive(Template)]
#[template(path = "message.html")]
struct Shown {
    shell: Shell,
    kept: Kept,
    view: View,
    views: Vec<View>,
    content: Content,
    /// Parts, and those of them that are meant to be saved.
    parts: (usize, usize),
    /// The field From, where it names another than the envelope.
    from: Option<String>,
    back: String,
}

/// Recipients that are named, and senders.
const RECIPIENTS: usize = 50;
/// Octets of the header that the field From is looked for in.
const MAX_HEADER: usize = 64 << 10;

impl Shown {
    /// What the tab of a view says.
    fn label(&self, view: &View) -> String {
        match (view, self.parts) {
            (View::Parts, (parts, 0)) if parts > 1 => format!("Parts ({parts})"),
            (View::Parts, (parts, saved)) if saved > 0 => {
                format!("Parts ({parts}, {})", text::count(&(saved as u64), "attachment"))
            }
            _ => view.label().to_owned(),
        }
    }

    /// The rights of the session: the name in the protocol log, and the one in Active Directory.
    fn rights(&self) -> Vec<(&str, &'static str)> {
        let names = self.kept.message.permissions.split(' ');
        let known = names.map(|name| (name, Rights::find_logged(name)));
        let named = known.filter_map(|(name, right)| Some((name, right?.ad_names().next()?)));
        named.collect()
    }

    fn recipients(&self) -> impl Iterator<Item = &str> {
        let recipients = self.kept.message.envelope.recipients.iter().take(RECIPIENTS);
        recipients.map(|recipient| recipient.mailbox.as_str())
    }

    fn more_recipients(&self) -> usize {
        self.kept.message.envelope.recipients.len().saturating_sub(RECIPIENTS)
    }
}

pub(super) async fn show(
    State(pages): State<Arc<Pages>>,
    Path(id): Path<String>,
    Query(asked): Query<Asked>,
) -> Result<Response, Failure> {
    let kept = get(&pages, &id).await?;
    let shell = pages.shell("/");
    let make = move || {
        let parts = Parts::of(&kept.message.content);
        let views = View::all(&parts);
        let view = views.iter().copied().find(|view| view.name() == asked.view);
        let view = view.unwrap_or(views[0]);
        let content = content(&kept.message, &parts, view);
        let saved = parts.listed.iter().filter(|part| part.attachment).count();
        let count = (parts.listed.len() + parts.more, saved);
        let from = other_sender(&kept.message);
        let back = asked.back;
        drop(parts);
        page(&Shown { shell, kept, view, views, content, parts: count, from, back })
    };
    pages.aside("/", make).await
}

/// The HTML of a message, for a frame.
pub(super) async fn html(
    State(pages): State<Arc<Pages>>,
    Path(id): Path<String>,
) -> Result<Response, Failure> {
    let kept = get(&pages, &id).await?;
    let missing = pages.missing("/", "The message has no HTML part.");
    let make = move || {
        let parts = Parts::of(&kept.message.content);
        let Some(html) = frame::html(&parts) else { return missing.into_response() };
        let headers = [
            (CONTENT_TYPE, "text/html; charset=utf-8"),
            (CONTENT_SECURITY_POLICY, FRAME_POLICY),
            (REFERRER_POLICY, "no-referrer"),
            // Browsers look up the hosts of links ahead of a click.
            (X_DNS_PREFETCH_CONTROL, "off"),
        ];
        (headers, html).into_response()
    };
    pages.aside("/", make).await
}

/// An image of a message, if it is of a kind that can do nothing but show.
pub(super) async fn image(
    State(pages): State<Arc<Pages>>,
    Path((id, number)): Path<(String, String)>,
) -> Result<Response, Failure> {
    let kept = get(&pages, &id).await?;
    let missing = pages.missing("/", "The message has no such image.");
    let make = move || {
        let parts = Parts::of(&kept.message.content);
        let part = number.parse().ok().and_then(|number: usize| parts.listed.get(number));
        let Some(part) = part.filter(|part| frame::is_image(part)) else {
            return missing.into_response();
        };
        let kind = [(CONTENT_TYPE, part.kind.clone())];
        (kind, [(CONTENT_SECURITY_POLICY, FRAME_POLICY)], part.decoded().into_owned())
            .into_response()
    };
    pages.aside("/", make).await
}

pub(super) async fn delete(
    State(pages): State<Arc<Pages>>,
    Path(id): Path<String>,
    Form(left): Form<Left>,
) -> Result<Response, Failure> {
    let removed = pages.app.capture.remove(Removal::Ids(vec![id])).await;
    removed.map_err(|error| pages.failed("/", error))?;
    let back = format!("/?{}", left.back);
    Ok(Redirect::to(own(back.trim_end_matches('?'))).into_response())
}

/// Who the field From names, unless it is the sender of the envelope alone.
fn other_sender(message: &Message) -> Option<String> {
    let start = &message.content[..message.content.len().min(MAX_HEADER)];
    let headers = MessageParser::default().parse_headers(start)?;
    let named: Vec<_> = headers.from()?.iter().take(RECIPIENTS).collect();
    let envelope = message.envelope.reverse_path.to_string();
    let is_same = matches!(named[..], [one] if one.address().unwrap_or_default().eq_ignore_ascii_case(&envelope));
    let told = named.iter().map(|one| match (one.name(), one.address().unwrap_or_default()) {
        (Some(name), address) => format!("{name} <{address}>"),
        (None, address) => address.to_owned(),
    });
    (!is_same).then(|| told.collect::<Vec<_>>().join(", "))
}

async fn get(pages: &Pages, id: &str) -> Result<Kept, Failure> {
    let found = pages.app.capture.get(id).await.map_err(|error| pages.failed("/", error))?;
    found.ok_or_else(|| {
        pages.missing("/", "There is no such message: it was deleted, or made room for others.")
    })
}
