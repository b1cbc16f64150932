//! The daemon: listeners, connections, TLS, limits and shutdown.

mod connection;
mod listener;
mod proxy;
mod record;
mod stream;

use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

use ipnet::IpNet;
use jiff::Timestamp;
use serde::Serialize;
use tokio::io::DuplexStream;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::auth::{Acceptor, Authenticator, Freshness, Ntlm, ntlm};
use crate::capture::{Capture, FolderError};
use crate::config::{Configuration, DirectTrust as DirectTrustFile, Prompt};
use crate::connector::{
    AuthMechanism, ReceiveConnector, Server, SourceAddress, broken_rules, conflicts,
};
use crate::session::{DirectTrust, Explanation, Host, Memory, explain};
use crate::tls::{self, Choice, Store};

use self::listener::Listener;
pub use self::listener::{ListenError, Ports};

/// How a configuration is run.
#[derive(Clone, Debug)]
pub struct Options {
    /// In place of every binding's address.
    pub listen: Option<IpAddr>,
    pub ports: Ports,
    /// Where certificates and the replay cache live; `None`: in memory, gone with the daemon.
    pub state: Option<PathBuf>,
    /// Where accepted messages are written.
    pub capture: Option<PathBuf>,
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
            grace: Duration::from_secs(30),
        }
    }
}

/// Octets of messages in flight, all sessions together. Our choice; Exchange measures the
/// machine ("Understand back pressure").
const MEMORY: u64 = 512 << 20;

