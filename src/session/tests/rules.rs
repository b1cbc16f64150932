//! What failure rules do to a session.

use super::*;
use crate::connector::default_set;
use crate::rules::{KEYWORDS, Rule};

/// Rules of every kind but those that delay.
pub(super) const SOME: &[&str] = &[
    "stage = 'ehlo'\nwithdraw = ['SIZE', 'AUTH', 'XRDST']\ntimes = 'every 2'",
    "stage = 'starttls'\naction = 'garble-tls'\ntimes = 'every 2'",
    "stage = 'auth'\nidentity = '*'\nreply = '451 4.7.0 Later'",
    "stage = 'x-exps'\ntruncate = 3\ntimes = 'every 3'",
    "stage = 'mail'\nreply = ['250-One', '250 Two']\ntimes = 'every 2'",
    "stage = 'rcpt'\nrecipient = 'a*'\nreply = '421 4.3.2 Gone'\nclose = false\ntimes = 'every 2'",
    "stage = 'data'\nreply = '451 4.3.0 Later'\ntimes = 'every 2'",
    "stage = 'end-of-data'\nheader = 'a: *b*'\naction = 'drop'",
    "stage = 'end-of-data'\ntruncate = 2\ntimes = 'every 2'",
    "stage = 'end-of-data'\nsender = '*@*'\nreply = '250 Lost'",
    "stage = 'quit'\nreply = '221 Bye'\nclose = false",
];

/// Adds rules, one for each text.
pub(super) fn add(bench: &Bench, rules: &[&str]) {
    for (i, text) in rules.iter().enumerate() {
        let rule: Rule = format!("name = '{i}'\n{text}").parse().unwrap();
        bench.session.host.rules.add(rule).unwrap();
    }
}

fn bench(rules: &[&str]) -> Bench {
    let bench = Bench::new(|c| c.auth_tarpit_interval = TimeSpan::from_secs(0));
    add(&bench, rules);
    bench
}

fn hits(bench: &Bench) -> Vec<u64> {
    bench.session.host.rules.list().iter().map(|counted| counted.hits).collect()
}

#[test]
fn a_reply_takes_the_place_of_the_command() {
    let mut bench = bench(&["stage = 'mail'\nreply = '250 2.1.0 So be it'\ntimes = 'first 1'"]);
    bench.say("EHLO a\n");
    assert_eq!(bench.say(MAIL), "250 2.1.0 So be it\n");
    assert!(matches!(bench.session.state, State::Ready), "MAIL was not carried out");
    assert_eq!(bench.say(MAIL), "250 2.1.0 Sender OK\n");
}

#[test]
fn a_rule_comes_before_what_the_server_thinks_of_the_command() {
    let mut bench = bench(&["stage = 'mail'\nreply = '452 4.3.1 Full'"]);
    assert_eq!(bench.say("MAIL FROM:<@>\n"), "452 4.3.1 Full\n", "no hello, no address");
    assert_eq!(bench.session.protocol_errors, 0);
}

#[test]
fn a_refusal_leaves_its_reason_and_every_other_action_too() {
    let mut bench = bench(&[
        "stage = 'mail'\nreply = '452 4.3.1 Full'\ntimes = 'first 1'",
        "stage = 'mail'\naction = 'drop'",
    ]);
    bench.say(&format!("EHLO a\n{MAIL}"));
    let notes = bench.session.take_notes();
    let [Note::Refused { reason, .. }] = &notes[..] else { panic!("{notes:?}") };
    assert_eq!(reason.to_string(), "rule \"0\"");
    assert!(matches!(bench.send(MAIL), Step::Break(Fault::Drop)));
    let notes = bench.session.take_notes();
    let [Note::Ruled { reason: Reason::Rule(name), .. }] = &notes[..] else { panic!("{notes:?}") };
    assert_eq!(name, "1");
}

#[test]
fn a_delay_holds_the_reply_and_ends_with_the_connection() {
    let mut bench =
        bench(&["stage = 'mail'\ndelay = '00:00:30'", "stage = 'quit'\ndelay = '1.00:00:00'"]);
    bench.say("EHLO a\n");
    let step = bench.send(MAIL);
    assert!(matches!(step, Step::Hold(until) if until == bench.start + Duration::from_secs(30)));
    bench.wait(30);
    assert_eq!(bench.say(""), "250 2.1.0 Sender OK\n");
    assert_eq!(
        bench.session.deadline(),
        bench.start + Duration::from_secs(330),
        "who waits is not idle"
    );
    let step = bench.send("QUIT\n");
    assert!(matches!(step, Step::Hold(until) if until == bench.start + Duration::from_secs(600)));
}

#[test]
fn the_longer_of_a_delay_and_the_tarpit_counts() {
    for (delay, until) in [("00:00:02", 5), ("00:00:09", 9)] {
        let mut bench = bench(&[&format!("stage = 'rcpt'\ndelay = '{delay}'")]);
        bench.say(&format!("EHLO a\n{MAIL}"));
        let step = bench.send("RCPT TO:<x@elsewhere.test>\n");
        let Step::Hold(held) = step else { panic!("{step:?}") };
        assert_eq!(held, bench.start + Duration::from_secs(until));
    }
}

