//! A scenario that runs: daemon, realm and firewall on this machine's loopback, and the cast
//! that comes, one after the other.
//!
//! Delays that punish (TarpitInterval, AuthTarpitInterval) are left out, so that nobody waits
//! for them, and every connector writes the protocol log. Our choice.

mod act;
mod error;
mod evidence;
mod judge;
mod surroundings;

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use tempfile::TempDir;
use tokio::net::TcpStream;

pub use error::LabError;
pub use evidence::{Act, Cause, Direction, Event, Evidence, Line, Part, Seen, SenderEvent, Told};

use self::surroundings::Tickets;
use super::realm::ServerRealm;
use super::scenario::{Scenario, Side};
use crate::config::{Configuration, Draft};
use crate::connector::{ProtocolLoggingLevel, TimeSpan};
use crate::journal::Recent;
use crate::middlebox::Middlebox;
use crate::scope::Scope;
use crate::server::{Daemon, Options, Ports, findings};
use crate::tls::{Certificate, KeyKind, Store};

/// Where those come from whose address this machine does not have: they state it by PROXY
/// protocol.
const PROXY: IpAddr = IpAddr::V4(Ipv4Addr::new(127, 0, 0, 99));
const LOCALHOST: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
/// Messages in flight have so long when a lab is taken down.
const GRACE: Duration = Duration::from_secs(1);

/// What is being done, for whoever waits.
#[derive(Clone, Copy, Debug)]
pub enum Step<'a> {
    Certificates,
    Realm,
    Daemon,
    Firewall,
    /// This one of the cast comes.
    Comes(&'a str),
}

/// All parts of a scenario. They end with it, and leave no file behind.
#[derive(Debug)]
pub struct Lab {
    scenario: &'static Scenario,
    side: Side,
    /// The program expsd, for probes that need an environment of their own.
    program: PathBuf,
    configuration: Configuration,
    /// The connectors as the scenario has them, with their delays.
    written: Arc<Scope>,
    lint: Vec<Told>,
    /// Why no daemon runs.
    refused: Option<String>,
    /// Connections that the cast has open.
    open: Vec<TcpStream>,
    firewall: Option<Middlebox>,
    daemon: Option<Daemon>,
    /// What happened at the daemon.
    recent: Arc<Recent>,
    tickets: Tickets,
    /// The sender's certificate of direct trust, and its file.
    certificate: Option<(PathBuf, Arc<Certificate>)>,
    /// Where nobody listens.
    nobody: SocketAddr,
    up: Duration,
    realm: Option<ServerRealm>,
    // Last, so that nothing writes into it any more when it is removed.
    _folder: Arc<TempDir>,
}