#[derive(Debug, thiserror::Error)]
pub enum StartError {
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
    #[error("messages cannot be kept: {0}")]
    Capture(#[from] FolderError),
    #[error(transparent)]
    Listen(#[from] ListenError),
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

/// What every connection needs.
#[derive(Debug)]
struct Shared {
    host: Arc<Host>,
    connectors: Arc<[ReceiveConnector]>,
    served: Vec<Served>,
    internal_transport: tls::Endpoint,
    client_roots: Option<tls::ClientRoots>,
    trusted_proxies: Vec<IpNet>,
    capture: Capture,
    last_session: AtomicU64,
    last_internal_id: AtomicU64,
}

/// What serving a connector takes besides its parameters.
#[derive(Debug)]
struct Served {
    starttls: Option<tls::Endpoint>,
    connections: Arc<AtomicU32>,
}

impl Daemon {
    /// Makes ready what `configuration` needs and binds its listeners. When this returns,
    /// connections are taken.
    pub async fn start(
        configuration: Configuration,
        options: &Options,
    ) -> Result<Self, StartError> {
        let Configuration {
            server,
            mut connectors,
            directory,
            kerberos,
            ntlm,
            transport,
            proxy_protocol,
            ..
        } = configuration;
        check_rules(&connectors, &server)?;
        let now = SystemTime::now();
        let store = match &options.state {
            Some(state) => Store::open(state, &server.name, &server.fqdn, now)?,
            None => Store::ephemeral(&server.name, &server.fqdn, now)?,
        };
        let internal_transport = tls::internal_transport(store.internal())?;
        let capture = Capture::open(options.capture.as_deref())?;
        let acceptor = open_keytab(kerberos.keytab, options.state.as_deref());
        let asks_partners = |connector: &ReceiveConnector| {
            connector.domain_secure_enabled && !transport.domain_secure.is_empty()
        };
        let client_roots = transport.client_roots.as_deref().map(read_roots).transpose()?;
        let direct_trust =
            transport.direct_trust.iter().map(read_trust).collect::<Result<_, _>>()?;
        let listeners = listener::bind(&mut connectors, options.listen, options.ports)?;
        let served = connectors
            .iter()
            .map(|connector| {
                let fqdn = server.fqdn_of(connector);
                let choice = store.for_fqdn(fqdn, Timestamp::now());
                if connector.enabled && connector.auth_mechanism.contains(AuthMechanism::Tls) {
                    record::certificate(connector, fqdn, &choice);
                }
                let starttls = match &choice {
                    Choice::Found(certificate) => {
                        Some(tls::starttls(certificate, asks_partners(connector))?)
                    }
                    Choice::Expired(_) | Choice::None => None,
                };
                Ok(Served { starttls, connections: Arc::default() })
            })
            .collect::<Result<_, StartError>>()?;
        let directory = Arc::new(directory);
        let authenticator = Authenticator {
            directory: Arc::clone(&directory),
            acceptor: acceptor.map(Arc::new),
            gssapi_prompt: match kerberos.prompt {
                Prompt::Exchange => "GSSAPI supported",
                Prompt::Empty => "",
            },
            ntlm: Ntlm { target: Arc::new(ntlm_target(&server)), policy: ntlm, source: freshness },
        };
        let host = Host {
            server,
            directory,
            authenticator,
            memory: Arc::new(Memory::new(MEMORY)),
            direct_trust,
            domain_secure: transport.domain_secure,
        };
        let shared = Arc::new(Shared {
            host: Arc::new(host),
            connectors: connectors.into(),
            served,
            internal_transport,
            client_roots,
            trusted_proxies: proxy_protocol.trust,
            capture,
            last_session: AtomicU64::new(0),
            last_internal_id: AtomicU64::new(unix_seconds(now) << 16),
        });
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
        let connectors = self.shared.connectors.iter().enumerate();
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

    pub fn capture(&self) -> &Capture {
        &self.shared.capture
    }

    pub fn connectors(&self) -> &[ReceiveConnector] {
        &self.shared.connectors
    }

    /// Explains a connection from `remote` to `local`, an address as the configuration has it.
    pub fn explain(&self, local: SocketAddr, remote: SourceAddress) -> Explanation {
        let shared = &self.shared;
        let certificate = |connector: &ReceiveConnector| {
            let index = shared.connectors.iter().position(|c| std::ptr::eq(c, connector));
            index.is_some_and(|index| shared.served[index].starttls.is_some())
        };
        explain(&shared.host.server, &shared.connectors, local, remote, certificate)
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

    /// Takes no more connections, lets messages in flight end, and returns when all is quiet
    /// or the grace is over.
    pub async fn stop(self) {
        self.stopping.cancel();
        self.tasks.close();
        if tokio::time::timeout(self.grace, self.tasks.wait()).await.is_err() {
            tracing::warn!("sessions were still open after {:?}; they are cut", self.grace);
        }
    }
}

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

impl Shared {
    /// Sessions are numbered by .NET ticks, which the ids of Exchange's protocol logs look like
    /// (`08D892B7A9441226`).
    fn next_session_id(&self, now: SystemTime) -> u64 {
        const TICKS_TO_1970: u64 = 621_355_968_000_000_000;
        let since_1970 = now.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        let ticks = TICKS_TO_1970 + (since_1970.as_nanos() / 100) as u64;
        let next = |last: u64| ticks.max(last + 1);
        let previous =
            self.last_session
                .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |last| Some(next(last)));
        previous.map_or(ticks, next)
    }

    fn next_internal_id(&self) -> u64 {
        self.last_internal_id.fetch_add(1, Ordering::Relaxed) + 1
    }
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

/// A configuration file was checked when it was read; connectors made in code were not.
fn check_rules(connectors: &[ReceiveConnector], server: &Server) -> Result<(), StartError> {
    let single =
        connectors.iter().find_map(|c| Some((c, broken_rules(c, server).into_iter().next()?)));
    let broken = single.or_else(|| {
        let (index, broken) = conflicts(connectors, server).into_iter().next()?;
        Some((&connectors[index], broken))
    });
    match broken {
        None => Ok(()),
        Some((connector, broken)) => {
            Err(StartError::Rule { connector: connector.name.clone(), message: broken.message })
        }
    }
}

fn read_file(path: &Path) -> Result<String, StartError> {
    std::fs::read_to_string(path).map_err(|error| StartError::Certificate {
        path: path.to_owned(),
        reason: error.to_string(),
    })
}

fn read_roots(path: &Path) -> Result<tls::ClientRoots, StartError> {
    Ok(tls::ClientRoots::from_pem(&read_file(path)?)?)
}

fn read_trust(trust: &DirectTrustFile) -> Result<DirectTrust, StartError> {
    let public_key = tls::public_key(&read_file(&trust.certificate)?).ok_or_else(|| {
        let reason = "it holds no certificate in PEM".to_owned();
        StartError::Certificate { path: trust.certificate.clone(), reason }
    })?;
    Ok(DirectTrust { public_key, role: trust.role })
}

/// A keytab that cannot be used is told, and every Kerberos proof fails until it is mended.
fn open_keytab(keytab: Option<PathBuf>, state: Option<&Path>) -> Option<Acceptor> {
    let replay_cache = state.map(|state| state.join("replay-cache"));
    match Acceptor::open(&keytab?, replay_cache.as_deref()) {
        Ok(acceptor) => Some(acceptor),
        Err(error) => {
            tracing::error!("{error}; X-EXPS GSSAPI and AUTH GSSAPI will fail");
            None
        }
    }
}

fn ntlm_target(server: &Server) -> ntlm::Target {
    let (major, minor, build) = server.version.windows();
    ntlm::Target {
        netbios_domain: server.netbios_domain(),
        netbios_computer: server.name.to_ascii_uppercase(),
        dns_domain: server.dns_domain().to_owned(),
        dns_computer: server.fqdn.clone(),
        dns_tree: Some(server.dns_domain().to_owned()),
        version: ntlm::Version { major, minor, build },
    }
}

fn freshness() -> Freshness {
    const FILETIME_OF_1970: u64 = 116_444_736_000_000_000;
    let mut challenge = [0; 8];
    aws_lc_rs::rand::fill(&mut challenge).expect("aws-lc ends the process where it has no entropy");
    let since_1970 = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    Freshness { challenge, filetime: FILETIME_OF_1970 + (since_1970.as_nanos() / 100) as u64 }
}

fn unix_seconds(now: SystemTime) -> u64 {
    now.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs()
}
