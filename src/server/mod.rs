//! The daemon: listeners, connections, TLS, limits and shutdown.

mod check;
mod connection;
mod fault;
mod handshake;
mod listener;
mod places;
mod proxy;
mod record;
mod rows;
mod shared;
mod stream;
mod tracer;
mod turned_away;
mod witness;

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use serde::Serialize;
use tokio::io::DuplexStream;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::capture::{Capture, CaptureError, Totals};
use crate::config::Configuration;
use crate::connector::{
    ProtocolLoggingLevel, ReceiveConnector, Role, Server, SourceAddress, all_broken,
};
use crate::journal::{self, Journal, Metrics, Recent};
use crate::rules::{Rules, RulesError};
use crate::scope::Scope;
use crate::session::{Explanation, Host, explain};
use crate::tls;

pub use self::check::findings;
use self::listener::Listener;
pub use self::listener::{ListenError, Ports};
use self::record::Recorder;
use self::shared::Shared;

/// How a configuration is run.
#[derive(Clone, Debug)]
pub struct Options {
    /// In place of every binding's address.
    pub listen: Option<IpAddr>,
    pub ports: Ports,
    /// Where certificates and the replay cache live; `None`: in memory, gone with the daemon.
    pub state: Option<PathBuf>,
    /// The folder where accepted messages are written as well.
    pub capture: Option<PathBuf>,
    /// Where protocol logs and events are written, in place of the configuration's folder.
    pub journal: Option<PathBuf>,
    /// Keeps what happened lately.
    pub recent: Option<Arc<Recent>>,
    /// Run a set that breaks the rules of the cmdlets, as one that was forced past them.
    pub forced: bool,
    /// How long a shutdown waits for messages in flight.
    pub grace: Duration,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            listen: None,
            ports: Ports::Offset(0),
            state: None,
            capture: None,
            journal: None,
            recent: None,
            forced: false,
            grace: Duration::from_secs(30),
        }
    }
}

