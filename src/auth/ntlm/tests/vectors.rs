//! The examples of [MS-NLMP] 4.2.

use super::super::crypto::{NtHash, hmac_md5, md5, rc4k, session_challenge};
use super::super::wire::Charset;
use super::super::{
    InvalidNtHash, Minimum, NegotiateFlags, Policy, Protection, ResponseKind, SecurityLayer,
};
use super::client::{CLIENT_CHALLENGE, SESSION_KEY, authenticate};
use super::{SERVER_CHALLENGE, acceptor};

const PLAINTEXT: &str = "Plaintext";

fn hex(text: &str) -> Vec<u8> {
    let digits: String = text.split_whitespace().collect();
    let octet = |at: usize| u8::from_str_radix(&digits[at..at + 2], 16).unwrap();
    (0..digits.len()).step_by(2).map(octet).collect()
}

fn key(text: &str) -> [u8; 16] {
    hex(text).try_into().unwrap()
}

fn plaintext() -> Vec<u8> {
    Charset::Unicode.encode(PLAINTEXT)
}

fn user_hash() -> NtHash {
    NtHash::of_password("Password")
}

/// Seals the example's plaintext as the client, and has the server open it.
fn seal(exported: [u8; 16], flags: u32) -> Vec<u8> {
    let flags = NegotiateFlags::from_bits_retain(flags);
    let mut client = SecurityLayer::client(&exported, flags);
    let mut server = SecurityLayer::server(&exported, flags);
    let token = client.wrap(&plaintext(), Protection::Seal).unwrap();
    let opened = server.unwrap(&token, Protection::Seal);
    assert_eq!(opened, Ok(plaintext()));
    token
}

/// 4.2.2.1, 4.2.2.2
#[test]
fn ntlm_v1_responses_and_keys() {
    let response = hex("67c43011f30298a2ad35ece64f16331c44bdbed927841f94");
    assert_eq!(user_hash().v1_response(SERVER_CHALLENGE)[..], response);
    let base = user_hash().v1_session_base_key();
    assert_eq!(base, key("d87262b0cde4b1cb7499becccdf10784"));
    let encrypted = key("518822b1b3f350c8958682ecbb3e3cb7");
    assert_eq!(rc4k(&base, SESSION_KEY), encrypted);
    // NTOWFv1 itself never leaves its type; a hash written down has to act the same.
    let written: NtHash = "A4F49C406510BDCAB6824EE7c30fd852".parse().unwrap();
    assert_eq!(written.v1_response(SERVER_CHALLENGE)[..], response);
}

/// 4.2.2.4
#[test]
fn ntlm_v1_seal() {
    let token = hex("01000000 00000000 09dcd1df 2e459d36 56fe04d861f9319af0d7238a2e3b4d457fb8");
    assert_eq!(seal(SESSION_KEY, 0xe202_8233), token);
}

/// 4.2.3.1, 4.2.3.2
#[test]
fn ntlm2_session_responses_and_keys() {
    let challenge = session_challenge(SERVER_CHALLENGE, CLIENT_CHALLENGE);
    let response = hex("7537f803ae367128ca458204bde7caf81e97ed2683267232");
    assert_eq!(user_hash().v1_response(challenge)[..], response);
    let base = user_hash().v1_session_base_key();
    let exchange = hmac_md5(&base, &[&SERVER_CHALLENGE, &CLIENT_CHALLENGE]);
    assert_eq!(exchange, key("eb93429a8bd952f8b89c55b87f475edc"));
}

/// 4.2.3.4
#[test]
fn ntlm2_session_seal() {
    let exported = key("eb93429a8bd952f8b89c55b87f475edc");
    let sealing = b"session key to client-to-server sealing key magic constant\0";
    let sealing = md5(&[&exported[..7], sealing]);
    assert_eq!(sealing, key("04dd7f014d8504d265a25cc86a3a7c06"));
    let token = hex("01000000 ff2aeb52f681793a 00000000 a02372f6530273f3aa1eb90190ce5200c99d");
    assert_eq!(seal(exported, 0x820a_8233), token);
}

