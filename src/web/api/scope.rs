//! Whom the connectors take, in words and as a picture, and what is wrong with the set.

use std::net::Ipv4Addr;
use std::str::FromStr;

use axum::Json;
use axum::extract::State;
use axum::http::header::{CONTENT_SECURITY_POLICY, CONTENT_TYPE};
use axum::response::{IntoResponse as _, Response};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::extract::{Nothing, Query};
use super::value::{number, parsed};
use super::{Api, aside};
use crate::connector::{ReceiveConnector, SourceAddress};
use crate::scope::Local;
use crate::scope::map::{self, Mark};
use crate::session::explain::{Explanation, explain};
use crate::web::{App, Problem};

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct Question {
    /// The source address.
    #[serde(deserialize_with = "required")]
    #[param(value_type = String, example = "10.0.0.12")]
    remote: SourceAddress,
    /// Port, or address and port, as the connectors' bindings have it; port 25 without it.
    #[serde(default, deserialize_with = "parsed")]
    #[param(value_type = Option<String>, example = "25")]
    local: Option<Local>,
    #[param(inline)]
    format: Option<Form>,
}

#[derive(Clone, Copy, Default, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
enum Form {
    #[default]
    Json,
    /// As `expsd explain` prints it.
    Text,
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct Drawing {
    /// As for `/explain`.
    #[serde(default, deserialize_with = "parsed")]
    #[param(value_type = Option<String>, example = "25")]
    local: Option<Local>,
    /// Addresses to mark, each perhaps with a name: `10.0.0.12,EX02=10.0.0.13`; 20 at most.
    #[serde(default, deserialize_with = "parsed")]
    #[param(value_type = Option<String>, example = "10.0.0.12")]
    mark: Option<Marks>,
    /// Pixels.
    #[serde(default, deserialize_with = "parsed")]
    #[param(value_type = Option<u32>, minimum = 320, maximum = 4000, default = 960)]
    width: Option<Width>,
}

fn required<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<SourceAddress, D::Error> {
    let text = String::deserialize(deserializer)?;
    text.parse().map_err(serde::de::Error::custom)
}

struct Width(u32);

impl FromStr for Width {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let width = number(text).filter(|width| (320..=4000).contains(width));
        width.map(Self).ok_or("expected a number of pixels from 320 to 4000")
    }
}

struct Marks(Vec<Mark>);

impl Marks {
    const MAX: usize = 20;
}

impl FromStr for Marks {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mark = |item: &str| {
            let (name, address) = match item.split_once('=') {
                Some((name, address)) => (Some(name.to_owned()), address),
                None => (None, item),
            };
            let address = address.parse().ok()?;
            Some(Mark { name, address, asked: true })
        };
        let marks: Option<Vec<_>> = text.split(',').take(Self::MAX + 1).map(mark).collect();
        let marks = marks.filter(|marks| marks.len() <= Self::MAX);
        marks.map(Self).ok_or(
            "expected at most 20 addresses with commas between, such as 10.0.0.12,EX02=10.0.0.13",
        )
    }
}

impl Api {
    fn has_certificate(&self, connector: &ReceiveConnector) -> bool {
        let mut all = self.connectors();
        all.any(|(other, served)| std::ptr::eq(other, connector) && served.certificate)
    }

    fn local(&self, local: Option<Local>) -> Local {
        local.unwrap_or_else(|| Local::usual(self.app.scope.connectors()))
    }
}

/// Which connector an address meets, and what it may do there
#[utoipa::path(
    get, path = "/explain", operation_id = "explain", tag = "Connectors", params(Question),
    responses((status = 200, description = "The winner, the losers, and why", content(
        (Explanation = "application/json"), (String = "text/plain"))))
)]
pub(super) async fn explained(
    State(api): State<Api>,
    Query(question, _): Query<Question>,
) -> Response {
    let App { host, scope, .. } = &api.app;
    let local = api.local(question.local).address(question.remote.ip());
    let certificate = |connector: &ReceiveConnector| api.has_certificate(connector);
    let explanation = explain(&host.server, scope, local, question.remote, certificate);
    match question.format.unwrap_or_default() {
        Form::Json => Json(explanation).into_response(),
        Form::Text => {
            let kind = [(CONTENT_TYPE, "text/plain; charset=utf-8")];
            (kind, explanation.to_string()).into_response()
        }
    }
}

/// The connector map
#[utoipa::path(
    get, path = "/map.svg", operation_id = "drawMap", tag = "Connectors", params(Drawing),
    responses((status = 200, description = "Who takes which source addresses",
        body = String, content_type = "image/svg+xml"))
)]
pub(super) async fn map(
    State(api): State<Api>,
    Query(drawing, _): Query<Drawing>,
) -> Result<Response, Problem> {
    let marks = drawing.mark.map(|Marks(marks)| marks).unwrap_or_default();
    let family = marks.first().map_or(Ipv4Addr::UNSPECIFIED.into(), |mark| mark.address.ip());
    let local = api.local(drawing.local).address(family);
    let width = drawing.width.map_or(map::WIDTH, |Width(width)| width);
    let App { host, scope, .. } = api.app;
    let svg = aside(move || map::svg(&scope, &host.server, local, &marks, width)).await?;
    // It has styles of its own, and may be looked at by itself.
    let policy = "default-src 'none'; style-src 'unsafe-inline'";
    let headers = [(CONTENT_TYPE, "image/svg+xml"), (CONTENT_SECURITY_POLICY, policy)];
    Ok((headers, svg).into_response())
}

/// Something that is wrong with the set.
#[derive(Serialize, ToSchema)]
pub(super) struct Finding {
    /// As `expsd lint --explain` takes it.
    #[schema(example = "relay-covers-exchange-server")]
    rule: &'static str,
    /// `error`, `warning` or `note`
    severity: String,
    title: &'static str,
    problem: String,
    /// `SERVER\Connector name`
    connector: String,
    parameter: &'static str,
    others: Vec<String>,
    hit: String,
    /// Each a way, of one or more commands.
    mend: Vec<Vec<String>>,
}

#[derive(Serialize, ToSchema)]
pub(super) struct Findings {
    findings: Vec<Finding>,
}

/// What is wrong with the set of connectors
///
/// As `expsd lint`, but that of a certificate it is known only whether there is one.
#[utoipa::path(
    get, path = "/lint", operation_id = "lint", tag = "Connectors",
    responses((status = 200, description = "The worst of each connector first", body = Findings))
)]
pub(super) async fn lint(
    State(api): State<Api>,
    _: Query<Nothing>,
) -> Result<Json<Findings>, Problem> {
    aside(move || Json(findings(&api.app))).await
}

fn findings(app: &App) -> Findings {
    let App { host, scope, .. } = app;
    let server = &host.server;
    let identity = |index: usize| server.identity(&scope.connectors()[index]);
    let findings = app.findings().into_iter().map(|finding| Finding {
        rule: finding.rule.id,
        severity: finding.rule.severity.to_string(),
        title: finding.rule.title,
        connector: identity(finding.connector),
        parameter: finding.parameter,
        others: finding.others.iter().map(|other| identity(*other)).collect(),
        problem: finding.problem,
        hit: finding.hit,
        mend: finding.mend,
    });
    Findings { findings: findings.collect() }
}
