//! `expsd serve`

use std::fs;
use std::io::{self, Write as _};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use expsd::config::{self, Configuration};
use expsd::journal::{Change, Point, Recent};
use expsd::lab::realm::ServerRealm;
use expsd::server::{Daemon, Listening, Options, Ports};
use expsd::web::{App, FirstMessage, Listener, Served, webhook};
use jiff::Timestamp;
use serde::Serialize;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::{RecvError, TryRecvError};
use tokio_util::sync::CancellationToken;

use super::output::Output;
use super::{FAILED, Failed, Format, Source, State, fail, log, realm};

/// Run the daemon
///
/// Without --config, and with --import, nothing listens beyond 127.0.0.1, and every port is
/// moved up by 1000: 25 becomes 1025, 587 becomes 1587. SIGTERM and SIGINT let messages in flight end; a second one
/// ends at once.
#[derive(Args)]
#[command(after_help = "\
Examples:
  expsd serve
  expsd serve --config ex01.toml --listen 127.0.0.1 --port-offset 1000
  expsd serve --import ex01.clixml
  expsd serve --capture ./mail --ready-file ready.json --format json
  expsd serve --capture sqlite:mail.db
  expsd serve --journal ./logs
  expsd serve --with-realm
  expsd serve --journal ./journal --explain
  RUST_LOG=debug expsd serve
  OTEL_EXPORTER_OTLP_ENDPOINT=http://127.0.0.1:4318 expsd serve   (built with --features otlp)")]
pub struct Serve {
    #[command(flatten)]
    source: Source,
    #[command(flatten)]
    state: State,
    /// Listen on this address in place of every binding's
    #[arg(long, value_name = "ADDR")]
    listen: Option<IpAddr>,
    /// Move every port by N
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    port_offset: Option<i32>,
    /// Write a file once everything listens: what listens where, in JSON
    #[arg(long, value_name = "FILE")]
    ready_file: Option<PathBuf>,
    /// Write each message into a folder: <id>.eml, and <id>.json with how it came; or keep all in
    /// a database, as `store` of `[capture]` does
    #[arg(long, value_name = "DIR|sqlite:FILE", value_parser = CaptureAt::from_str)]
    capture: Option<CaptureAt>,
    /// Write protocol logs and events below this folder, as an Exchange server does
    #[arg(long, value_name = "DIR")]
    journal: Option<PathBuf>,
    /// Tell at the end of each session what happened in it, and why
    #[arg(long)]
    explain: bool,
    /// Where web pages, the API and metrics are answered over HTTP, or `off`
    /// [default: `listen` of `[http]`, or 127.0.0.1:8025 if it is free]
    #[arg(long, value_name = "ADDR", value_parser = HttpAt::from_str)]
    http: Option<HttpAt>,
    /// Run a Kerberos realm beside it, as `expsd realm --dir <state>/realm` does
    #[arg(long)]
    with_realm: bool,
    /// Form of the log and of what is printed at start
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
}

#[derive(Clone)]
enum CaptureAt {
    Folder(PathBuf),
    Database(PathBuf),
}

impl FromStr for CaptureAt {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.strip_prefix("sqlite:") {
            Some("") => Err("expected a file, such as sqlite:mail.db"),
            Some(file) => Ok(Self::Database(file.into())),
            None => Ok(Self::Folder(text.into())),
        }
    }
}

#[derive(Clone, Copy)]
enum HttpAt {
    Off,
    Address(SocketAddr),
}

impl FromStr for HttpAt {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "off" => Ok(Self::Off),
            _ => text
                .parse()
                .map(Self::Address)
                .map_err(|_| "expected an address and a port such as 127.0.0.1:8025, or off"),
        }
    }
}

/// Requests in flight at the end are given so long.
pub(super) const HTTP_GRACE: Duration = Duration::from_secs(2);

const DEFAULT_HTTP: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 8025);

/// What `--ready-file` holds.
#[derive(Serialize)]
struct Ready {
    pid: u32,
    http: Option<SocketAddr>,
    connectors: Vec<Listening>,
    /// With `--with-realm`.
    #[serde(skip_serializing_if = "Option::is_none")]
    realm: Option<realm::Report>,
}

impl Serve {
    pub fn run(self) -> Result<(), Failed> {
        let _log = log::start(self.format).map_err(|error| fail(FAILED, error))?;
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .enable_all()
            .build()
            .map_err(|error| fail(FAILED, format_args!("the runtime cannot start: {error}")))?;
        runtime.block_on(self.serve())
    }

