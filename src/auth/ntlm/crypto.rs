//! The one-way functions and responses of [MS-NLMP] 3.3, and the primitives under them.

use std::fmt;
use std::str::FromStr;

use des::Des;
use des::cipher::{BlockCipherEncrypt, KeyInit as _};
use hmac::{Hmac, Mac};
use md4::{Digest, Md4};
use md5::Md5;
use rc4::{Rc4, StreamCipher};
use thiserror::Error;

use super::wire::utf16;

/// NTOWFv1: the MD4 hash of a password, as good as the password itself.
#[derive(Clone)]
pub struct NtHash([u8; 16]);

/// A text that is not an NT hash. It is not repeated here, since it may nearly be one.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
#[error("an NT hash is written as 32 hexadecimal digits")]
pub struct InvalidNtHash;

impl NtHash {
    /// What stands in for the hash of an account that does not exist.
    pub(super) const DUMMY: Self = Self([0; 16]);

    /// NTOWFv1, [MS-NLMP] 3.3.1.
    pub fn of_password(password: &str) -> Self {
        Self(Md4::digest(utf16(password)).into())
    }

    /// NTOWFv2, [MS-NLMP] 3.3.2.
    pub(super) fn v2(&self, user: &str, domain: &str) -> [u8; 16] {
        hmac_md5(&self.0, &[&utf16(&uppercase(user)), &utf16(domain)])
    }

    /// The NTLMv1 response to a challenge.
    pub(super) fn v1_response(&self, challenge: [u8; 8]) -> [u8; 24] {
        desl(&self.0, challenge)
    }

    /// The session base key of NTLMv1, with or without extended session security.
    pub(super) fn v1_session_base_key(&self) -> [u8; 16] {
        Md4::digest(self.0).into()
    }
}

impl From<[u8; 16]> for NtHash {
    fn from(hash: [u8; 16]) -> Self {
        Self(hash)
    }
}

impl FromStr for NtHash {
    type Err = InvalidNtHash;

    fn from_str(text: &str) -> Result<Self, InvalidNtHash> {
        let digit = |octet: u8| char::from(octet).to_digit(16).map(|digit| digit as u8);
        let (pairs, rest) = text.as_bytes().as_chunks::<2>();
        if pairs.len() != 16 || !rest.is_empty() {
            return Err(InvalidNtHash);
        }
        let mut hash = [0; 16];
        for (octet, [high, low]) in hash.iter_mut().zip(pairs) {
            let high = digit(*high).ok_or(InvalidNtHash)?;
            *octet = high << 4 | digit(*low).ok_or(InvalidNtHash)?;
        }
        Ok(Self(hash))
    }
}

impl fmt::Debug for NtHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("NtHash(..)")
    }
}

/// The HMAC-MD5 of the parts taken together.
pub(super) fn hmac_md5(key: &[u8; 16], parts: &[&[u8]]) -> [u8; 16] {
    // HMAC fills a key up with zeros to the length of a block. Done here, it leaves a
    // key whose length cannot be wrong.
    let mut block = [0; 64];
    block[..16].copy_from_slice(key);
    let mut mac = Hmac::<Md5>::new(&block.into());
    for part in parts {
        mac.update(part);
    }
    mac.finalize().into_bytes().into()
}

/// The MD5 hash of the parts taken together.
pub(super) fn md5(parts: &[&[u8]]) -> [u8; 16] {
    let mut hash = Md5::new();
    for part in parts {
        hash.update(part);
    }
    hash.finalize().into()
}

/// An RC4 key stream from its start.
pub(super) fn rc4(key: &[u8; 16]) -> Rc4 {
    // RC4 repeats its key as often as needed, so a key written twice is the same key,
    // in the one length the cipher takes without a chance of failure.
    let mut twice = [0; 32];
    twice[..16].copy_from_slice(key);
    twice[16..].copy_from_slice(key);
    Rc4::new(&twice.into())
}

/// RC4K, [MS-NLMP] 6: `data` encrypted, or decrypted, with a fresh key stream.
pub(super) fn rc4k(key: &[u8; 16], mut data: [u8; 16]) -> [u8; 16] {
    rc4(key).apply_keystream(&mut data);
    data
}

/// The challenge that an NTLM2 session response answers, [MS-NLMP] 3.3.1.
pub(super) fn session_challenge(server: [u8; 8], client: [u8; 8]) -> [u8; 8] {
    let [a, b, c, d, e, f, g, h, ..] = md5(&[&server, &client]);
    [a, b, c, d, e, f, g, h]
}

/// DESL, [MS-NLMP] 6: the data under three DES keys, cut from a hash and five zeros.
fn desl(hash: &[u8; 16], data: [u8; 8]) -> [u8; 24] {
    let mut keys = [0; 21];
    keys[..16].copy_from_slice(hash);
    let mut response = [0; 24];
    let (keys, _) = keys.as_chunks::<7>();
    let (blocks, _) = response.as_chunks_mut::<8>();
    for (key, block) in keys.iter().zip(blocks) {
        let mut output = data.into();
        Des::new(&with_parity(*key).into()).encrypt_block(&mut output);
        *block = output.into();
    }
    response
}

/// Spreads 56 bits over the upper seven bits of eight octets; DES ignores the parity.
fn with_parity([a, b, c, d, e, f, g]: [u8; 7]) -> [u8; 8] {
    let bits = u64::from_be_bytes([0, a, b, c, d, e, f, g]);
    let mut key = [0; 8];
    for (octet, shift) in key.iter_mut().zip((0..8).rev()) {
        *octet = (bits >> (7 * shift) << 1) as u8;
    }
    key
}

/// Uppercases as Windows does: one character for one, and only within the basic plane.
fn uppercase(text: &str) -> String {
    text.chars().map(uppercase_char).collect()
}

fn uppercase_char(c: char) -> char {
    let mut upper = c.to_uppercase();
    match (upper.next(), upper.next()) {
        // Letters such as ß, whose uppercase is longer, stay as they are.
        (Some(upper), None) => match c {
            // The Windows table leaves these alone, where Unicode maps them to letters
            // whose own lowercase is another.
            'µ' | 'ı' | 'ſ' => c,
            '\u{10000}'.. => c,
            _ => upper,
        },
        _ => c,
    }
}
