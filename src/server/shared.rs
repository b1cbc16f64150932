//! What every connection needs, put together once.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::SystemTime;

use ipnet::IpNet;
use jiff::Timestamp;

use super::places::Places;
use super::record::Recorder;
use super::{Options, StartError, handshake};
use crate::auth::{Acceptor, Authenticator, Freshness, Ntlm, ntlm};
use crate::capture::{self, Capture, Limits};
use crate::config::{self, Configuration, Prompt};
use crate::connector::{AuthMechanism, CapableDomain, ReceiveConnector, Role, Server};
use crate::journal::{Journal, Metrics, RuleHits, Source};
use crate::rules::Rules;
use crate::scope::Scope;
use crate::session::{DirectTrust, Host, Memory, Rates, TlsKind, facts};
use crate::tls::{self, Choice, KeyKind, Store};

/// Octets of messages in flight, all sessions together. Our choice; Exchange measures the
/// machine ("Understand back pressure").
const MEMORY: u64 = 512 << 20;

#[derive(Debug)]
pub(super) struct Shared {
    pub host: Arc<Host>,
    pub scope: Arc<Scope>,
    /// One for each connector.
    pub served: Vec<Served>,
    pub internal_transport: tls::Endpoint,
    pub client_roots: Option<tls::ClientRoots>,
    pub trusted_proxies: Vec<IpNet>,
    pub capture: Arc<Capture>,
    pub journal: Option<Arc<Journal>>,
    pub metrics: Arc<Metrics>,
    last_session: AtomicU64,
    last_internal_id: AtomicU64,
}

/// What serving a connector takes besides its parameters.
#[derive(Debug)]
pub(super) struct Served {
    pub starttls: Option<tls::Endpoint>,
    pub places: Arc<Places>,
}

impl Shared {
    pub(super) fn assemble(
        configuration: Configuration,
        options: &Options,
        journal: Option<Arc<Journal>>,
    ) -> Result<Self, StartError> {
        let Configuration { server, connectors, directory, kerberos, transport, rules, .. } =
            configuration;
        let now = SystemTime::now();
        let store = match &options.state {
            Some(state) => Store::open(state, &server.name, &server.fqdn, KeyKind::Rsa, now)?,
            None => Store::ephemeral(&server.name, &server.fqdn, now)?,
        };
        let mut metrics = Metrics::default();
        for kind in [TlsKind::StartTls, TlsKind::XAnonymousTls] {
            metrics.expect_handshakes(kind, &handshake::OUTCOMES);
        }
        let recorder = |role| Recorder {
            journal: journal.as_deref(),
            metrics: Some(&metrics),
            version: server.version,
            role,
            session: None,
        };
        let knows_partners = !transport.domain_secure.is_empty();
        let served = connectors
            .iter()
            .map(|connector| {
                let role = server.role_of(connector);
                metrics.expect(&server.identity(connector), Source::of(server.version, role));
                serve(connector, &server, &store, knows_partners, recorder(role))
            })
            .collect::<Result<_, _>>()?;
        recorder(Role::Hub).internal_certificate(&store);
        if let Some(journal) = &journal {
            metrics.register(journal.metrics());
        }
        let rules = Arc::new(Rules::new(rules)?);
        metrics.register(Box::new(RuleHits(Arc::clone(&rules))));
        if transport.client_roots.is_none() && connectors.iter().any(names_domains) {
            tracing::warn!(
                "TlsDomainCapabilities believes no certificate without [TransportConfig] client_roots"
            );
        }
        let directory = Arc::new(directory);
        let authenticator = Authenticator {
            directory: Arc::clone(&directory),
            acceptor: open_keytab(kerberos.keytab, options.state.as_deref()),
            gssapi_prompt: match kerberos.prompt {
                Prompt::Exchange => "GSSAPI supported",
                Prompt::Empty => "",
            },
            ntlm: Ntlm::of(&server, ntlm_policy(configuration.ntlm), freshness),
        };
        let trust = transport.direct_trust.iter().map(read_trust);
        let host = Host {
            server,
            directory,
            authenticator,
            memory: Arc::new(Memory::new(MEMORY)),
            tally: Arc::clone(metrics.tally()),
            rules,
            direct_trust: trust.collect::<Result<_, _>>()?,
            domain_secure: transport.domain_secure,
            shadow_redundancy: transport.shadow_redundancy,
            rates: Rates::default(),
        };
        let since_1970 = now.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        Ok(Self {
            host: Arc::new(host),
            scope: Arc::new(Scope::new(connectors)),
            served,
            internal_transport: tls::internal_transport(store.internal())?,
            client_roots: transport.client_roots.as_deref().map(read_roots).transpose()?,
            trusted_proxies: configuration.proxy_protocol.trust,
            metrics: Arc::new(metrics),
            capture: Arc::new(Capture::open(&keeping(&configuration.capture, options))?),
            journal,
            last_session: AtomicU64::new(0),
            last_internal_id: AtomicU64::new(since_1970.as_secs() << 16),
        })
    }

