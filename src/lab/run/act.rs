//! One of the cast comes.

use std::net::{IpAddr, SocketAddr};
use std::path::Path;
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::net::{TcpSocket, TcpStream};
use tokio::process::Command;
use tokio::time::timeout;

use super::evidence::Seen;
use super::{Act, Lab, LabError, PROXY};
use crate::connector::{SourceAddress, Version};
use crate::journal::Recent;
use crate::journal::trace::Trace;
use crate::lab::quoted;
use crate::lab::scenario::{self, Cast, Proof};
use crate::middlebox::Middlebox;
use crate::probe::{self, Credentials, Mechanism, Plan};

/// Nothing on loopback takes this long; what does is told as it is.
const PATIENCE: Duration = Duration::from_secs(5);
/// A probe as a process of its own must come to its end by itself within this.
const PROBE: Duration = Duration::from_secs(60);

const MESSAGE: &[u8] = b"Subject: a lesson\r\n\r\nNothing else.\r\n";

/// How much there was before somebody came.
struct Before {
    /// The ids of the sessions, some of which may still go on.
    sessions: Vec<String>,
    events: usize,
    rows: usize,
}

impl Before {
    fn of(recent: &Recent) -> Self {
        Self {
            sessions: recent
                .sessions()
                .iter()
                .map(|session| session.trace().session.clone())
                .collect(),
            events: recent.events().len(),
            rows: recent.rows().len(),
        }
    }

    /// The rows since, without those of a session that was there already.
    fn rows(&self, recent: &Recent) -> Vec<String> {
        let rows = recent.rows();
        let new = rows.iter().skip(self.rows).filter(|row| {
            let is_of = |id: &String| row.contains(&format!(",{id},"));
            !self.sessions.iter().any(is_of)
        });
        new.map(ToString::to_string).collect()
    }
}

impl Lab {
    /// Lets `cast` come.
    pub(super) async fn act(&mut self, cast: &'static Cast) -> Result<Act, LabError> {
        let target = match &self.firewall {
            Some(firewall) => firewall.address(),
            None => self.server(cast.to),
        };
        for _ in 0..cast.open {
            self.open.push(open(cast.from, target).await?);
        }
        // What was before is not his.
        self.flush().await;
        let before = Before::of(&self.recent);

        let mut log = self.firewall.as_ref().map(Middlebox::log);
        let plan = self.plan(cast, target)?;
        let mut report = self.probe(cast, &plan).await?;
        for _ in 1..cast.times {
            report = self.probe(cast, &plan).await?;
        }
        let seen = serde_json::from_value::<Seen>(report.clone())
            .map_err(|error| LabError::Probe(error.to_string()))?;
        let trace = self.settled(&before).await;
        let lines = std::iter::from_fn(|| log.as_mut()?.try_recv().ok());
        let firewall = lines.map(|line| line.to_string()).collect();
        let from = SourceAddress::from(cast.from);
        let explained = self.daemon.as_ref().filter(|_| self.firewall.is_none());
        Ok(Act {
            name: &cast.name,
            target,
            command: self.command(cast, &plan),
            probe: report,
            seen,
            explanation: explained.map(|daemon| daemon.explain(cast.to, from)),
            trace,
            firewall,
            rows: before.rows(&self.recent),
            events: self.events(before.events),
        })
    }

    /// Waits until the daemon has told all; gives the trace of the last session, if there was one.
    async fn settled(&self, before: &Before) -> Option<Trace> {
        let mut changes = self.recent.changes();
        let new = || {
            let sessions = self.recent.sessions();
            let count = sessions.len().saturating_sub(before.sessions.len());
            sessions.into_iter().take(count)
        };
        let ended = async {
            while new().any(|session| session.trace().ended.is_none()) {
                // Behind or closed, one looks again, or for the last time.
                let _ = changes.recv().await;
            }
        };
        let _ = timeout(PATIENCE, ended).await;
        self.flush().await;
        new().next().map(|session| session.trace().clone())
    }

    async fn flush(&self) {
        if let Some(daemon) = &self.daemon {
            daemon.flush_journal().await;
        }
    }

