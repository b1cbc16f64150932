//! Message data by DATA and by BDAT, against a model that looks at one line at a time.
#![no_main]

use bytes::BytesMut;
use expsd::smtp::data::{ChunkReader, Content, DotReader};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let [size, limit, wire @ ..] = data else { return };
    let size = usize::from(*size).max(1);
    dots(wire, size, None);
    dots(wire, size, Some(u64::from(*limit)));
    chunk(wire, size, usize::from(*limit));
});

fn dots(wire: &[u8], size: usize, limit: Option<u64>) {
    // What comes behind the data ends in a line end, so that the model finds one.
    let wire = [wire, b"\r\n.\r\n"].concat();
    let (expected, end) = undot(&wire);
    let mut content = Content::new(limit, None);
    let mut reader = DotReader::default();
    let rest = read(&wire, size, |input| reader.read(input, &mut content));
    assert_eq!(rest, &wire[end..]);
    assert_eq!(content.received(), expected.len() as u64);
    if content.exceeded() {
        assert_eq!(content.held(), 0);
    } else {
        assert_eq!(content.into_bytes(), expected);
    }
}

fn chunk(wire: &[u8], size: usize, length: usize) {
    let mut content = Content::new(None, None);
    let mut chunk = ChunkReader::new(length as u64, false);
    let rest = read(wire, size, |input| chunk.read(input, &mut content));
    let length = length.min(wire.len());
    assert_eq!((&content.into_bytes()[..], &rest[..]), wire.split_at(length));
}

/// Feeds `wire` in pieces of `size` to `take` until that has enough. Gives what is left.
fn read(wire: &[u8], size: usize, mut take: impl FnMut(&mut BytesMut) -> bool) -> Vec<u8> {
    let mut input = BytesMut::new();
    if take(&mut input) {
        return wire.to_vec();
    }
    let mut pieces = wire.chunks(size);
    for piece in &mut pieces {
        input.extend_from_slice(piece);
        if take(&mut input) {
            break;
        }
    }
    pieces.fold(input.to_vec(), |rest, piece| [&rest, piece].concat())
}

fn undot(wire: &[u8]) -> (Vec<u8>, usize) {
    let (mut content, mut at) = (Vec::new(), 0);
    while !wire[at..].starts_with(b".\r\n") {
        at += usize::from(wire[at..].starts_with(b"."));
        let line = wire[at..].windows(2).position(|window| window == b"\r\n").unwrap() + 2;
        content.extend_from_slice(&wire[at..at + line]);
        at += line;
    }
    (content, at + 3)
}
