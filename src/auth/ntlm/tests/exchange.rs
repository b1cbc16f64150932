//! Whole exchanges with clients of all ages.

use super::super::refusal::ParseError;
use super::super::wire::Charset;
use super::super::{NegotiateFlags, NtHash, Policy, Protection, RefusalKind, ResponseKind};
use super::client::Client;
use super::{FILETIME, LAX, SERVER_CHALLENGE, acceptor, accounts, run};

const KINDS: [ResponseKind; 3] = [ResponseKind::V2, ResponseKind::Ntlm2Session, ResponseKind::V1];

fn flags(bits: u32) -> NegotiateFlags {
    NegotiateFlags::from_bits_retain(bits)
}

fn refused(client: &Client, policy: Policy) -> RefusalKind {
    run(client, policy).0.unwrap_err().kind
}

/// Every combination of header, character set and session options, and messages in both
/// directions under each.
#[test]
fn all_dialects() {
    let options = [
        NegotiateFlags::KEY_EXCH,
        NegotiateFlags::KEY_128,
        NegotiateFlags::KEY_56,
        NegotiateFlags::SIGN,
        NegotiateFlags::SEAL,
    ];
    for (kind, header, charset, set) in KINDS.into_iter().flat_map(|kind| {
        [52, 64, 72, 88].into_iter().flat_map(move |header| {
            [1, 2]
                .into_iter()
                .flat_map(move |charset| (0..64).map(move |set| (kind, header, charset, set)))
        })
    }) {
        let mut wanted = flags(charset | 0x204);
        wanted.set(
            NegotiateFlags::EXTENDED_SESSIONSECURITY,
            match kind {
                ResponseKind::V2 => set & 32 != 0,
                ResponseKind::Ntlm2Session => true,
                ResponseKind::V1 => false,
            },
        );
        for (bit, option) in options.into_iter().enumerate() {
            wanted.set(option, set & 1 << bit != 0);
        }
        let client = Client {
            flags: wanted,
            kind,
            header,
            mic: header == 88 && kind == ResponseKind::V2,
            user: "Jürgen",
            ..Client::default()
        };
        let (verified, answer) = run(&client, LAX);
        let mut verified = verified.unwrap_or_else(|refusal| panic!("{client:?}: {refusal}"));
        assert_eq!(verified.kind, kind);
        assert_eq!(verified.user, "Jürgen");
        assert_eq!(verified.domain, "CONTOSO");
        assert_eq!(verified.workstation.as_deref(), Some("WS"));
        assert_eq!(verified.client_version.is_some(), header >= 72);
        // The oldest header has no room for keys, so there is nothing to protect with.
        if header == 52 {
            assert!(!verified.security.signs());
            continue;
        }
        let mut theirs = answer.security;
        let ours = &mut verified.security;
        for text in [&b"first"[..], b"", b"third, and longer than the others"] {
            let signature = theirs.sign(text);
            assert_eq!(ours.verify(text, &signature), Ok(()));
            let signature = ours.sign(text);
            assert_eq!(theirs.verify(text, &signature), Ok(()));
            let protection = if ours.seals() { Protection::Seal } else { Protection::Sign };
            let token = theirs.wrap(text, protection).unwrap();
            assert_eq!(ours.unwrap(&token, protection).unwrap(), text);
            let token = ours.wrap(text, protection).unwrap();
            assert_eq!(theirs.unwrap(&token, protection).unwrap(), text);
        }
    }
}

