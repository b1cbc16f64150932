//! The table of failures in docs/authentication.md, row by row against the code.

use std::collections::BTreeSet;

use expsd::auth::ntlm::{self, ResponseKind, SecurityError};
use expsd::auth::spnego::{self, Mechanism};
use expsd::auth::{BindingFailure, Failure, KerberosFailure};

const DOCUMENT: &str = include_str!("../docs/authentication.md");

/// A row of the table.
struct Row {
    name: &'static str,
    words: &'static str,
    status: &'static str,
}

fn rows() -> Vec<Row> {
    let (_, section) = DOCUMENT.split_once("## Failures and their status names").unwrap();
    let (section, _) = section.split_once("\n## ").unwrap();
    let table = section.lines().filter(|line| line.starts_with("| `"));
    table
        .map(|line| {
            let cells: Vec<_> = line.trim_matches('|').split(" | ").map(str::trim).collect();
            let [name, words, status, look_at] = cells[..] else { panic!("{line}") };
            assert!(!look_at.is_empty(), "{line}");
            Row { name: name.trim_matches('`'), words, status }
        })
        .collect()
}

/// One failure of each kind, by its name in the table; `…` stands for what differs.
fn failures() -> Vec<(String, Failure)> {
    let any = || "…".to_owned();
    let leaves = [
        Failure::NotBase64,
        Failure::TooLong(65_536),
        Failure::EmptyToken,
        Failure::UnexpectedToken,
        Failure::UserName(any()),
        Failure::UnknownUser(any()),
        Failure::WrongPassword(any()),
        Failure::SecurityLayer,
        Failure::AuthorizationIdentity { account: any(), wanted: any() },
        Failure::ExchangeAuth,
        Failure::ExchangeAuthHash,
        Failure::ExchangeAuthSyntax,
    ];
    let kerberos = [
        KerberosFailure::NoKeytab,
        KerberosFailure::WrongKey(any()),
        KerberosFailure::OldKey(any()),
        KerberosFailure::NoSuchService(any()),
        KerberosFailure::ClockSkew(any()),
        KerberosFailure::TicketExpired(any()),
        KerberosFailure::Replay(any()),
        KerberosFailure::Defective(any()),
        KerberosFailure::UnknownPrincipal(any()),
        KerberosFailure::Other(any()),
    ];
    let bindings = [BindingFailure::Missing, BindingFailure::Mismatch, BindingFailure::Clear];
    let security =
        [SecurityError::Signature, SecurityError::TooShort, SecurityError::NotNegotiated];
    let within = |outer: &str, inner: String| format!("{outer}({inner})");
    let leaves = leaves.into_iter().map(|failure| (variant(&failure), failure));
    let ntlm = ntlm().map(|kind| (within("Ntlm", variant(&kind)), of_ntlm(kind)));
    let spnego =
        spnego().map(|kind| (within("Spnego", variant(&kind)), Failure::Spnego(Box::new(kind))));
    let security = security.map(|e| (within("Security", variant(&e)), Failure::Security(e)));
    let bindings = bindings.map(|e| (within("Binding", variant(&e)), Failure::Binding(e)));
    let kerberos = kerberos.map(|e| (within("Kerberos", variant(&e)), Failure::Kerberos(e)));
    leaves.chain(ntlm).chain(spnego).chain(security).chain(bindings).chain(kerberos).collect()
}

fn ntlm() -> [ntlm::RefusalKind; 10] {
    use ntlm::RefusalKind as Kind;
    [
        Kind::Malformed(ntlm::ParseError::Truncated),
        Kind::OutOfSequence,
        Kind::Ntlm2FlagMissing,
        Kind::Anonymous,
        Kind::NtResponseMissing,
        Kind::BelowMinimum(ResponseKind::V1),
        Kind::UnknownUser,
        Kind::WrongPassword,
        Kind::MicMissing,
        Kind::MicMismatch,
    ]
}

fn spnego() -> [spnego::RefusalKind<Failure>; 14] {
    use spnego::RefusalKind as Kind;
    [
        Kind::Malformed(spnego::ParseError::Truncated),
        Kind::OutOfSequence,
        Kind::InitMissing,
        Kind::SecondInit,
        Kind::NoCommonMechanism(Vec::new()),
        Kind::ClientRejected,
        Kind::ClientRequestsMic,
        Kind::TokenMissing(Mechanism::Ntlm),
        Kind::TokenUnexpected(Mechanism::Ntlm),
        Kind::NoAnswer(Mechanism::Ntlm),
        Kind::Mechanism(Failure::NotBase64),
        Kind::MicMissing,
        Kind::MicTooEarly(Mechanism::Ntlm),
        Kind::MicMismatch(SecurityError::Signature.into()),
    ]
}

