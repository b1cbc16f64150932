//! Local listeners: the entries of Bindings.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::str::FromStr;

use super::value::ValueError;

/// `0.0.0.0:25`, `[::]:25` or one local address and port. Port 0 means any free one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Binding(pub SocketAddr);

impl Binding {
    pub fn ip(self) -> IpAddr {
        self.0.ip()
    }

    pub fn port(self) -> u16 {
        self.0.port()
    }

    /// All addresses of the family.
    pub fn is_wildcard(self) -> bool {
        self.0.ip().is_unspecified()
    }

    /// Whether a connection to `local` arrives at this binding. A wildcard as `local` stands
    /// for any address of its family.
    pub fn accepts(self, local: SocketAddr) -> bool {
        self.port() == local.port()
            && self.0.is_ipv6() == local.is_ipv6()
            && (self.is_wildcard() || local.ip().is_unspecified() || self.ip() == local.ip())
    }
}

impl FromStr for Binding {
    type Err = ValueError;

    fn from_str(text: &str) -> Result<Self, ValueError> {
        text.trim().parse().map(Self).map_err(|_| {
            ValueError::new(
                "an address and a port such as \"0.0.0.0:25\", \"[::]:25\" or \"10.0.0.5:25\"",
            )
        })
    }
}

impl fmt::Display for Binding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wildcard_accepts_its_family_only() {
        let accepts = |binding: &str, local: &str| {
            binding.parse::<Binding>().unwrap().accepts(local.parse().unwrap())
        };
        assert!(accepts("0.0.0.0:25", "10.0.0.5:25"));
        assert!(!accepts("0.0.0.0:25", "10.0.0.5:587"));
        assert!(!accepts("0.0.0.0:25", "[::1]:25"));
        assert!(accepts("10.0.0.5:25", "0.0.0.0:25"));
        assert!(!accepts("10.0.0.5:25", "10.0.0.6:25"));
    }
}
