//! Whole exchanges.

use super::super::der::{OCTET_STRING, SEQUENCE, context, element};
use super::super::token::NegState;
use super::super::{Acceptor, Inner, InnerStep, Mechanism, ParseError, RefusalKind, Step};
use super::client::{Client, framed, init, resp};
use super::mock::{Mock, MockError, mic};
use super::{KERBEROS, MICROSOFT_KERBEROS, NEGOEX, NTLM, acceptor, hex};

fn refused(client: &Client) -> RefusalKind<MockError> {
    let mut acceptor = acceptor(Mechanism::Ntlm, Mock::new(client.legs, client.integrity));
    client.run(&mut acceptor).err().unwrap().kind
}

/// Mechanisms of one to five tokens, with and without integrity, first choice or not, with
/// clients that do and do not send what is optional.
#[test]
fn all_orders_of_events() {
    for (legs, set) in (1..=5).flat_map(|legs| (0..16).map(move |set| (legs, set))) {
        let (preferred, integrity) = (set & 1 != 0, set & 2 != 0);
        let mechanisms = if preferred { [NTLM, NEGOEX] } else { [KERBEROS, NTLM] };
        let client = Client {
            integrity,
            eager: set & 4 != 0,
            optimistic: set & 8 != 0,
            ..Client::new(&mechanisms, legs)
        };
        let mut acceptor = acceptor(Mechanism::Ntlm, Mock::new(legs, integrity));
        let transcript = client.run(&mut acceptor).unwrap();
        assert_eq!(acceptor.mechanism(), Some(Mechanism::Ntlm));

        // A client is free to sign only where it sends the last token.
        let client_ends = legs % 2 == 1;
        let exchanged = integrity && (!preferred || client.eager && client_ends);
        let mics = match (exchanged, client_ends) {
            (false, _) => &[][..],
            (true, true) => &["verify", "sign"],
            (true, false) => &["sign", "verify"],
        };
        assert_eq!(acceptor.established().unwrap().mics, mics, "{client:?}");
        assert_eq!(transcript.mic_verified, exchanged);
        // Only the client that answers our MIC with its own is left without a reply.
        let ends = exchanged && !client_ends;
        assert_eq!(transcript.sent.len() - transcript.replies.len(), usize::from(ends));

        let more = acceptor.step(&resp(None, None, None)).unwrap_err();
        assert_eq!((more.kind, more.reply), (RefusalKind::OutOfSequence, None));
        assert!(acceptor.established().is_some());
    }
}

#[test]
fn both_identifiers_of_kerberos() {
    for first in [KERBEROS, MICROSOFT_KERBEROS] {
        let client = Client::new(&[first, KERBEROS, NTLM], 2);
        let mut acceptor = acceptor(Mechanism::Kerberos, Mock::new(2, true));
        let transcript = client.run(&mut acceptor).unwrap();
        let expected = [&[0x06, 9], first].concat();
        assert!(transcript.replies[0].windows(11).any(|octets| octets == expected));
        assert!(acceptor.established().unwrap().mics.is_empty());
    }
}

#[test]
fn required_mic_missing() {
    for legs in 1..=4 {
        let negligent = Client { negligent: true, ..Client::new(&[KERBEROS, NTLM], legs) };
        assert_eq!(refused(&negligent), RefusalKind::MicMissing);
        // Without integrity there is nothing to miss.
        let client = Client { integrity: false, ..negligent };
        let mut acceptor = acceptor(Mechanism::Ntlm, Mock::new(legs, false));
        assert!(client.run(&mut acceptor).is_ok());
    }
}

#[test]
fn wrong_mic() {
    let list = Client::new(&[KERBEROS, NTLM], 1).mech_list();
    let wrong = Client::new(&[NTLM], 1).mech_list();
    // The client answers with its last token, or our MIC with its own.
    for (legs, last) in [(1, Some(&b"c0"[..])), (2, None)] {
        let mut acceptor = acceptor(Mechanism::Ntlm, Mock::new(legs, true));
        acceptor.step(&init(&list, None, None)).unwrap();
        if legs == 2 {
            acceptor.step(&resp(None, Some(b"c0"), None)).unwrap();
        }
        let refusal = acceptor.step(&resp(None, last, Some(&mic('c', &wrong)))).unwrap_err();
        assert_eq!(refusal.kind, RefusalKind::MicMismatch(MockError::Mic(mic('c', &wrong))));
        assert_eq!(refusal.reply, Some(hex("a107 3005 a003 0a0102")));
        assert!(std::error::Error::source(&refusal).is_some());
        assert!(acceptor.established().is_none() && acceptor.mechanism().is_none());
    }
}

