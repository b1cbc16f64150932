//! One direction of a secured session, [MS-NLMP] 3.4.4 and 3.4.5.

use rc4::{Rc4, StreamCipher};
use subtle::ConstantTimeEq;

use super::crypto::{hmac_md5, md5, rc4};
use super::flags::NegotiateFlags;
use super::security::{SIGNATURE_LENGTH, SecurityError};

/// The magic constants a direction's keys are derived with, [MS-NLMP] 3.4.5.2 and
/// 3.4.5.3.
pub(super) struct Magic {
    sign: &'static [u8],
    seal: &'static [u8],
}

pub(super) const CLIENT_TO_SERVER: Magic = Magic {
    sign: b"session key to client-to-server signing key magic constant\0",
    seal: b"session key to client-to-server sealing key magic constant\0",
};

pub(super) const SERVER_TO_CLIENT: Magic = Magic {
    sign: b"session key to server-to-client signing key magic constant\0",
    seal: b"session key to server-to-client sealing key magic constant\0",
};

/// The state of one direction of a session.
pub(super) struct Direction {
    scheme: Scheme,
    sealing_key: [u8; 16],
    stream: Rc4,
    sequence: u32,
}

/// How the checksum of a signature comes about, [MS-NLMP] 3.4.4.
enum Scheme {
    /// Neither signing nor sealing was agreed on, and signatures are a constant
    /// (NTLMSSP_NEGOTIATE_ALWAYS_SIGN, [MS-NLMP] 2.2.2.5).
    Dummy,
    /// A CRC of the message, encrypted.
    Crc,
    /// With extended session security: a truncated HMAC under the signing key, which is
    /// encrypted if keys were exchanged.
    Hmac { signing_key: [u8; 16], encrypted: bool },
}

impl Direction {
    pub(super) fn new(key: &[u8; 16], flags: NegotiateFlags, magic: &Magic) -> Self {
        let extended = flags.contains(NegotiateFlags::EXTENDED_SESSIONSECURITY);
        let scheme = if !flags.intersects(NegotiateFlags::SIGN | NegotiateFlags::SEAL) {
            Scheme::Dummy
        } else if extended {
            Scheme::Hmac {
                signing_key: md5(&[key, magic.sign]),
                encrypted: flags.contains(NegotiateFlags::KEY_EXCH),
            }
        } else {
            Scheme::Crc
        };
        let sealing_key = if extended {
            let strength = if flags.contains(NegotiateFlags::KEY_128) {
                16
            } else if flags.contains(NegotiateFlags::KEY_56) {
                7
            } else {
                5
            };
            md5(&[&key[..strength], magic.seal])
        } else {
            // Weakened only with LM_KEY, which is never agreed on.
            *key
        };
        Self { scheme, sealing_key, stream: rc4(&sealing_key), sequence: 0 }
    }

    pub(super) fn signature(&mut self, message: &[u8]) -> [u8; SIGNATURE_LENGTH] {
        let sequence = self.sequence.to_le_bytes();
        self.sequence = self.sequence.wrapping_add(1);
        let mut signature = [0; SIGNATURE_LENGTH];
        signature[0] = 1;
        let sealed = &mut signature[4..];
        match &self.scheme {
            Scheme::Dummy => {}
            Scheme::Crc => {
                // The pad is encrypted, for what that does to the key stream, and then
                // sent as zero.
                sealed[4..8].copy_from_slice(&crc32(message).to_le_bytes());
                sealed[8..].copy_from_slice(&sequence);
                self.stream.apply_keystream(sealed);
                sealed[..4].fill(0);
            }
            Scheme::Hmac { signing_key, encrypted } => {
                let hmac = hmac_md5(signing_key, &[&sequence, message]);
                sealed[..8].copy_from_slice(&hmac[..8]);
                if *encrypted {
                    self.stream.apply_keystream(&mut sealed[..8]);
                }
                sealed[8..].copy_from_slice(&sequence);
            }
        }
        signature
    }

    pub(super) fn verify(&mut self, message: &[u8], signature: &[u8]) -> Result<(), SecurityError> {
        let mut signature: [u8; SIGNATURE_LENGTH] =
            signature.try_into().map_err(|_| SecurityError::Signature)?;
        if matches!(self.scheme, Scheme::Crc) {
            // Some peers send the pad as it came out of the cipher.
            signature[4..8].fill(0);
        }
        if self.signature(message).ct_eq(&signature).into() {
            Ok(())
        } else {
            Err(SecurityError::Signature)
        }
    }

    /// Encrypts, or decrypts, a message. Its signature comes after it in the key stream.
    pub(super) fn encrypt(&mut self, message: &mut [u8]) {
        self.stream.apply_keystream(message);
    }

    /// Starts the key stream over.
    pub(super) fn restart(&mut self) {
        self.stream = rc4(&self.sealing_key);
    }
}

/// CRC-32 as in ISO 3309, a bit at a time: too rarely used to deserve a table.
fn crc32(data: &[u8]) -> u32 {
    !data.iter().fold(!0, |crc, octet| {
        (0..8).fold(crc ^ u32::from(*octet), |crc, _| {
            (crc >> 1) ^ if crc & 1 == 1 { 0xEDB8_8320 } else { 0 }
        })
    })
}
