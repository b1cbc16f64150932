//! A dialogue by way of a firewall, in any packets.
#![no_main]

use expsd::middlebox::{Inspector, Mode, Verdict};
use libfuzzer_sys::fuzz_target;

// The first octet chooses the firewall. `0xFF` ends a packet, and the octet after it says
// whose the next is.
fuzz_target!(|data: &[u8]| {
    let [choice, script @ ..] = data else { return };
    let mode = Mode::ALL[usize::from(*choice) % Mode::ALL.len()];
    let mut inspector = Inspector::new(mode);
    let mut waiting = Vec::new();
    for part in script.split(|octet| *octet == 0xff) {
        let [side, said @ ..] = part else { continue };
        let (sent, passed) = if side % 2 == 0 {
            let mut packet = said.to_vec();
            if inspector.from_client(&mut packet) == Verdict::Drop {
                assert!(matches!(mode, Mode::Asa | Mode::AsaAllowTls));
                return;
            }
            (said.to_vec(), packet)
        } else {
            waiting.extend_from_slice(said);
            let sent = waiting.clone();
            let on = inspector.from_server(&mut waiting, side & 2 != 0);
            assert!(side & 2 == 0 || on == sent.len());
            // What waits is as it came, and is no whole line.
            assert_eq!(waiting[on..], sent[on..]);
            assert!(!sent[on..].contains(&b'\n'));
            let passed = waiting.drain(..on).collect();
            (sent, passed)
        };
        for (was, is) in sent.iter().zip(&passed) {
            let overwritten = matches!(is, b'*' | b'A'..=b'Z') && !matches!(was, b'\r' | b'\n');
            assert!(is == was || overwritten);
        }
        let _ = inspector.events().iter().map(|event| event.id()).max();
    }
});
