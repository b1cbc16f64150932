//! A KDC's clock, by the error that it gives to a request for nobody (RFC 4120 §5.4.1, §5.9.1,
//! §7.2.2): no account is named and nothing is proved.

use std::fmt::Display;
use std::time::Duration;

use aws_lc_rs::rand;
use jiff::civil::DateTime;
use jiff::tz::Offset;
use jiff::{SpanRound, Timestamp, Unit};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpStream, lookup_host};
use tokio::time::timeout;

#[derive(Debug)]
pub(super) enum KdcError {
    /// Its name has no address.
    Unknown(String),
    Unreachable(String),
    /// Something listens, and does not answer as a KDC does.
    NoAnswer(String),
}

/// Connects; with a realm, also asks, and gives how many seconds the KDC's clock is ahead.
pub(super) async fn visit(
    host: &str,
    port: u16,
    realm: Option<&str>,
    within: Duration,
) -> Result<Option<i64>, KdcError> {
    let unknown = |why: &dyn Display| KdcError::Unknown(format!("the name leads nowhere: {why}"));
    let found = timeout(within, lookup_host((host, port))).await;
    let found = found.map_err(|_| unknown(&"no answer from DNS in time"))?;
    let addresses: Vec<_> = found.map_err(|error| unknown(&error))?.collect();
    let stream = timeout(within, TcpStream::connect(&addresses[..])).await;
    let mut stream = stream
        .map_err(|_| KdcError::Unreachable("no answer in time".to_owned()))?
        .map_err(|error| KdcError::Unreachable(error.to_string()))?;
    let Some(realm) = realm else { return Ok(None) };
    let reply = timeout(within, ask(&mut stream, &request(realm, nonce()))).await;
    let reply = reply
        .map_err(|_| KdcError::NoAnswer("open, and gives no answer".to_owned()))?
        .map_err(|error| KdcError::NoAnswer(format!("open, and gives no answer: {error}")))?;
    let time = server_time(&reply);
    let time = time.ok_or_else(|| KdcError::NoAnswer("open, and no KDC".to_owned()))?;
    Ok(Some(ahead(time, Timestamp::now())))
}

fn ahead(theirs: Timestamp, ours: Timestamp) -> i64 {
    let whole = SpanRound::new().smallest(Unit::Second);
    let ours = ours.round(Unit::Second).unwrap_or(ours);
    let span = theirs.since(ours).and_then(|span| span.round(whole));
    span.map_or(0, |span| span.get_seconds())
}

async fn ask(stream: &mut TcpStream, request: &[u8]) -> std::io::Result<Vec<u8>> {
    const MAX: u32 = 64 << 10;
    let length = u32::try_from(request.len()).unwrap_or_default();
    stream.write_all(&[&length.to_be_bytes()[..], request].concat()).await?;
    let length = stream.read_u32().await?;
    if length > MAX {
        return Err(std::io::Error::other("its answer is too long"));
    }
    let mut reply = vec![0; length as usize];
    stream.read_exact(&mut reply).await?;
    Ok(reply)
}

const INTEGER: u8 = 0x02;
const BIT_STRING: u8 = 0x03;
const TIME: u8 = 0x18;
const STRING: u8 = 0x1b;
const SEQUENCE: u8 = 0x30;

const fn field(number: u8) -> u8 {
    0xa0 | number
}

/// A KDC answers a request that it has seen before as it did then, with the time of then.
fn nonce() -> [u8; 4] {
    let mut nonce = [0; 4];
    // Without random numbers the time would still be right at first.
    let _ = rand::fill(&mut nonce);
    // Positive, and as short as DER wants it.
    nonce[0] = nonce[0] & 0x3f | 0x40;
    nonce
}

