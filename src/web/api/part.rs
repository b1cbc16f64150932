//! The parts of a message, decoded.

use axum::Json;
use axum::extract::State;
use axum::http::header::{CONTENT_DISPOSITION, CONTENT_SECURITY_POLICY, CONTENT_TYPE};
use axum::response::{IntoResponse as _, Response};
use serde::Serialize;
use utoipa::ToSchema;

use super::extract::{Nothing, Path, Query};
use super::messages::get;
use super::{Api, aside, no};
use crate::capture::Parts;
use crate::web::Problem;

#[derive(Serialize, ToSchema)]
pub(super) struct PartList {
    /// Those that hold something, in their order. A forwarded message is one part.
    parts: Vec<Part>,
    /// Parts that are not listed, at least.
    more: usize,
}

#[derive(Serialize, ToSchema)]
struct Part {
    /// Its place, from 0.
    number: usize,
    #[schema(example = "text/html")]
    media_type: String,
    charset: Option<String>,
    /// The file name that it was given. A peer chose it.
    name: Option<String>,
    /// Meant to be saved, not shown.
    attachment: bool,
    /// Its Content-ID, by which HTML beside it refers to it.
    content_id: Option<String>,
    /// As they came, encoded.
    octets: usize,
    /// What it holds.
    decoded_octets: usize,
}

/// The parts of a message
#[utoipa::path(
    get, path = "/messages/{id}/parts", operation_id = "listParts", tag = "Messages",
    params(("id" = String, Path, description = "Its id or its number, as lists give them, or `latest`")),
    responses(
        (status = 200, description = "The first of them", body = PartList),
        (status = 404, description = "There is none", body = Problem,
            content_type = "application/problem+json"),
    )
)]
pub(super) async fn list(
    State(api): State<Api>,
    Path(id): Path<String>,
    _: Query<Nothing>,
) -> Result<Json<PartList>, Problem> {
    let message = get(&api, &id).await?.message;
    aside(move || {
        let Parts { listed, more } = Parts::of(&message.content);
        let parts = listed.into_iter().enumerate().map(|(number, part)| Part {
            number,
            octets: part.octets(),
            decoded_octets: part.decoded().len(),
            media_type: part.kind,
            charset: part.charset,
            name: part.name,
            attachment: part.attachment,
            content_id: part.id,
        });
        Json(PartList { parts: parts.collect(), more })
    })
    .await
}

/// One part of a message, decoded
#[utoipa::path(
    get, path = "/messages/{id}/parts/{number}", operation_id = "getPart", tag = "Messages",
    params(
        ("id" = String, Path, description = "Its id or its number, as lists give them, or `latest`"),
        ("number" = u32, Path, description = "Its place, from 0"),
    ),
    responses(
        (status = 200, description = "What it holds", body = Vec<u8>, content_type = "*/*"),
        (status = 404, description = "There is none", body = Problem,
            content_type = "application/problem+json"),
    )
)]
pub(super) async fn one(
    State(api): State<Api>,
    Path((id, number)): Path<(String, u32)>,
    _: Query<Nothing>,
) -> Result<Response, Problem> {
    let message = get(&api, &id).await?.message;
    aside(move || {
        let parts = Parts::of(&message.content);
        let part =
            parts.listed.get(number as usize).ok_or_else(|| no("part", &number.to_string()))?;
        let name = part.name.clone().unwrap_or_else(|| format!("part-{number}"));
        let headers = [
            (CONTENT_TYPE, media_type(&part.kind, part.charset.as_deref())),
            (CONTENT_DISPOSITION, super::saved_as(&name)),
            // Whoever opens it in a browser sees it, and it does nothing.
            (CONTENT_SECURITY_POLICY, "sandbox; default-src 'none'".to_owned()),
        ];
        Ok((headers, part.decoded().into_owned()).into_response())
    })
    .await?
}

/// As the peer says, if a header can hold it.
fn media_type(kind: &str, charset: Option<&str>) -> String {
    let is_token = |text: &str| {
        let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$&-^_.+".contains(&byte);
        (1..=100).contains(&text.len()) && text.bytes().all(fits)
    };
    let sound = kind.split_once('/').is_some_and(|(kind, sub)| is_token(kind) && is_token(sub));
    match charset.filter(|charset| is_token(charset)) {
        _ if !sound => "application/octet-stream".to_owned(),
        Some(charset) if kind.starts_with("text/") => format!("{kind}; charset={charset}"),
        _ => kind.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::media_type;

    #[test]
    fn a_peer_cannot_write_headers() {
        assert_eq!(media_type("text/html", Some("utf-8")), "text/html; charset=utf-8");
        assert_eq!(media_type("text/html", Some("utf-8\r\nX: y")), "text/html");
        assert_eq!(media_type("image/png", Some("utf-8")), "image/png");
        for wrong in ["text", "text/", "/html", "te xt/html", "text/a\r\nb", "text/a/b"] {
            assert_eq!(media_type(wrong, None), "application/octet-stream", "{wrong:?}");
        }
    }
}
