//! The configuration file: TOML whose names, where Exchange has them, are Exchange's.
//!
//! Everything wrong in a file is reported at once, each with its place, and before anything
//! listens. [`Configuration::default`] is what expsd runs without a file.

mod allow;
mod connectors;
mod draft;
mod error;
mod reader;
mod rules;
mod secret;
mod sections;
mod token;
mod webhook;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use ipnet::IpNet;

use crate::connector::{ByteSize, ReceiveConnector, Server, TimeSpan, Unlimited, default_set};
use crate::directory::{AcceptedDomain, Account, Directory, DomainType, Group};
use crate::rules::Rule;

pub use allow::Allow;
pub use draft::{Doubt, Draft, Places};
pub use error::{ConfigError, Problem};
pub use token::Token;
pub use webhook::{Trigger, Webhook, WebhookSecret, WebhookUrl};

/// What a daemon runs.
#[derive(Clone, Debug)]
pub struct Configuration {
    pub server: Server,
    pub connectors: Vec<ReceiveConnector>,
    /// The connectors are the default set of the server, not somebody's choice.
    pub default_connectors: bool,
    /// The accepted domains are the server's own domain, and not somebody's list.
    pub default_domains: bool,
    pub directory: Directory,
    pub kerberos: Kerberos,
    pub ntlm: Ntlm,
    pub transport: Transport,
    pub proxy_protocol: ProxyProtocol,
    pub capture: Capture,
    pub journal: Journal,
    pub http: Http,
    pub webhooks: Vec<Webhook>,
    /// `[[rule]]`, in their order.
    pub rules: Vec<Rule>,
}

/// `[kerberos]`
#[derive(Clone, Debug, Default)]
pub struct Kerberos {
    /// Without one, GSSAPI is offered and every proof fails.
    pub keytab: Option<PathBuf>,
    pub prompt: Prompt,
}

/// What follows the first `334` of a bare `AUTH GSSAPI` or `X-EXPS GSSAPI`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Prompt {
    /// `334 GSSAPI supported`
    #[default]
    Exchange,
    /// `334 `, for clients that decode the first challenge, as Cyrus SASL and gsasl do.
    Empty,
}

/// `[ntlm]`
#[derive(Clone, Copy, Debug, Default)]
pub struct Ntlm {
    /// `minimum = "v1"`: NTLMv1 and NTLM2 session responses are taken too.
    pub accept_v1: bool,
    /// A client that does not offer extended session security is refused at once.
    pub require_ntlm2_flag: bool,
}

/// `[TransportConfig]` and `[[direct_trust]]`: whom certificates make of a peer.
#[derive(Clone, Debug, Default)]
pub struct Transport {
    /// TLSReceiveDomainSecureList of Set-TransportConfig.
    pub domain_secure: Vec<String>,
    /// A file of certificates, in PEM, that partners' certificates must lead to.
    pub client_roots: Option<PathBuf>,
    /// ShadowRedundancyEnabled of Set-TransportConfig: on 2010 the reply to the end of data
    /// waits for MaxAcknowledgementDelay. Exchange has it on; here it is off unless asked for.
    pub shadow_redundancy: bool,
    pub direct_trust: Vec<DirectTrust>,
}

/// `[[direct_trust]]`: a peer that is known by its certificate.
#[derive(Clone, Debug)]
pub struct DirectTrust {
    pub certificate: PathBuf,
    pub role: Group,
}

/// `[proxy_protocol]`
#[derive(Clone, Debug, Default)]
pub struct ProxyProtocol {
    /// Peers that may state another source address. Nobody else may.
    pub trust: Vec<IpNet>,
}

/// `[capture]`
#[derive(Clone, Debug, Default)]
pub struct Capture {
    pub store: Store,
    /// In place of the store's own limits.
    pub max_messages: Option<Unlimited<u32>>,
    pub max_octets: Option<Unlimited<ByteSize>>,
    pub max_age: Option<Unlimited<TimeSpan>>,
}

/// Where messages are kept.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Store {
    #[default]
    Memory,
    Sqlite(PathBuf),
}

/// `[journal]`
#[derive(Clone, Debug)]
pub struct Journal {
    /// Without one, protocol logs, events and traces are not written to files.
    pub directory: Option<PathBuf>,
    pub protocol_log: ProtocolLog,
    /// Whether traces of sessions are written too.
    pub traces: bool,
}

impl Default for Journal {
    fn default() -> Self {
        Self { directory: None, protocol_log: ProtocolLog::default(), traces: true }
    }
}

/// Limits of the protocol log's files, as Set-TransportService has them for each service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ProtocolLog {
    /// ReceiveProtocolLogMaxAge; zero is for ever.
    pub max_age: TimeSpan,
    /// ReceiveProtocolLogMaxDirectorySize
    pub max_directory_size: Unlimited<ByteSize>,
    /// ReceiveProtocolLogMaxFileSize
    pub max_file_size: Unlimited<ByteSize>,
}

