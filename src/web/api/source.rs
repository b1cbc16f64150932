//! What a message consists of: its source, and its header.

use std::convert::Infallible;

use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::http::header::{CONTENT_DISPOSITION, CONTENT_LENGTH, CONTENT_TYPE};
use axum::response::{IntoResponse as _, Response};
use bytes::Bytes;
use futures_util::stream;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::Api;
use super::extract::{Nothing, Path, Query};
use super::messages::get;
use crate::smtp::header::{HeaderReader, Stripped};
use crate::web::Problem;

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct RawForm {
    #[serde(rename = "as")]
    #[param(inline)]
    as_: Option<As>,
}

#[derive(Clone, Copy, Default, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
enum As {
    /// With what the server stamps, without what the header firewall takes out.
    #[default]
    Delivered,
    /// Octet for octet as it came.
    Received,
}

/// The source of a message
#[utoipa::path(
    get, path = "/messages/{id}/raw", operation_id = "getMessageSource", tag = "Messages",
    params(("id" = String, Path, description = "Its id or its number, as lists give them, or `latest`"), RawForm),
    responses(
        (status = 200, description = "The message", body = String, content_type = "message/rfc822"),
        (status = 404, description = "There is none", body = Problem,
            content_type = "application/problem+json"),
    )
)]
pub(super) async fn raw(
    State(api): State<Api>,
    Path(id): Path<String>,
    Query(form, _): Query<RawForm>,
) -> Result<Response, Problem> {
    let message = get(&api, &id).await?.message;
    let pieces: Vec<Bytes> = match form.as_.unwrap_or_default() {
        As::Delivered => message.delivered_bytes().collect(),
        As::Received => vec![message.content.clone()],
    };
    let octets: usize = pieces.iter().map(Bytes::len).sum();
    let headers = [
        (CONTENT_TYPE, "message/rfc822".to_owned()),
        (CONTENT_LENGTH, octets.to_string()),
        (CONTENT_DISPOSITION, super::saved_as(&format!("{}.eml", message.id))),
    ];
    let body = Body::from_stream(stream::iter(pieces.into_iter().map(Ok::<_, Infallible>)));
    Ok((headers, body).into_response())
}

#[derive(Serialize, ToSchema)]
pub(super) struct Headers {
    /// What was stamped, then what came, in their order.
    headers: Vec<Header>,
}

#[derive(Serialize, ToSchema)]
struct Header {
    #[schema(example = "Subject")]
    name: String,
    /// Unfolded; what is not UTF-8 shows as U+FFFD.
    value: String,
    origin: Origin,
    /// What would have kept it, if the header firewall takes it out: a right, or a parameter.
    stripped_for: Option<String>,
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
enum Origin {
    /// The server put it on top.
    Stamped,
    /// It came with the message.
    Received,
}

/// The header fields of a message, those that are stripped among them
#[utoipa::path(
    get, path = "/messages/{id}/headers", operation_id = "getMessageHeaders", tag = "Messages",
    params(("id" = String, Path, description = "Its id or its number, as lists give them, or `latest`")),
    responses(
        (status = 200, description = "Each with where it comes from", body = Headers),
        (status = 404, description = "There is none", body = Problem,
            content_type = "application/problem+json"),
    )
)]
pub(super) async fn headers(
    State(api): State<Api>,
    Path(id): Path<String>,
    _: Query<Nothing>,
) -> Result<Json<Headers>, Problem> {
    let message = get(&api, &id).await?.message;
    let stamped = message.stamped.iter().map(|field| field.as_bytes());
    let mut headers: Vec<_> =
        stamped.flat_map(|field| fields(field, Origin::Stamped, &[])).collect();
    headers.extend(fields(&message.content, Origin::Received, &message.stripped));
    Ok(Json(Headers { headers }))
}

fn fields(block: &[u8], origin: Origin, stripped: &[Stripped]) -> Vec<Header> {
    let stamped = matches!(origin, Origin::Stamped);
    let mut reader = HeaderReader::default();
    let fields = std::iter::from_fn(|| reader.next(block, true));
    fields
        .map(|field| {
            let cut = stripped.binary_search_by_key(&field.at, |cut| cut.at).ok();
            let value: Vec<u8> =
                field.body().iter().copied().filter(|b| !matches!(b, b'\r' | b'\n')).collect();
            Header {
                name: String::from_utf8_lossy(field.name()).into_owned(),
                value: String::from_utf8_lossy(value.trim_ascii()).into_owned(),
                origin: if stamped { Origin::Stamped } else { Origin::Received },
                stripped_for: cut.map(|cut| stripped[cut].needs.to_string()),
            }
        })
        .collect()
}