#[test]
fn the_challenge_describes_the_server() {
    // What a scanner sends, which asks for no version: 32 octets.
    let mut negotiate = b"NTLMSSP\0\x01\0\0\0\x07\x82\x08\xa0".to_vec();
    negotiate.extend([0; 16]);
    let challenge = acceptor(Policy::default()).challenge(&negotiate).unwrap();
    assert_eq!(challenge[..12], *b"NTLMSSP\0\x02\0\0\0");
    assert_eq!(challenge[20..24], 0xa289_8205_u32.to_le_bytes());
    assert_eq!(challenge[24..32], SERVER_CHALLENGE);
    assert_eq!(challenge[48..56], [10, 0, 0x7c, 0x4f, 0, 0, 0, 15]);
    let mut expected = Charset::Unicode.encode("CONTOSO");
    let pairs = [
        (2, Charset::Unicode.encode("CONTOSO")),
        (1, Charset::Unicode.encode("EX01")),
        (4, Charset::Unicode.encode("contoso.example")),
        (3, Charset::Unicode.encode("ex01.contoso.example")),
        (5, Charset::Unicode.encode("contoso.example")),
        (7, FILETIME.to_le_bytes().to_vec()),
        (0, Vec::new()),
    ];
    for (id, value) in pairs {
        expected.extend([id, 0, value.len() as u8, 0]);
        expected.extend(value);
    }
    assert_eq!(challenge[12..20], [14, 0, 14, 0, 56, 0, 0, 0]);
    let length = (expected.len() - 14) as u8;
    assert_eq!(challenge[40..48], [length, 0, length, 0, 70, 0, 0, 0]);
    assert_eq!(challenge[56..], expected);
}

#[test]
fn flags_are_granted_as_asked() {
    let cases = [
        (0x0000_0002, 0x0280_0202),
        (0x0000_0003, 0x0280_0201),
        (0x0000_0206, 0x0281_0206),
        (0xe208_82b7, 0xe289_8235),
        (0xffff_ffff, 0xe289_8235),
    ];
    for (asked, granted) in cases {
        let negotiate = [&b"NTLMSSP\0\x01\0\0\0"[..], &u32::to_le_bytes(asked)].concat();
        let challenge = acceptor(LAX).challenge(&negotiate).unwrap();
        assert_eq!(challenge[20..24], u32::to_le_bytes(granted), "{asked:x}");
    }
}

#[test]
fn neither_unicode_nor_oem() {
    let refusal = acceptor(LAX).challenge(b"NTLMSSP\0\x01\0\0\0\x04\x02\0\0");
    let expected = RefusalKind::Malformed(ParseError::Charset);
    assert_eq!(refusal.unwrap_err().kind, expected);
}

#[test]
fn names_in_the_negotiate_message() {
    let mut negotiate = b"NTLMSSP\0\x01\0\0\0\x06\x32\0\0".to_vec();
    negotiate.extend([3, 0, 3, 0, 36, 0, 0, 0, 4, 0, 4, 0, 32, 0, 0, 0]);
    negotiate.extend(b"HOSTDOM");
    let policy = Policy { require_ntlm2_flag: true, ..Policy::default() };
    let refusal = acceptor(policy).challenge(&negotiate).unwrap_err();
    assert_eq!(refusal.kind, RefusalKind::Ntlm2FlagMissing);
    assert_eq!(refusal.domain.as_deref(), Some("DOM"));
    assert_eq!(refusal.workstation.as_deref(), Some("HOST"));
    // Without the flags the fields are noise.
    negotiate[13] = 2;
    negotiate[20] = 0xff;
    let mut acceptor = acceptor(Policy::default());
    assert!(acceptor.challenge(&negotiate).is_ok());
}

#[test]
fn what_the_client_signed_is_reported() {
    let client = Client {
        channel_binding: Some([7; 16]),
        target_name: Some("SMTP/ex01.contoso.example"),
        flags: Client::default().flags | NegotiateFlags::VERSION,
        ..Client::default()
    };
    let verified = run(&client, Policy::default()).0.unwrap();
    assert_eq!(verified.channel_binding, Some([7; 16]));
    let target_name = verified.target_name.as_deref();
    assert_eq!(target_name, Some("SMTP/ex01.contoso.example"));
    let version = verified.client_version.unwrap().to_string();
    assert_eq!(version, "10.0.19041");

    let client = Client { channel_binding: Some([0; 16]), target_name: Some(""), ..client };
    let verified = run(&client, Policy::default()).0.unwrap();
    assert_eq!(verified.channel_binding, None);
    assert_eq!(verified.target_name, None);
}

#[test]
fn user_principal_names() {
    let client = Client { domain: "", user: "user@contoso.example", ..Client::default() };
    let verified = run(&client, Policy::default()).0.unwrap();
    assert_eq!(verified.user, "user@contoso.example");
    assert_eq!(verified.domain, "");
}

