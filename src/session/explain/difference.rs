//! Whom a change from one set of connectors to another touches, and how.

use std::collections::HashMap;
use std::fmt;
use std::net::SocketAddr;

use serde::Serialize;

use super::{Peer, Profile, Verdict, as_text};
use crate::connector::{Binding, ReceiveConnector, Server, SourceAddress};
use crate::scope::{Overlay, Scope, is_other_address, overlay};
use crate::smtp::reply;

/// One of two sets that are compared.
pub struct Side<'a> {
    pub server: &'a Server,
    pub scope: &'a Scope,
    /// Whether a connector has a certificate for STARTTLS.
    pub certificate: &'a dyn Fn(&ReceiveConnector) -> bool,
}

/// Sources on one local address that meet something else, or the same with other offers or
/// rights. `Display` tells it to a person.
#[derive(Clone, Debug, Serialize)]
pub struct Difference {
    #[serde(serialize_with = "local_as_text")]
    pub local: SocketAddr,
    /// `SERVER\Connector name`; `None`: no connector takes them.
    pub before: Option<String>,
    pub after: Option<String>,
    pub sources: Vec<Stretch>,
    /// Of the sources those that were seen, if logs were looked at.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seen: Option<Vec<Seen>>,
    pub ehlo: Vec<Keywords>,
    pub peers: Vec<Change>,
}

/// A source address that came to the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Seen {
    /// Where it came to.
    pub local: SocketAddr,
    #[serde(serialize_with = "as_text")]
    pub source: SourceAddress,
    pub sessions: u64,
}

/// Source addresses that stand together.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Stretch {
    #[serde(serialize_with = "as_text")]
    pub first: SourceAddress,
    #[serde(serialize_with = "as_text")]
    pub last: SourceAddress,
}

/// EHLO keywords that differ in one state of a session.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Keywords {
    pub state: &'static str,
    /// Whether a session can come to that state, where it could not before, or no longer can.
    pub offered: Option<bool>,
    pub gone: Vec<String>,
    pub new: Vec<String>,
}

/// How a kind of peer fares otherwise.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Change {
    pub peer: Peer,
    pub effect: Effect,
    pub before: String,
    pub after: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Effect {
    /// It could submit, and cannot any more.
    Refused,
    /// It could not submit, and can now.
    Admitted,
    /// It may do more or less, or is refused in another way.
    Altered,
}

/// Compares two sets by what every source address meets. A connector that is named after its
/// server counts as the same on both, as `Default EX01` and `Default EX02`.
pub fn differences(before: &Side<'_>, after: &Side<'_>) -> Vec<Difference> {
    let mut judged: HashMap<_, Option<usize>> = HashMap::new();
    let mut found: Vec<Difference> = Vec::new();
    for piece in overlay(before.scope, after.scope) {
        let met = (piece.local, piece.before, piece.after);
        let place = *judged.entry(met).or_insert_with(|| {
            let difference = judge(before, after, &piece)?;
            found.push(difference);
            Some(found.len() - 1)
        });
        let Some(place) = place else { continue };
        let (first, last) = (piece.first, piece.last);
        match found[place].sources.last_mut() {
            Some(stretch) if stretch.last.is_followed_by(first) => stretch.last = last,
            _ => found[place].sources.push(Stretch { first, last }),
        }
    }
    found
}

/// Leaves of `differences` those that touch somebody who was seen, with whom they touch.
pub fn only_seen(differences: Vec<Difference>, seen: &[Seen]) -> Vec<Difference> {
    let touched = |difference: &Difference| {
        let touches = |seen: &&Seen| {
            let here = Binding(difference.local).accepts(seen.local)
                || is_other_address(difference.local)
                    && seen.local.port() == difference.local.port();
            here && difference.sources.iter().any(|stretch| stretch.holds(seen.source))
        };
        let mut all: Vec<Seen> = Vec::new();
        for seen in seen.iter().filter(touches) {
            match all.iter_mut().find(|known| known.source == seen.source) {
                Some(known) => known.sessions += seen.sessions,
                None => all.push(*seen),
            }
        }
        all.sort_by_key(|seen| std::cmp::Reverse(seen.sessions));
        all
    };
    let differences = differences.into_iter().filter_map(|difference| {
        let seen = Some(touched(&difference)).filter(|seen| !seen.is_empty())?;
        Some(Difference { seen: Some(seen), ..difference })
    });
    differences.collect()
}

impl Stretch {
    fn holds(&self, source: SourceAddress) -> bool {
        let (first, last) = (self.first, self.last);
        // One link stands for itself; all others for any.
        let link = first.scope_id() == 0 || first.scope_id() == source.scope_id();
        link && first.ip().is_ipv6() == source.ip().is_ipv6()
            && (first.ip()..=last.ip()).contains(&source.ip())
    }
}

/// What differs at `piece`, without its sources yet; `None` if nothing does.
fn judge(before: &Side<'_>, after: &Side<'_>, piece: &Overlay) -> Option<Difference> {
    let (old, new) = (before.met(piece.before), after.met(piece.after));
    let ehlo = keywords(old.as_ref().map(|m| &m.profile), new.as_ref().map(|m| &m.profile));
    let peers = changes(old.as_ref().map(|m| &m.profile), new.as_ref().map(|m| &m.profile));
    let same = old.as_ref().map(|m| &m.role) == new.as_ref().map(|m| &m.role);
    (!same || !ehlo.is_empty() || !peers.is_empty()).then(|| Difference {
        local: piece.local,
        before: old.map(|m| m.identity),
        after: new.map(|m| m.identity),
        sources: Vec::new(),
        seen: None,
        ehlo,
        peers,
    })
}

