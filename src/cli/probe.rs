//! `expsd probe`

use std::fs;
use std::io::{self, IsTerminal as _, Write as _};
use std::net::{IpAddr, Ipv6Addr};
use std::path::PathBuf;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use clap::{Args, ValueEnum};
use expsd::connector::Version;
use expsd::probe::{
    self, Credentials, Line, Mechanism, Opening, Outcome, Plan, Report, Style, Styled, StyledLine,
};
use expsd::tls::{self, Certificate};
use jiff::{SignedDuration, Timestamp};

use super::{FAILED, Failed, Format, UNREADABLE, fail, written};

/// Look at a receiver as a sending Exchange server does, and say why mail would not go through
///
/// It connects, says EHLO, starts TLS, proves itself and names sender and recipient, as far as
/// the server lets it. Then it tells what the sender's queue (Last Error), event log and SmtpSend
/// log would show, and which of the known causes fit, each with its next step. Nothing is
/// delivered unless --send is given: it ends with RSET and QUIT after RCPT, or before MAIL if no
/// recipient is named.
#[derive(Args)]
#[command(after_help = "\
Exit codes: 0 it works as the sender needs it; 1 something was refused; 2 there is no server to
talk to, or the arguments are wrong.

Examples:
  expsd probe ex01.contoso.com
  expsd probe ex01.contoso.com --from-address 10.0.0.12 --log
  expsd probe ex01.contoso.com --mechanism x-exps-gssapi --rcpt-to alice@contoso.com
  EXPSD_PASSWORD=machine-secret expsd probe 127.0.0.1:1025 --user 'CONTOSO\\EX02$' --proxy-from 10.0.0.12
  expsd probe mail.contoso.com:587 --mechanism login --user alice@contoso.com --password-file pw
  expsd probe mail.contoso.com --mechanism anonymous --rcpt-to someone@example.org
  expsd probe ex01.contoso.com --write-config like-ex01.toml
  expsd probe ex01.contoso.com --format json | jq -r '.causes[].id'")]
pub struct Probe {
    /// The receiver; the port is 25 unless it is given
    #[arg(value_name = "HOST[:PORT]", value_parser = At::from_str)]
    target: At,
    /// The sending server's name, for EHLO
    #[arg(long = "as", value_name = "SERVER", default_value = "ex02.contoso.test")]
    sender: String,
    /// How the sender proves itself
    #[arg(long, value_name = "MECHANISM", default_value = "exchange-server")]
    mechanism: How,
    /// Account to prove: DOMAIN\user, or user@domain; without one, the Kerberos ticket cache
    /// serves. A machine account is DOMAIN\SERVER$
    #[arg(long, value_name = "USER")]
    user: Option<String>,
    /// Its password, in the first line of a file; else the variable EXPSD_PASSWORD has it
    #[arg(long, value_name = "FILE", requires = "user")]
    password_file: Option<PathBuf>,
    /// Certificate and key in PEM, shown where the server asks; for direct-trust the internal
    /// transport certificate
    #[arg(long, value_name = "FILE")]
    certificate: Option<PathBuf>,
    /// The server's certificate as EdgeSync has published it, in PEM or DER: for direct-trust,
    /// another one ends it with event 2018
    #[arg(long, value_name = "FILE")]
    expected_certificate: Option<PathBuf>,
    /// The server's own name, for its certificate and its ticket [default: HOST, or, where that
    /// is an address, the name in the banner]
    #[arg(long, value_name = "FQDN")]
    server_name: Option<String>,
    /// Send no mail without TLS, as a send connector with RequireTLS
    #[arg(long)]
    require_tls: bool,
    /// Come from this address of this machine
    #[arg(long, value_name = "IP")]
    from_address: Option<IpAddr>,
    /// State another source address in a PROXY header, which the receiver must trust
    #[arg(long, value_name = "IP")]
    proxy_from: Option<IpAddr>,
    /// Sender of the mail [default: the empty address of reports]
    #[arg(long, value_name = "ADDRESS", default_value = "", hide_default_value = true)]
    mail_from: String,
    /// Recipient of the mail; without one, MAIL and RCPT are not tried
    #[arg(long, value_name = "ADDRESS")]
    rcpt_to: Option<String>,
    /// Deliver a short message that says where it comes from
    #[arg(long, requires = "rcpt_to")]
    send: bool,
    /// The sending server's version, which words Last Error and lays out the log
    #[arg(long, value_name = "VERSION", default_value = "2019", value_parser = Version::from_str)]
    sender_version: Version,
    /// How long each step may take
    #[arg(long, value_name = "TIME", default_value = "10s", value_parser = span)]
    timeout: Duration,
    /// Print the SmtpSend protocol log, too
    #[arg(long)]
    log: bool,
    /// Write a configuration whose connector offers what this server offers; `expsd serve
    /// --config FILE` then looks like it
    #[arg(long, value_name = "FILE")]
    write_config: Option<PathBuf>,
    /// How to print it
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    format: Format,
}

