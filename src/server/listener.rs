//! From configured bindings to sockets.

use std::io;
use std::net::{IpAddr, SocketAddr};

use socket2::{Domain, Protocol, Socket, Type};
use tokio::net::TcpListener;

use crate::connector::{Binding, ReceiveConnector};

/// What becomes of configured ports.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ports {
    /// Moved by this much; port 0 stays any free one.
    Offset(i32),
    /// Any free one for each configured port.
    Free,
}

/// A socket, and what it stands for in the configuration.
#[derive(Debug)]
pub(super) struct Listener {
    pub socket: TcpListener,
    pub address: SocketAddr,
    /// Configured bindings that end here. Selection goes by them.
    pub stands_for: Vec<SocketAddr>,
    /// The connectors that have them.
    pub connectors: Vec<usize>,
}

#[derive(Debug, thiserror::Error)]
pub enum ListenError {
    #[error("\"{connector}\" cannot listen on {address}: {}", explain(error, *address))]
    Socket { connector: String, address: SocketAddr, error: io::Error },
    #[error("the port of {binding} moved by {offset} is no port")]
    Port { binding: SocketAddr, offset: i32 },
    #[error("no enabled connector has a binding, so there is nothing to listen on")]
    Nothing,
}

fn explain(error: &io::Error, address: SocketAddr) -> String {
    let port = address.port();
    match error.kind() {
        io::ErrorKind::AddrInUse => {
            format!(
                "something listens there already; --port-offset N moves every port away from {port}"
            )
        }
        io::ErrorKind::PermissionDenied => {
            format!(
                "port {port} needs root or CAP_NET_BIND_SERVICE; --port-offset 1000 moves every port up"
            )
        }
        io::ErrorKind::AddrNotAvailable => {
            "the address is not one of this machine; --listen 127.0.0.1 takes its place".to_owned()
        }
        _ => error.to_string(),
    }
}

/// Where a binding goes. Bindings with the same target share a socket.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Target {
    address: SocketAddr,
    /// What a free port is shared by: the configured port, or the binding alone.
    free: Option<Free>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Free {
    ForPort(u16),
    Own(usize, usize),
}

/// Binds what the enabled `connectors` need. A binding to port 0 is rewritten to the port it got.
pub(super) fn bind(
    connectors: &mut [ReceiveConnector],
    listen: Option<IpAddr>,
    ports: Ports,
) -> Result<Vec<Listener>, ListenError> {
    let mut open: Vec<(Target, Listener)> = Vec::new();
    for (i, connector) in connectors.iter_mut().enumerate().filter(|(_, c)| c.enabled) {
        for j in 0..connector.bindings.len() {
            let configured = connector.bindings[j].0;
            let target = target(configured, (i, j), listen, ports)?;
            let at = match open.iter().position(|(other, _)| *other == target) {
                Some(at) => at,
                None => {
                    let (socket, address) = listen_on(target.address).map_err(|error| {
                        let connector = connector.name.clone();
                        ListenError::Socket { connector, address: target.address, error }
                    })?;
                    let listener = Listener {
                        socket,
                        address,
                        stands_for: Vec::new(),
                        connectors: Vec::new(),
                    };
                    open.push((target, listener));
                    open.len() - 1
                }
            };
            let listener = &mut open[at].1;
            let stands_for = if configured.port() == 0 { listener.address } else { configured };
            connector.bindings[j] = Binding(stands_for);
            if !listener.stands_for.contains(&stands_for) {
                listener.stands_for.push(stands_for);
            }
            if !listener.connectors.contains(&i) {
                listener.connectors.push(i);
            }
        }
    }
    if open.is_empty() {
        return Err(ListenError::Nothing);
    }
    Ok(open.into_iter().map(|(_, listener)| listener).collect())
}

fn target(
    configured: SocketAddr,
    own: (usize, usize),
    listen: Option<IpAddr>,
    ports: Ports,
) -> Result<Target, ListenError> {
    let ip = listen.unwrap_or(configured.ip());
    let (port, free) = match (configured.port(), ports) {
        (0, _) => (0, Some(Free::Own(own.0, own.1))),
        (port, Ports::Free) => (0, Some(Free::ForPort(port))),
        (port, Ports::Offset(offset)) => {
            let moved =
                u16::try_from(i32::from(port).saturating_add(offset)).ok().filter(|p| *p > 0);
            (moved.ok_or(ListenError::Port { binding: configured, offset })?, None)
        }
    };
    Ok(Target { address: SocketAddr::new(ip, port), free })
}

/// `[::]` takes IPv6 only, so that `0.0.0.0` can stand beside it.
fn listen_on(address: SocketAddr) -> io::Result<(TcpListener, SocketAddr)> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    if address.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    socket.set_reuse_address(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(1024)?;
    let socket = TcpListener::from_std(socket.into())?;
    let address = socket.local_addr()?;
    Ok((socket, address))
}
