//! Limits that need a clock: messages in a minute, and the delay of the last reply.

use super::*;
use crate::connector::{MessageRateSource, Unlimited};

const SENDER_OK: &str = "250 2.1.0 Sender OK\n";
const TOO_FAST: &str =
    "421 4.4.2 Message submission rate for this client has exceeded the configured limit\n";
/// As CONTOSO\alice.
const LOG_ON: &str = "HELO a\nAUTH LOGIN YWxpY2U=\nUGFzc3cwcmQh\n";

/// Sessions of one server, on a connector that takes two messages in a minute.
struct Limited {
    host: Arc<Host>,
    by: MessageRateSource,
}

impl Limited {
    fn by(by: MessageRateSource) -> Self {
        Self { host: Arc::new(host(1 << 20)), by }
    }

    fn session(&self, remote: &str) -> Bench {
        let mut bench = Bench::at(&self.host, remote, |c| {
            c.message_rate_limit = Unlimited::Limited(2);
            c.message_rate_source = self.by;
            c.tarpit_interval = TimeSpan::from_secs(0);
        });
        bench.say("HELO a\n");
        bench
    }

    /// Whether a session of its own may send, `seconds` after the first.
    fn takes(&self, remote: &str, from: &str, seconds: u64) -> bool {
        let mut bench = self.session(remote);
        bench.wait(seconds);
        bench.send(&format!("MAIL FROM:<{from}>\n"));
        match bench.output().as_str() {
            SENDER_OK => true,
            TOO_FAST => false,
            other => panic!("{other}"),
        }
    }
}

#[test]
fn one_message_too_many_ends_the_session_after_the_tarpit() {
    let mut bench = Bench::new(|c| c.message_rate_limit = Unlimited::Limited(1));
    let refused = format!("MAIL FROM:<x y>\nRSET\n{MAIL}RSET\n{MAIL}NOOP\n");
    bench.say("HELO a\n");
    assert!(matches!(bench.send(&refused), Step::Hold(_)), "501 for the first");
    bench.wait(5);
    let step = bench.send("");
    assert!(matches!(step, Step::Hold(until) if until == bench.now() + Duration::from_secs(5)));
    bench.wait(5);
    assert!(matches!(bench.send(""), Step::Close));
    let output = bench.output();
    let expected = format!(
        "501 5.1.7 Invalid address\n250 2.0.0 Resetting\n{SENDER_OK}250 2.0.0 Resetting\n{TOO_FAST}"
    );
    assert!(output.ends_with(&expected), "only what was accepted counts: {output}");
    let notes = bench.session.take_notes();
    let Some(Note::Refused { reason, .. }) = notes.last() else { panic!("{notes:?}") };
    assert_eq!(
        reason.to_string(),
        "more messages in a minute than MessageRateLimit allows (1), counted by 192.0.2.10"
    );
}

/// Seen on a client connector, where one has to log on.
#[test]
fn who_is_logged_on_waits_for_the_tarpit_here_too() {
    let mut bench = Bench::new(|c| c.message_rate_limit = Unlimited::Limited(1));
    let mail = "MAIL FROM:<>\n";
    bench.say(&format!("{LOG_ON}{mail}RSET\n"));
    assert!(matches!(bench.send(mail), Step::Hold(_)));
}

#[test]
fn the_minute_begins_with_the_first_message() {
    let limited = Limited::by(MessageRateSource::IPAddress);
    let sent =
        [0, 30, 31, 59, 60, 61, 62, 119, 120].map(|at| limited.takes("192.0.2.1", "a@b.test", at));
    assert_eq!(sent, [true, true, false, false, true, true, false, false, true]);
}

#[test]
fn addresses_do_not_disturb_each_other() {
    let limited = Limited::by(MessageRateSource::IPAddress);
    for remote in ["192.0.2.1", "192.0.2.2", "2001:db8::1", "2001:db8::2"] {
        let sent = ["a@b.test", "c@b.test", "d@b.test"].map(|from| limited.takes(remote, from, 0));
        assert_eq!(sent, [true, true, false], "{remote}");
    }
    assert!(!limited.takes("::ffff:192.0.2.1", "a@b.test", 1), "mapped into IPv6");
}

#[test]
fn users_are_counted_by_account_or_else_by_sender() {
    let limited = Limited::by(MessageRateSource::User);
    let from = |remote: u8, from| limited.takes(&format!("192.0.2.{remote}"), from, 0);
    assert!(from(1, "a@b.test") && from(2, "A@B.test") && !from(3, "a@b.test"));
    assert!(from(4, "c@b.test") && from(5, "") && from(6, "") && !from(7, ""));
    // Whoever logs on is one and the same, as the null sender too.
    let as_alice = |remote: &str| {
        let mut bench = limited.session(remote);
        bench.say(LOG_ON);
        bench.send("MAIL FROM:<>\n");
        bench.output()
    };
    assert_eq!([1, 2].map(|n| as_alice(&format!("192.0.2.{n}"))), [SENDER_OK, SENDER_OK]);
    assert_eq!(as_alice("192.0.2.3"), TOO_FAST);
}

