//! What the linter is told beside the connectors: known peers, and certificates.

use std::fmt;
use std::str::FromStr;

use crate::connector::{SourceAddress, ValueError};

/// Somebody whose addresses are known: `EX02=10.0.0.12`, `balancer:LB1=10.0.0.4,fd00::4`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Peer {
    pub name: String,
    pub kind: PeerKind,
    pub addresses: Vec<SourceAddress>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum PeerKind {
    /// Another Exchange server of the organisation.
    #[default]
    Exchange,
    /// A load balancer that puts its own address in place of the client's.
    Balancer,
    /// What brings the mail of the Internet: a spam filter, a gateway.
    Gateway,
    /// A device or a program that sends mail.
    Application,
}

impl PeerKind {
    const NAMES: [(&str, Self); 4] = [
        ("exchange", Self::Exchange),
        ("balancer", Self::Balancer),
        ("gateway", Self::Gateway),
        ("application", Self::Application),
    ];

    /// As it is written before a name.
    pub fn name(self) -> &'static str {
        Self::NAMES.iter().find(|(_, kind)| *kind == self).map_or("", |(name, _)| name)
    }
}

impl FromStr for Peer {
    type Err = ValueError;

    fn from_str(text: &str) -> Result<Self, ValueError> {
        let expected = || {
            ValueError::new(
                "NAME=IP or KIND:NAME=IP with more addresses behind commas, such as EX02=10.0.0.12 \
                 or balancer:LB1=10.0.0.4; kinds are exchange, balancer, gateway and application",
            )
        };
        let (name, addresses) = text.split_once('=').ok_or_else(expected)?;
        let (kind, name) = match name.split_once(':') {
            Some((kind, name)) => {
                let known = PeerKind::NAMES.iter().find(|(k, _)| k.eq_ignore_ascii_case(kind));
                (known.ok_or_else(expected)?.1, name)
            }
            None => (PeerKind::default(), name),
        };
        let addresses: Vec<SourceAddress> =
            addresses.split(',').map(str::parse).collect::<Result<_, _>>()?;
        let name = name.trim().to_owned();
        if name.is_empty() { Err(expected()) } else { Ok(Self { name, kind, addresses }) }
    }
}

impl fmt::Display for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let addresses: Vec<_> = self.addresses.iter().map(SourceAddress::to_string).collect();
        write!(f, "{} ({})", self.name, addresses.join(", "))
    }
}

/// What is known of the certificate that a connector needs for STARTTLS.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Certificate {
    /// Nobody looked.
    #[default]
    Unknown,
    Found,
    /// Found, and it ends soon.
    Expiring {
        subject: String,
        thumbprint: String,
        hours: u64,
    },
    /// All that hold the name have ended, the newest then.
    Expired {
        at: String,
    },
    /// None holds the name.
    Missing,
    /// TlsCertificateName names one that is not there.
    NamedAbsent,
}

impl Certificate {
    /// Whether STARTTLS is offered, as far as it is known.
    pub(super) fn is_lacking(&self) -> bool {
        matches!(self, Self::Expired { .. } | Self::Missing | Self::NamedAbsent)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn peers_as_they_are_written() {
        let peer = |text: &str| text.parse::<Peer>();
        let ex02 = peer("EX02=10.0.0.12").unwrap();
        assert_eq!(
            (ex02.kind, ex02.to_string().as_str()),
            (PeerKind::Exchange, "EX02 (10.0.0.12)")
        );
        let balancer = peer("Balancer:LB1=10.0.0.4,fe80::4%11").unwrap();
        assert_eq!(balancer.kind, PeerKind::Balancer);
        assert_eq!(balancer.to_string(), "LB1 (10.0.0.4, fe80::4%11)");
        for bad in ["", "EX02", "=10.0.0.1", "EX02=", "EX02=10.0.0", "printer:P=10.0.0.1"] {
            assert!(peer(bad).is_err(), "{bad:?}");
        }
    }
}
