//! What the sender's queue and event log show, in the wording of its version.

use jiff::Timestamp;
use jiff::tz::Offset;

use super::connect::NoConnection;
use super::plan::{Mechanism as Wanted, Plan};
use super::report::{Fate, SenderEvent, Stage};
use super::seen::{Own, Seen, Stop};
use super::wire::Fault;
use crate::connector::Version;
use crate::journal::Level;
use crate::session::{LastError, facts};
use crate::smtp::reply;

/// An error as a queue has it.
pub(super) struct Queued {
    pub text: String,
    pub fields: Option<String>,
    pub fate: Fate,
}

pub(super) fn queued(
    plan: &Plan,
    seen: &Seen,
    name: Option<&str>,
    at: Timestamp,
) -> Option<Queued> {
    let (stage, stop) = seen.stop.as_ref()?;
    let (text, fate) = match stop {
        // Mail that is refused for good goes back; trouble with the connection does not.
        Stop::Refused(answer) if answer.is_permanent() && *stage >= Stage::Mail => {
            (answer.to_string(), Fate::Returned)
        }
        Stop::Refused(answer) => (responded(plan, seen, &answer.to_string()), Fate::Queued),
        Stop::Own(own) => (responded(plan, seen, &own.reply().to_string()), Fate::Queued),
        Stop::NoConnection(none) => (unconnected(plan, seen, none), Fate::Queued),
        Stop::Fault(fault) => (dropped(plan, seen, fault), Fate::Queued),
        // It says nothing of what an Exchange server would meet.
        Stop::HandshakeFailed(failure) if failure.is_ours() => return None,
        Stop::HandshakeFailed(_) => (dropped(plan, seen, &Fault::Closed), Fate::Queued),
    };
    Some(Queued { fields: fields(plan, seen, &text, name, at), text, fate })
}

/// KB 979175; frankysweb.de on 451 5.7.3.
fn responded(plan: &Plan, seen: &Seen, reply: &str) -> String {
    let facts = facts(plan.version);
    let reply = match facts.last_error {
        // Its text has a full stop of its own.
        LastError::PrimaryTarget => reply.trim_end_matches('.'),
        LastError::TargetHost => reply,
    };
    with_endpoint(plan, seen, facts.last_error(reply))
}

/// 2013 names the endpoint.
fn with_endpoint(plan: &Plan, seen: &Seen, mut text: String) -> String {
    if plan.version == Version::E2013
        && let Some(address) = seen.address
    {
        text += &format!(" The last endpoint attempted was {address}");
    }
    text
}

/// The text around a socket's error is public for 2010 and 2013; that of 2016 and later, and the
/// numbers of Windows Sockets in it, are unconfirmed.
fn unconnected(plan: &Plan, seen: &Seen, none: &NoConnection) -> String {
    let (number, name) = match none {
        NoConnection::Refused => (10061, "SocketConnectionRefused"),
        NoConnection::TimedOut => (10060, "SocketTimedout"),
        NoConnection::Unknown(_) => return "451 4.4.0 DNS query failed".to_owned(),
        NoConnection::Source(_) => (10049, "SocketError"),
        NoConnection::Other(_) => (10065, "SocketError"),
    };
    match facts(plan.version).last_error {
        LastError::PrimaryTarget => communicating(
            plan,
            seen,
            &format!("Failed to connect. Winsock error code: {number}, Win32 error code: {number}"),
        ),
        LastError::TargetHost => format!(
            "451 4.4.397 Error communicating with target host. -> 421 4.2.1 Unable to connect -> \
             {name}: Socket error code {number}"
        ),
    }
}

/// `421 4.4.2 Connection dropped due to ConnectionReset` is public (Q&A, a report of 2019 CU14);
/// the other names are of the same family.
fn dropped(plan: &Plan, seen: &Seen, fault: &Fault) -> String {
    let reply = &match fault {
        Fault::TimedOut(_) => reply::CONNECTION_TIMED_OUT.to_string(),
        Fault::Reset => "421 4.4.2 Connection dropped due to ConnectionReset".to_owned(),
        Fault::Closed | Fault::Io(_) => {
            "421 4.4.2 Connection dropped due to SocketError".to_owned()
        }
        Fault::NotSmtp(_) | Fault::TooLong => "421 4.4.2 Connection dropped".to_owned(),
    };
    match facts(plan.version).last_error {
        LastError::PrimaryTarget => communicating(plan, seen, reply),
        LastError::TargetHost => responded(plan, seen, reply),
    }
}

fn communicating(plan: &Plan, seen: &Seen, detail: &str) -> String {
    let text = format!(
        "441 4.4.1 Error encountered while communicating with primary target IP address: \
         \"{detail}.\" Attempted failover to alternate host, but that did not succeed. Either \
         there are no alternate hosts, or delivery failed to all alternate hosts."
    );
    with_endpoint(plan, seen, text)
}

