//! Reading rules, and asking many of them.

use proptest::prelude::*;

use super::*;
use crate::smtp::reply;

fn rule(text: &str) -> Rule {
    text.parse().unwrap_or_else(|error| panic!("{text}: {error}"))
}

/// What is wrong with a rule, key by key.
fn wrong(text: &str) -> String {
    let spec: Spec = toml::from_str(text).unwrap();
    Rule::try_from(spec).unwrap_err().to_string()
}

fn facts() -> Facts<'static> {
    Facts {
        connector: "Default Frontend EX01",
        remote: "192.0.2.10".parse().unwrap(),
        identity: Some("anonymous".into()),
        sender: Some("a@fabrikam.test".into()),
        recipients: Vec::new(),
        size: None,
        mechanism: None,
        content: None,
    }
}

fn from(sender: &'static str) -> Facts<'static> {
    Facts { sender: Some(sender.into()), ..facts() }
}

fn bites(rules: &Rules, facts: Facts<'_>) -> Option<String> {
    rules.consult(Stage::Mail, || facts).map(|rule| rule.name().to_owned())
}

#[test]
fn a_rule_is_read_with_all_its_keys() {
    let text = r#"
        name = "first mail is deferred"
        stage = "end-of-data"
        connector = "Default*"
        remote = "10.0.0.0/24"
        identity = 'CONTOSO\alice'
        sender = "*@fabrikam.test"
        recipient = "bob@contoso.test"
        header = "Subject: *invoice*"
        size_over = "10 MB"
        delay = "00:00:02"
        reply = ["451-4.3.0 First", "451 4.3.0 last"]
        close = true
        truncate = 7
        times = "first 1"
    "#;
    let rule = rule(text);
    assert_eq!(rule.stage(), Stage::EndOfData);
    assert_eq!(
        rule.then().to_string(),
        "delay 00:00:02, reply 451-4.3.0 First\n451 4.3.0 last, close, truncate 7"
    );
    let json = serde_json::to_value(&rule).unwrap();
    assert_eq!(json["size_over"], "10 MB");
    assert!(json.get("mechanism").is_none());
    assert_eq!(serde_json::from_value::<Rule>(json).unwrap(), rule);
}

#[test]
fn what_is_wrong_with_a_rule_is_told_at_once() {
    for (text, expected) in [
        (
            "",
            "name: expected 1 to 100 characters, none of them a control character; \
              stage: expected one of connect, ehlo, starttls, x-anonymoustls, auth, x-exps, mail, rcpt, data, end-of-data, quit; \
              action: a rule needs one of preset, reply, action, withdraw, delay and truncate",
        ),
        (
            "name = 'a'\nstage = 'MAIL'\naction = 'explode'\ntimes = 'never'\nremote = 'x'\nsize_over = '-1'\ndelay = '5'",
            "stage: expected one of connect, ehlo, starttls, x-anonymoustls, auth, x-exps, mail, rcpt, data, end-of-data, quit; \
          remote: expected an address (10.0.0.7), a range from low to high (10.0.0.10-10.0.0.20) or CIDR (10.0.0.0/24); \
          size_over: expected a size such as \"36 MB\", \"256 KB\" or a number of bytes; \
          delay: expected a time span over 00:00:00, up to a day (1.00:00:00); \
          action: expected one of drop, reset, stall, half-close, garble-tls; \
          times: expected always, first N, after N, every N, once per sender, or probability P seed N; N from 1, P over 0 and up to 1",
        ),
        (
            "name = 'a'\nstage = 'mail'\naction = 'garble-tls'",
            "action: garble-tls happens only at starttls, x-anonymoustls, not at mail",
        ),
        (
            "name = 'a'\nstage = 'mail'\nwithdraw = 'STARTTLS'",
            "withdraw: withdrawing keywords happens only at ehlo, not at mail",
        ),
        (
            "name = 'a'\nstage = 'connect'\nsender = 'x'\nrecipient = 'x'\nheader = 'x'\nsize_over = '1'\nmechanism = 'x'\naction = 'drop'\ntimes = 'once per sender'",
            "sender: is known only at mail, rcpt, data, end-of-data, not at connect; \
          recipient: is known only at rcpt, data, end-of-data, not at connect; \
          header: is known only at end-of-data, not at connect; \
          size_over: is known only at mail, rcpt, data, end-of-data, not at connect; \
          mechanism: is known only at auth, x-exps, not at connect; \
          times: once per sender happens only at mail, rcpt, data, end-of-data, not at connect",
        ),
        (
            "name = 'a'\nstage = 'data'\nheader = 'x'\naction = 'drop'",
            "header: is known only at end-of-data, not at data",
        ),
        (
            "name = 'a'\nstage = 'auth'\nidentity = 'Anonymous'\naction = 'drop'",
            "identity: at auth this is the account that proves itself, and never anonymous",
        ),
        (
            "name = 'a'\nstage = 'mail'\nreply = '250 OK'\naction = 'drop'",
            "action: cannot stand beside reply: a rule gives one answer",
        ),
        (
            "name = 'a'\nstage = 'mail'\naction = 'drop'\ntruncate = 3",
            "truncate: drop gives no reply that could be cut short",
        ),
        (
            "name = 'a'\nstage = 'mail'\npreset = 'back-pressure'\nclose = true",
            "close: needs reply beside it",
        ),
        (
            "name = 'a'\nstage = 'rcpt'\npreset = 'back-pressure'",
            "preset: back-pressure happens only at mail, end-of-data, not at rcpt",
        ),
        (
            "name = 'a'\npreset = 'greylist'",
            "preset: expected one of cannot-achieve-exchange-auth, temporary-auth-failure, back-pressure, \
          too-many-connections, service-not-active, message-rate, prx5, hop-count",
        ),
        (
            "name = 'a'\nstage = 'mail'\nreply = \"250 a\\r\\n250 b\"",
            "reply: a line holds a CR, an LF or another control character; give several lines as a list",
        ),
        (
            "name = 'a'\nstage = 'mail'\nreply = '700 x'",
            "reply: 700 is no reply code; expected 200 to 599",
        ),
        (
            "name = 'a'\nstage = 'mail'\nsender = ''\nheader = ''\naction = 'drop'",
            "sender: expected 1 to 2000 characters, * for anything; \
          header: expected a field and its text such as \"Subject: *invoice*\", or a field alone; \
          header: is known only at end-of-data, not at mail",
        ),
        (
            "name = \"a\\u0007\"\nstage = 'mail'\naction = 'drop'",
            "name: expected 1 to 100 characters, none of them a control character",
        ),
        (
            "name = 'a'\nstage = 'ehlo'\nwithdraw = ['STARTTLS', 'STARTLS']",
            &format!("withdraw: expected one of {}", KEYWORDS.join(", ")),
        ),
    ] {
        assert_eq!(wrong(text), expected, "{text}");
    }
    for unknown in ["colour = 'red'", "Stage = 'mail'"] {
        let text = format!("name = 'a'\nstage = 'mail'\naction = 'drop'\n{unknown}");
        assert!(text.parse::<Rule>().unwrap_err().to_string().contains("unknown field"), "{text}");
    }
}

#[test]
fn every_preset_has_its_reply_at_each_of_its_stages() {
    for preset in &PRESETS {
        let (name, stage) = (preset.name, preset.stage);
        let rule = rule(&format!("name = 'a'\nstage = '{stage}'\npreset = '{name}'"));
        let Answer::Reply { reply, close } = &rule.then().answer else { panic!("{name}") };
        assert_eq!((reply, *close), (&preset.reply, preset.close), "{name}");
    }
    let rule = rule("name = 'a'\npreset = 'back-pressure'");
    assert_eq!(rule.stage(), Stage::Mail, "the first row of a preset is for whom names no stage");
    assert_eq!(rule.then().answer.to_string(), format!("reply {}", reply::INSUFFICIENT_RESOURCES));
}

#[test]
fn a_reply_closes_where_smtp_has_it_so_unless_the_rule_says() {
    let closes = |stage: &str, rest: &str| {
        let rule = rule(&format!("name = 'a'\nstage = '{stage}'\n{rest}"));
        matches!(rule.then().answer, Answer::Reply { close: true, .. })
    };
    assert!(closes("mail", "reply = '421 4.3.2 Gone'"));
    assert!(!closes("mail", "reply = '421 4.3.2 Gone'\nclose = false"));
    assert!(!closes("mail", "reply = '550 5.7.1 No'"));
    assert!(closes("mail", "reply = '550 5.7.1 No'\nclose = true"));
    assert!(closes("connect", "reply = '554 5.7.1 No'"));
    assert!(!closes("connect", "reply = '220 other.test'"));
    assert!(closes("quit", "reply = '221 Bye'"));
}

#[test]
fn the_first_rule_whose_turn_it_is_wins_and_counts() {
    let rules = Rules::new(vec![
        rule("name = 'rcpt'\nstage = 'rcpt'\naction = 'drop'"),
        rule("name = 'first'\nstage = 'mail'\naction = 'drop'\ntimes = 'first 1'"),
        rule("name = 'b'\nstage = 'mail'\nsender = 'b@*'\naction = 'drop'"),
        rule("name = 'third'\nstage = 'mail'\naction = 'drop'\ntimes = 'every 2'"),
    ])
    .unwrap();
    let mut met: Vec<_> = ["a@x", "a@x", "b@x", "a@x"].map(|s| bites(&rules, from(s))).into();
    let name = |name: &str| Some(name.to_owned());
    assert_eq!(met, [name("first"), None, name("b"), name("third")]);
    let hits: Vec<_> = rules.list().iter().map(|counted| counted.hits).collect();
    assert_eq!(hits, [0, 1, 1, 1]);

    rules.reset();
    assert!(rules.list().iter().all(|counted| counted.hits == 0));
    met = vec![bites(&rules, from("a@x"))];
    assert_eq!(met, [name("first")], "a reset begins anew");
}

#[test]
fn once_per_sender_knows_its_senders() {
    let rules =
        Rules::new(vec![rule("name = 'a'\npreset = 'back-pressure'\ntimes = 'once per sender'")])
            .unwrap();
    let met = ["a@x", "b@x", "A@X", "<>", "<>"].map(|s| bites(&rules, from(s)).is_some());
    assert_eq!(met, [true, true, false, true, false]);
    assert_eq!(bites(&rules, Facts { sender: None, ..facts() }), None, "a MAIL without a sender");
    assert_eq!(rules.find("a").unwrap().hits, 3);
}

#[test]
fn first_n_is_n_over_all_threads() {
    let rules =
        Rules::new(vec![rule("name = 'a'\nstage = 'mail'\naction = 'drop'\ntimes = 'first 100'")])
            .unwrap();
    let met: usize = std::thread::scope(|scope| {
        let ask = || (0..100).filter(|_| bites(&rules, facts()).is_some()).count();
        let threads: Vec<_> = (0..4).map(|_| scope.spawn(ask)).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).sum()
    });
    assert_eq!((met, rules.find("a").unwrap().hits), (100, 100));
}

