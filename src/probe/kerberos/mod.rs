//! What is to be known of Kerberos before a proof is tried: ticket, names, KDCs, clocks.

mod cache;
mod conf;
mod kdc;

use std::time::Duration;

use super::gssapi;
use super::plan::{Credentials, Mechanism as Wanted, Plan};
use super::report::{Kdc, Kerberos};
use super::token::TokenErrorKind;

use conf::{Conf, Place};

/// KDCs that are looked at.
const KDCS: usize = 6;

/// `host` is the server in the service's name. `None` where Kerberos is not what the sender
/// would prove itself by.
pub(super) async fn preflight(plan: &Plan, host: Option<&str>) -> Option<Kerberos> {
    let asked = match plan.mechanism {
        Wanted::XExpsGssapi | Wanted::Gssapi => true,
        Wanted::ExchangeServer => false,
        _ => return None,
    };
    let source = match (&plan.credentials, asked) {
        (Credentials::None, false) | (Credentials::Password { .. }, false) => return None,
        (credentials, _) => credentials,
    };
    let mut found =
        Kerberos { cache_ahead_s: cache_ahead(&plan.credentials), ..Kerberos::default() };
    match gssapi::services(source, host, plan.timeout).await {
        Ok((client, services)) => {
            found.realm = client.rsplit_once('@').map(|(_, realm)| realm.to_owned());
            (found.client, found.services) = (Some(client), services);
        }
        // Nobody asked for it, and there is none.
        Err(error) if !asked && error.kind == TokenErrorKind::NoCredentials => return None,
        Err(_) => {}
    }
    let conf = Conf::load();
    found.realm = found.realm.or_else(|| conf.default_realm.clone());
    if let Some(realm) = &found.realm {
        found.kdcs = visit(&conf, realm, plan.timeout).await;
    }
    Some(found)
}

fn cache_ahead(credentials: &Credentials) -> Option<i64> {
    match credentials {
        Credentials::Cache(Some(path)) => cache::ahead(path),
        Credentials::Cache(None) => cache::default_file().and_then(|path| cache::ahead(&path)),
        Credentials::None | Credentials::Password { .. } => None,
    }
}

/// Asks all at a time.
async fn visit(conf: &Conf, realm: &str, timeout: Duration) -> Vec<Kdc> {
    let places = conf.places(realm);
    let asked: Vec<_> = places
        .into_iter()
        .take(KDCS)
        .map(|place| {
            let realm = realm.to_owned();
            tokio::spawn(async move { look(place, &realm, timeout).await })
        })
        .collect();
    let mut found = Vec::new();
    for asked in asked {
        // An error is a panic in there, of which there is none.
        found.extend(asked.await.ok());
    }
    found
}

async fn look(place: Place, realm: &str, timeout: Duration) -> Kdc {
    let Place { host, port, passwords } = place;
    let mut kdc = Kdc {
        purpose: if passwords { "password changes" } else { "Kerberos" },
        host,
        port,
        known: true,
        reachable: false,
        problem: None,
        ahead_s: None,
    };
    let realm = (!passwords).then_some(realm);
    match kdc::visit(&kdc.host, port, realm, timeout).await {
        Ok(ahead) => (kdc.reachable, kdc.ahead_s) = (true, ahead),
        Err(kdc::KdcError::Unknown(why)) => (kdc.known, kdc.problem) = (false, Some(why)),
        Err(kdc::KdcError::Unreachable(why)) => kdc.problem = Some(why),
        Err(kdc::KdcError::NoAnswer(why)) => {
            (kdc.reachable, kdc.problem) = (true, Some(why));
        }
    }
    kdc
}
