use proptest::prelude::*;
use serde_json::{Value, json};

use super::survey::{LIMITS, Limits};
use super::*;
use crate::config::Configuration;
use crate::scope::Scope;
use crate::scope::lint::Peer;

mod files;
mod peers;

const HEADER: &str = "\u{feff}#Software: Microsoft Exchange Server\r\n#Version: 15.0.0.0\r\n\
#Log-type: SMTP Receive Protocol Log\r\n#Date: 2026-11-22T09:00:00.000Z\r\n\
#Fields: date-time,connector-id,session-id,sequence-number,local-endpoint,remote-endpoint,event,data,context\r\n";

/// The rows of one session: `rest` is event, data and context of each, a second apart.
fn session(connector: &str, id: &str, remote: &str, rest: &[&str]) -> Vec<String> {
    let row = |(i, rest): (usize, &&str)| {
        format!("2026-11-22T09:00:{i:02}.000Z,{connector},{id},{i},10.0.0.5:25,{remote},{rest}\r\n")
    };
    rest.iter().enumerate().map(row).collect()
}

/// An application that relays: 2016 and 2019, with the reply to EHLO in one row.
fn relay(id: &str, remote: &str) -> Vec<String> {
    session(
        "EX01\\App relay",
        id,
        remote,
        &[
            "+,,",
            ">,\"220 ex01.contoso.test Microsoft ESMTP MAIL Service ready at Sun, 22 Nov 2026 09:00:00 +0000\",",
            "<,EHLO app01,",
            ">,250  ex01.contoso.test Hello [10.0.0.11] SIZE 37748736 PIPELINING STARTTLS CHUNKING,",
            "<,MAIL FROM:<app@contoso.test>,",
            "*,08DE2A0000000001;2026-11-22T09:00:00.000Z;1,receiving message",
            ">,250 2.1.0 Sender OK,",
            "<,RCPT TO:<ann@fabrikam.test>,",
            ">,250 2.1.5 Recipient OK,",
            "<,RCPT TO:<alice@contoso.test> NOTIFY=NEVER,",
            ">,250 2.1.5 Recipient OK,",
            "<,DATA,",
            ">,354 Start mail input; end with <CRLF>.<CRLF>,",
            "*,,Proxy destination(s) obtained from OnProxyInboundMessage event. Correlation Id:0",
            ">,\"250 2.6.0 <1@app01> [InternalId=1, Hostname=ex01.contoso.test] 11 bytes in 0.102, 109,173 KB/sec Queued mail for delivery\",",
            "<,QUIT,",
            ">,221 2.0.0 Service closing transmission channel,",
            "-,,Local",
        ],
    )
}

const HANDSHAKE: &str = "*,,\"TLS protocol SP_PROT_TLS1_2_SERVER negotiation succeeded using bulk \
encryption algorithm CALG_AES_128 with strength 128 bits, MAC hash algorithm CALG_SHA_256 with \
strength 0 bits and key exchange algorithm CALG_ECDH_EPHEM with strength 256 bits\"";

/// Somebody who guesses passwords behind STARTTLS: 2016 and 2019.
fn guesser(id: &str, remote: &str) -> Vec<String> {
    session(
        "EX01\\Default Frontend EX01",
        id,
        remote,
        &[
            "+,,",
            "<,EHLO [203.0.113.7],",
            ">,250  ex01.contoso.test Hello [203.0.113.7] SIZE STARTTLS X-ANONYMOUSTLS AUTH NTLM X-EXPS GSSAPI NTLM XRDST,",
            "<,STARTTLS,",
            ">,220 2.0.0 SMTP server ready,",
            "*, CN=EX01 CN=EX01 12 34 2020-01-17T15:15:33.000Z 2025-01-17T15:15:33.000Z EX01;ex01.contoso.test,Sending certificate Subject Issuer name Serial number Thumbprint Not before Not after Subject alternate names",
            HANDSHAKE,
            "<,EHLO [203.0.113.7],",
            "*,,Client certificate chain validation status: 'EmptyCertificate'",
            "*,,TlsDomainCapabilities='None'; Status='NoRemoteCertificate'",
            ">,250  ex01.contoso.test Hello [203.0.113.7] SIZE AUTH NTLM LOGIN X-EXPS GSSAPI NTLM XRDST,",
            "<,AUTH LOGIN,",
            ">,334 <authentication response>,",
            "*,,Inbound AUTH LOGIN failed because of LogonDenied",
            "*,,User Name: admin",
            "*,Tarpit for '0.00:00:05',",
            ">,535 5.7.3 Authentication unsuccessful,",
            "-,,Remote(ConnectionReset)",
        ],
    )
}

