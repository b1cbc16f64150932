//! What becomes of the content of a message: the header firewall, the stamps, the limits.

use jiff::Timestamp;
use jiff::tz::TimeZone;
use proptest::prelude::*;

use super::*;
use crate::connector::{AdPermission, ByteSize, Principal, TransportRole};

/// A bench whose errors wait for nothing, behind a hello.
fn bench(change: impl FnOnce(&mut ReceiveConnector)) -> Bench {
    let mut bench = Bench::new(|connector| {
        connector.tarpit_interval = TimeSpan::from_secs(0);
        change(connector);
    });
    bench.say("HELO client.test\n");
    bench
}

fn deny(connector: &mut ReceiveConnector, rights: Rights) {
    let user = Principal::Anonymous;
    connector.ad_permissions.push(AdPermission { user, rights, deny: true, inherited: false });
}

impl Bench {
    /// Sends a message by DATA; gives the step that the session stops at.
    fn data(&mut self, content: &str) -> Step {
        self.say(&format!("{MAIL}{RCPT}DATA\n"));
        self.input.extend_from_slice(content.as_bytes());
        self.send("\n.\n")
    }

    /// Sends a message by BDAT, in one chunk.
    fn bdat(&mut self, content: &str) -> Step {
        self.say(&format!("{MAIL}{RCPT}"));
        self.input
            .extend_from_slice(format!("BDAT {} LAST\r\n{content}", content.len()).as_bytes());
        self.send("")
    }

    fn stamp(&self, received: &Received, tls: Option<(&str, &str)>) -> Vec<String> {
        let at: Timestamp = "2026-11-22T09:14:05.123456789Z".parse().unwrap();
        let at = at.to_zoned(TimeZone::fixed(jiff::tz::offset(1)));
        let local = "10.0.0.5".parse().unwrap();
        self.session.stamp(received, &Arrival { at: &at, local, tls, guid: "guid" })
    }
}

fn received(step: Step) -> Received {
    let Step::Keep(received) = step else { panic!("{step:?}") };
    *received
}

/// The texts of what was stripped, and what each would have needed.
fn stripped(received: &Received) -> Vec<(String, &str)> {
    let text = |field: &Bytes| String::from_utf8(field.to_vec()).unwrap();
    received.stripped.iter().map(|stripped| (text(&stripped.field), &*stripped.needs)).collect()
}

mod firewall {
    use super::*;

    #[test]
    fn an_anonymous_peer_keeps_its_trace_and_nothing_else() {
        let content = "Received: from a\r\n by b; date\r\nX-MS-Exchange-Organization-SCL: -1\r\n\
                       Subject: hi\r\nx-ms-exchange-forest-RulesExecuted:\r\n\tEX02\r\n\
                       X-OriginatorOrg: contoso.test\r\nTo: alice\r\n\r\n\
                       X-MS-Exchange-Organization-SCL: in the body\r\n";
        for step in [Bench::data, Bench::bdat].map(|send| send(&mut bench(|_| ()), content)) {
            let received = received(step);
            assert!(received.content.starts_with(content.as_bytes()));
            let expected = [
                ("X-MS-Exchange-Organization-SCL: -1\r\n", "ms-Exch-Accept-Headers-Organization"),
                (
                    "x-ms-exchange-forest-RulesExecuted:\r\n\tEX02\r\n",
                    "ms-Exch-Accept-Headers-Forest",
                ),
                ("X-OriginatorOrg: contoso.test\r\n", "TlsDomainCapabilities"),
            ];
            assert_eq!(stripped(&received), expected.map(|(text, needs)| (text.to_owned(), needs)));
            assert_eq!(received.stripped[0].at, content.find("X-MS").unwrap());
        }
    }

    /// What readers of mail pass over hides no field behind it.
    #[test]
    fn a_line_that_is_no_field_hides_nothing() {
        let field = "X-MS-Exchange-Organization-AuthAs: Internal\r\n";
        for before in [
            "A: b\r\nbad line\r\nSubject: after\r\n",
            "A: b\r\nB d: -1\r\n",
            "A: b\r\n\u{e9}: c\r\n",
            "A\0: b\r\n",
            "From a@fabrikam.test Sun Nov 22 09:14:05 2026\r\n",
            "bad line\r\n ",
            " ",
            ": ",
        ] {
            let content = format!("{before}{field}\r\n{field}");
            for send in [Bench::data, Bench::bdat] {
                let received = received(send(&mut bench(|_| ()), &content));
                let [stripped] = &stripped(&received)[..] else { panic!("{before:?}") };
                assert!(stripped.0.ends_with(field), "{stripped:?}");
            }
        }
    }

