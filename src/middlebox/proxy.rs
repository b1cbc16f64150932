//! The TCP proxy: it takes connections and leads each to the server.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::{Semaphore, broadcast, watch};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::log::{Entry, Event};
use super::relay::{self, End};
use super::{Inspector, Mode};

/// How many connections there may be at a time. More wait in the queue of the socket.
const CONNECTIONS: usize = 4_000;

/// How long a server may take to be reached.
const CONNECT: Duration = Duration::from_secs(10);

/// Lines of the log that wait for one who reads slowly; the oldest go first.
const WAITING: usize = 4_096;

/// A firewall that stands before a server. Dropping it ends its connections.
///
/// ```
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// use expsd::ExchangeServer;
/// use expsd::middlebox::{Middlebox, Mode};
///
/// let server = ExchangeServer::start().await?;
/// let smtp = server.address("Default Frontend EX01").unwrap();
/// let firewall = Middlebox::start("127.0.0.1:0".parse()?, smtp, Mode::Pix).await?;
/// let mut log = firewall.log();
/// // … a client connects to `firewall.address()` …
/// firewall.set_mode(Mode::None);
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Middlebox {
    address: SocketAddr,
    shared: Arc<Shared>,
    stopping: CancellationToken,
    tasks: TaskTracker,
}

#[derive(Debug)]
struct Shared {
    upstream: SocketAddr,
    mode: watch::Sender<Mode>,
    log: broadcast::Sender<Entry>,
}

#[derive(Debug, thiserror::Error)]
#[error("cannot listen on {address}: {}", explain(error))]
pub struct StartError {
    address: SocketAddr,
    #[source]
    error: io::Error,
}

fn explain(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::AddrInUse => {
            "something listens there already; name another port, or 0 for any free one".to_owned()
        }
        io::ErrorKind::PermissionDenied => {
            "the port needs root or CAP_NET_BIND_SERVICE; name one from 1024 on".to_owned()
        }
        io::ErrorKind::AddrNotAvailable => {
            "the address is not one of this machine; 127.0.0.1 always is".to_owned()
        }
        _ => error.to_string(),
    }
}

impl Middlebox {
    /// Listens on `listen`; port 0 is any free one. Nobody asks `upstream` before a client comes.
    pub async fn start(
        listen: SocketAddr,
        upstream: SocketAddr,
        mode: Mode,
    ) -> Result<Self, StartError> {
        let failed = |error| StartError { address: listen, error };
        let socket = bind(listen).map_err(failed)?;
        let address = socket.local_addr().map_err(failed)?;
        let shared = Arc::new(Shared {
            upstream,
            mode: watch::Sender::new(mode),
            log: broadcast::Sender::new(WAITING),
        });
        let (stopping, tasks) = (CancellationToken::new(), TaskTracker::new());
        let accepting = accept(socket, Arc::clone(&shared), tasks.clone(), stopping.clone());
        tasks.spawn(accepting);
        Ok(Self { address, shared, stopping, tasks })
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    pub fn mode(&self) -> Mode {
        *self.shared.mode.borrow()
    }

    /// Puts another firewall in place of this one. Connections that are open keep the one they
    /// began with, as with a changed service policy of an ASA (ASA configuration guide).
    pub fn set_mode(&self, mode: Mode) {
        self.shared.mode.send_replace(mode);
    }

    /// The lines of the log from now on.
    pub fn log(&self) -> broadcast::Receiver<Entry> {
        self.shared.log.subscribe()
    }

    /// Takes no more connections, cuts those that are open, and returns when they are gone.
    pub async fn stop(self) {
        self.stopping.cancel();
        self.tasks.close();
        self.tasks.wait().await;
    }
}

impl Drop for Middlebox {
    fn drop(&mut self) {
        self.stopping.cancel();
    }
}

fn bind(listen: SocketAddr) -> io::Result<TcpListener> {
    /// Connections that wait to be accepted. The 128 of [`TcpListener::bind`] are too few for a
    /// thousand that come at once.
    const BACKLOG: u32 = 1_024;
    let socket = socket_for(listen)?;
    socket.set_reuseaddr(true)?;
    socket.bind(listen)?;
    socket.listen(BACKLOG)
}

fn socket_for(address: SocketAddr) -> io::Result<TcpSocket> {
    if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }
}

async fn accept(
    socket: TcpListener,
    shared: Arc<Shared>,
    tasks: TaskTracker,
    stopping: CancellationToken,
) {
    let places = Arc::new(Semaphore::new(CONNECTIONS));
    let next = async || {
        let place = Arc::clone(&places).acquire_owned().await.expect("it is never closed");
        (place, next_connection(&socket, &shared).await)
    };
    while let Some((place, (client, peer))) = stopping.run_until_cancelled(next()).await {
        let (shared, stopping) = (Arc::clone(&shared), stopping.clone());
        tasks.spawn(async move {
            serve(&shared, client, peer, &stopping).await;
            drop(place);
        });
    }
}

/// The next connection. Running out of file descriptors is waited out.
async fn next_connection(socket: &TcpListener, shared: &Shared) -> (TcpStream, SocketAddr) {
    loop {
        match socket.accept().await {
            Ok(accepted) => return accepted,
            Err(error) => {
                shared.tell(Entry::NotAccepted(Arc::new(error)));
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }
    }
}

async fn serve(
    shared: &Shared,
    mut client: TcpStream,
    peer: SocketAddr,
    stopping: &CancellationToken,
) {
    let mode = *shared.mode.borrow();
    let work = async {
        let mut server = match timeout(CONNECT, connect(shared.upstream, peer)).await {
            Ok(Ok(server)) => server,
            failed => {
                let error = match failed {
                    Ok(Err(error)) => error,
                    _ => io::ErrorKind::TimedOut.into(),
                };
                shared.tell(Entry::Unreachable {
                    client: peer,
                    upstream: shared.upstream,
                    error: Arc::new(error),
                });
                return reset(&client);
            }
        };
        // Packets go on as they came.
        let _ = (client.set_nodelay(true), server.set_nodelay(true));
        let tell = |event: Event| {
            let server = shared.upstream;
            shared.tell(Entry::Inspected { mode, client: peer, server, event });
        };
        let end = relay::relay(client.split(), server.split(), Inspector::new(mode), tell).await;
        if let End::Idle = end {
            shared.tell(Entry::Idle { client: peer, after: relay::IDLE });
        }
        if !matches!(end, End::Closed) {
            reset(&client);
            reset(&server);
        }
    };
    stopping.run_until_cancelled(work).await;
}

/// A firewall routes: the server sees the client's own address. Here that can be where both
/// are on this machine, so that the connector is chosen by the client's address all the same.
async fn connect(upstream: SocketAddr, client: SocketAddr) -> io::Result<TcpStream> {
    let socket = socket_for(upstream)?;
    if upstream.ip().is_loopback() && client.ip().is_loopback() {
        // Where this fails, the address is the system's choice.
        let _ = socket.bind(SocketAddr::new(client.ip(), 0));
    }
    socket.connect(upstream).await
}

/// Lets the connection end in a reset when it is dropped.
fn reset(stream: &TcpStream) {
    // Where this fails it ends in order.
    let _ = stream.set_zero_linger();
}

impl Shared {
    fn tell(&self, entry: Entry) {
        // Nobody may be listening.
        let _ = self.log.send(entry);
    }
}