/// The fields around it: another order and another date in 2013 (public queue viewers' texts;
/// Q&A 389033). The time is UTC here.
fn fields(
    plan: &Plan,
    seen: &Seen,
    text: &str,
    name: Option<&str>,
    at: Timestamp,
) -> Option<String> {
    let name = name.unwrap_or(&plan.host);
    let ip = seen.address.map(|address| address.ip().to_string()).unwrap_or_default();
    let at = Offset::UTC.to_datetime(at);
    match plan.version {
        Version::E2007 | Version::E2010 => None,
        Version::E2013 => Some(format!(
            "[{{LRT={}}};{{LED={text}}};{{FQDN={name}}};{{IP={ip}}}]",
            at.strftime("%y-%m-%d %H:%M:%S")
        )),
        Version::E2016 | Version::E2019 => Some(format!(
            "[{{LED={text}}};{{MSG=}};{{FQDN={name}}};{{IP={ip}}};{{LRT={}}}]",
            at.strftime("%-m/%-d/%Y %-I:%M:%S %p")
        )),
    }
}

/// The connector that Exchange servers send to each other by is an implicit one; its name is
/// unconfirmed, and those of others are whatever an administrator chose.
pub(super) fn send_connector(plan: &Plan) -> &'static str {
    match plan.mechanism {
        Wanted::ExchangeServer | Wanted::XExpsGssapi | Wanted::XExpsNtlm | Wanted::DirectTrust => {
            "Intra-Organization SMTP Send Connector"
        }
        Wanted::Gssapi | Wanted::Ntlm | Wanted::Login => "Smart host",
        Wanted::Anonymous => "Internet",
    }
}

/// What the sender's event log holds. Texts: technet ff982082 (2017), ff981963 (2018); those of
/// 2003, 2011 and 2015 are not public.
pub(super) fn event(plan: &Plan, seen: &Seen, name: Option<&str>) -> Option<SenderEvent> {
    let (stage, stop) = seen.stop.as_ref()?;
    let (id, level, about, text) = match stop {
        Stop::Own(Own::Temporary) => (
            2017,
            Level::Error,
            "the sender's own part of the proof failed",
            Some(failed(plan, seen, name)),
        ),
        Stop::Own(Own::CertificateUnknown) => {
            (2018, Level::Error, "direct trust failed at the sender", Some(untrusted(seen)))
        }
        Stop::Own(Own::UnknownHash) => {
            (2011, Level::Error, "the hash of X-EXCHANGEAUTH is not supported", None)
        }
        Stop::Own(Own::TlsRequired) => (2015, Level::Error, "TLS is required, and not there", None),
        Stop::Refused(_) if *stage == Stage::Authentication => {
            (2003, Level::Warning, "the server refused the proof", None)
        }
        _ => return None,
    };
    Some(SenderEvent { id, level, text, about })
}

fn failed(plan: &Plan, seen: &Seen, name: Option<&str>) -> String {
    let tried = seen.proof.as_ref();
    let status =
        tried.and_then(|tried| tried.error.as_ref()).map_or("Unsupported", |e| e.kind.status());
    // What stands in for EXCHANGEAUTH is not told apart from it.
    let mechanism = match tried {
        Some(tried) if plan.mechanism != Wanted::ExchangeServer => tried.mechanism,
        _ if plan.mechanism == Wanted::ExchangeServer => crate::auth::Mechanism::ExchangeAuth,
        _ => wanted(plan.mechanism),
    };
    let host = name.unwrap_or(&plan.host);
    format!(
        "Outbound authentication failed with error {status} for Send connector {}. The \
         authentication mechanism is {mechanism}. The target is SMTPSVC/{host}.",
        send_connector(plan)
    )
}

fn wanted(mechanism: Wanted) -> crate::auth::Mechanism {
    use crate::auth::Mechanism;
    match mechanism {
        Wanted::XExpsGssapi | Wanted::Gssapi => Mechanism::Gssapi,
        Wanted::XExpsNtlm | Wanted::Ntlm => Mechanism::Ntlm,
        Wanted::Login => Mechanism::Login,
        Wanted::ExchangeServer | Wanted::DirectTrust | Wanted::Anonymous => Mechanism::ExchangeAuth,
    }
}

fn untrusted(seen: &Seen) -> String {
    let facts = seen.tls.as_ref().and_then(|tls| tls.outcome.as_ref().ok());
    let details = facts.and_then(|facts| facts.details.as_ref());
    let certificate = details.map_or("(unreadable)", |details| &details.subject);
    let ip = seen.address.map(|address| address.ip().to_string()).unwrap_or_default();
    format!(
        "Outbound direct trust authentication failed for certificate {certificate}. The target IP \
         address of the Exchange server that Microsoft Exchange tried to authenticate to is \
         [{ip}]. Make sure EdgeSync is running properly."
    )
}
