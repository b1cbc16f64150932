//! Each documented failure leaves a trace, rows and events, and they agree.

use std::path::Path;

use serde_json::Value;

use crate::support::{Client, Daemon, protocol_log, wait_until};

const SERVER: &str = r#"
    [[account]]
    name = 'CONTOSO\alice'
    password = "Passw0rd!"
    addresses = ["alice@contoso.test"]

    [[ReceiveConnector]]
    Name = "Open"
    TransportRole = "FrontendTransport"
    Bindings = "127.0.0.1:0"
    AuthMechanism = "Integrated, BasicAuth, ExchangeServer"
    PermissionGroups = "AnonymousUsers, ExchangeServers"
    ProtocolLoggingLevel = "Verbose"
    MaxLogonFailures = 1
    MaxProtocolErrors = 1
    MaxMessageSize = "100 B"
    MaxRecipientsPerMessage = 1
    TarpitInterval = "00:00:00"
    AuthTarpitInterval = "00:00:00"

    [[ReceiveConnector]]
    Name = "Relay"
    TransportRole = "FrontendTransport"
    Bindings = "127.0.0.1:0"
    AuthMechanism = "None"
    PermissionGroups = "ExchangeUsers"
    ProtocolLoggingLevel = "Verbose"
    TarpitInterval = "00:00:00"
    AuthTarpitInterval = "00:00:00"
"#;

struct Case {
    connector: &'static str,
    commands: &'static [&'static str],
    /// The reply to the last command.
    reply: &'static str,
    /// What the trace's reason holds.
    reason: &'static str,
    events: &'static [u64],
}

const CASES: [Case; 11] = [
    Case {
        connector: "Relay",
        commands: &["EHLO ex02.contoso.test", "X-EXPS GSSAPI"],
        reply: "451 5.7.3 Cannot achieve Exchange Server authentication",
        reason: "AuthMechanism has no ExchangeServer",
        events: &[],
    },
    Case {
        connector: "Relay",
        commands: &["EHLO ex02.contoso.test", "X-ANONYMOUSTLS"],
        reply: "451 5.7.3 Cannot achieve Exchange Server authentication",
        reason: "AuthMechanism has no ExchangeServer",
        events: &[],
    },
    Case {
        connector: "Open",
        commands: &["EHLO ex02.contoso.test", "X-EXPS NTLM", "bm90IE5UTE0="],
        reply: "454 4.7.0 Temporary authentication failure",
        reason: "NTLM",
        events: &[1035],
    },
    Case {
        connector: "Open",
        commands: &["EHLO app", "AUTH LOGIN", "YWxpY2U=", "d3Jvbmc="],
        reply: "535 5.7.3 Authentication unsuccessful",
        reason: "the password of",
        events: &[1035],
    },
    Case {
        connector: "Open",
        commands: &["EHLO app", "AUTH LOGIN", "YWxpY2U=", "UGFzc3cwcmQh"],
        reply: "535 5.7.3 Authentication unsuccessful",
        reason: "no permission group gives it ms-Exch-SMTP-Submit",
        events: &[1018, 1020],
    },
    Case {
        connector: "Relay",
        commands: &["EHLO app", "MAIL FROM:<app@fabrikam.test>"],
        reply: "530 5.7.57 SMTP; Client was not authenticated to send anonymous mail during MAIL FROM",
        reason: "no right ms-Exch-SMTP-Submit",
        events: &[1023],
    },
    Case {
        connector: "Open",
        commands: &["EHLO app", "MAIL FROM:<a@fabrikam.test>", "RCPT TO:<b@fabrikam.test>"],
        reply: "550 5.7.54 SMTP; Unable to relay recipient in non-accepted domain",
        reason: "no right ms-Exch-SMTP-Accept-Any-Recipient",
        events: &[],
    },
    Case {
        connector: "Open",
        commands: &["EHLO app", "MAIL FROM:<a@fabrikam.test> SIZE=101"],
        reply: "552 5.3.4 Message size exceeds fixed maximum message size",
        reason: "MaxMessageSize (100)",
        events: &[],
    },
    Case {
        connector: "Open",
        commands: &[
            "EHLO app",
            "MAIL FROM:<a@fabrikam.test>",
            "RCPT TO:<alice@contoso.test>",
            "RCPT TO:<bob@contoso.test>",
        ],
        reply: "452 4.5.3 Too many recipients",
        reason: "MaxRecipientsPerMessage (1)",
        events: &[],
    },
    Case {
        connector: "Open",
        commands: &["EHLO app", "AUTH CRAM-MD5"],
        reply: "504 5.7.4 Unrecognized authentication type",
        reason: "CRAM-MD5 is not offered here",
        events: &[],
    },
    Case {
        connector: "Open",
        commands: &["EHLO app", "DATA", "DATA"],
        reply: "421 4.7.0 Too many errors on this connection, closing transmission channel",
        reason: "MaxProtocolErrors",
        events: &[],
    },
];

