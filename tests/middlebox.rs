//! `expsd middlebox` between real programs and a real daemon.

mod support;

use std::fs::File;
use std::io::{self, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::time::Instant;

use support::{Client, Daemon, PATIENCE, run, tool, wait_until};
use tempfile::TempDir;

const TOML: &str = r#"
    [[ReceiveConnector]]
    Name = "Default Frontend EX01"
    TransportRole = "FrontendTransport"
    Bindings = "127.0.0.1:0"
    AuthMechanism = "Tls, Integrated, BasicAuth, BasicAuthRequireTLS, ExchangeServer"
    PermissionGroups = "AnonymousUsers, ExchangeServers, ExchangeLegacyServers"
    MaxInboundConnection = "unlimited"
    MaxInboundConnectionPerSource = "unlimited"
    TarpitInterval = "00:00:00"
"#;
const CONNECTOR: &str = "Default Frontend EX01";

/// `expsd middlebox` as a process of its own, on a free port.
struct Firewall {
    child: Child,
    dir: TempDir,
    address: SocketAddr,
    typed: Option<ChildStdin>,
}

impl Firewall {
    fn start(upstream: SocketAddr, mode: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let log = File::create(dir.path().join("log")).unwrap();
        Self::start_in(dir, upstream, mode, log.into())
    }

    /// Its log goes to `stdout`.
    fn start_in(dir: TempDir, upstream: SocketAddr, mode: &str, stdout: Stdio) -> Self {
        let path = |name: &str| dir.path().join(name);
        let mut child = Command::new(env!("CARGO_BIN_EXE_expsd"))
            .args(["middlebox", "--listen", "127.0.0.1:0", "--mode", mode])
            .args(["--upstream", &upstream.to_string()])
            .arg("--ready-file")
            .arg(path("ready.json"))
            .stdin(Stdio::piped())
            .stdout(stdout)
            .stderr(File::create(path("said")).unwrap())
            .spawn()
            .unwrap();
        let ready = wait_until(|| std::fs::read(path("ready.json")).ok());
        let ready: serde_json::Value = serde_json::from_slice(&ready).unwrap();
        assert_eq!(ready["upstream"], upstream.to_string());
        assert_eq!(ready["mode"], mode);
        assert_eq!(ready["pid"], child.id());
        let address = ready["listen"].as_str().unwrap().parse().unwrap();
        let typed = child.stdin.take();
        Self { child, dir, address, typed }
    }

    fn file(&self, name: &str) -> String {
        std::fs::read_to_string(self.dir.path().join(name)).unwrap()
    }

    /// Waits until the log holds `text`, and gives it.
    fn log_with(&self, text: &str) -> String {
        wait_until(|| Some(self.file("log")).filter(|log| log.contains(text)))
    }

    fn switch(&mut self, mode: &str) {
        writeln!(self.typed.as_mut().unwrap(), "{mode}").unwrap();
        let said = format!("new connections meet {mode}\n");
        wait_until(|| self.file("said").contains(&said).then_some(()));
    }

    fn terminate(mut self) -> ExitStatus {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
        wait_until(|| self.child.try_wait().unwrap())
    }
}

impl Drop for Firewall {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Whether the connection ends, in order or by a reset.
fn is_gone(mut stream: &TcpStream) -> bool {
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    matches!(stream.read(&mut [0; 100]), Ok(0) | Err(_))
}

#[test]
fn behind_a_pix_there_are_no_extensions() {
    let daemon = Daemon::start(TOML, &[]);
    let firewall = Firewall::start(daemon.address(CONNECTOR), "pix");
    let mut client = Client::connect_silently(firewall.address);
    let banner = client.reply();
    assert!(banner.starts_with("220 **0**"), "{banner}");
    assert_eq!(client.command("EHLO ex02.contoso.test"), "500 5.3.3 Unrecognized command");
    let hello = client.command("HELO ex02.contoso.test");
    assert_eq!(hello, "250 ex01.contoso.test Hello [127.0.0.1]");
    assert_eq!(client.command("X-EXPS GSSAPI"), "500 5.3.3 Unrecognized command");
    let kept = client.deliver("bob@fabrikam.test", "alice@contoso.test");
    assert!(kept.starts_with("250 2.6.0 "), "{kept}");
    let log = firewall.log_with("X-EXPS");
    assert_eq!(
        log.lines().collect::<Vec<_>>(),
        ["the banner", "EHLO", "X-EXPS"].map(|what| {
            format!("%PIX-2-108002: SMTP replaced string: out 127.0.0.1 in 127.0.0.1 data: {what}")
        })
    );
}

#[test]
fn behind_an_asa_the_keywords_of_exchange_are_masked() {
    let daemon = Daemon::start(TOML, &[]);
    let firewall = Firewall::start(daemon.address(CONNECTOR), "asa");
    let mut client = Client::connect_silently(firewall.address);
    let banner = client.reply();
    assert!(banner[4..].bytes().all(|octet| octet == b'*'), "{banner}");
    let direct = Client::connect(daemon.address(CONNECTOR)).ehlo();
    let masked = client.ehlo();
    let mut changed = direct.iter().zip(&masked).filter(|(was, is)| was != is);
    for (was, is) in [
        ("STARTTLS", "XXXXXXXA"),
        ("X-ANONYMOUSTLS", "XXXXXXXXXXXXXB"),
        ("X-EXPS GSSAPI NTLM", "XXXXXXXXXXXXXXXXXC"),
        ("CHUNKING", "XXXXXXXD"),
        ("SMTPUTF8", "XXXXXXXE"),
        ("XRDST", "XXXXF"),
    ] {
        assert_eq!(changed.next(), Some((&was.to_owned(), &is.to_owned())));
    }
    assert_eq!(changed.next(), None);
    for verb in ["STARTTLS", "X-ANONYMOUSTLS", "X-EXPS NTLM", "BDAT 2 LAST"] {
        assert_eq!(client.command(verb), "500 5.3.3 Unrecognized command", "{verb}");
    }
    let kept = client.deliver("bob@fabrikam.test", "alice@contoso.test");
    assert!(kept.starts_with("250 2.6.0 "), "{kept}");
}

/// More lines than a pipe holds, 64 KiB.
#[test]
fn whoever_does_not_read_its_log_stops_no_connection() {
    let daemon = Daemon::start(TOML, &[]);
    let (_unread, log) = io::pipe().unwrap();
    let dir = tempfile::tempdir().unwrap();
    let firewall = Firewall::start_in(dir, daemon.address(CONNECTOR), "asa", log.into());
    let mut client = Client::connect(firewall.address);
    for _ in 0..300 {
        assert!(client.ehlo().contains(&"XXXXXXXA".to_owned()));
    }
    let since = Instant::now();
    assert!(firewall.terminate().success());
    assert!(since.elapsed() < PATIENCE / 3);
}

/// Cisco document 113423.
#[test]
fn what_is_typed_character_by_character_arrives_as_x() {
    let server = TcpListener::bind("127.0.0.1:0").unwrap();
    let firewall = Firewall::start(server.local_addr().unwrap(), "asa");
    let mut client = TcpStream::connect(firewall.address).unwrap();
    client.set_nodelay(true).unwrap();
    let mut server = server.accept().unwrap().0;
    for octet in b"EHLO\r\n" {
        client.write_all(&[*octet]).unwrap();
        // Each octet is a packet once it has arrived alone.
        let mut arrived = [0];
        server.read_exact(&mut arrived).unwrap();
        let expected = if octet.is_ascii_uppercase() { b'X' } else { *octet };
        assert_eq!(arrived, [expected]);
    }
}

#[test]
fn another_firewall_meets_new_connections() {
    let daemon = Daemon::start(TOML, &[]);
    let mut firewall = Firewall::start(daemon.address(CONNECTOR), "pix");
    let mut before = Client::connect(firewall.address);
    writeln!(firewall.typed.as_mut().unwrap(), "asa allow-tls").unwrap();
    firewall.switch("asa-allow-tls");
    assert!(firewall.file("said").contains("expected pix, asa, asa-allow-tls or none\n"));
    assert_eq!(before.command("EHLO a.test"), "500 5.3.3 Unrecognized command");
    let offers = Client::connect(firewall.address).ehlo();
    assert!(offers.contains(&"STARTTLS".to_owned()), "{offers:?}");
    assert!(!offers.contains(&"X-ANONYMOUSTLS".to_owned()), "{offers:?}");
    firewall.switch("none");
    let offers = Client::connect(firewall.address).ehlo();
    assert!(offers.contains(&"X-ANONYMOUSTLS".to_owned()), "{offers:?}");
    // Whoever no longer types keeps what there is.
    drop(firewall.typed.take());
    assert_eq!(Client::connect(firewall.address).ehlo(), offers);
}

#[test]
fn a_line_that_is_too_long_drops_the_connection() {
    let server = TcpListener::bind("127.0.0.1:0").unwrap();
    let firewall = Firewall::start(server.local_addr().unwrap(), "asa");
    let mut client = TcpStream::connect(firewall.address).unwrap();
    let mut server = server.accept().unwrap().0;
    let from = client.local_addr().unwrap().port();
    let to = server.local_addr().unwrap().port();
    server.write_all(b"354 go\r\n").unwrap();
    client.read_exact(&mut [0; 8]).unwrap();
    client.write_all(format!("Subject: {}\r\n", "a".repeat(990)).as_bytes()).unwrap();
    assert!(is_gone(&client) && is_gone(&server));
    let log = firewall.log_with("507003");
    let expected = format!(
        "%ASA-4-108004: ESMTP Classification: Dropped connection for ESMTP Request from \
         outside:127.0.0.1|{from} to inside:127.0.0.1|{to}; matched Class 4: header line length \
         gt 998\n\
         %ASA-4-507003: tcp flow from outside:127.0.0.1/{from} to inside:127.0.0.1/{to} \
         terminated by inspection engine, reason - inspector disconnected, dropped packet\n"
    );
    assert_eq!(log, expected);
}

#[test]
fn the_server_sees_the_address_of_the_client() {
    let daemon = Daemon::start(TOML, &[]);
    let firewall = Firewall::start(daemon.address(CONNECTOR), "none");
    let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
    socket.bind(&SocketAddr::from(([127, 0, 0, 77], 0)).into()).unwrap();
    socket.connect(&firewall.address.into()).unwrap();
    let mut client = Client::over(TcpStream::from(socket));
    client.reply();
    let hello = client.command("HELO a.test");
    assert_eq!(hello, "250 ex01.contoso.test Hello [127.0.0.77]");
}

#[test]
fn a_thousand_connections_at_a_time() {
    let daemon = Daemon::start(TOML, &[]);
    for mode in ["pix", "asa", "none"] {
        let firewall = Firewall::start(daemon.address(CONNECTOR), mode);
        let mut clients: Vec<_> =
            (0..1_000).map(|_| Client::connect_silently(firewall.address)).collect();
        for client in &mut clients {
            assert!(client.reply().starts_with("220 "));
            client.send("HELO a.test");
        }
        for client in &mut clients {
            assert!(client.reply().starts_with("250 "));
            client.send("QUIT");
        }
        for client in &mut clients {
            assert!(client.reply().starts_with("221 "));
            assert!(client.is_closed());
        }
    }
}

#[test]
fn a_server_that_is_not_there_is_told_of() {
    // Nobody else gets a port that is bound, and nobody listens there.
    let bound = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
    bound.bind(&SocketAddr::from(([127, 0, 0, 1], 0)).into()).unwrap();
    let nobody = bound.local_addr().unwrap().as_socket().unwrap();
    let firewall = Firewall::start(nobody, "asa");
    let client = TcpStream::connect(firewall.address).unwrap();
    assert!(is_gone(&client));
    let log = firewall.log_with("cannot be reached");
    let client = client.local_addr().unwrap();
    let told = format!("{client} was reset: {nobody} cannot be reached: Connection refused");
    assert!(log.starts_with(&told), "{log}");
}

#[test]
fn a_signal_ends_it_and_what_is_open() {
    let daemon = Daemon::start(TOML, &[]);
    let firewall = Firewall::start(daemon.address(CONNECTOR), "asa");
    let mut client = Client::connect(firewall.address);
    assert!(firewall.terminate().success());
    assert!(client.is_closed());
}

#[test]
fn what_cannot_be_is_said() {
    let holds = TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = holds.local_addr().unwrap().to_string();
    for (arguments, code, says) in [
        (&["--mode", "asa", "--listen", &taken][..], 1, "something listens there already"),
        (&["--mode", "asa", "--upstream", "mail.contoso.test"], 2, "expected HOST:PORT"),
        (&["--mode", "fixup"], 2, "expected pix, asa, asa-allow-tls or none"),
        (&[], 2, "--mode"),
    ] {
        let mut expsd = Command::new(env!("CARGO_BIN_EXE_expsd"));
        let ended = run(expsd.arg("middlebox").args(arguments), b"");
        assert_eq!(ended.status.code(), Some(code), "{}", ended.stderr);
        assert!(ended.stderr.contains(says), "{}", ended.stderr);
    }
}

/// But for the banner, where what is left of the date changes.
#[test]
fn the_dialogues_of_its_page_are_real() {
    let page = include_str!("../docs/middlebox.md");
    let daemon = Daemon::start(TOML, &[]);
    let mut dialogues = page.split("```\n").filter(|block| block.starts_with("S: "));
    for mode in ["pix", "asa"] {
        let firewall = Firewall::start(daemon.address(CONNECTOR), mode);
        let mut client = Client::connect_silently(firewall.address);
        assert!(client.reply().starts_with("220 "));
        let mut lines = dialogues.next().unwrap().lines().skip(1);
        while let Some(command) = lines.next() {
            let reply = client.command(command.strip_prefix("C: ").unwrap());
            for line in reply.lines() {
                assert_eq!(lines.next(), Some(&*format!("S: {line}")));
            }
        }
    }
}

mod clients {
    use super::*;

    const MESSAGE: &[u8] = b"Subject: hello\r\n\r\nText.\r\n";

    #[test]
    fn swaks_delivers_by_tls_where_that_passes() {
        let Some(swaks) = tool("swaks") else { return };
        let daemon = Daemon::start(TOML, &[]);
        for (mode, passes) in [("none", true), ("asa-allow-tls", true), ("asa", false)] {
            let firewall = Firewall::start(daemon.address(CONNECTOR), mode);
            let mut command = Command::new(&swaks);
            command
                .args(["--server", &firewall.address.to_string(), "--timeout", "20", "--tls"])
                .args(["--from", "bob@fabrikam.test", "--to", "alice@contoso.test"])
                .env("SWAKS_HOME", "/nonexistent");
            let sent = run(&mut command, b"");
            assert_eq!(sent.status.success(), passes, "{mode}: {}", sent.stdout);
            if mode == "asa-allow-tls" {
                firewall.log_with("%ASA-6-108007: TLS started on ESMTP session between client");
            }
        }
    }

    #[test]
    fn curl_delivers_by_tls_where_that_passes() {
        let Some(curl) = tool("curl") else { return };
        let daemon = Daemon::start(TOML, &[]);
        for (mode, tls, passes) in [
            ("none", true, true),
            ("asa-allow-tls", true, true),
            ("asa", true, false),
            ("asa", false, true),
            ("pix", false, true),
        ] {
            let firewall = Firewall::start(daemon.address(CONNECTOR), mode);
            let mut command = Command::new(&curl);
            command
                .args(["-qsk", &format!("smtp://{}", firewall.address), "--upload-file", "-"])
                .args(["--mail-from", "bob@fabrikam.test", "--mail-rcpt", "alice@contoso.test"])
                .args(["--max-time", "20"])
                .args(tls.then_some("--ssl-reqd"));
            let sent = run(&mut command, MESSAGE);
            assert_eq!(sent.status.success(), passes, "{mode}: {}", sent.stderr);
        }
    }
}
