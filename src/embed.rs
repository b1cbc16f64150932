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

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::DuplexStream;

use crate::capture::Message;
use crate::config::{ConfigError, Configuration};
use crate::connector::{ReceiveConnector, Server, SourceAddress};
use crate::directory::Account;
use crate::server::{Daemon, Options, Ports, StartError};
use crate::session::Explanation;

/// A server on free ports of 127.0.0.1, which ends when it is dropped and leaves nothing behind.
#[derive(Debug)]
pub struct ExchangeServer {
    daemon: Daemon,
}

/// Makes an [`ExchangeServer`].
#[derive(Clone, Debug, Default)]
pub struct Builder {
    configuration: Option<Configuration>,
    connectors: Vec<ReceiveConnector>,
    accounts: Vec<Account>,
    journal: Option<PathBuf>,
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
        self.daemon.capture().memory().messages()
    }

    /// Waits until `count` messages were accepted, and gives them; what there is by then if
    /// they do not come within `timeout`.
    pub async fn wait_for_messages(&self, count: usize, timeout: Duration) -> Vec<Arc<Message>> {
        let mut accepted = self.daemon.capture().memory().watch();
        let enough = accepted.wait_for(|accepted| *accepted >= count as u64);
        let _ = tokio::time::timeout(timeout, enough).await;
        self.messages()
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

    pub async fn start(self) -> Result<ExchangeServer, StartError> {
        let mut configuration = self.configuration.unwrap_or_default();
        configuration.connectors.extend(self.connectors);
        configuration.directory.accounts.extend(self.accounts);
        let options = Options {
            listen: Some(Ipv4Addr::LOCALHOST.into()),
            ports: Ports::Free,
            journal: self.journal,
            ..Options::default()
        };
        Ok(ExchangeServer { daemon: Daemon::start(configuration, &options).await? })
    }
}
