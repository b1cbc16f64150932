//! Errors, as problem documents (RFC 9457).

use axum::Json;
use axum::http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use axum::http::{HeaderValue, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::ToSchema;

use super::MAX_BODY;

/// A problem document. Its type is `about:blank`: the status says what kind it is.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Problem {
    #[serde(serialize_with = "number")]
    #[schema(value_type = u16, example = 400)]
    pub status: StatusCode,
    #[schema(example = "Bad Request")]
    pub title: &'static str,
    /// What is wrong with this request, and what would be right.
    pub detail: String,
    /// Each thing that is wrong, where they have names.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(required = false)]
    pub errors: Vec<Wrong>,
}

/// A value that is wrong.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Wrong {
    /// A parameter of the query, or a key of the document that was sent.
    #[schema(example = "limit")]
    pub name: String,
    #[schema(example = "expected a number from 1 to 1000")]
    pub detail: String,
}

fn number<S: serde::Serializer>(status: &StatusCode, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_u16(status.as_u16())
}

impl Problem {
    pub fn new(status: StatusCode, detail: impl Into<String>) -> Self {
        let title = status.canonical_reason().unwrap_or("Problem");
        Self { status, title, detail: detail.into(), errors: Vec::new() }
    }

    /// A parameter is wrong.
    pub fn wrong(name: &str, detail: impl Into<String>) -> Self {
        let wrong = Wrong { name: name.to_owned(), detail: detail.into() };
        Self::with_errors(StatusCode::BAD_REQUEST, vec![wrong])
    }

    /// Says it of each of `errors`.
    pub fn with_errors(status: StatusCode, errors: Vec<Wrong>) -> Self {
        let said = errors.iter().map(|Wrong { name, detail }| format!("{name}: {detail}"));
        Self { errors: errors.clone(), ..Self::new(status, said.collect::<Vec<_>>().join("; ")) }
    }
}

/// What is said of a body beyond [`MAX_BODY`].
pub(super) fn too_large() -> String {
    format!("a request's body may have {MAX_BODY} octets")
}

/// The media type of problem documents.
pub const PROBLEM_JSON: HeaderValue = HeaderValue::from_static("application/problem+json");

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        (self.status, [(CONTENT_TYPE, PROBLEM_JSON)], Json(self)).into_response()
    }
}

/// Nothing that was waited for came in time.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Late<T> {
    #[serde(flatten)]
    problem: Problem,
    /// What there is instead, the newest first.
    arrived: Vec<T>,
}

impl<T> Late<T> {
    /// So many are told.
    pub const MAX: usize = 50;

    pub fn of(detail: &str, arrived: Vec<T>) -> Self {
        Self { problem: Problem::new(StatusCode::REQUEST_TIMEOUT, detail), arrived }
    }
}

impl<T: Serialize> IntoResponse for Late<T> {
    fn into_response(self) -> Response {
        (StatusCode::REQUEST_TIMEOUT, [(CONTENT_TYPE, PROBLEM_JSON)], Json(self)).into_response()
    }
}

pub(super) async fn not_found(uri: Uri) -> Problem {
    Problem::new(StatusCode::NOT_FOUND, format!("there is nothing at {}", uri.path()))
}

/// Says what is wrong where axum leaves it at a status, or at a line of its own.
pub(super) async fn spoken(response: Response) -> Response {
    let status = response.status();
    let kind = response.headers().get(CONTENT_TYPE);
    let is_mute = kind.is_none_or(|kind| kind.as_bytes().starts_with(b"text/plain"));
    if !is_mute || !(status.is_client_error() || status.is_server_error()) {
        return response;
    }
    let detail = match status {
        StatusCode::METHOD_NOT_ALLOWED => "this path does not take that method".to_owned(),
        StatusCode::UNSUPPORTED_MEDIA_TYPE => {
            "this path does not take a body of that Content-Type".to_owned()
        }
        StatusCode::PAYLOAD_TOO_LARGE => too_large(),
        _ => "the request cannot be read".to_owned(),
    };
    let (mut head, _) = response.into_parts();
    head.headers.remove(CONTENT_LENGTH);
    head.headers.remove(CONTENT_TYPE);
    let mut problem = Problem::new(status, detail).into_response();
    problem.headers_mut().extend(head.headers);
    problem
}