/// An eager client whose list someone shortened, so that its second choice became the first.
#[test]
fn altered_list() {
    let honest = Client { eager: true, ..Client::new(&[KERBEROS, NTLM], 3) };
    let mut acceptor = acceptor(Mechanism::Ntlm, Mock::new(3, true));
    acceptor.step(&Client::new(&[NTLM], 3).init()).unwrap();
    let theirs = mic('c', &honest.mech_list());
    let refusal = acceptor.step(&resp(None, Some(b"c1"), Some(&theirs))).unwrap_err();
    assert_eq!(refusal.kind, RefusalKind::MicMismatch(MockError::Mic(theirs)));
}

#[test]
fn mic_at_the_wrong_time() {
    let list = Client::new(&[NTLM], 3).mech_list();
    let mut early = acceptor(Mechanism::Ntlm, Mock::new(3, true));
    let refusal = early.step(&init(&list, Some(b"c0"), Some(b"mic"))).unwrap_err();
    assert_eq!(refusal.kind, RefusalKind::MicTooEarly(Mechanism::Ntlm));

    // Beside a token that is not needed, hence of another context.
    let other = Client::new(&[KERBEROS, NTLM], 1).mech_list();
    let mut ignored = acceptor(Mechanism::Ntlm, Mock::new(1, true));
    assert!(ignored.step(&init(&other, Some(b"other"), Some(b"mic"))).is_ok());

    // Without integrity.
    let mut unsigned = acceptor(Mechanism::Ntlm, Mock::new(1, false));
    let step = unsigned.step(&init(&list, Some(b"c0"), Some(b"mic"))).unwrap();
    let completed = hex("a115 3013 a003 0a0100 a10c 060a 2b06010401823702020a");
    assert_eq!(step, Step::Done { token: Some(completed) });
}

/// A client may sign although our last token was still to come; it gets our MIC with it.
#[test]
fn mic_before_our_last_token() {
    let list = Client::new(&[NTLM], 2).mech_list();
    let mut acceptor = acceptor(Mechanism::Ntlm, Mock::new(2, true));
    let step = acceptor.step(&init(&list, Some(b"c0"), Some(&mic('c', &list))));
    assert!(matches!(step, Ok(Step::Done { token: Some(_) })));
    assert_eq!(acceptor.established().unwrap().mics, ["verify", "sign"]);
}

/// A client that answers our MIC and says that it waits gets an answer.
#[test]
fn client_that_waits() {
    let list = Client::new(&[KERBEROS, NTLM], 2).mech_list();
    let theirs = mic('c', &list);
    let cases = [
        (None, None),
        (Some(NegState::AcceptCompleted), None),
        (Some(NegState::AcceptIncomplete), Some(hex("a107 3005 a003 0a0100"))),
    ];
    for (state, token) in cases {
        let mut acceptor = acceptor(Mechanism::Ntlm, Mock::new(2, true));
        acceptor.step(&init(&list, None, None)).unwrap();
        acceptor.step(&resp(None, Some(b"c0"), None)).unwrap();
        // An empty token is none.
        let step = acceptor.step(&resp(state, Some(b""), Some(&theirs))).unwrap();
        assert_eq!(step, Step::Done { token });
    }
    let mut acceptor = acceptor(Mechanism::Ntlm, Mock::new(2, true));
    acceptor.step(&init(&list, None, None)).unwrap();
    acceptor.step(&resp(None, Some(b"c0"), None)).unwrap();
    let refusal = acceptor.step(&resp(None, Some(b"c1"), Some(&theirs))).unwrap_err();
    assert_eq!(refusal.kind, RefusalKind::TokenUnexpected(Mechanism::Ntlm));
}

#[test]
fn no_common_mechanism() {
    let client = Client::new(&[MICROSOFT_KERBEROS, KERBEROS, NEGOEX], 2);
    let mut acceptor = acceptor(Mechanism::Ntlm, Mock::new(2, true));
    let refusal = client.run(&mut acceptor).err().unwrap();
    assert_eq!(
        refusal.to_string(),
        "the server supports no mechanism that the client offers, 1.2.840.48018.1.2.2 \
         (Kerberos), 1.2.840.113554.1.2.2 (Kerberos), 1.3.6.1.4.1.311.2.2.30"
    );
    assert_eq!(refusal.reply, Some(hex("a107 3005 a003 0a0102")));
}

