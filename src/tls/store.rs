//! Where certificates live: one PEM file each, key included, readable by the owner only.

use std::fs::{self, DirBuilder, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use jiff::Timestamp;

use super::certificate::{Certificate, CertificateError, KeyKind};
use super::config::internal_transport;
use crate::connector::{ReceiveConnector, Server};

const INTERNAL: &str = "internal-transport.pem";
/// What the internal transport certificate is made for: Exchange servers alone look at it, and
/// they take either kind.
const INTERNAL_KEY: KeyKind = KeyKind::Ec;
/// Five years, as the self-signed certificates of public logs have.
const DAYS: u32 = 5 * 365;

/// The certificates of a server.
#[derive(Debug)]
pub struct Store {
    internal: Arc<Certificate>,
    /// The thumbprint of the one that should be in its place.
    not_loaded: Option<String>,
    smtp: Vec<Arc<Certificate>>,
    /// Thumbprints of those that are in memory only.
    unsaved: Vec<String>,
}

/// What [`Store::for_connector`] found.
#[derive(Clone, Debug)]
pub enum Choice {
    Found(Arc<Certificate>),
    /// Certificates hold the name, and all of them have expired.
    Expired(Arc<Certificate>),
    None,
}

impl Choice {
    pub fn usable(&self) -> Option<&Arc<Certificate>> {
        match self {
            Self::Found(certificate) => Some(certificate),
            Self::Expired(_) | Self::None => None,
        }
    }
}

#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    #[error("{}: {error}", path.display())]
    Io { path: PathBuf, error: io::Error },
    #[error("{}: {error}", path.display())]
    Certificate { path: PathBuf, error: CertificateError },
}

impl Store {
    /// Opens the store in the folder `certs` of `state`, and puts there what is missing of a
    /// fresh server's: an internal transport certificate, and an SMTP certificate that holds
    /// `fqdn`, with a key of this kind.
    pub fn open(
        state: &Path,
        name: &str,
        fqdn: &str,
        key: KeyKind,
        now: SystemTime,
    ) -> Result<Self, StoreError> {
        let folder = state.join("certs");
        create_private(&folder)?;
        let mut store = Self::read(state, name, fqdn, now)?;
        let own = own_names(name, fqdn);
        let internal = folder.join(INTERNAL);
        if !internal.exists() {
            write_private(&internal, &generate(&internal, &own, INTERNAL_KEY, now)?)?;
            store.internal = read(&internal)?;
        }
        // A file whose key is of no use is left to whoever can mend it.
        let ephemeral =
            store.not_loaded.is_some().then(|| store.internal.details.thumbprint.clone());
        if let Some(unsaved) =
            store.smtp.iter_mut().find(|c| store.unsaved.contains(&c.details.thumbprint))
        {
            *unsaved = add(state, &own, DAYS, key, now)?.1;
        }
        store.unsaved = ephemeral.into_iter().collect();
        Ok(store)
    }

    /// The same without writing anything: what is missing is made in memory.
    pub fn read(state: &Path, name: &str, fqdn: &str, now: SystemTime) -> Result<Self, StoreError> {
        let folder = state.join("certs");
        let mut store = Self::ephemeral(name, fqdn, now)?;
        let internal = folder.join(INTERNAL);
        if internal.exists() {
            match read_internal(&internal)? {
                Internal::Usable(certificate) => store.internal = certificate,
                Internal::Keyless { thumbprint } => store.not_loaded = Some(thumbprint),
            }
        }
        let files = if folder.exists() { smtp_files(&folder)? } else { Vec::new() };
        let saved: Vec<_> = files.iter().map(|path| read(path)).collect::<Result<_, _>>()?;
        if saved.iter().any(|certificate| certificate.is_for(fqdn)) {
            store.smtp.clear();
        }
        store.smtp.extend(saved);
        Ok(store)
    }

    /// A store in memory, with what a fresh server has. Its keys are EC, as they live for a
    /// moment: an RSA key would take longer to make than many a test takes in all.
    pub fn ephemeral(name: &str, fqdn: &str, now: SystemTime) -> Result<Self, StoreError> {
        let make = || {
            let path = Path::new("(memory)");
            parse(path, &generate(path, &own_names(name, fqdn), KeyKind::Ec, now)?)
        };
        let (internal, smtp) = (make()?, make()?);
        let unsaved = vec![internal.details.thumbprint.clone(), smtp.details.thumbprint.clone()];
        Ok(Self { internal, not_loaded: None, smtp: vec![smtp], unsaved })
    }

    /// Makes an SMTP certificate for `names` and puts it into the store in `state`.
    pub fn create(
        state: &Path,
        names: &[String],
        days: u32,
        key: KeyKind,
        now: SystemTime,
    ) -> Result<(PathBuf, Arc<Certificate>), StoreError> {
        create_private(&state.join("certs"))?;
        add(state, names, days, key, now)
    }