#[test]
fn wrong_passwords_and_unknown_users() {
    for (kind, bits) in [
        (ResponseKind::V2, 0xe208_8237),
        (ResponseKind::Ntlm2Session, 0xe208_8237),
        (ResponseKind::V1, 0xe200_8237),
    ] {
        let client = Client {
            kind,
            flags: flags(bits),
            password: "password",
            mic: kind == ResponseKind::V2,
            ..Client::default()
        };
        let refusal = run(&client, LAX).0.unwrap_err();
        assert_eq!(refusal.kind, RefusalKind::WrongPassword);
        assert_eq!(refusal.user.as_deref(), Some("User"));
        assert_eq!(refusal.domain.as_deref(), Some("CONTOSO"));
        assert_eq!(refusal.workstation.as_deref(), Some("WS"));
        let client = Client { user: "Nobody", password: "Password", ..client };
        assert_eq!(refused(&client, LAX), RefusalKind::UnknownUser);
    }
}

/// The hash that stands in for unknown accounts opens nothing.
#[test]
fn the_dummy_hash_is_no_password() {
    let client = Client::default();
    let mut acceptor = acceptor(LAX);
    let negotiate = client.negotiate();
    let challenge = acceptor.challenge(&negotiate).unwrap();
    let mut message = client.answer(&negotiate, &challenge).message;
    let lengths = [20, 24].map(|at| u16::from_le_bytes([message[at], message[at + 1]]));
    let (length, offset) = (usize::from(lengths[0]), usize::from(lengths[1]));
    let key = NtHash::DUMMY.v2("User", "CONTOSO");
    let temp = message[offset + 16..offset + length].to_vec();
    let proof = super::super::crypto::hmac_md5(&key, &[&SERVER_CHALLENGE, &temp]);
    message[offset..offset + 16].copy_from_slice(&proof);
    let refusal = acceptor.authenticate(&message, |_, _| None).unwrap_err();
    assert_eq!(refusal.kind, RefusalKind::UnknownUser);
}

#[test]
fn the_policy_sets_the_minimum() {
    for kind in [ResponseKind::Ntlm2Session, ResponseKind::V1] {
        let mut client = Client { kind, mic: false, ..Client::default() };
        let wants_ntlm2 = kind == ResponseKind::Ntlm2Session;
        let flag = NegotiateFlags::EXTENDED_SESSIONSECURITY;
        client.flags.set(flag, wants_ntlm2);
        let expected = RefusalKind::BelowMinimum(kind);
        assert_eq!(refused(&client, Policy::default()), expected);
        assert!(run(&client, LAX).0.is_ok());
    }
}

#[test]
fn a_mic_that_is_missing_or_wrong() {
    let client = Client { header: 72, ..Client::default() };
    assert_eq!(refused(&client, LAX), RefusalKind::MicMissing);

    let client = Client::default();
    type Alter = fn(&mut [u8], &mut [u8]);
    let altered: [(RefusalKind, Alter); 3] = [
        // A downgraded NEGOTIATE is what the code is there to reveal.
        (RefusalKind::MicMismatch, |negotiate, _| negotiate[15] ^= 1),
        (RefusalKind::MicMismatch, |_, answer| answer[80] ^= 1),
        (RefusalKind::MicMissing, |_, answer| answer[72..88].fill(0)),
    ];
    for (kind, alter) in altered {
        let mut acceptor = acceptor(LAX);
        let mut negotiate = client.negotiate();
        let seen_by_client = negotiate.clone();
        alter(&mut negotiate, &mut [0; 88]);
        let challenge = acceptor.challenge(&negotiate).unwrap();
        let mut message = client.answer(&seen_by_client, &challenge).message;
        alter(&mut [0; 16], &mut message);
        let refusal = acceptor.authenticate(&message, accounts).unwrap_err();
        assert_eq!(refusal.kind, kind);
    }
}

