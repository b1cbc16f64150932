//! The command line: exit codes, formats, files.

use std::process::Command;

use super::*;
use support::{Daemon, Finished};

fn probe(arguments: &[&str]) -> Finished {
    let mut command = Command::new(env!("CARGO_BIN_EXE_expsd"));
    command
        .arg("probe")
        .args(arguments)
        .env("EXPSD_PASSWORD", "machine-secret")
        .env("KRB5CCNAME", "FILE:/nonexistent");
    support::run(&mut command, b"")
}

fn daemon() -> Daemon {
    let toml = format!(
        "[[ReceiveConnector]]\nName = \"{DEFAULT}\"\nTransportRole = \"FrontendTransport\"\nBindings \
         = \"127.0.0.1:0\"\nTarpitInterval = \"00:00:00\"\nAuthTarpitInterval = \
         \"00:00:00\"\n{USUAL}\n[[AcceptedDomain]]\nDomainName = \
         \"contoso.test\"\n[[account]]\nname = 'CONTOSO\\EX02$'\npassword = \
         \"machine-secret\"\nmember_of = [\"Exchange Servers\"]\n"
    );
    Daemon::start(&toml, &[])
}

#[test]
fn exit_codes_are_for_scripts() {
    let daemon = daemon();
    let at = daemon.address(DEFAULT).to_string();
    let server = [&at[..], "--user", "CONTOSO\\EX02$", "--rcpt-to", "a@contoso.test"];
    let good = probe(&server);
    assert_eq!(good.status.code(), Some(0), "{good:#?}");
    assert!(good.stdout.contains("outcome    accepted") && !good.stdout.contains('\x1b'));
    let refused = probe(&[&at, "--mechanism", "anonymous", "--rcpt-to", "a@fabrikam.test"]);
    assert_eq!(refused.status.code(), Some(1), "{refused:#?}");
    drop(daemon);
    assert_eq!(probe(&[&at]).status.code(), Some(2));
    for wrong in [
        &["ex01:99999"][..],
        &["ex01 x"],
        &[""],
        &["ex01", "--timeout", "0s"],
        &["ex01", "--mail-from", "a>\r\nRSET"],
        &["ex01", "--as", "a b"],
        &["ex01", "--send"],
        &["ex01", "--certificate", "/nonexistent"],
        &["ex01", "--mechanism", "login"],
        &["ex01", "--mechanism", "ntlm"],
        &["ex01", "--mechanism", "x-exps-ntlm"],
        &["ex01", "--expected-certificate", "Cargo.toml"],
        &["ex01", "--mechanism", "direct-trust", "--expected-certificate", "Cargo.toml"],
        &["fe80::1%"],
        &["ex01%eth0"],
    ] {
        let finished = probe(wrong);
        assert_eq!(finished.status.code(), Some(2), "{wrong:?}: {finished:#?}");
        assert!(finished.stdout.is_empty() && !finished.stderr.is_empty(), "{wrong:?}");
    }
}

/// A link-local address is reached by way of an interface (RFC 4007 §11).
#[test]
fn an_address_may_name_its_interface() {
    for target in ["[fe80::bad%lo]:2525", "fe80::bad%lo"] {
        let finished = probe(&[target, "--timeout", "500ms"]);
        assert!(finished.stdout.starts_with("fe80::bad%lo, port 25"), "{finished:#?}");
        assert!(finished.stderr.is_empty(), "{finished:#?}");
    }
}

/// Event 2018: the server's certificate is not the one that EdgeSync has published.
#[test]
fn a_server_that_is_not_the_one_expected() {
    use expsd::tls::{Certificate, KeyKind};
    let daemon = daemon();
    let at = daemon.address(DEFAULT).to_string();
    let file = daemon.dir().join("edge.pem");
    let names = ["edge01.contoso.test".to_owned()];
    let pem = Certificate::generate(&names, 30, KeyKind::Ec, std::time::SystemTime::now()).unwrap();
    std::fs::write(&file, pem).unwrap();
    let file = file.to_str().unwrap();
    let direct = ["--mechanism", "direct-trust", "--certificate", file];
    let finished = probe(&[&[&at[..]], &direct[..], &["--expected-certificate", file]].concat());
    assert_eq!(finished.status.code(), Some(1), "{finished:#?}");
    assert!(finished.stdout.contains("event      2018 Error"), "{finished:#?}");
    assert!(finished.stdout.contains("454 4.7.5 Certificate validation failure"), "{finished:#?}");
}

#[test]
fn json_is_one_report() {
    let daemon = daemon();
    let at = daemon.address(DEFAULT).to_string();
    let finished = probe(&[&at, "--user", "CONTOSO\\EX02$", "--format", "json"]);
    let report: serde_json::Value = serde_json::from_str(&finished.stdout).unwrap();
    assert_eq!(report["outcome"], "accepted");
    assert_eq!(report["authentication"]["command"], "X-EXPS NTLM");
    assert_eq!(report["hellos"][1]["tls"], "X-ANONYMOUSTLS");
    assert_eq!(report["peer"]["version"], "2019");
    assert!(!finished.stdout.contains("machine-secret"));
}

#[test]
fn what_is_written_can_be_served() {
    let daemon = daemon();
    let at = daemon.address(DEFAULT).to_string();
    let file = daemon.dir().join("like.toml");
    let finished = probe(&[&at, "--log", "--write-config", file.to_str().unwrap()]);
    assert_eq!(finished.status.code(), Some(0), "{finished:#?}");
    assert!(finished.stdout.contains("#Log-type: SMTP Send Protocol Log"));
    let toml = std::fs::read_to_string(&file).unwrap();
    drop(daemon);
    let like = Daemon::start(&toml, &["--listen", "127.0.0.1"]);
    let again = probe(&[&like.address("Like ex01.contoso.test").to_string()]);
    assert_eq!(again.status.code(), Some(0), "{again:#?}");
}

#[test]
fn a_message_is_delivered_when_asked_for() {
    let dir = tempfile::tempdir().unwrap();
    let mail = dir.path().join("mail");
    let toml = std::fs::read_to_string(daemon().dir().join("expsd.toml")).unwrap();
    let daemon = Daemon::start(&toml, &["--capture", mail.to_str().unwrap()]);
    let at = daemon.address(DEFAULT).to_string();
    let finished =
        probe(&[&at, "--user", "CONTOSO\\EX02$", "--rcpt-to", "a@contoso.test", "--send"]);
    assert!(finished.stdout.contains("outcome    delivered"), "{finished:#?}");
    let kept = support::kept(&mail);
    assert!(String::from_utf8_lossy(&kept[0].content).contains("Subject: Probe by expsd"));
}