    /// Whether `certificate` is in a file; the next start of a daemon makes its like otherwise.
    pub fn is_saved(&self, certificate: &Certificate) -> bool {
        !self.unsaved.contains(&certificate.details.thumbprint)
    }

    /// The internal transport certificate.
    pub fn internal(&self) -> &Arc<Certificate> {
        &self.internal
    }

    /// The thumbprint of an internal transport certificate whose key is missing or of no use;
    /// one in memory takes its place, as on Exchange (event 12024).
    pub fn not_loaded(&self) -> Option<&str> {
        self.not_loaded.as_deref()
    }

    pub fn smtp(&self) -> &[Arc<Certificate>] {
        &self.smtp
    }

    /// The certificate for STARTTLS on `connector`. A TlsCertificateName chooses among all of
    /// them, as Exchange does not ask there whether a certificate is for SMTP
    /// (Set-ReceiveConnector); else it is an SMTP certificate that holds the FQDN.
    pub fn for_connector(
        &self,
        connector: &ReceiveConnector,
        server: &Server,
        now: Timestamp,
    ) -> Choice {
        match &connector.tls_certificate_name {
            Some(name) => {
                let all = self.smtp.iter().chain([&self.internal]);
                newest(all.filter(|c| name.is_of(&c.details.issuer, &c.details.subject)), now)
            }
            None => self.for_fqdn(server.fqdn_of(connector), now),
        }
    }

    /// The SMTP certificate for a connector called `fqdn`: of those that hold the name and
    /// have not expired, the newest.
    pub fn for_fqdn(&self, fqdn: &str, now: Timestamp) -> Choice {
        newest(self.smtp.iter().filter(|certificate| certificate.is_for(fqdn)), now)
    }
}

fn newest<'a>(matching: impl Iterator<Item = &'a Arc<Certificate>>, now: Timestamp) -> Choice {
    // The newest last, and before all of them those that have expired.
    let rank = |certificate: &&Arc<Certificate>| {
        (!certificate.is_expired(now), certificate.details.not_before)
    };
    match matching.max_by_key(rank) {
        Some(certificate) if certificate.is_expired(now) => {
            Choice::Expired(Arc::clone(certificate))
        }
        Some(certificate) => Choice::Found(Arc::clone(certificate)),
        None => Choice::None,
    }
}

/// The NetBIOS name is the subject, as on the self-signed certificate that setup makes.
fn own_names(name: &str, fqdn: &str) -> Vec<String> {
    vec![name.to_owned(), fqdn.to_owned()]
}

fn add(
    state: &Path,
    names: &[String],
    days: u32,
    key: KeyKind,
    now: SystemTime,
) -> Result<(PathBuf, Arc<Certificate>), StoreError> {
    let folder = state.join("certs");
    let pem = Certificate::generate(names, days, key, now)
        .map_err(|error| StoreError::Certificate { path: folder.clone(), error })?;
    let certificate = parse(&folder, &pem)?;
    let path = folder.join(format!("{}.pem", certificate.details.thumbprint));
    write_private(&path, &pem)?;
    Ok((path, certificate))
}

fn generate(
    path: &Path,
    names: &[String],
    key: KeyKind,
    now: SystemTime,
) -> Result<String, StoreError> {
    Certificate::generate(names, DAYS, key, now)
        .map_err(|error| StoreError::Certificate { path: path.to_owned(), error })
}

fn parse(path: &Path, pem: &str) -> Result<Arc<Certificate>, StoreError> {
    Certificate::from_pem(pem)
        .map(Arc::new)
        .map_err(|error| StoreError::Certificate { path: path.to_owned(), error })
}

fn read(path: &Path) -> Result<Arc<Certificate>, StoreError> {
    parse(path, &fs::read_to_string(path).map_err(at(path))?)
}

/// What the file of the internal transport certificate holds.
enum Internal {
    Usable(Arc<Certificate>),
    /// A certificate, and no key that is its own.
    Keyless {
        thumbprint: String,
    },
}

fn read_internal(path: &Path) -> Result<Internal, StoreError> {
    let pem = fs::read_to_string(path).map_err(at(path))?;
    let (_, details) = Certificate::chain_from_pem(&pem)
        .map_err(|error| StoreError::Certificate { path: path.to_owned(), error })?;
    let usable = parse(path, &pem).ok().filter(|found| internal_transport(found).is_ok());
    Ok(match usable {
        Some(certificate) => Internal::Usable(certificate),
        None => Internal::Keyless { thumbprint: details.thumbprint },
    })
}

