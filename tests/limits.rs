//! Limits on connections and messages over real sockets: the documented reply and event, and
//! that one source does not pay for another.

mod support;

use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use expsd::ExchangeServer;
use socket2::{Domain, Socket, Type};
use support::{Client, Daemon, wait_until};
use tokio::io::{AsyncReadExt as _, DuplexStream};

const TOO_MANY: &str = "421 4.3.2 The maximum number of concurrent connections has exceeded a limit, closing transmission channel";

/// A connector called `a` for anybody, with more settings.
fn start(settings: &str) -> Daemon {
    Daemon::start(&configuration(settings), &[])
}

fn configuration(settings: &str) -> String {
    format!(
        "[[ReceiveConnector]]\nName = \"a\"\nBindings = \"127.0.0.1:0\"\n\
         PermissionGroups = \"AnonymousUsers\"\nTarpitInterval = \"00:00:00\"\n{settings}\n"
    )
}

/// Connects from an address of this machine.
fn connect_by(source: [u8; 4], address: SocketAddr) -> Client {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    socket.bind(&SocketAddr::from((Ipv4Addr::from(source), 0)).into()).unwrap();
    socket.connect(&address.into()).unwrap();
    let stream = TcpStream::from(socket);
    stream.set_read_timeout(Some(support::PATIENCE)).unwrap();
    Client::over(stream)
}

/// Connects as often as the daemon takes it, and gives the connections and the refusal.
fn fill(mut connect: impl FnMut() -> Client) -> (Vec<Client>, String) {
    let mut taken = Vec::new();
    loop {
        let mut client = connect();
        let greeting = client.reply();
        if !greeting.starts_with("220 ") {
            assert!(client.is_closed());
            return (taken, greeting);
        }
        taken.push(client);
    }
}

#[test]
fn a_source_has_no_more_connections_than_its_limit() {
    let daemon = start("MaxInboundConnectionPerSource = 3");
    let address = daemon.address("a");
    let from = |source| fill(|| connect_by(source, address));
    let (first, refusal) = from([127, 0, 0, 1]);
    assert_eq!((first.len(), refusal.as_str()), (3, TOO_MANY));
    let event = daemon.wait_for_log("event=1021");
    let text = "Receive connector a rejected an incoming connection from IP address 127.0.0.1. The \
                maximum number of connections per source (3) for this connector has been reached by \
                this source IP address.";
    assert!(event.contains(text), "{event}");
    daemon.wait_for_log("refused: MaxInboundConnectionPerSource (3) is reached");

    let (other, _) = from([127, 1, 2, 3]);
    assert_eq!(other.len(), 3, "another source has places of its own");

    drop(first);
    let again = wait_until(|| {
        let mut client = connect_by([127, 0, 0, 1], address);
        client.reply().starts_with("220 ").then_some(client)
    });
    drop((again, other));
}

/// Whoever hangs up and comes back at once finds his own places free.
#[test]
fn who_has_gone_does_not_count() {
    let daemon = start("MaxInboundConnectionPerSource = 3");
    let connect = || Client::connect_silently(daemon.address("a"));
    for round in 0..30 {
        let gone = [(); 3].map(|()| connect());
        for mut client in gone {
            let greeting = client.reply();
            assert!(greeting.starts_with("220 "), "round {round}: {greeting}");
        }
    }
    // The last reply is written, and the client lets the connection stand.
    let mut quitting = [(); 3].map(|()| connect());
    for client in &mut quitting {
        assert!(client.reply().starts_with("220 "));
        assert!(client.command("QUIT").starts_with("221 "));
    }
    assert!(connect().reply().starts_with("220 "));
}

