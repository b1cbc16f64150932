//! `docs/parameters.md` is made from the tables of the model.

use std::fmt::Write as _;
use std::path::Path;

use expsd::connector::{
    PARAMETER_GROUPS, PARAMETERS, Parameter, ParameterEffect, ReceiveConnector, Server, ServerRole,
    Version, default_set,
};

const OPENING: &str = "\
# Parameters of a receive connector

This page is made from the code: `UPDATE_DOCS=1 cargo test --test parameters` writes it anew.

Every parameter of `Set-ReceiveConnector` is a key of `[[ReceiveConnector]]` in the configuration, with
the name and the values that the cmdlet takes. One that the configured version or role does not have is
an error. *Acts* tells whether it changes what a client meets or what is logged of it: \"no\" where it
does not in Exchange either. *Default* is what a new connector has. Sources are explained at the end of
[evidence.md](evidence.md); all that is said of what expsd does stands there with its own source.
";

/// What the cmdlets take besides, and what is there instead of it.
const NOT_OF_THE_CONNECTOR: &[(&str, &str)] = &[
    (
        "`Usage`",
        "New-ReceiveConnector only. A key of `[[ReceiveConnector]]` too: Client, Custom, Internal, \
         Internet or Partner, see below.",
    ),
    (
        "`Client`, `Custom`, `Internal`, `Internet`, `Partner`",
        "Switches for the same: write `Usage`.",
    ),
    ("`Identity`", "Which connector is set. Each `[[ReceiveConnector]]` is one."),
    ("`Server`", "Where a connector is made: `[Server]`."),
    ("`DomainController`", "Where the change is written. There is no directory to write to."),
    ("`Confirm`, `WhatIf`", "Questions of the shell."),
];

#[test]
fn the_page_of_parameters_is_up_to_date() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/parameters.md");
    let page = page();
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(&path, &page).unwrap();
    }
    let written = std::fs::read_to_string(&path).unwrap_or_default();
    let differs = written.lines().zip(page.lines()).position(|(a, b)| a != b);
    assert!(
        written == page,
        "docs/parameters.md is old, from line {} on; UPDATE_DOCS=1 cargo test --test parameters",
        differs.unwrap_or(0) + 1
    );
}

fn page() -> String {
    let mut page = OPENING.to_owned();
    for group in PARAMETER_GROUPS {
        let header = "| parameter | takes | default | since | acts | what it does | source |";
        write!(page, "\n## {}\n\n{header}\n|---|---|---|---|---|---|---|\n", group.title).unwrap();
        for parameter in group.parameters {
            writeln!(page, "{}", row(parameter)).unwrap();
        }
    }
    page += "\n## Parameters that are not the connector's\n\n| parameter | |\n|---|---|\n";
    for (name, instead) in NOT_OF_THE_CONNECTOR {
        writeln!(page, "| {name} | {instead} |").unwrap();
    }
    usages(&mut page);
    page += "\n## The default sets\n\n\
             What setup makes, and where it differs from a new connector. All have the server's FQDN, and take all remote\n\
             addresses unless it is said; `EX01` stands for the server.\n";
    for role in [ServerRole::Mailbox, ServerRole::Edge] {
        default_sets(&mut page, role);
    }
    page
}

fn server(version: Version, role: ServerRole) -> Server {
    Server { version, role, ..Server::default() }
}

fn row(parameter: &Parameter) -> String {
    let Parameter { name, does, since, source, .. } = parameter;
    let since = if parameter.on_edge { since.to_string() } else { format!("{since}, no Edge") };
    let acts = match parameter.effect {
        ParameterEffect::Acts => "yes",
        ParameterEffect::None => "no",
    };
    // Not to be taken for HTML.
    let takes = parameter.takes().replace('<', "&lt;");
    let default = match *name {
        "Name" | "Bindings" => "required".to_owned(),
        _ => default_of(parameter),
    };
    format!("| `{name}` | {takes} | {default} | {since} | {acts} | {does} | {source} |")
}

