//! The way in where a token is wanted: a browser shows it once, and is known by a cookie.

use std::sync::Arc;

use askama::Template;
use axum::extract::{Form, Query, State};
use axum::http::header::SET_COOKIE;
use axum::http::{StatusCode, Uri};
use axum::response::{IntoResponse as _, Redirect, Response};
use serde::Deserialize;

use super::Pages;
use super::shell::{Shell, page};
use super::text::encoded;

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Asked {
    /// Where to go then.
    next: String,
}

#[derive(Deserialize)]
#[serde(default)]
#[derive(Default)]
pub(super) struct Given {
    token: String,
    next: String,
}

#[derive(Template)]
#[template(path = "login.html")]
struct Login {
    shell: Shell,
    next: String,
    wrong: bool,
}

/// Leads a browser to the door.
pub(in crate::web) fn to_login(uri: &Uri) -> Response {
    let next = uri.path_and_query().map_or("/", |path| path.as_str());
    Redirect::to(&format!("/login?next={}", encoded(next))).into_response()
}

pub(super) async fn ask(State(pages): State<Arc<Pages>>, Query(asked): Query<Asked>) -> Response {
    match pages.guard.is_locked() {
        true => page(&Login { shell: Shell::bare(), next: asked.next, wrong: false }),
        false => Redirect::to("/").into_response(),
    }
}

pub(super) async fn enter(State(pages): State<Arc<Pages>>, Form(given): Form<Given>) -> Response {
    if !pages.guard.is_locked() {
        return Redirect::to("/").into_response();
    }
    let Some(cookie) = pages.guard.pass_for(given.token.trim()) else {
        let login = Login { shell: Shell::bare(), next: given.next, wrong: true };
        return (StatusCode::FORBIDDEN, page(&login)).into_response();
    };
    ([(SET_COOKIE, cookie)], Redirect::to(own(&given.next))).into_response()
}

pub(super) async fn leave(State(pages): State<Arc<Pages>>) -> Response {
    let to = Redirect::to("/login");
    match pages.guard.no_pass() {
        Some(cookie) => ([(SET_COOKIE, cookie)], to).into_response(),
        None => to.into_response(),
    }
}

/// A path of ours, whatever was asked for.
pub(super) fn own(next: &str) -> &str {
    let is_own = next.starts_with('/')
        && !next.starts_with("//")
        && next.bytes().all(|octet| octet.is_ascii_graphic() && octet != b'\\');
    if is_own { next } else { "/" }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_is_led_elsewhere() {
        assert_eq!(own("/messages/1?view=text"), "/messages/1?view=text");
        for foreign in ["", "//evil.test", "/\\evil.test", "https://evil.test", "/a\r\nb", "/\t/e"]
        {
            assert_eq!(own(foreign), "/", "{foreign}");
        }
    }
}