/// Every `.pem` file of the folder but the internal one, in order of name.
fn smtp_files(folder: &Path) -> Result<Vec<PathBuf>, StoreError> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).map_err(at(folder))? {
        let path = entry.map_err(at(folder))?.path();
        let is_pem = path.extension().is_some_and(|extension| extension == "pem");
        if is_pem && path.file_name().is_some_and(|name| name != INTERNAL) {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

fn create_private(folder: &Path) -> Result<(), StoreError> {
    DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(at(folder))
}

/// Writes the file whole or not at all, mode 0600 from the start.
fn write_private(path: &Path, text: &str) -> Result<(), StoreError> {
    let temporary = path.with_extension(format!("tmp{}", std::process::id()));
    let written = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&temporary)
        .and_then(|mut file| file.write_all(text.as_bytes()).and_then(|()| file.sync_all()))
        .and_then(|()| fs::rename(&temporary, path));
    if written.is_err() {
        let _ = fs::remove_file(&temporary);
    }
    written.map_err(at(path))
}

fn at(path: &Path) -> impl Fn(io::Error) -> StoreError + use<'_> {
    move |error| StoreError::Io { path: path.to_owned(), error }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt as _;
    use std::time::Duration;

    #[test]
    fn a_fresh_store_has_two_certificates_and_keeps_them() {
        let state = tempfile::tempdir().unwrap();
        let open = || {
            Store::open(state.path(), "EX01", "ex01.contoso.test", KeyKind::Ec, SystemTime::now())
                .unwrap()
        };
        let first = open();
        assert!(first.internal().is_for("EX01"));
        assert!(matches!(first.for_fqdn("ex01.contoso.test", Timestamp::now()), Choice::Found(_)));
        assert!(matches!(first.for_fqdn("mail.contoso.test", Timestamp::now()), Choice::None));
        assert_eq!(open().internal().details.thumbprint, first.internal().details.thumbprint);
        for entry in fs::read_dir(state.path().join("certs")).unwrap() {
            assert_eq!(entry.unwrap().metadata().unwrap().permissions().mode() & 0o777, 0o600);
        }
    }

    #[test]
    fn the_newest_that_has_not_expired_is_taken() {
        let state = tempfile::tempdir().unwrap();
        let now = SystemTime::now();
        let names = ["mail.contoso.test".to_owned()];
        let old = now - Duration::from_secs(86_400 * 10);
        let create =
            |days, now| Store::create(state.path(), &names, days, KeyKind::Ec, now).unwrap().1;
        create(5, old);
        let choice = |store: &Store| store.for_fqdn(&names[0], Timestamp::now());
        let open =
            || Store::open(state.path(), "EX01", "ex01.contoso.test", KeyKind::Ec, now).unwrap();
        assert!(matches!(choice(&open()), Choice::Expired(_)));
        create(30, old);
        let newest = create(30, now);
        assert_eq!(choice(&open()).usable().unwrap().details.thumbprint, newest.details.thumbprint);
    }

    #[test]
    fn an_internal_certificate_without_its_key_is_replaced_in_memory_alone() {
        let state = tempfile::tempdir().unwrap();
        let now = SystemTime::now();
        let open =
            || Store::open(state.path(), "EX01", "ex01.contoso.test", KeyKind::Ec, now).unwrap();
        let old = open().internal().details.thumbprint.clone();
        let path = state.path().join("certs").join(INTERNAL);
        let whole = fs::read_to_string(&path).unwrap();
        let (certificate, _) = whole.split_once("-----BEGIN PRIVATE").unwrap();
        let other =
            generate(&path, &own_names("EX02", "ex02.contoso.test"), KeyKind::Ec, now).unwrap();
        let (_, others_key) = other.split_once("-----BEGIN PRIVATE").unwrap();
        for broken in
            [certificate.to_owned(), format!("{certificate}-----BEGIN PRIVATE{others_key}")]
        {
            fs::write(&path, &broken).unwrap();
            let store = open();
            assert_eq!(store.not_loaded(), Some(&old[..]));
            assert_ne!(store.internal().details.thumbprint, old);
            assert!(!store.is_saved(store.internal()));
            assert!(store.smtp().iter().all(|certificate| store.is_saved(certificate)));
            assert_eq!(fs::read_to_string(&path).unwrap(), broken);
        }
        fs::write(&path, whole).unwrap();
        assert_eq!(open().not_loaded(), None);
        fs::write(&path, "nonsense").unwrap();
        assert!(Store::open(state.path(), "EX01", "ex01.contoso.test", KeyKind::Ec, now).is_err());
    }

    #[test]
    fn a_broken_file_is_named() {
        let state = tempfile::tempdir().unwrap();
        fs::create_dir(state.path().join("certs")).unwrap();
        fs::write(state.path().join("certs/x.pem"), "nonsense").unwrap();
        let error =
            Store::open(state.path(), "EX01", "ex01.contoso.test", KeyKind::Ec, SystemTime::now())
                .unwrap_err();
        assert!(
            error.to_string().ends_with("certs/x.pem: it holds no certificate in PEM"),
            "{error}"
        );
    }
}
