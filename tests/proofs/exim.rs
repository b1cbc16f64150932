//! Exim's driver `spa`, whose NTLM (version 1) was written by others: its client talks to our
//! server, and one client talks to its server and ours.

use std::net::TcpListener;
use std::os::fd::OwnedFd;
use std::process::Stdio;
use std::thread;

use serde_json::{Value, json};

use crate::lab::{Lab, PASSWORD, USER};
use crate::pyspnego::play;
use crate::support::exim::Exim;
use crate::support::{run, wait_until};

const V1: &str = "[ntlm]\nminimum = \"v1\"";

/// Sends a message by Exim's client; gives its log.
fn send(lab: &Lab, password: &str) -> Option<String> {
    let exim = Exim::new(&format!(
        "begin routers
         all:
           driver = manualroute
           route_list = * 127.0.0.1
           self = send
           transport = smtp
         begin transports
         smtp:
           driver = smtp
           port = {}
           allow_localhost
           hosts_avoid_tls = *
           hosts_require_auth = *
         begin authenticators
         spa:
           driver = spa
           public_name = NTLM
           client_username = alice
           client_domain = CONTOSO
           client_password = {password}",
        lab.port()
    ))?;
    let mut command = exim.command();
    command.args(["-odf", "-f", "alice@contoso.test", "bob@fabrikam.test"]);
    let done = run(&mut command, b"Subject: by Exim\n\nText.\n");
    assert!(done.status.success(), "{done:#?}");
    Some(exim.log())
}

#[test]
fn its_client_logs_on_under_v1() {
    let lab = Lab::start(V1);
    let Some(log) = send(&lab, PASSWORD) else { return };
    assert!(log.contains("A=spa") && log.contains("Queued mail for delivery"), "{log}");
    let Some(log) = send(&lab, "wrong") else { return };
    assert!(log.contains("535 5.7.3 Authentication unsuccessful"), "{log}");
    // It tries more than once.
    let outcomes = lab.outcomes(2);
    assert_eq!(outcomes[0], "None Ntlm NTLMv1");
    assert!(outcomes[1..].iter().all(|outcome| outcome == "None Ntlm LogonDenied"), "{outcomes:?}");
    assert_eq!(lab.senders(), [format!("{USER} by Ntlm")]);
}

#[test]
fn its_client_is_refused_under_v2() {
    let lab = Lab::start("");
    let Some(log) = send(&lab, PASSWORD) else { return };
    assert!(log.contains("535 5.7.3 Authentication unsuccessful"), "{log}");
    assert_eq!(lab.outcomes(1)[0], "None Ntlm LogonDenied");
    lab.daemon.wait_for_log("NTLMv1");
    assert!(lab.senders().is_empty());
}

/// What Exim's server says to the client script, on one connection.
fn exim_serves(case: &Value) -> Option<Value> {
    let exim = Exim::new(
        "queue_only
         acl_smtp_rcpt = accept
         begin authenticators
         spa:
           driver = spa
           public_name = NTLM
           server_password = ${if eqi{$auth1}{alice}{Passw0rd!}fail}
           server_set_id = $auth1",
    )?;
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut case = case.clone();
    case["port"] = listener.local_addr().unwrap().port().into();
    let server = thread::spawn(move || {
        let (stream, _) = listener.accept().unwrap();
        let [input, output] = [stream.try_clone().unwrap(), stream].map(OwnedFd::from);
        // As a service of inetd: it serves its standard input, and ends.
        let mut child = exim
            .command()
            .arg("-bs")
            .stdin(Stdio::from(input))
            .stdout(Stdio::from(output))
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        wait_until(|| child.try_wait().unwrap());
    });
    let results = play(&[case], None)?;
    server.join().unwrap();
    Some(results[0].clone())
}

/// The replies without what is random in them, or the server's own wording after the end.
fn shape(result: &Value) -> Vec<String> {
    let replies = result["replies"].as_array().unwrap_or_else(|| panic!("{result}"));
    let shape = |reply: &Value| {
        let reply = reply.as_str().unwrap();
        match reply.strip_prefix("334 TlRMTVNTUAACAAAA") {
            Some(_) => "334 (NTLM message 2)".to_owned(),
            None if reply.starts_with("334") => reply.to_owned(),
            None => reply[..3].to_owned(),
        }
    };
    replies.iter().map(shape).collect()
}

#[test]
fn one_client_has_the_same_dialogue_with_its_server_and_ours() {
    let lab = Lab::start(V1);
    for (initial, password) in
        [(false, PASSWORD), (false, "wrong"), (true, PASSWORD), (true, "wrong")]
    {
        let mut case = json!({
            "command": "AUTH", "mechanism": "ntlm", "level": 0,
            "user": USER, "password": password, "initial": initial,
        });
        let Some(theirs) = exim_serves(&case) else { return };
        case["port"] = lab.address().port().into();
        let Some(ours) = play(&[case], None) else { return };
        assert_eq!(shape(&theirs), shape(&ours[0]));
        let end = if password == PASSWORD { "235" } else { "535" };
        assert_eq!(shape(&theirs).last().unwrap(), end);
    }
}
