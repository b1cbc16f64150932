//! The server that the connectors belong to.

use std::fmt;
use std::str::FromStr;

use super::value::{ByteSize, ValueError};
use super::{ReceiveConnector, TransportRole};

/// The server as `Get-ExchangeServer` shows it, and how expsd plays it.
#[derive(Clone, Debug)]
pub struct Server {
    /// NetBIOS name, `EX01`.
    pub name: String,
    pub fqdn: String,
    pub version: Version,
    pub role: ServerRole,
    pub exchange_auth_refusal: ExchangeAuthRefusal,
}

impl Default for Server {
    fn default() -> Self {
        Self {
            name: "EX01".to_owned(),
            fqdn: "ex01.contoso.test".to_owned(),
            version: Version::E2019,
            role: ServerRole::Mailbox,
            exchange_auth_refusal: ExchangeAuthRefusal::Documented,
        }
    }
}

impl Server {
    /// Whether `name` can be a server's name: 1 to 64 letters, digits and hyphens.
    pub fn is_name(name: &str) -> bool {
        (1..=64).contains(&name.len())
            && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
    }

    /// `SERVER\Connector name`, as logs and shells print it.
    pub fn identity(&self, connector: &ReceiveConnector) -> String {
        format!("{}\\{}", self.name, connector.name)
    }

    /// `contoso.test` of `ex01.contoso.test`.
    pub fn dns_domain(&self) -> &str {
        self.fqdn.split_once('.').map_or(self.fqdn.as_str(), |(_, domain)| domain)
    }

    /// `CONTOSO` of `ex01.contoso.test`.
    pub fn netbios_domain(&self) -> String {
        self.dns_domain().split('.').next().unwrap_or_default().to_ascii_uppercase()
    }

    /// The service that `connector` belongs to.
    pub fn role_of(&self, connector: &ReceiveConnector) -> Role {
        match (self.role, connector.transport_role) {
            (ServerRole::Edge, _) => Role::Edge,
            (ServerRole::Mailbox, TransportRole::FrontendTransport) => Role::FrontEnd,
            (ServerRole::Mailbox, TransportRole::HubTransport) => Role::Hub,
        }
    }

    /// The name that a connector shows in its banner and in the hello reply, and that its
    /// certificate must hold unless TlsCertificateName chooses one.
    pub fn fqdn_of<'a>(&'a self, connector: &'a ReceiveConnector) -> &'a str {
        connector.fqdn.as_deref().unwrap_or(&self.fqdn)
    }

    /// What a connector knows its STARTTLS certificate by, as event 12014 prints it: its
    /// TlsCertificateName, or else its FQDN.
    pub fn certificate_of(&self, connector: &ReceiveConnector) -> String {
        let name = &connector.tls_certificate_name;
        name.as_ref().map_or_else(|| self.fqdn_of(connector).to_owned(), ToString::to_string)
    }

    /// Whether `host` is a name of this server, or the one that `connector` shows.
    pub fn is_named(&self, host: &[u8], connector: &ReceiveConnector) -> bool {
        [&self.fqdn, &self.name, self.fqdn_of(connector)]
            .iter()
            .any(|name| host.eq_ignore_ascii_case(name.as_bytes()))
    }
}

/// The service that owns a connector.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Role {
    FrontEnd,
    Hub,
    Edge,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ServerRole {
    #[default]
    Mailbox,
    Edge,
}

impl FromStr for ServerRole {
    type Err = ValueError;

    fn from_str(text: &str) -> Result<Self, ValueError> {
        match text {
            _ if text.eq_ignore_ascii_case("Mailbox") => Ok(Self::Mailbox),
            _ if text.eq_ignore_ascii_case("Edge") => Ok(Self::Edge),
            _ => Err(ValueError::choice(&["Mailbox", "Edge"])),
        }
    }
}

impl fmt::Display for ServerRole {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Mailbox => "Mailbox",
            Self::Edge => "Edge",
        })
    }
}

