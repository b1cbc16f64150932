//! How a server is reached: its addresses, and a connection to one of them.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use tokio::net::{TcpSocket, TcpStream};
use tokio::time::timeout;

/// Why there is no connection.
#[derive(Debug)]
pub(super) enum NoConnection {
    Unknown(io::Error),
    TimedOut,
    Refused,
    /// The address to come from cannot be used.
    Source(io::Error),
    Other(io::Error),
}

/// The addresses of `host`, in the resolver's order.
pub(super) async fn resolve(
    host: &str,
    port: u16,
    within: Duration,
) -> Result<Vec<SocketAddr>, NoConnection> {
    if let Ok(address) = host.parse::<IpAddr>() {
        return Ok(vec![SocketAddr::new(address, port)]);
    }
    looked_up(tokio::net::lookup_host((host, port)), within).await
}

/// A name that nobody tells the address of in time is not a host that is silent.
async fn looked_up(
    lookup: impl Future<Output = io::Result<impl Iterator<Item = SocketAddr>>>,
    within: Duration,
) -> Result<Vec<SocketAddr>, NoConnection> {
    let found = timeout(within, lookup).await;
    let found = found.map_err(|_| unknown("no answer from DNS in time"))?;
    let found: Vec<_> = found.map_err(NoConnection::Unknown)?.collect();
    match found.is_empty() {
        true => Err(unknown("no address is given for it")),
        false => Ok(found),
    }
}

pub(super) fn unknown(why: &'static str) -> NoConnection {
    NoConnection::Unknown(io::Error::other(why))
}

pub(super) async fn connect(
    to: SocketAddr,
    from: Option<IpAddr>,
    within: Duration,
) -> Result<TcpStream, NoConnection> {
    let socket = match to {
        SocketAddr::V4(_) => TcpSocket::new_v4(),
        SocketAddr::V6(_) => TcpSocket::new_v6(),
    };
    let socket = socket.map_err(NoConnection::Other)?;
    if let Some(from) = from {
        socket.bind(SocketAddr::new(from, 0)).map_err(NoConnection::Source)?;
    }
    match timeout(within, socket.connect(to)).await {
        Err(_) => Err(NoConnection::TimedOut),
        Ok(Err(error)) => Err(match error.kind() {
            io::ErrorKind::ConnectionRefused => NoConnection::Refused,
            io::ErrorKind::TimedOut => NoConnection::TimedOut,
            io::ErrorKind::InvalidInput if from.is_some() => NoConnection::Source(error),
            _ => NoConnection::Other(error),
        }),
        Ok(Ok(stream)) => {
            let _ = stream.set_nodelay(true);
            Ok(stream)
        }
    }
}

/// The header of HAProxy's PROXY protocol, version 1, by which `source` says that it connects to
/// `to`. Source port 40000 is as good as any.
pub(super) fn proxy_header(source: IpAddr, to: SocketAddr) -> String {
    let port = to.port();
    match (source, to.ip()) {
        (IpAddr::V4(source), to) => {
            let to = match to {
                IpAddr::V4(to) => to,
                IpAddr::V6(to) => to.to_ipv4().unwrap_or(Ipv4Addr::UNSPECIFIED),
            };
            format!("PROXY TCP4 {source} {to} 40000 {port}\r\n")
        }
        (IpAddr::V6(source), to) => {
            let to = match to {
                IpAddr::V4(to) => to.to_ipv6_mapped(),
                IpAddr::V6(Ipv6Addr::UNSPECIFIED) => Ipv6Addr::LOCALHOST,
                IpAddr::V6(to) => to,
            };
            format!("PROXY TCP6 {source} {to} 40000 {port}\r\n")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_name_is_unknown_where_dns_is_silent() {
        let silent = std::future::pending::<io::Result<std::vec::IntoIter<SocketAddr>>>();
        let none = looked_up(silent, Duration::from_secs(10)).await.unwrap_err();
        assert!(matches!(none, NoConnection::Unknown(_)), "{none:?}");
        let nothing = std::future::ready(Ok(std::iter::empty()));
        let none = looked_up(nothing, Duration::from_secs(10)).await.unwrap_err();
        assert_eq!(none.to_string(), "the host name leads nowhere: no address is given for it");
    }
}