#[test]
fn without_a_limit_a_source_has_what_there_is() {
    let unlimited = "MaxInboundConnectionPerSource = \"unlimited\"\nMaxInboundConnectionPercentagePerSource = 100\n";
    let daemon = start(&format!("{unlimited}MaxInboundConnection = 40"));
    let (taken, refusal) = fill(|| Client::connect_silently(daemon.address("a")));
    assert_eq!(taken.len(), 40);
    assert!(refusal.starts_with("421 4.3.2 The maximum number of concurrent server connections "));
    daemon.wait_for_log("event=1009");
}

#[test]
fn a_share_of_what_is_left_shrinks_as_others_come() {
    let daemon = start(
        "MaxInboundConnection = 20\nMaxInboundConnectionPercentagePerSource = 20\n\
         [proxy_protocol]\ntrust = [\"127.0.0.0/8\"]",
    );
    let address = daemon.address("a");
    let from = |source: String| {
        fill(|| {
            let mut client = Client::connect_silently(address);
            client.send(&format!("PROXY TCP4 {source} 127.0.0.1 40000 25"));
            client
        })
    };
    let (idle, refusal) = from("10.0.0.1".to_owned());
    assert_eq!((idle.len(), refusal.as_str()), (4, TOO_MANY));
    daemon.wait_for_log("maximum number of connections per source (4)");
    daemon.wait_for_log("MaxInboundConnectionPercentagePerSource (20 % of 20, which others leave)");

    let others: Vec<_> =
        (2..8).map(|n| Client::connect_from(address, &format!("10.0.0.{n}"))).collect();
    let (busy, _) = from("10.0.1.1".to_owned());
    assert_eq!(busy.len(), 2, "20 % of the ten that are left");
    drop((idle, others));
}

#[test]
fn sources_that_a_proxy_states_count_for_themselves() {
    let daemon =
        start("MaxInboundConnectionPerSource = 1\n[proxy_protocol]\ntrust = [\"127.0.0.0/8\"]");
    let address = daemon.address("a");
    let _held: Vec<_> = ["10.0.0.1", "10.0.0.2", "10.0.0.3"]
        .map(|source| Client::connect_from(address, source))
        .into();
    let mut second = Client::connect_silently(address);
    second.send("PROXY TCP4 10.0.0.1 127.0.0.1 40000 25");
    assert_eq!(second.reply(), TOO_MANY);
    daemon.wait_for_log("from IP address 10.0.0.1.");
}

#[tokio::test]
async fn ipv6_sources_are_counted_alike() {
    let toml = configuration("MaxInboundConnectionPerSource = 1").replace("127.0.0.1:0", "[::]:25");
    let server = ExchangeServer::builder().configuration(&toml).unwrap().start().await.unwrap();
    let local = "[::]:25".parse().unwrap();
    let connect = |remote: &str| server.connect(local, remote.parse().unwrap());
    let mut held = Vec::new();
    for source in ["[2001:db8::1]:1", "[2001:db8::2]:1", "[fe80::1%3]:1", "[fe80::1%4]:1"] {
        let mut connection = connect(source);
        assert!(greeting(&mut connection).await.starts_with("220 "), "{source}");
        held.push(connection);
        assert!(greeting(&mut connect(source)).await.starts_with(TOO_MANY), "{source}");
    }
}

async fn greeting(stream: &mut DuplexStream) -> String {
    let mut octets = [0; 512];
    let read = tokio::time::timeout(support::PATIENCE, stream.read(&mut octets)).await;
    String::from_utf8_lossy(&octets[..read.unwrap().unwrap()]).into_owned()
}

#[test]
fn a_server_of_the_organization_does_not_count_for_its_address() {
    let toml = configuration("MaxInboundConnectionPerSource = 1\nAuthMechanism = \"BasicAuth\"")
        .replace("AnonymousUsers", "AnonymousUsers, ExchangeServers")
        + "[[account]]\nname = 'CONTOSO\\EX02$'\npassword = \"x\"\nmember_of = [\"Exchange Servers\"]\n";
    let daemon = Daemon::start(&toml, &[]);
    let address = daemon.address("a");
    let mut server = Client::connect(address);
    server.ehlo();
    server.command("AUTH LOGIN RVgwMiQ=");
    assert!(server.command("eA==").starts_with("235 "));
    let (others, refusal) = fill(|| Client::connect_silently(address));
    assert_eq!((others.len(), refusal.as_str()), (1, TOO_MANY));
    assert_eq!(server.command("NOOP"), "250 2.0.0 OK");
}

