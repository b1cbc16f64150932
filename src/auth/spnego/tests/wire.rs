//! Tokens octet by octet, written down from the ASN.1 of RFC 4178 §4.2.

use super::super::der::{OCTET_STRING, Reader, SEQUENCE, context, element};
use super::super::token::{NegState, NegTokenResp, Token};
use super::super::{Kind, MechType, Mechanism, ParseError, Step, sniff};
use super::client::{framed, init};
use super::mock::Mock;
use super::{KERBEROS, MICROSOFT_KERBEROS, NEGOEX, NTLM, acceptor, hex};

/// mechTypes { MS-Kerberos, Kerberos, NTLMSSP }, reqFlags, mechToken "c0", mechListMIC "m".
const INIT: &str = "
    60 43
      06 06 2b0601050502
      a0 39 30 37
        a0 24 30 22
          06 09 2a864882f712010202
          06 09 2a864886f712010202
          06 0a 2b06010401823702020a
        a1 04 03 02 01 06
        a2 04 04 02 6330
        a3 03 04 01 6d";

/// As Windows sends it: mechTypes { NTLMSSP }, negHints.
const INIT2: &str = "
    60 48
      06 06 2b0601050502
      a0 3e 30 3c
        a0 0e 30 0c 06 0a 2b06010401823702020a
        a3 2a 30 28 a0 26 1b 24
          6e6f745f646566696e65645f696e5f5246433431373840706c656173655f69676e6f7265";

/// accept-incomplete, NTLMSSP, responseToken "s0", mechListMIC "m".
const RESP: &str = "
    a1 20 30 1e
      a0 03 0a 01 01
      a1 0c 06 0a 2b06010401823702020a
      a2 04 04 02 7330
      a3 03 04 01 6d";

#[test]
fn init_fields() {
    let bytes = hex(INIT);
    let Ok(Token::Init(init)) = Token::parse(&bytes) else { panic!() };
    assert_eq!(init.mech_types, [MICROSOFT_KERBEROS, KERBEROS, NTLM]);
    assert_eq!(init.mech_list, &bytes[0x10..0x34]);
    assert_eq!(init.mech_token, Some(&b"c0"[..]));
    assert_eq!(init.mech_list_mic, Some(&b"m"[..]));

    let bytes = hex(INIT2);
    let Ok(Token::Init(init)) = Token::parse(&bytes) else { panic!() };
    assert_eq!((init.mech_types, init.mech_token), (vec![NTLM], None));
    assert_eq!(init.mech_list_mic, None);
}

#[test]
fn resp_fields() {
    let resp = NegTokenResp {
        state: Some(NegState::AcceptIncomplete),
        supported_mech: Some(NTLM),
        response_token: Some(b"s0"),
        mech_list_mic: Some(b"m"),
    };
    assert_eq!(resp.encode(), hex(RESP));
    assert_eq!(Token::parse(&hex(RESP)), Ok(Token::Resp(resp)));
    assert_eq!(Token::parse(&hex("a102 3000")), Ok(Token::Resp(NegTokenResp::default())));
    for (octet, state) in [
        NegState::AcceptCompleted,
        NegState::AcceptIncomplete,
        NegState::Reject,
        NegState::RequestMic,
    ]
    .into_iter()
    .enumerate()
    {
        let resp = NegTokenResp { state: Some(state), ..NegTokenResp::default() };
        let bytes = hex(&format!("a107 3005 a003 0a01 0{octet}"));
        assert_eq!(resp.encode(), bytes);
        assert_eq!(Token::parse(&bytes), Ok(Token::Resp(resp)));
    }
}

/// The client's second choice, token for token.
#[test]
fn fallback() {
    let mut acceptor = acceptor(Mechanism::Ntlm, Mock::new(2, true));
    let mut step = |token: &str| acceptor.step(&hex(token)).unwrap();
    let reply = "a115 3013 a003 0a0103 a10c 060a 2b06010401823702020a";
    assert_eq!(step(INIT), Step::Continue(hex(reply)));
    // The MICs are "s signs " or "c signs " and the list.
    let list = "3022 0609 2a864882f712010202 0609 2a864886f712010202 060a 2b06010401823702020a";
    let reply = "a13d 303b a003 0a0101 a204 0402 7330 a32e 042c 73207369676e7320";
    let reply = Step::Continue(hex(&format!("{reply} {list}")));
    assert_eq!(step("a108 3006 a204 0402 6330"), reply);
    let answer = format!("a137 3035 a003 0a0100 a32e 042c 63207369676e7320 {list}");
    assert_eq!(step(&answer), Step::Done { token: None });
}

/// Both messages may have more fields than RFC 4178 knows.
#[test]
fn extensions() {
    let list = hex("a00e 300c 060a 2b06010401823702020a");
    let token = hex("a204 0402 6330");
    let parse = |more: &str| {
        let bytes = framed(&[&list, &token, &hex(more)]);
        Token::parse(&bytes).map(|_| ())
    };
    assert_eq!(parse("a502 0500 a703 020101"), Ok(()));
    assert_eq!(parse("a303 04016d a403 04016d"), Ok(()));
    assert_eq!(parse("a502 0500 a502 0500"), Err(ParseError::Field(0xa5)));
    assert_eq!(parse("a204 0402 6330"), Err(ParseError::Field(0xa2)));
    assert_eq!(parse("e502 0500"), Err(ParseError::Field(0xe5)));
    assert_eq!(parse("bf2102 0500"), Err(ParseError::Tag(0xbf)));
    assert_eq!(parse("a504 0500"), Err(ParseError::Truncated));
}

