//! What got its 250 is on disk, however the daemon ends; and how it ends when asked to.

mod support;

use std::collections::HashMap;
use std::io::{self, BufRead as _, BufReader, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use expsd::capture::{Capture, Limits, Settings};
use support::{Client, Daemon, Kept, PATIENCE, http, kept, wait_until};

const RELAY: &str = r#"
    [[ReceiveConnector]]
    Name = "Relay"
    TransportRole = "FrontendTransport"
    Bindings = "127.0.0.1:0"
    PermissionGroups = "AnonymousUsers"
"#;

const START_DATA: [&str; 4] =
    ["EHLO client.test", "MAIL FROM:<bob@fabrikam.test>", "RCPT TO:<alice@contoso.test>", "DATA"];

/// A client in the middle of its message.
fn sending(address: SocketAddr) -> Client {
    let mut client = Client::connect(address);
    let replies = START_DATA.map(|command| client.command(command));
    assert!(replies[3].starts_with("354 "), "{replies:?}");
    client.send("Subject: in flight");
    client
}

const CLIENTS: usize = 8;
const BEFORE_THE_END: usize = 200;

/// Clients that send as long as they can, numbered from `first`, and the contents of what got
/// its 250.
fn load(address: SocketAddr, first: usize) -> mpsc::Receiver<String> {
    let (acknowledge, acknowledged) = mpsc::channel();
    for client in first..first + CLIENTS {
        let acknowledge = acknowledge.clone();
        thread::spawn(move || deliver_until_cut(address, client, &acknowledge));
    }
    acknowledged
}

#[test]
fn what_was_acknowledged_survives_kill_9() {
    let folder = tempfile::tempdir().unwrap();
    let arguments = ["--capture", folder.path().to_str().unwrap()];
    let mut daemon = Daemon::start(RELAY, &arguments);
    let acknowledged = load(daemon.address("Relay"), 0);
    let mut sent: Vec<String> = acknowledged.iter().take(BEFORE_THE_END).collect();
    // Whoever looks while messages come in sees whole ones, too.
    whole(folder.path());
    daemon.signal("-KILL");
    sent.extend(acknowledged);
    daemon.wait();
    assert!(sent.len() >= BEFORE_THE_END);

    // The daemon that comes next takes the folder as it was left.
    let next = Daemon::start(RELAY, &arguments);
    let mut client = Client::connect(next.address("Relay"));
    client.ehlo();
    assert!(client.deliver("bob@fabrikam.test", "alice@contoso.test").starts_with("250 2.6.0 "));

    let kept = whole(folder.path());
    let kept: HashMap<_, _> = kept
        .iter()
        .map(|message| (message.facts["message_id"].as_str().unwrap(), &message.content[..]))
        .collect();
    are_all_there(&sent, &kept);
    let names = std::fs::read_dir(folder.path()).unwrap();
    let names = names.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    assert_eq!(names.filter(|name| name.ends_with(".tmp")).collect::<Vec<_>>(), [""; 0]);
}

/// Killed three times over, each time in the middle of what the clients send.
#[test]
fn what_was_acknowledged_survives_kill_9_in_a_database() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("mail.db");
    let argument = format!("sqlite:{}", file.display());
    let mut sent = Vec::new();
    for round in 0..3 {
        let mut daemon = Daemon::start(RELAY, &["--capture", &argument]);
        let acknowledged = load(daemon.address("Relay"), round * CLIENTS);
        sent.extend(acknowledged.iter().take(BEFORE_THE_END));
        daemon.signal("-KILL");
        sent.extend(acknowledged);
        daemon.wait();
    }
    assert!(sent.len() >= 3 * BEFORE_THE_END);

    let settings = Settings { database: Some(file), limits: Limits::DISK, folder: None };
    let kept = Capture::open(&settings).unwrap().messages();
    assert!(kept.iter().all(|message| message.octets == message.content.len() as u64));
    let kept: HashMap<_, _> =
        kept.iter().map(|message| (&message.message_id[..], &message.content[..])).collect();
    are_all_there(&sent, &kept);
}

fn are_all_there(sent: &[String], kept: &HashMap<&str, &[u8]>) {
    for content in sent {
        let id = content.lines().next().unwrap().strip_prefix("Message-ID: ").unwrap();
        let kept = kept.get(id).unwrap_or_else(|| panic!("{id} got its 250 and is gone"));
        assert!(*kept == content.as_bytes(), "{id} differs from what was sent");
    }
}

