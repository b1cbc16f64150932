//! No file that the daemon writes holds a password, a token or a hash.

use std::fs;
use std::path::Path;
use std::process::Command;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::support::{Client, run, tool, wait_until};
use crate::{SERVER, front_end, start};

const PASSWORD: &str = "Passw0rd!";
const WRONG: &str = "wr0ng-Passw0rd";

/// The user name, which logs may tell.
const USER: &str = "CONTOSO\\alice";

fn encode(text: &str) -> String {
    STANDARD.encode(text)
}

fn plain(password: &str) -> String {
    encode(&format!("\0{USER}\0{password}"))
}

/// One session; its lines are sent one by one, whatever is answered.
fn say(client: &mut Client, lines: &[&str]) {
    client.ehlo();
    for line in lines {
        client.command(line);
    }
}

/// Every text below `folder`.
fn texts(folder: &Path) -> Vec<(String, String)> {
    let mut texts = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.display().to_string();
        if path.is_dir() {
            texts.extend(self::texts(&path));
        } else if !name.ends_with("expsd.toml") {
            texts.push((name, String::from_utf8_lossy(&fs::read(&path).unwrap()).into_owned()));
        }
    }
    texts
}

#[test]
fn nothing_that_a_client_proves_itself_with_is_written() {
    let accounts = format!("[[account]]\nname = '{USER}'\npassword = \"{PASSWORD}\"\n{SERVER}");
    let (daemon, journal) = start(&accounts);
    let (user, password, wrong) = (encode(USER), encode(PASSWORD), encode(WRONG));
    let (right_plain, wrong_plain) = (plain(PASSWORD), plain(WRONG));
    let ntlm = encode("NTLMSSP\0\x01\0\0\0 not a message of NTLM");
    let gssapi = encode("`not a token of GSSAPI");
    let with = |before: &str, secret: &str| format!("{before}{secret}");
    let sessions: Vec<Vec<String>> = vec![
        // Right, wrong, and in the wrong order.
        vec![with("AUTH LOGIN", ""), user.clone(), password.clone()],
        vec![with("AUTH LOGIN ", &user), wrong.clone()],
        vec![with("AUTH LOGIN", ""), password.clone(), user.clone()],
        // What belongs to another mechanism, or to none that is offered.
        vec![with("AUTH LOGIN ", &right_plain)],
        vec![with("AUTH LOGIN", ""), wrong_plain.clone()],
        vec![with("AUTH PLAIN ", &right_plain)],
        vec![with("AUTH PLAIN", ""), wrong_plain.clone()],
        vec![with("auth ", &right_plain)],
        vec![with("AUTH XOAUTH2 ", &encode("auth=Bearer Passw0rd!"))],
        vec![with("AUTH CRAM-MD5", ""), encode(&format!("{USER} {PASSWORD}"))],
        vec![with("AUTH NTLM ", &ntlm)],
        vec![with("X-EXPS NTLM", ""), ntlm.clone()],
        vec![with("X-EXPS GSSAPI ", &gssapi)],
        vec![with("X-EXPS EXCHANGEAUTH SHA256 ", &gssapi)],
        vec![with("AUTH\tLOGIN", ""), user, password.clone()],
        // At the wrong moment.
        vec![with("AUTH LOGIN ", "ZXZl"), wrong.clone(), wrong, password.clone()],
        vec![with("MAIL FROM:<a@b.test>", ""), with("AUTH PLAIN ", &right_plain)],
        vec![with("AUTH LOGIN", ""), with("*", ""), password, right_plain],
        vec![with("PASS ", PASSWORD), with("LOGIN alice ", PASSWORD), PASSWORD.to_owned()],
        vec![with("Authorization: Basic ", &encode(&format!("alice:{PASSWORD}")))],
    ];
    let count = sessions.len();
    for lines in &sessions {
        let lines: Vec<_> = lines.iter().map(String::as_str).collect();
        say(&mut front_end(&daemon), &lines);
    }
    let tokens = tokens_of_curl(daemon.address("Default Frontend EX01").port());
    let ended = || {
        let log = crate::protocol_log(&journal).concat();
        (log.matches(",-,,").count() >= count).then_some(log)
    };
    let log = wait_until(ended);
    for row in ["CONTOSO\\alice,authenticated", "<,AUTH PLAIN,", "<,PASS <not logged>,"] {
        assert!(log.contains(row), "{row}");
    }
    let mut secrets: Vec<String> =
        vec![PASSWORD.into(), WRONG.into(), ntlm, gssapi, encode("auth=Bearer Passw0rd!")];
    // The responses themselves, whatever stands before them.
    let spoken = sessions.concat();
    let words = spoken.iter().filter_map(|line| line.split([' ', '\t']).next_back());
    secrets.extend(
        words.filter(|word| STANDARD.decode(word).is_ok_and(|r| r.len() > 6)).map(str::to_owned),
    );
    secrets.extend(tokens);
    assert!(secrets.len() > 20, "{secrets:?}");
    for (name, text) in texts(daemon.dir()) {
        for secret in &secrets {
            let line = text.lines().find(|line| line.contains(secret.as_str()));
            assert_eq!(line, None, "{name} holds {secret:?}");
        }
    }
}

/// Logs on with NTLM; gives what curl has sent for it.
fn tokens_of_curl(port: u16) -> Vec<String> {
    let Some(curl) = tool("curl") else { return Vec::new() };
    let mut curl = Command::new(curl);
    curl.args(["-sv", "--login-options", "AUTH=NTLM", "--user", &format!("{USER}:{PASSWORD}")])
        .args(["--mail-from", "bob@fabrikam.test", "--mail-rcpt", "alice@contoso.test"])
        .args(["--upload-file", "-", &format!("smtp://127.0.0.1:{port}")]);
    let sent = run(&mut curl, b"Subject: x\r\n\r\nText.\r\n");
    assert!(sent.stderr.contains("< 235 "), "{}", sent.stderr);
    let said = sent.stderr.lines().filter_map(|line| line.strip_prefix("> "));
    let words = said.filter_map(|line| line.split(' ').next_back());
    let tokens: Vec<_> =
        words.filter(|word| word.starts_with("TlRMTVNTUAA")).map(str::to_owned).collect();
    assert_eq!(tokens.len(), 2, "{}", sent.stderr);
    tokens
}
