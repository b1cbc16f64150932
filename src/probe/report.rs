//! What a probe found.

use std::net::SocketAddr;

use jiff::Timestamp;
use serde::Serialize;

use crate::journal::Level;
use crate::session::TlsKind;

/// What was seen of a receiver, and what a sending Exchange server would make of it. `Display`
/// tells it to a person. Nothing in it holds a secret, and what the peer said has its control
/// characters escaped.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    pub target: Target,
    pub sender: Sender,
    pub began: Timestamp,
    pub took_ms: u64,
    pub outcome: Outcome,
    /// Where the conversation ended before its time, and how.
    pub stopped: Option<Stopped>,
    /// What the queue would show, in the wording of the sender's version.
    pub last_error: Option<String>,
    /// The same with the fields that tracking logs and later queue viewers put around it.
    pub last_error_fields: Option<String>,
    /// What becomes of the message.
    pub fate: Option<Fate>,
    /// What the sender's event log would hold.
    pub event: Option<SenderEvent>,
    pub banner: Option<Banner>,
    /// Every reply to EHLO or HELO, in order.
    pub hellos: Vec<Hello>,
    pub tls: Option<Tls>,
    pub authentication: Option<Authentication>,
    pub kerberos: Option<Kerberos>,
    /// What kind of server it is, by what it said.
    pub peer: Peer,
    pub dialogue: Vec<Line>,
    /// The SmtpSend protocol log: the lines that a file begins with, and rows of CSV.
    pub send_log: Vec<String>,
    /// The known causes that fit, the likeliest first.
    pub causes: Vec<Cause>,
    /// What is wrong besides, and did not end the conversation.
    pub besides: Vec<Cause>,
    /// What else is worth knowing.
    pub notes: Vec<String>,
}

#[derive(Clone, Debug, Serialize)]
pub struct Target {
    pub host: String,
    pub port: u16,
    /// The name that certificate and ticket are held against.
    pub name: Option<String>,
    /// Where the connection went.
    pub address: Option<SocketAddr>,
}