    #[test]
    fn ten_thousand_fields_are_stripped_one_by_one() {
        let content = "Resent-To: a\r\nTo: b\r\n".repeat(10_000);
        let mut bench = bench(|c| deny(c, Rights::ACCEPT_HEADERS_ROUTING));
        let received = received(bench.data(&content));
        assert_eq!(received.stripped.len(), 10_000);
    }

    #[test]
    fn what_was_stripped_takes_memory() {
        let content = "Resent-To: a\r\n".repeat(2_000);
        let needs = content.len() + 2_000 * size_of::<Stripped>();
        for (memory, fits) in [(needs / 2, false), (needs + (128 << 10), true)] {
            let mut bench = Bench::with_memory(memory as u64, |c| {
                c.tarpit_interval = TimeSpan::from_secs(0);
                deny(c, Rights::ACCEPT_HEADERS_ROUTING);
            });
            bench.say("HELO a\n");
            assert_eq!(matches!(bench.data(&content), Step::Keep(_)), fits, "{memory}");
        }
    }

    /// A field, or what looks like one; and the right without which it is stripped.
    fn line() -> impl Strategy<Value = (Vec<u8>, Rights)> {
        let names = [
            ("X-MS-Exchange-Organization-AuthAs", Rights::ACCEPT_HEADERS_ORGANIZATION),
            ("X-MS-Exchange-Organization-SCL ", Rights::ACCEPT_HEADERS_ORGANIZATION),
            ("X-MS-Exchange-Forest-RulesExecuted", Rights::ACCEPT_HEADERS_FOREST),
            ("Received", Rights::ACCEPT_HEADERS_ROUTING),
            ("Resent-Bcc\t", Rights::ACCEPT_HEADERS_ROUTING),
            ("Subject", Rights::empty()),
            ("Received-SPF", Rights::empty()),
            ("X-MS-Exchange-Organisation-SCL", Rights::empty()),
            ("Message-ID", Rights::empty()),
        ];
        let texts =
            ["", " a", " a: b", " .", "\0", " \u{e9}", " \rX-MS-Exchange-Organization-SCL: 1"];
        let ends = ["\r\n", "\n", "\r\n \r\n", "\n\t", "\r\n X-MS-Exchange-Forest-A: b"];
        let select = prop::sample::select::<&'static str>;
        (
            prop::sample::select(names.to_vec()),
            any::<u64>(),
            select(texts.to_vec()),
            select(ends.to_vec()),
        )
            .prop_map(|((name, right), case, text, end)| {
                let cased = name.chars().enumerate().map(|(i, c)| match case >> (i % 64) & 1 {
                    0 => c.to_ascii_lowercase(),
                    _ => c.to_ascii_uppercase(),
                });
                let end = if end.ends_with('\n') { end.to_owned() } else { format!("{end}\r\n") };
                (format!("{}:{text}{end}", cased.collect::<String>()).into_bytes(), right)
            })
    }

    /// As a client sends it by DATA.
    fn dotted(content: &[u8]) -> Vec<u8> {
        let mut wire = b"DATA\r\n".to_vec();
        for (i, octet) in content.iter().enumerate() {
            if *octet == b'.' && (i == 0 || content[..i].ends_with(b"\r\n")) {
                wire.push(b'.');
            }
            wire.push(*octet);
        }
        wire.extend_from_slice(b".\r\n");
        wire
    }

    /// In chunks that end at the cuts.
    fn chunked(content: &[u8], cuts: &[usize]) -> Vec<u8> {
        let mut wire = Vec::new();
        let mut start = 0;
        for end in cuts.iter().copied().chain([content.len()]) {
            let last = if end == content.len() { " LAST" } else { "" };
            wire.extend_from_slice(format!("BDAT {}{last}\r\n", end - start).as_bytes());
            wire.extend_from_slice(&content[start..end]);
            start = end;
            if !last.is_empty() {
                break;
            }
        }
        wire
    }

