use std::process::Command;

use crate::server::Domain;
use crate::support::{Finished, run, tool};

/// Logs on with alice's ticket, and leaves.
fn gsasl(domain: &Domain) -> Option<Finished> {
    let mut gsasl = Command::new(tool("gsasl")?);
    gsasl
        .envs(domain.environment())
        .args(["--smtp", "--no-starttls", "--mechanism", "GSSAPI"])
        .args(["--service", "smtp", "--hostname", "ex01.contoso.test"])
        .args(["--authentication-id", "alice", "--authorization-id", "", "--verbose"])
        .args(["--connect", &domain.server.address().to_string()]);
    Some(run(&mut gsasl, b"QUIT\n"))
}

#[test]
fn x() {
    for prompt in ["exchange", "empty"] {
        let Some(domain) = Domain::start(&format!("prompt = \"{prompt}\"")) else { return };
        let Some(done) = gsasl(&domain) else { return };
        println!("{done:#?}");
    }
}