/// The value of a new connector, by version where it depends on that, and on an Edge server
/// where it is another.
fn default_of(parameter: &Parameter) -> String {
    let on = |role| {
        let having: Vec<_> = Version::ALL
            .into_iter()
            .filter(|version| parameter.exists_on(&server(*version, role)))
            .map(|version| {
                (parameter.get(&ReceiveConnector::on(&server(version, role), "")), version)
            })
            .collect();
        let runs: Vec<_> = having
            .chunk_by(|(a, _), (b, _)| a == b)
            .map(|run| (shown(&run[0].0), versions(run.iter().map(|(_, version)| *version))))
            .collect();
        match &runs[..] {
            [(value, _)] => value.clone(),
            runs => {
                let runs: Vec<_> = runs.iter().map(|(v, on)| format!("{v} ({on})")).collect();
                runs.join(", ")
            }
        }
    };
    let (mailbox, edge) = (on(ServerRole::Mailbox), on(ServerRole::Edge));
    if edge.is_empty() || edge == mailbox { mailbox } else { format!("{mailbox}; Edge: {edge}") }
}

fn shown(value: &str) -> String {
    if value.is_empty() { "blank".to_owned() } else { format!("`{value}`") }
}

fn versions(versions: impl Iterator<Item = Version>) -> String {
    versions.map(|version| version.to_string()).collect::<Vec<_>>().join(", ")
}

fn usages(page: &mut String) {
    *page += "\n## Usage\n\n\
              What `Usage` sets, before any other key is read; those may stand in any order and\n\
              override it. Without it a connector is Custom. An Edge server has no Client, and no\n\
              ExchangeLegacyServers. Source: Receive connectors.\n\n\
              | Usage | AuthMechanism | PermissionGroups | Bindings | RemoteIPRanges |\n\
              |---|---|---|---|---|\n";
    for usage in ["Client", "Custom", "Internal", "Internet", "Partner"] {
        let usage = usage.parse().unwrap();
        let connector = ReceiveConnector::for_usage(&Server::default(), "", usage).unwrap();
        let get = |name| shown(&expsd::connector::find_parameter(name).unwrap().get(&connector));
        let bindings = match connector.bindings.is_empty() {
            true => "required".to_owned(),
            false => get("Bindings"),
        };
        writeln!(
            page,
            "| {usage} | {} | {} | {bindings} | {} |",
            get("AuthMechanism"),
            get("PermissionGroups"),
            get("RemoteIPRanges")
        )
        .unwrap();
    }
}

/// One table for versions that have the same set.
fn default_sets(page: &mut String, role: ServerRole) {
    let sets: Vec<_> =
        Version::ALL.into_iter().map(|version| (set_rows(version, role), version)).collect();
    for run in sets.chunk_by(|(a, _), (b, _)| a == b) {
        let on = versions(run.iter().map(|(_, version)| *version));
        let rows = &run[0].0;
        let header = "| connector | besides the default |\n|---|---|";
        write!(page, "\n### {role} server, {on}\n\n{header}\n{rows}").unwrap();
    }
}

fn set_rows(version: Version, role: ServerRole) -> String {
    let server = server(version, role);
    let new = ReceiveConnector::on(&server, "");
    let mut rows = String::new();
    for connector in default_set(&server) {
        let differs = |parameter: &&Parameter| {
            let said_above = ["Name", "Fqdn"].contains(&parameter.name);
            !said_above
                && parameter.exists_on(&server)
                && parameter.get(&connector) != parameter.get(&new)
        };
        let differing: Vec<_> = PARAMETERS
            .iter()
            .filter(differs)
            .map(|parameter| format!("{} `{}`", parameter.name, parameter.get(&connector)))
            .collect();
        writeln!(rows, "| {} | {} |", connector.name, differing.join("; ")).unwrap();
    }
    rows
}