#[test]
fn malformed() {
    let cases = [
        ("", ParseError::Unknown),
        ("3000", ParseError::Unknown),
        ("a000", ParseError::Unknown),
        ("a1", ParseError::Truncated),
        ("a180 3000 0000", ParseError::Length),
        ("a18102 3000", ParseError::Length),
        ("a1820002 3000", ParseError::Length),
        ("a1820080", ParseError::Length),
        ("a183010000", ParseError::Truncated),
        ("a1ff", ParseError::Truncated),
        ("a102 3000 00", ParseError::TrailingData("NegotiationToken")),
        ("a104 3000 0500", ParseError::TrailingData("NegTokenResp")),
        ("a100", ParseError::Missing("NegTokenResp")),
        ("a107 3005 a003 0a0104", ParseError::NegState),
        ("a106 3004 a002 0a00", ParseError::NegState),
        ("a108 3006 a004 0a02 0000", ParseError::NegState),
        ("a107 3005 a003 020100", ParseError::Missing("negState")),
        ("a109 3007 a005 0a0100 0500", ParseError::TrailingData("negState")),
        ("a107 3005 a103 060180", ParseError::ObjectIdentifier),
        ("a108 3006 a104 0602 8001", ParseError::ObjectIdentifier),
        ("a106 3004 a102 0600", ParseError::ObjectIdentifier),
        ("6000", ParseError::Missing("mechanism")),
        ("600b 0609 2a864886f712010202", ParseError::OtherMechanism),
        ("6008 0606 2b0601050502", ParseError::Missing("NegTokenInit")),
        ("600c 0606 2b0601050502 a002 3000", ParseError::Missing("mechTypes")),
        ("6010 0606 2b0601050502 a006 3004 a002 3000", ParseError::NoMechanisms),
        ("6012 0606 2b0601050502 a008 3006 a004 3002 0500", ParseError::Missing("MechType")),
        ("600c 0606 2b0601050502 a102 3000", ParseError::TrailingData("NegTokenInit")),
    ];
    for (bytes, expected) in cases {
        assert_eq!(Token::parse(&hex(bytes)), Err(expected), "{bytes}");
    }
}

#[test]
fn bounds() {
    let mechanisms = |count: usize| element(SEQUENCE, &[&hex("0601 2a").repeat(count)]);
    assert!(Token::parse(&init(&mechanisms(32), None, None)).is_ok());
    let many = init(&mechanisms(33), None, None);
    assert_eq!(Token::parse(&many), Err(ParseError::TooManyMechanisms));

    let token = |length: usize| init(&mechanisms(1), Some(&vec![0; length]), None);
    let frame = token(65000).len() - 65000;
    assert!(Token::parse(&token(65536 - frame)).is_ok());
    assert_eq!(Token::parse(&token(65537 - frame)), Err(ParseError::TooLong));
}

#[test]
fn lengths() {
    let headers = [
        (0, "0400"),
        (0x7f, "047f"),
        (0x80, "048180"),
        (0xff, "0481ff"),
        (0x100, "04820100"),
        (0xffff, "0482ffff"),
    ];
    for (length, header) in headers {
        let content = vec![7; length];
        let bytes = element(OCTET_STRING, &[&content]);
        assert_eq!(bytes, [hex(header), content.clone()].concat());
        let mut reader = Reader::new(&bytes);
        assert_eq!(reader.read(OCTET_STRING, "string"), Ok(&content[..]));
        assert_eq!(reader.finish("string"), Ok(()));
    }
    // More than any client sends, but not more than a mechanism may want to.
    let long = element(context(2), &[&vec![0; 0x10000]]);
    assert_eq!(long[..5], hex("a283010000"));
}

#[test]
fn kinds() {
    let cases = [
        (INIT, Kind::Spnego),
        ("6082 1000 0606 2b0601050502", Kind::Spnego),
        ("6082 05ff 0609 2a864886f712010202 0100 6e", Kind::Kerberos),
        ("4e544c4d53535000 01000000", Kind::Ntlm),
        ("4e544c4d535350", Kind::Other),
        ("6009 0607 2b060105050203", Kind::Other),
        (RESP, Kind::Other),
        ("60", Kind::Other),
        ("6080 0606 2b0601050502", Kind::Other),
        ("6e0a", Kind::Other),
        ("", Kind::Other),
    ];
    for (bytes, kind) in cases {
        assert_eq!(sniff(&hex(bytes)), kind, "{bytes}");
    }
}

#[test]
fn names_of_mechanisms() {
    let name = |oid: &[u8]| MechType::new(oid).unwrap().to_string();
    assert_eq!(name(NTLM), "1.3.6.1.4.1.311.2.2.10 (NTLM)");
    assert_eq!(name(NEGOEX), "1.3.6.1.4.1.311.2.2.30");
    assert_eq!(name(&hex("8837 03")), "2.999.3");
    assert_eq!(name(&hex("2a ffffffffffffffffffffff7f 05")), "1.2.?.5");
    assert_eq!(name(&hex("ffffffffffffffffffffff7f 05")), "?.5");
    assert_eq!(MechType::new(&[]), None);
    assert_eq!(MechType::new(&[0x2a, 0x80, 1]), None);
    assert_eq!(MechType::new(&[1; 65]), None);
}