impl Lab {
    /// Starts everything that `scenario` takes. `program` is expsd itself.
    pub async fn start(
        scenario: &'static Scenario,
        side: Side,
        program: &Path,
        tell: &(dyn Fn(Step<'_>) + Sync),
    ) -> Result<Self, LabError> {
        let begun = Instant::now();
        let setting = scenario.setting(side);
        surroundings::sources(scenario).await?;
        let folder = tempfile::Builder::new()
            .prefix("expsd-lab-")
            .tempdir()
            .map(Arc::new)
            .map_err(LabError::Folder)?;
        let nobody = surroundings::nobody().await?;
        let mut draft = scenario.draft(side)?;

        tell(Step::Certificates);
        let state = folder.path().join("state");
        surroundings::certificates(setting, &state)?;
        let certificate =
            surroundings::direct_trust(scenario, folder.path(), &mut draft.configuration)?;
        let (realm, tickets) = match scenario.needs_kerberos() {
            true => {
                tell(Step::Realm);
                let (realm, tickets) =
                    surroundings::realm(scenario, setting, &folder, &draft.configuration, nobody)
                        .await?;
                draft.configuration.kerberos.keytab = Some(realm.keytab().to_owned());
                (Some(realm), tickets)
            }
            false => (None, Tickets::default()),
        };

        tell(Step::Daemon);
        let written = Arc::new(Scope::new(draft.configuration.connectors.clone()));
        let lint = lint(scenario, &draft, &written, &state)?;
        let configuration = prepared(draft.configuration);
        let recent = Arc::<Recent>::default();
        let options = Options {
            listen: has_wildcard(&configuration).then_some(LOCALHOST),
            ports: Ports::Free,
            state: Some(state),
            recent: Some(Arc::clone(&recent)),
            forced: setting.forced,
            grace: GRACE,
            ..Options::default()
        };
        let (daemon, refused) = match Daemon::start(configuration.clone(), &options).await {
            Ok(daemon) => (Some(daemon), None),
            Err(error) if setting.refused.is_some() => (None, Some(error.to_string())),
            Err(error) => return Err(error.into()),
        };
        let mut lab = Self {
            scenario,
            side,
            program: program.to_owned(),
            configuration,
            written,
            lint,
            refused,
            open: Vec::new(),
            firewall: None,
            daemon,
            recent,
            tickets,
            certificate,
            nobody,
            up: Duration::ZERO,
            realm,
            _folder: folder,
        };
        if let Some(mode) = setting.firewall {
            tell(Step::Firewall);
            let upstream = lab.server(scenario.cast[0].to);
            lab.firewall = Some(Middlebox::start((LOCALHOST, 0).into(), upstream, mode).await?);
        }
        lab.up = begun.elapsed();
        Ok(lab)
    }

    /// Lets the cast come, and gives what each saw and what the receiver shows of it.
    pub async fn play(&mut self, tell: &(dyn Fn(Step<'_>) + Sync)) -> Result<Evidence, LabError> {
        let begun = Instant::now();
        let events = self.events(0);
        let mut acts = Vec::new();
        for cast in &self.scenario.cast {
            tell(Step::Comes(&cast.name));
            acts.push(self.act(cast).await?);
        }
        let mut evidence = Evidence {
            scenario: self.scenario.name,
            title: &self.scenario.title,
            side: self.side,
            up_ms: millis(self.up),
            took_ms: millis(self.up + begun.elapsed()),
            parts: self.parts(),
            refused: self.refused.clone(),
            lint: self.lint.clone(),
            events,
            acts,
            not_as_stated: Vec::new(),
        };
        evidence.not_as_stated = judge::judge(self.scenario, &evidence);
        Ok(evidence)
    }

    /// Where everything is to be found while the lab is up.
    pub fn parts(&self) -> Vec<Part> {
        let firewall = self.firewall.iter().map(|firewall| Part {
            what: format!("firewall ({})", firewall.mode()),
            address: firewall.address(),
        });
        let mut daemon: Vec<Part> = Vec::new();
        for connector in self.daemon.iter().flat_map(Daemon::listening) {
            for address in connector.bindings {
                match daemon.iter_mut().find(|part| part.address == address) {
                    Some(part) => part.what = format!("{}, {}", part.what, connector.identity),
                    None => daemon.push(Part { what: connector.identity.clone(), address }),
                }
            }
        }
        let realm = self.realm.iter().map(|realm| Part {
            what: format!("KDC of {}", realm.realm().name()),
            address: realm.realm().kdc_address(),
        });
        firewall.chain(daemon).chain(realm).collect()
    }

    /// The receiver, unless it refused to run, and what happened at it.
    pub fn receiver(&self) -> Option<(&Daemon, &Arc<Recent>)> {
        self.daemon.as_ref().map(|daemon| (daemon, &self.recent))
    }

    /// The connectors as the scenario has them, which is what the linter judges.
    pub fn written(&self) -> &Arc<Scope> {
        &self.written
    }

    /// Takes everything down.
    pub async fn stop(mut self) {
        self.open.clear();
        if let Some(firewall) = self.firewall.take() {
            firewall.stop().await;
        }
        if let Some(daemon) = self.daemon.take() {
            daemon.stop().await;
        }
    }

    /// Where the server listens that has the configured binding `to`.
    fn server(&self, to: SocketAddr) -> SocketAddr {
        let Some(daemon) = &self.daemon else { return self.nobody };
        let connectors = self.configuration.connectors.iter();
        let bound = connectors.filter(|c| c.enabled && c.bindings.iter().any(|b| b.0 == to));
        let identities: Vec<_> = bound.map(|c| self.configuration.server.identity(c)).collect();
        let listening = daemon.listening();
        let mut addresses = listening
            .iter()
            .filter(|connector| identities.contains(&connector.identity))
            .flat_map(|connector| &connector.bindings);
        let own = |address: &&SocketAddr| to.ip().is_unspecified() || address.ip() == to.ip();
        addresses.find(own).copied().unwrap_or(self.nobody)
    }

    /// The events behind the first `before`.
    fn events(&self, before: usize) -> Vec<Event> {
        self.recent.events().iter().rev().skip(before).map(|record| Event::of(record)).collect()
    }
}

/// What the linter says of the configuration, with the certificates that are there.
fn lint(
    scenario: &Scenario,
    draft: &Draft,
    scope: &Scope,
    state: &Path,
) -> Result<Vec<Told>, LabError> {
    let server = &draft.configuration.server;
    let now = std::time::SystemTime::now();
    // The daemon finds what is made here. All of a lab knows EC, and it is to be up in a moment.
    let store = Store::open(state, &server.name, &server.fqdn, KeyKind::Ec, now)?;
    let found = findings(draft, scope, Some(&store), &scenario.peers());
    Ok(found
        .iter()
        .map(|finding| Told {
            rule: finding.rule.id,
            connector: server.identity(&scope.connectors()[finding.connector]),
            problem: finding.problem.clone(),
            mend: finding.mend.clone(),
        })
        .collect())
}

/// The configuration as a lab runs it.
fn prepared(mut configuration: Configuration) -> Configuration {
    for connector in &mut configuration.connectors {
        connector.tarpit_interval = TimeSpan::from_secs(0);
        connector.auth_tarpit_interval = TimeSpan::from_secs(0);
        connector.protocol_logging_level = ProtocolLoggingLevel::Verbose;
    }
    configuration.proxy_protocol.trust.push(PROXY.into());
    configuration
}

/// Bindings to all addresses become one to 127.0.0.1; others are of loopback already.
fn has_wildcard(configuration: &Configuration) -> bool {
    configuration.connectors.iter().flat_map(|c| &c.bindings).any(|b| b.is_wildcard())
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