impl Default for ProtocolLog {
    /// Set-TransportService: 30 days, 250 MB, 10 MB.
    fn default() -> Self {
        Self {
            max_age: TimeSpan::from_secs(30 * 86_400),
            max_directory_size: Unlimited::Limited(ByteSize::mb(250)),
            max_file_size: Unlimited::Limited(ByteSize::mb(10)),
        }
    }
}

/// `[http]`
#[derive(Clone, Debug, Default)]
pub struct Http {
    pub listen: Option<SocketAddr>,
    /// Asked for beyond loopback.
    pub token: Option<Token>,
}

impl Default for Configuration {
    /// `EX01` of `contoso.test`, an Exchange 2019 with its default connectors, a user and
    /// another server.
    fn default() -> Self {
        Self::of(Server::default())
    }
}

impl Configuration {
    /// The default set of `server`, and its domain as the one accepted domain.
    pub fn of(server: Server) -> Self {
        Self {
            connectors: default_set(&server),
            default_connectors: true,
            default_domains: true,
            directory: Directory {
                accounts: default_accounts(),
                accepted_domains: own_domain(&server).into_iter().collect(),
                default_domain: server.netbios_domain(),
            },
            server,
            kerberos: Kerberos::default(),
            ntlm: Ntlm::default(),
            transport: Transport::default(),
            proxy_protocol: ProxyProtocol::default(),
            capture: Capture::default(),
            journal: Journal::default(),
            http: Http::default(),
            webhooks: Vec::new(),
            rules: Vec::new(),
        }
    }

    /// Reads the file at `path`. Relative paths in it are relative to its folder.
    pub fn load(path: &Path) -> Result<Self, ConfigError> {
        Draft::load(path)?.finish()
    }

    /// Reads `text`; `name` stands for it in errors.
    pub fn parse(text: &str, name: &str) -> Result<Self, ConfigError> {
        Draft::parse(text, name)?.finish()
    }
}

/// A user and another Exchange server, so that the first dialogues can log on.
fn default_accounts() -> Vec<Account> {
    let account = |name: &str, password: &str| {
        name.parse().ok().map(|name| Account::new(name, Some(password.to_owned())))
    };
    let alice = account("CONTOSO\\alice", "Passw0rd!")
        .map(|alice| alice.with_addresses(["alice@contoso.test"]));
    let ex02 = account("CONTOSO\\EX02$", "machine-secret")
        .map(|ex02| ex02.with_groups([Group::ExchangeServers]));
    alice.into_iter().chain(ex02).collect()
}

/// Whether these are the accounts of a daemon that runs without a file: their passwords are no
/// secrets.
pub(crate) fn are_built_in(accounts: &[Account]) -> bool {
    let built_in = default_accounts();
    let is = |(one, other): (&Account, &Account)| {
        one.name == other.name
            && one.password() == other.password()
            && one.addresses == other.addresses
            && one.member_of == other.member_of
    };
    built_in.len() == accounts.len() && built_in.iter().zip(accounts).all(is)
}

