use std::io::Read;

use proptest::prelude::*;
use serde_json::{Value, json};

use super::survey::{LIMITS, Limits};
use super::*;
use crate::config::Configuration;
use crate::scope::Scope;

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
    assert_eq!(source["tls"], json!({"none": 1, "starttls": 0, "x_anonymoustls": 0}));
    assert_eq!((&source["messages"], &source["recipients"]), (&json!(1), &json!(2)));
    assert_eq!(source["outside"], json!({"anonymous": 1, "authenticated": 0}));
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
    assert_eq!((&source["ehlo"], &source["ehlo_without_exchange"]), (&json!(2), &json!(0)));
    let failures = report["connectors"][0]["failures"].as_array().unwrap();
    assert_eq!(failures.len(), 2);
    let refusal =
        "535 5.7.3 Authentication unsuccessful (Inbound AUTH LOGIN failed because of LogonDenied)";
    assert_eq!(failures[0]["text"], refusal);
    assert!(failures[0]["means"].as_str().unwrap().contains("password is wrong"));
    assert_eq!(failures[0]["sources"], json!({"203.0.113.7": 1}));
    assert_eq!(failures[1]["text"], "Remote(ConnectionReset)");
    assert!(!report.to_string().contains("admin"), "who tried is not the report's business");
}

#[test]
fn another_server_is_known_by_its_log_on() {
    let report = report(&mut survey(&file(&[server("1", "10.0.0.12:4711")])));
    let source = &report["connectors"][0]["sources"][0];
    assert_eq!(source["tls"]["x_anonymoustls"], 1);
    assert_eq!(source["identities"], json!({"CONTOSO\\EX02$": 1}));
    assert_eq!(source["mechanisms"], json!({"X-EXPS EXCHANGEAUTH": {"accepted": 1, "failed": 0}}));
    assert_eq!((&source["ehlo"], &source["ehlo_without_exchange"]), (&json!(2), &json!(0)));
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
        "<,QUIT,",
        "-,,Local",
    ];
    let rows = session("EX01\\a", "08D892B7A9441226", "40.107.19.96:1", &rows).concat();
    let report = report(&mut survey(&rows));
    let source = &report["connectors"][0]["sources"][0];
    assert_eq!((&source["partial"], &source["tarpits"]), (&json!(1), &json!(1)));
    assert_eq!((&source["recipients"], &source["recipients_refused"]), (&json!(0), &json!(1)));
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
        "<,BDAT 5 LAST,",
        ">,250 2.6.0 <1@x> [InternalId=1] Queued mail for delivery,",
    ];
    let report = report(&mut survey(&file(&[session("EX01\\a", "1", "10.0.0.11:1", &rows)])));
    let source = &report["connectors"][0]["sources"][0];
    assert_eq!((&source["messages"], &source["recipients"]), (&json!(1), &json!(1)));
    assert_eq!(source["outcomes"]["delivered"], 1);
    assert_eq!(source["recipients_refused"], 0);
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

#[test]
fn headers_may_come_again_and_change_the_columns() {
    let text = format!(
        "{HEADER}#Fields: event,data,date-time,session-id,remote-endpoint\n\
         +,,2026-11-22T09:00:00.000Z,1,10.0.0.11:1\n\
         <,EHLO a,2026-11-22T09:00:00.000Z,1,10.0.0.11:1\n{HEADER}\
         2026-11-22T09:00:02.000Z,EX01\\a,2,0,10.0.0.5:25,[fe80::1%11]:1,+,,\n\
         #Fields: date-time,data\n\
         2026-11-22T09:00:02.000Z,x\n"
    );
    let report = report(&mut survey(&text));
    assert_eq!(report["rows"], 3);
    assert_eq!(report["connectors"][0]["connector"], "");
    assert_eq!(report["connectors"][0]["sources"][0]["hellos"], json!({"a": 1}));
    assert_eq!(report["connectors"][1]["sources"][0]["source"], "fe80::1%11");
    let unread = &report["unreadable"]["first"][0];
    assert_eq!(unread["line"], 16);
    assert_eq!(unread["problem"], "the #Fields line above it has no event");
}

