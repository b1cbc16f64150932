//! Any dialogue, in any packets.

use proptest::prelude::*;

use super::*;

/// Pieces of dialogues that mean something to the firewall.
fn pieces(of: &'static [&'static str]) -> impl Strategy<Value = Vec<u8>> {
    let some = prop_oneof![
        prop::sample::select(of).prop_map(|piece| piece.as_bytes().to_vec()),
        prop::collection::vec(any::<u8>(), 0..20),
    ];
    prop::collection::vec(some, 0..30).prop_map(|pieces| pieces.concat())
}

const SAID: &[&str] = &[
    "EHLO a.test\r\n",
    "STARTTLS\r\n",
    "X-ANONYMOUSTLS\r\n",
    "MAIL FROM:<",
    "a@b.test> SIZE=3\r\n",
    "RCPT TO:<a@b.test>\r\n",
    "DATA\r\n",
    "AUTH LOGIN\r\n",
    "BDAT 3 LAST\r\n",
    "--b\r\nContent-Type: x; filename=\"",
    "\r\n",
    ".\r\n",
    " ",
];

const ANSWERED: &[&str] = &[
    "220 mail.test 20 0 ready\r\n",
    "220-",
    "250-mail.test\r\n",
    "250-STARTTLS\r\n",
    "250 X-EXPS GSSAPI NTLM\r\n",
    "250 OK\r\n",
    "250-",
    "334 VXNl\r\n",
    "354 go\r\n",
    "500 5.3.3 Unrecognized command\r\n",
    "\r\n",
];

/// Runs a dialogue, `from_server` and then `from_client` by turns of these sizes. Gives what
/// has come out of each side, and whether the connection was not dropped.
fn run(mode: Mode, [said, answered]: [&[u8]; 2], turns: &[(usize, usize)]) -> ([Vec<u8>; 2], bool) {
    let mut inspector = Inspector::new(mode);
    let (mut said, mut answered) = (said, answered);
    let [mut up, mut down, mut waiting] = [const { Vec::new() }; 3];
    let mut take = |from_server: usize, from_client: usize| {
        let (now, later) = answered.split_at(from_server.min(answered.len()));
        answered = later;
        waiting.extend_from_slice(now);
        let on = inspector.from_server(&mut waiting, later.is_empty());
        assert!(on <= waiting.len());
        down.extend(waiting.drain(..on));
        let (now, later) = said.split_at(from_client.min(said.len()));
        said = later;
        let mut packet = now.to_vec();
        let verdict = inspector.from_client(&mut packet);
        if verdict == Verdict::Pass {
            up.extend(packet);
        }
        verdict == Verdict::Pass
    };
    let whole = turns.iter().all(|(s, c)| take(*s, *c)) && take(usize::MAX, usize::MAX);
    ([up, down], whole)
}

proptest! {
    /// Whatever is said, and whatever the packets: no octet more, none less, line ends where
    /// they were.
    #[test]
    fn no_length_ever_changes(
        said in pieces(SAID),
        answered in pieces(ANSWERED),
        turns in prop::collection::vec((0usize..60, 0usize..60), 0..40),
    ) {
        for mode in Mode::ALL {
            let ([up, down], whole) = run(mode, [&said, &answered], &turns);
            prop_assert!(whole || matches!(mode, Mode::Asa | Mode::AsaAllowTls));
            for (out, sent) in [(&up, &said), (&down, &answered)] {
                // A dropped connection has passed on less.
                prop_assert!(out.len() == sent.len() || !whole && out.len() < sent.len());
                for (out, sent) in out.iter().zip(sent) {
                    prop_assert!(out == sent || !matches!(sent, b'\r' | b'\n'));
                    prop_assert!(out == sent || matches!(out, b'*' | b'A'..=b'Z'));
                }
            }
            if mode == Mode::None {
                prop_assert_eq!([up, down], [said.clone(), answered.clone()]);
            }
        }
    }

    /// How replies are cut changes nothing about them.
    #[test]
    fn replies_are_masked_alike_in_any_packets(
        answered in pieces(ANSWERED),
        sizes in prop::collection::vec(1usize..40, 0..60),
    ) {
        let said = b"EHLO a.test\r\nSTARTTLS\r\n";
        let turns: Vec<_> = [(0, said.len())].into_iter().chain(sizes.iter().map(|n| (*n, 0))).collect();
        for mode in Mode::ALL {
            let ([_, whole], _) = run(mode, [said, &answered], &turns[..1]);
            let ([_, cut], _) = run(mode, [said, &answered], &turns);
            prop_assert_eq!(whole, cut);
        }
    }
}
