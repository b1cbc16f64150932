//! Signed and sealed messages once the exchange is over.

use super::super::{NegotiateFlags, Protection, SecurityError};
use super::client::Client;
use super::{LAX, run};

fn flags(bits: u32) -> NegotiateFlags {
    NegotiateFlags::from_bits_retain(bits)
}

#[test]
fn tampered_and_replayed_messages() {
    for bits in [0xe208_8237, 0xe200_8237, 0xa208_8237] {
        let client = Client { flags: flags(bits), ..Client::default() };
        let session = || {
            let (verified, answer) = run(&client, LAX);
            (verified.unwrap().security, answer.security)
        };
        let (mut ours, mut theirs) = session();
        let mut token = theirs.wrap(b"text", Protection::Sign).unwrap();
        assert_eq!(token[16..], *b"text");
        token[17] ^= 1;
        let opened = ours.unwrap(&token, Protection::Sign);
        assert_eq!(opened, Err(SecurityError::Signature));

        let (mut ours, mut theirs) = session();
        let token = theirs.wrap(b"text", Protection::Sign).unwrap();
        assert!(ours.unwrap(&token, Protection::Sign).is_ok());
        let opened = ours.unwrap(&token, Protection::Sign);
        assert_eq!(opened, Err(SecurityError::Signature));
        let opened = ours.unwrap(&token[..15], Protection::Sign);
        assert_eq!(opened, Err(SecurityError::TooShort));
    }
    let client = Client { flags: flags(0x4008_8217), ..Client::default() };
    let mut security = run(&client, LAX).0.unwrap().security;
    let sealed = security.wrap(b"text", Protection::Seal);
    assert_eq!(sealed, Err(SecurityError::NotNegotiated));
}

/// The first message after a mechListMIC reuses its key stream and not its number.
#[test]
fn mech_list_mic() {
    let (verified, answer) = run(&Client::default(), LAX);
    let (mut ours, mut theirs) = (verified.unwrap().security, answer.security);
    let signature = theirs.sign_mech_list(b"mechanisms");
    let verified = ours.verify_mech_list(b"mechanisms", &signature);
    assert_eq!(verified, Ok(()));
    let reply = ours.sign_mech_list(b"mechanisms");
    assert_eq!(theirs.verify_mech_list(b"mechanisms", &reply), Ok(()));
    let token = theirs.wrap(b"text", Protection::Seal).unwrap();
    assert_eq!(token[12..16], [1, 0, 0, 0]);
    assert_eq!(ours.unwrap(&token, Protection::Seal).unwrap(), b"text");
}

/// Where nobody asked for protection, signatures are there in form only.
#[test]
fn dummy_signatures() {
    let client = Client { flags: flags(0x4008_8207), ..Client::default() };
    let mut security = run(&client, LAX).0.unwrap().security;
    assert!(!security.signs());
    let dummy = [1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    assert_eq!(security.sign(b"text"), dummy);
    assert_eq!(security.verify(b"text", &dummy), Ok(()));
    let verified = security.verify(b"text", &[1; 16]);
    assert_eq!(verified, Err(SecurityError::Signature));
}
