//! Which connector an address meets, what it offers there, and what it may do: in words, and
//! for programs.

mod difference;
mod outcome;
mod profile;

use std::borrow::Cow;
use std::fmt;
use std::net::SocketAddr;

use serde::Serialize;
use utoipa::ToSchema;

use crate::connector::{IpRange, ReceiveConnector, Server, SourceAddress};
use crate::scope::{Scope, Selection, Standing};
use crate::smtp::reply;

pub use difference::{
    Change, Difference, Effect, Keywords, Seen, Side, Stretch, differences, only_seen,
};
pub use outcome::{Outcome, outcomes};
pub use profile::{Ehlo, Peer, Profile, Refused, Verdict};

/// What was found for one address.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Explanation {
    #[serde(serialize_with = "as_text")]
    #[schema(value_type = String)]
    pub remote: SourceAddress,
    #[schema(value_type = String)]
    pub local: SocketAddr,
    /// `None`: the connection is closed with 421.
    pub winner: Option<Winner>,
    /// How the winner came to win, in a sentence.
    pub reason: String,
    /// Every other connector, in the order of the configuration.
    pub losers: Vec<Loser>,
}

/// The connector that is met.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Winner {
    /// `SERVER\Connector name`
    pub connector: String,
    /// The range that decided.
    pub range: String,
    /// The connectors that would have taken the address, the closest first.
    pub shadows: Vec<Shadow>,
    #[serde(flatten)]
    pub profile: Profile,
}

/// A connector that lost to a more specific range.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Shadow {
    pub connector: String,
    pub range: String,
}

/// A connector that is not met, and why.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Loser {
    pub connector: String,
    pub standing: &'static str,
    pub why: Cow<'static, str>,
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
    let winner = selection.winner().zip(selection.range()).map(|(connector, range)| Winner {
        connector: server.identity(connector),
        range: range.to_string(),
        shadows: selection
            .shadowed()
            .into_iter()
            .map(|(c, range)| Shadow { connector: server.identity(c), range: range.to_string() })
            .collect(),
        profile: Profile::of(server, connector, certificate(connector)),
    });
    let losers = losers(server, &selection, local);
    Explanation { remote, local, winner, losers, reason: selection.reason() }
}

/// Every connector that did not win, in the order of the configuration.
pub fn losers(server: &Server, selection: &Selection<'_>, local: SocketAddr) -> Vec<Loser> {
    let winner = selection.winner();
    let others =
        selection.standings().filter(|(c, _)| !winner.is_some_and(|w| std::ptr::eq(w, *c)));
    let won = selection.range().map(IpRange::span);
    others.map(|(c, standing)| loser(server.identity(c), standing, won, local)).collect()
}

fn loser(connector: String, standing: Standing<'_>, won: Option<u128>, local: SocketAddr) -> Loser {
    let (standing, why) = match standing {
        Standing::Disabled => ("disabled", "disabled".into()),
        Standing::NotBound => ("not-bound", format!("not bound to {local}").into()),
        Standing::OutOfRange => ("out-of-range", "no range holds the address".into()),
        Standing::Candidate { range, .. } if Some(range.span()) == won => {
            let why = format!("its equal range {range} is bound to any address, or to any link");
            ("equal", why.into())
        }
        Standing::Candidate { range, .. } => {
            ("wider", format!("its best range {range} ({}) is wider", range.size()).into())
        }
    };
    Loser { connector, standing, why }
}

fn as_text<S: serde::Serializer>(
    text: &impl fmt::Display,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    serializer.collect_str(text)
}

impl fmt::Display for Explanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{} on {}", self.remote, self.local)?;
        match &self.winner {
            None => writeln!(f, "  meets     no connector: \"{}\"", reply::SERVICE_NOT_AVAILABLE)?,
            Some(winner) => writeln!(f, "  meets     {}", winner.connector)?,
        }
        writeln!(f, "  because   {}", self.reason)?;
        if let Some(winner) = &self.winner {
            for Shadow { connector, range } in &winner.shadows {
                writeln!(f, "  shadows   {connector}, whose range {range} holds the address too")?;
            }
        }
        for Loser { connector, why, .. } in &self.losers {
            writeln!(f, "  not       {connector}: {why}")?;
        }
        self.winner.as_ref().map_or(Ok(()), |winner| winner.profile.fmt(f))
    }
}
