//! Programs that people use: curl and nodemailer, which know NTLMv2, and swaks and msmtp, which
//! know NTLMv1 only.

use std::process::Command;

use crate::lab::{Lab, PASSWORD, USER};
use crate::packages::{node, sources};
use crate::support::{Finished, run, skip, tool};

const MESSAGE: &[u8] = b"Subject: by a program\r\n\r\nText.\r\n";
const REFUSED: &str = "535 5.7.3 Authentication unsuccessful";
const FROM: &str = "alice@contoso.test";
const TO: &str = "bob@fabrikam.test";

const V1: &str = "[ntlm]\nminimum = \"v1\"";

/// Sends a message by the daemon, with a password.
type Send = fn(&Lab, &str) -> Option<Finished>;

fn curl(lab: &Lab, password: &str) -> Option<Finished> {
    let mut curl = Command::new(tool("curl")?);
    curl.args(["--disable", "--silent", "--show-error", "--verbose", "--max-time", "20"])
        .args(["--ssl-reqd", "--insecure", "--login-options", "AUTH=NTLM"])
        .args(["--user", &format!("{USER}:{password}")])
        .arg(format!("smtp://127.0.0.1:{}/client.fabrikam.test", lab.port()))
        .args(["--mail-from", FROM, "--mail-rcpt", TO, "--upload-file", "-"]);
    Some(run(&mut curl, MESSAGE))
}

fn nodemailer(lab: &Lab, method: &str, password: &str) -> Option<Finished> {
    let mut node = node()?;
    node.arg(sources().join("nodemailer.js")).args([&lab.port(), method, "alice", password]);
    Some(run(&mut node, b""))
}

fn swaks(lab: &Lab, password: &str) -> Option<Finished> {
    let mut perl = Command::new(tool("perl")?);
    let module = run(perl.args(["-MAuthen::NTLM", "-e", "1"]), b"");
    if !module.status.success() {
        skip("no Authen::NTLM");
        return None;
    }
    let mut swaks = Command::new(tool("swaks")?);
    swaks
        .args(["--server", "127.0.0.1", "--port", &lab.port(), "--timeout", "20"])
        .args(["--from", FROM, "--to", TO, "--tls", "--auth", "NTLM"])
        .args(["--auth-user", "alice", "--auth-extra", "domain=CONTOSO"])
        .args(["--auth-password", password])
        .env("SWAKS_HOME", "/nonexistent");
    Some(run(&mut swaks, b""))
}

fn msmtp(lab: &Lab, password: &str) -> Option<Finished> {
    let mut msmtp = Command::new(tool("msmtp")?);
    msmtp
        .args(["--host=127.0.0.1", &format!("--port={}", lab.port()), "--timeout=20", "--debug"])
        .args(["--tls=on", "--tls-starttls=on", "--tls-certcheck=off", "--auth=ntlm"])
        .arg("--user=alice")
        .arg(format!("--passwordeval=echo '{password}'"))
        .args([&format!("--from={FROM}"), TO]);
    Some(run(&mut msmtp, MESSAGE))
}

/// The right password delivers, by `mechanism` and the package `package`; a wrong one does not.
fn the_password_decides(lab: &Lab, send: Send, mechanism: &str, package: &str) {
    let Some(good) = send(lab, PASSWORD) else { return };
    assert!(good.status.success(), "{good:#?}");
    let Some(bad) = send(lab, "wrong") else { return };
    assert!(!bad.status.success(), "{bad:#?}");
    let heard = [bad.stdout, bad.stderr].concat();
    assert!(heard.contains(REFUSED), "{heard}");
    let outcomes = [format!("None {mechanism} {package}"), format!("None {mechanism} LogonDenied")];
    assert_eq!(lab.outcomes(2), outcomes);
    assert_eq!(lab.senders(), [format!("{USER} by {mechanism}")]);
}

/// Even the right password does not help a program that knows NTLMv1 only.
fn is_refused(lab: &Lab, send: Send) {
    let Some(sent) = send(lab, PASSWORD) else { return };
    assert!(!sent.status.success(), "{sent:#?}");
    let heard = [sent.stdout, sent.stderr].concat();
    assert!(heard.contains(REFUSED), "{heard}");
    assert_eq!(lab.outcomes(1), ["None Ntlm LogonDenied"]);
    lab.daemon.wait_for_log("NTLMv1");
    assert!(lab.senders().is_empty());
}

#[test]
fn curl_logs_on() {
    the_password_decides(&Lab::start(""), curl, "Ntlm", "NTLMv2");
}

#[test]
fn nodemailer_logs_on() {
    let lab = Lab::start("");
    the_password_decides(&lab, |lab, password| nodemailer(lab, "NTLM", password), "Ntlm", "NTLMv2");
}

#[test]
fn nodemailer_logs_on_with_login() {
    let lab = Lab::start("");
    the_password_decides(
        &lab,
        |lab, password| nodemailer(lab, "LOGIN", password),
        "Login",
        "LOGIN",
    );
}

#[test]
fn swaks_is_refused_under_v2_and_logs_on_under_v1() {
    is_refused(&Lab::start(""), swaks);
    the_password_decides(&Lab::start(V1), swaks, "Ntlm", "NTLMv1");
}

#[test]
fn msmtp_is_refused_under_v2_and_logs_on_under_v1() {
    is_refused(&Lab::start(""), msmtp);
    the_password_decides(&Lab::start(V1), msmtp, "Ntlm", "NTLMv1");
}