/// 4.2.4.1, 4.2.4.2
#[test]
fn ntlm_v2_responses_and_keys() {
    let ntowf = user_hash().v2("User", "Domain");
    assert_eq!(ntowf, key("0c868a403bfd7a93a3001ef22ef02e3f"));
    let proof = hmac_md5(&ntowf, &[&SERVER_CHALLENGE, &temp()]);
    assert_eq!(proof, key("68cd0ab851e51c96aabc927bebef6a1c"));
    let base = hmac_md5(&ntowf, &[&proof]);
    assert_eq!(base, key("8de40ccadbc14a82f15cb0ad0de95ca3"));
    let encrypted = key("c5dad2544fc9799094ce1ce90bc9d03e");
    assert_eq!(rc4k(&base, SESSION_KEY), encrypted);
}

/// 4.2.4.4
#[test]
fn ntlm_v2_seal() {
    let token = hex("01000000 7fb38ec5c55d4976 00000000 54e50165bf1936dc996020c1811b0f06fb5f");
    assert_eq!(seal(SESSION_KEY, 0xe28a_8233), token);
}

/// 4.2.2.3 and 4.2.4.3: the AUTHENTICATE messages, whose payload starts with the domain.
#[test]
fn authenticate_messages_are_accepted() {
    let v1 = "98def7b87f88aa5dafe2df779688a172def11c7d5ccdef13";
    let v1_nt = hex("67c43011f30298a2ad35ece64f16331c44bdbed927841f94");
    let v2 = "86c35097ac9cec102554764a57cccc19aaaaaaaaaaaaaaaa";
    let v2_nt = [hex("68cd0ab851e51c96aabc927bebef6a1c"), temp()].concat();
    let cases = [
        (
            0xe280_8235,
            ResponseKind::V1,
            v1,
            v1_nt,
            "518822b1b3f350c8958682ecbb3e3cb7",
            "01000000 00000000 09dcd1df 2e459d36 56fe04d861f9319af0d7238a2e3b4d457fb8",
        ),
        (
            0xe288_8235,
            ResponseKind::V2,
            v2,
            v2_nt,
            "c5dad2544fc9799094ce1ce90bc9d03e",
            "01000000 7fb38ec5c55d4976 00000000 54e50165bf1936dc996020c1811b0f06fb5f",
        ),
    ];
    for (bits, kind, lm, nt, encrypted, token) in cases {
        let flags = NegotiateFlags::from_bits_retain(bits);
        let text = |text| Charset::Unicode.encode(text);
        let payload = [hex(lm), nt, text("Domain"), text("User"), text("COMPUTER"), hex(encrypted)];
        let (message, _) = authenticate(&payload, flags, 72);
        let mut acceptor = acceptor(Policy { minimum: Minimum::V1, ..Policy::default() });
        let negotiate = [&b"NTLMSSP\0\x01\0\0\0"[..], &(bits | 0x30).to_le_bytes()].concat();
        acceptor.challenge(&negotiate).unwrap();
        let verified = acceptor.authenticate(&message, |domain, user| {
            assert_eq!((domain, user), ("Domain", "User"));
            Some(user_hash())
        });
        let mut verified = verified.unwrap();
        assert_eq!(verified.kind, kind);
        assert_eq!(verified.workstation.as_deref(), Some("COMPUTER"));
        let opened = verified.security.unwrap(&hex(token), Protection::Seal);
        assert_eq!(opened, Ok(plaintext()));
    }
}

#[test]
fn what_is_no_nt_hash() {
    let digits = "a4f49c406510bdcab6824ee7c30fd852";
    for text in ["", "a4f4", &digits[1..], &format!("{digits}0"), &digits.replace('a', "g")] {
        assert_eq!(text.parse::<NtHash>().unwrap_err(), InvalidNtHash);
    }
}

/// The client challenge structure of 4.2.4.1.3.
fn temp() -> Vec<u8> {
    hex("0101000000000000 0000000000000000 aaaaaaaaaaaaaaaa 00000000
         02000c0044006f006d00610069006e00 01000c00530065007200760065007200
         00000000 00000000")
}