#[derive(Clone)]
struct At {
    host: String,
    port: u16,
}

/// By what name a mechanism is asked for.
#[derive(Clone, Copy, ValueEnum)]
enum How {
    /// X-ANONYMOUSTLS, then X-EXPS by ticket (GSSAPI) or password (NTLM)
    ExchangeServer,
    /// As a sender with UseDowngradedExchangeServerAuth
    XExpsGssapi,
    XExpsNtlm,
    /// AUTH, after STARTTLS if that is offered
    Gssapi,
    Ntlm,
    Login,
    /// X-ANONYMOUSTLS with --certificate, as an Edge
    DirectTrust,
    /// No proof, after STARTTLS if that is offered
    Anonymous,
}

impl FromStr for At {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const EXPECTED: &str = "expected a name or an address, and a port if it is not 25: \
                                ex01.contoso.com, 10.0.0.5:2525, [2001:db8::5]:25, [fe80::1%eth0]:25";
        let at = |host: &str, port| Ok(Self { host: host.to_owned(), port });
        // An IPv6 address without a port has colons of its own.
        if is_address(text) {
            return at(text, 25);
        }
        let (host, port) = match text.rsplit_once(':') {
            Some((host, port)) => {
                (host, port.parse().ok().filter(|port| *port != 0).ok_or(EXPECTED)?)
            }
            None => (text, 25),
        };
        let host = host.strip_prefix('[').and_then(|h| h.strip_suffix(']')).unwrap_or(host);
        let fits = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_' | b':');
        let is_name = !host.is_empty() && host.len() <= 255 && host.bytes().all(fits);
        if is_name || is_address(host) { at(host, port) } else { Err(EXPECTED) }
    }
}

/// An IPv6 address may name the interface that it is reached by: `fe80::1%eth0` (RFC 4007 §11).
fn is_address(text: &str) -> bool {
    match text.split_once('%') {
        None => text.parse::<IpAddr>().is_ok(),
        Some((address, scope)) => {
            let fits = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_');
            address.parse::<Ipv6Addr>().is_ok()
                && (1..=15).contains(&scope.len())
                && scope.bytes().all(fits)
        }
    }
}

fn span(text: &str) -> Result<Duration, &'static str> {
    const EXPECTED: &str = "expected a time such as 10s, 500ms or 2m, up to an hour";
    let span: SignedDuration = text.parse().map_err(|_| EXPECTED)?;
    let span = Duration::try_from(span).map_err(|_| EXPECTED)?;
    let fits = Duration::from_millis(1)..=Duration::from_secs(3600);
    if fits.contains(&span) { Ok(span) } else { Err(EXPECTED) }
}