#[test]
fn each_failure_leaves_a_trace_rows_and_events_that_agree() {
    let (daemon, journal) = super::start(SERVER);
    for (done, case) in CASES.iter().enumerate() {
        let at = format!("{}: {:?}", case.connector, case.commands);
        let mut client = Client::connect(daemon.address(case.connector));
        let replies: Vec<_> = case.commands.iter().map(|line| client.command(line)).collect();
        assert_eq!(replies.last().unwrap(), case.reply, "{at}");
        drop(client);

        let trace = wait_until(|| lines(&journal, "sessions").into_iter().nth(done));
        let session = trace["session"].as_str().unwrap();
        let steps = trace["steps"].as_array().unwrap();
        let refused = steps.iter().rev().find(|step| step["refusal"].is_object()).expect(&at);
        assert_eq!(refused["text"], case.reply, "{at}");
        let reason = refused["refusal"]["reason"].as_str().unwrap();
        assert!(reason.contains(case.reason), "{at}: {reason}");
        assert_eq!(trace["outcome"], "refused", "{at}");
        let connector = format!("EX01\\{}", case.connector);
        assert_eq!(trace["selection"]["connector"], connector, "{at}");

        let rows = wait_until(|| {
            let log = protocol_log(&journal);
            let own: Vec<_> = log.into_iter().filter(|row| row.contains(session)).collect();
            own.iter().any(|row| row.contains(",-,,")).then_some(own)
        });
        let code = case.reply.split_once("; ").map_or(case.reply, |(code, _)| code);
        let sent = rows.iter().any(|row| row.contains(",>,") && row.contains(code));
        assert!(sent && rows.iter().all(|row| row.contains(&connector)), "{at}: {rows:#?}");

        let ids = || {
            let events = lines(&journal, "events").into_iter();
            let own = events.filter(|event| event["session"] == session);
            own.map(|event| event["id"].as_u64().unwrap()).collect::<Vec<_>>()
        };
        wait_until(|| (ids() == case.events).then_some(()));
    }
}

pub fn lines(journal: &Path, name: &str) -> Vec<Value> {
    let text = std::fs::read_to_string(journal.join(format!("{name}.jsonl"))).unwrap_or_default();
    let whole = text.rfind('\n').map_or("", |end| &text[..end]);
    whole.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn a_trace_is_told_by_its_id_and_listed() {
    let (daemon, journal): (Daemon, _) = super::start(SERVER);
    let mut client = Client::connect(daemon.address("Relay"));
    client.ehlo();
    client.command("X-EXPS GSSAPI");
    drop(client);
    wait_until(|| lines(&journal, "sessions").pop());
    let expsd = |arguments: &[&str]| {
        let output = std::process::Command::new(env!("CARGO_BIN_EXE_expsd"))
            .args(["trace", "--journal"])
            .arg(&journal)
            .args(arguments)
            .output()
            .unwrap();
        (output.status.code(), String::from_utf8(output.stdout).unwrap())
    };
    let (_, listed) = expsd(&[]);
    let (id, rest) = listed.split_once("  ").unwrap();
    assert!(rest.contains("refused   127.0.0.1  EX01\\Relay"), "{listed}");
    for id in [id, &id[8..], "last"] {
        let (_, told) = expsd(&[id]);
        for line in [
            "  C: X-EXPS GSSAPI\n",
            "  S: 451 5.7.3 Cannot achieve Exchange Server authentication\n     Refused because X-EXPS:",
            "     On Exchange the sender's queue shows \"451 4.4.395 Target host responded with error.",
            "     To mend it: if the peer is an Exchange server that should not meet this connector,",
            "     no X-ANONYMOUSTLS, X-EXPS, X-EXCHANGEAUTH SHA256, XRDST: AuthMechanism has no \
             ExchangeServer\n",
        ] {
            assert!(told.contains(line), "{line}\n{told}");
        }
    }
    assert_eq!(expsd(&["nobody"]).0, Some(1));
}
