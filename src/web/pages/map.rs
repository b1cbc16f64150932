//! The connector map, and the question who meets what.

use std::collections::BTreeSet;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use askama::Template;
use aws_lc_rs::digest::{SHA256, digest};
use axum::extract::{Query, State};
use axum::http::header::CONTENT_SECURITY_POLICY;
use axum::response::{IntoResponse as _, Response};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde::Deserialize;

use super::connector::{Finding, MAX_FINDINGS};
use super::shell::{POLICY, Shell, page};
use super::text::{self, encoded};
use super::{Failure, Pages};
use crate::connector::SourceAddress;
use crate::scope::lint::findings_for;
use crate::scope::map::{self, Mark};
use crate::scope::{BadLocal, Local};
use crate::session::explain::{Explanation, explain};

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Asked {
    /// The source address.
    address: String,
    /// A port, or an address and a port, as the connectors' bindings have it.
    local: String,
}

#[derive(Template)]
#[template(path = "map.html")]
struct Map {
    shell: Shell,
    asked: Asked,
    locals: Vec<String>,
    local: SocketAddr,
    /// The port that was asked about, where it is one that listens for that of `local`.
    listening: Option<u16>,
    /// What is wrong with the question: the field, and why.
    problems: Vec<(&'static str, String)>,
    svg: String,
    answer: Option<Answer>,
}

struct Answer {
    explanation: Explanation,
    findings: Vec<Finding>,
}

/// For a hand-held screen, in pixels.
pub(super) const NARROW: u32 = 360;

pub(super) async fn show(
    State(pages): State<Arc<Pages>>,
    Query(asked): Query<Asked>,
) -> Result<Response, Failure> {
    let shown = Arc::clone(&pages);
    let make = move || {
        let map = shown.map(asked);
        ([(CONTENT_SECURITY_POLICY, with_style(&map.svg))], page(&map)).into_response()
    };
    pages.aside("/map", make).await
}

impl Map {
    fn problem(&self, name: &str) -> bool {
        self.problems.iter().any(|(field, _)| *field == name)
    }

    /// The picture alone, with what was asked.
    fn picture(&self, width: u32) -> String {
        let local = encoded(&self.local.to_string());
        let asked = self.answer.as_ref().map(|answer| answer.explanation.remote.to_string());
        let mark = asked.map(|asked| format!("&mark={}", encoded(&asked))).unwrap_or_default();
        format!("/api/v1/map.svg?local={local}{mark}&width={width}")
    }

    fn narrow(&self) -> String {
        self.picture(NARROW)
    }

    fn wide(&self) -> String {
        self.picture(map::WIDTH)
    }
}

impl Asked {
    /// `None`: nothing was asked.
    fn address(&self) -> Result<Option<SourceAddress>, String> {
        let text = Some(self.address.trim()).filter(|text| !text.is_empty());
        let parsed = text.map(str::parse).transpose();
        parsed.map_err(|_| "this is no address such as 10.0.0.12 or fe80::1%11".to_owned())
    }

    fn local(&self, pages: &Pages) -> Result<Local, String> {
        match self.local.trim() {
            "" => Ok(pages.usual()),
            text => text.parse().map_err(|error: BadLocal| error.to_string()),
        }
    }
}

/// Of the family of `remote`; where nothing is asked, IPv4.
fn at(local: Local, remote: Option<SourceAddress>) -> SocketAddr {
    local.address(remote.map_or(Ipv4Addr::UNSPECIFIED.into(), |remote| remote.ip()))
}

impl Pages {
    fn map(&self, asked: Asked) -> Map {
        let (address, local) = (asked.address(), asked.local(self));
        let wrong = [("address", address.as_ref().err()), ("local", local.as_ref().err())];
        let problems =
            wrong.into_iter().filter_map(|(field, error)| Some((field, error?.clone()))).collect();
        let address = address.unwrap_or_default();
        let local = local.unwrap_or_else(|_| self.usual());
        let bound = self.bound(local);
        let listening = (bound != local).then(|| at(local, address).port());
        let local = at(bound, address);
        Map {
            shell: self.shell("/map"),
            asked,
            locals: self.locals(),
            local,
            listening,
            problems,
            svg: self.draw(local, address, map::WIDTH),
            answer: address.map(|address| self.answer(local, address)),
        }
    }

    /// What a connector is bound to, where `local` is what listens for it: ports may be moved.
    fn bound(&self, local: Local) -> Local {
        let scope = &self.app.scope;
        let port = at(local, None).port();
        let mut bindings = scope.connectors().iter().flat_map(|connector| &connector.bindings);
        if bindings.any(|binding| binding.port() == port) {
            return local;
        }
        let listens = |address: &SocketAddr| match local {
            Local::Address(asked) => *address == asked,
            Local::Port(asked) => address.port() == asked,
        };
        let mut served = scope.connectors().iter().zip(self.app.served.iter());
        let found = served.find_map(|(connector, served)| {
            let place = served.addresses.iter().position(listens)?;
            // Where several ports are bound, which one listens where is known only if each does.
            let ports: BTreeSet<_> = connector.bindings.iter().map(|b| b.port()).collect();
            match ports.len() {
                1 => ports.first().copied(),
                _ => (served.addresses.len() == connector.bindings.len())
                    .then(|| connector.bindings[place].port()),
            }
        });
        found.map_or(local, Local::Port)
    }

    fn usual(&self) -> Local {
        Local::usual(self.app.scope.connectors())
    }

    /// What may be asked for: every port, and every single address that is bound.
    fn locals(&self) -> Vec<String> {
        let bindings = self.app.scope.connectors().iter().flat_map(|c| &c.bindings);
        let ports: BTreeSet<_> = bindings.clone().map(|binding| binding.port()).collect();
        let single: BTreeSet<_> =
            bindings.filter(|binding| !binding.is_wildcard()).map(|binding| binding.0).collect();
        let ports = ports.iter().map(ToString::to_string);
        ports.chain(single.iter().map(ToString::to_string)).take(200).collect()
    }

    fn draw(&self, local: SocketAddr, address: Option<SourceAddress>, width: u32) -> String {
        let marks: Vec<_> =
            address.map(|address| Mark { name: None, address, asked: true }).into_iter().collect();
        map::svg(&self.app.scope, &self.app.host.server, local, &marks, width)
    }

    fn answer(&self, local: SocketAddr, remote: SourceAddress) -> Answer {
        let scope = &self.app.scope;
        let winner = scope.select(local, remote).index();
        let findings = findings_for(self.findings(), local, remote, winner);
        Answer {
            findings: self.told(findings),
            explanation: explain(&self.app.host.server, scope, local, remote, |connector| {
                self.app.has_certificate(connector)
            }),
        }
    }
}

/// The policy of a page that has `svg` in it: its style sheet is allowed by its digest.
fn with_style(svg: &str) -> String {
    let sheet = svg.split_once("<style>").and_then(|(_, rest)| rest.split_once("</style>"));
    let Some((sheet, _)) = sheet else { return POLICY.to_owned() };
    let digest = BASE64_STANDARD.encode(digest(&SHA256, sheet.as_bytes()));
    POLICY.replace("style-src 'self'", &format!("style-src 'self' 'sha256-{digest}'"))
}