/// Another Exchange server: 2013, with a row for each line of a reply and each certificate field.
fn server(id: &str, remote: &str) -> Vec<String> {
    session(
        "EX01\\Default Frontend EX01",
        id,
        remote,
        &[
            "+,,",
            "*,SMTPSubmit SMTPAcceptAnySender AcceptRoutingHeaders,Set Session Permissions",
            "<,EHLO ex02.contoso.test,",
            ">,250-ex01.contoso.test Hello [10.0.0.12],",
            ">,250-X-ANONYMOUSTLS,",
            ">,250-X-EXPS GSSAPI NTLM,",
            ">,250 XRDST,",
            "<,X-ANONYMOUSTLS,",
            ">,220 2.0.0 SMTP server ready,",
            "*,,Sending certificate",
            "*,CN=EX01,Certificate subject",
            HANDSHAKE,
            "<,EHLO ex02.contoso.test,",
            ">,250-ex01.contoso.test Hello [10.0.0.12],",
            ">,250-X-EXPS EXCHANGEAUTH GSSAPI NTLM,",
            ">,250 X-EXCHANGEAUTH SHA256,",
            "<,X-EXPS EXCHANGEAUTH,",
            "*,SMTPSubmit SMTPAcceptAnyRecipient SMTPAcceptAnySender,Set Session Permissions",
            "*,CONTOSO\\EX02$,authenticated",
            ">,235 <authentication response>,",
            "<,QUIT,",
            ">,221 2.0.0 Service closing transmission channel,",
            "-,,Local",
        ],
    )
}

fn survey(text: &str) -> Survey {
    let mut survey = Survey::new(Filter::default(), Some(Configuration::default().directory));
    survey.read("RECV1.LOG", text.as_bytes()).unwrap();
    survey
}

fn report(survey: &mut Survey) -> Value {
    serde_json::to_value(survey.report(&[], None)).unwrap()
}

fn file(sessions: &[Vec<String>]) -> String {
    HEADER.to_owned() + &sessions.concat().concat()
}

#[test]
fn a_relay_is_counted_with_what_it_sent_outside() {
    let report = report(&mut survey(&file(&[relay("1", "10.0.0.11:4711")])));
    assert_eq!(report["connectors"][0]["connector"], "EX01\\App relay");
    let source = &report["connectors"][0]["sources"][0];
    assert_eq!(source["source"], "10.0.0.11");
    assert_eq!(source["sessions"], 1);
    assert_eq!(source["partial"], 0);
    assert_eq!(source["outcomes"]["delivered"], 1);
    assert_eq!(source["tls"], json!({"none": 1, "starttls": 0, "x_anonymoustls": 0, "unknown": 0}));
    assert_eq!((&source["messages"], &source["recipients"]), (&json!(1), &json!(2)));
    assert_eq!(source["outside"], json!({"anonymous": 1, "authenticated": 0, "unknown": 0}));
    assert_eq!(source["hellos"], json!({"app01": 1}));
    assert_eq!(source["ehlo_without_exchange"], 1);
    assert_eq!(source["last"], "2026-11-22T09:00:17.000Z");
    assert_eq!(report["connectors"][0]["failures"], json!([]));
}

