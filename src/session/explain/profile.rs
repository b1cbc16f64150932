//! What a connector offers, and what it lets whom do.

use std::fmt;

use serde::Serialize;
use utoipa::ToSchema;

use crate::auth::{AuthCommand, Mechanism};
use crate::connector::{
    AuthMechanism, ExchangeAuthRefusal, ReceiveConnector, Rights, Server, Token,
};
use crate::directory::{Account, Group};
use crate::session::offer::{Offer, TlsKind};
use crate::session::version::facts;
use crate::smtp::{Reply, reply};

/// Who asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
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

/// What a connector offers, and what it lets whom do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Profile {
    pub ehlo: Ehlo,
    /// Anonymous, a user and an Exchange server, in this order.
    pub peers: Vec<Verdict>,
}

/// The EHLO keywords in each state of a session; `None` where a connector does not offer the
/// verb that leads there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Ehlo {
    pub clear: Vec<String>,
    /// What is left out in clear, and why.
    pub missing: Vec<Missing>,
    pub after_starttls: Option<Vec<String>>,
    pub after_x_anonymoustls: Option<Vec<String>>,
}

/// An EHLO keyword that is left out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Missing {
    pub keyword: String,
    pub why: String,
}

impl Ehlo {
    /// Each state in words, with its keywords.
    pub fn states(&self) -> [(&'static str, Option<&[String]>); 3] {
        [
            ("in clear", Some(&self.clear)),
            ("after STARTTLS", self.after_starttls.as_deref()),
            ("after X-ANONYMOUSTLS", self.after_x_anonymoustls.as_deref()),
        ]
    }
}

/// How one kind of peer fares.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Verdict {
    pub peer: Peer,
    /// Taken as secured outside of Exchange (ExternalAuthoritative).
    pub externally_secured: bool,
    /// Mail is taken in TLS only.
    pub needs_tls: bool,
    /// By the names of Active Directory.
    #[serde(serialize_with = "names")]
    #[schema(value_type = Vec<String>)]
    pub rights: Rights,
    /// `None`: the peer may submit.
    pub refusal: Option<Refused>,
}

/// What stops a peer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Refused {
    pub command: &'static str,
    pub reply: String,
    pub reason: String,
    /// What the queue of a sending Exchange server shows.
    pub queue: Option<String>,
}

fn names<S: serde::Serializer>(rights: &Rights, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(rights.ad_names())
}

impl Profile {
    /// `certificate` tells whether one was found for STARTTLS.
    pub fn of(server: &Server, connector: &ReceiveConnector, certificate: bool) -> Self {
        let look = Look { server, connector, certificate };
        Self { ehlo: look.ehlo(), peers: Peer::ALL.map(|peer| look.verdict(peer)).into() }
    }
}

struct Look<'a> {
    server: &'a Server,
    connector: &'a ReceiveConnector,
    certificate: bool,
}

