//! The client's side of NTLM: NTLMv2, as `CONTOSO\user`.

use hmac::{Hmac, KeyInit as _, Mac as _};
use md4::Md4;
use md5::{Digest as _, Md5};

/// UNICODE, REQUEST_TARGET, SIGN, NTLM, ALWAYS_SIGN, EXTENDED_SESSIONSECURITY, TARGET_INFO,
/// 128: signatures, and no keys exchanged ([MS-NLMP] 2.2.2.5).
const FLAGS: u32 = 0x2088_8215;

/// NEGOTIATE_MESSAGE, [MS-NLMP] 2.2.1.1.
pub fn negotiate() -> Vec<u8> {
    [&b"NTLMSSP\0\x01\0\0\0"[..], &FLAGS.to_le_bytes(), &[0; 16]].concat()
}

/// AUTHENTICATE_MESSAGE with an NTLMv2 response, and the session's key ([MS-NLMP] 3.3.2).
pub fn authenticate(challenge: &[u8], user: &str, password: &str) -> (Vec<u8>, [u8; 16]) {
    let length = usize::from(u16::from_le_bytes([challenge[40], challenge[41]]));
    let offset = u32::from_le_bytes(challenge[44..48].try_into().unwrap()) as usize;
    let info = &challenge[offset..][..length];
    let hash = Md4::digest(utf16(password));
    let identity = utf16(&format!("{}CONTOSO", user.to_uppercase()));
    let owner = hmac_md5(&hash, &identity);
    let blob =
        [&[1, 1, 0, 0, 0, 0, 0, 0][..], &[0; 8], &[0xaa; 8], &[0; 4], info, &[0; 4]].concat();
    let proof = hmac_md5(&owner, &[&challenge[24..32], &blob].concat());
    let fields = [vec![0; 24], [&proof[..], &blob].concat(), utf16("CONTOSO"), utf16(user)];
    let mut message = b"NTLMSSP\0\x03\0\0\0".to_vec();
    let mut at = 64;
    for field in fields.iter().chain([&Vec::new(), &Vec::new()]) {
        message.extend((field.len() as u16).to_le_bytes().repeat(2));
        message.extend((at as u32).to_le_bytes());
        at += field.len();
    }
    message.extend(FLAGS.to_le_bytes());
    message.extend(fields.concat());
    (message, hmac_md5(&owner, &proof))
}

pub fn hmac_md5(key: &[u8], message: &[u8]) -> [u8; 16] {
    Hmac::<Md5>::new_from_slice(key).unwrap().chain_update(message).finalize().into_bytes().into()
}

fn utf16(text: &str) -> Vec<u8> {
    text.encode_utf16().flat_map(u16::to_le_bytes).collect()
}
