//! Which connector an address meets, what it offers there, and what it may do: in words.

use std::fmt;
use std::net::SocketAddr;

use super::offer::{Offer, TlsKind};
use super::version::facts;
use crate::auth::{AuthCommand, Mechanism};
use crate::connector::{
    AuthMechanism, ExchangeAuthRefusal, ReceiveConnector, Rights, Server, SourceAddress, Token,
};
use crate::directory::{Account, Group};
use crate::scope::{Scope, Standing};
use crate::smtp::reply;

/// Who asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Peer {
    Anonymous,
    /// An account of no Exchange group.
    User,
    /// A member of Exchange Servers.
    ExchangeServer,
}

impl Peer {
    pub const ALL: [Self; 3] = [Self::Anonymous, Self::User, Self::ExchangeServer];

    fn token(self) -> Token {
        let account = |groups: &[Group]| {
            let name = "DOMAIN\\somebody".parse();
            name.map(|name| {
                Token::of(&Account::new(name, None).with_groups(groups.iter().copied()))
            })
        };
        match self {
            Self::Anonymous => Token::anonymous(),
            Self::User => account(&[]).unwrap_or_else(|_| Token::anonymous()),
            Self::ExchangeServer => {
                account(&[Group::ExchangeServers]).unwrap_or_else(|_| Token::anonymous())
            }
        }
    }
}

impl fmt::Display for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Anonymous => "anonymous",
            Self::User => "user",
            Self::ExchangeServer => "Exchange server",
        })
    }
}

/// What [`explain`] found. `Display` tells it to a person.
#[derive(Clone, Debug)]
pub struct Explanation {
    pub remote: SourceAddress,
    pub local: SocketAddr,
    /// `None`: the connection is closed with 421.
    pub winner: Option<Winner>,
    /// Every other connector, with the reason why it is not the one.
    pub losers: Vec<(String, String)>,
    reason: String,
}