impl Look<'_> {
    fn offer(&self, tls: Option<TlsKind>) -> Offer<'_> {
        Offer::of(self.server, self.connector, self.certificate, tls)
    }

    fn ehlo(&self) -> Ehlo {
        let keywords = |tls| {
            let mut all = Vec::new();
            self.offer(tls).keywords(|line| all.push(line.to_string()));
            all
        };
        let after = |kind| self.offer(None).enables_tls(kind).then(|| keywords(Some(kind)));
        let mut missing = Vec::new();
        self.offer(None).every_keyword(|keyword, why| {
            if let Some(why) = why {
                missing.push(Missing { keyword: keyword.to_string(), why: why.to_string() });
            }
        });
        Ehlo {
            clear: keywords(None),
            missing,
            after_starttls: after(TlsKind::StartTls),
            after_x_anonymoustls: after(TlsKind::XAnonymousTls),
        }
    }

    /// The states that a session can come to.
    fn states(&self) -> impl Iterator<Item = Option<TlsKind>> {
        let kinds = [TlsKind::StartTls, TlsKind::XAnonymousTls].into_iter();
        kinds.filter(|kind| self.offer(None).enables_tls(*kind)).map(Some).chain([None])
    }

    /// How `peer` fares, by the same rules that a session goes by.
    fn verdict(&self, peer: Peer) -> Verdict {
        let auth = self.connector.auth_mechanism;
        let externally_secured = auth.contains(AuthMechanism::ExternalAuthoritative);
        let token = match externally_secured {
            true => Token::of_group(Group::ExternallySecuredServers),
            false => peer.token(),
        };
        let rights = self.connector.rights(&token);
        let needs_tls = self.connector.require_tls;
        let refusal = match self.states().any(|tls| tls.is_some()) {
            false if needs_tls => Some(refused(
                "MAIL",
                &reply::MUST_ISSUE_STARTTLS,
                "RequireTLS is on, and no TLS is offered",
            )),
            _ if externally_secured => None,
            _ => self.refusal(peer, rights),
        };
        Verdict { peer, externally_secured, needs_tls, rights, refusal }
    }

    fn refusal(&self, peer: Peer, rights: Rights) -> Option<Refused> {
        let submits = rights.contains(Rights::SUBMIT);
        let documented = self.server.exchange_auth_refusal == ExchangeAuthRefusal::Documented;
        match peer {
            Peer::User if !self.lets_log_on() => {
                let reason = "no mechanism of AUTH is offered";
                Some(refused("AUTH", &reply::UNRECOGNIZED_AUTH_TYPE, reason))
            }
            Peer::ExchangeServer if !self.connector.offers_exchange_server() => {
                let reply = match documented {
                    true => reply::CANNOT_ACHIEVE_EXCHANGE_AUTH,
                    false => reply::UNRECOGNIZED_AUTH_TYPE,
                };
                let reason = "Exchange Server authentication is not ticked (AuthMechanism has no \
                              ExchangeServer)";
                let own_words = reply::CANNOT_ACHIEVE_EXCHANGE_AUTH.to_string();
                let queue = Some(facts(self.server.version).last_error(&own_words));
                Some(Refused { queue, ..refused("X-EXPS", &reply, reason) })
            }
            _ if submits => None,
            Peer::Anonymous => {
                let reply = &facts(self.server.version).not_authenticated;
                Some(refused("MAIL", reply, no_submit("AnonymousUsers")))
            }
            Peer::User => {
                let reason = no_submit("ExchangeUsers");
                Some(refused("AUTH", &reply::AUTH_UNSUCCESSFUL, reason))
            }
            Peer::ExchangeServer => {
                let reply = match documented {
                    true => reply::CANNOT_ACHIEVE_EXCHANGE_AUTH,
                    false => reply::TEMPORARY_AUTH_FAILURE,
                };
                Some(refused("X-EXPS", &reply, no_submit("ExchangeServers")))
            }
        }
    }

    fn lets_log_on(&self) -> bool {
        let takes = |tls: Option<TlsKind>| {
            let offer = self.offer(tls);
            Mechanism::ALL.iter().any(|mechanism| offer.takes(AuthCommand::Auth, *mechanism))
        };
        self.states().any(takes)
    }
}

fn refused(command: &'static str, reply: &Reply, reason: impl Into<String>) -> Refused {
    Refused { command, reply: reply.to_string(), reason: reason.into(), queue: None }
}

fn no_submit(group: &str) -> String {
    format!("nothing gives ms-Exch-SMTP-Submit there (usually the group {group} is not ticked)")
}

impl Verdict {
    /// As `Display`, without the list of rights.
    pub fn without_rights(&self) -> impl fmt::Display {
        fmt::from_fn(|f| self.write(f))
    }

    fn write(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(Refused { command, reply, reason, queue }) = &self.refusal {
            write!(f, "{command} gets \"{reply}\": {reason}")?;
            return match queue {
                Some(queue) => write!(f, "; its queue shows \"{queue}\""),
                None => Ok(()),
            };
        }
        if self.needs_tls {
            write!(f, "in TLS: ")?;
        }
        match self.peer {
            _ if self.externally_secured => {
                write!(f, "taken as MS Exchange\\Externally Secured Servers; ")?;
            }
            Peer::Anonymous => {}
            Peer::User => write!(f, "after AUTH: ")?,
            Peer::ExchangeServer => write!(f, "after X-EXPS: ")?,
        }
        let to = match self.rights.contains(Rights::ACCEPT_ANY_RECIPIENT) {
            true => "any recipient",
            false => "accepted domains only",
        };
        write!(f, "submits to {to}")
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.write(f)?;
        match self.refusal {
            Some(_) => Ok(()),
            None => write!(f, " ({})", self.rights),
        }
    }
}

/// The EHLO keywords and the verdicts, as a block of lines.
impl fmt::Display for Profile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "  EHLO")?;
        for (state, keywords) in self.ehlo.states() {
            let text = keywords.map_or("(not offered)".to_owned(), |k| k.join(", "));
            writeln!(f, "    {state:<21} {text}")?;
        }
        // What the posts about stuck queues look for; the rest is in the JSON.
        let looked_for = ["STARTTLS", "X-ANONYMOUSTLS", "AUTH", "X-EXPS"];
        for Missing { keyword, why } in &self.ehlo.missing {
            if looked_for.contains(&keyword.as_str()) {
                writeln!(f, "    {:<21} {why}", format!("no {keyword}"))?;
            }
        }
        writeln!(f, "  may")?;
        for verdict in &self.peers {
            writeln!(f, "    {:<21} {verdict}", verdict.peer)?;
        }
        Ok(())
    }
}
