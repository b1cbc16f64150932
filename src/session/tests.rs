//! What a session does as time passes and things go wrong around it.

mod chunks;
mod content;
mod limits;
mod rules;
mod sender;

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::BytesMut;

use super::*;
use crate::auth::{Freshness, Mechanism, Ntlm, ntlm};
use crate::connector::{AuthMechanism, PermissionGroups, TimeSpan, Version};
use crate::directory::{AcceptedDomain, Account, DomainType};

/// A session that is fed by hand, with a clock that is turned by hand.
struct Bench {
    session: Session,
    input: BytesMut,
    start: Instant,
    elapsed: Duration,
}

impl Bench {
    fn new(change: impl FnOnce(&mut ReceiveConnector)) -> Self {
        Self::with_memory(1 << 20, change)
    }

    fn with_memory(memory: u64, change: impl FnOnce(&mut ReceiveConnector)) -> Self {
        Self::at(&Arc::new(host(memory)), "192.0.2.10", change)
    }

    /// One of several sessions of a server.
    fn at(host: &Arc<Host>, remote: &str, change: impl FnOnce(&mut ReceiveConnector)) -> Self {
        let mut connector = ReceiveConnector::new("bench", Version::E2019);
        connector.auth_mechanism = AuthMechanism::BasicAuth;
        connector.permission_groups =
            PermissionGroups::AnonymousUsers | PermissionGroups::ExchangeUsers;
        change(&mut connector);
        let start = Instant::now();
        let met = Met::new([connector].into(), 0).unwrap();
        let session = Session::new(Arc::clone(host), met, true, remote.parse().unwrap(), start);
        Self { session, input: BytesMut::new(), start, elapsed: Duration::ZERO }
    }

    fn wait(&mut self, seconds: u64) {
        self.elapsed += Duration::from_secs(seconds);
    }

    fn now(&self) -> Instant {
        self.start + self.elapsed
    }

    /// Sends lines; gives the step that the session stops at.
    fn send(&mut self, text: &str) -> Step {
        self.input.extend_from_slice(text.replace('\n', "\r\n").as_bytes());
        let now = self.now();
        self.session.step(&mut self.input, now)
    }

    fn output(&mut self) -> String {
        String::from_utf8(self.session.output().split().to_vec()).unwrap().replace("\r\n", "\n")
    }

    /// Sends lines that are answered at once.
    fn say(&mut self, text: &str) -> String {
        assert!(matches!(self.send(text), Step::Read), "{text}");
        self.output()
    }
}

fn host(memory: u64) -> Host {
    let alice = Account::new("CONTOSO\\alice".parse().unwrap(), Some("Passw0rd!".into()))
        .with_addresses(["alice@contoso.test"]);
    let directory = Arc::new(Directory {
        accounts: vec![alice],
        accepted_domains: AcceptedDomain::new("contoso.test", DomainType::Authoritative)
            .into_iter()
            .collect(),
        default_domain: "CONTOSO".into(),
    });
    let authenticator = Authenticator {
        directory: Arc::clone(&directory),
        acceptor: None,
        gssapi_prompt: "GSSAPI supported",
        ntlm: Ntlm::of(&Server::default(), ntlm::Policy::default(), || Freshness {
            challenge: [7; 8],
            filetime: 0,
        }),
    };
    Host {
        server: Server::default(),
        directory,
        authenticator,
        memory: Arc::new(Memory::new(memory)),
        tally: Arc::default(),
        rules: Arc::default(),
        direct_trust: Vec::new(),
        domain_secure: Vec::new(),
        shadow_redundancy: false,
        rates: Rates::default(),
    }
}

const MAIL: &str = "MAIL FROM:<a@fabrikam.test>\n";
const RCPT: &str = "RCPT TO:<alice@contoso.test>\n";

#[test]
fn an_error_waits_for_the_tarpit_and_holds_what_was_answered_before_it() {
    let mut bench = Bench::new(|_| ());
    bench.say("HELO a\n");
    let step = bench.send(&format!("{MAIL}RCPT TO:<x@elsewhere.test>\nNOOP\n"));
    let Step::Hold(until) = step else { panic!("{step:?}") };
    assert_eq!(until, bench.start + Duration::from_secs(5));
    bench.wait(5);
    assert_eq!(
        bench.say(""),
        "250 2.1.0 Sender OK\n550 5.7.54 SMTP; Unable to relay recipient in non-accepted domain\n250 2.0.0 OK\n"
    );
}

#[test]
fn who_is_authenticated_meets_no_tarpit() {
    let mut bench = Bench::new(|_| ());
    bench.say("HELO a\nAUTH LOGIN YWxpY2U=\nUGFzc3cwcmQh\n");
    assert_eq!(bench.say("XYZZY\n"), "500 5.3.3 Unrecognized command\n");
}

