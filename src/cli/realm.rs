//! `expsd realm`

use std::error::Error as _;
use std::fmt::Write as _;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use clap::Args;
use expsd::config::Configuration;
use expsd::lab::quoted;
use expsd::lab::realm::{Fault, RealmError, ServerRealm};
use serde::Serialize;
use tokio::signal::unix::{SignalKind, signal};

use super::serve::Signals;
use super::{FAILED, Failed, Format, Source, fail};

/// Run a throwaway Kerberos realm for the configured accounts
///
/// The realm is called after the server's DNS domain, CONTOSO.TEST. Each account with a password
/// becomes a principal, CONTOSO\EX02$ as EX02$@CONTOSO.TEST, and the server gets a keytab for
/// SMTPSVC, SMTP and smtp under its full and its short name. It needs no root and leaves the
/// machine's own Kerberos alone; SIGTERM and SIGINT end it. Each start makes new keys, so that
/// the daemon must be started after it, and clients log in again.
///
/// It needs MIT's KDC (Debian: krb5-kdc, krb5-admin-server), and clients kinit (krb5-user).
#[derive(Args)]
#[command(after_help = "\
Examples:
  expsd realm --dir ./realm
  expsd realm --dir ./realm --config ex01.toml --old-key
  expsd realm --dir ./realm --skew 3600 --format json")]
pub struct Realm {
    #[command(flatten)]
    source: Source,
    /// Where its files go; made if need be, and used again by the next run
    #[arg(long, value_name = "DIR")]
    dir: PathBuf,
    #[command(flatten)]
    fault: FaultArgs,
    /// Form of what is printed at start
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
}

#[derive(Args)]
#[group(multiple = false)]
struct FaultArgs {
    /// Put other keys into the keytab than the KDC has
    #[arg(long)]
    wrong_key: bool,
    /// Put the previous keys into the keytab, as after a password change that it missed
    #[arg(long)]
    old_key: bool,
    /// Take the server's service principals out of the KDC, as where the SPN is missing
    #[arg(long)]
    no_spn: bool,
    /// Log every account in, with tickets that make its client's clock SECONDS fast
    ///
    /// MIT clients date their proofs by what the ticket cache says of the KDC's clock. For each
    /// account a cache <user>.ccache with a ticket for every service is made, and skewed. Servers
    /// put up with 300 seconds. kinit makes tickets without the skew, and the KDC gives no more
    /// tickets to a skewed cache; these last for a day less the skew. A client that is slow needs
    /// another clock: MIT's makes no proof from a ticket that seems not yet valid.
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u32).range(1..=43_200))]
    skew: Option<u32>,
}

impl FaultArgs {
    fn fault(&self) -> Option<Fault> {
        let chosen = |is: bool, fault| is.then_some(fault);
        chosen(self.wrong_key, Fault::WrongKey)
            .or(chosen(self.old_key, Fault::OldKey))
            .or(chosen(self.no_spn, Fault::NoSpn))
            .or(self.skew.map(Fault::Skew))
    }
}

/// What is told of a realm that is up.
#[derive(Serialize)]
pub struct Report {
    name: String,
    kdc: String,
    kdc_pid: u32,
    keytab: String,
    /// What a client's environment must have.
    environment: Environment,
    users: Vec<User>,
    services: Vec<String>,
    left_out: Vec<LeftOut>,
}

#[derive(Serialize)]
struct Environment {
    #[serde(rename = "KRB5_CONFIG")]
    config: String,
    #[serde(rename = "KRB5CCNAME")]
    cache: String,
}

#[derive(Serialize)]
struct User {
    principal: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    skewed_cache: Option<String>,
}

#[derive(Serialize)]
struct LeftOut {
    account: String,
    reason: String,
}

/// The line of `--format json`.
#[derive(Serialize)]
struct Up<'a> {
    pid: u32,
    realm: &'a Report,
}

impl Realm {
    pub fn run(self) -> Result<(), Failed> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|error| fail(FAILED, format_args!("the runtime cannot start: {error}")))?;
        runtime.block_on(self.hold())
    }

    async fn hold(self) -> Result<(), Failed> {
        let mut signals = Signals::new().map_err(|error| fail(FAILED, error))?;
        let mut children = signal(SignalKind::child()).map_err(|error| fail(FAILED, error))?;
        let configuration = self.source.load()?;
        let fault = self.fault.fault();
        let mut realm = start(&self.dir, &configuration, fault)?;
        self.announce(&Report::of(&realm), fault).map_err(|error| fail(FAILED, error))?;
        loop {
            tokio::select! {
                () = signals.next() => return Ok(()),
                _ = children.recv() => {
                    if let Some(error) = realm.kdc_ended() {
                        return Err(failed(&error));
                    }
                }
            }
        }
    }

    fn announce(&self, report: &Report, fault: Option<Fault>) -> io::Result<()> {
        let text = match self.format {
            Format::Json => {
                serde_json::to_string(&Up { pid: std::process::id(), realm: report })? + "\n"
            }
            Format::Text => report.text(fault),
        };
        let mut out = io::stdout().lock();
        match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
            // Nobody reads it; the realm is up all the same.
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
            printed => printed,
        }
    }
}

