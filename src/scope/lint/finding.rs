//! What was found, and whom it concerns.

use std::net::SocketAddr;

use super::{Addresses, Rule, Set, Symptoms};
use crate::connector::SourceAddress;

/// One fault of a set of connectors.
#[derive(Clone, Debug)]
pub struct Finding {
    pub rule: &'static Rule,
    /// The connector to mend, by its index.
    pub connector: usize,
    /// The parameter to mend.
    pub parameter: &'static str,
    /// Other connectors that have part in it.
    pub others: Vec<usize>,
    pub concerns: Concerns,
    /// What is wrong, in this case.
    pub problem: String,
    /// Who is hit: peers by name, or a class.
    pub hit: String,
    pub sees: Symptoms,
    /// Ways to mend it, each one or more commands of the Exchange Management Shell.
    pub mend: Vec<Vec<String>>,
    names: Vec<(&'static str, String)>,
}

/// Whose connections a finding is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Concerns {
    /// Whoever meets the connector.
    Everyone,
    /// These sources: they meet the connector, or one of the others.
    Sources(Addresses),
    /// These sources, which meet no connector at this port.
    Unserved(u16, Addresses),
}

/// The findings that a connection from `remote` to `local` meets with, where `winner` is the
/// connector that [`select`](crate::scope::Scope::select) names for it.
pub fn findings_for(
    findings: &[Finding],
    local: SocketAddr,
    remote: SourceAddress,
    winner: Option<usize>,
) -> impl Iterator<Item = &Finding> {
    findings.iter().filter(move |finding| match (&finding.concerns, winner) {
        (Concerns::Everyone, Some(winner)) => finding.connector == winner,
        (Concerns::Sources(sources), Some(winner)) => {
            let has_part = finding.connector == winner || finding.others.contains(&winner);
            has_part && sources.contains(remote)
        }
        (Concerns::Unserved(port, sources), None) => {
            local.port() == *port && sources.contains(remote)
        }
        _ => false,
    })
}

impl Finding {
    /// A finding about `connector`, that concerns whoever meets it.
    pub(super) fn new(
        rule: &'static Rule,
        set: &Set<'_>,
        connector: usize,
        parameter: &'static str,
        problem: impl Into<String>,
    ) -> Self {
        let of = &set.connectors[connector];
        let names = vec![
            ("connector", of.name.clone()),
            ("identity", set.server.identity(of)),
            ("fqdn", set.server.fqdn_of(of).to_owned()),
            ("source", "the client".to_owned()),
        ];
        Self {
            rule,
            connector,
            parameter,
            others: Vec::new(),
            concerns: Concerns::Everyone,
            problem: problem.into(),
            hit: rule.who.to_owned(),
            sees: rule.sees.symptoms(&set.voice(), &names),
            mend: Vec::new(),
            names,
        }
    }

    pub(super) fn others(mut self, others: impl IntoIterator<Item = usize>) -> Self {
        self.others.extend(others);
        self.others.sort_unstable();
        self.others.dedup();
        self
    }

    pub(super) fn sources(self, set: &Set<'_>, sources: Addresses) -> Self {
        let first = sources.first().map(|source| source.to_string());
        let named = match first {
            Some(first) => self.naming(set, "source", first),
            None => self,
        };
        Self { concerns: Concerns::Sources(sources), ..named }
    }

    pub(super) fn unserved(self, port: u16, sources: Addresses) -> Self {
        Self { concerns: Concerns::Unserved(port, sources), ..self }
    }

    pub(super) fn hits(self, hit: impl Into<String>) -> Self {
        Self { hit: hit.into(), ..self }
    }

    /// Gives a name in the texts of the rule another value.
    pub(super) fn naming(mut self, set: &Set<'_>, name: &'static str, value: String) -> Self {
        self.names.retain(|(known, _)| *known != name);
        self.names.push((name, value));
        self.sees = self.rule.sees.symptoms(&set.voice(), &self.names);
        self
    }

    /// Adds a command to the way that was named last.
    pub(super) fn mend(mut self, command: impl Into<String>) -> Self {
        match self.mend.last_mut() {
            Some(way) => way.push(command.into()),
            None => self.mend.push(vec![command.into()]),
        }
        self
    }

    pub(super) fn commands(self, commands: impl IntoIterator<Item = String>) -> Self {
        commands.into_iter().fold(self, Self::mend)
    }

    /// Begins another way.
    pub(super) fn or(mut self, command: impl Into<String>) -> Self {
        self.mend.push(vec![command.into()]);
        self
    }
}