fn own_domain(server: &Server) -> Option<AcceptedDomain> {
    AcceptedDomain::new(server.dns_domain(), DomainType::Authoritative)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::connector::{ExchangeAuthRefusal, Principal, Rights, Version};

    const SAMPLE: &str = include_str!("../../tests/data/sample.toml");

    fn errors(text: &str) -> String {
        Configuration::parse(text, "x.toml").unwrap_err().to_string()
    }

    #[test]
    fn the_whole_sample_loads() {
        let configuration = Configuration::parse(SAMPLE, "sample.toml").unwrap();
        assert_eq!(configuration.server.version, Version::E2019);
        assert_eq!(configuration.server.exchange_auth_refusal, ExchangeAuthRefusal::Documented);
        let relay = &configuration.connectors[0];
        assert_eq!(relay.name, "App relay");
        assert_eq!(relay.remote_ip_ranges.len(), 3);
        assert_eq!(relay.ad_permissions[0].user, Principal::Anonymous);
        assert_eq!(relay.ad_permissions[0].rights, Rights::ACCEPT_ANY_RECIPIENT);
        assert!(configuration.directory.find("EX02$").unwrap().password().is_some());
        assert_eq!(configuration.rules[0].name(), "first mail is deferred");
        assert_eq!(configuration.kerberos.keytab.as_deref(), Some(Path::new("ex01.keytab")));
        assert_eq!(configuration.http.listen, Some(([127, 0, 0, 1], 8025).into()));
        assert_eq!(configuration.webhooks[0].on, [Trigger::Message, Trigger::Refused]);
        assert_eq!(configuration.journal.directory.as_deref(), Some(Path::new("logs")));
        assert_eq!(configuration.journal.protocol_log, ProtocolLog::default());
    }

    #[test]
    fn limits_of_the_journal_are_those_of_the_cmdlet() {
        let text = "[journal]\nReceiveProtocolLogMaxAge = \"00:00:00\"\n\
                    ReceiveProtocolLogMaxDirectorySize = \"Unlimited\"\n\
                    ReceiveProtocolLogMaxFileSize = 4096\n";
        let limits = Configuration::parse(text, "x.toml").unwrap().journal.protocol_log;
        assert_eq!(limits.max_age, TimeSpan::from_secs(0));
        assert_eq!(limits.max_directory_size, Unlimited::Unlimited);
        assert_eq!(limits.max_file_size, Unlimited::Limited(ByteSize(4096)));
        let text = "[journal]\nReceiveProtocolLogMaxFileSize = \"251 MB\"\n";
        let shown = errors(text);
        assert!(
            shown.contains("expected no more than ReceiveProtocolLogMaxDirectorySize has, 250 MB"),
            "{shown}"
        );
    }

    #[test]
    fn limits_of_kept_messages_are_values_as_elsewhere() {
        let text = "[capture]\nstore = \"sqlite:mail.db\"\nmax_messages = 5\n\
                    max_octets = \"1 MB\"\nmax_age = \"7.00:00:00\"\n";
        let capture = Configuration::parse(text, "x.toml").unwrap().capture;
        assert_eq!(capture.store, Store::Sqlite("mail.db".into()));
        assert_eq!(capture.max_messages, Some(Unlimited::Limited(5)));
        assert_eq!(capture.max_octets, Some(Unlimited::Limited(ByteSize::mb(1))));
        assert_eq!(capture.max_age, Some(Unlimited::Limited(TimeSpan::from_secs(7 * 86_400))));
        assert_eq!(
            errors("[capture]\nstore = \"sqlite:\"\nmax_octets = \"much\"\nmax_days = 7\n"),
            "x.toml:2: store of [capture] has a wrong value (expected \"memory\" or \"sqlite:FILE\")\n\
             x.toml:3: max_octets of [capture] has a wrong value (expected a size such as \"36 MB\", \"256 KB\" or a number of bytes or \"unlimited\")\n\
             x.toml:4: [capture] has no setting called max_days (unknown); did you mean max_age?"
        );
    }

    #[test]
    fn an_empty_file_is_the_default_set() {
        let configuration = Configuration::parse("", "x.toml").unwrap();
        assert_eq!(configuration.connectors.len(), 5);
    }

    #[test]
    fn everything_wrong_is_told_at_once_with_its_line() {
        let text = "[Server]\nVersion = \"2018\"\nColour = 1\n\n[[ReceiveConnector]]\nName = \"a\"\n\
                    Bindings = [\"0.0.0.0:25\", \"x\"]\nRequireTls = true\nMaxLogonFailures = 11\n";
        assert_eq!(
            errors(text),
            "x.toml:2: Version of [Server] has a wrong value (expected one of 2007, 2010, 2013, 2016, 2019)\n\
             x.toml:3: [Server] has no setting called Colour (unknown); known here: Name, Fqdn, Version, Role, ExchangeAuthRefusal\n\
             x.toml:7: Bindings of [[ReceiveConnector]] has a wrong value (expected an address and a port such as \"0.0.0.0:25\", \"[::]:25\" or \"10.0.0.5:25\")\n\
             x.toml:8: [[ReceiveConnector]] has no setting called RequireTls (unknown); did you mean RequireTLS?\n\
             x.toml:9: MaxLogonFailures of [[ReceiveConnector]] has a wrong value (expected a number from 0 to 10)"
        );
    }

    #[test]
    fn rules_and_conflicts_have_a_place() {
        let text = "[[ReceiveConnector]]\nName = \"a\"\nBindings = \"0.0.0.0:25\"\nAuthMechanism = \"None\"\n\
                    RequireTLS = true\n[[ReceiveConnector]]\nName = \"b\"\nBindings = \"0.0.0.0:25\"\n";
        let errors = errors(text);
        assert!(errors.contains("x.toml:5: RequireTLS of \"a\" breaks a rule"), "{errors}");
        assert!(errors.contains("x.toml:6: \"b\" conflicts with another connector"), "{errors}");
    }

    #[test]
    fn what_is_not_toml_or_not_there_says_so() {
        assert!(errors("[Server\n").starts_with("x.toml:1: this is not TOML"));
        assert!(errors("[[ReceiveConnector]]\nName = \"a\"\n").contains("has no Bindings"));
        assert!(errors("ReceiveConnector = 1\n").contains("is a list of tables"));
        let missing = Configuration::load(Path::new("/nonexistent/x.toml")).unwrap_err();
        assert!(missing.to_string().starts_with("cannot read /nonexistent/x.toml: "));
    }
}