#[test]
fn all_counts_address_and_user_each() {
    let limited = Limited::by(MessageRateSource::All);
    assert!(limited.takes("192.0.2.1", "a@b.test", 0) && limited.takes("192.0.2.2", "a@b.test", 0));
    assert!(!limited.takes("192.0.2.3", "a@b.test", 0), "the user has sent two");
    assert!(limited.takes("192.0.2.3", "c@b.test", 0) && limited.takes("192.0.2.3", "d@b.test", 0));
    assert!(!limited.takes("192.0.2.3", "e@b.test", 0), "the address has sent two");
}

#[test]
fn nothing_is_counted_by_nobody_and_without_a_limit() {
    let limited = Limited::by(MessageRateSource::None);
    assert!((0..10).all(|_| limited.takes("192.0.2.1", "a@b.test", 0)));
    let mut bench = Bench::new(|_| ());
    bench.say("HELO a\n");
    assert_eq!(bench.say(&format!("{MAIL}RSET\n").repeat(1000)).matches(SENDER_OK).count(), 1000);
}

#[test]
fn connectors_count_for_themselves() {
    let limited = Limited::by(MessageRateSource::IPAddress);
    assert!((0..2).all(|_| limited.takes("192.0.2.1", "a@b.test", 0)));
    let mut other = Bench::at(&limited.host, "192.0.2.1", |c| {
        c.name = "other".to_owned();
        c.message_rate_limit = Unlimited::Limited(2);
    });
    assert!(other.say(&format!("HELO a\n{MAIL}")).ends_with(SENDER_OK));
}

/// A message that was kept at `seconds` after the end of data; until when the reply is held.
fn acknowledged(
    version: Version,
    shadow_redundancy: bool,
    seconds: u64,
    change: impl FnOnce(&mut ReceiveConnector),
) -> (Bench, Option<Duration>) {
    let server = Server { version, ..Server::default() };
    let host = Arc::new(Host { server, shadow_redundancy, ..host(1 << 20) });
    let mut bench = Bench::at(&host, "192.0.2.10", change);
    bench.say(&format!("HELO a\n{MAIL}{RCPT}DATA\n"));
    assert!(matches!(bench.send("Text.\n.\n"), Step::Keep(_)));
    bench.wait(seconds);
    let (receipt, now) = (Receipt { internal_id: 1, guid: "g".into() }, bench.now());
    bench.session.kept(&receipt, now);
    let held = match bench.send("") {
        Step::Hold(until) => Some(until - bench.start),
        _ => None,
    };
    (bench, held)
}

#[test]
fn shadow_redundancy_of_2010_delays_the_reply_from_the_end_of_data_on() {
    let (mut bench, held) = acknowledged(Version::E2010, true, 4, |_| ());
    assert_eq!(held, Some(Duration::from_secs(30)));
    let notes = bench.session.take_notes();
    let Some(Note::AcknowledgementDelayed { by }) = notes.last() else { panic!("{notes:?}") };
    assert_eq!(*by, Duration::from_secs(26));
    bench.wait(26);
    assert_eq!(
        bench.say(""),
        "250 2.6.0 <g@ex01.contoso.test> [InternalId=1] Queued mail for delivery\n"
    );
}

#[test]
fn nothing_delays_the_reply_elsewhere() {
    let off: fn(&mut ReceiveConnector) = |c| c.max_acknowledgement_delay = TimeSpan::from_secs(0);
    let short: fn(&mut ReceiveConnector) = |c| c.max_acknowledgement_delay = TimeSpan::from_secs(3);
    for (version, shadow_redundancy, change) in [
        (Version::E2010, false, (|_| ()) as fn(&mut ReceiveConnector)),
        (Version::E2010, true, off),
        (Version::E2010, true, short),
        (Version::E2007, true, |_| ()),
        (Version::E2013, true, |_| ()),
        (Version::E2019, true, |_| ()),
    ] {
        let (_, held) = acknowledged(version, shadow_redundancy, 4, change);
        assert_eq!(held, None, "{version}, {shadow_redundancy}");
    }
}

/// The wait is the server's, so it is not held against the client.
#[test]
fn a_delayed_reply_is_no_silence_of_the_client() {
    let (bench, _) = acknowledged(Version::E2010, true, 0, |c| {
        c.connection_inactivity_timeout = TimeSpan::from_secs(10);
    });
    assert_eq!(bench.session.deadline(), bench.start + Duration::from_secs(40));
}