#[test]
fn a_failed_log_on_carries_its_reason() {
    let report = report(&mut survey(&file(&[guesser("1", "203.0.113.7:56026")])));
    let source = &report["connectors"][0]["sources"][0];
    assert_eq!(source["tls"]["starttls"], 1);
    assert_eq!(source["ciphers"], json!({"TLS 1.2 AES_128": 1}));
    assert_eq!(source["mechanisms"], json!({"AUTH LOGIN": {"accepted": 0, "failed": 1}}));
    assert_eq!(source["outcomes"]["refused"], 1);
    assert_eq!(source["tarpits"], 1);
    assert_eq!((&source["clients"], &source["ehlo"]), (&json!(1), &json!(0)));
    let failures = report["connectors"][0]["failures"].as_array().unwrap();
    assert_eq!(failures.len(), 2);
    let refusal =
        "535 5.7.3 Authentication unsuccessful (Inbound AUTH LOGIN failed because of LogonDenied)";
    assert_eq!(failures[0]["text"], refusal);
    assert!(failures[0]["means"].as_str().unwrap().contains("password is wrong"));
    assert_eq!(failures[0]["sources"], json!({"203.0.113.7": 1}));
    assert_eq!(failures[1]["text"], "Remote(ConnectionReset)");
    assert_eq!(source["failed_identities"], json!({"admin": 1}));
    assert_eq!(report["connectors"][0]["failed_identities"], json!({"admin": 1}));
}

#[test]
fn another_server_is_known_by_its_log_on() {
    let report = report(&mut survey(&file(&[server("1", "10.0.0.12:4711")])));
    let source = &report["connectors"][0]["sources"][0];
    assert_eq!(source["tls"]["x_anonymoustls"], 1);
    assert_eq!(source["identities"], json!({"CONTOSO\\EX02$": 1}));
    assert_eq!(source["mechanisms"], json!({"X-EXPS EXCHANGEAUTH": {"accepted": 1, "failed": 0}}));
    assert_eq!((&source["ehlo"], &source["ehlo_without_exchange"]), (&json!(1), &json!(0)));
    assert_eq!(source["may_relay"], 0, "the rights are those of the server");
    assert_eq!(source["outcomes"]["idle"], 1);
}

#[test]
fn relaying_without_log_on_shows_in_the_permissions_of_older_versions() {
    let rows = ["+,,", "*,SMTPSubmit SMTPAcceptAnyRecipient,Set Session Permissions", "-,,Remote"];
    let report = report(&mut survey(&file(&[session("EX01\\a", "1", "10.0.0.11:1", &rows)])));
    assert_eq!(report["connectors"][0]["sources"][0]["may_relay"], 1);
}

/// A web page has eaten the asterisks, and the first rows are missing: the replies to pipelined
/// commands stand behind them.
#[test]
fn an_excerpt_of_pipelined_commands() {
    let rows = [
        ",SMTPSubmit SMTPAcceptAnySender,Set Session Permissions",
        ",08D892B7A9441226;2020-11-27T09:34:38.956Z;1,receiving message",
        "<,RCPT TO:<ann@fabrikam.test>,",
        ",Tarpit for '0.00:00:05',",
        ">,250 2.1.0 Sender OK,",
        ">,550 5.7.1 Unable to relay,",
        // Not for an error.
        ",Tarpit for '0.00:00:25.639' due to 'DelayedAck',",
        "<,QUIT,",
        "-,,Local",
    ];
    let rows = session("EX01\\a", "08D892B7A9441226", "40.107.19.96:1", &rows).concat();
    let report = report(&mut survey(&rows));
    let source = &report["connectors"][0]["sources"][0];
    assert_eq!((&source["partial"], &source["tarpits"]), (&json!(1), &json!(1)));
    assert_eq!((&source["recipients"], &source["recipients_refused"]), (&json!(0), &json!(1)));
    assert_eq!(source["tls"]["unknown"], 1, "STARTTLS may lie before the excerpt");
    assert_eq!(source["failures"], json!({"550 5.7.1 Unable to relay": 1}));
}

