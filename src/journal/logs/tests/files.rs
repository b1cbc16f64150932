//! What files may look like.

use std::io::{self, Read};

use super::*;

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
fn a_log_of_another_kind_is_refused_once_and_named() {
    let text = file(&[relay("1", "10.0.0.11:4711")]);
    for kind in ["SMTP Send Protocol Log", "Message Tracking Log"] {
        let mut survey = Survey::new(Filter::default(), None);
        let other = text.replace("SMTP Receive Protocol Log", kind);
        let facts = survey.read("x.log", other.as_bytes()).unwrap();
        assert!(survey.is_empty());
        assert_eq!((facts.unreadable, facts.other_log.as_deref()), (18, Some(kind)));
        let report = report(&mut survey);
        assert_eq!(report["unreadable"]["rows"], 18);
        let shown = report["unreadable"]["first"].as_array().unwrap();
        assert_eq!(shown.len(), 1);
        assert_eq!(shown[0]["problem"], "the #Log-type above it is another one than SMTP Receive");
    }
}

#[test]
fn replies_of_the_peer_show_a_log_of_what_was_sent() {
    let rows = ["+,,", "<,220 mx.fabrikam.test ready,", ">,EHLO ex01,", "<,250-mx,", "<,250 SIZE,"];
    let text = session("Internet", "1", "192.0.2.1:25", &rows).concat();
    assert_eq!(report(&mut survey(&text))["received_replies"], 3);
    let text = file(&[relay("1", "10.0.0.11:4711")]);
    assert_eq!(report(&mut survey(&text))["received_replies"], 0);
}

#[test]
fn lines_that_end_with_a_carriage_return_alone_are_told() {
    let text = file(&[relay("1", "10.0.0.11:4711")]).replace("\r\n", "\r");
    for text in [text.as_str(), &text[HEADER.len()..]] {
        let mut survey = Survey::new(Filter::default(), None);
        let facts = survey.read("x.log", text.as_bytes()).unwrap();
        assert_eq!((facts.rows, facts.first_problem), (0, Some(Unreadable::CarriageReturns)));
    }
}

#[test]
fn where_the_filter_lets_nothing_in_the_report_says_what_there_is() {
    let filter = Filter { connector: Some("nosuch".to_owned()), ..Filter::default() };
    let mut survey = Survey::new(filter, None);
    survey.read("x.log", file(&[relay("1", "10.0.0.11:4711")]).as_bytes()).unwrap();
    let passed_over = json!({
        "first": "2026-11-22T09:00:00.000Z",
        "last": "2026-11-22T09:00:17.000Z",
        "connectors": {"EX01\\App relay": 18},
    });
    assert_eq!(report(&mut survey)["passed_over"], passed_over);
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
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
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