    fn plan(&self, cast: &Cast, target: SocketAddr) -> Result<Plan, LabError> {
        let server = &self.configuration.server;
        let mut plan = Plan::new(target.ip().to_string(), target.port());
        // By the name in the EHLO reply, as a banner may say anything. Our reading of KB 979174, which
        // has a changed FQDN among the causes of a failed proof.
        let connectors = self.configuration.connectors.iter();
        let met = connectors.clone().find(|c| c.bindings.iter().any(|b| b.0 == cast.to));
        plan.server_name = met.map(|connector| server.fqdn_of(connector).to_owned());
        plan.sender = cast.helo.clone();
        plan.version = server.version;
        let by_ticket = cast.login.as_ref().is_some_and(|login| login.proof == Proof::Kerberos);
        plan.mechanism = match (cast.act, by_ticket) {
            (scenario::Act::ExchangeServer, _) => Mechanism::ExchangeServer,
            (scenario::Act::Downgraded, true) => Mechanism::XExpsGssapi,
            (scenario::Act::Downgraded, false) => Mechanism::XExpsNtlm,
            (scenario::Act::DirectTrust, _) => Mechanism::DirectTrust,
            (scenario::Act::User, true) => Mechanism::Gssapi,
            (scenario::Act::User, false) => Mechanism::Ntlm,
            (scenario::Act::Anonymous, _) => Mechanism::Anonymous,
        };
        if let Some(login) = &cast.login {
            plan.credentials = match login.proof {
                Proof::Kerberos => {
                    Credentials::Cache(self.tickets.caches.get(&login.account).cloned())
                }
                Proof::Ntlm => {
                    let password = self.password(&login.account);
                    let password =
                        password.ok_or_else(|| LabError::NoPassword(login.account.clone()))?;
                    Credentials::password(&login.account, password)
                }
            };
        }
        if cast.act == scenario::Act::DirectTrust {
            plan.certificate = self.certificate.as_ref().map(|(_, shown)| Arc::clone(shown));
        }
        plan.require_tls = cast.require_tls;
        let (from, stated) = source(cast.from);
        plan.from_address = Some(from);
        plan.proxy_from = stated;
        plan.mail_from = cast.mail_from.clone();
        plan.rcpt_to = Some(cast.rcpt_to.clone());
        plan.message = Some(MESSAGE.to_vec());
        plan.timeout = PATIENCE;
        Ok(plan)
    }

    /// A ticket is taken from the realm of the environment, which a process has one of; such a
    /// probe is a process of its own.
    async fn probe(&self, cast: &Cast, plan: &Plan) -> Result<serde_json::Value, LabError> {
        let failed = |error: String| LabError::Probe(error);
        if !matches!(plan.credentials, Credentials::Cache(_)) {
            let report = probe::run(plan).await;
            return serde_json::to_value(report).map_err(|error| failed(error.to_string()));
        }
        let mut command = Command::new(&self.program);
        command
            .args(arguments(plan, self.certificate_file(cast)))
            .args(["--format", "json"])
            .envs(self.environment(cast))
            .stdin(Stdio::null())
            .stderr(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true);
        let output = timeout(PROBE, command.output())
            .await
            .map_err(|_| failed("it did not end".to_owned()))?
            .map_err(|error| failed(format!("{}: {error}", self.program.display())))?;
        serde_json::from_slice(&output.stdout)
            .map_err(|_| failed(String::from_utf8_lossy(&output.stderr).trim().to_owned()))
    }

    /// What to paste into a shell to do it again, as often as the cast did.
    ///
    /// It has the password of the account, which the configuration of the scenario shows as well.
    fn command(&self, cast: &Cast, plan: &Plan) -> String {
        let mut variables = self.environment(cast);
        if let Credentials::Password { user, .. } = &plan.credentials
            && let Some(password) = self.password(user)
        {
            variables.push(("EXPSD_PASSWORD", password.to_owned()));
        }
        let variables = variables.iter().map(|(name, value)| format!("{name}={}", quoted(value)));
        let arguments = arguments(plan, self.certificate_file(cast));
        let program = self.program.display().to_string();
        let words = std::iter::once(&program).chain(&arguments);
        let words = variables.chain(words.map(|word| quoted(word).into_owned()));
        let command = words.collect::<Vec<_>>().join(" ");
        match cast.times {
            0 | 1 => command,
            times => format!("for i in $(seq {times}); do {command}; done"),
        }
    }