impl Probe {
    pub fn run(self) -> Result<(), Failed> {
        let plan = self.plan()?;
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|error| fail(FAILED, format_args!("the runtime cannot start: {error}")))?;
        let style = self.style();
        let watch = self.format == Format::Text;
        if watch {
            written("standard output", writeln!(io::stdout(), "{}", Opening(&plan)))?;
        }
        let watcher = move |line: &Line| {
            if watch {
                // Where nobody reads it any more, the visit goes on to its end.
                let _ = writeln!(io::stdout(), "{}", StyledLine(line, style));
            }
        };
        let report = runtime.block_on(async {
            tokio::select! {
                report = probe::run_watched(&plan, watcher) => Some(report),
                _ = tokio::signal::ctrl_c() => None,
            }
        });
        // A resolver or a Kerberos library that takes its time is not waited for.
        runtime.shutdown_background();
        let Some(report) = report else { return Err(fail(INTERRUPTED, "interrupted")) };
        self.print(&report, style)?;
        if let Some(path) = &self.write_config {
            let text = report.likeness().map_err(|error| {
                fail(FAILED, format!("{} is not written: {error}", path.display()))
            })?;
            written(&path.display().to_string(), fs::write(path, text))?;
        }
        match report.outcome {
            Outcome::Delivered | Outcome::Accepted => Ok(()),
            Outcome::Refused | Outcome::Undecided => Err(Failed(FAILED)),
            Outcome::Unreachable => Err(Failed(UNREADABLE)),
        }
    }

    /// The dialogue is shown while it goes on.
    fn style(&self) -> Style {
        let plain = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        let colour = io::stdout().is_terminal() && !plain;
        Style { colour, dialogue: false, log: self.log }
    }

    fn print(&self, report: &Report, style: Style) -> Result<(), Failed> {
        let mut out = io::stdout().lock();
        let printed = match self.format {
            Format::Json => serde_json::to_writer_pretty(&mut out, report)
                .map_err(io::Error::from)
                .and_then(|()| writeln!(out)),
            Format::Text => write!(out, "{}", Styled(report, style)),
        };
        written("standard output", printed)
    }

    fn plan(&self) -> Result<Plan, Failed> {
        for address in [Some(&self.mail_from), self.rcpt_to.as_ref()].into_iter().flatten() {
            if address.contains(['<', '>', ' ']) || address.contains(char::is_control) {
                let name = if *address == self.mail_from { "--mail-from" } else { "--rcpt-to" };
                return Err(fail(
                    UNREADABLE,
                    format!("{name} wants a bare address, alice@contoso.com, not {address:?}"),
                ));
            }
        }
        if self.sender.is_empty() || self.sender.contains(|c: char| c == ' ' || c.is_control()) {
            return Err(fail(UNREADABLE, "--as wants a host name, ex02.contoso.com"));
        }
        if self.user.is_none() && self.mechanism.wants_password() {
            let name = self.mechanism.to_possible_value();
            let name = name.as_ref().map_or("it", |value| value.get_name());
            return Err(fail(
                UNREADABLE,
                format!("--mechanism {name} wants --user and a password"),
            ));
        }
        let plan = Plan::new(self.target.host.clone(), self.target.port);
        Ok(Plan {
            server_name: self.server_name.clone(),
            sender: self.sender.clone(),
            version: self.sender_version,
            mechanism: self.mechanism.mechanism(),
            credentials: self.credentials()?,
            require_tls: self.require_tls,
            certificate: self.certificate()?,
            expected_certificate: self.expected_certificate()?,
            from_address: self.from_address,
            proxy_from: self.proxy_from,
            mail_from: self.mail_from.clone(),
            message: self.send.then(|| self.message().into_bytes()),
            rcpt_to: self.rcpt_to.clone(),
            timeout: self.timeout,
            ..plan
        })
    }

    fn credentials(&self) -> Result<Credentials, Failed> {
        let Some(user) = &self.user else { return Ok(Credentials::Cache(None)) };
        let password = match &self.password_file {
            Some(path) => {
                let text = fs::read_to_string(path).map_err(|error| {
                    fail(UNREADABLE, format!("cannot read {}: {error}", path.display()))
                })?;
                text.lines().next().unwrap_or_default().to_owned()
            }
            None => std::env::var("EXPSD_PASSWORD").map_err(|_| {
                fail(
                    UNREADABLE,
                    "--user wants a password: put it into EXPSD_PASSWORD, or name a file with \
                     --password-file",
                )
            })?,
        };
        Ok(Credentials::password(user, password))
    }

    fn certificate(&self) -> Result<Option<Arc<Certificate>>, Failed> {
        let Some(path) = &self.certificate else { return Ok(None) };
        let failed = |error: &dyn std::fmt::Display| {
            fail(UNREADABLE, format!("cannot use {}: {error}", path.display()))
        };
        let pem = fs::read_to_string(path).map_err(|error| failed(&error))?;
        let certificate = Certificate::from_pem(&pem).map_err(|error| failed(&error))?;
        Ok(Some(Arc::new(certificate)))
    }

    fn expected_certificate(&self) -> Result<Option<Vec<u8>>, Failed> {
        let Some(path) = &self.expected_certificate else { return Ok(None) };
        let failed = |error: &dyn std::fmt::Display| {
            fail(UNREADABLE, format!("cannot use {}: {error}", path.display()))
        };
        if self.mechanism.mechanism() != Mechanism::DirectTrust {
            return Err(failed(&"only --mechanism direct-trust knows a server by its certificate"));
        }
        let file = fs::read(path).map_err(|error| failed(&error))?;
        tls::one_certificate(&file)
            .map(Some)
            .ok_or_else(|| failed(&"it holds no certificate in PEM or DER"))
    }

    fn message(&self) -> String {
        let (from, to) = (&self.mail_from, self.rcpt_to.as_deref().unwrap_or_default());
        let from =
            if from.is_empty() { format!("postmaster@{}", self.sender) } else { from.clone() };
        let now = Timestamp::now();
        let date = jiff::fmt::rfc2822::to_string(&now.to_zoned(jiff::tz::TimeZone::UTC));
        format!(
            "From: {from}\r\nTo: {to}\r\nSubject: Probe by expsd\r\nDate: {}\r\nMessage-ID: \
             <{}@{}>\r\n\r\nexpsd probe sent this as {} to see whether mail goes through.\r\n",
            date.unwrap_or_default(),
            now.as_nanosecond(),
            self.sender,
            self.sender,
        )
    }
}

/// As a shell has it: 128 and the number of SIGINT.
const INTERRUPTED: u8 = 130;

impl How {
    fn wants_password(self) -> bool {
        matches!(self, Self::XExpsNtlm | Self::Ntlm | Self::Login)
    }

    fn mechanism(self) -> Mechanism {
        match self {
            Self::ExchangeServer => Mechanism::ExchangeServer,
            Self::XExpsGssapi => Mechanism::XExpsGssapi,
            Self::XExpsNtlm => Mechanism::XExpsNtlm,
            Self::Gssapi => Mechanism::Gssapi,
            Self::Ntlm => Mechanism::Ntlm,
            Self::Login => Mechanism::Login,
            Self::DirectTrust => Mechanism::DirectTrust,
            Self::Anonymous => Mechanism::Anonymous,
        }
    }
}
