//! The connectors: what each is, and what it offers now.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;

use super::extract::{Nothing, Path, Query};
use super::{Api, no};
use crate::connector::{Grant, PARAMETERS, ReceiveConnector};
use crate::session::explain::Profile;
use crate::web::{Problem, Served};

/// A connector in a list.
#[derive(Serialize, ToSchema)]
pub(super) struct ConnectorSummary {
    #[schema(example = "Default Frontend EX01")]
    name: String,
    /// `SERVER\name`
    identity: String,
    enabled: bool,
    /// `FrontEndTransport`, `HubTransport` …
    transport_role: String,
    /// As configured; selection goes by these.
    bindings: Vec<String>,
    remote_ip_ranges: Vec<String>,
    /// Where it listens.
    #[schema(value_type = Vec<String>)]
    addresses: Vec<SocketAddr>,
    /// It has a certificate for STARTTLS.
    certificate: bool,
}

#[derive(Serialize, ToSchema)]
pub(super) struct ConnectorList {
    connectors: Vec<ConnectorSummary>,
}

#[derive(Serialize, ToSchema)]
pub(super) struct Connector {
    #[serde(flatten)]
    summary: ConnectorSummary,
    /// By their names in Get-ReceiveConnector, as Format-List prints them.
    parameters: BTreeMap<&'static str, String>,
    rights: Vec<Entry>,
    #[serde(flatten)]
    profile: Profile,
}

/// What one entry of the connector gives or takes.
#[derive(Serialize, ToSchema)]
struct Entry {
    /// The permission group, or how the entry came about.
    by: String,
    principal: String,
    /// By the names of Active Directory.
    rights: Vec<&'static str>,
}

impl Api {
    fn summary(&self, connector: &ReceiveConnector, served: &Served) -> ConnectorSummary {
        fn texts<T: ToString>(values: &[T]) -> Vec<String> {
            values.iter().map(T::to_string).collect()
        }
        ConnectorSummary {
            name: connector.name.clone(),
            identity: self.app.host.server.identity(connector),
            enabled: connector.enabled,
            transport_role: connector.transport_role.to_string(),
            bindings: texts(&connector.bindings),
            remote_ip_ranges: texts(&connector.remote_ip_ranges),
            addresses: served.addresses.clone(),
            certificate: served.certificate,
        }
    }

    pub(super) fn connectors(&self) -> impl Iterator<Item = (&ReceiveConnector, &Served)> {
        self.app.scope.connectors().iter().zip(self.app.served.iter())
    }
}

/// The connectors, in the order of the configuration
#[utoipa::path(
    get, path = "/connectors", operation_id = "listConnectors", tag = "Connectors",
    responses((status = 200, description = "All of them", body = ConnectorList))
)]
pub(super) async fn list(State(api): State<Api>, _: Query<Nothing>) -> Json<ConnectorList> {
    let connectors = api.connectors().map(|(c, served)| api.summary(c, served)).collect();
    Json(ConnectorList { connectors })
}

/// One connector: parameters, rights, EHLO
#[utoipa::path(
    get, path = "/connectors/{name}", operation_id = "getConnector", tag = "Connectors",
    params(("name" = String, Path, description = "Its name, or SERVER\\name",
        example = "Default Frontend EX01")),
    responses(
        (status = 200, description = "What it is, and what it offers now", body = Connector),
        (status = 404, description = "There is none", body = Problem,
            content_type = "application/problem+json"),
    )
)]
pub(super) async fn one(
    State(api): State<Api>,
    Path(name): Path<String>,
    _: Query<Nothing>,
) -> Result<Json<Connector>, Problem> {
    let identity = api.identity(name.clone());
    let server = &api.app.host.server;
    let found = api.connectors().find(|(c, _)| server.identity(c).eq_ignore_ascii_case(&identity));
    let (connector, served) = found.ok_or_else(|| no("connector", &name))?;
    let parameters = PARAMETERS.iter().filter(|parameter| parameter.exists_on(server));
    let entry = |grant: Grant<'_>| Entry {
        by: grant.source.to_string(),
        principal: grant.principal.to_string(),
        rights: grant.rights.ad_names().collect(),
    };
    Ok(Json(Connector {
        summary: api.summary(connector, served),
        parameters: parameters.map(|p| (p.name, p.get(connector))).collect(),
        rights: connector.entries().map(entry).collect(),
        profile: Profile::of(server, connector, served.certificate),
    }))
}
