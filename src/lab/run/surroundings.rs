//! What surrounds a daemon: certificates, a Kerberos realm, tickets.

use std::collections::HashMap;
use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use tempfile::TempDir;
use tokio::net::TcpListener;

use super::{LOCALHOST, LabError, act};
use crate::config::Configuration;
use crate::lab::realm::{Credential, Fault, ServerRealm};
use crate::lab::scenario::{self, Proof, Scenario, Setting, Trouble};
use crate::tls::{Certificate, KeyKind, Store};

const DAY: Duration = Duration::from_secs(86_400);
/// How far a clock is off, in seconds; more than the 300 that Kerberos puts up with.
const SKEW: u32 = 600;

/// What the cast logs on to Kerberos with.
#[derive(Clone, Debug, Default)]
pub(super) struct Tickets {
    /// The client configuration.
    pub krb5_conf: PathBuf,
    /// A ticket cache for each account.
    pub caches: HashMap<String, PathBuf>,
}

/// An address where nobody listens. The port may be taken by another program later, which is
/// not likely while a lab runs.
pub(super) async fn nobody() -> Result<SocketAddr, LabError> {
    let bound = TcpListener::bind((LOCALHOST, 0)).await;
    let address = bound.and_then(|listener| listener.local_addr());
    address.map_err(|error| LabError::Source { from: LOCALHOST, error })
}

/// Whether the cast can come from where it says.
pub(super) async fn sources(scenario: &Scenario) -> Result<(), LabError> {
    for from in scenario.cast.iter().map(|cast| act::source(cast.from).0) {
        let bound = TcpListener::bind((from, 0)).await;
        bound.map_err(|error| LabError::Source { from, error })?;
    }
    Ok(())
}

/// Puts the certificates of `setting` into the store in `state`.
pub(super) fn certificates(setting: &Setting, state: &Path) -> Result<(), LabError> {
    for scenario::Certificate { names, made, valid } in &setting.certificates {
        let made = SystemTime::now() - DAY * *made;
        Store::create(state, names, *valid, KeyKind::Ec, made)?;
    }
    Ok(())
}

/// Makes the certificates of a peer of direct trust: NAME.pem, which it shows, and NAME-old.pem,
/// which it showed until it was renewed. Gives the first.
pub(super) fn direct_trust(
    scenario: &Scenario,
    folder: &Path,
    configuration: &mut Configuration,
) -> Result<Option<(PathBuf, Arc<Certificate>)>, LabError> {
    let mut shown = None;
    for cast in scenario.cast.iter().filter(|cast| cast.act == scenario::Act::DirectTrust) {
        let name = cast.name.to_ascii_lowercase();
        for (file, is_shown) in [(format!("{name}.pem"), true), (format!("{name}-old.pem"), false)]
        {
            let names = [cast.helo.clone()];
            let (path, certificate) =
                Store::create(&folder.join(&name), &names, 365, KeyKind::Ec, SystemTime::now())?;
            let to = folder.join(file);
            if let Err(error) = fs::rename(&path, &to) {
                return Err(LabError::File { path: to, error });
            }
            if is_shown {
                shown = Some((to, certificate));
            }
        }
    }
    for trust in &mut configuration.transport.direct_trust {
        trust.certificate = folder.join(&trust.certificate);
    }
    Ok(shown)
}

/// Starts the realm in `folder`, and logs in whoever of the cast shows a ticket.
pub(super) async fn realm(
    scenario: &'static Scenario,
    setting: &Setting,
    folder: &Arc<TempDir>,
    configuration: &Configuration,
    nobody: SocketAddr,
) -> Result<(ServerRealm, Tickets), LabError> {
    if cfg!(not(feature = "gssapi")) {
        return Err(LabError::NoKerberos);
    }
    let (server, directory) = (configuration.server.clone(), configuration.directory.clone());
    let (trouble, dir) = (setting.realm, folder.path().join("realm"));
    let start = move || -> Result<_, LabError> {
        let fault = match trouble {
            None | Some(Trouble::NoKdc) => None,
            Some(Trouble::NoSpn) => Some(Fault::NoSpn),
            Some(Trouble::OldKey) => Some(Fault::OldKey),
            Some(Trouble::Skew) => Some(Fault::Skew(SKEW)),
        };
        let realm = ServerRealm::start(&dir, &server, &directory, fault)?;
        let mut tickets =
            Tickets { krb5_conf: realm.realm().krb5_conf().to_owned(), caches: HashMap::new() };
        let logins = scenario.cast.iter().filter_map(|cast| cast.login.as_ref());
        for login in logins.filter(|login| login.proof == Proof::Kerberos) {
            let account = directory.find(&login.account);
            let (account, password) = account
                .and_then(|account| Some((account, account.password()?)))
                .ok_or_else(|| LabError::NoPassword(login.account.clone()))?;
            let user = account.name.user();
            let skewed = realm.users().iter().zip(realm.skewed_caches());
            let cache = match skewed.into_iter().find(|(of, _)| *of == user) {
                Some((_, cache)) => cache.clone(),
                None => {
                    let cache = dir.join("cast.ccache");
                    realm.realm().login(user, Credential::Password(password), &cache)?;
                    cache
                }
            };
            tickets.caches.insert(login.account.clone(), cache);
        }
        if trouble == Some(Trouble::NoKdc) {
            let lost = dir.join("lost.conf");
            let kdc = realm.realm().kdc_address().to_string();
            fs::read_to_string(&tickets.krb5_conf)
                .and_then(|text| fs::write(&lost, text.replace(&kdc, &nobody.to_string())))
                .map_err(|error| LabError::File { path: lost.clone(), error })?;
            tickets.krb5_conf = lost;
        }
        Ok((realm, tickets))
    };
    let folder = Arc::clone(folder);
    // Nobody may be there any more to take the realm. It ends then, and only after it the folder.
    let start = move || (start(), folder);
    let (started, _) =
        tokio::task::spawn_blocking(start).await.map_err(|_| LabError::RealmThread)?;
    started
}
