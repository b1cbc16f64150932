//! `[[webhook]]`: who is told over HTTP what happens.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use http::Uri;
use http::uri::Scheme;

use super::reader::Table;

/// `[[webhook]]`
#[derive(Clone, Debug)]
pub struct Webhook {
    pub url: WebhookUrl,
    /// Without one, nothing is signed.
    pub secret: Option<WebhookSecret>,
    /// What it is told.
    pub on: Vec<Trigger>,
}

/// Something that a webhook is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trigger {
    /// A message was kept.
    Message,
    /// A session met its first refusal.
    Refused,
    /// A session ended.
    Session,
    /// An event was recorded.
    Event,
}

impl Trigger {
    pub const ALL: [Self; 4] = [Self::Message, Self::Refused, Self::Session, Self::Event];

    pub fn name(self) -> &'static str {
        match self {
            Self::Message => "message",
            Self::Refused => "refused",
            Self::Session => "session",
            Self::Event => "event",
        }
    }
}

impl FromStr for Trigger {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let names = Self::ALL.map(Self::name).join(", ");
        let found = Self::ALL.into_iter().find(|trigger| trigger.name() == text);
        found.ok_or_else(|| format!("expected one of {names}"))
    }
}

/// An address to post to: `http://` or `https://`, and nobody's password.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WebhookUrl {
    pub is_https: bool,
    /// A name, or an address without brackets.
    pub host: String,
    pub port: u16,
    /// For the Host field.
    pub authority: String,
    /// With its query.
    pub path: String,
}

impl FromStr for WebhookUrl {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const EXPECTED: &str = "expected a URL such as https://ci.contoso.test/hook, with http or \
                                https, and no user name or password";
        let uri: Uri = text.parse().map_err(|_| EXPECTED)?;
        let is_https = uri.scheme() == Some(&Scheme::HTTPS);
        let authority = uri.authority().filter(|authority| !authority.as_str().contains('@'));
        let authority = authority.ok_or(EXPECTED)?;
        if !is_https && uri.scheme() != Some(&Scheme::HTTP) || authority.host().is_empty() {
            return Err(EXPECTED);
        }
        let host = authority.host();
        let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
        Ok(Self {
            is_https,
            host: bare.unwrap_or(host).to_owned(),
            port: authority.port_u16().unwrap_or(if is_https { 443 } else { 80 }),
            authority: authority.to_string(),
            path: uri.path_and_query().map_or("/", |path| path.as_str()).to_owned(),
        })
    }
}

/// Without the query, which may hold what nobody should read.
impl fmt::Display for WebhookUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.is_https { "https" } else { "http" };
        let path = self.path.split('?').next().unwrap_or_default();
        write!(f, "{scheme}://{}{path}", self.authority)
    }
}

/// The key of a signature: `whsec_` and base64 (Standard Webhooks 1.0.0), or the text itself.
#[derive(Clone, PartialEq, Eq)]
pub struct WebhookSecret(Arc<[u8]>);

impl WebhookSecret {
    pub fn key(&self) -> &[u8] {
        &self.0
    }
}

impl FromStr for WebhookSecret {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let key = match text.strip_prefix("whsec_") {
            Some(base64) => BASE64_STANDARD.decode(base64).ok(),
            None => Some(text.as_bytes().to_vec()),
        };
        let key = key.filter(|key| (16..=256).contains(&key.len()));
        key.map(|key| Self(key.into()))
            .ok_or("expected whsec_ and base64, or a text, of 16 to 256 octets")
    }
}

/// The secret is kept out of every log.
impl fmt::Debug for WebhookSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("WebhookSecret(…)")
    }
}

pub(super) fn read(table: &mut Table<'_, '_>) -> Option<Webhook> {
    let url = table.parse("url");
    let secret = table.parse("secret");
    let given = table.has("on");
    let on = table.list("on", str::parse);
    let on = if given { on } else { vec![Trigger::Message] };
    Some(Webhook { url: table.required("url", url)?, secret, on })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Configuration;

    #[test]
    fn a_url_is_taken_apart() {
        let url: WebhookUrl = "https://ci.contoso.test/hook?key=secret".parse().unwrap();
        assert_eq!(
            (&url.host[..], url.port, &url.path[..]),
            ("ci.contoso.test", 443, "/hook?key=secret")
        );
        assert_eq!(url.to_string(), "https://ci.contoso.test/hook");
        let url: WebhookUrl = "http://[::1]:9000".parse().unwrap();
        assert_eq!((&url.host[..], url.port, &url.path[..]), ("::1", 9000, "/"));
        for wrong in ["", "/hook", "ftp://a/b", "http://", "http://u:p@a/", "http://a b/", "a:9000"]
        {
            assert!(wrong.parse::<WebhookUrl>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_secret_is_long_enough_and_never_shown() {
        let plain: WebhookSecret = "0123456789abcdef".parse().unwrap();
        let encoded: WebhookSecret = "whsec_MDEyMzQ1Njc4OWFiY2RlZg==".parse().unwrap();
        assert_eq!(plain, encoded);
        assert_eq!(format!("{plain:?}"), "WebhookSecret(…)");
        for wrong in ["short", "whsec_MDEy", "whsec_0123456789abcdef0123456!"] {
            assert!(wrong.parse::<WebhookSecret>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn what_is_wrong_has_its_place() {
        let read = |text| Configuration::parse(text, "x.toml");
        let hooks = read("[[webhook]]\nurl = \"http://localhost:9000/\"\n").unwrap().webhooks;
        assert_eq!(hooks[0].on, [Trigger::Message]);
        let errors = read(
            "[[webhook]]\nurl = \"localhost\"\non = [\"mail\"]\n[[webhook]]\nsecret = \"x\"\n",
        );
        assert_eq!(
            errors.unwrap_err().to_string(),
            "x.toml:2: url of [[webhook]] has a wrong value (expected a URL such as https://ci.contoso.test/hook, \
             with http or https, and no user name or password)\n\
             x.toml:3: on of [[webhook]] has a wrong value (expected one of message, refused, session, event)\n\
             x.toml:4: [[webhook]] has no url (in this table); add url = …\n\
             x.toml:5: secret of [[webhook]] has a wrong value (expected whsec_ and base64, or a text, of 16 to 256 octets)"
        );
    }
}
