//! Messages that lie.

use super::super::{Acceptor, NegotiateFlags, RefusalKind, ResponseKind};
use super::client::Client;
use super::{LAX, SERVER_CHALLENGE, acceptor, accounts};

/// Marsaglia's xorshift, so that every run tries the same mutations.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 16) as usize % bound
    }

    /// Changes one to four octets within `range`, to an interesting value at times.
    fn mutate(&mut self, bytes: &mut [u8], range: std::ops::Range<usize>) {
        for _ in 0..=self.below(4) {
            let at = range.start + self.below(range.len());
            bytes[at] = match self.below(4) {
                0 => 0,
                1 => 0xff,
                2 => bytes[at] ^ 1 << self.below(8),
                _ => self.below(256) as u8,
            };
        }
    }
}

/// Clients of every kind, the V2 ones with and without MIC.
fn clients() -> Vec<Client> {
    let old = |kind, bits| Client {
        kind,
        flags: NegotiateFlags::from_bits_retain(bits),
        header: 72,
        mic: false,
        ..Client::default()
    };
    vec![
        Client {
            channel_binding: Some([7; 16]),
            target_name: Some("SMTP/ex01.contoso.example"),
            ..Client::default()
        },
        old(ResponseKind::V2, 0xe208_8237),
        old(ResponseKind::Ntlm2Session, 0xe208_8237),
        old(ResponseKind::V1, 0xe200_8237),
    ]
}

/// An acceptor waiting for the answer, and the right answer.
fn ready(client: &Client) -> (Acceptor, super::Answer) {
    let mut acceptor = acceptor(LAX);
    let negotiate = client.negotiate();
    let challenge = acceptor.challenge(&negotiate).unwrap();
    (acceptor, client.answer(&negotiate, &challenge))
}

#[test]
fn every_truncation_is_refused() {
    for client in clients() {
        let negotiate = client.negotiate();
        for length in 0..16 {
            let refusal = acceptor(LAX).challenge(&negotiate[..length]).unwrap_err();
            assert!(matches!(refusal.kind, RefusalKind::Malformed(_)));
        }
        for length in 16..negotiate.len() {
            acceptor(LAX).challenge(&negotiate[..length]).unwrap();
        }
        let length = ready(&client).1.message.len();
        for length in 0..length {
            let (mut acceptor, answer) = ready(&client);
            let refusal = acceptor.authenticate(&answer.message[..length], accounts);
            let kind = refusal.unwrap_err().kind;
            assert!(matches!(kind, RefusalKind::Malformed(_)), "{length}: {kind}");
        }
    }
}

#[test]
fn fields_may_point_anywhere() {
    let values = [0_u16, 1, 51, 52, 63, 64, 71, 72, 87, 88, 0x7fff, 0x8000, 0xffff];
    let offsets = [0x1_0000, 0x7fff_ffff, 0x8000_0000, 0xffff_fff0, u32::MAX];
    for client in clients() {
        let message = ready(&client).1.message;
        for field in (12..60).step_by(8) {
            for length in values {
                for offset in values.into_iter().map(u32::from).chain(offsets) {
                    let mut message = message.clone();
                    message[field..][..2].copy_from_slice(&length.to_le_bytes());
                    message[field + 4..][..4].copy_from_slice(&offset.to_le_bytes());
                    let (mut acceptor, _) = ready(&client);
                    let result = acceptor.authenticate(&message, accounts);
                    assert!(result.is_err() || !client.mic && field != 20);
                }
            }
        }
    }
    for field in [16, 24] {
        for length in values {
            for offset in values.into_iter().map(u32::from).chain(offsets) {
                let mut message = Client::default().negotiate();
                message[13] |= 0x30;
                message[field..][..2].copy_from_slice(&length.to_le_bytes());
                message[field + 4..][..4].copy_from_slice(&offset.to_le_bytes());
                let inside = length == 0
                    || (32..=40).contains(&offset) && { offset + u32::from(length) <= 40 };
                assert_eq!(acceptor(LAX).challenge(&message).is_ok(), inside);
            }
        }
    }
}

#[test]
fn oversized_messages_are_refused() {
    let mut negotiate = Client::default().negotiate();
    negotiate.resize(16 * 1024, 0);
    assert!(acceptor(LAX).challenge(&negotiate).is_ok());
    negotiate.push(0);
    assert!(acceptor(LAX).challenge(&negotiate).is_err());
    let (mut acceptor, mut answer) = ready(&Client::default());
    answer.message.resize(16 * 1024 + 1, 0);
    assert!(acceptor.authenticate(&answer.message, accounts).is_err());
}

#[test]
fn mutated_negotiate_messages_do_no_harm() {
    let mut random = Random(0x0123_4567_89ab_cdef);
    let original = Client::default().negotiate();
    for _ in 0..100_000 {
        let mut message = original.clone();
        random.mutate(&mut message, 0..original.len());
        message.truncate(random.below(60));
        if let Ok(challenge) = acceptor(LAX).challenge(&message) {
            assert_eq!(challenge[24..32], SERVER_CHALLENGE);
        }
    }
}

/// A MIC covers every octet of the message, so no mutation may pass.
#[test]
fn mutated_messages_with_a_mic_are_refused() {
    let mut random = Random(0xfeed_beef_dead_cafe);
    let client = &clients()[0];
    for _ in 0..50_000 {
        let (mut acceptor, answer) = ready(client);
        let mut message = answer.message.clone();
        let length = message.len();
        random.mutate(&mut message, 0..length);
        let accepted = acceptor.authenticate(&message, accounts).is_ok();
        assert_eq!(accepted, message == answer.message);
    }
}

/// Without a MIC, the response still may not change in the slightest.
#[test]
fn mutated_responses_are_refused() {
    let mut random = Random(0x5eed_5eed_5eed_5eed);
    for client in &clients()[1..] {
        for _ in 0..50_000 {
            let (mut acceptor, answer) = ready(client);
            let mut message = answer.message.clone();
            random.mutate(&mut message, answer.nt_response);
            let altered = message != answer.message;
            // Every other time, what surrounds the response changes as well.
            if random.below(2) == 0 {
                random.mutate(&mut message, 28..72);
            }
            let accepted = acceptor.authenticate(&message, accounts).is_ok();
            assert!(!(accepted && altered));
        }
    }
}
