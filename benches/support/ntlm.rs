//! The client's half of NTLM, as far as a right NTLMv2 proof takes it ([MS-NLMP] 3.1.5, 3.3.2).

use std::ops::Range;

use hmac::{Hmac, KeyInit as _, Mac as _};
use md4::{Digest as _, Md4};
use md5::Md5;

/// A client in the shape of one that is in use.
#[derive(Clone, Copy, Debug)]
pub enum Shape {
    /// Version, integrity code and the server's AV pairs: Windows, .NET, pyspnego.
    Windows,
    /// A NEGOTIATE of 32 octets and no integrity code: curl.
    Curl,
}

/// An AUTHENTICATE message, and where the response to the challenge lies in it.
pub struct Answer {
    pub message: Vec<u8>,
    pub response: Range<usize>,
}

/// UNICODE, REQUEST_TARGET, NTLM, ALWAYS_SIGN, EXTENDED_SESSIONSECURITY.
const FLAGS: u32 = 0x0008_8205;
const VERSION: u32 = 0x0200_0000;
const WINDOWS_10: [u8; 8] = [10, 0, 0x61, 0x4a, 0, 0, 0, 15];
const MIC: Range<usize> = 72..88;

impl Shape {
    pub fn negotiate(self) -> Vec<u8> {
        let mut message = b"NTLMSSP\0\x01\0\0\0".to_vec();
        message.extend(self.flags().to_le_bytes());
        message.extend([0; 16]);
        if let Self::Windows = self {
            message.extend(WINDOWS_10);
        }
        message
    }

    fn flags(self) -> u32 {
        match self {
            Self::Windows => FLAGS | VERSION,
            Self::Curl => FLAGS,
        }
    }

    /// Answers `challenge`, which answered `negotiate`.
    pub fn authenticate(
        self,
        (domain, user, password): (&str, &str, &str),
        negotiate: &[u8],
        challenge: &[u8],
    ) -> Answer {
        let hash: [u8; 16] = Md4::digest(utf16(password)).into();
        let key = hmac_md5(&hash, &[&utf16(&user.to_uppercase()), &utf16(domain)]);
        let temp = self.temp(target_info(challenge));
        let proof = hmac_md5(&key, &[&challenge[24..32], &temp]);
        let response = [&proof[..], &temp].concat();

        let header = if let Self::Windows = self { MIC.end } else { 64 };
        let fields = [vec![0; 24], response, utf16(domain), utf16(user), utf16("WS"), Vec::new()];
        let mut message = b"NTLMSSP\0\x03\0\0\0".to_vec();
        let mut offset = header;
        for field in &fields {
            message.extend((field.len() as u16).to_le_bytes());
            message.extend((field.len() as u16).to_le_bytes());
            message.extend((offset as u32).to_le_bytes());
            offset += field.len();
        }
        message.extend(self.flags().to_le_bytes());
        if let Self::Windows = self {
            message.extend(WINDOWS_10);
        }
        message.resize(header, 0);
        message.extend(fields.concat());
        if let Self::Windows = self {
            let session_key = hmac_md5(&key, &[&proof]);
            let mic = hmac_md5(&session_key, &[negotiate, challenge, &message]);
            message[MIC].copy_from_slice(&mic);
        }
        let response = header + 24..header + 24 + fields[1].len();
        Answer { message, response }
    }

    /// NTLMv2_CLIENT_CHALLENGE, with the server's AV pairs.
    fn temp(self, target_info: &[u8]) -> Vec<u8> {
        let mut temp = vec![1, 1, 0, 0, 0, 0, 0, 0];
        temp.extend([1; 8]);
        temp.extend([0xaa; 8]);
        temp.extend([0; 4]);
        temp.extend(target_info.strip_suffix(&[0; 4]).unwrap());
        if let Self::Windows = self {
            // MsvAvFlags: there is an integrity code.
            temp.extend([6, 0, 4, 0, 2, 0, 0, 0]);
        }
        temp.extend([0; 8]);
        temp
    }
}

fn target_info(challenge: &[u8]) -> &[u8] {
    let length = u16::from_le_bytes(*challenge[40..].first_chunk().unwrap());
    let offset = u32::from_le_bytes(*challenge[44..].first_chunk().unwrap());
    &challenge[offset as usize..][..usize::from(length)]
}

fn utf16(text: &str) -> Vec<u8> {
    text.encode_utf16().flat_map(u16::to_le_bytes).collect()
}

fn hmac_md5(key: &[u8; 16], parts: &[&[u8]]) -> [u8; 16] {
    let mut mac = Hmac::<Md5>::new_from_slice(key).unwrap();
    parts.iter().for_each(|part| mac.update(part));
    mac.finalize().into_bytes().into()
}