#[derive(Debug, thiserror::Error)]
pub enum StartError {
    #[error(transparent)]
    Rules(#[from] RulesError),
    #[error("\"{connector}\" cannot be served: {message}")]
    Rule { connector: String, message: String },
    #[error("certificates: {0}")]
    Store(#[from] tls::StoreError),
    #[error(transparent)]
    Tls(#[from] tls::TlsError),
    #[error(transparent)]
    Roots(#[from] tls::RootsError),
    #[error("{}: {reason}", path.display())]
    Certificate { path: PathBuf, reason: String },
    #[error("no thread can be started for the journal: {0}")]
    Journal(io::Error),
    #[error("messages cannot be kept: {0}")]
    Capture(#[from] CaptureError),
    #[error(transparent)]
    Listen(#[from] ListenError),
}

impl StartError {
    /// The connector that stands in the way.
    fn connector(&self) -> Option<&str> {
        match self {
            Self::Rule { connector, .. } | Self::Listen(ListenError::Socket { connector, .. }) => {
                Some(connector)
            }
            _ => None,
        }
    }
}

/// A daemon that listens. Dropping it closes its sockets and ends its sessions.
#[derive(Debug)]
pub struct Daemon {
    shared: Arc<Shared>,
    addresses: Vec<(SocketAddr, Vec<usize>)>,
    stopping: CancellationToken,
    killed: CancellationToken,
    tasks: TaskTracker,
    grace: Duration,
}

impl Daemon {
    /// Makes ready what `configuration` needs and binds its listeners. When this returns,
    /// connections are taken.
    pub async fn start(
        configuration: Configuration,
        options: &Options,
    ) -> Result<Self, StartError> {
        let journal = open_journal(&configuration, options)?;
        let (server, connectors) = (&configuration.server, &configuration.connectors);
        let version = server.version;
        let roles: Vec<_> =
            connectors.iter().map(|c| (c.name.clone(), server.role_of(c))).collect();
        let started = Self::start_with(configuration, options, journal.clone());
        if let Err(error) = &started {
            let journal = journal.as_deref();
            let owner = roles.iter().find(|(name, _)| error.connector() == Some(name));
            let role = owner.map_or(Role::Hub, |(_, role)| *role);
            let recorder = Recorder { journal, metrics: None, version, role, session: None };
            recorder.start_error(error);
            finish(journal).await;
        }
        started
    }

    fn start_with(
        mut configuration: Configuration,
        options: &Options,
        journal: Option<Arc<Journal>>,
    ) -> Result<Self, StartError> {
        if !options.forced {
            check_rules(&configuration.connectors, &configuration.server)?;
        }
        let connectors = &mut configuration.connectors;
        let listeners = listener::bind(connectors, options.listen, options.ports)?;
        let shared = Arc::new(Shared::assemble(configuration, options, journal)?);
        let rules = shared.host.rules.list().len();
        if rules > 0 {
            tracing::info!(rules, "failure rules wait");
        }
        let daemon = Self {
            shared,
            addresses: listeners.iter().map(|l| (l.address, l.connectors.clone())).collect(),
            stopping: CancellationToken::new(),
            killed: CancellationToken::new(),
            tasks: TaskTracker::new(),
            grace: options.grace,
        };
        for listener in listeners {
            let accept = accept(
                listener,
                Arc::clone(&daemon.shared),
                daemon.tasks.clone(),
                daemon.stopping.clone(),
                daemon.killed.clone(),
            );
            daemon.tasks.spawn(accept);
        }
        Ok(daemon)
    }

    /// Every enabled connector with the addresses that it listens on.
    pub fn listening(&self) -> Vec<Listening> {
        let connectors = self.shared.scope.connectors().iter().enumerate();
        let listening = |index: usize| {
            let takes = |(_, connectors): &&(SocketAddr, Vec<usize>)| connectors.contains(&index);
            self.addresses.iter().filter(takes).map(|(address, _)| *address).collect()
        };
        connectors
            .filter(|(_, connector)| connector.enabled)
            .map(|(index, connector)| Listening {
                identity: self.shared.host.server.identity(connector),
                bindings: listening(index),
            })
            .collect()
    }

    pub fn metrics(&self) -> &Arc<Metrics> {
        &self.shared.metrics
    }

    /// The messages that were kept.
    pub fn capture(&self) -> &Arc<Capture> {
        &self.shared.capture
    }

    /// What happened lately, if [`Options::recent`] keeps it.
    pub fn recent(&self) -> Option<&Arc<Recent>> {
        self.shared.journal.as_ref().and_then(|journal| journal.recent())
    }

    /// The server that is played, and who is known to it.
    pub fn host(&self) -> &Arc<Host> {
        &self.shared.host
    }

    /// The connectors, each enabled or not, in the order of the configuration.
    pub fn scope(&self) -> &Arc<Scope> {
        &self.shared.scope
    }

    /// Whether a connector, by its place in [`Daemon::scope`], has a certificate for STARTTLS.
    pub fn has_certificate(&self, connector: usize) -> bool {
        self.shared.served.get(connector).is_some_and(|served| served.starttls.is_some())
    }

    /// The failure rules, which can be changed while the daemon runs.
    pub fn rules(&self) -> &Arc<Rules> {
        &self.shared.host.rules
    }

    /// Explains a connection from `remote` to `local`, an address as the configuration has it.
    pub fn explain(&self, local: SocketAddr, remote: SourceAddress) -> Explanation {
        let shared = &self.shared;
        let certificate = |connector: &ReceiveConnector| {
            let index = shared.scope.connectors().iter().position(|c| std::ptr::eq(c, connector));
            index.is_some_and(|index| self.has_certificate(index))
        };
        explain(&shared.host.server, &shared.scope, local, remote, certificate)
    }

    /// A connection from `remote` to `local`, in memory.
    pub fn connect(&self, local: SocketAddr, remote: SocketAddr) -> DuplexStream {
        let (client, server) = tokio::io::duplex(64 << 10);
        let shared = Arc::clone(&self.shared);
        let (stopping, killed) = (self.stopping.clone(), self.killed.clone());
        self.tasks.spawn(async move {
            killed
                .run_until_cancelled(connection::serve(shared, server, local, remote, stopping))
                .await;
        });
        client
    }

    /// Returns when the journal holds all that has happened.
    pub async fn flush_journal(&self) {
        finish(self.shared.journal.as_deref()).await;
    }

    /// Takes no more connections, lets messages in flight end, and returns when all is quiet
    /// or the grace is over.
    pub async fn stop(self) {
        self.stop_before(std::future::pending()).await;
    }

    /// The same, and no later than `hurry` is done: what is open then is cut.
    pub async fn stop_before(self, hurry: impl Future<Output = ()>) {
        self.stopping.cancel();
        self.tasks.close();
        let cut = tokio::select! {
            () = self.tasks.wait() => false,
            () = tokio::time::sleep(self.grace) => {
                tracing::warn!("sessions were still open after {:?}; they are cut", self.grace);
                true
            }
            () = hurry => true,
        };
        if cut {
            self.killed.cancel();
            let _ = tokio::time::timeout(MOMENT, self.tasks.wait()).await;
        }
        finish(self.shared.journal.as_deref()).await;
        let Totals { accepted, discarded, .. } = self.capture().totals();
        tracing::info!(accepted, discarded, "stopped");
    }
}

/// For what cannot take long, and must not hold up an end.
const MOMENT: Duration = Duration::from_secs(2);

impl Drop for Daemon {
    fn drop(&mut self) {
        self.stopping.cancel();
        self.killed.cancel();
    }
}

/// Where a connector listens.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Listening {
    /// `SERVER\Connector name`
    pub identity: String,
    pub bindings: Vec<SocketAddr>,
}

async fn accept(
    listener: Listener,
    shared: Arc<Shared>,
    tasks: TaskTracker,
    stopping: CancellationToken,
    killed: CancellationToken,
) {
    let Listener { socket, stands_for, .. } = listener;
    loop {
        let Some(accepted) = stopping.run_until_cancelled(next_connection(&socket)).await else {
            return;
        };
        let (stream, peer) = accepted;
        // Replies are small and follow each other; Nagle would hold them back.
        let _ = stream.set_nodelay(true);
        let local = local_of(&stands_for, peer.ip());
        let serve = connection::accepted(
            Arc::clone(&shared),
            stream,
            stands_for.clone(),
            local,
            peer,
            stopping.clone(),
        );
        let killed = killed.clone();
        tasks.spawn(async move {
            killed.run_until_cancelled(serve).await;
        });
    }
}

/// The next connection. Running out of file descriptors is waited out.
async fn next_connection(socket: &TcpListener) -> (tokio::net::TcpStream, SocketAddr) {
    loop {
        match socket.accept().await {
            Ok(accepted) => return accepted,
            Err(error) => {
                tracing::warn!(%error, "a connection could not be accepted");
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }
    }
}

/// The configured binding that a connection from `remote` arrives at.
fn local_of(stands_for: &[SocketAddr], remote: IpAddr) -> SocketAddr {
    let remote = remote.to_canonical();
    let same_family = stands_for.iter().find(|local| local.is_ipv6() == remote.is_ipv6());
    // A listener stands for one binding at least.
    *same_family.unwrap_or(&stands_for[0])
}

/// `--journal` goes before the configuration's own folder.
fn open_journal(
    configuration: &Configuration,
    options: &Options,
) -> Result<Option<Arc<Journal>>, StartError> {
    let settings = &configuration.journal;
    let folder = options.journal.as_ref().or(settings.directory.as_ref()).cloned();
    if folder.is_none() && options.recent.is_none() {
        return Ok(None);
    }
    let verbose = |c: &ReceiveConnector| {
        c.enabled && c.protocol_logging_level == ProtocolLoggingLevel::Verbose
    };
    if folder.is_some() && !configuration.connectors.iter().any(verbose) {
        tracing::warn!(
            "no connector has ProtocolLoggingLevel = \"Verbose\": there will be no protocol log"
        );
    }
    let recent = options.recent.clone();
    let places = journal::Places { folder, traces: settings.traces, recent };
    Journal::open(places, settings.protocol_log, &configuration.server, Timestamp::now)
        .map(|journal| Some(Arc::new(journal)))
        .map_err(StartError::Journal)
}

/// Lets the journal write what it has been given.
async fn finish(journal: Option<&Journal>) {
    if let Some(journal) = journal
        && tokio::time::timeout(MOMENT, journal.flush()).await.is_err()
    {
        tracing::warn!("the journal was not written to its end");
    }
}

/// A configuration file was checked when it was read; connectors made in code were not.
fn check_rules(connectors: &[ReceiveConnector], server: &Server) -> Result<(), StartError> {
    match all_broken(connectors, server).into_iter().next() {
        None => Ok(()),
        Some((index, broken)) => {
            let connector = connectors[index].name.clone();
            Err(StartError::Rule { connector, message: broken.message })
        }
    }
}