#[derive(Clone, Debug, Serialize)]
pub struct Sender {
    pub name: String,
    /// `2019`
    pub version: String,
    /// Where the connection came from.
    pub address: Option<SocketAddr>,
    /// The address that the PROXY header stated.
    pub proxied: Option<std::net::IpAddr>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// A message was sent and taken.
    Delivered,
    /// All that was tried was accepted; nothing was delivered.
    Accepted,
    Refused,
    /// The probe came no further, where an Exchange server may: what it lacks is in the causes.
    Undecided,
    /// There is no server to talk to.
    Unreachable,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Fate {
    /// It stays in the queue and is tried again.
    Queued,
    /// It goes back to its sender in a non-delivery report.
    Returned,
}

#[derive(Clone, Debug, Serialize)]
pub struct Stopped {
    pub stage: Stage,
    pub what: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Stage {
    Connect,
    Banner,
    Hello,
    Tls,
    /// The hello behind TLS.
    HelloInTls,
    Authentication,
    Mail,
    Rcpt,
    Data,
    EndOfData,
}

/// The greeting.
#[derive(Clone, Debug, Serialize)]
pub struct Banner {
    /// As it came, its lines joined by a blank.
    pub text: String,
    /// Something between has overwritten it.
    pub masked: bool,
    /// The name behind the code.
    pub host: Option<String>,
    /// The server's clock.
    pub date: Option<Timestamp>,
    /// How far the server's clock is ahead of ours; behind if negative.
    pub ahead_s: Option<i64>,
    /// How long it took to come.
    pub ms: u64,
}

/// A reply to EHLO or HELO.
#[derive(Clone, Debug, Serialize)]
pub struct Hello {
    /// `EHLO` or `HELO`.
    pub verb: &'static str,
    /// By which verb the session is in TLS.
    pub tls: Option<TlsKind>,
    pub code: u16,
    /// The first line without its code.
    pub greeting: String,
    pub keywords: Vec<Keyword>,
}

/// A line of the EHLO reply.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Keyword {
    /// `SIZE 37748736`
    pub text: String,
    /// It reads `XXXXXXXA`: something between has overwritten it.
    pub masked: bool,
}

#[derive(Clone, Debug, Serialize)]
pub struct Tls {
    pub verb: TlsKind,
    /// Why there is none.
    pub failed: Option<String>,
    /// `TLSv1.3`
    pub protocol: Option<String>,
    pub cipher_suite: Option<String>,
    pub certificate: Option<CertificateFacts>,
}

#[derive(Clone, Debug, Serialize)]
pub struct CertificateFacts {
    pub subject: String,
    pub issuer: String,
    pub names: Vec<String>,
    pub thumbprint: String,
    pub not_before: Timestamp,
    pub not_after: Timestamp,
    pub expired: bool,
    /// Whether it holds the name of the target; `None` if that is not known.
    pub names_host: Option<bool>,
}

#[derive(Clone, Debug, Serialize)]
pub struct Authentication {
    /// `X-EXPS GSSAPI`
    pub command: String,
    pub outcome: ProofOutcome,
    /// Who the sender is, as far as it knows.
    pub identity: Option<String>,
    /// What the server said last.
    pub reply: Option<String>,
    /// The status name, where the sender's own part failed.
    pub status: Option<String>,
    /// Why there is no proof, in words.
    pub problem: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum ProofOutcome {
    Accepted,
    /// By the server.
    Refused,
    /// The sender could not make its own part.
    Failed,
    /// There was nothing to prove it with.
    NotTried,
}

/// What was found of Kerberos before and beside the conversation.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Kerberos {
    /// Who the tickets are for.
    pub client: Option<String>,
    pub realm: Option<String>,
    /// The names under which a ticket for the server was asked for.
    pub services: Vec<Service>,
    pub kdcs: Vec<Kdc>,
    /// How far the KDC's clock was ahead of ours at login, as the ticket cache has it.
    pub cache_ahead_s: Option<i64>,
}

#[derive(Clone, Debug, Serialize)]
pub struct Service {
    /// `SMTPSVC/ex01.contoso.test`
    pub name: String,
    pub ticket: bool,
    /// Whether the KDC knows the name; `None` if it did not say.
    pub known: Option<bool>,
    /// Why there is none.
    pub problem: Option<String>,
}

/// A KDC of the configuration, and what answers there.
#[derive(Clone, Debug, Serialize)]
pub struct Kdc {
    pub host: String,
    pub port: u16,
    /// `Kerberos`, or `password changes` (port 464).
    pub purpose: &'static str,
    /// Its name has an address.
    pub known: bool,
    pub reachable: bool,
    pub problem: Option<String>,
    /// How far its clock is ahead of ours; behind if negative.
    pub ahead_s: Option<i64>,
}

/// What kind of server it is.
#[derive(Clone, Debug, Serialize)]
pub struct Peer {
    pub product: Product,
    /// The version that its shape fits best.
    pub version: Option<String>,
    /// What shows it.
    pub because: Vec<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Product {
    /// Exchange 2007 or later.
    Exchange,
    /// Exchange 2003 and earlier, or the SMTP service of IIS.
    OldMicrosoft,
    Postfix,
    Exim,
    Sendmail,
    /// Some other server that is not Exchange.
    Other,
    Unknown,
}

/// A line of the dialogue.
#[derive(Clone, Debug, Serialize)]
pub struct Line {
    /// Since the connection was begun.
    pub ms: u64,
    pub direction: Direction,
    pub text: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Direction {
    Sent,
    Received,
    /// What happened beside the words.
    Note,
}

/// An event of the sender's application log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SenderEvent {
    pub id: u32,
    pub level: Level,
    /// `None`: no public source has the text.
    pub text: Option<String>,
    pub about: &'static str,
}

/// A known cause that fits what was seen.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Cause {
    /// `firewall-inspection`
    pub id: &'static str,
    /// What of the evidence fits it.
    pub fits: String,
    /// The next step.
    pub next: String,
    pub source: &'static str,
}
