//! The messages, and how to send the first ones.

use std::sync::Arc;

use askama::Template;
use axum::extract::{Query, State};
use axum::response::{IntoResponse as _, Redirect, Response};
use serde::Deserialize;

use super::shell::{Shell, page};
use super::text::{self, encoded};
use super::{Failure, Pages};
use crate::capture::{Filter, Listed, Order, Page, Removal};
use crate::web::first_message::{FirstMessage, LoggedOn, met_from_here};

/// What is searched for, and where the page begins.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Search {
    from: String,
    to: String,
    subject: String,
    text: String,
    /// The page is older than this number.
    past: String,
    /// The page is the next that is newer than this number.
    newer: String,
}

#[derive(Template)]
#[template(path = "inbox.html")]
struct Inbox {
    shell: Shell,
    search: Search,
    listed: Listed,
    /// What a message's page needs to lead back here.
    back: String,
}

#[derive(Template)]
#[template(path = "first.html")]
struct First {
    shell: Shell,
    first: Option<FirstMessage>,
    logged_on: Option<LoggedOn>,
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

    /// Whether the page begins with the newest message.
    fn is_first(&self) -> bool {
        self.past.is_empty() && self.newer.is_empty()
    }

    /// What stands behind the `?` of an address: the search, and `place` in its list.
    fn query(&self, place: Option<(&str, &str)>) -> String {
        let given = self.fields().into_iter().filter(|(.., value)| !value.is_empty());
        let pairs = given.map(|(name, _, value)| (name, value)).chain(place);
        let pairs = pairs.map(|(name, value)| format!("{name}={}", encoded(value)));
        pairs.collect::<Vec<_>>().join("&")
    }

    fn newest(&self) -> String {
        format!("/?{}", self.query(None)).trim_end_matches('?').to_owned()
    }

    fn older(&self, past: u64) -> String {
        format!("/?{}", self.query(Some(("past", &past.to_string()))))
    }

    fn newer(&self, than: u64) -> String {
        format!("/?{}", self.query(Some(("newer", &than.to_string()))))
    }

    /// What leads from a message back to this page.
    fn back(&self) -> String {
        let place = [("past", &*self.past), ("newer", &*self.newer)];
        let query = self.query(place.into_iter().find(|(_, value)| !value.is_empty()));
        if query.is_empty() { query } else { format!("?back={}", encoded(&query)) }
    }
}

impl Inbox {
    /// How many there are. Those that match are counted only where they are all on the page: a
    /// search through a large store takes its time.
    fn caption(&self) -> String {
        let (shown, total) = (self.listed.messages.len(), self.listed.total);
        match (self.search.is_given(), self.search.is_first() && self.listed.next.is_none()) {
            (false, _) => format!("{} kept", text::count(&total, "message")),
            (true, true) => format!("{shown} of {} match", text::count(&total, "message")),
            (true, false) => format!("{shown} of those that match, {total} kept"),
        }
    }
}

pub(super) async fn list(
    State(pages): State<Arc<Pages>>,
    Query(search): Query<Search>,
) -> Result<Response, Failure> {
    let list = async |section| {
        let listed = pages.app.capture.list(&search.filter(), section).await;
        listed.map_err(|error| pages.failed("/", error))
    };
    let listed = match search.newer.parse() {
        Err(_) => list(Page { past: search.past.parse().ok(), ..Page::default() }).await?,
        Ok(than) => {
            let page = Page { order: Order::OldestFirst, past: Some(than), ..Page::default() };
            let mut listed = list(page).await?;
            // There are no more than the first page shows.
            if listed.next.is_none() || listed.messages.is_empty() {
                return Ok(Redirect::to(&search.newest()).into_response());
            }
            listed.messages.reverse();
            // It came from an older page.
            listed.next = listed.messages.last().map(|oldest| oldest.number);
            listed
        }
    };
    let shell = pages.shell("/");
    if listed.total == 0 {
        let first = FirstMessage::of(&pages.app);
        let without_exchange = without_exchange(&pages);
        let logged_on = LoggedOn::of(&pages.app);
        return Ok(page(&First { shell, first, logged_on, without_exchange }));
    }
    let back = search.back();
    Ok(page(&Inbox { shell, search, listed, back }))
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