    proptest! {
        #[test]
        fn it_strips_what_a_naive_model_strips_and_touches_no_octet(
            lines in prop::collection::vec(line(), 0..30),
            behind in prop::sample::select(vec!["", "\r\n", "\n", "\r\nBody\r\n", "No field\r\n\r\n"]),
            body in prop::collection::vec(line(), 0..3),
            rights in any::<u32>(),
            cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..6),
            reads in prop::collection::vec(any::<prop::sample::Index>(), 0..6),
            by_data: bool,
        ) {
            let denied = Rights::from_bits_truncate(rights)
                & (Rights::ACCEPT_HEADERS_ORGANIZATION | Rights::ACCEPT_HEADERS_FOREST | Rights::ACCEPT_HEADERS_ROUTING);
            let mut content = Vec::new();
            let mut expected = Vec::new();
            for (text, right) in &lines {
                let anonymous = *right == Rights::ACCEPT_HEADERS_ROUTING;
                if !right.is_empty() && (!anonymous || denied.contains(*right)) {
                    expected.push((content.len(), text.clone()));
                }
                content.extend_from_slice(text);
            }
            content.extend_from_slice(behind.as_bytes());
            // Behind the header block nothing is a field.
            if !behind.is_empty() {
                body.iter().for_each(|(text, _)| content.extend_from_slice(text));
            }
            if by_data && !content.ends_with(b"\r\n") {
                content.extend_from_slice(b"\r\n");
            }
            let mut cuts: Vec<_> = cuts.iter().map(|cut| cut.index(content.len() + 1)).collect();
            cuts.sort_unstable();
            let wire = if by_data { dotted(&content) } else { chunked(&content, &cuts) };

            let mut bench = bench(|c| deny(c, denied));
            bench.say(&format!("{MAIL}{RCPT}"));
            let mut ends: Vec<_> = reads.iter().map(|read| read.index(wire.len())).collect();
            ends.extend([0, wire.len()]);
            ends.sort_unstable();
            let mut step = Step::Read;
            for read in ends.windows(2) {
                bench.input.extend_from_slice(&wire[read[0]..read[1]]);
                step = bench.send("");
            }
            let received = received(step);
            prop_assert_eq!(&received.content[..], &content[..]);
            let stripped: Vec<_> = received.stripped.iter().map(|s| (s.at, s.field.to_vec())).collect();
            prop_assert_eq!(stripped, expected);
        }
    }
}

mod stamps {
    use super::*;

    const AES: Option<(&str, &str)> = Some(("TLSv1.2", "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384"));
    const MESSAGE: &str = "Message-ID: <1@x>\r\n\r\nText.";

    fn lines(bench: &mut Bench, content: &str, tls: Option<(&str, &str)>) -> String {
        let received = received(bench.data(content));
        bench.stamp(&received, tls).concat().replace("\r\n", "\n")
    }

    #[test]
    fn an_anonymous_message_is_marked_so() {
        let mut bench = bench(|c| c.transport_role = TransportRole::FrontendTransport);
        assert_eq!(
            lines(&mut bench, MESSAGE, AES),
            "Received: from client.test (192.0.2.10) by ex01.contoso.test (10.0.0.5) with\n \
             Microsoft SMTP Server (version=TLS1_2,\n \
             cipher=TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384) id 15.2.1118.7 via Frontend\n \
             Transport; Sun, 22 Nov 2026 10:14:05 +0100\n\
             X-MS-Exchange-Organization-OriginalArrivalTime: 22 Nov 2026 09:14:05.1234 (UTC)\n\
             X-MS-Exchange-Organization-AuthSource: ex01.contoso.test\n\
             X-MS-Exchange-Organization-AuthAs: Anonymous\n"
        );
    }

    #[test]
    fn the_received_field_tells_the_version_and_the_service() {
        for (version, tls, expected) in [
            (Version::E2007, None, "with Microsoft SMTP Server id 8.3.83.6; Sun, "),
            (Version::E2010, AES, "with Microsoft SMTP Server (TLS) id 14.3.123.4; Sun, "),
            (Version::E2013, AES, "with Microsoft SMTP Server (TLS) id 15.0.847.32; Sun, "),
            (Version::E2016, None, "with Microsoft SMTP Server id 15.1.2507.6; Sun, "),
        ] {
            let mut bench = bench(|_| ());
            Arc::get_mut(&mut bench.session.host).unwrap().server.version = version;
            let stamped = lines(&mut bench, MESSAGE, tls).replace("\n ", " ");
            assert!(stamped.contains(expected), "{stamped}");
        }
    }

    #[test]
    fn the_names_are_those_of_the_peer_and_of_the_connector() {
        let mut bench = Bench::new(|c| c.fqdn = Some("mail.contoso.test".to_owned()));
        bench.say("EHLO\n");
        let stamped = lines(&mut bench, MESSAGE, None);
        assert!(
            stamped.starts_with(
                "Received: from [192.0.2.10] (192.0.2.10) by mail.contoso.test (10.0.0.5)"
            ),
            "{stamped}"
        );
        assert!(stamped.contains("-AuthSource: ex01.contoso.test\n"), "{stamped}");
    }

