//! The style sheet, the script and the icon, as they stand beside this file.

use std::sync::LazyLock;

use aws_lc_rs::digest::{SHA256, digest};
use axum::extract::Path;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE, ETAG, IF_NONE_MATCH};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse as _, Response};

/// A file that is a part of the program.
#[derive(Debug)]
pub(super) struct Asset {
    name: &'static str,
    kind: &'static str,
    content: &'static str,
    /// By what is in it.
    tag: LazyLock<String>,
}

macro_rules! asset {
    ($name:literal, $kind:literal) => {
        Asset {
            name: $name,
            kind: $kind,
            content: include_str!(concat!("assets/", $name)),
            tag: LazyLock::new(|| tag(include_str!(concat!("assets/", $name)))),
        }
    };
}

pub(super) static STYLE: Asset = asset!("style.css", "text/css; charset=utf-8");
pub(super) static SCRIPT: Asset = asset!("live.js", "text/javascript; charset=utf-8");
static ICON: Asset = asset!("icon.svg", "image/svg+xml");

fn tag(content: &str) -> String {
    let digest = digest(&SHA256, content.as_bytes());
    digest.as_ref()[..8].iter().map(|octet| format!("{octet:02x}")).collect()
}

impl Asset {
    /// Its address, which is another one once its content is.
    pub(super) fn path(&self) -> String {
        format!("/assets/{}?{}", self.name, *self.tag)
    }
}

pub(super) async fn get(Path(name): Path<String>, headers: HeaderMap) -> Response {
    let Some(asset) = [&STYLE, &SCRIPT, &ICON].into_iter().find(|asset| asset.name == name) else {
        return StatusCode::NOT_FOUND.into_response();
    };
    let tag = format!("\"{}\"", *asset.tag);
    let caching = [(CACHE_CONTROL, "public, max-age=3600".to_owned()), (ETAG, tag.clone())];
    if headers.get(IF_NONE_MATCH).is_some_and(|known| known.as_bytes() == tag.as_bytes()) {
        return (StatusCode::NOT_MODIFIED, caching).into_response();
    }
    ([(CONTENT_TYPE, asset.kind)], caching, asset.content).into_response()
}
