//! The connectors: the set with what is wrong with it, and each one whole.

use std::sync::Arc;

use askama::Template;
use axum::extract::{Path, State};
use axum::response::{IntoResponse as _, Response};

use super::shell::{Shell, page};
use super::text::{self, encoded};
use super::{Failure, Pages};
use crate::connector::{PARAMETER_GROUPS, ReceiveConnector};
use crate::scope::lint::{self, Severity};
use crate::session::explain::Profile;
use crate::web::Served;

#[derive(Template)]
#[template(path = "connectors.html")]
struct Set {
    shell: Shell,
    rows: Vec<Row>,
    findings: Vec<Finding>,
}

struct Row {
    name: String,
    enabled: bool,
    role: String,
    bindings: String,
    listening: Vec<String>,
    ranges: Vec<String>,
    more_ranges: usize,
    groups: String,
    mechanisms: String,
}

/// Something that is wrong, in words.
pub(super) struct Finding {
    pub(super) severity: Severity,
    pub(super) id: &'static str,
    pub(super) title: &'static str,
    pub(super) connector: String,
    pub(super) problem: String,
    pub(super) hit: String,
    pub(super) sees: Vec<String>,
    pub(super) mend: Vec<Vec<String>>,
}

#[derive(Template)]
#[template(path = "connector.html")]
struct One {
    shell: Shell,
    row: Row,
    certificate: bool,
    groups: Vec<Parameters>,
    rights: Vec<Given>,
    profile: Profile,
    findings: Vec<Finding>,
}

struct Parameters {
    title: &'static str,
    parameters: Vec<Parameter>,
}

struct Parameter {
    name: &'static str,
    value: String,
    does: &'static str,
    /// It is not what a new connector has.
    set: bool,
}

/// Rights that the connector gives, or takes.
struct Given {
    by: String,
    to: String,
    rights: Vec<&'static str>,
}

/// Findings on a page.
pub(super) const MAX_FINDINGS: usize = 100;

/// Ranges that a list of connectors shows of each.
const RANGES: usize = 4;

pub(super) async fn list(State(pages): State<Arc<Pages>>) -> Result<Response, Failure> {
    let asked = Arc::clone(&pages);
    pages.aside("/connectors", move || page(&asked.set())).await
}

pub(super) async fn show(
    State(pages): State<Arc<Pages>>,
    Path(name): Path<String>,
) -> Result<Response, Failure> {
    let missing = pages.missing("/connectors", "There is no connector of that name.");
    let asked = Arc::clone(&pages);
    let make = move || asked.one(&name).map_or_else(|| missing.into_response(), |one| page(&one));
    pages.aside("/connectors", make).await
}

impl Pages {
    fn set(&self) -> Set {
        let connectors = self.app.scope.connectors().iter().zip(self.app.served.iter());
        Set {
            shell: self.shell("/connectors"),
            rows: connectors.map(|(connector, served)| self.row(connector, served)).collect(),
            findings: self.told(self.findings()),
        }
    }

    fn one(&self, name: &str) -> Option<One> {
        let (place, connector) = self.connector(name)?;
        let served = self.app.served.get(place)?;
        let concerned = self
            .findings()
            .iter()
            .filter(|finding| finding.connector == place || finding.others.contains(&place));
        Some(One {
            shell: self.shell("/connectors"),
            row: self.row(connector, served),
            certificate: served.certificate,
            groups: self.parameters(connector),
            rights: rights(connector),
            profile: Profile::of(&self.app.host.server, connector, served.certificate),
            findings: self.told(concerned),
        })
    }

    fn row(&self, connector: &ReceiveConnector, served: &Served) -> Row {
        let joined = |all: Vec<String>| all.join(", ");
        let ranges = connector.remote_ip_ranges.iter();
        Row {
            name: connector.name.clone(),
            enabled: connector.enabled,
            role: connector.transport_role.to_string(),
            bindings: joined(connector.bindings.iter().map(ToString::to_string).collect()),
            listening: served.addresses.iter().map(ToString::to_string).collect(),
            ranges: ranges.take(RANGES).map(|range| short(&range.to_string())).collect(),
            more_ranges: connector.remote_ip_ranges.len().saturating_sub(RANGES),
            groups: connector.permission_groups.to_string(),
            mechanisms: connector.auth_mechanism.to_string(),
        }
    }

    /// The first of `findings`, the worst on top.
    pub(super) fn told<'a>(
        &self,
        findings: impl IntoIterator<Item = &'a lint::Finding>,
    ) -> Vec<Finding> {
        let mut findings: Vec<_> = findings.into_iter().collect();
        findings.sort_by_key(|finding| finding.rule.severity);
        let told = findings.into_iter().take(MAX_FINDINGS).map(|finding| Finding {
            severity: finding.rule.severity,
            id: finding.rule.id,
            title: finding.rule.title,
            connector: self.app.scope.connectors()[finding.connector].name.clone(),
            problem: finding.problem.clone(),
            hit: finding.hit.clone(),
            sees: finding.sees.lines(),
            mend: finding.mend.clone(),
        });
        told.collect()
    }

    fn parameters(&self, connector: &ReceiveConnector) -> Vec<Parameters> {
        let server = &self.app.host.server;
        let new = ReceiveConnector::on(server, connector.name.clone());
        let groups = PARAMETER_GROUPS.iter().map(|group| Parameters {
            title: group.title,
            parameters: group
                .parameters
                .iter()
                .filter(|parameter| parameter.exists_on(server))
                .map(|parameter| Parameter {
                    name: parameter.name,
                    value: parameter.get(connector),
                    does: parameter.does,
                    set: parameter.get(connector) != parameter.get(&new),
                })
                .collect(),
        });
        groups.collect()
    }
}

/// A range as it is written, but for that of all IPv6, which would fill its column.
fn short(range: &str) -> String {
    match range {
        "::-ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff" => "::-ffff:…:ffff".to_owned(),
        range => range.to_owned(),
    }
}

/// What the permission groups give, and what was given or taken by hand.
fn rights(connector: &ReceiveConnector) -> Vec<Given> {
    let given = connector.entries().map(|entry| Given {
        by: entry.source.to_string(),
        to: entry.principal.to_string(),
        rights: entry.rights.ad_names().collect(),
    });
    given.collect()
}
