//! The server inside a test's own process.
//!
//! ```
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! use expsd::ExchangeServer;
//!
//! let server = ExchangeServer::start().await?;
//! // Point the program under test at this address …
//! let smtp = server.address("Default Frontend EX01").unwrap();
//! // … and look at what arrived.
//! assert!(server.messages().is_empty());
//! # Ok(())
//! # }
//! ```

use std::fmt::Write as _;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::ops::{Bound, RangeBounds};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::DuplexStream;

use crate::capture::{Capture, Message};
use crate::config::{ConfigError, Configuration};
use crate::connector::{ReceiveConnector, Server, SourceAddress};
use crate::directory::Account;
use crate::rules::{Rule, Rules};
use crate::server::{Daemon, Options, Ports, StartError};
use crate::session::Explanation;

/// A server on free ports of 127.0.0.1, which ends when it is dropped and leaves nothing behind.
#[derive(Debug)]
pub struct ExchangeServer {
    // Before what is expected, so that sessions have ended when that is checked.
    daemon: Daemon,
    expected: Expected,
}

/// Makes an [`ExchangeServer`].
#[derive(Clone, Debug, Default)]
pub struct Builder {
    configuration: Option<Configuration>,
    connectors: Vec<ReceiveConnector>,
    accounts: Vec<Account>,
    journal: Option<PathBuf>,
    rules: Vec<Rule>,
    expected: Vec<Expectation>,
}

impl ExchangeServer {
    /// Starts `EX01` of `contoso.test`, an Exchange 2019 with its default connectors.
    pub async fn start() -> Result<Self, StartError> {
        Self::builder().start().await
    }

    pub fn builder() -> Builder {
        Builder::default()
    }

    /// Where the connector called `name` listens.
    pub fn address(&self, name: &str) -> Option<SocketAddr> {
        let identity = format!("\\{name}");
        let connectors = self.daemon.listening();
        let found = connectors.iter().find(|c| c.identity.ends_with(&identity))?;
        found.bindings.first().copied()
    }

    /// The messages that were accepted, oldest first.
    pub fn messages(&self) -> Vec<Arc<Message>> {
        self.daemon.capture().messages()
    }

    /// Waits until `count` messages were accepted, and gives them; what there is by then if
    /// they do not come within `timeout`.
    pub async fn wait_for_messages(&self, count: usize, timeout: Duration) -> Vec<Arc<Message>> {
        let capture = self.daemon.capture();
        let mut newest = capture.watch();
        let enough = newest.wait_for(|_| capture.totals().accepted >= count as u64);
        let _ = tokio::time::timeout(timeout, enough).await;
        self.messages()
    }

    /// The kept messages, to search and to wait for.
    pub fn capture(&self) -> &Arc<Capture> {
        self.daemon.capture()
    }

    /// Which connector a connection from `remote` meets at `local`, an address and port as the
    /// configuration has it: `0.0.0.0:25`.
    pub fn explain(&self, local: SocketAddr, remote: IpAddr) -> Explanation {
        self.daemon.explain(local, SourceAddress::from(remote))
    }

    /// Connects from any address one likes, without a socket: `remote` meets the server at
    /// `local`, an address and port as the configuration has it.
    pub fn connect(&self, local: SocketAddr, remote: SocketAddr) -> DuplexStream {
        self.daemon.connect(local, remote)
    }

    /// The failure rules, which can be changed at any time, and how often each has bitten.
    pub fn rules(&self) -> &Rules {
        self.daemon.rules()
    }

    /// Panics unless every rule of [`Builder::expect`] has bitten as often as it should by now,
    /// as the end of the server does.
    #[track_caller]
    pub fn verify_rules(&self) {
        if let Some(failed) = self.expected.failed() {
            panic!("{failed}");
        }
    }

    /// Lets sessions end, and returns when they have.
    pub async fn stop(self) {
        self.daemon.stop().await;
    }
}

impl Builder {
    /// Runs the configuration in `toml` instead of the default one.
    pub fn configuration(mut self, toml: &str) -> Result<Self, ConfigError> {
        self.configuration = Some(Configuration::parse(toml, "the configuration")?);
        Ok(self)
    }