    #[test]
    fn an_account_and_an_externally_secured_peer_are_internal() {
        let mut user = bench(|c| c.ad_permissions.clear());
        user.say("AUTH LOGIN YWxpY2U=\nUGFzc3cwcmQh\n");
        user.session.rights |= Rights::ACCEPT_ANY_SENDER;
        let external = bench(|c| {
            c.auth_mechanism = AuthMechanism::ExternalAuthoritative;
            c.permission_groups = PermissionGroups::ExchangeServers;
        });
        for (mut bench, code) in [(user, "01"), (external, "10")] {
            let stamped = lines(&mut bench, MESSAGE, None);
            let expected = format!(
                "X-MS-Exchange-Organization-AuthAs: Internal\nX-MS-Exchange-Organization-AuthMechanism: {code}\n"
            );
            assert!(stamped.ends_with(&expected), "{stamped}");
        }
    }

    #[test]
    fn what_another_server_has_stamped_stays_alone() {
        let own = "X-MS-Exchange-Organization-AuthAs: Anonymous\r\n\
                   X-MS-Exchange-Organization-OriginalArrivalTime: 1 Jan 2026 00:00:00.0000 (UTC)\r\n";
        let mut bench = bench(|_| ());
        bench.session.rights |= Rights::ACCEPT_HEADERS_ORGANIZATION;
        let received = received(bench.data(&format!("{own}{MESSAGE}")));
        assert_eq!(received.stripped, []);
        let [trace] = &bench.stamp(&received, None)[..] else { panic!() };
        assert!(trace.starts_with("Received: "));
    }

    #[test]
    fn a_message_without_id_gets_the_one_that_the_reply_names() {
        let mut bench = bench(|_| ());
        let stamped = lines(&mut bench, "Subject: a\r\n\r\nText.", None);
        assert!(stamped.ends_with("\nMessage-ID: <guid@ex01.contoso.test>\n"), "{stamped}");
        let now = bench.now();
        bench.session.kept(&Receipt { internal_id: 1, guid: "guid".to_owned() }, now);
        let reply = bench.say("");
        assert!(reply.starts_with("250 2.6.0 <guid@ex01.contoso.test> "), "{reply}");
    }

    #[test]
    fn a_body_without_header_is_set_apart() {
        for (content, apart) in [
            ("Text.", true),
            (" Text: more", true),
            ("T ext: more", true),
            (" X-MS-Exchange-Organization-SCL: -1\r\nSubject: a", true),
            ("", false), // DATA makes an empty line of it.
            ("\r\nText.", false),
            ("\nText.", false),
            ("Subject: a\r\nText.", false),
        ] {
            let mut bench = bench(|_| ());
            let stamped = lines(&mut bench, content, None);
            assert_eq!(stamped.ends_with("\n\n"), apart, "{content:?}: {stamped}");
        }
    }
}

mod limits {
    use super::*;

    const LOOP: &str = "554 5.4.6 Hop count exceeded - possible mail loop\n";
    const HEADER: &str = "552 5.3.4 Header size exceeds fixed maximum size\n";
    const LINEFEEDS: &str = "554 5.6.0 Invalid message content, contains bare linefeeds\n";

    /// By DATA and by BDAT: whether the session goes on, and the reply, empty for a message that
    /// is to be kept.
    fn replies(change: fn(&mut ReceiveConnector), content: &str) -> [(bool, String); 2] {
        [Bench::data, Bench::bdat].map(|send| {
            let mut bench = bench(change);
            let step = send(&mut bench, content);
            (!matches!(step, Step::Close), bench.output())
        })
    }

    fn reasons(bench: &mut Bench) -> Vec<Reason> {
        let refused = |note| match note {
            Note::Refused { reason, .. } => Some(reason),
            _ => None,
        };
        bench.session.take_notes().into_iter().filter_map(refused).collect()
    }

    fn hops(count: usize, by: &str) -> String {
        format!("RECEIVED: from a\r\n by {by}; date\r\n").repeat(count)
    }

    #[test]
    fn hops_are_counted_as_they_came() {
        let change: fn(&mut ReceiveConnector) = |c| {
            c.max_hop_count = 3;
            // Stripped fields have been hops all the same.
            deny(c, Rights::ACCEPT_HEADERS_ROUTING);
        };
        for (count, reply) in [(3, ""), (4, LOOP)] {
            let expected = [(); 2].map(|()| (true, reply.to_owned()));
            assert_eq!(replies(change, &hops(count, "mx.test")), expected, "{count}");
        }
        let mut bench = bench(change);
        bench.data(&format!("A: b\r\nbad line\r\n{}", hops(5, "mx.test")));
        assert_eq!(reasons(&mut bench), [Reason::TooManyHops { hops: 5, limit: 3 }]);
    }