#[test]
fn messages_beyond_the_rate_end_the_session_and_no_other_sources() {
    let daemon = start("MessageRateLimit = 2\nMessageRateSource = \"IPAddress\"");
    let address = daemon.address("a");
    let greeted = |source| {
        let mut client = connect_by(source, address);
        client.reply();
        client.ehlo();
        client
    };
    let mut client = greeted([127, 0, 0, 1]);
    for _ in 0..2 {
        let delivered = client.deliver("a@fabrikam.test", "alice@contoso.test");
        assert!(delivered.starts_with("250 2.6.0 "), "{delivered}");
    }
    let refusal =
        "421 4.4.2 Message submission rate for this client has exceeded the configured limit";
    assert_eq!(client.command("MAIL FROM:<b@fabrikam.test>"), refusal);
    assert!(client.is_closed());
    daemon.wait_for_log(
        "more messages in a minute than MessageRateLimit allows (2), counted by 127.0.0.1",
    );
    assert_eq!(greeted([127, 0, 0, 1]).command("MAIL FROM:<c@fabrikam.test>"), refusal);
    let other = greeted([127, 0, 0, 2]).deliver("a@fabrikam.test", "alice@contoso.test");
    assert!(other.starts_with("250 2.6.0 "), "{other}");
}

#[test]
fn an_account_is_counted_wherever_it_comes_from() {
    let toml = "[[ReceiveConnector]]\nName = \"a\"\nBindings = \"127.0.0.1:0\"\nUsage = \"Client\"\n\
                AuthMechanism = \"BasicAuth\"\nTarpitInterval = \"00:00:00\"\n\
                MessageRateLimit = 5\nMessageRateSource = \"User\"\n";
    let daemon = Daemon::start(toml, &[]);
    let mut replies = Vec::new();
    for source in 1..=3 {
        let mut client = connect_by([127, 0, 0, source], daemon.address("a"));
        client.reply();
        client.ehlo();
        client.command("AUTH LOGIN YWxpY2U=");
        assert!(client.command("UGFzc3cwcmQh").starts_with("235 "));
        for _ in 0..2 {
            replies.push(client.command("MAIL FROM:<alice@contoso.test>")[..9].to_owned());
            client.command("RSET");
        }
    }
    assert_eq!(replies[..5], ["250 2.1.0"; 5]);
    assert_eq!(replies[5], "421 4.4.2", "the account is counted, wherever it comes from");
}

#[test]
fn shadow_redundancy_of_2010_holds_the_acknowledgement_back() {
    const DELAY: Duration = Duration::from_millis(300);
    let took = |version: &str, shadow: bool| {
        let settings = "MaxAcknowledgementDelay = \"00:00:00.300\"";
        let toml = format!(
            "[Server]\nVersion = \"{version}\"\n{}[TransportConfig]\nShadowRedundancyEnabled = {shadow}\n",
            configuration(settings)
        );
        let daemon = Daemon::start(&toml, &[]);
        let mut client = Client::connect(daemon.address("a"));
        client.ehlo();
        let start = Instant::now();
        assert!(client.deliver("a@fabrikam.test", "alice@contoso.test").starts_with("250 2.6.0 "));
        let took = start.elapsed();
        if shadow && version == "2010" {
            daemon.wait_for_log("MaxAcknowledgementDelay");
        } else {
            assert!(!daemon.log().contains("MaxAcknowledgementDelay"));
        }
        took
    };
    assert!(took("2010", true) >= DELAY);
    took("2010", false);
    took("2016", true);
}