fn of_ntlm(kind: ntlm::RefusalKind) -> Failure {
    let refusal = ntlm::Refusal { kind, domain: None, user: None, workstation: None };
    Failure::Ntlm(Box::new(refusal))
}

/// What the derived `Debug` begins with.
fn variant(value: &impl std::fmt::Debug) -> String {
    format!("{value:?}").chars().take_while(|c| c.is_alphanumeric()).collect()
}

/// The variants of an enum as its source has them: some of the enums are non-exhaustive, so no
/// `match` of this test could miss one.
fn variants(source: &'static str, name: &str) -> impl Iterator<Item = &'static str> {
    let (_, body) = source.split_once(&format!("pub enum {name}")).unwrap();
    let (body, _) = body.split_once("\n}").unwrap();
    let of_depth_one = |line: &&str| {
        line.strip_prefix("    ").is_some_and(|l| l.starts_with(|c: char| c.is_ascii_uppercase()))
    };
    body.lines()
        .filter(of_depth_one)
        .map(|line| line.trim().split(|c: char| !c.is_alphanumeric()).next().unwrap())
}

/// The enums inside [`Failure`], by the variant that holds them.
const INNER: [(&str, &str, &str); 5] = [
    ("Ntlm", "RefusalKind", include_str!("../src/auth/ntlm/refusal.rs")),
    ("Spnego", "RefusalKind", include_str!("../src/auth/spnego/refusal.rs")),
    ("Security", "SecurityError", include_str!("../src/auth/ntlm/security.rs")),
    ("Binding", "BindingFailure", include_str!("../src/auth/binding.rs")),
    ("Kerberos", "KerberosFailure", include_str!("../src/auth/failure.rs")),
];
const FAILURE: &str = include_str!("../src/auth/failure.rs");

#[test]
fn every_variant_has_one_row_and_every_row_a_variant() {
    let mut in_source = BTreeSet::new();
    for name in variants(FAILURE, "Failure") {
        match INNER.iter().find(|(outer, ..)| *outer == name) {
            Some((outer, inner, source)) => {
                in_source.extend(variants(source, inner).map(|name| format!("{outer}({name})")));
            }
            None => assert!(in_source.insert(name.to_owned()), "{name}"),
        }
    }
    assert_eq!(in_source.len(), 52);
    let unique = |mut names: Vec<String>| {
        names.sort();
        assert!(names.is_sorted_by(|a, b| a < b), "twice: {names:?}");
        BTreeSet::from_iter(names)
    };
    assert_eq!(in_source, unique(rows().iter().map(|row| row.name.to_owned()).collect()));
    assert_eq!(in_source, unique(failures().into_iter().map(|(name, _)| name).collect()));
}

#[test]
fn each_row_has_the_words_and_the_status_of_its_failure() {
    for row in rows().iter().filter(|row| row.name != "Spnego(Mechanism)") {
        let (_, failure) = failures().into_iter().find(|(name, _)| name == row.name).unwrap();
        assert_eq!(row.status, failure.status().to_string(), "{}", row.name);
        let text = failure.to_string();
        match row.words.strip_suffix('…') {
            Some(begin) if text != row.words => assert!(text.starts_with(begin), "{text}"),
            _ => assert_eq!(text, row.words, "{}", row.name),
        }
    }
}

#[test]
fn a_failure_within_spnego_keeps_its_status_and_its_words() {
    for (name, failure) in failures() {
        let kind = spnego::RefusalKind::Mechanism(failure.clone());
        let within = Failure::Spnego(Box::new(kind));
        assert_eq!(within.status(), failure.status(), "{name}");
        assert_eq!(within.to_string(), failure.to_string(), "{name}");
    }
}

#[test]
fn no_status_name_is_there_for_nothing() {
    let used: BTreeSet<_> = rows().into_iter().map(|row| row.status).collect();
    let unused: Vec<_> = variants(FAILURE, "Status").filter(|name| !used.contains(name)).collect();
    assert_eq!(unused, [""; 0]);
}

/// As "When it fails" has it: of a proof that was good, but of nobody.
#[test]
fn one_failure_alone_ends_the_connection_behind_auth_too() {
    let unknown = failures().into_iter().filter(|(_, failure)| failure.is_unknown_identity());
    let names: Vec<_> = unknown.map(|(name, _)| name).collect();
    assert_eq!(names, ["Kerberos(UnknownPrincipal)"]);
}
