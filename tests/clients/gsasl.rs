use std::process::Command;

use crate::server::Domain;
use crate::support::{Finished, run, tool};

/// Logs on with alice's ticket, and leaves.
fn log_on(domain: &Domain) -> Option<Finished> {
    let mut gsasl = Command::new(tool("gsasl")?);
    gsasl
        .envs(domain.environment())
        .args(["--smtp", "--no-starttls", "--mechanism", "GSSAPI"])
        .args(["--service", "smtp", "--hostname", "ex01.contoso.test"])
        .args(["--authentication-id", "alice", "--authorization-id", ""])
        .args(["--connect", &domain.server.address().to_string()]);
    Some(run(&mut gsasl, b""))
}

#[test]
fn a_ticket_lets_a_user_in_where_the_prompt_is_empty() {
    let Some(domain) = Domain::start("prompt = \"empty\"") else { return };
    let Some(done) = log_on(&domain) else { return };
    assert!(done.stdout.contains("235 2.7.0 Authentication successful"), "{done:#?}");
    assert!(done.status.success(), "{done:#?}");
}

/// It takes the prompt for a token, which is why there is a setting.
#[test]
fn the_prompt_of_exchange_stops_it() {
    let Some(domain) = Domain::start("") else { return };
    let Some(done) = log_on(&domain) else { return };
    assert!(done.stdout.ends_with("334 GSSAPI supported\r\n"), "{done:#?}");
    assert!(!done.status.success(), "{done:#?}");
}
