//! Every store behaves as the one in memory does, and that as a search one by one would.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use jiff::Timestamp;
use proptest::prelude::*;

use super::message::sample;
use super::*;
use crate::smtp::command::{MailFrom, RcptTo};
use crate::smtp::header::Stripped;
use crate::smtp::{Envelope, Mailbox, Path, Recipient};

/// What this thread has computed, whoever else keeps the machine busy.
pub(super) fn computed() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    time.try_into().unwrap()
}

fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(future)
}

fn keep(store: &dyn Store, message: Message) -> Kept {
    let message = Arc::new(message);
    let number = block_on(store.keep(Arc::clone(&message))).unwrap();
    Kept { number, message }
}

fn message(id: usize, from: &str, to: &[&str], subject: &str, text: &str) -> Message {
    let path = match from {
        "" => Path::Null,
        from => Path::Mailbox(Mailbox::parse(from).unwrap()),
    };
    let mut envelope = Envelope::new(&MailFrom::parse("FROM:<>").unwrap(), path);
    for to in to {
        let rcpt = format!("TO:<{to}> NOTIFY=NEVER");
        let rcpt = RcptTo::parse(&rcpt).unwrap();
        envelope.recipients.push(Recipient::new(&rcpt, Mailbox::parse(to).unwrap()));
    }
    let content = format!("Subject: {subject}\r\n\r\n{text}");
    let base = sample(&format!("{id:016X}-1"), content.as_bytes());
    Message { envelope, session: format!("{id:016X}"), ..base }
}

fn list(store: &dyn Store, filter: &Filter, order: Order, limit: usize) -> Vec<Summary> {
    let mut page = Page { order, past: None, limit };
    let mut all = Vec::new();
    loop {
        let listed = store.list(filter, page).unwrap();
        assert!(listed.messages.len() <= limit);
        all.extend(listed.messages);
        page.past = listed.next;
        if page.past.is_none() {
            return all;
        }
    }
}

struct Stores {
    all: Vec<Box<dyn Store>>,
    _folder: tempfile::TempDir,
}

fn stores(limits: Limits) -> Stores {
    let folder = tempfile::tempdir().unwrap();
    let sqlite = Sqlite::open(&folder.path().join("made/mail.db"), limits).unwrap();
    Stores { all: vec![Box::new(Memory::new(limits)), Box::new(sqlite)], _folder: folder }
}

#[test]
fn what_came_is_what_is_had_back() {
    let stores = stores(Limits::MEMORY);
    for store in &stores.all {
        let content =
            b"X-A: 1\r\nX-B: \xff\r\nSubject: =?utf-8?Q?=C3=A9?=\r\n\r\nbare\rand\nNUL \0 \xfe";
        let base = message(7, "bob@fabrikam.test", &["a@contoso.test", "b"], "", "");
        let needs = |at: usize, end: usize| Stripped {
            at,
            field: Bytes::copy_from_slice(&content[at..end]),
            needs: "ms-Exch-Accept-Headers-Routing".into(),
        };
        let came = Message {
            content: Bytes::copy_from_slice(content),
            octets: content.len() as u64,
            digest: Digest::of(content),
            stamped: vec!["Received: from a\r\n".to_owned()],
            stripped: vec![needs(0, 8), needs(8, 16)],
            identity: Some("CONTOSO\\alice".to_owned()),
            received: Timestamp::new(1_800_000_000, 123_456_789).unwrap(),
            tls: Some(Tls {
                command: "STARTTLS".to_owned(),
                protocol: "TLSv1.3".to_owned(),
                cipher_suite: "x".to_owned(),
                client_certificate: None,
            }),
            ..base
        };
        let kept = keep(&**store, came.clone());
        let back = store.get(&came.id).unwrap().unwrap();
        assert_eq!((back.number, &back.message.content), (1, &came.content));
        assert_eq!(
            serde_json::to_value(&*back.message).unwrap(),
            serde_json::to_value(&came).unwrap()
        );
        assert_eq!(back.message.digest, came.digest);
        let pieces = |message: &Message| message.delivered().collect::<Vec<_>>().concat();
        assert_eq!(pieces(&back.message), pieces(&came));
        assert_eq!(list(&**store, &Filter::default(), Order::NewestFirst, 5), [kept.summary()]);
        assert!(store.get("no such id").unwrap().is_none());
    }
}

#[test]
fn limits_hold_in_every_store() {
    let limits = Limits { messages: 3, octets: 1_000, age: Some(Duration::from_secs(3_600)) };
    let stores = stores(limits);
    for store in &stores.all {
        let fresh = |id| Message {
            received: Timestamp::now(),
            ..message(id, "", &["a@contoso.test"], "s", "t")
        };
        for id in 1..=5 {
            keep(&**store, fresh(id));
        }
        let ids = |store: &dyn Store| {
            let listed = list(store, &Filter::default(), Order::OldestFirst, 2);
            listed.iter().map(|message| message.number).collect::<Vec<_>>()
        };
        assert_eq!(ids(&**store), [3, 4, 5]);
        let large = "x".repeat(2_000);
        keep(&**store, Message { content: large.into(), ..fresh(6) });
        assert_eq!(ids(&**store), [6]);
        let old = Timestamp::now() - Duration::from_secs(3_601);
        keep(&**store, Message { received: old, ..fresh(7) });
        keep(&**store, fresh(8));
        assert_eq!(ids(&**store), [8]);
        let Totals { kept, newest, accepted, discarded, octets } = store.totals();
        assert_eq!((kept, newest, accepted, discarded), (1, 8, 8, 7));
        assert_eq!(octets, fresh(8).held());
    }
}