    /// Plays another server: another name, version or role, with that one's default set.
    pub fn server(mut self, server: Server) -> Self {
        self.configuration = Some(Configuration::of(server));
        self
    }

    /// Adds a connector.
    pub fn connector(mut self, connector: ReceiveConnector) -> Self {
        self.connectors.push(connector);
        self
    }

    /// Adds an account.
    pub fn account(mut self, account: Account) -> Self {
        self.accounts.push(account);
        self
    }

    /// Writes protocol logs and events below `folder`; they are whole once
    /// [`ExchangeServer::stop`] has returned.
    pub fn journal(mut self, folder: impl Into<PathBuf>) -> Self {
        self.journal = Some(folder.into());
        self
    }

    /// Adds a failure rule behind those of the configuration.
    pub fn rule(mut self, rule: Rule) -> Self {
        self.rules.push(rule);
        self
    }

    /// Adds a failure rule that is to bite so often, `1..` or `2..=2`. If it has not when the
    /// server ends, that panics, and so fails the test.
    pub fn expect(mut self, rule: Rule, hits: impl RangeBounds<u64>) -> Self {
        self.expected.push(Expectation {
            rule: rule.name().to_owned(),
            hits: (hits.start_bound().cloned(), hits.end_bound().cloned()),
        });
        self.rule(rule)
    }

    pub async fn start(self) -> Result<ExchangeServer, StartError> {
        let mut configuration = self.configuration.unwrap_or_default();
        configuration.connectors.extend(self.connectors);
        configuration.directory.accounts.extend(self.accounts);
        configuration.rules.extend(self.rules);
        let options = Options {
            listen: Some(Ipv4Addr::LOCALHOST.into()),
            ports: Ports::Free,
            journal: self.journal,
            ..Options::default()
        };
        let daemon = Daemon::start(configuration, &options).await?;
        let expected = Expected { rules: Arc::clone(daemon.rules()), all: self.expected };
        Ok(ExchangeServer { daemon, expected })
    }
}

/// How often a rule is to bite.
#[derive(Clone, Debug)]
struct Expectation {
    rule: String,
    hits: (Bound<u64>, Bound<u64>),
}

/// What is expected of the rules. Checked when it is dropped.
#[derive(Debug)]
struct Expected {
    rules: Arc<Rules>,
    all: Vec<Expectation>,
}

impl Expected {
    /// What did not come as expected, for a person to read.
    fn failed(&self) -> Option<String> {
        let mut failed = String::new();
        for Expectation { rule, hits } in &self.all {
            let bitten = self.rules.find(rule).map_or(0, |counted| counted.hits);
            if !hits.contains(&bitten) {
                // Writing into a growing text cannot fail.
                let _ = writeln!(
                    failed,
                    "rule \"{rule}\" was to bite {}, and bit {bitten} times",
                    words(hits)
                );
            }
        }
        if failed.is_empty() {
            return None;
        }
        failed.push_str("all rules:\n");
        for counted in self.rules.list() {
            let (rule, hits) = (&counted.rule, counted.hits);
            let _ = writeln!(
                failed,
                "  {hits:>4} × \"{}\" at {}: {}",
                rule.name(),
                rule.stage(),
                rule.then()
            );
        }
        Some(failed)
    }
}

impl Drop for Expected {
    fn drop(&mut self) {
        if let Some(failed) = self.failed().filter(|_| !std::thread::panicking()) {
            panic!("{failed}");
        }
    }
}

fn words(hits: &(Bound<u64>, Bound<u64>)) -> String {
    let from = match hits.0 {
        Bound::Included(n) => n,
        Bound::Excluded(n) => n.saturating_add(1),
        Bound::Unbounded => 0,
    };
    let to = match hits.1 {
        Bound::Included(n) => n,
        Bound::Excluded(n) => n.saturating_sub(1),
        Bound::Unbounded => return format!("at least {from} times"),
    };
    if from == to { format!("{to} times") } else { format!("{from} to {to} times") }
}
