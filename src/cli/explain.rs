//! `expsd explain`

use std::io::Write as _;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::str::FromStr;
use std::time::SystemTime;

use clap::Args;
use expsd::config::Configuration;
use expsd::connector::{ReceiveConnector, SourceAddress};
use expsd::scope::Scope;
use expsd::session::explain;
use expsd::tls::Store;
use jiff::Timestamp;

use super::{FAILED, Failed, Source, State, fail};

/// Say which connector a source address meets, and what it may do there
///
/// Exchange selects by address alone: of the connectors bound to the local address and port,
/// the one with the most specific range that holds the source. This prints the winner, the
/// losers and why, what the winner advertises, and what an anonymous peer, a user and an
/// Exchange server may do there.
#[derive(Args)]
#[command(after_help = "\
Examples:
  expsd explain --remote 10.0.0.12
  expsd explain --config ex01.toml --remote 10.0.0.12,10.0.0.30 --local 587
  expsd explain --config ex01.toml --remote fe80::1%11 --local '[::]:25'")]
pub struct Explain {
    #[command(flatten)]
    source: Source,
    #[command(flatten)]
    state: State,
    /// Source address, or several with commas between
    #[arg(long, value_name = "IP", required = true, value_delimiter = ',', value_parser = SourceAddress::from_str)]
    remote: Vec<SourceAddress>,
    /// Local address and port, or a port, as the connectors' bindings have it
    /// [default: port 25, or the first connector's]
    #[arg(long, value_name = "ADDR:PORT", value_parser = Local::from_str)]
    local: Option<Local>,
}

#[derive(Clone, Copy)]
enum Local {
    Address(SocketAddr),
    Port(u16),
}

impl FromStr for Local {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let port = text.strip_prefix(':').unwrap_or(text);
        port.parse().map(Self::Port).or_else(|_| {
            text.parse().map(Self::Address).map_err(|_| {
                "expected a port (25), or an address and a port (10.0.0.5:25)".to_owned()
            })
        })
    }
}

impl Explain {
    pub fn run(self) -> Result<(), Failed> {
        let configuration = self.source.load()?;
        let store = self.store(&configuration)?;
        let server = &configuration.server;
        let certificate = |connector: &ReceiveConnector| {
            store.for_fqdn(server.fqdn_of(connector), Timestamp::now()).usable().is_some()
        };
        let scope = Scope::new(configuration.connectors.clone());
        let mut out = std::io::stdout().lock();
        for (i, remote) in self.remote.iter().enumerate() {
            let local = self.local(&configuration, remote.ip());
            let explanation = explain(server, &scope, local, *remote, certificate);
            let gap = if i > 0 { "\n" } else { "" };
            if write!(out, "{gap}{explanation}").is_err() {
                break;
            }
        }
        Ok(())
    }

    /// The certificates that a daemon would find: those of the state directory, or else what
    /// a fresh one starts with.
    fn store(&self, configuration: &Configuration) -> Result<Store, Failed> {
        let server = &configuration.server;
        let now = SystemTime::now();
        let store = match self.state.directory() {
            Ok(state) => Store::read(&state, &server.name, &server.fqdn, now),
            Err(_) => Store::ephemeral(&server.name, &server.fqdn, now),
        };
        store.map_err(|error| fail(FAILED, error))
    }

    fn local(&self, configuration: &Configuration, remote: IpAddr) -> SocketAddr {
        let any = |port| match remote {
            IpAddr::V4(_) => SocketAddr::new(Ipv4Addr::UNSPECIFIED.into(), port),
            IpAddr::V6(_) => SocketAddr::new(Ipv6Addr::UNSPECIFIED.into(), port),
        };
        match self.local {
            Some(Local::Address(address)) => address,
            Some(Local::Port(port)) => any(port),
            None => {
                let ports =
                    configuration.connectors.iter().flat_map(|c| &c.bindings).map(|b| b.port());
                let first = ports.clone().next().unwrap_or(25);
                any(if ports.clone().any(|port| port == 25) { 25 } else { first })
            }
        }
    }
}