#[test]
fn messages_out_of_place() {
    let client = Client::new(&[NTLM], 3);
    let ready = || {
        let mut acceptor = acceptor(Mechanism::Ntlm, Mock::new(3, true));
        acceptor.step(&client.init()).unwrap();
        acceptor
    };
    let after = |message: &[u8]| ready().step(message).unwrap_err();
    assert_eq!(after(&client.init()).kind, RefusalKind::SecondInit);
    assert_eq!(after(&resp(None, None, None)).kind, RefusalKind::TokenMissing(Mechanism::Ntlm));
    let refusal = after(&resp(Some(NegState::Reject), Some(b"c1"), None));
    assert_eq!((refusal.kind, refusal.reply), (RefusalKind::ClientRejected, None));
    let refusal = after(&resp(Some(NegState::RequestMic), Some(b"c1"), None));
    assert_eq!(refusal.kind, RefusalKind::ClientRequestsMic);
    let refusal = after(b"");
    assert_eq!((refusal.kind, refusal.reply), (ParseError::Unknown.into(), None));
    let refusal = after(&resp(None, Some(b"c7"), None));
    assert_eq!(refusal.kind, RefusalKind::Mechanism(MockError::Token(b"c7".to_vec())));

    let mut acceptor = acceptor(Mechanism::Ntlm, Mock::new(3, true));
    let refusal = acceptor.step(&resp(None, None, None)).unwrap_err();
    assert_eq!(refusal.kind, RefusalKind::InitMissing);
    assert_eq!(acceptor.step(&client.init()).unwrap_err().kind, RefusalKind::OutOfSequence);
}

#[test]
fn mechanism_with_no_answer() {
    let mut acceptor = acceptor(Mechanism::Ntlm, Mock { mute: true, ..Mock::new(3, true) });
    let refusal = acceptor.step(&Client::new(&[NTLM], 3).init()).unwrap_err();
    assert_eq!(refusal.kind, RefusalKind::NoAnswer(Mechanism::Ntlm));
}

/// The server declines a mechanism that it could have, and takes the next.
#[test]
fn order_of_choice() {
    let (tell, told) = std::sync::mpsc::channel();
    let mut acceptor = Acceptor::new(move |mechanism| {
        tell.send(mechanism).unwrap();
        (mechanism == Mechanism::Ntlm).then(|| Mock::new(3, true))
    });
    let client = Client::new(&[NEGOEX, KERBEROS, NTLM, MICROSOFT_KERBEROS], 3);
    client.run(&mut acceptor).unwrap();
    assert_eq!(told.try_iter().collect::<Vec<_>>(), [Mechanism::Kerberos, Mechanism::Ntlm]);
}

/// NegTokenInit2 from a client: hints, and the MIC after them.
#[test]
fn init2() {
    let list = Client::new(&[NTLM], 1).mech_list();
    let octets =
        |number, content: &[u8]| element(context(number), &[&element(OCTET_STRING, &[content])]);
    let hints = element(context(3), &[&element(SEQUENCE, &[])]);
    let (types, token) = (element(context(0), &[&list]), octets(2, b"c0"));
    let mic = octets(4, &mic('c', &list));
    for fields in [[&types, &token, &hints, &mic], [&types, &token, &mic, &Vec::new()]] {
        let mut acceptor = acceptor(Mechanism::Ntlm, Mock::new(1, true));
        acceptor.step(&framed(&fields.map(|field| &field[..]))).unwrap();
        assert_eq!(acceptor.established().unwrap().mics, ["verify", "sign"]);
    }
}

/// Mechanisms of different types, behind one pointer, on any thread.
#[test]
fn boxed_mechanisms() {
    type Any = Box<dyn Inner<Error = MockError>>;
    let mut acceptor = Acceptor::new(|_| Some(Box::new(Mock::new(2, true)) as Any));
    let thread = std::thread::spawn(move || acceptor.step(&Client::new(&[NTLM], 2).init()));
    assert!(matches!(thread.join().unwrap(), Ok(Step::Done { token: Some(_) })));
    let mut any: Any = Box::new(Mock::new(1, true));
    assert_eq!(any.step(b"c0"), Ok(InnerStep { token: Some(Vec::new()), complete: true }));
}
