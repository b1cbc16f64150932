//! Who may ask: a token, and no page of another site.

use std::net::{IpAddr, SocketAddr};

use axum::extract::{Request, State};
use axum::http::header::{AUTHORIZATION, HOST, ORIGIN, WWW_AUTHENTICATE};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};

use super::Problem;
use crate::config::Token;

#[derive(Clone, Debug)]
pub(super) struct Guard {
    /// Whoever asks must come by a loopback name.
    loopback: bool,
    token: Option<Token>,
}

impl Guard {
    pub(super) fn new(address: SocketAddr, token: Option<Token>) -> Self {
        Self { loopback: address.ip().is_loopback(), token }
    }

    fn allows(&self, headers: &HeaderMap) -> Result<(), Problem> {
        let host = text(headers, &HOST);
        // A name that somebody points at loopback must not open it to his pages (DNS rebinding).
        if self.loopback && self.token.is_none() && !host.is_some_and(is_loopback_name) {
            let detail = "the Host is no name of loopback: ask by 127.0.0.1, [::1] or localhost";
            return Err(Problem::new(StatusCode::FORBIDDEN, detail));
        }
        let foreign = text(headers, &ORIGIN)
            .is_some_and(|origin| origin.split_once("://").map(|(_, authority)| authority) != host);
        let cross_site = text(headers, &SEC_FETCH_SITE) == Some("cross-site");
        if foreign || cross_site {
            let detail = "the request comes from a page of another site";
            return Err(Problem::new(StatusCode::FORBIDDEN, detail));
        }
        let Some(token) = &self.token else { return Ok(()) };
        let shown = text(headers, &AUTHORIZATION).and_then(|value| value.strip_prefix("Bearer "));
        match shown.is_some_and(|shown| token.is(shown)) {
            true => Ok(()),
            false => {
                let detail = "send the token of [http] as Authorization: Bearer …";
                Err(Problem::new(StatusCode::UNAUTHORIZED, detail))
            }
        }
    }
}

const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

fn text<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}

/// `localhost`, an address of loopback, each with or without a port.
fn is_loopback_name(host: &str) -> bool {
    let name = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|b| b.is_ascii_digit()) => name,
        _ => host,
    };
    let bare = name.strip_prefix('[').and_then(|name| name.strip_suffix(']')).unwrap_or(name);
    bare.eq_ignore_ascii_case("localhost") || bare.parse().is_ok_and(|ip: IpAddr| ip.is_loopback())
}

pub(super) async fn check(State(guard): State<Guard>, request: Request, next: Next) -> Response {
    match guard.allows(request.headers()) {
        Ok(()) => next.run(request).await,
        Err(problem) => {
            let unauthorized = problem.status == StatusCode::UNAUTHORIZED;
            let mut response = problem.into_response();
            if unauthorized {
                let bearer = HeaderValue::from_static("Bearer");
                response.headers_mut().insert(WWW_AUTHENTICATE, bearer);
            }
            response
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status(listen: &str, token: Option<&str>, headers: &[(&str, &str)]) -> Option<u16> {
        let guard = Guard::new(listen.parse().unwrap(), token.map(|token| token.parse().unwrap()));
        let headers = headers
            .iter()
            .map(|(name, value)| (name.parse().unwrap(), HeaderValue::from_str(value).unwrap()));
        guard.allows(&headers.collect()).err().map(|problem| problem.status.as_u16())
    }

    #[test]
    fn loopback_is_asked_by_its_own_names_only() {
        for host in ["127.0.0.1:8025", "127.1.2.3", "localhost:8025", "[::1]:8025", "LOCALHOST"] {
            assert_eq!(status("127.0.0.1:8025", None, &[("host", host)]), None, "{host}");
        }
        for host in ["rebind.example.test:8025", "10.0.0.5", "127.0.0.1.example.test", ""] {
            assert_eq!(status("127.0.0.1:8025", None, &[("host", host)]), Some(403), "{host}");
        }
        assert_eq!(status("127.0.0.1:8025", None, &[]), Some(403));
    }

    #[test]
    fn pages_of_other_sites_are_refused() {
        let ask =
            |name, value| status("127.0.0.1:8025", None, &[("host", "localhost"), (name, value)]);
        assert_eq!(ask("origin", "http://localhost"), None);
        assert_eq!(ask("sec-fetch-site", "same-origin"), None);
        assert_eq!(ask("origin", "http://evil.test"), Some(403));
        assert_eq!(ask("origin", "null"), Some(403));
        assert_eq!(ask("sec-fetch-site", "cross-site"), Some(403));
    }

    #[test]
    fn a_token_is_asked_for_where_there_is_one() {
        const TOKEN: &str = "0123456789abcdef";
        let ask = |value: &str| {
            let headers = [("host", "ex01.contoso.test"), ("authorization", value)];
            status("0.0.0.0:8025", Some(TOKEN), &headers)
        };
        assert_eq!(ask("Bearer 0123456789abcdef"), None);
        for wrong in ["Bearer 0123456789abcdeF", "Bearer", "Basic 0123456789abcdef", ""] {
            assert_eq!(ask(wrong), Some(401), "{wrong}");
        }
    }
}