#[test]
fn a_rule_is_put_in_the_place_of_its_namesake() {
    let named = |name: &str, text| rule(&format!("name = \"{name}\"\nstage = \"quit\"\n{text}"));
    let rules = Rules::new(vec![
        named("a", "reply = \"421 4.3.2 a\""),
        named("b", "reply = \"421 4.3.2 b\""),
    ])
    .unwrap();
    assert_eq!(rules.put(named("a", "action = \"drop\"")), Ok(true));
    assert_eq!(rules.put(named("c", "action = \"drop\"")), Ok(false));
    let list = rules.list();
    let names: Vec<_> = list.iter().map(|counted| counted.rule.name()).collect();
    assert_eq!(names, ["a", "b", "c"]);
    assert_eq!(list[0].rule.then().to_string(), "drop");
}

#[test]
fn rules_come_and_go_and_the_others_keep_their_counts() {
    let named = |name: &str| rule(&format!("name = '{name}'\nstage = 'mail'\naction = 'drop'"));
    let rules = Rules::default();
    assert!(rules.consult(Stage::Mail, || unreachable!("no rule waits here")).is_none());
    rules.add(named("a")).unwrap();
    assert!(rules.consult(Stage::Quit, || unreachable!("no rule waits here")).is_none());
    bites(&rules, facts());
    rules.add(named("b")).unwrap();
    assert_eq!(rules.add(named("a")), Err(RulesError::NameTaken("a".into())));
    assert_eq!(rules.find("a").unwrap().hits, 1);
    assert!(rules.remove("b") && !rules.remove("b"));

    let many: Vec<_> = (0..MAX_RULES).map(|i| named(&i.to_string())).collect();
    rules.replace(many).unwrap();
    assert_eq!(rules.add(named("a")), Err(RulesError::TooMany));
    assert_eq!(rules.list().len(), MAX_RULES, "a refused change changes nothing");
    rules.replace(Vec::new()).unwrap();
    assert_eq!(bites(&rules, facts()), None);
}