/// Starts the realm of `configuration`, or says why not.
pub fn start(
    dir: &Path,
    configuration: &Configuration,
    fault: Option<Fault>,
) -> Result<ServerRealm, Failed> {
    ServerRealm::start(dir, &configuration.server, &configuration.directory, fault)
        .map_err(|error| failed(&error))
}

impl Report {
    pub fn of(up: &ServerRealm) -> Self {
        let realm = up.realm();
        let [(_, config), (_, cache)] =
            realm.environment(&up.cache()).map(|(name, value)| (name, lossy(Path::new(&value))));
        let mut caches = up.skewed_caches().iter().map(|cache| format!("FILE:{}", lossy(cache)));
        let user =
            |principal: &String| User { principal: principal.clone(), skewed_cache: caches.next() };
        let left_out = up.left_out().iter().map(|(account, reason)| LeftOut {
            account: account.to_string(),
            reason: reason.to_string(),
        });
        Self {
            name: realm.name().to_owned(),
            kdc: realm.kdc_address().to_string(),
            kdc_pid: realm.kdc_process(),
            keytab: lossy(up.keytab()),
            environment: Environment { config, cache },
            users: up.users().iter().map(user).collect(),
            services: up.services().to_vec(),
            left_out: left_out.collect(),
        }
    }

    /// What to paste into a client's terminal.
    pub fn for_clients(&self) -> String {
        let mut text = format!(
            "To log in to {}, paste this into the client's terminal:\n  export KRB5_CONFIG={}\n",
            self.name,
            quoted(&self.environment.config)
        );
        let skewed: Vec<_> =
            self.users.iter().filter_map(|u| Some((u, u.skewed_cache.as_ref()?))).collect();
        if !skewed.is_empty() {
            text += "and one of these:\n";
            for (user, cache) in skewed {
                let _ =
                    writeln!(text, "  export KRB5CCNAME={}  # {}", quoted(cache), user.principal);
            }
        } else {
            let cache = quoted(&self.environment.cache);
            let _ = writeln!(text, "  export KRB5CCNAME={cache}");
            if let Some(user) = self.users.first() {
                let _ = writeln!(text, "  kinit {}", quoted(&user.principal));
            }
        }
        text
    }

    fn text(&self, fault: Option<Fault>) -> String {
        let users: Vec<_> = self.users.iter().map(|user| user.principal.as_str()).collect();
        let users = if users.is_empty() { "nobody".to_owned() } else { users.join(", ") };
        let mut text = format!(
            "expsd {} runs the realm {}, its KDC at {}\n  users     {users}\n  services  {}\n",
            env!("CARGO_PKG_VERSION"),
            self.name,
            self.kdc,
            self.services.join(", ")
        );
        for LeftOut { account, reason } in &self.left_out {
            let _ = writeln!(text, "  left out  {account}: {reason}");
        }
        if let Some(fault) = fault.map(described) {
            let _ = writeln!(text, "  fault     {fault}");
        }
        // What the path can hold, JSON writes as TOML does.
        let keytab = serde_json::Value::from(self.keytab.as_str());
        let _ = write!(
            text,
            "\nFor the daemon, in its configuration:\n  [kerberos]\n  keytab = {keytab}\n\n\
             {}\nCtrl-C ends it.\n",
            self.for_clients()
        );
        text
    }
}

fn described(fault: Fault) -> String {
    match fault {
        Fault::WrongKey => "the keytab holds other keys than the KDC".to_owned(),
        Fault::OldKey => "the KDC has newer keys than the keytab".to_owned(),
        Fault::NoSpn => "the KDC does not know the services".to_owned(),
        Fault::Skew(seconds) => {
            format!("with the caches below a client's clock is {seconds} seconds fast")
        }
    }
}

fn failed(error: &RealmError) -> Failed {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let _ = write!(text, ": {cause}");
        source = cause.source();
    }
    fail(FAILED, text)
}

/// The paths of a realm are UTF-8.
fn lossy(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}
