//! Parsers of what comes over the network: lines, commands, arguments and message data.

use bytes::{Buf as _, BytesMut};
use divan::counter::{BytesCount, ItemsCount};
use divan::{AllocProfiler, Bencher, black_box};
use expsd::smtp::command::{Command, MailFrom, RcptTo};
use expsd::smtp::data::{ChunkReader, Content, DotReader};
use expsd::smtp::line::{LineReader, Next};

#[global_allocator]
static ALLOC: AllocProfiler = AllocProfiler::system();

fn main() {
    divan::main();
}

const LINES: [&str; 8] = [
    "EHLO mail.fabrikam.test",
    "MAIL FROM:<bob@fabrikam.test> SIZE=1024",
    "RCPT TO:<alice@contoso.test>",
    "DATA",
    "rset",
    "X-EXPS GSSAPI",
    "X-MESSAGECONTEXT ADRC-2.1.0.0",
    "XYZZY",
];

#[divan::bench(args = LINES)]
fn command(line: &str) -> bool {
    Command::parse(black_box(line.as_bytes())).is_ok()
}

#[divan::bench(args = [
    "FROM:<bob@fabrikam.test>",
    "FROM:<bob@fabrikam.test> SIZE=1024 BODY=8BITMIME RET=HDRS ENVID=QQ314159 AUTH=<>",
])]
fn mail_arguments(arguments: &str) -> bool {
    MailFrom::parse(black_box(arguments)).is_ok()
}

#[divan::bench(args = [
    "TO:<alice@contoso.test>",
    "TO:<alice@contoso.test> NOTIFY=SUCCESS,FAILURE ORCPT=rfc822;alice@contoso.test",
])]
fn rcpt_arguments(arguments: &str) -> bool {
    RcptTo::parse(black_box(arguments)).is_ok()
}

#[divan::bench]
fn lines(bencher: Bencher<'_, '_>) {
    let text = LINES.map(|line| format!("{line}\r\n")).concat().repeat(128);
    bencher
        .counter(ItemsCount::new(LINES.len() * 128))
        .counter(BytesCount::of_str(&text))
        .with_inputs(|| BytesMut::from(text.as_bytes()))
        .bench_local_refs(|input| {
            let mut reader = LineReader::default();
            while let Next::Line { len, .. } = reader.next(input, 2048) {
                input.advance(len);
            }
        });
}

/// What the lines of a message are like.
#[derive(Debug)]
enum Message {
    Plain,
    /// One line in eight has a dot to take out.
    Dots,
    /// Nothing but dots, as nobody sends it.
    OnlyDots,
}

impl Message {
    fn wire(&self) -> Vec<u8> {
        let text = "The quick brown fox jumps over the lazy dog and does it again and again.\r\n";
        let line = |i| match self {
            Self::Plain => text.to_owned(),
            Self::Dots if i % 8 == 0 => format!("..{text}"),
            Self::Dots => text.to_owned(),
            Self::OnlyDots => "..\r\n".repeat(20),
        };
        let mut wire: String = (0..(1 << 20) / text.len()).map(line).collect();
        wire.push_str(".\r\n");
        wire.into_bytes()
    }
}

const MESSAGES: [Message; 3] = [Message::Plain, Message::Dots, Message::OnlyDots];

/// A message of 1 MB in reads of 64 KB.
#[divan::bench(args = MESSAGES)]
fn data(bencher: Bencher<'_, '_>, message: &Message) {
    let wire = message.wire();
    read(bencher, &wire, |input, content, reader| reader.read(input, content));
}

#[divan::bench]
fn chunk(bencher: Bencher<'_, '_>) {
    let wire = vec![b'x'; 1 << 20];
    let mut chunk = ChunkReader::new(u64::MAX, true);
    read(bencher, &wire, |input, content, _| chunk.read(input, content));
}

fn read(
    bencher: Bencher<'_, '_>,
    wire: &[u8],
    mut read: impl FnMut(&mut BytesMut, &mut Content, &mut DotReader) -> bool,
) {
    let mut input = BytesMut::with_capacity(64 << 10);
    bencher
        .counter(BytesCount::of_slice(wire))
        .with_inputs(|| Content::new(None, Some(1 << 21)))
        .bench_local_values(|mut content| {
            let mut reader = DotReader::default();
            for piece in wire.chunks(64 << 10) {
                input.extend_from_slice(piece);
                read(&mut input, &mut content, &mut reader);
            }
            content.into_bytes()
        });
}
