//! Failure rules as a real client sees them: each action at each stage.

mod support;

use std::io::ErrorKind;
use std::net::SocketAddr;
use std::process::Command;
use std::time::{Duration, Instant};

use expsd::rules::{PRESETS, Rule, Stage};
use expsd::{Builder, ExchangeServer};
use support::{Client, Daemon, run, tool};
use tokio::runtime::Runtime;

/// How long a connection of the tests may be idle.
const IDLE: Duration = Duration::from_secs(2);

const CONNECTOR: &str = "\
[[ReceiveConnector]]
Name = \"bench\"
Bindings = \"127.0.0.1:0\"
AuthMechanism = \"Tls, BasicAuth, ExchangeServer\"
PermissionGroups = \"AnonymousUsers, ExchangeUsers, ExchangeServers\"
TarpitInterval = \"00:00:00\"
AuthTarpitInterval = \"00:00:00\"
ConnectionInactivityTimeout = \"00:00:02\"
";

/// A server in this process, and what runs it.
struct Bench {
    server: Option<ExchangeServer>,
    runtime: Runtime,
}

impl Bench {
    fn new() -> Self {
        Self::with(|builder| builder)
    }

    fn with(change: impl FnOnce(Builder) -> Builder) -> Self {
        let runtime = Runtime::new().unwrap();
        let builder = change(ExchangeServer::builder().configuration(CONNECTOR).unwrap());
        let server = Some(runtime.block_on(builder.start()).unwrap());
        Self { server, runtime }
    }

    fn server(&self) -> &ExchangeServer {
        self.server.as_ref().unwrap()
    }

    fn address(&self) -> SocketAddr {
        self.server().address("bench").unwrap()
    }

    /// Takes one rule at `stage` in place of what was.
    fn rule(&self, stage: Stage, then: &str) {
        let rule = format!("name = 'the rule'\nstage = '{stage}'\n{then}");
        self.server().rules().replace(vec![rule.parse().unwrap()]).unwrap();
    }

    fn hits(&self) -> u64 {
        self.server().rules().find("the rule").unwrap().hits
    }

    /// A client that has just come to `stage`.
    fn client(&self, stage: Stage) -> Client {
        client(self.address(), stage)
    }
}

impl Drop for Bench {
    fn drop(&mut self) {
        // Its sockets belong to the runtime.
        let _runtime = self.runtime.enter();
        drop(self.server.take());
    }
}

/// What a client says at each stage, and what it said before.
fn client(address: SocketAddr, stage: Stage) -> Client {
    if stage == Stage::Connect {
        return Client::connect_silently(address);
    }
    let before: &[&str] = match stage {
        Stage::Connect | Stage::Ehlo => &[],
        Stage::Rcpt => &["EHLO a", "MAIL FROM:<a@fabrikam.test>"],
        Stage::Data | Stage::EndOfData => {
            &["EHLO a", "MAIL FROM:<a@fabrikam.test>", "RCPT TO:<alice@contoso.test>"]
        }
        _ => &["EHLO a"],
    };
    let mut client = Client::connect(address);
    for command in before {
        assert!(client.command(command).starts_with("250"), "{stage}: {command}");
    }
    match stage {
        Stage::Connect => {}
        Stage::Ehlo => client.send("EHLO a"),
        Stage::StartTls => client.send("STARTTLS"),
        Stage::XAnonymousTls => client.send("X-ANONYMOUSTLS"),
        Stage::Auth => client.send("AUTH LOGIN"),
        Stage::XExps => client.send("X-EXPS NTLM"),
        Stage::Mail => client.send("MAIL FROM:<a@fabrikam.test>"),
        Stage::Rcpt => client.send("RCPT TO:<alice@contoso.test>"),
        Stage::Data => client.send("DATA"),
        Stage::EndOfData => {
            assert!(client.command("DATA").starts_with("354"));
            client.send("Subject: test\r\n\r\nText.\r\n.");
        }
        Stage::Quit => client.send("QUIT"),
    }
    client
}

type Check = fn(&Bench, Stage);

/// What every stage must show.
const ACTIONS: [(&str, Check); 9] = [
    ("reply", reply),
    ("reply of several lines, then close", reply_and_close),
    ("delay", delay),
    ("drop", drop_it),
    ("reset", reset),
    ("stall", stall),
    ("half-close", half_close),
    ("truncate", truncate),
    ("truncate a reply of its own", truncate_own),
];

#[test]
fn every_action_happens_at_every_stage() {
    std::thread::scope(|scope| {
        for stage in Stage::ALL {
            scope.spawn(move || {
                let bench = Bench::new();
                for (name, check) in ACTIONS {
                    println!("{stage}: {name}");
                    check(&bench, stage);
                    assert_eq!(bench.hits(), 1, "{stage}: {name}");
                }
            });
        }
    });
}