/// Addresses and session ids that were blanked before the log was shown.
#[test]
fn a_blanked_excerpt_in_clear() {
    let rows = [
        ">,250-STARTTLS,",
        ">,250-AUTH NTLM,",
        ">,250 CHUNKING,",
        "<,AUTH LOGIN,",
        "*,Tarpit for '0.00:00:05',",
        ">,504 5.7.4 Unrecognized authentication type,",
        "-,,Remote",
    ];
    let one = session("EX\\Default ", "0000000000000000", "91.112.61.94:55171", &rows);
    let two = session("EX\\Default ", "0000000000000000", "x.x.x.x:55172", &rows);
    let mixed: Vec<_> = one.into_iter().zip(two).flat_map(|(a, b)| [a, b]).collect();
    let report = report(&mut survey(&mixed.concat()));
    let sources = report["connectors"][0]["sources"].as_array().unwrap();
    assert_eq!(sources.len(), 2);
    for source in sources {
        assert_eq!(source["failures"], json!({"504 5.7.4 Unrecognized authentication type": 1}));
        assert_eq!(source["mechanisms"]["AUTH LOGIN"]["failed"], 1);
        assert_eq!(source["tls"]["none"], 1, "STARTTLS was offered, and not used");
    }
}

#[test]
fn what_fails_without_a_reply_is_counted_at_the_end() {
    let rows = [
        "+,,",
        "<,EHLO a,",
        ">,250  b Hello [c] STARTTLS,",
        "<,STARTTLS,",
        ">,220 2.0.0 SMTP server ready,",
        "*,,TLS negotiation failed with error SocketError",
        "-,,Local",
    ];
    let report = report(&mut survey(&file(&[session("EX01\\a", "1", "10.0.0.11:1", &rows)])));
    let source = &report["connectors"][0]["sources"][0];
    assert_eq!(source["tls"]["none"], 1);
    assert_eq!(source["failures"], json!({"TLS negotiation failed with error SocketError": 1}));
    assert_eq!(source["outcomes"]["refused"], 1);
}

#[test]
fn commands_of_nothing_but_x_are_a_firewalls() {
    let rows =
        ["+,,", "<,XXXXXXXXXXXXXX,", ">,500 5.3.3 Unrecognized command,", "<,QUIT,", "-,,Local"];
    let report = report(&mut survey(&file(&[session("EX01\\a", "1", "10.0.0.11:1", &rows)])));
    assert_eq!(report["connectors"][0]["sources"][0]["masked"], 1);
}

#[test]
fn messages_in_chunks_and_refused_messages() {
    let rows = [
        "+,,",
        "<,MAIL FROM:<>,",
        "<,RCPT TO:<a@contoso.test>,",
        "<,BDAT 10,",
        "<,BDAT 5 LAST,",
        ">,250 2.1.0 Sender OK,",
        ">,250 2.1.5 Recipient OK,",
        ">,\"250 2.6.0 CHUNK received OK, 10 octets\",",
        ">,552 5.3.4 Message size exceeds fixed maximum message size,",
        "<,MAIL FROM:<>,",
        ">,250 2.1.0 Sender OK,",
        "<,RCPT TO:<a@contoso.test>,",
        ">,250 2.1.5 Recipient OK,",
        "<,BDAT 5 LAST,",
        ">,250 2.6.0 <1@x> [InternalId=1] Queued mail for delivery,",
    ];
    let report = report(&mut survey(&file(&[session("EX01\\a", "1", "10.0.0.11:1", &rows)])));
    let source = &report["connectors"][0]["sources"][0];
    assert_eq!((&source["messages"], &source["recipients"]), (&json!(1), &json!(1)));
    assert_eq!(source["outcomes"]["delivered"], 1);
    assert_eq!(
        (&source["recipients_unsent"], &source["recipients_refused"]),
        (&json!(1), &json!(0))
    );
}

