//! The server that the clients talk to, and what it kept.

use std::net::SocketAddr;
use std::path::PathBuf;

use serde_json::Value;

use crate::support::{Daemon, Kept, kept};

/// Port 25 of a 2019 server: anybody may send to its domain.
pub const DEFAULT_FRONTEND: &str = r#"
    AuthMechanism = "Tls, Integrated, BasicAuth, BasicAuthRequireTLS, ExchangeServer"
    PermissionGroups = "AnonymousUsers, ExchangeServers, ExchangeLegacyServers"
"#;

/// Port 587 of a 2019 server: for users who log on.
pub const CLIENT_FRONTEND: &str = r#"
    AuthMechanism = "Tls, Integrated, BasicAuth, BasicAuthRequireTLS"
    PermissionGroups = "ExchangeUsers"
    EnableAuthGSSAPI = true
"#;

/// A connector that only peers behind a proxy can meet.
pub const BEHIND_A_PROXY: &str = r#"
    PermissionGroups = "AnonymousUsers"
    RemoteIPRanges = "10.0.0.0/24"

    [proxy_protocol]
    trust = ["127.0.0.0/8"]
"#;

/// A daemon with one connector, which keeps its messages in a folder.
pub struct Server {
    daemon: Daemon,
}

impl Server {
    /// Runs the front end connector with these parameters.
    pub fn start(parameters: &str) -> Self {
        Self::start_with(parameters, &[])
    }

    fn start_with(parameters: &str, environment: &[(&str, &str)]) -> Self {
        let toml = format!(
            r#"
            [[account]]
            name = 'CONTOSO\alice'
            password = "Passw0rd!"
            addresses = ["alice@contoso.test"]

            [[ReceiveConnector]]
            Name = "Frontend"
            TransportRole = "FrontendTransport"
            Bindings = "127.0.0.1:0"
            TarpitInterval = "00:00:00"
            AuthTarpitInterval = "00:00:00"
            {parameters}"#
        );
        let dir = tempfile::tempdir().unwrap();
        let folder = dir.path().join("mail");
        let capture = ["--capture", folder.to_str().unwrap()];
        Self { daemon: Daemon::start_in(dir, &toml, &capture, environment) }
    }

    pub fn address(&self) -> SocketAddr {
        self.daemon.address("Frontend")
    }

    pub fn port(&self) -> String {
        self.address().port().to_string()
    }

    /// The certificate that it shows after STARTTLS.
    pub fn certificate(&self) -> PathBuf {
        let certificates = std::fs::read_dir(self.daemon.dir().join("state/expsd/certs")).unwrap();
        let mut paths = certificates.map(|entry| entry.unwrap().path());
        paths.find(|path| !path.ends_with("internal-transport.pem")).unwrap()
    }

    pub fn messages(&self) -> Vec<Kept> {
        kept(&self.daemon.dir().join("mail"))
    }

    /// The one message that came.
    pub fn message(&self) -> Kept {
        let mut messages = self.messages();
        assert_eq!(messages.len(), 1, "{}", self.daemon.log());
        messages.remove(0)
    }
}

impl Kept {
    /// The command that started TLS, if any, and its version.
    pub fn tls(&self) -> Option<(&str, &str)> {
        let tls = self.facts["tls"].as_object()?;
        Some((tls["command"].as_str().unwrap(), tls["protocol"].as_str().unwrap()))
    }

    /// The account and the mechanism that proved it, if any.
    pub fn identity(&self) -> Option<(&str, &str)> {
        Some((self.facts["identity"].as_str()?, self.facts["mechanism"].as_str()?))
    }

    /// `sender > recipient, recipient`
    pub fn envelope(&self) -> String {
        let envelope = &self.facts["envelope"];
        let recipients = envelope["rcpt_to"].as_array().unwrap();
        let recipients: Vec<_> = recipients.iter().map(|r| r["to"].as_str().unwrap()).collect();
        format!("{} > {}", envelope["mail_from"].as_str().unwrap(), recipients.join(", "))
    }

    /// The address that the client came from, or that its proxy stated.
    pub fn remote(&self) -> SocketAddr {
        self.facts["remote"].as_str().unwrap().parse().unwrap()
    }

    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.content).unwrap()
    }

    pub fn fact(&self, name: &str) -> &Value {
        &self.facts[name]
    }
}

/// A Client Frontend connector in a Kerberos realm, and a client that alice has logged on to.
#[cfg(feature = "gssapi")]
pub struct Domain {
    pub server: Server,
    realm: expsd::lab::realm::Realm,
    dir: tempfile::TempDir,
}

#[cfg(feature = "gssapi")]
impl Domain {
    /// Adds `more` to the configuration. `None` where Kerberos is not installed.
    pub fn start(more: &str) -> Option<Self> {
        use expsd::lab::realm::{Credential, Principal, Realm};

        for name in ["krb5kdc", "kadmin.local", "kdb5_util", "kinit"] {
            crate::support::tool(name)?;
        }
        let services = ["smtp/ex01.contoso.test", "SMTPSVC/ex01.contoso.test", "smtp/localhost"];
        let mut principals = services.map(Principal::with_random_key).to_vec();
        principals.push(Principal::with_password("alice", "Passw0rd!"));
        let dir = tempfile::tempdir().unwrap();
        let [cache, keytab, none] =
            ["alice.cache", "ex01.keytab", "none"].map(|name| dir.path().join(name));
        let realm = Realm::start(&dir.path().join("realm"), "CONTOSO.TEST", &principals).unwrap();
        realm.keytab(&keytab, &services).unwrap();
        realm.login("alice", Credential::Password("Passw0rd!"), &cache).unwrap();

        let keytab = keytab.display();
        let parameters = format!("{CLIENT_FRONTEND}\n[kerberos]\nkeytab = \"{keytab}\"\n{more}");
        let environment = realm.environment(&none);
        let environment: Vec<_> =
            environment.iter().map(|(name, value)| (*name, value.to_str().unwrap())).collect();
        let server = Server::start_with(&parameters, &environment);
        Some(Self { server, realm, dir })
    }

    /// The variables with which a program acts as alice.
    pub fn environment(&self) -> [(&'static str, std::ffi::OsString); 2] {
        self.realm.environment(&self.dir.path().join("alice.cache"))
    }
}