#[test]
fn responses_that_are_not_there() {
    let cases = [
        ("", 0, RefusalKind::Anonymous),
        ("", 1, RefusalKind::Anonymous),
        ("User", 0, RefusalKind::NtResponseMissing),
        ("User", 24, RefusalKind::NtResponseMissing),
    ];
    for (user, lm_length, kind) in cases {
        let payload = [
            vec![0; lm_length],
            Vec::new(),
            Vec::new(),
            Charset::Unicode.encode(user),
            Vec::new(),
            Vec::new(),
        ];
        let (message, _) = super::client::authenticate(&payload, flags(0x0008_8205), 72);
        let mut acceptor = acceptor(LAX);
        acceptor.challenge(&Client::default().negotiate()).unwrap();
        let refusal = acceptor.authenticate(&message, |_, _| panic!("no account is asked for"));
        assert_eq!(refusal.unwrap_err().kind, kind);
    }
}

#[test]
fn out_of_sequence() {
    let client = Client::default();
    let mut acceptor = acceptor(LAX);
    let early = acceptor.authenticate(b"", accounts).unwrap_err();
    assert_eq!(early.kind, RefusalKind::OutOfSequence);
    let late = acceptor.challenge(&client.negotiate()).unwrap_err();
    assert_eq!(late.kind, RefusalKind::OutOfSequence);
}

/// A challenge is good for one answer, even where the second is right.
#[test]
fn no_second_guess() {
    let client = Client::default();
    let mut acceptor = acceptor(LAX);
    let negotiate = client.negotiate();
    let challenge = acceptor.challenge(&negotiate).unwrap();
    let message = client.answer(&negotiate, &challenge).message;
    assert!(acceptor.authenticate(&message, |_, _| None).is_err());
    let refusal = acceptor.authenticate(&message, accounts).unwrap_err();
    assert_eq!(refusal.kind, RefusalKind::OutOfSequence);
}

#[test]
fn debug_output_keeps_secrets() {
    let hash: NtHash = "a4f49c406510bdcab6824ee7c30fd852".parse().unwrap();
    assert_eq!(format!("{hash:?}"), "NtHash(..)");
    let verified = run(&Client::default(), LAX).0.unwrap();
    let debug = format!("{verified:?}");
    assert!(debug.contains("SecurityLayer { flags"), "{debug}");
    assert!(!debug.contains("85, 85"), "{debug}");
}

#[test]
fn refusals_read_well() {
    let client = Client { user: "User\r\n", ..Client::default() };
    let refusal = run(&client, LAX).0.unwrap_err();
    assert_eq!(
        refusal.to_string(),
        r#"there is no such account, user "User\r\n", domain "CONTOSO", workstation "WS""#
    );
}

#[test]
fn uppercase_is_that_of_windows() {
    let hash = NtHash::of_password("Password");
    for (user, upper) in [("jürgen", "JÜRGEN"), ("straße", "STRAßE"), ("µı", "µı")] {
        assert_eq!(hash.v2(user, "D"), hash.v2(upper, "D"));
    }
    assert_ne!(hash.v2("ß", "D"), hash.v2("SS", "D"));
    assert_ne!(hash.v2("user", "d"), hash.v2("user", "D"));
}

/// Our own client, against the strictest server.
#[test]
fn the_client_proves_itself_by_ntlm_v2_and_a_code() {
    let version = super::super::Version { major: 10, minor: 0, build: 17763 };
    let strict = Policy { minimum: super::super::Minimum::V2, require_ntlm2_flag: true };
    let prove = |user: &str, password: &str, spoil: bool| {
        let client = super::super::Client::new(user, password, version);
        let mut acceptor = acceptor(strict);
        let challenge = acceptor.challenge(client.negotiate()).unwrap();
        let mut message = client.authenticate(&challenge, [7; 8], 0).unwrap();
        message[72] ^= u8::from(spoil);
        acceptor.authenticate(&message, accounts)
    };
    let verified = prove("CONTOSO\\User", "Password", false).unwrap();
    assert_eq!((verified.kind, verified.client_version), (ResponseKind::V2, Some(version)));
    assert!(prove("user@contoso.example", "Password", false).is_ok());
    let kind = |refused: Result<_, super::super::Refusal>| {
        refused.map(|_: super::super::Verified| ()).unwrap_err().kind
    };
    assert_eq!(kind(prove("CONTOSO\\User", "wrong", false)), RefusalKind::WrongPassword);
    assert_eq!(kind(prove("CONTOSO\\User", "Password", true)), RefusalKind::MicMismatch);
}