#[test]
fn a_failed_logon_waits_for_its_own_tarpit() {
    let mut bench = Bench::new(|c| c.auth_tarpit_interval = TimeSpan::from_secs(9));
    bench.say("HELO a\n");
    let step = bench.send("AUTH LOGIN YWxpY2U=\nd3Jvbmc=\n");
    assert!(
        matches!(step, Step::Hold(until) if until == bench.start + Duration::from_secs(9)),
        "{step:?}"
    );
}

#[test]
fn a_second_hello_is_delayed_and_drops_the_transaction() {
    let mut bench = Bench::new(|_| ());
    bench.say(&format!("HELO a\n{MAIL}"));
    assert!(matches!(bench.send("EHLO a\n"), Step::Hold(_)));
    bench.wait(5);
    bench.say("");
    assert!(matches!(bench.send("DATA\n"), Step::Hold(_)));
    assert!(bench.output().ends_with("503 5.5.2 Need mail command\n"));
}

#[test]
fn silence_and_age_end_a_session() {
    let mut bench = Bench::new(|_| ());
    assert_eq!(bench.session.deadline(), bench.start + Duration::from_secs(300));
    bench.wait(299);
    bench.say("NOOP\n");
    assert_eq!(bench.session.deadline(), bench.start + Duration::from_secs(599));
    bench.wait(300);
    let now = bench.now();
    bench.session.expire(now);
    assert!(matches!(bench.send(""), Step::Close));
    assert_eq!(bench.output(), "451 4.7.0 Timeout waiting for client input\n");

    let mut bench = Bench::new(|_| ());
    for _ in 0..5 {
        bench.wait(120);
        bench.say("NOOP\n");
    }
    let now = bench.now();
    bench.session.expire(now);
    assert_eq!(bench.output(), "421 4.4.1 Connection timed out\n");
}

#[test]
fn a_shutdown_waits_for_a_transaction() {
    let mut bench = Bench::new(|_| ());
    bench.say(&format!("HELO a\n{MAIL}{RCPT}"));
    assert!(!bench.session.shut_down());
    bench.say("RSET\n");
    assert!(bench.session.shut_down());
    assert_eq!(bench.output(), "421 4.3.2 Service not available\n");
}

#[test]
fn without_memory_a_message_is_put_off_and_the_memory_comes_back() {
    let mut bench = Bench::with_memory(100_000, |_| ());
    let begin = format!("{MAIL}{RCPT}DATA\n");
    bench.say(&format!("HELO a\n{begin}"));
    let line = format!("{}\n", "x".repeat(998));
    bench.send(&line.repeat(200));
    assert_eq!(bench.say(".\n"), "452 4.3.1 Insufficient system resources\n");
    bench.say(&begin);
    bench.send(&line.repeat(60));
    let step = bench.send(".\n");
    let Step::Keep(received) = step else { panic!("{step:?}") };
    assert_eq!(received.content.len(), 60_000);
}

#[test]
fn a_message_that_is_not_kept_is_not_acknowledged() {
    let mut bench = Bench::new(|_| ());
    bench.say(&format!("HELO a\n{MAIL}{RCPT}DATA\n"));
    assert!(matches!(bench.send("Text.\n.\nNOOP\n"), Step::Keep(_)));
    let now = bench.now();
    bench.session.not_kept("the disk is full".to_owned(), now);
    assert_eq!(bench.say(""), "452 4.3.1 Insufficient system resources\n250 2.0.0 OK\n");
}

#[test]
fn an_overlong_line_is_refused_and_skipped() {
    let mut bench = Bench::new(|c| c.tarpit_interval = TimeSpan::from_secs(0));
    let line = "X".repeat(MAX_LINE + 1);
    assert_eq!(bench.say(&format!("{line}\nNOOP\n")), "500 5.5.2 Command too long\n250 2.0.0 OK\n");
}

#[test]
fn an_overlong_response_ends_the_proof() {
    let long = "A".repeat(MAX_AUTH_LINE + 1);
    let mut bench = Bench::new(|c| {
        c.auth_mechanism = AuthMechanism::BasicAuth | AuthMechanism::ExchangeServer;
        c.auth_tarpit_interval = TimeSpan::from_secs(0);
    });
    bench.say("HELO a\nAUTH LOGIN\n");
    let unsuccessful = "535 5.7.3 Authentication unsuccessful\n";
    assert_eq!(bench.say(&format!("{long}\nNOOP\n")), format!("{unsuccessful}250 2.0.0 OK\n"));
    bench.say("X-EXPS NTLM\n");
    assert!(matches!(bench.send(&format!("{long}\nNOOP\n")), Step::Close));
    assert_eq!(bench.output(), "454 4.7.0 Temporary authentication failure\n");
}