/// AS-REQ of a client whom no KDC knows.
fn request(realm: &str, nonce: [u8; 4]) -> Vec<u8> {
    let integer = |n: u8| tlv(INTEGER, &[&[n]]);
    let string = |text: &str| tlv(STRING, &[text.as_bytes()]);
    let name = |kind: u8, parts: &[&str]| {
        let parts: Vec<_> = parts.iter().map(|part| string(part)).collect();
        tlv(
            SEQUENCE,
            &[
                &tlv(field(0), &[&integer(kind)]),
                &tlv(field(1), &[&tlv(SEQUENCE, &[&parts.concat()])]),
            ],
        )
    };
    // aes256-cts-hmac-sha1-96, aes128, rc4-hmac
    let etypes = [18, 17, 23].map(integer).concat();
    let body = tlv(
        SEQUENCE,
        &[
            &tlv(field(0), &[&tlv(BIT_STRING, &[&[0, 0, 0, 0, 0]])]),
            &tlv(field(1), &[&name(1, &["expsd-probe"])]),
            &tlv(field(2), &[&string(realm)]),
            &tlv(field(3), &[&name(2, &["krbtgt", realm])]),
            &tlv(field(5), &[&tlv(TIME, &[b"19700101000000Z"])]),
            &tlv(field(7), &[&tlv(INTEGER, &[&nonce])]),
            &tlv(field(8), &[&tlv(SEQUENCE, &[&etypes])]),
        ],
    );
    let request = tlv(
        SEQUENCE,
        &[
            &tlv(field(1), &[&integer(5)]),
            &tlv(field(2), &[&integer(10)]),
            &tlv(field(4), &[&body]),
        ],
    );
    tlv(0x6a, &[&request])
}

fn tlv(tag: u8, parts: &[&[u8]]) -> Vec<u8> {
    let length: usize = parts.iter().map(|part| part.len()).sum();
    let mut out = vec![tag];
    match u8::try_from(length) {
        Ok(short) if short < 0x80 => out.push(short),
        Ok(byte) => out.extend([0x81, byte]),
        // A realm has a few hundred octets at most; more would make a request that no KDC takes.
        Err(_) => out.extend([0x82, (length >> 8) as u8, length as u8]),
    }
    out.extend(parts.concat());
    out
}

/// The field `stime` of a KRB-ERROR.
fn server_time(reply: &[u8]) -> Option<Timestamp> {
    const KRB_ERROR: u8 = 0x7e;
    let (error, _) = element(reply, KRB_ERROR)?;
    let (mut fields, _) = element(error, SEQUENCE)?;
    while let Some(tag) = fields.first() {
        let (value, rest) = element(fields, *tag)?;
        if *tag == field(4) {
            let (time, _) = element(value, TIME)?;
            let time = DateTime::strptime("%Y%m%d%H%M%SZ", time).ok()?;
            return Offset::UTC.to_timestamp(time).ok();
        }
        fields = rest;
    }
    None
}

/// The content of an element, and what follows it.
fn element(bytes: &[u8], tag: u8) -> Option<(&[u8], &[u8])> {
    let (&found, rest) = bytes.split_first()?;
    let (&first, rest) = rest.split_first()?;
    let (length, rest) = match first {
        short @ 0..=0x7f => (usize::from(short), rest),
        0x81 => rest.split_first().map(|(n, rest)| (usize::from(*n), rest))?,
        0x82 => {
            let (n, rest) = rest.split_first_chunk()?;
            (usize::from(u16::from_be_bytes(*n)), rest)
        }
        _ => return None,
    };
    (found == tag).then_some(())?;
    rest.split_at_checked(length)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_tells_the_time() {
        let error = |time: &[u8]| {
            let fields = [
                tlv(field(0), &[&tlv(INTEGER, &[&[5]])]),
                tlv(field(1), &[&tlv(INTEGER, &[&[30]])]),
                tlv(field(4), &[&tlv(TIME, &[time])]),
            ];
            tlv(0x7e, &[&tlv(SEQUENCE, &[&fields.concat()])])
        };
        let time = "2026-11-22T13:55:18Z".parse().unwrap();
        let reply = error(b"20261122135518Z");
        assert_eq!(server_time(&reply), Some(time));
        for cut in 0..reply.len() {
            assert_eq!(server_time(&reply[..cut]), None);
        }
        assert_eq!(server_time(&error(b"yesterday")), None);
    }

    #[test]
    fn clocks_are_compared_in_whole_seconds() {
        let ours: Timestamp = "2026-11-22T13:55:18.7Z".parse().unwrap();
        assert_eq!(ahead("2026-11-22T14:55:19Z".parse().unwrap(), ours), 3600);
        assert_eq!(ahead("2026-11-22T13:55:19Z".parse().unwrap(), ours), 0);
    }

    proptest::proptest! {
        #[test]
        fn any_reply_is_read(reply in proptest::collection::vec(proptest::arbitrary::any::<u8>(), 0..80)) {
            server_time(&reply);
        }
    }
}
