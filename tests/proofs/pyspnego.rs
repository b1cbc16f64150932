//! Python's pyspnego: NTLM and Kerberos, bare and inside SPNEGO, with channel bindings.

use std::ffi::OsString;

use serde_json::{Value, json};

use crate::lab::{Lab, PASSWORD, POLICIES, USER};
use crate::packages::{python, sources};
use crate::support::run;

const SUCCESSFUL: &str = "235 2.7.0 Authentication successful";
const UNSUCCESSFUL: &str = "535 5.7.3 Authentication unsuccessful";
const TEMPORARY: &str = "454 4.7.0 Temporary authentication failure";

const COMMANDS: [&str; 2] = ["AUTH", "X-EXPS"];
const VERBS: [Option<&str>; 2] = [Some("STARTTLS"), Some("X-ANONYMOUSTLS")];
const BY_NTLM: [&str; 3] = ["ntlm", "bare-ntlm", "spnego"];

/// One proof, and what has to come of it.
struct Case {
    settings: Value,
    /// As `Lab::outcomes` has it.
    outcome: String,
}

impl Case {
    /// `result` is the package, or the status of a failure.
    fn new(lab: &Lab, connector: &str, mut settings: Value, result: &str) -> Self {
        settings["port"] = lab.daemon.address(connector).port().into();
        let mechanism = if settings["mechanism"] == "ntlm" { "Ntlm" } else { "Gssapi" };
        Self { settings, outcome: format!("{connector} {mechanism} {result}") }
    }

    /// The last reply, and whether the server hangs up.
    fn end(&self) -> (&str, bool) {
        let packages = ["NTLMv1", "NTLMv2", "NTLM2 session response", "Kerberos"];
        if packages.iter().any(|package| self.outcome.ends_with(package)) {
            (SUCCESSFUL, false)
        } else if self.settings["command"] == "AUTH" {
            (UNSUCCESSFUL, false)
        } else {
            (TEMPORARY, true)
        }
    }
}

