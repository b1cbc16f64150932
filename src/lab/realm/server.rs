//! The realm that a configured server and its accounts belong to.

use std::path::{Path, PathBuf};

use thiserror::Error;

use super::folder::Folder;
use super::tools::Tool;
use super::{Credential, Principal, REQUIRED, Realm, RealmError, check, config};
use crate::connector::Server;
use crate::directory::{Account, AccountName, Directory};

/// A running realm in which the configured accounts log in and get tickets for the server.
#[derive(Debug)]
pub struct ServerRealm {
    // The order matters: the KDC ends before the directory is let go.
    realm: Realm,
    folder: Folder,
    keytab: PathBuf,
    users: Vec<String>,
    services: Vec<String>,
    left_out: Vec<(AccountName, LeftOut)>,
    skewed: Vec<PathBuf>,
}

/// What is wrong in a realm, on purpose.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Fault {
    /// The keytab holds other keys than the KDC, under the right names and versions.
    WrongKey,
    /// The KDC has newer keys than the keytab.
    OldKey,
    /// The KDC does not know the services, as where Active Directory lacks the SPN.
    NoSpn,
    /// There is a credential cache for each user, which holds tickets for all services and makes
    /// the client's clock this many seconds fast.
    Skew(u32),
}

/// Why an account has no principal.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum LeftOut {
    /// Its keys cannot be derived.
    #[error("it has no password")]
    NoPassword,
    /// The daemon would not take the principal for this account.
    #[error("the principal {principal} is not this account's")]
    NotItsPrincipal {
        /// The principal that would be the account's by its user name.
        principal: String,
    },
    /// Its name or its password cannot be given to the Kerberos programs.
    #[error(transparent)]
    Unusable(RealmError),
}

impl ServerRealm {
    /// Starts the realm of `server`, named after its DNS domain, in `dir`.
    ///
    /// A directory that an earlier one was in is used anew, with new keys. See [`Realm::start`]
    /// for which paths are usable, and for how the KDC ends.
    ///
    /// # Errors
    ///
    /// [`RealmError::ToolsMissing`] says which Debian packages to install, before anything is
    /// written. [`RealmError::Foreign`] and [`RealmError::InUse`] protect what is in `dir`.
    pub fn start(
        dir: &Path,
        server: &Server,
        directory: &Directory,
        fault: Option<Fault>,
    ) -> Result<Self, RealmError> {
        check::server(&server.name)?;
        Tool::require(&REQUIRED)?;
        if let Some(Fault::Skew(_)) = fault {
            Tool::require(&[Tool::Kinit, Tool::Kvno])?;
        }
        let name = server.dns_domain().to_ascii_uppercase();
        let services = services(server);
        let mut users = Vec::new();
        let mut left_out = Vec::new();
        for account in &directory.accounts {
            match principal(account, directory, &name) {
                Ok(principal) => users.push(principal),
                Err(reason) => left_out.push((account.name.clone(), reason)),
            }
        }

        let keytab = format!("{}.keytab", server.name.to_ascii_lowercase());
        let caches: Vec<_> = match fault {
            Some(Fault::Skew(_)) => {
                users.iter().map(|(user, _)| format!("{user}.ccache")).collect()
            }
            _ => Vec::new(),
        };
        let names: Vec<_> = config::FILES
            .into_iter()
            .chain([&*keytab])
            .chain(caches.iter().map(|c| &**c))
            .collect();
        let folder = Folder::take(dir, &names)?;
        let principals: Vec<_> = users
            .iter()
            .map(|(user, password)| Principal::with_password(*user, *password))
            .chain(services.iter().map(Principal::with_random_key))
            .collect();
        let realm = Realm::start(folder.path(), &name, &principals)?;

        let this = Self {
            keytab: folder.path().join(keytab),
            skewed: caches.iter().map(|cache| folder.path().join(cache)).collect(),
            users: users.iter().map(|(user, _)| (*user).to_owned()).collect(),
            realm,
            folder,
            services,
            left_out,
        };
        this.write_keytab(fault)?;
        if let Some(Fault::Skew(seconds)) = fault {
            this.skew(&users, seconds)?;
        }
        Ok(this)
    }

    /// The realm itself.
    pub fn realm(&self) -> &Realm {
        &self.realm
    }

    /// The keytab for the server.
    pub fn keytab(&self) -> &Path {
        &self.keytab
    }

    /// The credential cache for clients, which is theirs to fill.
    pub fn cache(&self) -> PathBuf {
        self.folder.path().join(config::CCACHE)
    }

    /// The principals with passwords, in the order of their accounts.
    pub fn users(&self) -> &[String] {
        &self.users
    }

    /// The names by which clients ask for the server.
    pub fn services(&self) -> &[String] {
        &self.services
    }

    /// The accounts without a principal.
    pub fn left_out(&self) -> &[(AccountName, LeftOut)] {
        &self.left_out
    }

    /// The caches of [`Fault::Skew`], in the order of [`Self::users`].
    pub fn skewed_caches(&self) -> &[PathBuf] {
        &self.skewed
    }

    /// Whether the KDC ended by itself, and how.
    pub fn kdc_ended(&mut self) -> Option<RealmError> {
        self.realm.kdc_ended()
    }

