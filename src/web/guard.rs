//! Who may ask: a token, and no page of another site.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::header::{ACCEPT, AUTHORIZATION, COOKIE, HOST, ORIGIN, WWW_AUTHENTICATE};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use subtle::ConstantTimeEq as _;
use uuid::Uuid;

use super::{Problem, pages};
use crate::config::Token;

#[derive(Clone, Debug)]
pub(super) struct Guard {
    /// Whoever asks must come by a loopback name.
    loopback: bool,
    lock: Option<Arc<Lock>>,
}

/// The token, and what a browser that has shown it shows from then on.
#[derive(Debug)]
struct Lock {
    token: Token,
    cookie: String,
    /// Made at each start: not the token, which a browser need not keep.
    pass: String,
}

impl Guard {
    pub(super) fn new(address: SocketAddr, token: Option<Token>) -> Self {
        let lock = token.map(|token| Lock {
            token,
            // Cookies of one host are shared by all its ports.
            cookie: format!("expsd-{}", address.port()),
            pass: format!("{}{}", Uuid::new_v4().simple(), Uuid::new_v4().simple()),
        });
        Self { loopback: address.ip().is_loopback(), lock: lock.map(Arc::new) }
    }

    /// Whether there is a token.
    pub(super) fn is_locked(&self) -> bool {
        self.lock.is_some()
    }

    /// The cookie for a browser that shows the token; `None` if it is wrong.
    pub(super) fn pass_for(&self, token: &str) -> Option<HeaderValue> {
        let Lock { token: right, cookie, pass } = &**self.lock.as_ref()?;
        let cookie = format!("{cookie}={pass}; Path=/; HttpOnly; SameSite=Strict");
        right.is(token).then(|| HeaderValue::from_str(&cookie).ok()).flatten()
    }

    /// The cookie that takes the pass away.
    pub(super) fn no_pass(&self) -> Option<HeaderValue> {
        let cookie = &self.lock.as_ref()?.cookie;
        let cookie = format!("{cookie}=; Path=/; HttpOnly; SameSite=Strict; Max-Age=0");
        HeaderValue::from_str(&cookie).ok()
    }

    /// No page of another site.
    fn site(&self, headers: &HeaderMap) -> Result<(), Problem> {
        let host = text(headers, &HOST);
        // A name that somebody points at loopback must not open it to his pages (DNS rebinding).
        if self.loopback && self.lock.is_none() && !host.is_some_and(is_loopback_name) {
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
        Ok(())
    }

    fn allows(&self, headers: &HeaderMap) -> Result<(), Problem> {
        self.site(headers)?;
        let Some(lock) = &self.lock else { return Ok(()) };
        let shown = text(headers, &AUTHORIZATION).and_then(bearer);
        if shown.is_some_and(|shown| lock.token.is(shown)) || lock.has_pass(headers) {
            return Ok(());
        }
        let detail = "send the token of [http] as Authorization: Bearer …";
        Err(Problem::new(StatusCode::UNAUTHORIZED, detail))
    }
}

impl Lock {
    fn has_pass(&self, headers: &HeaderMap) -> bool {
        let cookies = headers.get_all(COOKIE).iter().filter_map(|value| value.to_str().ok());
        let mut pairs = cookies.flat_map(|cookies| cookies.split(';')).map(str::trim);
        pairs.any(|pair| {
            let value = pair.strip_prefix(&*self.cookie).and_then(|rest| rest.strip_prefix('='));
            value.is_some_and(|value| value.as_bytes().ct_eq(self.pass.as_bytes()).into())
        })
    }
}

/// What is shown by a scheme whose name is written in any case (RFC 9110 §11.1).
fn bearer(credentials: &str) -> Option<&str> {
    let (scheme, shown) = credentials.split_once(' ')?;
    scheme.eq_ignore_ascii_case("Bearer").then(|| shown.trim_start_matches(' '))
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

/// Everything but signing in.
pub(super) async fn check(State(guard): State<Guard>, request: Request, next: Next) -> Response {
    match guard.allows(request.headers()) {
        Ok(()) => next.run(request).await,
        Err(problem) if problem.status == StatusCode::UNAUTHORIZED => {
            if is_for_a_person(&request) {
                return pages::to_login(request.uri());
            }
            let mut response = problem.into_response();
            let bearer = HeaderValue::from_static("Bearer");
            response.headers_mut().insert(WWW_AUTHENTICATE, bearer);
            response
        }
        Err(problem) => problem.into_response(),
    }
}

/// Signing in, and what it takes.
pub(super) async fn check_site(
    State(guard): State<Guard>,
    request: Request,
    next: Next,
) -> Response {
    match guard.site(request.headers()) {
        Ok(()) => next.run(request).await,
        Err(problem) => problem.into_response(),
    }
}

/// A browser that goes to a page.
pub(super) fn is_for_a_person(request: &Request) -> bool {
    let accept = text(request.headers(), &ACCEPT).unwrap_or_default();
    request.method() == Method::GET
        && accept.contains("text/html")
        && !request.uri().path().starts_with("/api/")
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
        for right in ["Bearer 0123456789abcdef", "bearer  0123456789abcdef"] {
            assert_eq!(ask(right), None, "{right}");
        }
        for wrong in ["Bearer 0123456789abcdeF", "Bearer", "Basic 0123456789abcdef", ""] {
            assert_eq!(ask(wrong), Some(401), "{wrong}");
        }
    }

    #[test]
    fn a_browser_shows_its_pass() {
        const TOKEN: &str = "0123456789abcdef";
        let guard = Guard::new("0.0.0.0:8025".parse().unwrap(), Some(TOKEN.parse().unwrap()));
        assert!(guard.pass_for("0123456789abcdeF").is_none());
        let pass = guard.pass_for(TOKEN).unwrap().to_str().unwrap().to_owned();
        assert!(pass.starts_with("expsd-8025=") && !pass.contains(TOKEN), "{pass}");
        let (pair, flags) = pass.split_once("; ").unwrap();
        assert_eq!(flags, "Path=/; HttpOnly; SameSite=Strict");
        let allows = |cookies: &str| {
            let cookies = HeaderValue::from_str(cookies).unwrap();
            guard.allows(&HeaderMap::from_iter([(COOKIE, cookies)])).is_ok()
        };
        assert!(allows(pair) && allows(&format!("a=b; {pair}")));
        for wrong in ["", "expsd-8025=", "expsd-8025", &pair[..20], &format!("x{pair}")] {
            assert!(!allows(wrong), "{wrong}");
        }
    }
}
