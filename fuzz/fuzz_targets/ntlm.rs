//! NTLM messages against the acceptor: any two, and a right answer with changes.
#![no_main]

#[path = "../../benches/support/ntlm.rs"]
mod ntlm;

use std::sync::Arc;

use expsd::auth::ntlm::{Acceptor, Minimum, NtHash, Policy, Target, Version};
use libfuzzer_sys::fuzz_target;
use ntlm::Shape;

fuzz_target!(|data: &[u8]| {
    let [kind, length, rest @ ..] = data else { return };
    match kind % 4 {
        0 | 1 => any_two(policy(kind & 1 == 1), rest.split_at(rest.len().min((*length).into()))),
        2 => changed(Shape::Windows, rest),
        _ => changed(Shape::Curl, rest),
    }
});

fn any_two(policy: Policy, (negotiate, authenticate): (&[u8], &[u8])) {
    let mut acceptor = acceptor(policy);
    let first = acceptor.challenge(negotiate);
    if first.is_err() {
        // Let the second message have its turn all the same.
        acceptor = self::acceptor(policy);
        acceptor.challenge(&Shape::Windows.negotiate()).unwrap();
    }
    let refusal = acceptor.authenticate(authenticate, accounts).unwrap_err();
    assert!(!refusal.to_string().contains(char::is_control));
    assert!(acceptor.authenticate(authenticate, accounts).is_err(), "a challenge is good once");
}

/// Writes octets over a right answer: three for each change, of which two say where.
fn changed(shape: Shape, changes: &[u8]) {
    let mut acceptor = acceptor(Policy::default());
    let negotiate = shape.negotiate();
    let challenge = acceptor.challenge(&negotiate).unwrap();
    let answer = shape.authenticate(("CONTOSO", "alice", "Passw0rd!"), &negotiate, &challenge);
    let mut message = answer.message.clone();
    for change in changes.chunks_exact(3) {
        let at = usize::from(u16::from_le_bytes([change[0], change[1]])) % message.len();
        message[at] = change[2];
    }
    let right = &answer.message[answer.response];
    let intact = match shape {
        Shape::Windows => message == answer.message,
        Shape::Curl => message.windows(right.len()).any(|window| window == right),
    };
    let accepted = acceptor.authenticate(&message, accounts).is_ok();
    assert!(!accepted || intact, "a changed answer was accepted");
    assert!(accepted || message != answer.message, "the right answer was refused");
}

fn accounts(domain: &str, user: &str) -> Option<NtHash> {
    let known = domain.eq_ignore_ascii_case("CONTOSO") && user.eq_ignore_ascii_case("alice");
    known.then(|| NtHash::of_password("Passw0rd!"))
}

fn policy(lax: bool) -> Policy {
    let minimum = if lax { Minimum::V1 } else { Minimum::V2 };
    Policy { minimum, ..Policy::default() }
}

fn acceptor(policy: Policy) -> Acceptor {
    let target = Target {
        netbios_domain: "CONTOSO".to_owned(),
        netbios_computer: "EX01".to_owned(),
        dns_domain: "contoso.test".to_owned(),
        dns_computer: "ex01.contoso.test".to_owned(),
        dns_tree: None,
        version: Version { major: 10, minor: 0, build: 17763 },
    };
    Acceptor::new(Arc::new(target), policy, *b"\x01\x23\x45\x67\x89\xab\xcd\xef", 1)
}
