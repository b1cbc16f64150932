//! A million messages in a database: every filter gives a page in under 100 ms.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use expsd::capture::{Digest, Filter, Limits, Message, Page, Sqlite, Store as _};
use expsd::smtp::command::{MailFrom, RcptTo};
use expsd::smtp::{Envelope, Mailbox, Path, Recipient};
use jiff::Timestamp;

const MESSAGES: u64 = 1_000_000;
const WORDS: [&str; 16] = [
    "order", "payment", "invoice", "delivery", "please", "confirm", "address", "account", "monday",
    "thanks", "regards", "attached", "question", "receipt", "customer", "number",
];

fn message(n: u64) -> Message {
    let from = format!("user{}@fabrikam.test", n % 1_000);
    let mail = format!("FROM:<{from}>");
    let mail = MailFrom::parse(&mail).unwrap();
    let to = format!("r{n}@contoso.test");
    let rcpt = format!("TO:<{to}>");
    let mut envelope = Envelope::new(&mail, Path::Mailbox(Mailbox::parse(&from).unwrap()));
    let mailbox = Mailbox::parse(&to).unwrap();
    envelope.recipients.push(Recipient::new(&RcptTo::parse(&rcpt).unwrap(), mailbox));
    // Words in an order of their own for each message.
    let mut state = n.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    let words = std::iter::repeat_with(|| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        WORDS[(state >> 60) as usize]
    });
    let words = words.take(40).collect::<Vec<_>>().join(" ");
    let content = format!(
        "From: {from}\r\nTo: {to}\r\nSubject: Message {n} about an order\r\n\r\n{words}\r\nkey-{n:x}.\r\n"
    );
    Message {
        id: format!("{n:016X}-1"),
        session: format!("{n:016X}"),
        received: Timestamp::new(1_800_000_000 + n as i64, 0).unwrap(),
        connector: if n % 100_000 == 7 { "EX01\\Rare" } else { "EX01\\Default Frontend EX01" }
            .to_owned(),
        selection: "it is the only one".to_owned(),
        local: "127.0.0.1:25".to_owned(),
        remote: "127.0.0.1:40000".to_owned(),
        hello: "client.test".to_owned(),
        identity: (n % 1_000 == 3).then(|| "CONTOSO\\alice".to_owned()),
        mechanism: None,
        permissions: "SMTPSubmit".to_owned(),
        tls: None,
        envelope,
        message_id: format!("<{n}@client.test>"),
        internal_id: n,
        octets: content.len() as u64,
        digest: Digest::of(content.as_bytes()),
        stamped: Vec::new(),
        stripped: Vec::new(),
        content: Bytes::from(content),
    }
}

/// `cargo test --release --test million -- --ignored --nocapture`
#[tokio::test(flavor = "multi_thread")]
#[ignore = "a benchmark"]
async fn a_page_of_a_million_takes_less_than_100_ms() {
    const ROUNDS: usize = 5;
    const SOON: Duration = Duration::from_millis(100);

    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("mail.db");
    let number = std::env::var("EXPSD_MESSAGES").map_or(MESSAGES, |n| n.parse().unwrap());
    let limits = Limits { messages: number, octets: u64::MAX, age: None };
    let store = Sqlite::open(&file, limits).unwrap();
    let start = Instant::now();
    for first in (0..number).step_by(500) {
        let keeping: Vec<_> =
            (first..(first + 500).min(number)).map(|n| store.keep(Arc::new(message(n)))).collect();
        for kept in keeping {
            kept.await.unwrap();
        }
    }
    let rate = number as f64 / start.elapsed().as_secs_f64();
    let size = std::fs::metadata(&file).unwrap().len() >> 20;
    println!("{number} messages kept, {rate:.0} a second; the file has {size} MB");
    drop(store);
    let start = Instant::now();
    let store = Sqlite::open(&file, limits).unwrap();
    println!("{:>9.1?} to open it again", start.elapsed());

    let some = |text: &str| Some(text.to_owned());
    let at = |second: u64| Timestamp::new(1_800_000_000 + second as i64, 0).ok();
    let none = Filter::default;
    let middle = number / 2;
    let session = format!("{middle:016X}");
    let one = format!("R{middle}@");
    let key = format!("key-{middle:x}.");
    let subject = format!("message {middle} ");
    let sevenfold = ["thanks"; 7].join(" ");
    let cases = [
        ("no filter", none(), 50),
        ("from, one in a thousand", Filter { from: some("USER77@"), ..none() }, 50),
        ("from, all", Filter { from: some("fabrikam"), ..none() }, 50),
        ("to, one", Filter { to: some(&one), ..none() }, 1),
        ("to, all", Filter { to: some("@contoso.test"), ..none() }, 50),
        ("to, none", Filter { to: some("nobody@contoso"), ..none() }, 0),
        ("subject, one", Filter { subject: some(&subject), ..none() }, 1),
        ("subject, all", Filter { subject: some("about an ORDER"), ..none() }, 50),
        ("text, one", Filter { text: some(&key), ..none() }, 1),
        ("text, one in 256", Filter { text: some("please confirm"), ..none() }, 50),
        ("text, none of common parts", Filter { text: some("orderpayment"), ..none() }, 0),
        // Every trigram is in nearly every message, the whole in none: this is as bad as it gets.
        ("text, one word seven times", Filter { text: some(&sevenfold), ..none() }, 0),
        ("text, two letters", Filter { text: some("ey"), ..none() }, 50),
        ("subject, two letters, none", Filter { subject: some("zq"), ..none() }, 0),
        ("connector, all", Filter { connector: some("EX01\\Default Frontend EX01"), ..none() }, 50),
        ("connector, few", Filter { connector: some("EX01\\Rare"), ..none() }, 10),
        ("identity", Filter { identity: some("CONTOSO\\alice"), ..none() }, 50),
        ("session", Filter { session: some(&session), ..none() }, 1),
        ("since", Filter { since: at(number - 10), ..none() }, 10),
        ("until", Filter { until: at(10), ..none() }, 10),
        ("between", Filter { since: at(middle), until: at(middle + 10), ..none() }, 10),
        ("after", Filter { after: Some(number - 10), ..none() }, 10),
        (
            "identity and text",
            Filter { identity: some("CONTOSO\\alice"), text: some("please confirm"), ..none() },
            50,
        ),
        ("from and to, none", Filter { from: some("user77@"), to: some("r8@"), ..none() }, 0),
        ("from and to", Filter { from: some("user77@"), to: some("@contoso"), ..none() }, 50),
    ];
    let mut slow = Vec::new();
    for (name, filter, expected) in cases {
        let mut worst = Duration::ZERO;
        for _ in 0..ROUNDS {
            let start = Instant::now();
            let listed = store.list(&filter, Page::default()).unwrap();
            worst = worst.max(start.elapsed());
            if number == MESSAGES {
                assert_eq!(listed.messages.len(), expected, "{name}");
            }
        }
        println!("{worst:>9.1?} {name}");
        if worst > SOON {
            slow.push(name);
        }
    }
    let deep = Page { past: Some(middle), ..Page::default() };
    let start = Instant::now();
    store.list(&Filter::default(), deep).unwrap();
    println!("{:>9.1?} a page from the middle", start.elapsed());
    assert_eq!(slow, [""; 0]);
}