fn reply(bench: &Bench, stage: Stage) {
    bench.rule(stage, "reply = '455 4.9.9 By a rule'\nclose = false");
    let mut client = bench.client(stage);
    assert_eq!(client.reply(), "455 4.9.9 By a rule", "{stage}");
    assert_eq!(client.command("NOOP"), "250 2.0.0 OK", "{stage}: the connection stays");
    assert!(bench.server().messages().is_empty(), "{stage}: nothing was carried out");
}

fn reply_and_close(bench: &Bench, stage: Stage) {
    bench.rule(stage, "reply = ['421 4.9.9 By', '421 4.9.9 a rule']");
    let (rest, end) = bench.client(stage).rest();
    assert_eq!(rest, "421-4.9.9 By\r\n421 4.9.9 a rule\r\n", "{stage}");
    assert!(end.is_ok(), "{stage}: {end:?}");
}

fn delay(bench: &Bench, stage: Stage) {
    bench.rule(stage, "delay = '00:00:00.300'");
    let start = Instant::now();
    let delayed = bench.client(stage).reply();
    assert!(start.elapsed() >= Duration::from_millis(300), "{stage}: {:?}", start.elapsed());
    assert!(delayed.starts_with(own_reply(stage)), "{stage}: {delayed}");
}

fn drop_it(bench: &Bench, stage: Stage) {
    bench.rule(stage, "action = 'drop'");
    let (rest, end) = bench.client(stage).rest();
    assert_eq!((rest.as_str(), end.is_ok()), ("", true), "{stage}: {end:?}");
}

fn reset(bench: &Bench, stage: Stage) {
    bench.rule(stage, "action = 'reset'");
    let (rest, end) = bench.client(stage).rest();
    assert_eq!(rest, "", "{stage}");
    assert_eq!(end.unwrap_err().kind(), ErrorKind::ConnectionReset, "{stage}");
}

fn stall(bench: &Bench, stage: Stage) {
    bench.rule(stage, "action = 'stall'");
    let start = Instant::now();
    let mut client = bench.client(stage);
    client.send("NOOP");
    let (rest, end) = client.rest();
    assert!(start.elapsed() >= IDLE, "{stage}: closed after {:?}", start.elapsed());
    assert_eq!(rest, "", "{stage}: not even a word at the end");
    drop(end);
}

/// After the end the server goes on reading, more than what a closing server would take.
fn half_close(bench: &Bench, stage: Stage) {
    bench.rule(stage, "action = 'half-close'");
    let mut client = bench.client(stage);
    assert_eq!(client.rest().0, "", "{stage}");
    for _ in 0..128 {
        client.send_raw(&[b'x'; 64 << 10]);
    }
}

fn truncate(bench: &Bench, stage: Stage) {
    bench.rule(stage, "truncate = 6");
    let before = bench.server().messages().len();
    let (rest, end) = bench.client(stage).rest();
    assert!(end.is_ok(), "{stage}: {end:?}");
    assert_eq!(rest, own_reply(stage)[..6], "{stage}");
    // The command was carried out: a message is kept whose client does not know it.
    let kept = bench.server().messages().len() - before;
    assert_eq!(kept, usize::from(stage == Stage::EndOfData), "{stage}");
}

fn truncate_own(bench: &Bench, stage: Stage) {
    bench.rule(stage, "reply = '455 4.9.9 By a rule'\ntruncate = 9");
    let (rest, end) = bench.client(stage).rest();
    assert_eq!((rest.as_str(), end.is_ok()), ("455 4.9.9", true), "{stage}: {end:?}");
}

/// How the server's own reply begins.
fn own_reply(stage: Stage) -> &'static str {
    match stage {
        Stage::Connect => "220 ex01.contoso.test Microsoft ESMTP",
        Stage::Ehlo => "250-ex01.contoso.test Hello [127.0.0.1]",
        Stage::StartTls | Stage::XAnonymousTls => "220 2.0.0 SMTP server ready",
        Stage::Auth => "334 VXNlcm5hbWU6",
        Stage::XExps => "334 NTLM supported",
        Stage::Mail => "250 2.1.0 Sender OK",
        Stage::Rcpt => "250 2.1.5 Recipient OK",
        Stage::Data => "354 Start mail input",
        Stage::EndOfData => "250 2.6.0 <",
        Stage::Quit => "221 2.0.0 Service closing",
    }
}

#[test]
fn every_preset_is_met_at_its_stage() {
    let bench = Bench::new();
    for preset in &PRESETS {
        let (name, stage) = (preset.name, preset.stage);
        bench.rule(stage, &format!("preset = '{name}'"));
        let mut client = bench.client(stage);
        assert_eq!(client.reply(), preset.reply.to_string(), "{name}");
        match preset.close {
            true => assert!(client.is_closed(), "{name}"),
            false => assert_eq!(client.command("NOOP"), "250 2.0.0 OK", "{name}"),
        }
    }
}