#[test]
fn some_or_all_can_be_removed() {
    let stores = stores(Limits::MEMORY);
    for store in &stores.all {
        for id in 0..10 {
            let to = ["even@contoso.test", "odd@contoso.test"][id % 2];
            keep(&**store, message(id, "", &[to], "s", "t"));
        }
        let ids = vec![format!("{:016X}-1", 0), format!("{:016X}-1", 1), "none".to_owned()];
        assert_eq!(store.remove(&Removal::Ids(ids.clone())).unwrap(), 2);
        assert_eq!(store.remove(&Removal::Ids(ids)).unwrap(), 0);
        let odd = Filter { to: Some("ODD@".to_owned()), ..Filter::default() };
        assert_eq!(store.remove(&Removal::Matching(Box::new(odd))).unwrap(), 4);
        assert_eq!(store.totals().kept, 4);
        assert_eq!(store.remove(&Removal::Matching(Box::default())).unwrap(), 4);
        assert_eq!((store.totals().kept, store.totals().octets), (0, 0));
        // Numbers go on.
        assert_eq!(keep(&**store, message(10, "", &["a@contoso.test"], "s", "t")).number, 11);
    }
}

#[derive(Clone, Debug)]
struct Drawn {
    from: &'static str,
    to: Vec<&'static str>,
    subject: &'static str,
    text: &'static str,
    connector: &'static str,
    identity: Option<&'static str>,
    seconds: i64,
    message_id: &'static str,
}

fn drawn() -> impl Strategy<Value = Drawn> {
    let address = || {
        let all = vec!["Alice@contoso.test", "malice@contoso.test", "bob@x.test", "al_%c@y.test"];
        prop::sample::select(all)
    };
    let words =
        || prop::sample::select(vec!["", "Hello", "hello World", "É é", "\"a\" AND b*", "ab"]);
    (
        prop_oneof![Just(""), address()],
        prop::collection::vec(address(), 1..3),
        words(),
        words(),
        prop::sample::select(vec!["EX01\\A", "EX01\\B"]),
        prop::option::of(Just("CONTOSO\\alice")),
        // Clocks go back, and far at times.
        prop_oneof![9 => 0..100_i64, 1 => -3_000..3_000_i64],
        prop::sample::select(vec!["<a@b.test>", "<A@B.test>", "<c@d.test>"]),
    )
        .prop_map(|(from, to, subject, text, connector, identity, seconds, message_id)| {
            Drawn { from, to, subject, text, connector, identity, seconds, message_id }
        })
}

fn filter() -> impl Strategy<Value = Filter> {
    let part = || {
        let parts = vec![
            "",
            "a",
            "lo",
            "hello",
            "ALICE",
            "alice@",
            "Alice@Contoso.test",
            "b@x.test",
            "<>",
            "@",
            "é",
            "É É",
            "\"A\" and",
            "l_%",
            "test",
            "zzz",
        ];
        prop::option::weighted(0.3, prop::sample::select(parts).prop_map(str::to_owned))
    };
    let one = |of: &'static [&'static str]| {
        prop::option::weighted(0.2, prop::sample::select(of).prop_map(str::to_owned))
    };
    let time =
        || prop::option::weighted(0.3, (0..4_000_i64).prop_map(|s| Timestamp::new(s, 0).unwrap()));
    (
        (part(), part(), part(), part()),
        one(&["EX01\\A", "ex01\\a"]),
        one(&["", "CONTOSO\\alice", "contoso\\ALICE"]),
        (one(&["0000000000000003", "000000000000000a"]), one(&["<a@b.test>", "<x>"])),
        (time(), time()),
        prop::option::weighted(0.2, 0..40_u64),
    )
        .prop_map(|((from, to, subject, text), connector, identity, ids, times, after)| {
            Filter {
                from,
                to,
                subject,
                text,
                connector,
                identity,
                session: ids.0,
                message_id: ids.1,
                since: times.0,
                until: times.1,
                after,
            }
        })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn lists_are_what_a_look_at_each_finds(
        drawn in prop::collection::vec(drawn(), 0..40),
        filters in prop::collection::vec(filter(), 12),
        limit in 1..9_usize,
    ) {
        let stores = stores(Limits::MEMORY);
        let [memory, sqlite] = &stores.all[..] else { unreachable!() };
        let (mut all, mut keeping) = (Vec::new(), Vec::new());
        for (id, drawn) in drawn.iter().enumerate() {
            let Drawn { from, to, subject, text, connector, identity, seconds, message_id } = drawn;
            let mut message = message(id, from, to, subject, text);
            message.connector = (*connector).to_owned();
            message.identity = identity.map(str::to_owned);
            message.message_id = (*message_id).to_owned();
            message.received = Timestamp::new(id as i64 * 100 + seconds, 0).unwrap();
            all.push(keep(&**memory, message.clone()));
            keeping.push(sqlite.keep(Arc::new(message)));
        }
        for kept in keeping {
            block_on(kept).unwrap();
        }
        for filter in &filters {
            let mut expected: Vec<_> =
                all.iter().filter(|kept| filter.matches(kept)).map(Kept::summary).collect();
            for store in &stores.all {
                prop_assert_eq!(&list(&**store, filter, Order::OldestFirst, limit), &expected);
            }
            expected.reverse();
            for store in &stores.all {
                prop_assert_eq!(&list(&**store, filter, Order::NewestFirst, limit), &expected);
            }
        }
    }
}