/// The messages in `folder`, none of them there in part.
fn whole(folder: &Path) -> Vec<Kept> {
    let kept = kept(folder);
    for message in &kept {
        assert_eq!(message.facts["octets"], message.content.len());
    }
    kept
}

/// Sends messages on one connection for as long as it holds; hands out those that got their 250.
fn deliver_until_cut(address: SocketAddr, client: usize, acknowledge: &mpsc::Sender<String>) {
    let Ok(mut connection) = connect(address) else { return };
    for number in 0.. {
        let message = message(client, number);
        // Nobody listens any more once the test has failed.
        if deliver(&mut connection, &message).is_err() || acknowledge.send(message).is_err() {
            return;
        }
    }
}

/// Of any size up to some reads of the server, some lines beginning with a dot.
fn message(client: usize, number: usize) -> String {
    let body = ".A dot.\r\nText.\r\n".repeat((client * 97 + number * 31) % 2_000);
    format!("Message-ID: <{client}.{number}@client.test>\r\n\r\n{body}")
}

fn connect(address: SocketAddr) -> io::Result<BufReader<TcpStream>> {
    let stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    let mut connection = BufReader::new(stream);
    expect(&mut connection, "220 ")?;
    connection.get_mut().write_all(b"HELO client.test\r\n")?;
    expect(&mut connection, "250 ")?;
    Ok(connection)
}

fn deliver(connection: &mut BufReader<TcpStream>, message: &str) -> io::Result<()> {
    for (command, reply) in START_DATA.iter().skip(1).zip(["250 ", "250 ", "354 "]) {
        connection.get_mut().write_all(format!("{command}\r\n").as_bytes())?;
        expect(connection, reply)?;
    }
    let stuffed = message.replace("\n.", "\n..");
    connection.get_mut().write_all(format!("{stuffed}.\r\n").as_bytes())?;
    expect(connection, "250 ")
}

/// Reads a reply of one line. One that was cut short counts for nothing.
fn expect(connection: &mut BufReader<TcpStream>, start: &str) -> io::Result<()> {
    let mut reply = String::new();
    connection.read_line(&mut reply)?;
    let whole = reply.starts_with(start) && reply.ends_with("\r\n");
    whole.then_some(()).ok_or_else(|| io::Error::other(reply))
}

#[test]
fn sigterm_lets_the_message_in_flight_end() {
    for signal in ["-TERM", "-INT"] {
        let folder = tempfile::tempdir().unwrap();
        let mut daemon = Daemon::start(RELAY, &["--capture", folder.path().to_str().unwrap()]);
        let address = daemon.address("Relay");
        let mut client = sending(address);
        let mut idle = Client::connect(address);
        daemon.signal(signal);
        assert_eq!(idle.reply(), "421 4.3.2 Service not available");
        wait_until(|| TcpStream::connect(address).is_err().then_some(()));
        let reply = client.command("\r\nText.\r\n.");
        assert!(reply.starts_with("250 2.6.0 "), "{reply}");
        assert_eq!(client.reply(), "421 4.3.2 Service not available");
        assert!(daemon.wait().success());
        assert_eq!(kept(folder.path())[0].content, b"Subject: in flight\r\n\r\nText.\r\n");
    }
}

/// Whoever copies the file then, without the log that stood beside it, has all.
#[test]
fn after_sigterm_the_database_is_one_file() {
    let folder = tempfile::tempdir().unwrap();
    let argument = format!("sqlite:{}", folder.path().join("mail.db").display());
    let mut daemon = Daemon::start(RELAY, &["--capture", &argument]);
    let mut client = Client::connect(daemon.address("Relay"));
    client.ehlo();
    client.deliver("bob@fabrikam.test", "alice@contoso.test");
    let list = http(daemon.http(), "GET", "/api/v1/messages", &[], "");
    assert!(list.body.contains("alice@contoso.test"), "{}", list.body);
    daemon.signal("-TERM");
    assert!(daemon.wait().success());
    let names = std::fs::read_dir(folder.path()).unwrap();
    let names = names.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    assert_eq!(names.collect::<Vec<_>>(), ["mail.db"]);
}

#[test]
fn a_second_sigterm_ends_at_once() {
    // An end of its own accord would take the grace of 30 seconds.
    const AT_ONCE: Duration = Duration::from_secs(10);

    let mut daemon = Daemon::start(RELAY, &[]);
    let mut client = sending(daemon.address("Relay"));
    daemon.signal("-TERM");
    daemon.wait_for_log("stopping");
    let start = Instant::now();
    daemon.signal("-TERM");
    daemon.wait();
    assert!(start.elapsed() < AT_ONCE);
    assert!(client.is_closed());
}
