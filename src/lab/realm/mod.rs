//! A throwaway MIT Kerberos realm for tests and teaching.
//!
//! [`ServerRealm`] is the realm of a configured server and its accounts, [`Realm`] one of any
//! principals.
//!
//! [`Realm::start`] creates a database with the principals asked for and runs `krb5kdc` on a free
//! loopback port, without root and without reading or changing the machine's own Kerberos
//! configuration: everything lives in one directory that the caller names, and the tools learn
//! about it through the environment only. The realm can then hand out keytabs, good and bad, log
//! clients in, and bend a client's clock, so that a GSSAPI acceptor can be shown each way in
//! which a Kerberos login fails.
//!
//! Any number of realms can run at once. The directory is left in place for inspection; remove it
//! when the realm has been dropped.
//!
//! The KDC ends with the [`Realm`], and also when the process that holds it dies without dropping
//! it; see [`Realm::start`].

mod ccache;
mod check;
mod config;
mod error;
mod folder;
mod kdc;
mod keytab;
mod server;
mod tools;

use std::ffi::OsString;
use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::net::SocketAddr;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

pub use self::error::RealmError;
use self::kdc::Kdc;
pub use self::server::{Fault, LeftOut, ServerRealm};
use self::tools::{Tool, Tools};

/// A running realm: a principal database and the KDC that serves it.
#[derive(Debug)]
pub struct Realm {
    name: String,
    dir: PathBuf,
    tools: Tools,
    kdc: Kdc,
}

/// A principal to create when the realm starts.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Principal {
    /// The name, without the realm: `alice`, `EX02$`, `SMTPSVC/ex01.contoso.test`.
    pub name: String,
    /// Where its keys come from.
    pub key: Key,
}

/// The source of a principal's long-term keys.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Key {
    /// Keys derived from a password, as people have them.
    Password(String),
    /// Random keys, as services have them; they leave the database through a keytab only.
    Random,
}

