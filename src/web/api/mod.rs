//! The REST API: what arrived, why it was answered so, and what to do wrong next.
//!
//! One file for each resource. The OpenAPI document is made from the handlers, and checks of the
//! document against the handlers are part of the tests.

mod connectors;
mod doc;
mod events;
mod extract;
mod messages;
mod part;
mod rules;
mod scope;
mod server;
mod sessions;
mod source;
mod stream;
mod value;

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::routing::get;
use bytes::Bytes;
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::{App, Problem};
use crate::rules::Rule;
use value::Text;

pub(super) use sessions::SessionSummary;

/// Requests that wait, and streams that are open, at a time; our choice.
const MAX_WAITING: usize = 1_000;

/// What the handlers share.
#[derive(Clone, Debug)]
struct Api {
    app: App,
    /// The rules that the daemon began with.
    rules: Arc<[Arc<Rule>]>,
    waiting: Arc<Semaphore>,
    stopping: CancellationToken,
}

/// `/api/v1` with the document of it, and what a page says of that, in HTML. Streams and waiting
/// requests end when `stopping` does.
pub(super) fn router(app: App, stopping: CancellationToken) -> (Router, String) {
    let rules = app.host.rules.list().into_iter().map(|counted| counted.rule).collect();
    let waiting = Arc::new(Semaphore::new(MAX_WAITING));
    let api = Api { app, rules, waiting, stopping };
    let v1 = OpenApiRouter::new()
        .routes(routes!(messages::list, messages::remove_some))
        .routes(routes!(messages::wait))
        .routes(routes!(messages::one, messages::remove))
        .routes(routes!(source::raw))
        .routes(routes!(source::headers))
        .routes(routes!(part::list))
        .routes(routes!(part::one))
        .routes(routes!(sessions::list))
        .routes(routes!(sessions::wait))
        .routes(routes!(sessions::one))
        .routes(routes!(connectors::list))
        .routes(routes!(connectors::one))
        .routes(routes!(scope::explained))
        .routes(routes!(scope::map))
        .routes(routes!(scope::lint))
        .routes(routes!(events::list))
        .routes(routes!(events::one))
        .routes(routes!(events::log))
        .routes(routes!(rules::list, rules::add, rules::remove_all))
        .routes(routes!(rules::one, rules::put, rules::remove))
        .routes(routes!(rules::presets))
        .routes(routes!(server::accounts))
        .routes(routes!(server::version))
        .routes(routes!(server::reset))
        .routes(routes!(stream::stream))
        .with_state(api);
    let (router, openapi) =
        OpenApiRouter::with_openapi(doc::about()).nest("/api/v1", v1).split_for_parts();
    let openapi = doc::complete(openapi);
    let page = doc::page(&openapi);
    // Names and texts always serialise.
    let json = Bytes::from(serde_json::to_string_pretty(&openapi).unwrap_or_default());
    let json = get(async || ([(CONTENT_TYPE, "application/json")], json));
    (router.route("/api/v1/openapi.json", json), page)
}

impl Api {
    /// Room for a request that waits.
    fn place(&self) -> Result<SemaphorePermit<'_>, Problem> {
        self.waiting.try_acquire().map_err(|_| Problem::too_many_wait())
    }

    /// What `waiting` came to, unless the daemon stops before.
    async fn until_stopped<T>(&self, waiting: impl Future<Output = T>) -> Result<T, Problem> {
        self.stopping
            .run_until_cancelled(waiting)
            .await
            .ok_or_else(|| Problem::new(StatusCode::SERVICE_UNAVAILABLE, "the daemon is stopping"))
    }

    /// The identity of a connector of the set, which somebody names with or without its server.
    fn known_connector(&self, Text(name): &Text) -> Result<String, Problem> {
        let server = &self.app.host.server;
        let identity = self.identity(name.clone());
        let mut known = self.connectors().map(|(connector, _)| server.identity(connector));
        known.find(|known| known.eq_ignore_ascii_case(&identity)).ok_or_else(|| {
            let names: Vec<_> =
                self.connectors().map(|(connector, _)| &connector.name[..]).collect();
            let detail =
                format!("there is no connector \"{name}\"; there are {}", names.join(", "));
            Problem::wrong("connector", detail)
        })
    }

    /// The identity of the connector that somebody names with or without its server.
    fn identity(&self, name: String) -> String {
        match name.contains('\\') {
            true => name,
            false => format!("{}\\{name}", self.app.host.server.name),
        }
    }
}

impl Problem {
    fn too_many_wait() -> Self {
        let detail = format!("{MAX_WAITING} requests wait already; let some of them end first");
        Self::new(StatusCode::SERVICE_UNAVAILABLE, detail)
    }
}

/// Text as a segment of a path, or a value of RFC 8187.
pub(super) fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                escaped.push(byte.into());
            }
            _ => escaped += &format!("%{byte:02X}"),
        }
    }
    escaped
}

/// A Content-Disposition: never to be shown in place (RFC 6266).
fn saved_as(name: &str) -> String {
    format!("attachment; filename*=UTF-8''{}", escaped(name))
}

/// For what may take a while, so that it holds up nobody.
async fn aside<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, Problem> {
    let done = tokio::task::spawn_blocking(work).await;
    done.map_err(|_| Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "the work ended early"))
}

/// Nobody knows what `what` names.
fn no(what: &str, name: &str) -> Problem {
    Problem::new(StatusCode::NOT_FOUND, format!("there is no {what} \"{name}\""))
}

fn after(timeout: Duration) -> Instant {
    Instant::now() + timeout
}
