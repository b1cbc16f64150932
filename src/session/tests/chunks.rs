//! What a BDAT that fails does to the transaction, and to the octets that follow it.

use super::*;

/// A bench whose errors wait for nothing, with a recipient and a content of five octets due.
fn bench(change: impl FnOnce(&mut ReceiveConnector)) -> Bench {
    let mut bench = Bench::new(|connector| {
        connector.tarpit_interval = TimeSpan::from_secs(0);
        change(connector);
    });
    bench.say(&format!("HELO a\n{MAIL}"));
    bench
}

const SEQUENCE: &str = "503 5.5.2 Need mail command\n";

#[test]
fn a_failed_chunk_ends_the_transaction() {
    for (chunk, reply) in [
        ("BDAT 5\nQUIT\n", "503 5.5.2 Need rcpt command\n"),
        ("BDAT 5 FIRST\nQUIT\n", "501 5.5.4 Invalid arguments\n"),
    ] {
        let mut bench = bench(|_| ());
        let chunk = chunk.replace("QUIT", "QUI");
        assert_eq!(bench.say(&chunk), reply);
        assert_eq!(bench.say(RCPT), SEQUENCE);
        assert_eq!(bench.say("BDAT 5 LAST\nabc\n"), SEQUENCE);
        assert_eq!(bench.say("DATA\n"), SEQUENCE);
        assert!(bench.say(&format!("{MAIL}{RCPT}")).ends_with("Recipient OK\n"));
    }
}

#[test]
fn octets_of_a_refused_chunk_are_no_commands() {
    let mut bench = bench(|c| c.chunking_enabled = false);
    let reply = bench.say("BDAT 6 LAST\nQUIT\nNOOP\n");
    assert_eq!(reply, "500 5.3.3 Unrecognized command\n250 2.0.0 OK\n");
    assert!(bench.say(RCPT).ends_with("Recipient OK\n"), "the verb is not known: nothing ended");
    assert_eq!(bench.say("BDAT\n"), "500 5.3.3 Unrecognized command\n");
}

/// Nobody knows where its octets end.
#[test]
fn a_chunk_without_a_size_ends_the_connection() {
    for args in ["", " LAST", " -1", " 99999999999999999999"] {
        let mut bench = bench(|_| ());
        assert!(matches!(bench.send(&format!("BDAT{args}\nQUIT\n")), Step::Close), "{args}");
        assert_eq!(bench.output(), "501 5.5.4 Invalid arguments\n");
    }
}
