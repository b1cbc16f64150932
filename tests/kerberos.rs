//! X-EXPS GSSAPI against a real MIT realm: who is let in, and how each failure shows.

mod support;

use std::path::{Path, PathBuf};
use std::process::Command;

use expsd::lab::realm::{Credential, Key, Principal, Realm};
use support::{Client, Daemon, tool};

const SERVICE: &str = "SMTPSVC/ex01.contoso.test";

/// A realm, and a daemon with a keytab that the test chooses.
struct Lab {
    realm: Realm,
    daemon: Daemon,
    dir: tempfile::TempDir,
}

impl Lab {
    /// `None`, with a word why, where Kerberos is not installed.
    fn start(keytab: impl FnOnce(&Realm, &Path)) -> Option<Self> {
        for name in ["krb5kdc", "kadmin.local", "kdb5_util", "kinit"] {
            tool(name)?;
        }
        let dir = tempfile::tempdir().unwrap();
        let random = |name: &str| Principal { name: name.to_owned(), key: Key::Random };
        let password = |name: &str, password: &str| Principal::with_password(name, password);
        let principals = [
            password("alice", "Passw0rd!"),
            password("EX02$", "machine-secret"),
            password("stranger", "unknown"),
            random(SERVICE),
            random("SMTPSVC/other.contoso.test"),
        ];
        let realm = Realm::start(&dir.path().join("realm"), "CONTOSO.TEST", &principals).unwrap();
        let file = dir.path().join("ex01.keytab");
        keytab(&realm, &file);
        let toml = configuration(&file);
        let environment = realm.environment(&dir.path().join("unused"));
        let environment: Vec<_> =
            environment.iter().map(|(name, value)| (*name, value.to_str().unwrap())).collect();
        let daemon = Daemon::start_in(tempfile::tempdir().unwrap(), &toml, &[], &environment);
        Some(Self { realm, daemon, dir })
    }

    /// A ticket cache of `user`, with the service ticket in it.
    fn log_in(&self, user: &str, password: &str) -> PathBuf {
        let cache = self.dir.path().join(format!("{user}.cache"));
        self.realm.login(user, Credential::Password(password), &cache).unwrap();
        self.realm.service_ticket(SERVICE, &cache).unwrap();
        cache
    }

    /// What the example client says and hears, line by line.
    fn x_exps(&self, connector: &str, cache: &Path, more: &[&str]) -> Vec<String> {
        let output = Command::new(example("x_exps"))
            .arg(self.daemon.address(connector).to_string())
            .arg("SMTPSVC@ex01.contoso.test")
            .args(more)
            .envs(self.realm.environment(cache))
            .output()
            .unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        assert!(output.status.success(), "{text}{}", String::from_utf8_lossy(&output.stderr));
        text.lines().map(str::to_owned).collect()
    }
}

/// `cargo test` builds the examples beside the tests.
fn example(name: &str) -> PathBuf {
    let test = std::env::current_exe().unwrap();
    let example = test.parent().unwrap().parent().unwrap().join("examples").join(name);
    assert!(example.is_file(), "build it first: cargo build --example {name}");
    example
}

fn configuration(keytab: &Path) -> String {
    format!(
        r#"
        [[ReceiveConnector]]
        Name = "Default Frontend EX01"
        TransportRole = "FrontendTransport"
        Bindings = "127.0.0.1:0"
        AuthMechanism = "Tls, Integrated, BasicAuth, BasicAuthRequireTLS, ExchangeServer"
        PermissionGroups = "AnonymousUsers, ExchangeServers, ExchangeLegacyServers"
        AuthTarpitInterval = "00:00:00"

        [[account]]
        name = 'CONTOSO\alice'
        [[account]]
        name = 'CONTOSO\EX02$'
        member_of = ["Exchange Servers"]

        [kerberos]
        keytab = "{}"
        "#,
        keytab.display()
    )
}

const CONNECTOR: &str = "Default Frontend EX01";
const ACCEPTED: &str = "S: 235 2.7.0 Authentication successful";
const REFUSED: [&str; 1] = ["S: 454 4.7.0 Temporary authentication failure"];

fn good_keytab(realm: &Realm, file: &Path) {
    realm.keytab(file, &[SERVICE]).unwrap();
}

#[test]
fn a_machine_account_gets_the_rights_of_an_exchange_server() {
    let Some(lab) = Lab::start(good_keytab) else { return };
    let cache = lab.log_in("EX02$", "machine-secret");
    for form in [&[][..], &["spnego"]] {
        let dialogue = lab.x_exps(CONNECTOR, &cache, form);
        assert!(dialogue.contains(&ACCEPTED.to_owned()), "{dialogue:#?}");
    }
    let line = lab.daemon.wait_for_log("authenticated");
    assert!(line.contains(r"CONTOSO\EX02$"), "{line}");
    assert!(
        line.contains("SMTPAcceptAnyRecipient") && line.contains("AcceptOrganizationHeaders"),
        "{line}"
    );
}

#[test]
fn a_user_proves_himself_and_has_no_right_there() {
    let Some(lab) = Lab::start(good_keytab) else { return };
    let cache = lab.log_in("alice", "Passw0rd!");
    let dialogue = lab.x_exps(CONNECTOR, &cache, &[]);
    assert_eq!(
        dialogue.last().unwrap(),
        "S: 451 5.7.3 Cannot achieve Exchange Server authentication"
    );
    lab.daemon.wait_for_log("event=1020");
    let log = lab.daemon.log();
    assert!(log.contains(r"The account 'CONTOSO\alice' provided valid credentials, but it does not have submit permissions on SMTP Receive connector 'Default Frontend EX01'"), "{log}");
    assert!(log.contains("event=1018") && log.contains("event=1020"), "{log}");
}