/// What a client proves its identity with in [`Realm::login`].
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Credential<'a> {
    /// A password.
    Password(&'a str),
    /// A keytab file that holds the client's key.
    Keytab(&'a Path),
}

impl Principal {
    /// A principal whose keys are derived from `password`.
    pub fn with_password(name: impl Into<String>, password: impl Into<String>) -> Self {
        Self { name: name.into(), key: Key::Password(password.into()) }
    }

    /// A principal with random keys.
    pub fn with_random_key(name: impl Into<String>) -> Self {
        Self { name: name.into(), key: Key::Random }
    }
}

impl Realm {
    /// Creates the realm `name` with `principals` in `dir`, and waits until its KDC answers.
    ///
    /// `dir` is created if it does not exist; it must not hold a realm already. Its path must be
    /// UTF-8 and free of what the Kerberos configuration cannot express: control characters, `:`
    /// (it separates the paths in `KRB5_CONFIG`), `"`, `%{` and a space at the end.
    ///
    /// The KDC is a child of this process and ends when the `Realm` is dropped. Should the process
    /// die before that, by a signal or an abort, a watcher that holds the other end of a pipe
    /// notices and ends the KDC.
    ///
    /// # Errors
    ///
    /// [`RealmError::ToolsMissing`] says which Debian package to install. A name or password that
    /// the tools could not be given faithfully is refused before anything is created.
    pub fn start(dir: &Path, name: &str, principals: &[Principal]) -> Result<Self, RealmError> {
        check::realm(name)?;
        for principal in principals {
            check::principal(&principal.name)?;
            if let Key::Password(password) = &principal.key {
                check::password(password)?;
            }
        }
        Tool::require(&REQUIRED)?;
        let dir = folder::usable(dir)?;
        if dir.join(config::DATABASE).exists() {
            let reason = "holds a realm already";
            return Err(RealmError::Directory { path: dir, reason });
        }

        let tools = Tools::new(dir.join("krb5.conf"), dir.join("kdc.conf"));
        write_private(&dir.join("kdc.conf"), config::kdc_conf(name, &dir).as_bytes())?;
        // The tools that make the database want a client configuration, but not yet the port.
        let bootstrap = config::krb5_conf(name, &dir, None);
        write_private(&dir.join("krb5.conf"), bootstrap.as_bytes())?;

        // The master key only guards a database that is thrown away, so it may be well known.
        tools.run(Tool::Kdb5Util, ["-r", name, "create", "-s", "-W", "-P", "master"], None)?;
        add_principals(&tools, name, principals)?;

        let kdc = Kdc::start(&tools, name, &dir, |address| {
            write_private(
                &dir.join("kdc.conf"),
                (config::kdc_conf(name, &dir) + &config::kdc_listen_conf(address)).as_bytes(),
            )?;
            write_private(
                &dir.join("krb5.conf"),
                config::krb5_conf(name, &dir, Some(address)).as_bytes(),
            )
        })?;

        Ok(Self { name: name.to_owned(), dir, tools, kdc })
    }

    /// The realm's name, such as `CONTOSO.TEST`.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The `krb5.conf` with which a client or an acceptor belongs to this realm.
    pub fn krb5_conf(&self) -> &Path {
        self.tools.krb5_conf()
    }

    /// The loopback address where the KDC listens, on TCP only.
    pub fn kdc_address(&self) -> SocketAddr {
        self.kdc.address()
    }

    /// The process id of the KDC.
    pub fn kdc_process(&self) -> u32 {
        self.kdc.id()
    }

    /// Whether the KDC ended by itself, and how.
    pub fn kdc_ended(&mut self) -> Option<RealmError> {
        self.kdc.ended()
    }

    /// The variables that make a process a client of this realm with the tickets in `cache`.
    pub fn environment(&self, cache: &Path) -> [(&'static str, OsString); 2] {
        [("KRB5_CONFIG", self.krb5_conf().into()), ("KRB5CCNAME", tools::file_name(cache))]
    }

    /// Writes the current keys of `principals` to a new keytab `file` of mode 0600.
    ///
    /// The keys are exported as they are, so keytabs written earlier stay good. An existing file
    /// is replaced.
    pub fn keytab(&self, file: &Path, principals: &[&str]) -> Result<(), RealmError> {
        write_private(file, &self.export_keys(principals)?)
    }

    /// Writes a keytab with the right names, key versions and key types, but wrong keys.
    ///
    /// An acceptor that uses it finds an entry for each ticket and then fails to decrypt the
    /// ticket, as after a password was set on one side only.
    pub fn wrong_keytab(&self, file: &Path, principals: &[&str]) -> Result<(), RealmError> {
        let mut keytab = self.export_keys(principals)?;
        keytab::spoil_keys(&mut keytab)
            .map_err(|reason| RealmError::Keytab { path: file.to_owned(), reason })?;
        write_private(file, &keytab)
    }

    /// Gives `principal` new random keys under the next key version.
    ///
    /// Keytabs written before now hold old keys, and a password no longer works. A client that
    /// holds a ticket for the principal goes on to present that ticket, made with the old key,
    /// until it logs in again.
    pub fn rotate_key(&self, principal: &str) -> Result<(), RealmError> {
        check::principal(principal)?;
        self.tools.run(
            Tool::KadminLocal,
            ["-r", &self.name, "change_password", "-randkey", principal],
            None,
        )?;
        Ok(())
    }

    /// Takes `principal` out of the database, so that nobody gets a ticket for it any more.
    pub fn remove_principal(&self, principal: &str) -> Result<(), RealmError> {
        check::principal(principal)?;
        self.tools.run(
            Tool::KadminLocal,
            ["-r", &self.name, "delete_principal", "-force", principal],
            None,
        )?;
        Ok(())
    }

    /// Gets a ticket-granting ticket for `principal` into `cache`, which is made anew.
    pub fn login(
        &self,
        principal: &str,
        credential: Credential<'_>,
        cache: &Path,
    ) -> Result<(), RealmError> {
        check::principal(principal)?;
        let mut arguments: Vec<OsString> = vec!["-c".into(), tools::file_name(cache)];
        let input = match credential {
            Credential::Password(password) => {
                check::password(password)?;
                Some(format!("{password}\n"))
            }
            Credential::Keytab(file) => {
                arguments.extend(["-k".into(), "-t".into(), tools::file_name(file)]);
                None
            }
        };
        arguments.push(self.qualified(principal).into());
        // An old cache may bring along a skewed clock, by which kinit would date its request.
        remove(cache)?;
        self.tools.run(Tool::Kinit, arguments, input)?;
        Ok(())
    }

    /// Gets a ticket for `service` into `cache`, which holds a login, and returns the version of
    /// the key that the ticket is encrypted with.
    pub fn service_ticket(&self, service: &str, cache: &Path) -> Result<u32, RealmError> {
        check::principal(service)?;
        let output = self.tools.run(
            Tool::Kvno,
            ["-c".into(), tools::file_name(cache), OsString::from(self.qualified(service))],
            None,
        )?;
        output
            .stdout
            .rsplit_once("kvno = ")
            .and_then(|(_, version)| version.trim().parse().ok())
            .ok_or_else(|| output.into_error(Tool::Kvno))
    }

    /// Makes the owner of the FILE credential cache `cache` believe that the KDC's clock is
    /// `seconds` ahead of its own, or behind when negative.
    ///
    /// A Kerberos client dates its authenticators by the KDC's clock as it learned it at login, so
    /// those it makes from this cache are off by as much. That includes requests to the KDC, which
    /// then refuses them too: fetch the tickets of interest first, with
    /// [`Realm::service_ticket`]. A new login into the cache undoes the skew.
    ///
    /// Skews beyond the tolerated 300 seconds are best positive. With a clock that far behind, the
    /// client itself takes a fresh ticket as not yet valid and makes no authenticator from it.
    pub fn skew_cache(cache: &Path, seconds: i32) -> Result<(), RealmError> {
        let bytes = fs::read(cache).map_err(|source| RealmError::io("read", cache, source))?;
        let skewed = ccache::with_time_offset(&bytes, seconds)
            .map_err(|reason| RealmError::CredentialCache { path: cache.to_owned(), reason })?;
        write_private(cache, &skewed)
    }

    fn export_keys(&self, principals: &[&str]) -> Result<Vec<u8>, RealmError> {
        let scratch = tools::scratch_file(&self.dir);
        let mut arguments: Vec<OsString> =
            ["-r", &self.name, "ktadd", "-norandkey", "-k"].map(OsString::from).into();
        arguments.push(scratch.clone().into());
        for principal in principals {
            check::principal(principal)?;
            arguments.push(principal.into());
        }
        let exported = self.tools.run(Tool::KadminLocal, arguments, None).and_then(|output| {
            // Here, too, the exit status does not tell of a principal that was left out.
            let complete = principals.iter().all(|principal| {
                output.stdout.contains(&format!("Entry for principal {principal} with"))
            });
            if complete {
                fs::read(&scratch).map_err(|source| RealmError::io("read", &scratch, source))
            } else {
                Err(output.into_error(Tool::KadminLocal))
            }
        });
        // A failed export may have written some of the keys, or no file at all.
        let _ = fs::remove_file(&scratch);
        exported
    }

    fn qualified(&self, principal: &str) -> String {
        format!("{principal}@{}", self.name)
    }
}

/// Creates all principals in one run of `kadmin.local`.
fn add_principals(tools: &Tools, realm: &str, principals: &[Principal]) -> Result<(), RealmError> {
    if principals.is_empty() {
        return Ok(());
    }
    let mut script = String::new();
    for Principal { name, key } in principals {
        let key = match key {
            Key::Password(password) => format!("-pw {}", tools::quote(password)),
            Key::Random => "-randkey".to_owned(),
        };
        script += &format!("add_principal -clearpolicy {key} {}\n", tools::quote(name));
    }
    let output = tools.run(Tool::KadminLocal, ["-r", realm], Some(script))?;

    // A script goes on after a failed command and the exit status does not tell.
    let created = output
        .stdout
        .lines()
        .filter(|line| line.starts_with("Principal \"") && line.ends_with("\" created."))
        .count();
    if created == principals.len() { Ok(()) } else { Err(output.into_error(Tool::KadminLocal)) }
}

/// What a realm cannot run without.
const REQUIRED: [Tool; 3] = [Tool::Kdb5Util, Tool::KadminLocal, Tool::Krb5Kdc];

/// Replaces `path` by a file that only its owner can read.
fn write_private(path: &Path, contents: &[u8]) -> Result<(), RealmError> {
    remove(path)?;
    OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)
        .and_then(|mut file| file.write_all(contents))
        .map_err(|source| RealmError::io("write", path, source))
}

/// Removes `path` if it exists.
fn remove(path: &Path) -> Result<(), RealmError> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(RealmError::io("remove", path, error))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests;
