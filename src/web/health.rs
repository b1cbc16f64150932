//! Liveness, readiness and metrics.

use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::response::IntoResponse;

use super::App;

/// Whether the daemon lives
#[utoipa::path(
    get, path = "/livez", operation_id = "livez", tag = "Server",
    responses((status = 200, description = "It does", body = String, content_type = "text/plain"))
)]
pub(super) async fn livez() -> &'static str {
    "ok\n"
}

/// Whether the daemon takes connections
///
/// It answers once everything listens, so what lives is ready.
#[utoipa::path(
    get, path = "/readyz", tag = "Server",
    responses((status = 200, description = "It does", body = String, content_type = "text/plain"))
)]
pub(super) async fn readyz() -> &'static str {
    "ok\n"
}

/// Counts, for Prometheus
#[utoipa::path(
    get, path = "/metrics", tag = "Server",
    responses((status = 200, description = "OpenMetrics", body = String,
        content_type = "application/openmetrics-text"))
)]
pub(super) async fn metrics(State(app): State<App>) -> impl IntoResponse {
    let kind = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    ([(CONTENT_TYPE, kind)], app.metrics.to_string())
}
