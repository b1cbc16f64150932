//! The daemon that the programs talk to.

use std::net::SocketAddr;
use std::path::PathBuf;

use crate::support::{Daemon, Kept, kept, wait_until};

pub const USER: &str = r"CONTOSO\alice";
pub const PASSWORD: &str = "Passw0rd!";

/// Each a connector of that name.
pub const POLICIES: [&str; 3] = ["None", "Allow", "Require"];

/// A daemon with a connector for each ExtendedProtectionPolicy, where users may log on and
/// relay.
pub struct Lab {
    pub daemon: Daemon,
}

impl Lab {
    /// Adds `more` to the configuration.
    pub fn start(more: &str) -> Self {
        Self::start_in(more, &[])
    }

    pub fn start_in(more: &str, environment: &[(&str, &str)]) -> Self {
        let mut toml = format!(
            r#"
            {more}
            [[account]]
            name = '{USER}'
            password = "{PASSWORD}"
            addresses = ["alice@contoso.test"]
            "#
        );
        for policy in POLICIES {
            toml += &format!(
                r#"
                [[ReceiveConnector]]
                Name = "{policy}"
                TransportRole = "FrontendTransport"
                Bindings = "127.0.0.1:0"
                AuthMechanism = "Tls, Integrated, BasicAuth, ExchangeServer"
                PermissionGroups = "ExchangeUsers"
                EnableAuthGSSAPI = true
                ExtendedProtectionPolicy = "{policy}"
                TarpitInterval = "00:00:00"
                AuthTarpitInterval = "00:00:00"
                "#
            );
        }
        let dir = tempfile::tempdir().unwrap();
        let folder = dir.path().join("mail");
        let capture = ["--capture", folder.to_str().unwrap()];
        Self { daemon: Daemon::start_in(dir, &toml, &capture, environment) }
    }

    /// Where bindings are not looked at.
    pub fn address(&self) -> SocketAddr {
        self.daemon.address("None")
    }

    pub fn port(&self) -> String {
        self.address().port().to_string()
    }

    fn mail(&self) -> PathBuf {
        self.daemon.dir().join("mail")
    }

    /// Who proved himself by what for each message that came.
    pub fn senders(&self) -> Vec<String> {
        let fact = |message: &Kept, name| message.facts[name].as_str().unwrap_or("-").to_owned();
        let sender = |message: &Kept| {
            format!("{} by {}", fact(message, "identity"), fact(message, "mechanism"))
        };
        kept(&self.mail()).iter().map(sender).collect()
    }

    /// What came of the first `count` proofs, in their order: connector, mechanism, and the
    /// package or the status of event 1035.
    pub fn outcomes(&self, count: usize) -> Vec<String> {
        wait_until(|| {
            let outcomes: Vec<_> = self.daemon.log().lines().filter_map(outcome).collect();
            (outcomes.len() >= count).then_some(outcomes)
        })
    }
}

fn outcome(line: &str) -> Option<String> {
    let between = |before: &str, after: &str| {
        let rest = line.split_once(before)?.1;
        Some(rest.split_once(after).map_or(rest, |(found, _)| found))
    };
    let connector = between("connector=\"", "\"")?;
    let (mechanism, result) = if line.contains(" authenticated account=") {
        let package = between("package=", " permissions=")?;
        (between("mechanism=", " ")?, package.split(',').next().unwrap_or(package))
    } else if line.contains("event=1035") {
        let mechanism = between("The authentication mechanism is ", ".")?;
        (mechanism, between("failed with error ", " for Receive connector ")?)
    } else {
        return None;
    };
    Some(format!("{connector} {mechanism} {result}"))
}

/// A lab in a Kerberos realm where alice has a password.
#[cfg(feature = "gssapi")]
pub struct Domain {
    pub lab: Lab,
    realm: expsd::lab::realm::Realm,
    dir: tempfile::TempDir,
}

#[cfg(feature = "gssapi")]
impl Domain {
    /// Adds `more` to the section `[kerberos]`. `None` where Kerberos is not installed.
    pub fn start(more: &str) -> Option<Self> {
        Self::start_with(more, expsd::lab::realm::Realm::keytab)
    }

    /// With a keytab that holds other keys than the tickets are made with.
    pub fn start_without_key(more: &str) -> Option<Self> {
        Self::start_with(more, expsd::lab::realm::Realm::wrong_keytab)
    }

    fn start_with(more: &str, keytab: MakeKeytab) -> Option<Self> {
        use expsd::lab::realm::{Principal, Realm};

        for name in ["krb5kdc", "kadmin.local", "kdb5_util", "kinit"] {
            crate::support::tool(name)?;
        }
        let services = ["smtp/localhost", "SMTPSVC/ex01.contoso.test"];
        let mut principals = services.map(Principal::with_random_key).to_vec();
        principals.push(Principal::with_password("alice", PASSWORD));
        let dir = tempfile::tempdir().unwrap();
        let realm = Realm::start(&dir.path().join("realm"), "CONTOSO.TEST", &principals).unwrap();
        let file = dir.path().join("ex01.keytab");
        keytab(&realm, &file, &services).unwrap();

        let toml = format!("[kerberos]\nkeytab = \"{}\"\n{more}", file.display());
        let environment = realm.environment(&dir.path().join("none"));
        let environment: Vec<_> =
            environment.iter().map(|(name, value)| (*name, value.to_str().unwrap())).collect();
        Some(Self { lab: Lab::start_in(&toml, &environment), realm, dir })
    }

    /// The variables of a program in the realm. It has no ticket until somebody logs in.
    pub fn environment(&self) -> [(&'static str, std::ffi::OsString); 2] {
        self.realm.environment(&self.dir.path().join("alice.cache"))
    }

    /// Gets alice a ticket; gives the files of the realm's configuration and of the ticket.
    pub fn log_in(&self) -> [String; 2] {
        let cache = self.dir.path().join("alice.cache");
        let credential = expsd::lab::realm::Credential::Password(PASSWORD);
        self.realm.login("alice", credential, &cache).unwrap();
        [self.realm.krb5_conf(), &cache].map(|path| path.display().to_string())
    }
}

#[cfg(feature = "gssapi")]
type MakeKeytab = fn(
    &expsd::lab::realm::Realm,
    &std::path::Path,
    &[&str],
) -> Result<(), expsd::lab::realm::RealmError>;
