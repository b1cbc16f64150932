//! Kerberos: tickets of a real realm, and each way in which they fail.

use std::path::{Path, PathBuf};
use std::process::Command;

use expsd::lab::realm::{Credential, Key, Principal, Realm};
use serde_json::Value;
use support::{Daemon, tool};

use super::*;

const SERVICE: &str = "SMTPSVC/ex01.contoso.test";

struct Lab {
    realm: Realm,
    daemon: Daemon,
    dir: tempfile::TempDir,
}

impl Lab {
    fn start(keytab: impl FnOnce(&Realm, &Path)) -> Option<Self> {
        for name in ["krb5kdc", "kadmin.local", "kdb5_util", "kinit", "kvno"] {
            tool(name)?;
        }
        let dir = tempfile::tempdir().unwrap();
        let random = |name: &str| Principal { name: name.to_owned(), key: Key::Random };
        let principals = [Principal::with_password("EX02$", "machine-secret"), random(SERVICE)];
        let realm = Realm::start(&dir.path().join("realm"), "CONTOSO.TEST", &principals).unwrap();
        let file = dir.path().join("ex01.keytab");
        keytab(&realm, &file);
        let toml = format!(
            "[[ReceiveConnector]]\nName = \"{DEFAULT}\"\nTransportRole = \
             \"FrontendTransport\"\nBindings = \"127.0.0.1:0\"\nEnableAuthGSSAPI = \
             true\nAuthTarpitInterval = \"00:00:00\"\n{USUAL}\n[[account]]\nname = \
             'CONTOSO\\EX02$'\nmember_of = [\"Exchange Servers\"]\n[kerberos]\nkeytab = \"{}\"\n",
            file.display()
        );
        let daemon = Daemon::start(&toml, &[]);
        Some(Self { realm, daemon, dir })
    }

    /// A ticket cache with a login, and with a ticket for the service where that is there.
    fn log_in(&self) -> PathBuf {
        let cache = self.dir.path().join("cache");
        self.realm.login("EX02$", Credential::Password("machine-secret"), &cache).unwrap();
        cache
    }

    fn probe(&self, cache: &Path, more: &[&str]) -> Value {
        let mut command = Command::new(env!("CARGO_BIN_EXE_expsd"));
        command
            .args(["probe", &self.daemon.address(DEFAULT).to_string(), "--format", "json"])
            .args(more)
            .envs(self.realm.environment(cache))
            .env("EXPSD_PASSWORD", "machine-secret");
        let finished = support::run(&mut command, b"");
        serde_json::from_str(&finished.stdout).unwrap_or_else(|_| panic!("{finished:#?}"))
    }

    /// Probes, and gives the first cause.
    fn fails(&self, cache: &Path, more: &[&str]) -> (Value, String) {
        let report = self.probe(cache, &[&["--mechanism", "x-exps-gssapi"], more].concat());
        assert_eq!(report["outcome"], "refused", "{report:#}");
        let error = report["last_error"].as_str().unwrap();
        assert!(error.ends_with(TEMPORARY), "{error}");
        let cause = report["causes"][0]["id"].as_str().unwrap_or_default().to_owned();
        (report, cause)
    }
}

fn good(realm: &Realm, file: &Path) {
    realm.keytab(file, &[SERVICE]).unwrap();
}

#[test]
fn a_ticket_proves_the_server() {
    let Some(lab) = Lab::start(good) else { return };
    let cache = lab.log_in();
    for more in [&[][..], &["--mechanism", "x-exps-gssapi"], &["--mechanism", "gssapi"]] {
        let report = lab.probe(&cache, more);
        if more.last() == Some(&"gssapi") {
            // The security layer is done; a machine has no right by AUTH on this connector.
            assert_ne!(report["authentication"]["outcome"], "failed", "{report:#}");
            continue;
        }
        assert_eq!(report["authentication"]["outcome"], "accepted", "{more:?} {report:#}");
        assert_eq!(report["authentication"]["identity"], "EX02$@CONTOSO.TEST");
        let kerberos = &report["kerberos"];
        assert_eq!(kerberos["services"][0]["ticket"], true);
        // Only SMTPSVC is in this realm.
        assert_eq!(kerberos["services"][1]["ticket"], false);
        assert_eq!(kerberos["kdcs"][0]["reachable"], true);
        assert!(kerberos["kdcs"][0]["ahead_s"].as_i64().unwrap().abs() < 5, "{kerberos}");
    }
    let password = ["--mechanism", "x-exps-gssapi", "--user", "CONTOSO\\EX02$"];
    let report = lab.probe(Path::new("/nonexistent"), &password);
    assert_eq!(report["outcome"], "accepted", "{report:#}");
}