struct Met {
    identity: String,
    /// Its name without that of its server.
    role: String,
    profile: Profile,
}

impl Side<'_> {
    fn met(&self, index: Option<usize>) -> Option<Met> {
        let connector = &self.scope.connectors()[index?];
        Some(Met {
            identity: self.server.identity(connector),
            role: connector.name.replace(&self.server.name, ""),
            profile: Profile::of(self.server, connector, (self.certificate)(connector)),
        })
    }
}

fn keywords(before: Option<&Profile>, after: Option<&Profile>) -> Vec<Keywords> {
    let (Some(before), Some(after)) = (before, after) else { return Vec::new() };
    let states = before.ehlo.states().into_iter().zip(after.ehlo.states());
    states
        .filter_map(|((state, old), (_, new))| {
            let offered = (old.is_some() != new.is_some()).then_some(new.is_some());
            let (old, new) = (old.unwrap_or_default(), new.unwrap_or_default());
            let without = |all: &[String], others: &[String]| {
                all.iter().filter(|k| !others.contains(k)).cloned().collect::<Vec<_>>()
            };
            let (gone, new) = (without(old, new), without(new, old));
            (!gone.is_empty() || !new.is_empty()).then_some(Keywords { state, offered, gone, new })
        })
        .collect()
}

fn changes(before: Option<&Profile>, after: Option<&Profile>) -> Vec<Change> {
    let verdict = |profile: Option<&Profile>, peer| {
        profile.and_then(|p| p.peers.iter().find(|v| v.peer == peer).cloned())
    };
    let admitted = |v: &Option<Verdict>| v.as_ref().is_some_and(|v| v.refusal.is_none());
    let text = |v: &Option<Verdict>, effect| match v {
        Some(verdict) if effect == Effect::Altered => verdict.to_string(),
        Some(verdict) => verdict.without_rights().to_string(),
        None => format!("closed with \"{}\"", reply::SERVICE_NOT_AVAILABLE),
    };
    let peers = Peer::ALL.into_iter().filter_map(|peer| {
        let (old, new) = (verdict(before, peer), verdict(after, peer));
        let effect = match (admitted(&old), admitted(&new)) {
            (true, false) => Effect::Refused,
            (false, true) => Effect::Admitted,
            _ => Effect::Altered,
        };
        let (before, after) = (text(&old, effect), text(&new, effect));
        (before != after).then_some(Change { peer, effect, before, after })
    });
    peers.collect()
}

fn local_as_text<S: serde::Serializer>(
    local: &SocketAddr,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    serializer.collect_str(&Local(*local))
}

/// A local address as a difference names it.
struct Local(SocketAddr);

impl fmt::Display for Local {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(local) = self;
        match is_other_address(*local) {
            true => {
                let family = if local.is_ipv6() { "IPv6" } else { "IPv4" };
                write!(f, "port {} of all other {family} addresses", local.port())
            }
            false => local.fmt(f),
        }
    }
}

/// So many stretches are written out for a person; the rest is counted.
const SHOWN: usize = 20;

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "On {}, from", Local(self.local))?;
        for Seen { source, sessions, .. } in self.seen.iter().flatten().take(SHOWN) {
            let plural = if *sessions == 1 { "" } else { "s" };
            writeln!(f, "    {source}, seen in {sessions} session{plural}")?;
        }
        if let more @ 1.. = self.seen.as_ref().map_or(0, |s| s.len().saturating_sub(SHOWN)) {
            writeln!(f, "    … and {more} more that were seen")?;
        }
        let unseen = self.seen.is_none();
        for Stretch { first, last } in self.sources.iter().take(SHOWN).filter(|_| unseen) {
            match first == last {
                true => writeln!(f, "    {first}")?,
                false => writeln!(f, "    {first}-{last}")?,
            }
        }
        if let (more @ 1.., true) = (self.sources.len().saturating_sub(SHOWN), unseen) {
            writeln!(f, "    … and {more} more stretches")?;
        }
        let none = "no connector";
        let name = |met: &Option<String>| met.clone().unwrap_or_else(|| none.to_owned());
        writeln!(f, "  before    {}", name(&self.before))?;
        writeln!(f, "  after     {}", name(&self.after))?;
        for Keywords { state, offered, gone, new } in &self.ehlo {
            let gone = gone.iter().map(|keyword| format!("-{keyword}"));
            let all: Vec<_> = gone.chain(new.iter().map(|keyword| format!("+{keyword}"))).collect();
            match offered {
                None => writeln!(f, "  EHLO      {state}: {}", all.join(", "))?,
                Some(false) => writeln!(f, "  EHLO      {state}: no longer offered")?,
                Some(true) => writeln!(f, "  EHLO      {state}: offered now")?,
            }
        }
        for Change { peer, effect, before, after } in &self.peers {
            let effect = match effect {
                Effect::Refused => "REFUSED",
                Effect::Admitted => "ADMITTED",
                Effect::Altered => "ALTERED",
            };
            writeln!(f, "  {effect:<9} {peer}")?;
            writeln!(f, "              before: {before}")?;
            writeln!(f, "              after:  {after}")?;
        }
        Ok(())
    }
}
