//! The messages, and how to send the first one.

use std::sync::Arc;

use askama::Template;
use axum::extract::{Query, State};
use axum::response::{IntoResponse as _, Redirect, Response};
use serde::Deserialize;

use super::shell::{Shell, page};
use super::text::{self, encoded};
use super::{Failure, Pages};
use crate::capture::{Filter, Listed, Page, Removal};
use crate::web::first_message::{FirstMessage, met_from_here};

/// What is searched for, and where the page begins.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Search {
    from: String,
    to: String,
    subject: String,
    text: String,
    past: String,
}

#[derive(Template)]
#[template(path = "inbox.html")]
struct Inbox {
    shell: Shell,
    search: Search,
    listed: Listed,
}

#[derive(Template)]
#[template(path = "first.html")]
struct First {
    shell: Shell,
    first: Option<FirstMessage>,
    /// Where a connector listens that has no Exchange Server authentication, and its name.
    without_exchange: Option<(String, String)>,
}

impl Search {
    fn filter(&self) -> Filter {
        let given = |text: &str| Some(text.trim().to_owned()).filter(|text| !text.is_empty());
        Filter {
            from: given(&self.from),
            to: given(&self.to),
            subject: given(&self.subject),
            text: given(&self.text),
            ..Filter::default()
        }
    }

    fn is_given(&self) -> bool {
        self.filter() != Filter::default()
    }

    /// The fields of the form: name, label, value.
    fn fields(&self) -> [(&'static str, &'static str, &str); 4] {
        [
            ("from", "From", &self.from),
            ("to", "To", &self.to),
            ("subject", "Subject", &self.subject),
            ("text", "Text", &self.text),
        ]
    }

    /// The page behind `past`.
    fn beyond(&self, past: u64) -> String {
        let given = self.fields().into_iter().filter(|(.., value)| !value.is_empty());
        let fields = given.map(|(name, _, value)| format!("{name}={}&", encoded(value)));
        format!("/?{}past={past}", fields.collect::<String>())
    }
}

pub(super) async fn list(
    State(pages): State<Arc<Pages>>,
    Query(search): Query<Search>,
) -> Result<Response, Failure> {
    let section = Page { past: search.past.parse().ok(), ..Page::default() };
    let listed = pages.app.capture.list(&search.filter(), section).await;
    let listed = listed.map_err(|error| pages.failed("/", error))?;
    let shell = pages.shell("/");
    if listed.total == 0 {
        let first = FirstMessage::of(&pages.app);
        return Ok(page(&First { shell, first, without_exchange: without_exchange(&pages) }));
    }
    Ok(page(&Inbox { shell, search, listed }))
}

pub(super) async fn delete_all(State(pages): State<Arc<Pages>>) -> Result<Response, Failure> {
    let removed = pages.app.capture.remove(Removal::Matching(Box::default())).await;
    removed.map_err(|error| pages.failed("/", error))?;
    Ok(Redirect::to("/").into_response())
}

fn without_exchange(pages: &Pages) -> Option<(String, String)> {
    let mut met = met_from_here(&pages.app.scope, |place| pages.app.address(place));
    let found = met.find(|(connector, _)| !connector.offers_exchange_server());
    found.map(|(connector, address)| (address.to_string(), connector.name.clone()))
}