/// What the client script says of each case. Without a realm no Kerberos is to be found.
pub fn play(cases: &[Value], realm: Option<[(&'static str, OsString); 2]>) -> Option<Vec<Value>> {
    let mut python = python()?;
    python.arg(sources().join("spnego_client.py")).env("KRB5_CONFIG", "/dev/null");
    let input = serde_json::to_vec(cases).unwrap();
    let done = run(python.envs(realm.into_iter().flatten()), &input);
    assert!(done.status.success(), "{}", done.stderr);
    Some(serde_json::from_str(&done.stdout).unwrap())
}

/// Plays the cases; each must end as it says, on the wire and in the log. False where the
/// client is missing.
fn check(lab: &Lab, cases: &[Case], realm: Option<[(&'static str, OsString); 2]>) -> bool {
    let settings: Vec<_> = cases.iter().map(|case| case.settings.clone()).collect();
    let Some(results) = play(&settings, realm) else { return false };
    let outcomes = lab.outcomes(cases.len());
    assert_eq!(outcomes.len(), cases.len());
    for ((case, result), outcome) in cases.iter().zip(results).zip(outcomes) {
        let settings = &case.settings;
        let (reply, closed) = case.end();
        let replies = result["replies"].as_array().unwrap_or_else(|| panic!("{result}"));
        assert_eq!(replies.last().unwrap(), reply, "{settings}: {result}");
        assert_eq!(result["closed"], closed, "{settings}: {result}");
        assert_eq!(outcome, case.outcome, "{settings}");
        let delivered = result["delivered"].as_str().unwrap_or_default();
        assert_eq!(delivered.starts_with("250 2.6.0 "), reply == SUCCESSFUL, "{settings}");
    }
    true
}

fn settings(command: &str, mechanism: &str) -> Value {
    json!({ "command": command, "mechanism": mechanism, "user": USER, "password": PASSWORD })
}

#[test]
fn the_password_decides() {
    let lab = Lab::start("");
    let mut cases = Vec::new();
    for command in COMMANDS {
        for mechanism in BY_NTLM {
            for tls in [None, VERBS[0], VERBS[1]] {
                for initial in [true, false] {
                    for (password, result) in [(PASSWORD, "NTLMv2"), ("wrong", "LogonDenied")] {
                        let mut settings = settings(command, mechanism);
                        settings["tls"] = tls.into();
                        settings["initial"] = initial.into();
                        settings["password"] = password.into();
                        cases.push(Case::new(&lab, "None", settings, result));
                    }
                }
            }
        }
    }
    check(&lab, &cases, None);
}

#[test]
fn a_user_may_be_named_in_any_form() {
    let lab = Lab::start("");
    let case = |user: &str, result: &str| {
        let mut settings = settings("AUTH", "ntlm");
        settings["user"] = user.into();
        Case::new(&lab, "None", settings, result)
    };
    let cases = [
        case("alice", "NTLMv2"),
        case("alice@contoso.test", "NTLMv2"),
        case(r"contoso\ALICE", "NTLMv2"),
        case(r"contoso.test\alice", "NTLMv2"),
        case(r"FABRIKAM\alice", "LogonDenied"),
        case("bob", "LogonDenied"),
    ];
    check(&lab, &cases, None);
}

#[test]
fn an_account_may_be_known_by_its_nt_hash_alone() {
    let carol = r#"
        [[account]]
        name = 'CONTOSO\carol'
        nt_hash = "FC525C9683E8FE067095BA2DDC971889"
        addresses = ["carol@contoso.test"]"#;
    let lab = Lab::start(carol);
    let case = |password: &str, result: &str| {
        let mut settings = settings("AUTH", "ntlm");
        settings["user"] = r"CONTOSO\carol".into();
        settings["sender"] = "carol@contoso.test".into();
        settings["password"] = password.into();
        Case::new(&lab, "None", settings, result)
    };
    check(&lab, &[case(PASSWORD, "NTLMv2"), case("wrong", "LogonDenied")], None);
}

/// What each policy makes of bindings in TLS, and in clear.
const JUDGEMENTS: [(&str, Option<&str>, bool); 12] = [
    ("None", Some("end-point"), true),
    ("None", Some("exporter"), true),
    ("None", Some("wrong"), true),
    ("None", None, true),
    ("Allow", Some("end-point"), true),
    ("Allow", Some("exporter"), true),
    ("Allow", Some("wrong"), false),
    ("Allow", None, true),
    ("Require", Some("end-point"), true),
    ("Require", Some("exporter"), true),
    ("Require", Some("wrong"), false),
    ("Require", None, false),
];
const IN_CLEAR: [(&str, Option<&str>, bool); 5] = [
    ("None", Some("wrong"), true),
    ("None", None, true),
    ("Allow", None, true),
    ("Require", Some("wrong"), false),
    ("Require", None, false),
];

/// Every policy, kind of bindings, command and mechanism.
fn judgements(lab: &Lab, mechanisms: &[&str], package: &str) -> Vec<Case> {
    let in_tls = VERBS.iter().flat_map(|tls| JUDGEMENTS.map(|judgement| (*tls, judgement)));
    let all = in_tls.chain(IN_CLEAR.map(|judgement| (None, judgement)));
    let mut cases = Vec::new();
    for (tls, (policy, bindings, good)) in all {
        for command in COMMANDS {
            for mechanism in mechanisms {
                let mut settings = settings(command, mechanism);
                settings["tls"] = tls.into();
                settings["bindings"] = bindings.into();
                let result = if good { package } else { "BadBindings" };
                cases.push(Case::new(lab, policy, settings, result));
            }
        }
    }
    cases
}

#[test]
fn each_policy_judges_the_channel_bindings_of_ntlm() {
    let lab = Lab::start("");
    check(&lab, &judgements(&lab, &BY_NTLM, "NTLMv2"), None);
}

/// A proof with bindings, in clear, where they are allowed.
fn bound_in_clear(lab: &Lab, mechanisms: &[&str], result: &str) -> Vec<Case> {
    let case = |(command, mechanism)| {
        let mut settings = settings(command, mechanism);
        settings["bindings"] = "wrong".into();
        Case::new(lab, "Allow", settings, result)
    };
    COMMANDS.iter().flat_map(|c| mechanisms.iter().map(|m| (*c, *m))).map(case).collect()
}

#[test]
fn bindings_of_ntlm_do_not_fit_a_session_in_clear() {
    let lab = Lab::start("");
    check(&lab, &bound_in_clear(&lab, &BY_NTLM, "BadBindings"), None);
}

#[test]
fn good_bindings_do_not_make_up_for_a_wrong_password() {
    let lab = Lab::start("");
    let case = |policy: &&str| {
        let mut settings = settings("AUTH", "ntlm");
        settings["tls"] = "STARTTLS".into();
        settings["bindings"] = "end-point".into();
        settings["password"] = "wrong".into();
        Case::new(&lab, policy, settings, "LogonDenied")
    };
    check(&lab, &POLICIES.iter().map(case).collect::<Vec<_>>(), None);
}

fn tampered(lab: &Lab, tamper: &str, result: &str) -> Vec<Case> {
    let case = |(command, mechanism): (&str, &str)| {
        let mut settings = settings(command, mechanism);
        settings["tamper"] = tamper.into();
        Case::new(lab, "None", settings, result)
    };
    [("AUTH", "ntlm"), ("X-EXPS", "ntlm"), ("AUTH", "bare-ntlm")].map(case).into()
}

#[test]
fn a_random_proof_is_refused_with_and_without_a_mic() {
    let lab = Lab::start("");
    let mut cases = tampered(&lab, "random_proof_without_mic", "LogonDenied");
    cases.extend(tampered(&lab, "random_proof", "LogonDenied"));
    check(&lab, &cases, None);
}

#[test]
fn a_mic_that_does_not_fit_is_refused() {
    let lab = Lab::start("");
    let mut cases = Vec::new();
    for tamper in ["other_mic", "empty_mic", "other_first_message"] {
        cases.extend(tampered(&lab, tamper, "MessageAltered"));
    }
    check(&lab, &cases, None);
}

/// By LmCompatibilityLevel of the client.
fn levels(lab: &Lab, results: [&str; 4]) -> Vec<Case> {
    let case = |(level, result): (usize, &&str)| {
        let mut settings = settings("AUTH", "ntlm");
        settings["level"] = level.into();
        Case::new(lab, "None", settings, result)
    };
    results.iter().enumerate().map(case).collect()
}

#[test]
fn ntlmv1_is_refused_under_v2() {
    for toml in ["", "[ntlm]\nminimum = \"v2\""] {
        let lab = Lab::start(toml);
        let cases = levels(&lab, ["LogonDenied", "LogonDenied", "LogonDenied", "NTLMv2"]);
        if check(&lab, &cases, None) {
            lab.daemon.wait_for_log("NTLMv1");
        }
    }
}

#[test]
fn ntlmv1_is_taken_under_v1() {
    let lab = Lab::start("[ntlm]\nminimum = \"v1\"");
    let session = "an NTLM2 session response";
    let mut cases = levels(&lab, ["NTLMv1", session, session, "NTLMv2"]);
    let mut wrong = levels(&lab, ["LogonDenied"; 4]);
    for case in &mut wrong {
        case.settings["password"] = "wrong".into();
    }
    cases.extend(wrong);
    check(&lab, &cases, None);
}

#[test]
fn a_first_message_without_the_ntlm2_flag_is_refused_at_once_where_the_flag_is_required() {
    let lab = Lab::start("[ntlm]\nrequire_ntlm2_flag = true");
    for (initial, expected) in [(true, 1), (false, 2)] {
        let mut settings = settings("AUTH", "ntlm");
        settings["initial"] = initial.into();
        settings["tamper"] = "no_ntlm2_flag".into();
        settings["port"] = lab.address().port().into();
        let Some(results) = play(&[settings], None) else { return };
        let replies = results[0]["replies"].as_array().unwrap();
        assert_eq!((replies.len(), &replies[expected - 1]), (expected, &json!(UNSUCCESSFUL)));
    }
    assert_eq!(lab.outcomes(2), ["None Ntlm LogonDenied"; 2]);
}

#[test]
fn with_the_flag_the_client_gets_in_where_it_is_required() {
    let lab = Lab::start("[ntlm]\nrequire_ntlm2_flag = true");
    check(&lab, &[Case::new(&lab, "None", settings("AUTH", "ntlm"), "NTLMv2")], None);
}

#[cfg(feature = "gssapi")]
mod kerberos {
    use super::*;
    use crate::lab::Domain;

    const BY_KERBEROS: [&str; 2] = ["bare-kerberos", "spnego"];

    /// The user as Kerberos names him; pyspnego asks the KDC itself.
    fn of_realm(mut cases: Vec<Case>) -> Vec<Case> {
        for case in &mut cases {
            case.settings["user"] = "alice@CONTOSO.TEST".into();
        }
        cases
    }

    #[test]
    fn a_password_gets_a_ticket_and_the_ticket_lets_in() {
        let Some(domain) = Domain::start("") else { return };
        let mut cases = Vec::new();
        for command in COMMANDS {
            for mechanism in BY_KERBEROS {
                for tls in [None, VERBS[0], VERBS[1]] {
                    for initial in [true, false] {
                        let mut settings = settings(command, mechanism);
                        settings["tls"] = tls.into();
                        settings["initial"] = initial.into();
                        cases.push(Case::new(&domain.lab, "None", settings, "Kerberos"));
                    }
                }
            }
        }
        check(&domain.lab, &of_realm(cases), Some(domain.environment()));
    }

    #[test]
    fn with_a_wrong_password_there_is_no_ticket() {
        let Some(domain) = Domain::start("") else { return };
        let mut settings = settings("AUTH", "bare-kerberos");
        settings["user"] = "alice@CONTOSO.TEST".into();
        settings["password"] = "wrong".into();
        settings["port"] = domain.lab.address().port().into();
        let Some(results) = play(&[settings], Some(domain.environment())) else { return };
        let reason = results[0]["client"].as_str().expect("the client gives up");
        let reasons = ["Password incorrect", "Decrypt integrity check failed"];
        assert!(reasons.iter().any(|known| reason.contains(known)), "{reason}");
    }

    /// The client turns to NTLM then.
    #[test]
    fn spnego_with_a_wrong_password_fails() {
        let Some(domain) = Domain::start("") else { return };
        let case = |command| {
            let mut settings = settings(command, "spnego");
            settings["password"] = "wrong".into();
            Case::new(&domain.lab, "None", settings, "LogonDenied")
        };
        let cases = of_realm(COMMANDS.map(case).into());
        check(&domain.lab, &cases, Some(domain.environment()));
    }

    #[test]
    fn a_key_that_the_server_does_not_have_fails() {
        let Some(domain) = Domain::start_without_key("") else { return };
        let case = |(command, mechanism): (&str, &str)| {
            let settings = settings(command, mechanism);
            Case::new(&domain.lab, "None", settings, "DecryptFailure")
        };
        let all = COMMANDS.iter().flat_map(|c| BY_KERBEROS.map(|m| (*c, m)));
        let cases = of_realm(all.map(case).collect());
        check(&domain.lab, &cases, Some(domain.environment()));
    }

    #[test]
    fn each_policy_judges_the_channel_bindings_of_kerberos() {
        let Some(domain) = Domain::start("") else { return };
        let cases = of_realm(judgements(&domain.lab, &BY_KERBEROS, "Kerberos"));
        check(&domain.lab, &cases, Some(domain.environment()));
    }

    #[test]
    fn bindings_of_kerberos_do_not_fit_a_session_in_clear() {
        let Some(domain) = Domain::start("") else { return };
        let cases = bound_in_clear(&domain.lab, &BY_KERBEROS, "BadBindings");
        check(&domain.lab, &of_realm(cases), Some(domain.environment()));
    }
}