#[test]
fn every_server_takes_mail_for_its_postmaster() {
    let accepted = |name| AcceptedDomain::new(name, DomainType::Authoritative);
    for (domains, default_domain, recipient) in [
        (vec!["contoso.test"], None, "postmaster@contoso.test"),
        (vec!["fabrikam.test"], None, "postmaster@fabrikam.test"),
        (vec!["*", "*.fabrikam.test"], Some("tailspin.test"), "postmaster@tailspin.test"),
        (vec!["*.fabrikam.test"], Some("tailspin.test"), "postmaster@fabrikam.test"),
        (vec![], None, "postmaster@contoso.test"),
    ] {
        let mut host = host(1 << 20);
        let accepted_domains = domains.iter().filter_map(|name| accepted(name)).collect();
        host.directory = Arc::new(Directory { accepted_domains, ..Directory::default() });
        let mut bench = Bench::at(&Arc::new(host), "192.0.2.10", |c| {
            c.default_domain = default_domain.map(str::to_owned);
        });
        let rcpt = "RCPT TO:<Postmaster>\n";
        assert!(bench.say(&format!("HELO a\n{MAIL}{rcpt}")).ends_with("Recipient OK\n"));
        let State::Transaction(transaction) = &bench.session.state else { panic!() };
        assert!(transaction.envelope.recipients[0].mailbox.matches(recipient), "{recipient}");
    }
}

#[test]
fn a_peer_that_takes_an_offer_makes_no_error() {
    let mut bench = Bench::new(|c| {
        c.auth_mechanism = AuthMechanism::ExchangeServer;
        c.tarpit_interval = TimeSpan::from_secs(0);
    });
    bench.say("HELO a\n");
    let reply = bench.say(&"XEXCH50 1 2\n".repeat(20));
    assert_eq!(reply, "504 5.7.1 Not authorized\n".repeat(20));
}

#[test]
fn notes_tell_the_reason_of_each_refusal() {
    let mut bench = Bench::new(|c| c.auth_tarpit_interval = TimeSpan::from_secs(0));
    bench.say("HELO a\nAUTH LOGIN YWxpY2U=\nd3Jvbmc=\n");
    let notes = bench.session.take_notes();
    assert!(
        matches!(
            &notes[..],
            [
                Note::AuthenticationFailed { mechanism: Mechanism::Login, .. },
                Note::Refused { reason: Reason::Proof(_), .. }
            ]
        ),
        "{notes:?}"
    );
    assert!(!format!("{notes:?}").contains("wrong\""), "no password in a note");
}

mod hostile {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        /// Whatever comes, in whatever pieces: no panic, and no more held than is bounded.
        #[test]
        fn no_input_breaks_a_session(
            pieces in prop::collection::vec(
                prop_oneof![
                    prop::sample::select(vec![
                        "EHLO a\r\n", "HELO\r\n", "MAIL FROM:<a@b.test>\r\n", "RCPT TO:<alice@contoso.test>\r\n",
                        "DATA\r\n", ".\r\n", "\r\n", "BDAT 5\r\n", "BDAT 3 LAST\r\n", "RSET\r\n", "AUTH LOGIN\r\n",
                        "AUTH NTLM TlRMTVNTUAABAAAAB4IIogAAAAAAAAAAAAAAAAAAAAAGAbEdAAAADw==\r\n",
                        "X-EXPS GSSAPI\r\n", "STARTTLS\r\n", "*\r\n", "=\r\n", "QUIT",
                    ]).prop_map(|s| s.as_bytes().to_vec()),
                    prop::collection::vec(any::<u8>(), 0..40),
                ],
                0..30,
            ),
            rules in prop::collection::vec(prop::sample::select(rules::SOME), 0..3),
        ) {
            let mut bench = Bench::new(|c| {
                c.auth_mechanism = AuthMechanism::all() - AuthMechanism::ExternalAuthoritative;
                c.auth_tarpit_interval = TimeSpan::from_secs(0);
                c.tarpit_interval = TimeSpan::from_secs(0);
            });
            rules::add(&bench, &rules);
            for piece in pieces {
                bench.input.extend_from_slice(&piece);
                loop {
                    let now = bench.now();
                    match bench.session.step(&mut bench.input, now) {
                        Step::Keep(_) => {
                            let receipt = Receipt { internal_id: 1, guid: "g".into() };
                            bench.session.kept(&receipt, now);
                        }
                        Step::StartTls(kind) => {
                            let bindings = crate::auth::ChannelBindings::default();
                            bench.session.tls_started(Secured { kind, bindings, peer: None }, now);
                        }
                        Step::Close | Step::Break(_) => return Ok(()),
                        Step::Read => break,
                        Step::Hold(_) => prop_assert!(false, "no tarpit is on"),
                    }
                }
                bench.session.output().clear();
            }
        }
    }
}
