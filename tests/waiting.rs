//! Waiting for messages: each waiter gets its own, at once, and none misses.

use std::collections::HashSet;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use expsd::ExchangeServer;
use expsd::capture::{Capture, Filter, Waited};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

const PATIENCE: Duration = Duration::from_secs(60);

/// Takes every message at once from everybody.
const RELAY: &str = r#"
    [[ReceiveConnector]]
    Name = "Relay"
    TransportRole = "FrontendTransport"
    Bindings = "127.0.0.1:0"
    PermissionGroups = "AnonymousUsers"
    MaxInboundConnection = "unlimited"
    MaxInboundConnectionPerSource = "unlimited"
"#;

async fn relay() -> ExchangeServer {
    start(RELAY).await
}

/// One that keeps its messages in a database, and the folder of that.
async fn relay_with_database() -> (ExchangeServer, tempfile::TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("mail.db");
    let toml = format!("[capture]\nstore = \"sqlite:{}\"\n{RELAY}", file.display());
    (start(&toml).await, folder)
}

async fn start(toml: &str) -> ExchangeServer {
    ExchangeServer::builder().configuration(toml).unwrap().start().await.unwrap()
}

struct Client(BufReader<TcpStream>);

impl Client {
    async fn connect(address: SocketAddr) -> Self {
        let mut client = Self(BufReader::new(TcpStream::connect(address).await.unwrap()));
        client.expect("220 ").await;
        client.command("HELO client.test", "250 ").await;
        client
    }

    async fn command(&mut self, command: &str, reply: &str) {
        self.0.write_all(format!("{command}\r\n").as_bytes()).await.unwrap();
        self.expect(reply).await;
    }

    async fn expect(&mut self, start: &str) {
        let mut reply = String::new();
        self.0.read_line(&mut reply).await.unwrap();
        assert!(reply.starts_with(start), "{reply}");
    }

    /// Returns when the 250 has come.
    async fn deliver(&mut self, to: &str, subject: &str) {
        self.command("MAIL FROM:<bob@fabrikam.test>", "250 ").await;
        self.command(&format!("RCPT TO:<{to}>"), "250 ").await;
        self.command("DATA", "354 ").await;
        self.command(&format!("Subject: {subject}\r\n\r\nText of {subject}.\r\n."), "250 ").await;
    }
}

fn to(address: &str) -> Filter {
    Filter { to: Some(address.to_owned()), ..Filter::default() }
}

async fn wait(capture: &Capture, filter: &Filter, time: Duration) -> Waited {
    capture.wait(filter, Instant::now() + time).await.unwrap()
}