    #[test]
    fn hops_of_this_server_have_a_limit_of_their_own() {
        for (limit, by, refused) in [
            (2, "EX01.contoso.test", true),
            (2, "ex01", true),
            (2, "ex02.contoso.test", false),
            (3, "ex01.contoso.test", false),
            (0, "ex01.contoso.test", false),
        ] {
            let mut bench = bench(|c| c.max_local_hop_count = limit);
            let step = bench.data(&hops(3, by));
            assert_eq!(matches!(step, Step::Read), refused, "{limit} {by}");
            assert_eq!(bench.output(), if refused { LOOP } else { "" });
            let reason = Reason::TooManyLocalHops { hops: 3, limit: 2 };
            assert_eq!(reasons(&mut bench), if refused { vec![reason] } else { vec![] });
        }
    }

    #[test]
    fn a_header_block_beyond_its_limit_closes_the_connection() {
        let change: fn(&mut ReceiveConnector) = |c| c.max_header_size = ByteSize(100);
        let field = |octets: usize| format!("Subject: {}\r\n", "x".repeat(octets - 11));
        let folded = |octets: usize| format!("Subject:{}\r\n", "\r\n x".repeat((octets - 10) / 4));
        let kept = [(true, String::new()), (true, String::new())];
        let closed = [(false, HEADER.to_owned()), (false, HEADER.to_owned())];
        for (content, expected) in [
            (field(100), &kept),
            (format!("{}\r\n{}", field(100), "x".repeat(500)), &kept),
            (format!("\r\n{}", "x".repeat(500)), &kept),
            ("x".repeat(500), &closed),
            (format!("A: b\r\nbad line\r\n{}", field(100)), &closed),
            (field(101), &closed),
            (format!("{}{}\r\nText.", field(60), field(60)), &closed),
            (folded(500), &closed),
        ] {
            assert_eq!(replies(change, &content), *expected, "{content:?}");
        }
    }

    #[test]
    fn beyond_its_limit_a_header_block_is_let_go_of_and_its_end_awaited() {
        let mut bench = bench(|c| c.max_header_size = ByteSize::kb(1));
        bench.say(&format!("{MAIL}{RCPT}DATA\n"));
        for _ in 0..100 {
            bench.say(&"Subject: a\n".repeat(1_000));
            let State::Receiving(receiving) = &bench.session.state else { panic!() };
            let data::Receiving::Data { collected, .. } = &**receiving else { panic!() };
            assert_eq!(collected.content.held(), 0);
        }
        assert!(matches!(bench.send(".\nNOOP\n"), Step::Close));
        assert_eq!(bench.output(), HEADER);
        let reason = Reason::HeaderTooLarge(1024);
        assert_eq!(reasons(&mut bench), [reason]);
    }

    #[test]
    fn a_chunk_with_too_much_header_ends_it_before_the_last() {
        let mut bench = bench(|c| c.max_header_size = ByteSize(10));
        bench.say(&format!("{MAIL}{RCPT}"));
        assert!(matches!(bench.send("BDAT 12\nSubject: abcBDAT 0 LAST\n"), Step::Close));
        assert_eq!(bench.output(), HEADER);
    }

    #[test]
    fn bare_linefeeds_are_refused_in_data_where_they_are_unwanted() {
        let on: fn(&mut ReceiveConnector) = |c| c.bare_linefeed_rejection_enabled = true;
        let off: fn(&mut ReceiveConnector) = |_| ();
        let kept = (true, String::new());
        let refused = (true, LINEFEEDS.to_owned());
        for (change, content, expected) in [
            (on, "Subject: a\r\n\r\nText.\nMore.", [&refused, &kept]),
            (on, "Subject: a\n\r\nText.", [&refused, &kept]),
            (on, "Subject: a\r\n\r\nText.\r\n.\n", [&refused, &kept]),
            (on, "Subject: a\r\n\r\nText.\rMore.", [&kept, &kept]),
            (off, "Subject: a\r\n\r\nText.\nMore.", [&kept, &kept]),
        ] {
            assert_eq!(replies(change, content).each_ref(), expected, "{content:?}");
        }
    }

    #[test]
    fn a_refused_message_leaves_a_note_for_the_event_log() {
        let mut bench = bench(|c| c.max_hop_count = 1);
        bench.data(&hops(2, "mx.test"));
        let notes = bench.session.take_notes();
        let [Note::MessageRejected { reply }, Note::Refused { .. }] = &notes[..] else {
            panic!("{notes:?}")
        };
        assert_eq!(*reply, reply::HOP_COUNT_EXCEEDED);
    }
}