/// Runs a proof that must fail; gives the reason that the log has.
fn fails(lab: &Lab, cache: &Path, form: &[&str], status: &str, reason: &str) {
    let dialogue = lab.x_exps(CONNECTOR, cache, form);
    assert_eq!(&dialogue[dialogue.len() - 1..], REFUSED, "{dialogue:#?}");
    let event = lab.daemon.wait_for_log("event=1035");
    assert!(
        event.contains(&format!(
            "Inbound authentication failed with error {status} for Receive connector Default \
             Frontend EX01. The authentication mechanism is Gssapi. The source IP address of the \
             client who tried to authenticate to Microsoft Exchange is [127.0.0.1]."
        )),
        "{event}"
    );
    lab.daemon.wait_for_log(reason);
}

/// One lab for each form of the token, so that each log tells of one failure.
fn fails_in_both_forms(
    keytab: impl Fn(&Realm, &Path),
    prepare: impl Fn(&Lab) -> PathBuf,
    status: &str,
    reason: &str,
) {
    for form in [&[][..], &["spnego"]] {
        let Some(lab) = Lab::start(&keytab) else { return };
        let cache = prepare(&lab);
        fails(&lab, &cache, form, status, reason);
    }
}

fn machine(lab: &Lab) -> PathBuf {
    lab.log_in("EX02$", "machine-secret")
}

#[test]
fn a_keytab_with_another_key_fails() {
    let wrong = |realm: &Realm, file: &Path| realm.wrong_keytab(file, &[SERVICE]).unwrap();
    fails_in_both_forms(
        wrong,
        machine,
        "DecryptFailure",
        "the keytab holds another key for this principal",
    );
}

#[test]
fn a_keytab_with_an_old_key_fails() {
    let old = |realm: &Realm, file: &Path| {
        realm.keytab(file, &[SERVICE]).unwrap();
        realm.rotate_key(SERVICE).unwrap();
    };
    fails_in_both_forms(
        old,
        machine,
        "DecryptFailure",
        "a key version that the keytab does not hold",
    );
}

#[test]
fn a_keytab_without_the_service_fails() {
    let other = |realm: &Realm, file: &Path| {
        realm.keytab(file, &["SMTPSVC/other.contoso.test"]).unwrap();
    };
    fails_in_both_forms(
        other,
        machine,
        "WrongPrincipal",
        "the keytab holds no key for the service",
    );
}

#[test]
fn a_skewed_clock_fails() {
    let skewed = |lab: &Lab| {
        let cache = machine(lab);
        Realm::skew_cache(&cache, 3600).unwrap();
        cache
    };
    fails_in_both_forms(
        good_keytab,
        skewed,
        "TimeSkew",
        "the clocks of client and server are further apart",
    );
}

#[test]
fn an_account_that_nobody_knows_fails() {
    let stranger = |lab: &Lab| lab.log_in("stranger", "unknown");
    fails_in_both_forms(
        good_keytab,
        stranger,
        "UnknownCredentials",
        "stranger@CONTOSO.TEST is no account of this server",
    );
}

#[test]
fn without_a_keytab_every_proof_fails() {
    let none = |_: &Realm, _: &Path| {};
    fails_in_both_forms(none, machine, "NoCredentials", "the server has no keytab");
}

#[test]
fn a_replay_fails() {
    let Some(lab) = Lab::start(good_keytab) else { return };
    let cache = machine(&lab);
    let dialogue = lab.x_exps(CONNECTOR, &cache, &[]);
    let token = dialogue.iter().find_map(|line| line.strip_prefix("C: YII")).unwrap();
    let mut client = Client::connect(lab.daemon.address(CONNECTOR));
    client.ehlo();
    assert_eq!(
        client.command(&format!("X-EXPS GSSAPI YII{token}")),
        "454 4.7.0 Temporary authentication failure"
    );
    assert!(client.is_closed());
    lab.daemon.wait_for_log("the same authenticator was seen before");
}

#[test]
fn garbage_fails_and_closes() {
    let Some(lab) = Lab::start(good_keytab) else { return };
    let cache = machine(&lab);
    let dialogue = lab.x_exps(CONNECTOR, &cache, &[]);
    let token = dialogue.iter().find_map(|line| line.strip_prefix("C: YII")).unwrap();
    let cut = &token[..token.len() / 2 / 4 * 4 + 1];
    for (garbage, status) in [
        ("Z2FyYmFnZQ==", "InvalidToken"),
        ("TlRMTVNTUAABAAAA", "InvalidToken"),
        (&format!("YII{cut}"), "InvalidToken"),
        ("!!!", "IllegalMessage"),
        ("=", "IllegalMessage"),
    ] {
        let mut client = Client::connect(lab.daemon.address(CONNECTOR));
        client.ehlo();
        assert_eq!(
            client.command(&format!("X-EXPS GSSAPI {garbage}")),
            "454 4.7.0 Temporary authentication failure",
            "{garbage}"
        );
        assert!(client.is_closed());
        lab.daemon.wait_for_log(&format!("failed with error {status}"));
    }
}