#[test]
fn rows_that_cannot_be_read_are_counted_and_shown_and_cost_no_others() {
    let mut rows = relay("1", "10.0.0.11:4711");
    rows[2] = rows[2].replace("EHLO app01", "\"EHLO app01");
    rows.insert(6, "what is this\r\n".to_owned());
    rows.insert(9, "2026-11-22T09:00:08.000Z,EX01\\App relay,1\r\n".to_owned());
    let mut survey = survey(&file(&[rows]));
    let report = report(&mut survey);
    let shown: Vec<_> = report["unreadable"]["first"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| format!("{} {}", row["line"], row["problem"]))
        .collect();
    assert_eq!(
        shown,
        [
            "8 \"a quote opens and does not close\"",
            "12 \"it does not begin with a date and a time\"",
            "15 \"it has 3 fields instead of 9\"",
        ]
    );
    assert_eq!(report["rows"], 17);
    assert_eq!(report["connectors"][0]["sources"][0]["messages"], 1);
}

#[test]
fn a_quoted_field_may_hold_line_ends() {
    let rows = ["+,,", "<,\"EHLO a\r\nb\",", "<,QUIT,"];
    let report = report(&mut survey(&file(&[session("EX01\\a", "1", "10.0.0.11:1", &rows)])));
    assert_eq!(report["unreadable"]["rows"], 0);
    assert_eq!(report["rows"], 3);
}

#[test]
fn a_log_of_what_was_sent_is_told_from_one_of_what_was_received() {
    let text = file(&[relay("1", "10.0.0.11:4711")]).replace("SMTP Receive", "SMTP Send");
    let mut survey = survey(&text);
    assert!(survey.is_empty());
    let report = report(&mut survey);
    assert_eq!(
        report["unreadable"]["first"][0]["problem"],
        "it belongs to a log of what the server sent, not of what it received"
    );
}

#[test]
fn time_and_connector_narrow_the_rows() {
    let text = file(&[relay("1", "10.0.0.11:4711"), guesser("2", "203.0.113.7:1")]);
    let read = |filter: Filter| {
        let mut survey = Survey::new(filter, None);
        survey.read("RECV1.LOG", text.as_bytes()).unwrap();
        report(&mut survey)["rows"].as_u64().unwrap()
    };
    let period = |text: &str| text.parse::<Period>().unwrap();
    let connector = |name: &str| Filter { connector: Some(name.to_owned()), ..Filter::default() };
    assert_eq!(read(connector("app RELAY")), 18);
    assert_eq!(read(connector("EX01\\App relay")), 18);
    assert_eq!(read(connector("EX02\\App relay")), 0);
    let since = Some(period("2026-11-22T09:00:16").first);
    assert_eq!(read(Filter { since, ..Filter::default() }), 4);
    let until = Some(period("2026-11-22T09:00:01").last);
    assert_eq!(read(Filter { until, ..Filter::default() }), 4);
    let until = Some(period("2026-11-22").last);
    assert_eq!(read(Filter { until, ..Filter::default() }), 36);
}

#[test]
fn peers_on_a_connector_without_exchange_authentication_are_found() {
    let hello =
        ["+,,", "<,EHLO ex02.contoso.test,", ">,250  ex01 Hello [a] SIZE STARTTLS,", "-,,Local"];
    let lost = session("EX01\\App relay", "2", "10.0.0.12:2", &hello);
    let mut survey = survey(&file(&[server("1", "10.0.0.12:1"), lost]));
    let peers = ["10.0.0.12", "10.0.0.13"]
        .map(|address| Peer { name: "EX02".to_owned(), address: address.parse().unwrap() });
    let found = |survey: &mut Survey, peers: &[Peer]| -> Vec<String> {
        let report = survey.report(peers, None);
        let line = |peer: &PeerReport<'_>| {
            let connector = peer.connector.as_deref().unwrap_or("none");
            let of = format!("{} of {}", peer.ehlo_without_exchange, peer.ehlo);
            format!("{:?} {} {connector} {of}", peer.name, peer.address)
        };
        report.peers.iter().map(line).collect()
    };
    assert_eq!(
        found(&mut survey, &peers),
        [
            "Some(\"EX02\") 10.0.0.12 EX01\\App relay 1 of 1",
            "Some(\"EX02\") 10.0.0.12 EX01\\Default Frontend EX01 0 of 2",
            "Some(\"EX02\") 10.0.0.13 none 0 of 0",
        ]
    );
    assert_eq!(
        found(&mut survey, &[]),
        ["None 10.0.0.12 EX01\\App relay 1 of 1"],
        "a server gives itself away by what it did elsewhere"
    );
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

