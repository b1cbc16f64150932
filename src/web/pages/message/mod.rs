//! One message: what it says, what it is made of, and how it came.
//!
//! HTML of a message is a response of its own, for a frame: it runs nothing, loads nothing but
//! what it carries as `data:`, and is of no origin. All else is shown as text, and only so much
//! of it that the page stays small. Files are those of the API.

mod frame;
mod view;

use std::sync::Arc;

use askama::Template;
use axum::extract::{Path, Query, State};
use axum::http::header::{
    CONTENT_SECURITY_POLICY, CONTENT_TYPE, REFERRER_POLICY, X_DNS_PREFETCH_CONTROL,
};
use axum::response::{IntoResponse as _, Redirect, Response};
use serde::Deserialize;

use super::shell::{Shell, page};
use super::text::{self, encoded};
use super::{Failure, Pages};
use crate::capture::{Kept, Parts, Removal};
use view::{Content, Mark, View, content};

/// Nothing of a message runs, is loaded, leads anywhere or is sent.
const FRAME_POLICY: &str = "sandbox; default-src 'none'; img-src data:; style-src 'unsafe-inline'; \
     form-action 'none'; base-uri 'none'; frame-ancestors 'self'";

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Asked {
    view: String,
}

#[derive(Template)]
#[template(path = "message.html")]
struct Shown {
    shell: Shell,
    kept: Kept,
    view: View,
    views: Vec<View>,
    content: Content,
}

/// Recipients that are named.
const RECIPIENTS: usize = 50;

impl Shown {
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
        drop(parts);
        page(&Shown { shell, kept, view, views, content })
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

pub(super) async fn delete(
    State(pages): State<Arc<Pages>>,
    Path(id): Path<String>,
) -> Result<Response, Failure> {
    let removed = pages.app.capture.remove(Removal::Ids(vec![id])).await;
    removed.map_err(|error| pages.failed("/", error))?;
    Ok(Redirect::to("/").into_response())
}

async fn get(pages: &Pages, id: &str) -> Result<Kept, Failure> {
    let found = pages.app.capture.get(id).await.map_err(|error| pages.failed("/", error))?;
    found.ok_or_else(|| {
        pages.missing("/", "There is no such message: it was deleted, or made room for others.")
    })
}