fn found(waited: Waited) -> String {
    match waited {
        Waited::Found(kept) => kept.message.digest.subject.clone(),
        Waited::Late(instead) => panic!("it did not come; instead: {instead:?}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hundred_waiters_each_get_their_own() {
    each_waiter_gets_its_own(relay().await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hundred_waiters_each_get_their_own_from_a_database() {
    let (server, _folder) = relay_with_database().await;
    each_waiter_gets_its_own(server).await;
}

/// A hundred waiters, each for a message of its own among 10,000, which come in twenty sessions
/// at once.
async fn each_waiter_gets_its_own(server: ExchangeServer) {
    const WAITERS: usize = 100;
    const SESSIONS: usize = 20;
    const MESSAGES: usize = 10_000;
    const SOON: Duration = Duration::from_millis(50);

    let address = server.address("Relay").unwrap();
    let capture = server.capture();
    let mut waiters = JoinSet::new();
    for waiter in 0..WAITERS {
        let capture = Arc::clone(capture);
        waiters.spawn(async move {
            let subject = format!("for waiter {waiter}.");
            let mine = Filter { subject: Some(subject.clone()), ..to("alice@contoso.test") };
            assert_eq!(found(wait(&capture, &mine, PATIENCE).await), subject);
            (waiter, Instant::now())
        });
    }
    let mut senders = JoinSet::new();
    for session in 0..SESSIONS {
        senders.spawn(async move {
            let mut client = Client::connect(address).await;
            let mut sent = Vec::new();
            for number in (session..MESSAGES).step_by(SESSIONS) {
                // The waiters' messages are spread over all the others.
                let waiter =
                    (number % (MESSAGES / WAITERS) == 0).then(|| number * WAITERS / MESSAGES);
                match waiter {
                    None => client.deliver("alice@contoso.test", "for nobody").await,
                    Some(waiter) => {
                        let subject = format!("for waiter {waiter}.");
                        client.deliver("alice@contoso.test", &subject).await;
                        sent.push((waiter, Instant::now()));
                    }
                }
            }
            sent
        });
    }
    let sent: Vec<(usize, Instant)> = senders.join_all().await.concat();
    let woken = waiters.join_all().await;
    assert_eq!(capture.totals().accepted, MESSAGES as u64);
    let mut delays: Vec<_> = woken
        .iter()
        .map(|(waiter, at)| {
            let (_, sent) = sent.iter().find(|(of, _)| of == waiter).unwrap();
            at.saturating_duration_since(*sent)
        })
        .collect();
    delays.sort_unstable();
    let p99 = delays[WAITERS * 99 / 100 - 1];
    println!("p99 {p99:?} after the 250, median {:?}", delays[WAITERS / 2]);
    assert!(p99 < SOON, "{p99:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn going_on_from_a_number_misses_nothing() {
    nothing_is_missed(relay().await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn going_on_from_a_number_misses_nothing_in_a_database() {
    let (server, _folder) = relay_with_database().await;
    nothing_is_missed(server).await;
}

/// Whoever goes on from the number of the last message sees all, though they come faster, and
/// several at once.
async fn nothing_is_missed(server: ExchangeServer) {
    const SESSIONS: usize = 10;
    const MESSAGES: usize = 500;

    let address = server.address("Relay").unwrap();
    let mut senders = JoinSet::new();
    for session in 0..SESSIONS {
        senders.spawn(async move {
            let mut client = Client::connect(address).await;
            for number in (session..MESSAGES).step_by(SESSIONS) {
                client.deliver("alice@contoso.test", &number.to_string()).await;
            }
        });
    }
    let (mut after, mut seen) = (0, HashSet::new());
    while seen.len() < MESSAGES {
        let filter = Filter { after: Some(after), ..Filter::default() };
        let Waited::Found(kept) = wait(server.capture(), &filter, PATIENCE).await else {
            panic!("after {after}, {} are missing", MESSAGES - seen.len())
        };
        assert!(kept.number > after);
        assert!(seen.insert(kept.message.digest.subject.clone()));
        after = kept.number;
    }
    senders.join_all().await;
}

/// An address that another begins with, or ends in, is another's.
#[tokio::test(flavor = "multi_thread")]
async fn nobody_gets_the_mail_of_an_address_like_his() {
    let (database, _folder) = relay_with_database().await;
    for server in [relay().await, database] {
        let capture = Arc::clone(server.capture());
        let waiting = tokio::spawn(async move { wait(&capture, &to("alice@"), PATIENCE).await });
        let mut client = Client::connect(server.address("Relay").unwrap()).await;
        client.deliver("malice@contoso.test", "not hers").await;
        client.deliver("u11@contoso.test", "not hers either").await;
        client.deliver("Alice@contoso.test", "hers").await;
        assert_eq!(found(waiting.await.unwrap()), "hers");
        let capture = server.capture();
        for part in ["alice@contoso.test", "ALICE@", "alice@con"] {
            assert_eq!(found(wait(capture, &to(part), PATIENCE).await), "hers", "{part}");
        }
        for part in ["1@contoso.test", "lice@"] {
            let waited = wait(capture, &to(part), Duration::ZERO).await;
            assert!(matches!(waited, Waited::Late(_)), "{part}");
        }
    }
}

#[tokio::test]
async fn what_is_there_is_given_at_once() {
    let server = relay().await;
    let mut client = Client::connect(server.address("Relay").unwrap()).await;
    client.deliver("alice@contoso.test", "first").await;
    client.deliver("Carol@contoso.test", "second").await;
    client.deliver("alice@contoso.test", "third").await;
    let capture = server.capture();
    assert_eq!(found(wait(capture, &to("ALICE@"), PATIENCE).await), "third");
    let next = Filter { after: Some(0), ..to("alice@") };
    assert_eq!(found(wait(capture, &next, PATIENCE).await), "first");

    let too_late = wait(capture, &Filter { after: Some(1), ..to("bob@") }, Duration::ZERO).await;
    let Waited::Late(instead) = too_late else { panic!("{too_late:?}") };
    let subjects: Vec<_> = instead.iter().map(|message| &message.subject[..]).collect();
    assert_eq!(subjects, ["third", "second"]);
}

/// A message that comes while somebody begins to wait is not lost between looking and waiting.
#[tokio::test(flavor = "multi_thread")]
async fn beginning_to_wait_loses_nothing() {
    const ROUNDS: usize = 300;

    let server = relay().await;
    let mut client = Client::connect(server.address("Relay").unwrap()).await;
    let mut seen = HashSet::new();
    for round in 0..ROUNDS {
        let recipient = format!("r{round}@contoso.test");
        let capture = Arc::clone(server.capture());
        let filter = to(&recipient);
        let waiting = tokio::spawn(async move { wait(&capture, &filter, PATIENCE).await });
        client.deliver(&recipient, &round.to_string()).await;
        assert!(seen.insert(found(waiting.await.unwrap())));
    }
}