#[test]
fn limits_hold_and_are_told() {
    let limits = Limits { sources: 3, sessions: 4, ..LIMITS };
    let mut survey = Survey::with_limits(Filter::default(), None, limits);
    let sessions: Vec<_> = (0..20)
        .map(|i| {
            let mut rows = relay(&i.to_string(), &format!("10.0.1.{i}:1"));
            rows.truncate(3);
            rows
        })
        .collect();
    survey.read("RECV1.LOG", file(&sessions).as_bytes()).unwrap();
    let report = report(&mut survey);
    let sources = report["connectors"][0]["sources"].as_array().unwrap();
    assert_eq!(sources.len(), 4);
    assert_eq!(sources[0]["source"], "(others)");
    assert_eq!(sources[0]["sessions"], 17);
    assert_eq!(report["connectors"][0]["totals"]["sessions"], 20);
    assert_eq!(report["connectors"][0]["totals"]["outcomes"]["unfinished"], 20);
    assert_eq!(
        report["limits_reached"],
        json!(["more than 3 sources: the others are counted as (others)"])
    );
}

/// Gives its text in reads of `step` octets.
struct Drip<'a>(&'a [u8], usize);

impl Read for Drip<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let step = self.1.min(buffer.len());
        self.0.by_ref().take(step as u64).read(buffer)
    }
}

#[test]
fn reads_and_blocks_of_any_size_give_the_same() {
    let mut text = file(&[
        relay("1", "10.0.0.11:1"),
        guesser("2", "203.0.113.7:1"),
        server("3", "10.0.0.12:1"),
    ]);
    text.insert(text.len() / 2, '"');
    let whole = report(&mut survey(&text));
    for (step, block) in [(1, 600), (7, 700), (599, 601), (10_000, 640)] {
        let limits = Limits { block, ..LIMITS };
        let directory = Some(Configuration::default().directory);
        let mut survey = Survey::with_limits(Filter::default(), directory, limits);
        survey.read("RECV1.LOG", Drip(text.as_bytes(), step)).unwrap();
        assert_eq!(report(&mut survey), whole, "{step} {block}");
    }
}

#[test]
fn a_file_may_end_anywhere() {
    let text = file(&[relay("1", "10.0.0.11:1"), server("3", "10.0.0.12:1")]);
    let limits = Limits { block: 4096, ..LIMITS };
    for end in 0..text.len() {
        let mut survey = Survey::with_limits(Filter::default(), None, limits);
        let facts = survey.read("RECV1.LOG", &text.as_bytes()[..end]).unwrap();
        assert!(facts.unreadable <= 1, "{end}");
        report(&mut survey);
    }
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

    /// Octets changed anywhere cost no panic, and how the file is read does not matter.
    #[test]
    fn broken_files_are_read_alike_in_reads_of_any_size(
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..20),
        step in 1usize..700,
    ) {
        let mut bytes = file(&[guesser("1", "203.0.113.7:1"), relay("2", "10.0.0.11:1")]).into_bytes();
        for (at, byte) in changes {
            let at = at.index(bytes.len());
            // More line ends and quotes than chance would bring.
            bytes[at] = match byte { 0..32 => b'\n', 32..64 => b'"', 64..96 => b',', other => other };
        }
        let limits = Limits { block: 1024, ..LIMITS };
        let read = |step: usize| {
            let directory = Some(Configuration::default().directory);
            let mut survey = Survey::with_limits(Filter::default(), directory, limits);
            survey.read("RECV1.LOG", Drip(&bytes, step)).unwrap();
            report(&mut survey)
        };
        prop_assert_eq!(read(bytes.len()), read(step));
    }
}
