//! Pages for people: plain HTML, which works without script and loads nothing from elsewhere.
//!
//! A page shows what the other rooms know; it decides nothing. What a peer has a hand in is
//! escaped by the templates, and HTML that came in a message is shown in a frame that may do
//! nothing ([`message`]).

mod account;
mod assets;
mod connector;
mod event;
mod inbox;
mod lesson;
mod login;
mod map;
mod message;
mod rule;
mod session;
mod shell;
mod text;

use std::sync::{Arc, OnceLock};

use askama::Template;
use axum::Router;
use axum::http::StatusCode;
use axum::middleware::map_response;
use axum::response::Response;
use axum::routing::{MethodRouter, any, get, post};

use super::App;
use super::guard::Guard;
use crate::connector::ReceiveConnector;
use crate::scope::lint::Finding;
use shell::{Failure, Shell, page};

pub use lesson::{Lesson, Scene};
pub(super) use login::to_login;

/// What the pages are made of.
#[derive(Debug)]
struct Pages {
    app: App,
    guard: Guard,
    findings: OnceLock<Vec<Finding>>,
}

#[derive(Clone, Template)]
#[template(path = "api.html")]
struct About {
    shell: Shell,
    /// In HTML, of our own words.
    api: String,
}

/// The pages that want a token where there is one. `api` is what there is to say of the API.
pub(super) fn router(app: App, guard: Guard, api: String) -> Router {
    let pages = Pages::new(app, guard);
    let api = About { shell: pages.shell("/api"), api };
    Router::new()
        .route("/api", get(async move || page(&api)))
        .route("/", get(inbox::list))
        .route("/messages/delete", post(inbox::delete_all))
        .route("/messages/{id}", get(message::show))
        .route("/messages/{id}/delete", post(message::delete))
        .route("/messages/{id}/html", get(message::html))
        .route("/messages/{id}/images/{number}", get(message::image))
        .route("/sessions", get(session::list))
        .route("/sessions/{id}", get(session::show))
        .route("/lesson", get(lesson::show))
        .route("/connectors", get(connector::list))
        .route("/connectors/{name}", get(connector::show))
        .route("/map", get(map::show))
        .route("/events", get(event::list))
        .route("/events/{number}", get(event::show))
        .route("/log", get(event::log))
        .route("/rules", get(rule::list).post(rule::add))
        .route("/rules/remove", post(rule::remove))
        .route("/rules/reset", post(rule::reset))
        .route("/accounts", get(account::list))
        .route("/logout", post(login::leave))
        .layer(map_response(shell::secured))
        .with_state(pages)
}

/// What is where nothing is.
pub(super) fn nowhere(app: App, guard: Guard) -> MethodRouter {
    any(shell::not_found).with_state(Pages::new(app, guard))
}

/// The way in, and what it looks like.
pub(super) fn door(app: App, guard: Guard) -> Router {
    Router::new()
        .route("/login", get(login::ask).post(login::enter))
        .route("/assets/{name}", get(assets::get))
        .layer(map_response(shell::secured))
        .with_state(Pages::new(app, guard))
}

impl Pages {
    fn new(app: App, guard: Guard) -> Arc<Self> {
        Arc::new(Self { app, guard, findings: OnceLock::new() })
    }

    fn shell(&self, section: &'static str) -> Shell {
        let server = &self.app.host.server;
        Shell {
            section,
            server: server.name.clone(),
            version: Some(server.version),
            locked: self.guard.is_locked(),
            lesson: self.app.lesson.is_some(),
        }
    }

    /// The connector called `name`, with its place in the set.
    fn connector(&self, name: &str) -> Option<(usize, &ReceiveConnector)> {
        let mut connectors = self.app.scope.connectors().iter().enumerate();
        connectors.find(|(_, connector)| connector.name.eq_ignore_ascii_case(name))
    }

    /// What is wrong with the set. It does not change, so it is looked for once.
    fn findings(&self) -> &[Finding] {
        self.findings.get_or_init(|| self.app.findings())
    }

    /// Makes a page where it holds up nobody: it may take a while.
    async fn aside(
        &self,
        section: &'static str,
        make: impl FnOnce() -> Response + Send + 'static,
    ) -> Result<Response, Failure> {
        let made = tokio::task::spawn_blocking(make).await;
        made.map_err(|error| self.failed(section, error))
    }

    fn missing(&self, section: &'static str, what: impl Into<String>) -> Failure {
        Failure::new(self.shell(section), StatusCode::NOT_FOUND, what)
    }

    fn failed(&self, section: &'static str, error: impl std::fmt::Display) -> Failure {
        Failure::new(self.shell(section), StatusCode::INTERNAL_SERVER_ERROR, error.to_string())
    }
}