#[test]
fn a_session_goes_on_in_the_next_file() {
    let rows = relay("1", "10.0.0.11:4711");
    let whole = report(&mut survey(&file(std::slice::from_ref(&rows))));
    for at in 0..rows.len() {
        let mut survey = Survey::new(Filter::default(), Some(Configuration::default().directory));
        for part in [&rows[..at], &rows[at..]] {
            survey.read("RECV.LOG", file(&[part.to_vec()]).as_bytes()).unwrap();
        }
        assert_eq!(report(&mut survey)["connectors"], whole["connectors"], "{at}");
    }
}

/// The rows of one message outside, as an hourly file may begin with.
const MAIL: [&str; 7] = [
    "<,MAIL FROM:<a@contoso.test>,",
    ">,250 2.1.0 Sender OK,",
    "<,RCPT TO:<ann@fabrikam.test>,",
    ">,250 2.1.5 Recipient OK,",
    "<,DATA,",
    ">,354 Start mail input; end with <CRLF>.<CRLF>,",
    ">,250 2.6.0 <1@app01> [InternalId=1] Queued mail for delivery,",
];

#[test]
fn a_session_that_began_before_the_rows_is_not_taken_for_anonymous() {
    let of = |parts: &[&[&str]]| {
        let rows = session("EX01\\a", "1", "10.0.0.12:1", &parts.concat());
        let mut report = report(&mut survey(&file(&[rows])));
        report["connectors"][0]["sources"][0].take()
    };
    let outside = |anonymous: u32, authenticated: u32, unknown: u32| json!({"anonymous": anonymous, "authenticated": authenticated, "unknown": unknown});
    let source = of(&[&MAIL]);
    assert_eq!(source["outside"], outside(0, 0, 1));
    assert_eq!(source["tls"]["unknown"], 1);
    // Whoever logs on only now had not before.
    let logs_on = ["<,AUTH LOGIN,", ">,334 <authentication response>,", ">,235 2.7.0 OK,"];
    assert_eq!(of(&[&MAIL, &logs_on, &MAIL])["outside"], outside(1, 1, 0));
    let again = ["<,AUTH LOGIN,", ">,503 5.5.2 Auth command already specified,"];
    assert_eq!(of(&[&MAIL, &again])["outside"], outside(0, 0, 1));
    let starts = ["<,STARTTLS,", ">,220 2.0.0 SMTP server ready,", HANDSHAKE, "<,EHLO a,"];
    let source = of(&[&starts, &MAIL]);
    assert_eq!(source["outside"], outside(1, 0, 0));
    assert_eq!(source["tls"]["starttls"], 1);
    assert_eq!(of(&[&["+,,"], &MAIL])["outside"], outside(1, 0, 0));
}

#[test]
fn recipients_count_when_their_message_does() {
    for (end, unsent) in [
        (&["<,RSET,", ">,250 2.0.0 Resetting,", "<,QUIT,", ">,221 2.0.0 x,", "-,,Local"][..], 1),
        (&["<,EHLO b,", ">,250  b Hello [c],", "-,,Remote"], 1),
        (&["<,DATA,", ">,354 x,", ">,550 5.7.60 SMTP; send as,", "-,,Local"], 1),
        (&["-,,Remote(ConnectionReset)"], 1),
        (&MAIL[4..], 0),
    ] {
        let rows = [&["+,,"][..], &MAIL[..4], end].concat();
        let report = report(&mut survey(&file(&[session("EX01\\a", "1", "10.0.0.11:1", &rows)])));
        let source = &report["connectors"][0]["sources"][0];
        assert_eq!(source["recipients_unsent"], unsent, "{end:?}");
        assert_eq!(source["recipients"], 1 - unsent, "{end:?}");
        assert_eq!(source["outside"]["anonymous"], 1 - unsent, "{end:?}");
    }
}

