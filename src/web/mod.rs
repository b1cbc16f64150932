//! HTTP: health, metrics, and what programs and browsers ask.
//!
//! It listens on loopback unless told otherwise; beyond loopback it wants a token.

mod api;
mod feed;
mod first_message;
mod guard;
mod health;
mod pages;
mod problem;
mod serving;
pub mod webhook;

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{DefaultBodyLimit, Request};
use axum::http::header::{CACHE_CONTROL, CONTENT_LENGTH, X_CONTENT_TYPE_OPTIONS};
use axum::http::{HeaderValue, StatusCode};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use jiff::Timestamp;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::capture::Capture;
use crate::config::Token;
use crate::connector::ReceiveConnector;
use crate::journal::{Metrics, Recent};
use crate::scope::Scope;
use crate::scope::lint::{self, Certificate, Finding, Subject};
use crate::session::{Host, facts};

pub use first_message::FirstMessage;
pub use pages::{Lesson, Scene};
pub use problem::Problem;

/// Octets of a request's body.
const MAX_BODY: usize = 1 << 20;
/// How long a request may take to come in and be answered.
const TIMEOUT: Duration = Duration::from_secs(90);

/// What the pages and the API show.
#[derive(Clone, Debug)]
pub struct App {
    /// The server that is played, its accounts and failure rules.
    pub host: Arc<Host>,
    pub scope: Arc<Scope>,
    /// For each connector of `scope` what serving it came to.
    pub served: Arc<[Served]>,
    pub capture: Arc<Capture>,
    pub recent: Arc<Recent>,
    pub metrics: Arc<Metrics>,
    pub started: Timestamp,
    /// The scenario of the lab that runs.
    pub lesson: Option<Arc<Lesson>>,
}

impl App {
    /// Where the connector at a place of the set listens.
    fn address(&self, place: usize) -> Option<SocketAddr> {
        self.served.get(place)?.addresses.first().copied()
    }

    /// Whether a connector of the set has a certificate for STARTTLS.
    fn has_certificate(&self, connector: &ReceiveConnector) -> bool {
        let mut connectors = self.scope.connectors().iter().zip(self.served.iter());
        connectors.any(|(known, served)| std::ptr::eq(known, connector) && served.certificate)
    }

    /// What is wrong with the set. It does not change while it is served.
    fn findings(&self) -> Vec<Finding> {
        let of = |(connector, served): (&ReceiveConnector, &Served)| match (
            served.certificate,
            &connector.tls_certificate_name,
        ) {
            (true, _) => Certificate::Found,
            (false, Some(_)) => Certificate::NamedAbsent,
            (false, None) => Certificate::Missing,
        };
        let Self { host, scope, served, .. } = self;
        let certificates: Vec<_> = scope.connectors().iter().zip(served.iter()).map(of).collect();
        lint::lint(&Subject {
            server: &host.server,
            words: facts(host.server.version),
            scope,
            // A set that breaks rules of the cmdlets is not served.
            broken: &[],
            peers: &[],
            certificates: &certificates,
        })
    }
}

#[derive(Clone, Debug)]
pub struct Served {
    /// Where it listens.
    pub addresses: Vec<SocketAddr>,
    /// It has one for STARTTLS.
    pub certificate: bool,
}

#[derive(Debug, thiserror::Error)]
pub enum WebError {
    #[error(
        "HTTP beyond loopback ({0}) wants a token: set token = \"…\" in [http], or listen on 127.0.0.1"
    )]
    NoToken(SocketAddr),
    #[error("HTTP cannot listen on {address}: {error}")]
    Listen { address: SocketAddr, error: io::Error },
}

/// A bound listener that takes no requests yet.
#[derive(Debug)]
pub struct Listener {
    socket: TcpListener,
    address: SocketAddr,
    token: Option<Token>,
}

impl Listener {
    /// Binds `address`; port 0 is any free one.
    pub async fn bind(address: SocketAddr, token: Option<Token>) -> Result<Self, WebError> {
        if !address.ip().is_loopback() && token.is_none() {
            return Err(WebError::NoToken(address));
        }
        let failed = |error| WebError::Listen { address, error };
        let socket = TcpListener::bind(address).await.map_err(failed)?;
        let address = socket.local_addr().map_err(failed)?;
        Ok(Self { socket, address, token })
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Answers requests until `stopping`, and returns when the last answer is given.
    pub async fn serve(self, app: App, stopping: CancellationToken) {
        let router = router(app, self.address, self.token, stopping.clone());
        serving::serve(self.socket, router, stopping).await;
    }
}

fn router(
    app: App,
    address: SocketAddr,
    token: Option<Token>,
    stopping: CancellationToken,
) -> Router {
    let guard = guard::Guard::new(address, token);
    let metrics = Router::new().route("/metrics", get(health::metrics)).with_state(app.clone());
    let door = pages::door(app.clone(), guard.clone())
        .layer(middleware::from_fn_with_state(guard.clone(), guard::check_site));
    let nowhere = pages::nowhere(app.clone(), guard.clone());
    let (api, about) = api::router(app.clone(), stopping);
    api.merge(metrics)
        .merge(pages::router(app, guard.clone(), about))
        .fallback_service(nowhere)
        .layer(middleware::from_fn_with_state(guard, guard::check))
        .merge(door)
        // They tell nobody anything.
        .route("/livez", get(health::livez))
        .route("/readyz", get(health::readyz))
        .layer(DefaultBodyLimit::max(MAX_BODY))
        .layer(middleware::from_fn(bounded))
        .layer(middleware::map_response(problem::spoken))
        .layer(middleware::map_response(plain))
}

/// What a peer wrote is taken for what it is called, and is not kept.
async fn plain(mut response: Response) -> Response {
    let headers = response.headers_mut();
    headers.entry(X_CONTENT_TYPE_OPTIONS).or_insert(HeaderValue::from_static("nosniff"));
    headers.entry(CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    response
}

/// Refuses a body that is too large before it is read, and ends what takes too long.
async fn bounded(request: Request, next: Next) -> Response {
    let announced = request.headers().get(CONTENT_LENGTH);
    let announced = announced.and_then(|value| value.to_str().ok()?.parse::<u64>().ok());
    if announced.is_some_and(|octets| octets > MAX_BODY as u64) {
        return Problem::new(StatusCode::PAYLOAD_TOO_LARGE, problem::too_large()).into_response();
    }
    match tokio::time::timeout(TIMEOUT, next.run(request)).await {
        Ok(response) => response,
        Err(_) => {
            let detail = format!("the request took more than {} seconds", TIMEOUT.as_secs());
            Problem::new(StatusCode::REQUEST_TIMEOUT, detail).into_response()
        }
    }
}
