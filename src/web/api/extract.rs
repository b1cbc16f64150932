//! What a request brings, or a problem document that names what is wrong with it.

use axum::extract::rejection::{JsonRejection, PathRejection};
use axum::extract::{self, FromRequest, FromRequestParts, Request};
use axum::http::StatusCode;
use axum::http::request::Parts;
use axum::http::uri::Uri;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use utoipa::IntoParams;

use crate::web::Problem;
use crate::web::problem::Wrong;

/// The parameters of `A` and `B`, and no others: a filter that is misspelt must not mean all.
pub(super) struct Query<A, B = Nothing>(pub A, pub B);

/// No parameters.
#[derive(Deserialize, IntoParams)]
pub(super) struct Nothing {}

impl<S: Sync, A, B> FromRequestParts<S> for Query<A, B>
where
    A: DeserializeOwned + IntoParams,
    B: DeserializeOwned + IntoParams,
{
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let known: Vec<String> = [A::into_params(|| None), B::into_params(|| None)]
            .into_iter()
            .flatten()
            .map(|parameter| parameter.name)
            .collect();
        let given: Vec<(String, String)> = read(&parts.uri)?;
        let unknown = given.into_iter().filter(|(name, _)| !known.contains(name));
        let unknown: Vec<_> = unknown.map(|(name, _)| unknown_name(name, &known)).collect();
        match unknown.is_empty() {
            true => Ok(Self(read(&parts.uri)?, read(&parts.uri)?)),
            false => Err(Problem::with_errors(StatusCode::BAD_REQUEST, unknown)),
        }
    }
}

fn unknown_name(name: String, known: &[String]) -> Wrong {
    let detail = match known {
        [] => "unknown; nothing is asked for here".to_owned(),
        known => format!("unknown; known here: {}", known.join(", ")),
    };
    Wrong { name, detail }
}

fn read<T: DeserializeOwned>(uri: &Uri) -> Result<T, Problem> {
    let read = extract::Query::<T>::try_from_uri(uri);
    read.map(|extract::Query(read)| read).map_err(|rejection| {
        let text = rejection.body_text();
        let said = text.strip_prefix("Failed to deserialize query string: ").unwrap_or(&text);
        let missing = said.strip_prefix("missing field `").and_then(|rest| rest.strip_suffix('`'));
        let wrong = match (missing, said.split_once(": ")) {
            (Some(name), _) => Wrong { name: name.to_owned(), detail: "is missing".to_owned() },
            (None, Some((name, detail))) => {
                Wrong { name: name.to_owned(), detail: detail.to_owned() }
            }
            (None, None) => return Problem::new(StatusCode::BAD_REQUEST, said),
        };
        Problem::with_errors(StatusCode::BAD_REQUEST, vec![wrong])
    })
}

/// What a path names.
pub(super) struct Path<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned + Send> FromRequestParts<S> for Path<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let path = extract::Path::<T>::from_request_parts(parts, state).await;
        let refuse =
            |rejection: PathRejection| Problem::new(rejection.status(), rejection.body_text());
        path.map(|extract::Path(path)| Self(path)).map_err(refuse)
    }
}

/// A JSON document.
pub(super) struct Json<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for Json<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        let read = extract::Json::<T>::from_request(request, state).await;
        read.map(|extract::Json(read)| Self(read)).map_err(|rejection| {
            let detail = match &rejection {
                JsonRejection::MissingJsonContentType(_) => {
                    "send a JSON document, with Content-Type: application/json".to_owned()
                }
                other => {
                    let text = other.body_text();
                    let said = text
                        .strip_prefix("Failed to deserialize the JSON body into the target type: ")
                        .or_else(|| {
                            text.strip_prefix("Failed to parse the request body as JSON: ")
                        });
                    said.unwrap_or(&text).to_owned()
                }
            };
            Problem::new(rejection.status(), detail)
        })
    }
}