#[test]
fn a_withdrawn_keyword_is_missing_and_its_verb_works() {
    let bench = Bench::new();
    bench.rule(Stage::Ehlo, "withdraw = ['STARTTLS', 'X-EXPS']");
    let mut client = Client::connect(bench.address());
    let keywords = client.ehlo();
    assert!(keywords.contains(&"X-ANONYMOUSTLS".to_owned()), "{keywords:?}");
    assert!(!keywords.iter().any(|k| k == "STARTTLS" || k.starts_with("X-EXPS")), "{keywords:?}");
    client.send("STARTTLS");
    assert_eq!(client.reply(), "220 2.0.0 SMTP server ready");
    assert!(!support::tls::handshake(client).ehlo().is_empty());
}

/// What is said behind the 220 is what a firewall says that lost track, not a ServerHello.
#[test]
fn garbled_tls_is_no_tls() {
    let bench = Bench::new();
    for stage in [Stage::StartTls, Stage::XAnonymousTls] {
        bench.rule(stage, "action = 'garble-tls'");
        let mut client = bench.client(stage);
        assert_eq!(client.reply(), "220 2.0.0 SMTP server ready");
        client.send_raw(b"\x16\x03\x01 a ClientHello");
        let (rest, end) = client.rest();
        assert_eq!((rest.as_str(), end.is_ok()), ("500 5.3.3 Unrecognized command\r\n", true));
    }
}

#[test]
fn in_tls_a_drop_says_no_goodbye_and_a_close_does() {
    let bench = Bench::new();
    let rest = |then: &str| {
        bench.rule(Stage::Mail, then);
        let mut client = support::tls::handshake({
            let mut client = bench.client(Stage::StartTls);
            client.reply();
            client
        });
        client.ehlo();
        client.send("MAIL FROM:<a@fabrikam.test>");
        client.rest()
    };
    let (text, end) = rest("reply = '421 4.3.2 Gone'");
    assert_eq!((text.as_str(), end.is_ok()), ("421 4.3.2 Gone\r\n", true));
    let kind = |then: &str| rest(then).1.unwrap_err().kind();
    assert_eq!(kind("action = 'drop'"), ErrorKind::UnexpectedEof, "no close_notify");
    assert_eq!(kind("truncate = 3"), ErrorKind::UnexpectedEof);
    assert_eq!(kind("action = 'reset'"), ErrorKind::ConnectionReset);
    assert!(rest("action = 'half-close'").1.is_ok(), "a close_notify, and a FIN");
}

#[test]
fn a_rule_bites_whom_its_conditions_name() {
    let bench = Bench::with(|builder| {
        builder
            .rule(
                "name = 'sender'\nstage = 'rcpt'\nsender = '*@fabrikam.test'\nrecipient = 'bob@*'\n\
                 remote = '127.0.0.0/8'\nconnector = 'ben*'\nreply = '450 4.2.1 Not bob'"
                    .parse()
                    .unwrap(),
            )
            .rule(
                "name = 'header'\nstage = 'end-of-data'\nheader = 'Subject: *test*'\nsize_over = '20 B'\n\
                 identity = 'anonymous'\nreply = '554 5.6.0 No tests'\ntimes = 'once per sender'"
                    .parse()
                    .unwrap(),
            )
            .rule(
                "name = 'proof'\nstage = 'auth'\nidentity = '*\\alice'\nmechanism = 'LOGIN'\n\
                 preset = 'temporary-auth-failure'"
                    .parse()
                    .unwrap(),
            )
    });
    let mut client = Client::connect(bench.address());
    client.ehlo();
    client.command("MAIL FROM:<a@fabrikam.test>");
    assert_eq!(client.command("RCPT TO:<bob@contoso.test>"), "450 4.2.1 Not bob");
    client.command("RSET");
    assert_eq!(client.deliver("a@fabrikam.test", "alice@contoso.test"), "554 5.6.0 No tests");
    assert!(client.deliver("A@fabrikam.test", "alice@contoso.test").starts_with("250 2.6.0 "));
    assert_eq!(client.command("AUTH LOGIN YWxpY2U="), "334 UGFzc3dvcmQ6");
    assert_eq!(client.command("UGFzc3cwcmQh"), "454 4.7.0 Temporary authentication failure");
    assert!(client.is_closed());
}