    async fn serve(self) -> Result<(), Failed> {
        let signals = Signals::new().map_err(|error| fail(FAILED, error))?;
        let mut configuration = self.source.load()?;
        if let Some(CaptureAt::Database(file)) = &self.capture {
            configuration.capture.store = config::Store::Sqlite(file.clone());
        }
        if let Some(file) = &self.ready_file {
            // Whoever waits for it must not find one of an earlier run.
            let _ = fs::remove_file(file);
        }
        let mut options = self.options(&configuration)?;
        // Held to the end; the KDC ends with it.
        let realm = self.start_realm(&mut configuration)?;
        let http = self.http(&configuration.http).await?;
        let ended = CancellationToken::new();
        let recent = Arc::<Recent>::default();
        let webhooks = std::mem::take(&mut configuration.webhooks);
        if http.is_some() || self.explain || !webhooks.is_empty() {
            options.recent = Some(Arc::clone(&recent));
        }
        let told = self.explain.then(|| Output::start(io::stdout(), "traces on stdout"));
        let told = told.transpose().map_err(|error| fail(FAILED, error))?;
        let telling =
            told.clone().map(|told| tokio::spawn(tell(recent.changes(), told, ended.clone())));
        let daemon = Daemon::start(configuration, &options).await.map_err(|e| fail(FAILED, e))?;
        let ready = Ready {
            pid: std::process::id(),
            http: http.as_ref().map(Listener::address),
            connectors: daemon.listening(),
            realm: realm.as_ref().map(realm::Report::of),
        };
        let app = app(&daemon, recent);
        let hooks = webhook::start(&app, webhooks, &ended);
        let serving = http.map(|http| tokio::spawn(http.serve(app, ended.clone())));
        self.announce(&ready, &About::of(&daemon)).map_err(|error| fail(FAILED, error))?;
        signals.wait_and_stop(daemon).await;
        ended.cancel();
        if let Some(telling) = telling {
            let _ = telling.await;
        }
        if let Some(told) = told {
            told.finish();
        }
        let http = futures_util::future::join_all(hooks.into_iter().chain(serving));
        let _ = tokio::time::timeout(HTTP_GRACE, http).await;
        Ok(())
    }

    /// Nobody asked for the default address, so it may be taken; one that was asked for may not.
    async fn http(&self, configured: &config::Http) -> Result<Option<Listener>, Failed> {
        let asked = match self.http {
            Some(HttpAt::Off) => return Ok(None),
            Some(HttpAt::Address(address)) => Some(address),
            None => configured.listen,
        };
        let token = configured.token.clone();
        match Listener::bind(asked.unwrap_or(DEFAULT_HTTP), token).await {
            Ok(listener) => Ok(Some(listener)),
            Err(error) if asked.is_none() => {
                tracing::warn!("{error}; name another address with --http, or --http off");
                Ok(None)
            }
            Err(error) => Err(fail(
                FAILED,
                format_args!("{error}; name another address with --http, or --http off"),
            )),
        }
    }

    /// A set that was not made for this machine stays on loopback and leaves the low ports
    /// alone.
    fn options(&self, configuration: &Configuration) -> Result<Options, Failed> {
        let default = configuration.default_connectors || self.source.import.is_some();
        let loopback = default.then_some(Ipv4Addr::LOCALHOST.into());
        Ok(Options {
            listen: self.listen.or(loopback),
            ports: Ports::Offset(self.port_offset.unwrap_or(if default { 1000 } else { 0 })),
            state: Some(self.state.directory()?),
            capture: match &self.capture {
                Some(CaptureAt::Folder(folder)) => Some(folder.clone()),
                Some(CaptureAt::Database(_)) | None => None,
            },
            journal: self.journal.clone(),
            ..Options::default()
        })
    }

    /// The environment stays as it is: the acceptor finds its key in the keytab by the ticket,
    /// and nothing in a `krb5.conf` matters to it.
    fn start_realm(
        &self,
        configuration: &mut Configuration,
    ) -> Result<Option<ServerRealm>, Failed> {
        if !self.with_realm {
            return Ok(None);
        }
        let realm = realm::start(&self.state.directory()?.join("realm"), configuration, None)?;
        for (account, reason) in realm.left_out() {
            tracing::warn!("{account} is not in the Kerberos realm: {reason}");
        }
        if let Some(keytab) = configuration.kerberos.keytab.replace(realm.keytab().to_owned()) {
            tracing::warn!("the realm's keytab is used in place of {}", keytab.display());
        }
        Ok(Some(realm))
    }

