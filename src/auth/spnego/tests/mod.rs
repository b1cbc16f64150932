mod client;
mod exchange;
mod hostile;
mod mock;
mod wire;

use super::{Acceptor, Mechanism};
use mock::Mock;

const KERBEROS: &[u8] = super::mechanism::KERBEROS;
const MICROSOFT_KERBEROS: &[u8] = &[0x2a, 0x86, 0x48, 0x82, 0xf7, 0x12, 1, 2, 2];
const NTLM: &[u8] = &[0x2b, 6, 1, 4, 1, 0x82, 0x37, 2, 2, 0x0a];
/// 1.3.6.1.4.1.311.2.2.30
const NEGOEX: &[u8] = &[0x2b, 6, 1, 4, 1, 0x82, 0x37, 2, 2, 0x1e];

/// A server that supports nothing but `mechanism`.
fn acceptor(mechanism: Mechanism, mock: Mock) -> Acceptor<Mock> {
    Acceptor::new(move |asked| (asked == mechanism).then(|| mock.clone()))
}

fn hex(text: &str) -> Vec<u8> {
    let digits: String = text.split_whitespace().collect();
    let octet = |at: usize| u8::from_str_radix(&digits[at..at + 2], 16).unwrap();
    (0..digits.len()).step_by(2).map(octet).collect()
}
