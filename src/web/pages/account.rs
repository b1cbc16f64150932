//! Who exists: accounts, without their secrets, and accepted domains.

use std::sync::Arc;

use askama::Template;
use axum::extract::State;
use axum::response::Response;

use super::Pages;
use super::shell::{Shell, page};
use super::text;
use crate::config::are_built_in;
use crate::directory::{Account, Directory};

/// Accounts that are listed.
const ROWS: usize = 500;

#[derive(Template)]
#[template(path = "accounts.html")]
struct Accounts {
    shell: Shell,
    directory: Arc<Directory>,
    /// They are those that expsd brings along, whose passwords are no secrets.
    built_in: bool,
}

impl Accounts {
    fn listed(&self) -> &[Account] {
        &self.directory.accounts[..self.directory.accounts.len().min(ROWS)]
    }
}

/// How an account can prove itself.
fn proof(account: &Account) -> &'static str {
    match (account.password(), account.nt_hash()) {
        (Some(_), _) => "password",
        (None, Some(_)) => "NT hash: NTLM only",
        (None, None) => "none here: Kerberos only",
    }
}

pub(super) async fn list(State(pages): State<Arc<Pages>>) -> Response {
    let directory = Arc::clone(&pages.app.host.directory);
    let built_in = are_built_in(&directory.accounts);
    page(&Accounts { shell: pages.shell("/accounts"), directory, built_in })
}