    /// Who takes what happens on `connector`.
    pub(super) fn recorder<'a>(
        &'a self,
        connector: &ReceiveConnector,
        session: Option<&'a str>,
    ) -> Recorder<'a> {
        let server = &self.host.server;
        Recorder {
            journal: self.journal.as_deref(),
            metrics: Some(&self.metrics),
            version: server.version,
            role: server.role_of(connector),
            session,
        }
    }

    /// Sessions are numbered by .NET ticks, which the ids of Exchange's protocol logs look like
    /// (`08D892B7A9441226`).
    pub(super) fn next_session_id(&self, now: SystemTime) -> u64 {
        const TICKS_TO_1970: u64 = 621_355_968_000_000_000;
        let since_1970 = now.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        let ticks = TICKS_TO_1970 + (since_1970.as_nanos() / 100) as u64;
        let next = |last: u64| ticks.max(last + 1);
        let previous =
            self.last_session
                .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |last| Some(next(last)));
        previous.map_or(ticks, next)
    }

    pub(super) fn next_internal_id(&self) -> u64 {
        self.last_internal_id.fetch_add(1, Ordering::Relaxed) + 1
    }
}

fn serve(
    connector: &ReceiveConnector,
    server: &Server,
    store: &Store,
    knows_partners: bool,
    recorder: Recorder<'_>,
) -> Result<Served, StartError> {
    let choice = store.for_connector(connector, server, Timestamp::now());
    if connector.enabled && connector.auth_mechanism.contains(AuthMechanism::Tls) {
        recorder.certificate(connector, server.certificate_of(connector), &choice);
    }
    let ask_client =
        (knows_partners && connector.domain_secure_enabled) || names_domains(connector);
    let starttls = match &choice {
        Choice::Found(certificate) => {
            Some(tls::starttls(certificate, ask_client, facts(server.version).tls13)?)
        }
        Choice::Expired(_) | Choice::None => None,
    };
    Ok(Served { starttls, places: Arc::default() })
}

/// Whether TlsDomainCapabilities is about certificates.
fn names_domains(connector: &ReceiveConnector) -> bool {
    let mut entries = connector.tls_domain_capabilities.iter();
    entries.any(|entry| entry.domain != CapableDomain::NoTls)
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

fn read_trust(trust: &config::DirectTrust) -> Result<DirectTrust, StartError> {
    let public_key = tls::public_key(&read_file(&trust.certificate)?).ok_or_else(|| {
        let reason = "it holds no certificate in PEM".to_owned();
        StartError::Certificate { path: trust.certificate.clone(), reason }
    })?;
    Ok(DirectTrust { public_key, role: trust.role })
}

/// A keytab that cannot be used is told, and every Kerberos proof fails until it is mended.
fn open_keytab(keytab: Option<PathBuf>, state: Option<&Path>) -> Option<Arc<Acceptor>> {
    let replay_cache = state.map(|state| state.join("replay-cache"));
    match Acceptor::open(&keytab?, replay_cache.as_deref()) {
        Ok(acceptor) => Some(Arc::new(acceptor)),
        Err(error) => {
            tracing::error!("{error}; X-EXPS GSSAPI and AUTH GSSAPI will fail");
            None
        }
    }
}

/// What the configuration leaves open, the store has a limit of its own for.
fn keeping(capture: &config::Capture, options: &Options) -> capture::Settings {
    let (database, mut limits) = match &capture.store {
        config::Store::Sqlite(path) => (Some(path.clone()), Limits::DISK),
        config::Store::Memory => (None, Limits::MEMORY),
    };
    if let Some(most) = capture.max_messages {
        limits.messages = most.limit().map_or(u64::MAX, u64::from);
    }
    if let Some(most) = capture.max_octets {
        limits.octets = most.limit().map_or(u64::MAX, |most| most.0);
    }
    if let Some(most) = capture.max_age {
        limits.age = most.limit().map(|most| most.0);
    }
    capture::Settings { database, limits, folder: options.capture.clone() }
}

fn ntlm_policy(settings: config::Ntlm) -> ntlm::Policy {
    ntlm::Policy {
        minimum: if settings.accept_v1 { ntlm::Minimum::V1 } else { ntlm::Minimum::V2 },
        require_ntlm2_flag: settings.require_ntlm2_flag,
    }
}

fn freshness() -> Freshness {
    const FILETIME_OF_1970: u64 = 116_444_736_000_000_000;
    let mut challenge = [0; 8];
    aws_lc_rs::rand::fill(&mut challenge).expect("aws-lc ends the process where it has no entropy");
    let since_1970 = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    Freshness { challenge, filetime: FILETIME_OF_1970 + (since_1970.as_nanos() / 100) as u64 }
}