    fn write_keytab(&self, fault: Option<Fault>) -> Result<(), RealmError> {
        let Self { realm, keytab, services, .. } = self;
        let names: Vec<_> = services.iter().map(String::as_str).collect();
        match fault {
            Some(Fault::WrongKey) => realm.wrong_keytab(keytab, &names),
            None | Some(Fault::Skew(_)) => realm.keytab(keytab, &names),
            Some(Fault::OldKey) => {
                realm.keytab(keytab, &names)?;
                names.iter().try_for_each(|name| realm.rotate_key(name))
            }
            Some(Fault::NoSpn) => {
                realm.keytab(keytab, &names)?;
                names.iter().try_for_each(|name| realm.remove_principal(name))
            }
        }
    }

    /// With a skewed cache no ticket is to be had from the KDC, so all are fetched first.
    fn skew(&self, users: &[(&str, &str)], seconds: u32) -> Result<(), RealmError> {
        let seconds = i32::try_from(seconds).unwrap_or(i32::MAX);
        for ((user, password), cache) in users.iter().zip(&self.skewed) {
            self.realm.login(user, Credential::Password(password), cache)?;
            for service in &self.services {
                self.realm.service_ticket(service, cache)?;
            }
            Realm::skew_cache(cache, seconds)?;
        }
        Ok(())
    }
}

/// Exchange servers ask for `SMTPSVC` (support.microsoft.com, KB 979174), SASL clients for `smtp`
/// (RFC 4954 §4). That `SMTP` and the short name are there as well is our choice: which names
/// Exchange's setup registers is not documented. A connector's own FQDN has none, which is one of
/// the causes that the article gives for a failed logon.
///
/// Active Directory compares names without regard to case, an MIT KDC does not; hence both forms.
fn services(server: &Server) -> Vec<String> {
    let mut hosts = Vec::new();
    for host in [&server.fqdn, &server.name] {
        for host in [host.to_ascii_lowercase(), host.clone()] {
            if !hosts.contains(&host) {
                hosts.push(host);
            }
        }
    }
    let of_host =
        |host: &String| ["SMTPSVC", "SMTP", "smtp"].map(|class| format!("{class}/{host}"));
    hosts.iter().flat_map(of_host).collect()
}

/// The principal of `account`, and its password.
fn principal<'a>(
    account: &'a Account,
    directory: &Directory,
    realm: &str,
) -> Result<(&'a str, &'a str), LeftOut> {
    let user = account.name.user();
    let password = account.password().ok_or(LeftOut::NoPassword)?;
    check::principal(user).and_then(|()| check::password(password)).map_err(LeftOut::Unusable)?;
    let principal = format!("{user}@{realm}");
    match directory.find_principal(&principal) {
        Some(found) if std::ptr::eq(found, account) => Ok((user, password)),
        _ => Err(LeftOut::NotItsPrincipal { principal }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn account(name: &str, password: Option<&str>) -> Account {
        Account::new(name.parse().unwrap(), password.map(str::to_owned))
    }

    #[test]
    fn a_server_has_the_names_that_clients_ask_for() {
        let services = services(&Server::default());
        for service in [
            "SMTPSVC/ex01.contoso.test",
            "SMTP/ex01.contoso.test",
            "smtp/ex01.contoso.test",
            "SMTPSVC/EX01",
            "SMTPSVC/ex01",
            "smtp/EX01",
        ] {
            assert!(services.iter().any(|s| s == service), "{service}: {services:?}");
        }
        assert_eq!(services.len(), 9);
    }

    #[test]
    fn accounts_that_cannot_have_a_principal_are_left_out_with_a_reason() {
        let directory = Directory {
            accounts: vec![
                account("CONTOSO\\alice", Some("x")),
                account("CONTOSO\\EX02$", Some("x")),
                account("CONTOSO\\bob", None),
                account("CONTOSO\\carol", Some("")),
                account("CONTOSO\\dave the 2nd", Some("x")),
                account("FABRIKAM\\erin", Some("x")),
                account("CONTOSO\\ALICE", Some("y")),
            ],
            ..Directory::default()
        };
        let reasons: Vec<_> = directory
            .accounts
            .iter()
            .map(|account| {
                principal(account, &directory, "CONTOSO.TEST").err().map(|e| e.to_string())
            })
            .collect();
        let reason = |index: usize| reasons[index].as_deref();
        assert_eq!([reason(0), reason(1)], [None, None]);
        assert_eq!(reason(2), Some("it has no password"));
        assert_eq!(reason(3), Some("cannot use the password: it is empty"));
        assert!(reason(4).unwrap().contains("has a space"));
        assert_eq!(reason(5), Some("the principal erin@CONTOSO.TEST is not this account's"));
        assert_eq!(reason(6), Some("the principal ALICE@CONTOSO.TEST is not this account's"));
    }

    #[test]
    fn a_server_name_that_is_a_path_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let server = Server { name: "../EX01".to_owned(), ..Server::default() };
        let inner = dir.path().join("inner");
        let error = ServerRealm::start(&inner, &server, &Directory::default(), None).unwrap_err();
        assert!(error.to_string().starts_with("cannot use the server name \"../EX01\""), "{error}");
        assert!(!inner.exists());
    }
}
