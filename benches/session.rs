//! Conversations without I/O: messages per second, and what each command allocates.

mod support;

use divan::counter::ItemsCount;
use divan::{AllocProfiler, Bencher};
use expsd::auth::ntlm::Policy;
use support::{Peer, connector, host, met};

#[global_allocator]
static ALLOC: AllocProfiler = AllocProfiler::system();

fn main() {
    divan::main();
}

fn peer() -> Peer {
    let mut peer = Peer::new(&host(Policy::default(), None), &met(connector()));
    peer.say(b"EHLO mail.fabrikam.test\r\n");
    peer
}

/// A message of 1 KB and what comes before it.
fn message() -> [Vec<u8>; 4] {
    let mut data = b"From: bob@fabrikam.test\r\nMessage-ID: <1@fabrikam.test>\r\n\r\n".to_vec();
    data.resize(1022, b'x');
    data.extend(b"\r\n.\r\n");
    [
        b"MAIL FROM:<bob@fabrikam.test> SIZE=1024\r\n".to_vec(),
        b"RCPT TO:<alice@contoso.test>\r\n".to_vec(),
        b"DATA\r\n".to_vec(),
        data,
    ]
}

/// From connection to QUIT.
#[divan::bench]
fn conversation(bencher: Bencher<'_, '_>) {
    let (host, met, message) = (host(Policy::default(), None), met(connector()), message());
    bencher.counter(ItemsCount::new(1_u32)).bench_local(|| {
        let mut peer = Peer::new(&host, &met);
        peer.session.greet("Fri, 5 Aug 2016 16:24:41 -0700");
        peer.send(b"EHLO mail.fabrikam.test\r\n");
        for part in &message {
            peer.send(part);
        }
        peer.send(b"QUIT\r\n");
        assert!(peer.session.output().ends_with(b"closing transmission channel\r\n"));
    });
}

/// One more message in a session that has had some.
#[divan::bench]
fn another_message(bencher: Bencher<'_, '_>) {
    let (mut peer, message) = (peer(), message());
    bencher.counter(ItemsCount::new(1_u32)).bench_local(|| {
        for part in &message {
            peer.send(part);
        }
        assert!(peer.session.output().ends_with(b"Queued mail for delivery\r\n"));
        peer.session.output().clear();
    });
}

/// Header blocks as a mail program and as a chain of relays make them, and a body of 64 KB.
#[divan::bench(args = [0, 10, 100])]
fn message_with_fields(bencher: Bencher<'_, '_>, fields: usize) {
    let (mut peer, [mail, rcpt, data, _]) = (peer(), message());
    let mut content = b"From: bob@fabrikam.test\r\nMessage-ID: <1@fabrikam.test>\r\n".to_vec();
    for i in 0..fields {
        let field = format!("X-Field-{i}: a body that goes\r\n\ton over another line\r\n");
        content.extend_from_slice(field.as_bytes());
    }
    content.extend_from_slice(b"\r\n");
    for _ in 0..1_000 {
        content.extend_from_slice(
            b"The quick brown fox jumps over the lazy dog, again and again.\r\n",
        );
    }
    content.extend_from_slice(b".\r\n");
    bencher.counter(ItemsCount::new(1_u32)).bench_local(|| {
        for part in [&mail, &rcpt, &data] {
            peer.send(part);
        }
        for read in content.chunks(16 << 10) {
            peer.send(read);
        }
        assert!(peer.session.output().ends_with(b"Queued mail for delivery\r\n"));
        peer.session.output().clear();
    });
}

/// Commands in a session that has had some. RSET clears away what the others build up.
#[divan::bench(args = [
    "NOOP",
    "RSET",
    "EHLO mail.fabrikam.test",
    "XYZZY",
    "MAIL FROM:<bob@fabrikam.test> | RSET",
    "MAIL FROM:<bob@fabrikam.test> | RCPT TO:<alice@contoso.test> | RSET",
    "MAIL FROM:<bob@fabrikam.test> | RCPT TO:<x@elsewhere.test> | RSET",
    "AUTH LOGIN | *",
])]
fn command(bencher: Bencher<'_, '_>, lines: &str) {
    let (mut peer, lines) = (peer(), lines.replace(" | ", "\r\n") + "\r\n");
    bencher.bench_local(|| {
        peer.send(lines.as_bytes());
        peer.session.output().clear();
        peer.session.take_notes()
    });
}