#[test]
fn a_counted_rule_is_its_keys_and_its_hits() {
    let rules = Rules::new(vec![rule("name = 'a'\npreset = 'prx5'")]).unwrap();
    assert_eq!(
        serde_json::to_string(&rules.list()).unwrap(),
        r#"[{"name":"a","preset":"prx5","hits":0}]"#
    );
}

proptest! {
    #[test]
    fn no_text_makes_the_parser_panic(
        texts in prop::collection::vec(
            prop::option::of(prop_oneof![
                "\\PC{0,20}",
                "[0-9:.*@ -]{0,20}",
                prop::sample::select(vec![
                    "mail", "auth", "end-of-data", "prx5", "stall", "garble-tls", "AUTH", "550 5.7.1 No",
                    "first 1", "once per sender", "probability 1e-300", "00:00:01", "fe80::1%3", "a: b",
                ]).prop_map(str::to_owned),
            ]),
            16,
        ),
        truncate in any::<Option<u32>>(),
        close in any::<Option<bool>>(),
    ) {
        let mut texts = texts.into_iter();
        let mut next = || texts.next().flatten();
        let spec = Spec {
            name: next().unwrap_or_default(),
            stage: next(),
            connector: next(),
            remote: next(),
            identity: next(),
            sender: next(),
            recipient: next(),
            header: next(),
            size_over: next(),
            mechanism: next(),
            delay: next(),
            preset: next(),
            reply: next().map(Lines::One),
            close,
            action: next(),
            withdraw: next().map(Lines::One),
            truncate,
            times: next(),
        };
        match Rule::try_from(spec.clone()) {
            Ok(rule) => {
                let json = serde_json::to_string(&rule).unwrap();
                prop_assert_eq!(&serde_json::from_str::<Rule>(&json).unwrap(), &rule);
                let stage = rule.stage();
                Rules::new(vec![rule]).unwrap().consult(stage, facts);
            }
            Err(BadRule(errors)) => prop_assert!(!errors.is_empty(), "{spec:?}"),
        }
    }

    #[test]
    fn no_toml_makes_the_parser_panic(text in "([a-z_]{1,9} = ['\"\\[]?\\PC{0,12}['\"\\]]?\n){0,6}") {
        let _ = text.parse::<Rule>();
    }
}
