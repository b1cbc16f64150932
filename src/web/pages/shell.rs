//! What stands around every page, and the headers that go with it.

use std::sync::Arc;

use askama::Template;
use axum::extract::{Request, State};
use axum::http::header::{CONTENT_SECURITY_POLICY, REFERRER_POLICY};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{Html, IntoResponse, Response};

use super::{Pages, assets};
use crate::connector::Version;
use crate::web::guard::is_for_a_person;
use crate::web::problem;

/// What a page may load and where it may lead: itself, and nothing else.
pub(super) const POLICY: &str = "default-src 'none'; style-src 'self'; script-src 'self'; \
     img-src 'self' data:; connect-src 'self'; frame-src 'self'; form-action 'self'; \
     base-uri 'none'; frame-ancestors 'none'";

/// The frame of a page.
#[derive(Clone, Debug)]
pub(super) struct Shell {
    /// The entry of the menu that the page belongs to.
    pub(super) section: &'static str,
    pub(super) server: String,
    pub(super) version: Option<Version>,
    /// There is a token, so one can sign out.
    pub(super) locked: bool,
    /// A scenario of the lab runs.
    pub(super) lesson: bool,
}

/// The menu: names and paths.
const MENU: [(&str, &str); 10] = [
    ("Lesson", "/lesson"),
    ("Inbox", "/"),
    ("Sessions", "/sessions"),
    ("Connectors", "/connectors"),
    ("Map", "/map"),
    ("Events", "/events"),
    ("Log", "/log"),
    ("Rules", "/rules"),
    ("Accounts", "/accounts"),
    ("API", "/api"),
];

impl Shell {
    /// For whom nothing is known of.
    pub(super) fn bare() -> Self {
        Self { section: "", server: String::new(), version: None, locked: false, lesson: false }
    }

    pub(super) fn menu(&self) -> &'static [(&'static str, &'static str)] {
        &MENU[usize::from(!self.lesson)..]
    }

    pub(super) fn style(&self) -> String {
        assets::STYLE.path()
    }

    pub(super) fn script(&self) -> String {
        assets::SCRIPT.path()
    }
}

/// A page that was not to be had.
#[derive(Debug, Template)]
#[template(path = "failure.html")]
pub(super) struct Failure {
    shell: Shell,
    status: StatusCode,
    detail: String,
}

impl Failure {
    pub(super) fn new(shell: Shell, status: StatusCode, detail: impl Into<String>) -> Self {
        Self { shell, status, detail: detail.into() }
    }

    /// The list that one may have come from: its name and its path.
    fn way_back(&self) -> (&'static str, &'static str) {
        let mut menu = self.shell.menu().iter();
        menu.find(|(_, path)| *path == self.shell.section).copied().unwrap_or(("Inbox", "/"))
    }

    fn title(&self) -> &'static str {
        self.status.canonical_reason().unwrap_or("Error")
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        (self.status, page(&self)).into_response()
    }
}

/// A template as a response.
pub(super) fn page(template: &impl Template) -> Response {
    match template.render() {
        Ok(html) => Html(html).into_response(),
        // A template fails only where a `Display` in it does, and none of ours does.
        Err(error) => {
            tracing::error!(%error, "a page could not be made");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}

/// Puts on the headers that every page has, unless it brings its own.
pub(super) async fn secured(mut response: Response) -> Response {
    let headers = response.headers_mut();
    for (name, value) in [
        (CONTENT_SECURITY_POLICY, POLICY),
        // With `no-referrer` a browser says of no form where it comes from, and the guard asks.
        (REFERRER_POLICY, "same-origin"),
    ] {
        headers.entry(name).or_insert(HeaderValue::from_static(value));
    }
    response
}

/// What is nowhere: a page for a person, a problem for a program.
pub(super) async fn not_found(State(pages): State<Arc<Pages>>, request: Request) -> Response {
    if !is_for_a_person(&request) {
        return problem::not_found(request.uri().clone()).await.into_response();
    }
    let detail = format!("There is nothing at {}.", request.uri().path());
    secured(pages.missing("", detail).into_response()).await
}