#[test]
fn a_wrong_key() {
    let Some(lab) = Lab::start(|realm, file| realm.wrong_keytab(file, &[SERVICE]).unwrap()) else {
        return;
    };
    let (report, cause) = lab.fails(&lab.log_in(), &[]);
    assert_eq!(cause, "kerberos-wrong-key");
    assert_eq!(report["authentication"]["outcome"], "refused");
    assert_eq!(report["event"]["id"], 2003);
}

#[test]
fn a_name_that_the_kdc_does_not_know() {
    let Some(lab) = Lab::start(good) else { return };
    lab.realm.remove_principal(SERVICE).unwrap();
    let (report, cause) = lab.fails(&lab.log_in(), &[]);
    assert_eq!(cause, "kerberos-spn-unknown");
    assert_eq!(report["authentication"]["status"], "TargetUnknown");
    let event = report["event"]["text"].as_str().unwrap();
    assert!(
        event.starts_with(
            "Outbound authentication failed with error TargetUnknown for Send connector "
        ),
        "{event}"
    );
    assert!(event.ends_with("The target is SMTPSVC/ex01.contoso.test."), "{event}");
    // It never said so to the server.
    let dialogue = report["dialogue"].as_array().unwrap();
    assert!(dialogue.iter().all(|line| !line["text"].as_str().unwrap().starts_with("X-EXPS")));
}

/// KB 979174: the connector's FQDN is not the server's own, which its certificate has.
#[test]
fn another_name_on_the_connector() {
    let Some(lab) = Lab::start(good) else { return };
    let other = ["--server-name", "mail.contoso.test"];
    let (report, cause) = lab.fails(&lab.log_in(), &other);
    assert_eq!(cause, "connector-fqdn", "{report:#}");
    assert!(report["causes"][0]["next"].as_str().unwrap().contains("-Fqdn ex01.contoso.test"));
    let spn = &report["causes"][1];
    assert_eq!(spn["id"], "kerberos-spn-unknown");
    assert!(!spn["next"].as_str().unwrap().contains("setspn -S"), "{spn:#}");
}

#[test]
fn clocks_apart() {
    let Some(lab) = Lab::start(good) else { return };
    let cache = lab.log_in();
    lab.realm.service_ticket(SERVICE, &cache).unwrap();
    Realm::skew_cache(&cache, 3600).unwrap();
    let (report, cause) = lab.fails(&cache, &[]);
    assert_eq!(cause, "kerberos-clock-skew", "{report:#}");
    assert_eq!(report["kerberos"]["cache_ahead_s"], 3600);
}

#[test]
fn no_ticket_and_a_wrong_password() {
    let Some(lab) = Lab::start(good) else { return };
    let (report, cause) = lab.fails(Path::new("/nonexistent"), &[]);
    assert_eq!(cause, "kerberos-no-ticket", "{report:#}");
    // Where nobody asked for a proof in particular, the offer is all that counts.
    assert_eq!(lab.probe(Path::new("/nonexistent"), &[])["outcome"], "accepted");
    let file = lab.dir.path().join("password");
    std::fs::write(&file, "wrong\n").unwrap();
    let arguments = ["--user", "EX02$", "--password-file", file.to_str().unwrap()];
    let (report, cause) = lab.fails(Path::new("/nonexistent"), &arguments);
    assert_eq!(cause, "wrong-password", "{report:#}");
}

#[test]
fn a_kdc_that_is_not_there() {
    let Some(mut lab) = Lab::start(good) else { return };
    let cache = lab.log_in();
    // The login stays, the KDC goes: another takes the directory's configuration.
    let conf = lab.realm.krb5_conf().to_owned();
    let text = std::fs::read_to_string(&conf).unwrap();
    let dead = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    for (kdc, known, expected) in [
        (dead.to_string(), true, "kerberos-port-blocked"),
        ("dc01.nowhere.invalid:88".to_owned(), false, "kerberos-kdc-unknown"),
    ] {
        let text = text.replace(&lab.realm.kdc_address().to_string(), &kdc);
        std::fs::write(&conf, text).unwrap();
        let (report, cause) = lab.fails(&cache, &[]);
        assert_eq!(cause, expected, "{report:#}");
        assert_eq!(report["kerberos"]["kdcs"][0]["reachable"], false);
        assert_eq!(report["kerberos"]["kdcs"][0]["known"], known);
    }
    assert!(lab.realm.kdc_ended().is_none());
}
