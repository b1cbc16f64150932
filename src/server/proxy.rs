//! The PROXY protocol (haproxy.org, "The PROXY protocol", versions 1 and 2): a trusted peer
//! states the source address of the client behind it.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use bytes::{Buf, BytesMut};
use ppp::{HeaderResult, PartialResult as _, v1, v2};

use super::stream::{Stream, Transport};

/// How long a trusted peer may take to begin a header before it is taken for one that sends
/// none: SMTP servers speak first, so a client without a header is silent.
const BEGIN: Duration = Duration::from_secs(1);
/// How long a header that has begun may take.
const END: Duration = Duration::from_secs(5);

const V1: &[u8] = b"PROXY ";
const V2: &[u8] = b"\r\n\r\n\0\r\nQUIT\n";

/// Whether `input` begins with a PROXY header, as far as it reaches.
pub(super) fn is_header(input: &[u8]) -> bool {
    input.len() >= V1.len()
        && (input.starts_with(V1) || V2.starts_with(&input[..input.len().min(V2.len())]))
}

fn may_become_header(input: &[u8]) -> bool {
    let begins = |signature: &[u8]| {
        let n = input.len().min(signature.len());
        input[..n] == signature[..n]
    };
    begins(V1) || begins(V2)
}

#[derive(Debug, thiserror::Error)]
pub(super) enum ProxyError {
    #[error("the PROXY header is malformed")]
    Malformed,
    #[error("the PROXY header did not come to its end in time")]
    Late,
    #[error(transparent)]
    Io(#[from] io::Error),
}

/// Reads the header of a trusted peer. `None`: it sent none, or speaks for itself.
/// What follows the header stays in `input`.
pub(super) async fn read_header<T: Transport>(
    stream: &mut Stream<T>,
    input: &mut BytesMut,
) -> Result<Option<SocketAddr>, ProxyError> {
    match tokio::time::timeout(BEGIN, stream.read(input, false)).await {
        Err(_) | Ok(Ok(0)) => return Ok(None),
        Ok(read) => read?,
    };
    tokio::time::timeout(END, finish_header(stream, input)).await.map_err(|_| ProxyError::Late)?
}

async fn finish_header<T: Transport>(
    stream: &mut Stream<T>,
    input: &mut BytesMut,
) -> Result<Option<SocketAddr>, ProxyError> {
    loop {
        if !may_become_header(input) {
            return Ok(None);
        }
        let header = HeaderResult::parse(input);
        let incomplete = header.is_incomplete();
        let (source, length) = match header {
            HeaderResult::V1(Ok(header)) => (source_v1(&header.addresses), header.header.len()),
            HeaderResult::V2(Ok(header)) => (source_v2(&header), header.len()),
            // The longest header with the extensions that are known.
            _ if incomplete && input.len() < 4096 => {
                if stream.read(input, false).await? == 0 {
                    return Err(ProxyError::Malformed);
                }
                continue;
            }
            _ => return Err(ProxyError::Malformed),
        };
        input.advance(length);
        return Ok(source);
    }
}

fn source_v1(addresses: &v1::Addresses) -> Option<SocketAddr> {
    match addresses {
        v1::Addresses::Tcp4(ip) => Some((ip.source_address, ip.source_port).into()),
        v1::Addresses::Tcp6(ip) => Some((ip.source_address, ip.source_port).into()),
        v1::Addresses::Unknown => None,
    }
}

fn source_v2(header: &v2::Header<'_>) -> Option<SocketAddr> {
    if header.command == v2::Command::Local {
        return None;
    }
    match &header.addresses {
        v2::Addresses::IPv4(ip) => Some((ip.source_address, ip.source_port).into()),
        v2::Addresses::IPv6(ip) => Some((ip.source_address, ip.source_port).into()),
        v2::Addresses::Unix(_) | v2::Addresses::Unspecified => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::AsyncWriteExt as _;

    async fn read(wire: &[u8]) -> (Result<Option<SocketAddr>, String>, Vec<u8>) {
        let (mut client, server) = tokio::io::duplex(4096);
        client.write_all(wire).await.unwrap();
        drop(client);
        let mut input = BytesMut::new();
        let source = read_header(&mut Stream::Clear(server), &mut input).await;
        (source.map_err(|error| error.to_string()), input.to_vec())
    }

    #[tokio::test]
    async fn both_versions_give_the_source_and_leave_the_rest() {
        let source = Ok(Some("10.0.0.12:4000".parse().unwrap()));
        let v1 = b"PROXY TCP4 10.0.0.12 10.0.0.5 4000 25\r\nEHLO a\r\n";
        assert_eq!(read(v1).await, (source.clone(), b"EHLO a\r\n".to_vec()));
        let mut v2 = V2.to_vec();
        v2.extend_from_slice(&[0x21, 0x11, 0, 12, 10, 0, 0, 12, 10, 0, 0, 5, 0x0f, 0xa0, 0, 25]);
        v2.extend_from_slice(b"EHLO a\r\n");
        assert_eq!(read(&v2).await, (source, b"EHLO a\r\n".to_vec()));
    }

    #[tokio::test]
    async fn other_beginnings_are_left_alone() {
        assert_eq!(read(b"EHLO a\r\n").await, (Ok(None), b"EHLO a\r\n".to_vec()));
        assert_eq!(read(b"PROXY UNKNOWN\r\nX").await, (Ok(None), b"X".to_vec()));
        assert_eq!(read(b"").await, (Ok(None), vec![]));
    }

    #[tokio::test]
    async fn broken_headers_are_errors() {
        for wire in [&b"PROXY TCP4 x y 1 2\r\n"[..], b"PROXY TCP4 10.0.0.1", &V2[..8]] {
            assert_eq!(
                read(wire).await.0,
                Err("the PROXY header is malformed".to_owned()),
                "{wire:?}"
            );
        }
    }
}