/// What a peer meets that uses X-ANONYMOUSTLS or X-EXPS where it is not offered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ExchangeAuthRefusal {
    /// `451 5.7.3 Cannot achieve Exchange Server authentication`, the text that administrators
    /// find in the sender's queue.
    #[default]
    Documented,
    /// `500 5.3.3` for X-ANONYMOUSTLS, as a receiver was seen to answer, and `504 5.7.4` for
    /// X-EXPS by analogy with AUTH; the 451 then arises at the sender. A proof without Submit
    /// gets 454 and ends the connection, as is said of 2013.
    Observed,
}

impl FromStr for ExchangeAuthRefusal {
    type Err = ValueError;

    fn from_str(text: &str) -> Result<Self, ValueError> {
        match text {
            _ if text.eq_ignore_ascii_case("Documented") => Ok(Self::Documented),
            _ if text.eq_ignore_ascii_case("Observed") => Ok(Self::Observed),
            _ => Err(ValueError::choice(&["Documented", "Observed"])),
        }
    }
}

/// The product version. Subscription Edition answers as 2019 does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Version {
    E2007,
    E2010,
    E2013,
    E2016,
    E2019,
}

impl Version {
    pub const ALL: [Self; 5] = [Self::E2007, Self::E2010, Self::E2013, Self::E2016, Self::E2019];

    /// Front End Transport came with 2013.
    pub fn has_front_end(self) -> bool {
        self >= Self::E2013
    }

    /// The Windows that a server of this version commonly runs on: major, minor, build. NTLM
    /// tells it (nmap scans: 6.1.7601 for 2010, 10.0.14393 for 2016, 10.0.17763 and
    /// 10.0.20348 for 2019; for 2007 and 2013 the newest that they support, our choice).
    pub fn windows(self) -> (u8, u8, u16) {
        match self {
            Self::E2007 => (6, 0, 6002),
            Self::E2010 => (6, 1, 7601),
            Self::E2013 => (6, 3, 9600),
            Self::E2016 => (10, 0, 14393),
            Self::E2019 => (10, 0, 17763),
        }
    }

    pub(super) fn limits(self) -> &'static Limits {
        &LIMITS[self as usize]
    }
}

/// Limits of a new connector that differ by version: Set-ReceiveConnector help of each; hops
/// of 2013 and later as exported objects have them (the help says 30 and 8); header sizes
/// from "Message size limits", 64 KB before 2013 unconfirmed; 100 connections per source on
/// 2007 from the help on event 1021 (technet bb218300).
pub(super) struct Limits {
    pub max_message_size: ByteSize,
    pub max_header_size: ByteSize,
    pub max_hop_count: u32,
    pub max_local_hop_count: u32,
    pub max_inbound_connection_per_source: u32,
}

const E2010: Limits = Limits {
    max_message_size: ByteSize::mb(10),
    max_header_size: ByteSize::kb(64),
    max_hop_count: 30,
    max_local_hop_count: 8,
    max_inbound_connection_per_source: 20,
};
const E2007: Limits = Limits { max_inbound_connection_per_source: 100, ..E2010 };
const E2013: Limits = Limits {
    max_message_size: ByteSize::mb(36),
    max_header_size: ByteSize::kb(128),
    max_hop_count: 60,
    max_local_hop_count: 5,
    ..E2010
};
const E2016: Limits = Limits { max_header_size: ByteSize::kb(256), ..E2013 };

static LIMITS: [Limits; 5] = [E2007, E2010, E2013, E2016, E2016];

impl FromStr for Version {
    type Err = ValueError;

    fn from_str(text: &str) -> Result<Self, ValueError> {
        Self::ALL
            .into_iter()
            .find(|version| version.to_string() == text)
            .ok_or_else(|| ValueError::choice(&["2007", "2010", "2013", "2016", "2019"]))
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::E2007 => "2007",
            Self::E2010 => "2010",
            Self::E2013 => "2013",
            Self::E2016 => "2016",
            Self::E2019 => "2019",
        })
    }
}
