//! Messages that lie.

use super::super::token::Token;
use super::super::{Mechanism, RefusalKind, Step, sniff};
use super::client::Client;
use super::mock::Mock;
use super::{KERBEROS, NEGOEX, NTLM, acceptor};

/// Marsaglia's xorshift, so that every run tries the same mutations.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 16) as usize % bound
    }

    /// Changes, drops, doubles or cuts off a few octets.
    fn mutate(&mut self, bytes: &mut Vec<u8>) {
        for _ in 0..=self.below(4) {
            if bytes.is_empty() {
                return;
            }
            let at = self.below(bytes.len());
            match self.below(8) {
                0 => bytes[at] = 0,
                1 => bytes[at] = 0xff,
                2 => bytes[at] ^= 1 << self.below(8),
                3 => bytes[at] = bytes[at].wrapping_add(1),
                4 => drop(bytes.remove(at)),
                5 => bytes.insert(at, bytes[at]),
                6 => bytes[at] = [0x30, 0x60, 0xa0, 0xa1, 0xa2, 0xa3, 0x04, 0x06][self.below(8)],
                _ => bytes[at] = self.below(256) as u8,
            }
        }
    }
}

/// Clients that go through every state, and what they send.
fn dialogues() -> Vec<(Client, Vec<Vec<u8>>)> {
    let clients = [
        Client::new(&[NTLM, KERBEROS], 2),
        Client { eager: true, ..Client::new(&[NTLM], 3) },
        Client { eager: true, ..Client::new(&[NTLM], 1) },
        Client::new(&[KERBEROS, NTLM, NEGOEX], 3),
        Client::new(&[NEGOEX, NTLM], 4),
    ];
    let sent = |client: &Client| {
        let mut acceptor = acceptor(Mechanism::Ntlm, Mock::new(client.legs, true));
        client.run(&mut acceptor).unwrap().sent
    };
    clients.into_iter().map(|client| (sent(&client), client)).map(|(s, c)| (c, s)).collect()
}

#[test]
fn every_truncation() {
    for (client, sent) in dialogues() {
        for (number, message) in sent.iter().enumerate() {
            for length in 0..message.len() {
                let mut acceptor = acceptor(Mechanism::Ntlm, Mock::new(client.legs, true));
                for earlier in &sent[..number] {
                    acceptor.step(earlier).unwrap();
                }
                sniff(&message[..length]);
                let refusal = acceptor.step(&message[..length]).unwrap_err();
                assert!(matches!(refusal.kind, RefusalKind::Malformed(_)), "{refusal:?}");
            }
        }
    }
}

/// Whatever a client sends, nothing panics, and no second choice is accepted unless the
/// client signed the list that was received.
#[test]
fn mutations() {
    let dialogues = dialogues();
    let mut random = Random(0x5eed_0f5e_ed0f_5eed);
    let mut survived = 0;
    for _ in 0..200_000 {
        let (client, sent) = &dialogues[random.below(dialogues.len())];
        let altered = random.below(sent.len());
        let mut acceptor = acceptor(Mechanism::Ntlm, Mock::new(client.legs, true));
        let mut second_choice = false;
        let mut finished = false;
        for (number, message) in sent.iter().enumerate() {
            let mut message = message.clone();
            if number == altered {
                random.mutate(&mut message);
                sniff(&message);
            }
            if let (0, Ok(Token::Init(init))) = (number, Token::parse(&message)) {
                second_choice = init.mech_types[0] != NTLM;
            }
            match acceptor.step(&message) {
                Ok(Step::Continue(_)) => {}
                Ok(Step::Done { .. }) => finished = true,
                Err(refusal) => {
                    assert!(!refusal.to_string().is_empty());
                    break;
                }
            }
        }
        if finished {
            survived += 1;
            let mock = acceptor.established().unwrap();
            assert!(!second_choice || mock.mics.contains(&"verify"));
        }
    }
    // Enough of them are harmless for the later states to have been reached.
    assert!((1_000..100_000).contains(&survived), "{survived}");
}