#[test]
fn what_the_end_of_the_connection_cuts_short_is_lost_and_told() {
    for (rows, outcome, failure) in [
        (&["<,DATA,", ">,354 x,", "-,,Remote"][..], "dropped", "Remote during a message"),
        (
            &["<,BDAT 100,", "-,,Remote(ConnectionReset)"],
            "dropped",
            "Remote(ConnectionReset) during a message",
        ),
        (
            &["<,STARTTLS,", ">,220 2.0.0 SMTP server ready,", "-,,Remote"],
            "dropped",
            "Remote during the TLS handshake",
        ),
        (
            &[">,451 4.7.0 Timeout waiting for client input,", "-,,Local"],
            "idle",
            "451 4.7.0 Timeout waiting for client input",
        ),
    ] {
        let rows = [&["+,,"], rows].concat();
        let report = report(&mut survey(&file(&[session("EX01\\a", "1", "10.0.0.11:1", &rows)])));
        let source = &report["connectors"][0]["sources"][0];
        assert_eq!(source["outcomes"][outcome], 1, "{rows:?}");
        assert_eq!(source["failures"], json!({failure: 1}));
        assert!(report["connectors"][0]["failures"][0]["means"].is_string());
    }
}

#[test]
fn what_a_source_would_meet_today() {
    let toml = "[[ReceiveConnector]]\nName = \"Default Frontend EX01\"\nBindings = \"0.0.0.0:25\"\n\
                [[ReceiveConnector]]\nName = \"App relay\"\nBindings = \"0.0.0.0:25\"\nRemoteIPRanges = \"10.0.0.11\"\n";
    let configuration = Configuration::parse(toml, "x.toml").unwrap();
    let scope = Scope::new(configuration.connectors.clone());
    let today = Some(Today { server: &configuration.server, scope: &scope });
    let other = |id, remote| relay(id, remote).concat().replace("EX01\\", "EX09\\");
    let text =
        file(&[relay("1", "10.0.0.11:1"), relay("2", "10.0.0.14:1"), relay("3", "x.x.x.x:1")])
            + &other("4", "10.0.0.14:1");
    let mut survey = survey(&text);
    let report = survey.report(&[], today);
    let now = |connector: usize, source: &str| {
        let sources = &report.connectors[connector].sources;
        sources.iter().find(|s| s.source == source).unwrap().now.clone()
    };
    assert_eq!(now(0, "10.0.0.11"), Some(Now::Same));
    assert_eq!(now(0, "10.0.0.14"), Some(Now::Other("Default Frontend EX01")));
    assert_eq!(now(0, "x.x.x.x"), None, "no address to ask for");
    assert_eq!(now(1, "10.0.0.14"), None, "another server's connector");
}

#[test]
fn sources_are_seen_with_their_endpoint() {
    let survey = survey(&file(&[
        relay("1", "10.0.0.11:1"),
        relay("2", "10.0.0.11:2"),
        relay("3", "x.x.x.x:1"),
    ]));
    let seen: Vec<_> = survey.seen().collect();
    let expected = SeenSource {
        connector: "EX01\\App relay".to_owned(),
        local: "10.0.0.5:25".parse().unwrap(),
        source: "10.0.0.11".parse().unwrap(),
        sessions: 2,
    };
    assert_eq!(seen, [expected]);
}

proptest! {
    /// Whatever order the rows of several sessions come in, the figures are those of the
    /// sessions one after the other.
    #[test]
    fn sessions_may_be_interleaved(turns in prop::collection::vec(0usize..4, 200)) {
        let sessions = [
            relay("1", "10.0.0.11:1"),
            relay("2", "10.0.0.11:2"),
            guesser("3", "203.0.113.7:1"),
            server("4", "10.0.0.12:1"),
        ];
        let straight = file(&sessions);
        let mut rest = sessions.map(|rows| rows.into_iter());
        let mut mixed = HEADER.to_owned();
        for turn in turns.into_iter().chain([0, 1, 2, 3].into_iter().flat_map(|i| [i; 30])) {
            mixed.extend(rest[turn].next());
        }
        prop_assert_eq!(report(&mut survey(&mixed)), report(&mut survey(&straight)));
    }
}