#[test]
fn rules_change_under_a_session_that_is_open() {
    let bench = Bench::new();
    let mut client = bench.client(Stage::Mail);
    assert_eq!(client.reply(), "250 2.1.0 Sender OK");
    bench.rule(Stage::Rcpt, "reply = '450 4.2.1 Later'\ntimes = 'first 1'");
    let rcpt = "RCPT TO:<alice@contoso.test>";
    assert_eq!(client.command(rcpt), "450 4.2.1 Later");
    assert_eq!(client.command(rcpt), "250 2.1.5 Recipient OK");
    bench.server().rules().reset();
    assert_eq!(client.command(rcpt), "450 4.2.1 Later");
    assert!(bench.server().rules().remove("the rule"));
    assert_eq!(client.command(rcpt), "250 2.1.5 Recipient OK");
}

#[test]
fn a_rule_that_did_not_bite_as_expected_fails_the_test() {
    let rule = || "name = 'deferred'\npreset = 'back-pressure'".parse::<Rule>().unwrap();
    let bench = Bench::with(|builder| builder.expect(rule(), 1..));
    assert!(bench.client(Stage::Mail).reply().starts_with("452 "));
    bench.server().verify_rules();
    drop(bench);

    let bench = Bench::with(|builder| builder.expect(rule(), 1..=1));
    let caught = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| drop(bench)));
    let message = *caught.unwrap_err().downcast::<String>().unwrap();
    assert_eq!(
        message,
        "rule \"deferred\" was to bite 1 times, and bit 0 times\nall rules:\n     0 × \"deferred\" at mail: \
         reply 452 4.3.1 Insufficient system resources\n"
    );
}

/// Nobody stalls the end of a daemon.
#[test]
fn a_stalled_session_does_not_hold_up_the_end() {
    let toml = format!("{CONNECTOR}[[rule]]\nname = 'silence'\nstage = 'mail'\naction = 'stall'\n")
        .replace("00:00:02", "00:05:00");
    let mut daemon = Daemon::start(&toml, &[]);
    let mut client = client(daemon.address("bench"), Stage::Mail);
    let line = daemon.wait_for_log("a rule bit");
    assert!(line.contains("rule \"silence\""), "{line}");
    daemon.signal("-TERM");
    assert!(daemon.wait().success());
    assert!(client.is_closed());
}

const MESSAGE: &[u8] = b"Subject: test\r\n\r\nText.\r\n";

fn curl(bench: &Bench, more: &[&str]) -> Option<support::Finished> {
    let mut command = Command::new(tool("curl")?);
    command
        .args(["-sv", "-k", "--max-time", "20", "--mail-from", "a@fabrikam.test"])
        .args(["--mail-rcpt", "alice@contoso.test", "--upload-file", "-"])
        .args(more)
        .arg(format!("smtp://{}", bench.address()));
    Some(run(&mut command, MESSAGE))
}

#[test]
fn curl_meets_them() {
    let bench = Bench::new();
    bench.rule(Stage::Mail, "preset = 'back-pressure'\ntimes = 'first 1'");
    let Some(deferred) = curl(&bench, &[]) else { return };
    assert!(deferred.stderr.contains("< 452 4.3.1 Insufficient system"), "{deferred:?}");
    assert_eq!(
        curl(&bench, &[]).unwrap().status.code(),
        Some(0),
        "the second time it goes through"
    );

    let code = |stage, then: &str, more: &[&str]| {
        bench.rule(stage, then);
        curl(&bench, more).unwrap().status.code()
    };
    assert_eq!(code(Stage::Ehlo, "withdraw = 'STARTTLS'", &["--ssl-reqd"]), Some(64));
    assert_eq!(code(Stage::StartTls, "action = 'garble-tls'", &["--ssl-reqd"]), Some(35));
    assert_eq!(code(Stage::Data, "action = 'drop'", &[]), Some(56));
    assert_eq!(code(Stage::EndOfData, "action = 'stall'", &["--max-time", "1"]), Some(28));
}

#[test]
fn swaks_meets_them() {
    let Some(swaks) = tool("swaks") else { return };
    let bench = Bench::new();
    let send = |stage, then: &str| {
        bench.rule(stage, then);
        let mut command = Command::new(&swaks);
        command.args(["--server", &bench.address().to_string(), "--timeout", "20"]);
        command.args(["--from", "a@fabrikam.test", "--to", "alice@contoso.test"]);
        let finished = run(&mut command, b"");
        finished.stdout + &finished.stderr
    };
    let shown = send(Stage::EndOfData, "preset = 'prx5'");
    let prx5 = "<** 451 4.7.0 Temporary server error. Please try again later. PRX5\n";
    assert!(shown.contains(prx5), "{shown}");
    let shown = send(Stage::Rcpt, "action = 'drop'");
    assert!(shown.contains("*** Remote host closed connection unexpectedly."), "{shown}");
    let shown = send(Stage::Ehlo, "reply = ['250-other.test Hello', '250 SIZE 7']");
    assert!(shown.contains("<-  250-other.test Hello\n<-  250 SIZE 7\n"), "{shown}");
}