    /// The password of an account of the configuration.
    fn password(&self, account: &str) -> Option<&str> {
        self.configuration.directory.find(account)?.password()
    }

    fn certificate_file(&self, cast: &Cast) -> Option<&Path> {
        let shows = cast.act == scenario::Act::DirectTrust;
        self.certificate.as_ref().filter(|_| shows).map(|(file, _)| file.as_path())
    }

    fn environment(&self, cast: &Cast) -> Vec<(&'static str, String)> {
        let cache = cast.login.as_ref().and_then(|login| self.tickets.caches.get(&login.account));
        cache.map_or(Vec::new(), |cache| {
            vec![
                ("KRB5_CONFIG", self.tickets.krb5_conf.display().to_string()),
                ("KRB5CCNAME", format!("FILE:{}", cache.display())),
            ]
        })
    }
}

/// What `expsd` is to be told for `plan`.
fn arguments(plan: &Plan, certificate: Option<&Path>) -> Vec<String> {
    let Plan { host, port, sender, mail_from, version, .. } = plan;
    let mut arguments = vec!["probe".to_owned(), format!("{host}:{port}")];
    let mut add = |name: &str, value: String| arguments.extend([name.to_owned(), value]);
    let mechanism = match plan.mechanism {
        Mechanism::ExchangeServer => "exchange-server",
        Mechanism::XExpsGssapi => "x-exps-gssapi",
        Mechanism::XExpsNtlm => "x-exps-ntlm",
        Mechanism::Gssapi => "gssapi",
        Mechanism::Ntlm => "ntlm",
        Mechanism::Login => "login",
        Mechanism::DirectTrust => "direct-trust",
        Mechanism::Anonymous => "anonymous",
    };
    add("--mechanism", mechanism.to_owned());
    add("--as", sender.clone());
    if let Some(name) = &plan.server_name {
        add("--server-name", name.clone());
    }
    if let Credentials::Password { user, .. } = &plan.credentials {
        add("--user", user.clone());
    }
    if let Some(path) = certificate {
        add("--certificate", path.display().to_string());
    }
    if let Some(address) = plan.from_address {
        add("--from-address", address.to_string());
    }
    if let Some(address) = plan.proxy_from {
        add("--proxy-from", address.to_string());
    }
    add("--mail-from", mail_from.clone());
    if let Some(recipient) = &plan.rcpt_to {
        add("--rcpt-to", recipient.clone());
    }
    if *version != Version::E2019 {
        add("--sender-version", version.to_string());
    }
    arguments.push("--send".to_owned());
    if plan.require_tls {
        arguments.push("--require-tls".to_owned());
    }
    arguments
}

/// The address that a sender binds, and the one that it states by PROXY protocol instead.
pub(super) fn source(from: IpAddr) -> (IpAddr, Option<IpAddr>) {
    match from {
        IpAddr::V4(ip) if ip.is_loopback() => (from, None),
        _ => (PROXY, Some(from)),
    }
}

/// A connection that has heard the greeting and says nothing.
async fn open(from: IpAddr, target: SocketAddr) -> Result<TcpStream, LabError> {
    let connect = async {
        let socket = TcpSocket::new_v4()?;
        socket.bind((from, 0).into())?;
        let mut stream = socket.connect(target).await?;
        let mut greeting = String::new();
        BufReader::new(&mut stream).read_line(&mut greeting).await?;
        Ok(stream)
    };
    match timeout(PATIENCE, connect).await {
        Ok(opened) => opened.map_err(|error| LabError::Connect { from, error }),
        Err(_) => Err(LabError::Connect { from, error: std::io::ErrorKind::TimedOut.into() }),
    }
}
