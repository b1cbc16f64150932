//! What a request brings, or a problem document that names what is wrong with it.

use std::collections::HashSet;

use axum::extract::path::ErrorKind;
use axum::extract::rejection::{JsonRejection, PathRejection};
use axum::extract::{self, FromRequest, FromRequestParts, Request};
use axum::http::StatusCode;
use axum::http::request::Parts;
use axum::http::uri::Uri;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};
use utoipa::IntoParams;

use crate::web::Problem;
use crate::web::problem::{Wrong, too_large};

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
        let mut seen = HashSet::new();
        let wrong = given.into_iter().filter_map(|(name, _)| match known.contains(&name) {
            false => Some(unknown(name, &known)),
            true if seen.insert(name.clone()) => None,
            true => Some(Wrong { name, detail: "is given more than once".to_owned() }),
        });
        let wrong: Vec<_> = wrong.collect();
        match wrong.is_empty() {
            true => Ok(Self(read(&parts.uri)?, read(&parts.uri)?)),
            false => Err(Problem::with_errors(StatusCode::BAD_REQUEST, wrong)),
        }
    }
}

/// What is said of a name that is none of those that are known.
pub(super) fn unknown(name: String, known: &[impl AsRef<str>]) -> Wrong {
    let known: Vec<_> = known.iter().map(AsRef::as_ref).collect();
    let detail = match known.is_empty() {
        true => "unknown; nothing is asked for here".to_owned(),
        false => format!("unknown; known here: {}", known.join(", ")),
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
        path.map(|extract::Path(path)| Self(path))
            .map_err(|rejection| Problem::new(rejection.status(), what_fits_no_path(&rejection)))
    }
}

fn what_fits_no_path(rejection: &PathRejection) -> String {
    let PathRejection::FailedToDeserializePathParams(error) = rejection else {
        return rejection.body_text();
    };
    match error.kind() {
        ErrorKind::ParseError { value, .. }
        | ErrorKind::ParseErrorAtIndex { value, .. }
        | ErrorKind::ParseErrorAtKey { value, .. } => {
            format!("expected a number in the path, and not \"{value}\"")
        }
        _ => rejection.body_text(),
    }
}

/// A JSON document that is an object.
pub(super) struct Object(pub Map<String, Value>);

impl<S: Send + Sync> FromRequest<S> for Object {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        match extract::Json::<Value>::from_request(request, state).await {
            Ok(extract::Json(Value::Object(object))) => Ok(Self(object)),
            Ok(_) => {
                let detail = "expected a JSON object: {\"key\": value, …}";
                Err(Problem::new(StatusCode::UNPROCESSABLE_ENTITY, detail))
            }
            Err(rejection) => Err(Problem::new(rejection.status(), what_is_no_json(&rejection))),
        }
    }
}

fn what_is_no_json(rejection: &JsonRejection) -> String {
    match rejection {
        JsonRejection::MissingJsonContentType(_) => {
            "send a JSON document, with Content-Type: application/json".to_owned()
        }
        JsonRejection::BytesRejection(_) if rejection.status() == StatusCode::PAYLOAD_TOO_LARGE => {
            too_large()
        }
        JsonRejection::BytesRejection(_) => "the request's body broke off".to_owned(),
        other => {
            let text = other.body_text();
            let said = text.strip_prefix("Failed to parse the request body as JSON: ");
            format!("the document is no JSON: {}", said.unwrap_or(&text))
        }
    }
}
