//! The server as a whole.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use jiff::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;

use super::Api;
use super::extract::{Nothing, Query};
use crate::capture::{Filter, Removal};
use crate::rules::Rule;
use crate::web::Problem;

/// Somebody who can prove himself, without what he does it by.
#[derive(Serialize, ToSchema)]
pub(super) struct Account {
    #[schema(example = "CONTOSO\\alice")]
    name: String,
    /// Those that he may send as.
    addresses: Vec<String>,
    member_of: Vec<&'static str>,
}

#[derive(Serialize, ToSchema)]
pub(super) struct AccountList {
    accounts: Vec<Account>,
}

/// The accounts
#[utoipa::path(
    get, path = "/accounts", operation_id = "listAccounts", tag = "Server",
    responses((status = 200, description = "Never with a secret", body = AccountList))
)]
pub(super) async fn accounts(State(api): State<Api>, _: Query<Nothing>) -> Json<AccountList> {
    let directory = &api.app.host.directory;
    let account = |account: &crate::directory::Account| Account {
        name: account.name.to_string(),
        addresses: account.addresses.clone(),
        member_of: account.member_of.iter().map(|group| group.name()).collect(),
    };
    Json(AccountList { accounts: directory.accounts.iter().map(account).collect() })
}

#[derive(Serialize, ToSchema)]
pub(super) struct Version {
    /// Of expsd.
    version: &'static str,
    started: Timestamp,
    server: Server,
}

/// The server that is played.
#[derive(Serialize, ToSchema)]
struct Server {
    #[schema(example = "EX01")]
    name: String,
    fqdn: String,
    /// Of Exchange.
    #[schema(example = "2019")]
    version: String,
}

/// What runs here
#[utoipa::path(
    get, path = "/version", operation_id = "getVersion", tag = "Server",
    responses((status = 200, description = "Versions, and since when", body = Version))
)]
pub(super) async fn version(State(api): State<Api>, _: Query<Nothing>) -> Json<Version> {
    let server = &api.app.host.server;
    Json(Version {
        version: env!("CARGO_PKG_VERSION"),
        started: api.app.started,
        server: Server {
            name: server.name.clone(),
            fqdn: server.fqdn.clone(),
            version: server.version.to_string(),
        },
    })
}

/// Begin anew
///
/// Removes all messages, sessions, events and log rows, and puts back the rules that the daemon
/// began with, their hits at zero. Sessions that are open stay, as do files that were written.
#[utoipa::path(
    post, path = "/reset", operation_id = "reset", tag = "Server",
    responses((status = 204, description = "Done"))
)]
pub(super) async fn reset(
    State(api): State<Api>,
    _: Query<Nothing>,
) -> Result<StatusCode, Problem> {
    api.app.capture.remove(Removal::Matching(Box::<Filter>::default())).await?;
    api.app.recent.clear();
    let rules: Vec<Rule> = api.rules.iter().map(|rule| (**rule).clone()).collect();
    api.app.host.rules.replace(rules)?;
    Ok(StatusCode::NO_CONTENT)
}
