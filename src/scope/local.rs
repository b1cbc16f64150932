//! Where somebody connects to, as a person says it.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::str::FromStr;

use crate::connector::ReceiveConnector;

/// A local address and port, or a port alone: `10.0.0.5:25`, `25`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Local {
    Address(SocketAddr),
    Port(u16),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected a port (25), or an address and a port (10.0.0.5:25)")]
pub struct BadLocal;

impl FromStr for Local {
    type Err = BadLocal;

    fn from_str(text: &str) -> Result<Self, BadLocal> {
        let port = text.strip_prefix(':').unwrap_or(text);
        port.parse()
            .map(Self::Port)
            .or_else(|_| text.parse().map(Self::Address).map_err(|_| BadLocal))
    }
}

impl Local {
    /// Port 25, or the first one that `connectors` are bound to.
    pub fn usual(connectors: &[ReceiveConnector]) -> Self {
        let mut ports = connectors.iter().flat_map(|c| &c.bindings).map(|b| b.port());
        let first = ports.clone().next().unwrap_or(25);
        Self::Port(if ports.any(|port| port == 25) { 25 } else { first })
    }

    /// A port alone is that of the wildcard of the family of `remote`.
    pub fn address(self, remote: IpAddr) -> SocketAddr {
        match (self, remote) {
            (Self::Address(address), _) => address,
            (Self::Port(port), IpAddr::V4(_)) => (Ipv4Addr::UNSPECIFIED, port).into(),
            (Self::Port(port), IpAddr::V6(_)) => (Ipv6Addr::UNSPECIFIED, port).into(),
        }
    }
}