    fn announce(&self, ready: &Ready, about: &About) -> io::Result<()> {
        let json = serde_json::to_string(ready)?;
        if let Some(file) = &self.ready_file {
            write_whole(file, &json)
                .map_err(|error| io::Error::other(format!("{}: {error}", file.display())))?;
        }
        let mut out = io::stdout().lock();
        let printed = match self.format {
            Format::Json => writeln!(out, "{json}").and_then(|()| out.flush()),
            Format::Text => about.print(&mut out, ready),
        };
        match printed {
            // Nobody reads it; the daemon serves all the same.
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
            printed => printed,
        }
    }
}

pub(super) fn app(daemon: &Daemon, recent: Arc<Recent>) -> App {
    let listening = daemon.listening();
    let host = daemon.host();
    let connectors = daemon.scope().connectors().iter().enumerate();
    let served = connectors.map(|(index, connector)| {
        let identity = host.server.identity(connector);
        let found = listening.iter().find(|listening| listening.identity == identity);
        let addresses = found.map(|listening| listening.bindings.clone()).unwrap_or_default();
        Served { addresses, certificate: daemon.has_certificate(index) }
    });
    App {
        served: served.collect(),
        host: Arc::clone(host),
        scope: Arc::clone(daemon.scope()),
        capture: Arc::clone(daemon.capture()),
        recent,
        metrics: Arc::clone(daemon.metrics()),
        started: Timestamp::now(),
        lesson: None,
    }
}

/// Puts the trace of each session that ends, until `ended` and all that was told by then.
async fn tell(mut changes: Receiver<Change>, told: Output, ended: CancellationToken) {
    loop {
        let change = match ended.run_until_cancelled(changes.recv()).await {
            Some(change) => change,
            None => match changes.try_recv() {
                Ok(change) => Ok(change),
                Err(TryRecvError::Lagged(n)) => Err(RecvError::Lagged(n)),
                Err(TryRecvError::Empty | TryRecvError::Closed) => return,
            },
        };
        match change {
            Ok(Change::Session(Point::Ended, session)) => {
                let text = format!("{}\n", session.trace());
                told.put(text.as_bytes());
            }
            Ok(_) => {}
            Err(RecvError::Lagged(changes)) => {
                tracing::warn!(changes, "sessions end faster than they can be told");
            }
            Err(RecvError::Closed) => return,
        }
    }
}

pub(super) fn write_whole(path: &Path, text: &str) -> io::Result<()> {
    let temporary = path.with_added_extension(format!("tmp{}", std::process::id()));
    let written = fs::write(&temporary, text).and_then(|()| fs::rename(&temporary, path));
    if written.is_err() {
        let _ = fs::remove_file(&temporary);
    }
    written
}

/// What is told at start besides the listeners.
struct About {
    server: String,
    first: Option<FirstMessage>,
}

impl About {
    fn of(daemon: &Daemon) -> Self {
        let (host, scope) = (daemon.host(), daemon.scope());
        let server = &host.server;
        let listening = daemon.listening();
        let address = |place: usize| {
            let identity = server.identity(&scope.connectors()[place]);
            let found = listening.iter().find(|listening| listening.identity == identity);
            found.and_then(|listening| listening.bindings.first().copied())
        };
        Self {
            server: format!("{} ({}), Exchange {}", server.name, server.fqdn, server.version),
            first: FirstMessage::new(scope, &host.directory, address),
        }
    }

    fn print(&self, out: &mut impl io::Write, ready: &Ready) -> io::Result<()> {
        let connectors = &ready.connectors;
        writeln!(out, "expsd {} plays {}", env!("CARGO_PKG_VERSION"), self.server)?;
        let width = connectors.iter().map(|c| c.identity.chars().count()).max().unwrap_or(0);
        for connector in connectors {
            let addresses: Vec<_> = connector.bindings.iter().map(ToString::to_string).collect();
            writeln!(out, "  {:width$}  {}", connector.identity, addresses.join(", "))?;
        }
        if let Some(http) = ready.http {
            writeln!(out, "  {:width$}  http://{http}/", "Web pages")?;
        }
        if let Some(first) = &self.first {
            writeln!(out, "\nTo send the first message, paste this into another terminal:")?;
            writeln!(out, "  {}", first.by_curl())?;
        }
        if let Some(realm) = &ready.realm {
            writeln!(out, "\n{}", realm.for_clients())?;
        }
        writeln!(out, "Ctrl-C ends it.")?;
        out.flush()
    }
}

pub(super) struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    pub(super) fn new() -> io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
        })
    }

    pub(super) async fn next(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }

    async fn wait_and_stop(mut self, daemon: Daemon) {
        self.next().await;
        tracing::info!("stopping; a second signal ends at once");
        let hurry = async {
            self.next().await;
            tracing::warn!("what is still open is cut");
        };
        daemon.stop_before(hurry).await;
    }
}
