//! Many addresses, by what they meet.

use std::collections::HashMap;
use std::fmt;
use std::net::SocketAddr;

use serde::Serialize;

use super::{Profile, as_text};
use crate::connector::{ReceiveConnector, Server, SourceAddress};
use crate::scope::{Piece, Scope};
use crate::smtp::reply;

/// The sources that meet one connector on one local address.
#[derive(Clone, Debug, Serialize)]
pub struct Outcome {
    pub local: SocketAddr,
    /// `SERVER\Connector name`; `None`: the connections are closed with 421.
    pub connector: Option<String>,
    pub sources: Vec<Source>,
    #[serde(flatten)]
    pub profile: Option<Profile>,
}

/// A stretch of sources that meet the same by the same range.
#[derive(Clone, Debug, Serialize)]
pub struct Source {
    #[serde(serialize_with = "as_text")]
    pub first: SourceAddress,
    #[serde(serialize_with = "as_text")]
    pub last: SourceAddress,
    /// The range of the connector that decided.
    pub range: Option<String>,
}

/// Sorts pieces of the address space, each with the local address that it comes to, by what
/// they meet: in the order in which each outcome comes first.
pub fn outcomes(
    server: &Server,
    scope: &Scope,
    pieces: &[(SocketAddr, Piece)],
    certificate: impl Fn(&ReceiveConnector) -> bool,
) -> Vec<Outcome> {
    let mut found: Vec<Outcome> = Vec::new();
    let mut known = HashMap::new();
    for (local, piece) in pieces {
        let place = *known.entry((*local, piece.winner)).or_insert_with(|| {
            let connector = piece.winner.map(|i| &scope.connectors()[i]);
            found.push(Outcome {
                local: *local,
                connector: connector.map(|c| server.identity(c)),
                sources: Vec::new(),
                profile: connector.map(|c| Profile::of(server, c, certificate(c))),
            });
            found.len() - 1
        });
        let range = scope.select(*local, piece.first).range().map(ToString::to_string);
        let (first, last) = (piece.first, piece.last);
        match found[place].sources.last_mut() {
            Some(before) if before.range == range && before.last.is_followed_by(first) => {
                before.last = last;
            }
            _ => found[place].sources.push(Source { first, last, range }),
        }
    }
    found
}

/// So many stretches are written out for a person; the rest is counted.
const SHOWN: usize = 20;

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.connector {
            Some(connector) => writeln!(f, "{connector} on {} takes", self.local)?,
            None => {
                writeln!(f, "no connector on {}: \"{}\"", self.local, reply::SERVICE_NOT_AVAILABLE)?
            }
        }
        for source in self.sources.iter().take(SHOWN) {
            writeln!(f, "  {source}")?;
        }
        let more = self.sources.len().saturating_sub(SHOWN);
        if more > 0 {
            writeln!(f, "  … and {more} more stretches")?;
        }
        self.profile.as_ref().map_or(Ok(()), |profile| profile.fmt(f))
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.first == self.last {
            true => write!(f, "{}", self.first)?,
            false => write!(f, "{}-{}", self.first, self.last)?,
        }
        match &self.range {
            Some(range) => write!(f, " by its range {range}"),
            None => Ok(()),
        }
    }
}
