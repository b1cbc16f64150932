mod client;
mod exchange;
mod hostile;
mod session;
mod vectors;

use std::sync::Arc;

use super::{Acceptor, Minimum, NtHash, Policy, Refusal, Target, Verified, Version};
use client::{Answer, Client};

const SERVER_CHALLENGE: [u8; 8] = [0x01, 0x23, 0x45, 0x67, 0x89, 0xab, 0xcd, 0xef];
const FILETIME: u64 = 133_500_000_000_000_000;

fn target() -> Arc<Target> {
    Arc::new(Target {
        netbios_domain: "CONTOSO".into(),
        netbios_computer: "EX01".into(),
        dns_domain: "contoso.example".into(),
        dns_computer: "ex01.contoso.example".into(),
        dns_tree: Some("contoso.example".into()),
        version: Version { major: 10, minor: 0, build: 20348 },
    })
}

fn acceptor(policy: Policy) -> Acceptor {
    Acceptor::new(target(), policy, SERVER_CHALLENGE, FILETIME)
}

/// Accepts whatever can be verified.
const LAX: Policy = Policy { minimum: Minimum::V1, require_ntlm2_flag: false };

/// The account database: few exist, and the password of each is "Password".
fn accounts(_domain: &str, user: &str) -> Option<NtHash> {
    let known = ["user", "user@contoso.example", "jürgen"].contains(&user.to_lowercase().as_str());
    known.then(|| NtHash::of_password("Password"))
}

/// The whole exchange, and the client's view of its outcome.
fn run(client: &Client, policy: Policy) -> (Result<Verified, Refusal>, Answer) {
    let mut acceptor = acceptor(policy);
    let negotiate = client.negotiate();
    let challenge = acceptor.challenge(&negotiate).expect("a challenge");
    let answer = client.answer(&negotiate, &challenge);
    (acceptor.authenticate(&answer.message, accounts), answer)
}
