//! `expsd cert`

use std::io::{self, Write as _};
use std::time::SystemTime;

use clap::{Subcommand, ValueEnum};
use expsd::config::Configuration;
use expsd::connector::AuthMechanism;
use expsd::tls::{Certificate, Choice, KeyKind, Store};
use jiff::Timestamp;
use tokio_rustls::rustls::pki_types::DnsName;

use super::{FAILED, Failed, Source, State, fail};

#[derive(Subcommand)]
#[command(after_help = "\
Examples:
  expsd cert new --name mail.contoso.test
  expsd cert list --config ex01.toml")]
pub enum Cert {
    /// Make an SMTP certificate for STARTTLS
    ///
    /// A connector takes the newest certificate that holds its FQDN. Restart the daemon after.
    #[command(after_help = "\
Examples:
  expsd cert new --name mail.contoso.test
  expsd cert new --name mail.contoso.test --name '*.fabrikam.test' --days 90")]
    New {
        #[command(flatten)]
        state: State,
        /// A DNS name that the certificate holds, or *.DOMAIN; the first is its subject
        #[arg(long, value_name = "NAME", required = true, value_parser = dns_name)]
        name: Vec<String>,
        /// The kind of its key; any peer takes RSA
        #[arg(long, value_name = "KIND", default_value = "rsa")]
        key: Key,
        /// How long it is valid
        #[arg(long, value_name = "N", default_value = "365", value_parser = clap::value_parser!(u32).range(1..=36_500))]
        days: u32,
    },
    /// List certificates, and the connectors that use each
    #[command(after_help = "\
Examples:
  expsd cert list
  expsd cert list --config ex01.toml --state ./state")]
    List {
        #[command(flatten)]
        source: Source,
        #[command(flatten)]
        state: State,
    },
}

#[derive(Clone, Copy, ValueEnum)]
pub enum Key {
    /// 2048 bits
    Rsa,
    /// P-256
    Ec,
}

impl From<Key> for KeyKind {
    fn from(key: Key) -> Self {
        match key {
            Key::Rsa => Self::Rsa,
            Key::Ec => Self::Ec,
        }
    }
}

#[derive(Debug, thiserror::Error)]
#[error("expected a DNS name such as mail.contoso.test or *.contoso.test")]
struct BadName;

fn dns_name(text: &str) -> Result<String, BadName> {
    let name = text.strip_prefix("*.").unwrap_or(text);
    let is_name = DnsName::try_from(name).is_ok() && !name.ends_with('.');
    if is_name { Ok(text.to_owned()) } else { Err(BadName) }
}

impl Cert {
    pub fn run(self) -> Result<(), Failed> {
        match self {
            Self::New { state, name, key, days } => {
                let (state, key) = (state.directory()?, key.into());
                let made = Store::create(&state, &name, days, key, SystemTime::now());
                let (path, certificate) = made.map_err(|error| fail(FAILED, error))?;
                let text = format!("{}\n{}", path.display(), describe(&certificate, "new"));
                print(&text)
            }
            Self::List { source, state } => list(&source.load()?, &state),
        }
    }
}

fn list(configuration: &Configuration, state: &State) -> Result<(), Failed> {
    let state = state.directory()?;
    let server = &configuration.server;
    let store = Store::read(&state, &server.name, &server.fqdn, SystemTime::now())
        .map_err(|error| fail(FAILED, error))?;
    let now = Timestamp::now();
    let shown = |certificate: &Certificate, used: &str| match store.is_saved(certificate) {
        true => describe(certificate, used),
        false => format!(
            "subject     {}\nnames       {}\nmade by     the next start of the daemon\nused by     {used}\n",
            certificate.details.subject,
            certificate.details.names.join(", ")
        ),
    };
    let mut text = shown(store.internal(), "X-ANONYMOUSTLS of every connector");
    let mut without = Vec::new();
    let tls = |c: &&expsd::connector::ReceiveConnector| {
        c.enabled && c.auth_mechanism.contains(AuthMechanism::Tls)
    };
    let choices: Vec<_> = configuration
        .connectors
        .iter()
        .filter(tls)
        .map(|connector| (connector, store.for_connector(connector, server, now)))
        .collect();
    for certificate in store.smtp() {
        let users: Vec<_> = choices
            .iter()
            .filter(|(_, choice)| {
                choice
                    .usable()
                    .is_some_and(|c| c.details.thumbprint == certificate.details.thumbprint)
            })
            .map(|(connector, _)| connector.name.as_str())
            .collect();
        let used = if users.is_empty() {
            "nobody".to_owned()
        } else {
            format!("STARTTLS of {}", users.join(", "))
        };
        text.push('\n');
        text += &shown(certificate, &used);
    }
    for (connector, choice) in &choices {
        let wanted = server.certificate_of(connector);
        match choice {
            Choice::Found(_) => {}
            Choice::Expired(_) => without
                .push(format!("{}: the certificate for {wanted} has expired", connector.name)),
            Choice::None => {
                without.push(format!("{}: no certificate is for {wanted}", connector.name))
            }
        }
    }
    for line in without {
        text += &format!("\nwithout STARTTLS: {line}\n");
    }
    print(&text)
}

fn describe(certificate: &Certificate, used: &str) -> String {
    let expired = if certificate.is_expired(Timestamp::now()) { " (expired)" } else { "" };
    format!(
        "subject     {}\nnames       {}\nthumbprint  {}\nexpires     {}{expired}\nused by     {used}\n",
        certificate.details.subject,
        certificate.details.names.join(", "),
        certificate.details.thumbprint,
        certificate.details.not_after,
    )
}

/// A reader that has gone away is no failure.
fn print(text: &str) -> Result<(), Failed> {
    match io::stdout().lock().write_all(text.as_bytes()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(fail(FAILED, error)),
        _ => Ok(()),
    }
}