/// The connector that is met.
#[derive(Clone, Debug)]
pub struct Winner {
    /// `SERVER\Connector name`
    pub identity: String,
    pub range: String,
    /// The connectors that would have taken the address, the closest first, with their ranges.
    pub shadows: Vec<(String, String)>,
    /// EHLO keywords in clear, after STARTTLS and after X-ANONYMOUSTLS, where they are offered.
    pub ehlo: Vec<(&'static str, Option<Vec<String>>)>,
    pub peers: Vec<(Peer, String)>,
}

/// Explains a connection from `remote` to `local`. `certificate` tells whether a connector has
/// one for STARTTLS.
pub fn explain(
    server: &Server,
    scope: &Scope,
    local: SocketAddr,
    remote: SourceAddress,
    certificate: impl Fn(&ReceiveConnector) -> bool,
) -> Explanation {
    let selection = scope.select(local, remote);
    let shadows = selection.shadowed();
    let winner = selection.winner().zip(selection.range()).map(|(connector, range)| Winner {
        identity: server.identity(connector),
        range: range.to_string(),
        shadows: shadows.iter().map(|(c, range)| (server.identity(c), range.to_string())).collect(),
        ehlo: offers(server, connector, certificate(connector)),
        peers: Peer::ALL
            .map(|peer| (peer, verdict(server, connector, certificate(connector), peer)))
            .into(),
    });
    let losers = selection
        .standings()
        .filter(|(c, _)| !selection.winner().is_some_and(|winner| std::ptr::eq(winner, *c)))
        .map(|(c, standing)| (server.identity(c), lost(standing, local)))
        .collect();
    Explanation { remote, local, winner, losers, reason: selection.reason() }
}

fn lost(standing: Standing<'_>, local: SocketAddr) -> String {
    match standing {
        Standing::Disabled => "disabled".to_owned(),
        Standing::NotBound => format!("not bound to {local}"),
        Standing::OutOfRange => "no range holds the address".to_owned(),
        Standing::Candidate { range, .. } => {
            format!("its best range {range} ({}) is wider", range.size())
        }
    }
}

fn offers(
    server: &Server,
    connector: &ReceiveConnector,
    certificate: bool,
) -> Vec<(&'static str, Option<Vec<String>>)> {
    let keywords = |tls| {
        let mut all = Vec::new();
        Offer::of(server, connector, certificate, tls).keywords(|line| all.push(line.to_string()));
        all
    };
    let clear = Offer::of(server, connector, certificate, None);
    let after = |kind| clear.enables_tls(kind).then(|| keywords(Some(kind)));
    vec![
        ("in clear", Some(keywords(None))),
        ("after STARTTLS", after(TlsKind::StartTls)),
        ("after X-ANONYMOUSTLS", after(TlsKind::XAnonymousTls)),
    ]
}

/// What `peer` meets on `connector`, by the same rules that a session goes by.
fn verdict(server: &Server, connector: &ReceiveConnector, certificate: bool, peer: Peer) -> String {
    let secured = connector.auth_mechanism.contains(AuthMechanism::ExternalAuthoritative);
    let token =
        if secured { Token::of_group(Group::ExternallySecuredServers) } else { peer.token() };
    let rights = connector.rights(&token);
    let offer = |tls| Offer::of(server, connector, certificate, tls);
    let reachable = |kind: &TlsKind| offer(None).enables_tls(*kind);
    let can_log_on = [TlsKind::StartTls, TlsKind::XAnonymousTls]
        .into_iter()
        .filter(reachable)
        .map(Some)
        .chain([None])
        .any(|tls| {
            Mechanism::ALL.iter().any(|mechanism| offer(tls).takes(AuthCommand::Auth, *mechanism))
        });
    if secured {
        return format!("taken as MS Exchange\\Externally Secured Servers; {}", may(rights));
    }
    match peer {
        Peer::Anonymous if rights.contains(Rights::SUBMIT) => may(rights),
        Peer::Anonymous => format!("MAIL gets \"{}\"", facts(server.version).not_authenticated),
        Peer::User if !can_log_on => {
            format!("cannot log on: AUTH gets \"{}\"", reply::UNRECOGNIZED_AUTH_TYPE)
        }
        Peer::User if rights.contains(Rights::SUBMIT) => format!("after AUTH: {}", may(rights)),
        Peer::User => {
            format!("AUTH gets \"{}\": {}", reply::AUTH_UNSUCCESSFUL, no_submit("ExchangeUsers"))
        }
        Peer::ExchangeServer if !connector.offers_exchange_server() => {
            let shown = match server.exchange_auth_refusal {
                ExchangeAuthRefusal::Documented => reply::CANNOT_ACHIEVE_EXCHANGE_AUTH,
                ExchangeAuthRefusal::Observed => reply::UNRECOGNIZED_AUTH_TYPE,
            };
            format!(
                "X-EXPS gets \"{shown}\": Exchange Server authentication is not ticked \
                 (AuthMechanism has no ExchangeServer); its queue shows \
                 \"{}\"",
                reply::CANNOT_ACHIEVE_EXCHANGE_AUTH
            )
        }
        Peer::ExchangeServer if rights.contains(Rights::SUBMIT) => {
            format!("after X-EXPS: {}", may(rights))
        }
        Peer::ExchangeServer => {
            let shown = match server.exchange_auth_refusal {
                ExchangeAuthRefusal::Documented => reply::CANNOT_ACHIEVE_EXCHANGE_AUTH,
                ExchangeAuthRefusal::Observed => reply::TEMPORARY_AUTH_FAILURE,
            };
            format!("X-EXPS gets \"{shown}\": {}", no_submit("ExchangeServers"))
        }
    }
}

fn no_submit(group: &str) -> String {
    format!("nothing gives ms-Exch-SMTP-Submit there (usually the group {group} is not ticked)")
}

fn may(rights: Rights) -> String {
    let relay = if rights.contains(Rights::ACCEPT_ANY_RECIPIENT) {
        "submits to any recipient"
    } else {
        "submits to accepted domains only"
    };
    format!("{relay} ({rights})")
}

impl fmt::Display for Explanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{} on {}", self.remote, self.local)?;
        match &self.winner {
            None => writeln!(f, "  meets     no connector: \"{}\"", reply::SERVICE_NOT_AVAILABLE)?,
            Some(winner) => writeln!(f, "  meets     {}", winner.identity)?,
        }
        writeln!(f, "  because   {}", self.reason)?;
        if let Some(winner) = &self.winner {
            for (name, range) in &winner.shadows {
                writeln!(f, "  shadows   {name}, whose range {range} holds the address too")?;
            }
        }
        for (name, why) in &self.losers {
            writeln!(f, "  not       {name}: {why}")?;
        }
        let Some(winner) = &self.winner else { return Ok(()) };
        writeln!(f, "  EHLO")?;
        for (state, keywords) in &winner.ehlo {
            let text = keywords.as_ref().map_or("(not offered)".to_owned(), |k| k.join(", "));
            writeln!(f, "    {state:<21} {text}")?;
        }
        writeln!(f, "  may")?;
        for (peer, verdict) in &winner.peers {
            writeln!(f, "    {peer:<21} {verdict}")?;
        }
        Ok(())
    }
}
