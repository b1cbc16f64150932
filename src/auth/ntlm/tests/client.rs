//! A client able to speak every dialect of the protocol, and to get it wrong.

use super::super::crypto::{NtHash, hmac_md5, rc4k, session_challenge};
use super::super::wire::{Charset, array};
use super::super::{NegotiateFlags, ResponseKind, SecurityLayer};

pub(super) const CLIENT_CHALLENGE: [u8; 8] = [0xaa; 8];
pub(super) const SESSION_KEY: [u8; 16] = [0x55; 16];

#[derive(Clone, Debug)]
pub(super) struct Client {
    pub(super) flags: NegotiateFlags,
    pub(super) kind: ResponseKind,
    pub(super) domain: &'static str,
    pub(super) user: &'static str,
    pub(super) workstation: &'static str,
    pub(super) password: &'static str,
    /// The length of the AUTHENTICATE header: 52, 64, 72 or 88.
    pub(super) header: usize,
    pub(super) mic: bool,
    pub(super) channel_binding: Option<[u8; 16]>,
    pub(super) target_name: Option<&'static str>,
}

/// What the client sends last, and what it then holds.
pub(super) struct Answer {
    pub(super) message: Vec<u8>,
    /// Where the NT response lies in it.
    pub(super) nt_response: std::ops::Range<usize>,
    pub(super) security: SecurityLayer,
}

impl Default for Client {
    fn default() -> Self {
        Self {
            flags: NegotiateFlags::from_bits_retain(0xe208_8237),
            kind: ResponseKind::V2,
            domain: "CONTOSO",
            user: "User",
            workstation: "WS",
            password: "Password",
            header: 88,
            mic: true,
            channel_binding: None,
            target_name: None,
        }
    }
}

impl Client {
    pub(super) fn negotiate(&self) -> Vec<u8> {
        let mut message = b"NTLMSSP\0\x01\0\0\0".to_vec();
        message.extend(self.flags.bits().to_le_bytes());
        message.extend([0; 16]);
        message.extend([10, 0, 0x61, 0x4a, 0, 0, 0, 15]);
        message
    }

    pub(super) fn answer(&self, negotiate: &[u8], challenge: &[u8]) -> Answer {
        let flags = NegotiateFlags::from_bits_retain(u32_at(challenge, 20));
        let server_challenge = array(challenge, 24).unwrap();
        let hash = NtHash::of_password(self.password);
        let (lm, nt, key) = match self.kind {
            ResponseKind::V2 => {
                let temp = self.temp(challenge);
                let ntowf = hash.v2(self.user, self.domain);
                let proof = hmac_md5(&ntowf, &[&server_challenge, &temp]);
                let key = hmac_md5(&ntowf, &[&proof]);
                (vec![0; 24], [&proof[..], &temp].concat(), key)
            }
            ResponseKind::Ntlm2Session => {
                let challenge = session_challenge(server_challenge, CLIENT_CHALLENGE);
                let key =
                    hmac_md5(&hash.v1_session_base_key(), &[&server_challenge, &CLIENT_CHALLENGE]);
                let lm = [&CLIENT_CHALLENGE[..], &[0; 16]].concat();
                (lm, hash.v1_response(challenge).to_vec(), key)
            }
            ResponseKind::V1 => {
                let response = hash.v1_response(server_challenge).to_vec();
                (response.clone(), response, hash.v1_session_base_key())
            }
        };
        let exchange = flags.contains(NegotiateFlags::KEY_EXCH) && self.header > 52;
        let (exported, encrypted) = if exchange {
            (SESSION_KEY, rc4k(&key, SESSION_KEY).to_vec())
        } else {
            (key, Vec::new())
        };

        let charset = Charset::of(flags).unwrap();
        let payload = [
            lm,
            nt,
            charset.encode(self.domain),
            charset.encode(self.user),
            charset.encode(self.workstation),
            encrypted,
        ];
        let (mut message, nt_response) = authenticate(&payload, flags, self.header);
        if self.mic && self.header == 88 {
            let mic = hmac_md5(&exported, &[negotiate, challenge, &message]);
            message[72..88].copy_from_slice(&mic);
        }
        Answer { message, nt_response, security: SecurityLayer::client(&exported, flags) }
    }

    /// NTLMv2_CLIENT_CHALLENGE, with the server's AV pairs and the client's own.
    fn temp(&self, challenge: &[u8]) -> Vec<u8> {
        let length = usize::from(u16::from_le_bytes(array(challenge, 40).unwrap()));
        let offset = u32_at(challenge, 44) as usize;
        let info = &challenge[offset..][..length - 4];
        let mut temp = vec![1, 1, 0, 0, 0, 0, 0, 0];
        temp.extend(super::FILETIME.to_le_bytes());
        temp.extend(CLIENT_CHALLENGE);
        temp.extend([0; 4]);
        temp.extend(info);
        if self.mic {
            temp.extend([6, 0, 4, 0, 2, 0, 0, 0]);
        }
        if let Some(hash) = self.channel_binding {
            temp.extend([10, 0, 16, 0]);
            temp.extend(hash);
        }
        if let Some(name) = self.target_name {
            let name = Charset::Unicode.encode(name);
            temp.extend([9, 0, name.len() as u8, 0]);
            temp.extend(name);
        }
        temp.extend([0; 8]);
        temp
    }
}

/// An AUTHENTICATE message with the header of a given length and no MIC, and where the
/// NT response lies in it. The payload is in the order of the fields.
pub(super) fn authenticate(
    payload: &[Vec<u8>; 6],
    flags: NegotiateFlags,
    header: usize,
) -> (Vec<u8>, std::ops::Range<usize>) {
    let mut message = b"NTLMSSP\0\x03\0\0\0".to_vec();
    let mut offset = header;
    let mut nt_response = 0..0;
    for (index, bytes) in payload.iter().enumerate() {
        if index == 1 {
            nt_response = offset..offset + bytes.len();
        }
        if index < 5 || header > 52 {
            message.extend((bytes.len() as u16).to_le_bytes());
            message.extend((bytes.len() as u16).to_le_bytes());
            message.extend((offset as u32).to_le_bytes());
        }
        offset += bytes.len();
    }
    if header > 52 {
        message.extend(flags.bits().to_le_bytes());
    }
    message.extend([10, 0, 0x61, 0x4a, 0, 0, 0, 15]);
    message.resize(header.max(message.len()), 0);
    message.truncate(header);
    message.extend(payload.concat());
    (message, nt_response)
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(array(bytes, at).unwrap())
}