#[test]
fn a_truncated_reply_is_the_last() {
    let mut bench = bench(&["stage = 'rcpt'\ntruncate = 5"]);
    bench.say(&format!("EHLO a\n{MAIL}"));
    assert!(matches!(bench.send(&format!("{RCPT}NOOP\n")), Step::Break(Fault::Drop)));
    assert_eq!(bench.output(), "250 2");
}

#[test]
fn an_acknowledgement_that_is_lost_leaves_the_message_kept() {
    let mut bench = bench(&["stage = 'end-of-data'\ntruncate = 0"]);
    bench.say(&format!("EHLO a\n{MAIL}{RCPT}DATA\n"));
    assert!(matches!(bench.send("Text.\n.\n"), Step::Keep(_)));
    let now = bench.now();
    bench.session.kept(&Receipt { internal_id: 1, guid: "g".into() }, now);
    assert!(matches!(bench.send(""), Step::Break(Fault::Drop)));
    assert_eq!(bench.output(), "");
}

#[test]
fn bdat_is_asked_about_once_a_message_and_when_its_octets_are_in() {
    let mut bench = bench(&[
        "stage = 'data'\nrecipient = 'alice@*'\nreply = '451 4.3.0 Not now'\ntimes = 'first 1'",
        "stage = 'end-of-data'\nsize_over = '5'\nheader = 'Subject: b*'\nreply = '554 5.6.0 No'",
    ]);
    bench.say(&format!("EHLO a\n{MAIL}{RCPT}"));
    assert_eq!(bench.say("BDAT 4\nQUITNOOP\n"), "451 4.3.0 Not now\n250 2.0.0 OK\n");
    bench.say(&format!("{MAIL}{RCPT}BDAT 10\nSubject: b"));
    assert_eq!(bench.say("BDAT 1 LAST\ncNOOP\n"), "554 5.6.0 No\n250 2.0.0 OK\n");
    assert_eq!(hits(&bench), [1, 1]);
}

#[test]
fn a_rule_with_an_identity_waits_for_the_proof() {
    let logon = "AUTH LOGIN YWxpY2U=\nUGFzc3cwcmQh\n";
    let mut bench = bench(&[
        "stage = 'auth'\nidentity = 'contoso\\bob'\naction = 'drop'",
        "stage = 'auth'\nidentity = 'contoso\\alice'\nmechanism = 'login'\npreset = 'prx5'\ntimes = 'first 1'",
        "stage = 'mail'\nidentity = 'contoso\\alice'\naction = 'stall'",
    ]);
    bench.say("EHLO a\n");
    let proxy =
        "334 UGFzc3dvcmQ6\n451 4.7.0 Temporary server error. Please try again later. PRX5\n";
    assert_eq!(bench.say(logon), proxy);
    assert!(!bench.session.is_authenticated());
    assert!(bench.say(logon).ends_with("235 2.7.0 Authentication successful\n"));
    assert!(matches!(bench.send("MAIL FROM:<a@b.test>\n"), Step::Break(Fault::Stall)));
    assert_eq!(hits(&bench), [0, 1, 1]);
}

#[test]
fn keywords_are_left_out_of_the_list_only_and_their_verbs_work() {
    let mut bench =
        bench(&["stage = 'ehlo'\nwithdraw = ['CHUNKING', 'smtputf8', 'SIZE']\ntimes = 'first 2'"]);
    assert!(matches!(bench.send("EHLO -\n"), Step::Hold(_)));
    bench.wait(5);
    assert_eq!(bench.say(""), "501 5.5.4 Invalid domain name\n");
    let shown = bench.say("EHLO a\n");
    for keyword in ["CHUNKING", "SMTPUTF8", "SIZE"] {
        assert!(!shown.contains(keyword), "{shown}");
    }
    assert!(shown.ends_with("\n250 BINARYMIME\n"), "{shown}");
    assert_eq!(
        bench.say(&format!("{MAIL}{RCPT}BDAT 1\nx")),
        "250 2.1.0 Sender OK\n250 2.1.5 Recipient OK\n250 2.6.0 CHUNK received OK, 1 octets\n"
    );
    assert!(matches!(bench.send("EHLO a\n"), Step::Hold(_)));
    bench.wait(5);
    assert!(bench.say("").ends_with("250-CHUNKING\n250 SMTPUTF8\n"));
}

#[test]
fn every_keyword_that_can_be_offered_can_be_withdrawn() {
    for version in [Version::E2007, Version::E2010, Version::E2013, Version::E2016, Version::E2019]
    {
        let server = Server { version, ..Server::default() };
        for connector in default_set(&server) {
            Offer::of(&server, &connector, true, None).every_keyword(|line, _| {
                let line = line.to_string();
                let keyword = line.split(' ').next().unwrap();
                assert!(KEYWORDS.contains(&keyword), "{keyword}");
            });
        }
    }
}
