//! SPNEGO tokens against the acceptor, with a mechanism inside that takes one or two tokens.
#![no_main]

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

use expsd::auth::spnego::{Acceptor, Inner, InnerStep, Step, sniff};
use libfuzzer_sys::fuzz_target;

const COMPLETE: u8 = 1;
const VERIFIED: u8 = 2;

fuzz_target!(|data: &[u8]| {
    let [choice, rest @ ..] = data else { return };
    let seen = Arc::new(AtomicU8::new(0));
    let (inner, choice) = (Arc::clone(&seen), *choice);
    let mut acceptor = Acceptor::new(move |mechanism| {
        // Without the client's first choice, a MIC has to protect the list.
        let refused = choice & 1 != 0 && mechanism.to_string() == "Kerberos";
        (!refused).then(|| Toy { seen: Arc::clone(&inner), integrity: choice & 2 != 0 })
    });
    let mut over = false;
    for token in split(rest) {
        let _ = sniff(token);
        match acceptor.step(token) {
            Ok(step) => {
                assert!(!over, "nothing follows the end");
                let seen = seen.load(Ordering::Relaxed);
                if let Step::Done { .. } = step {
                    assert!(seen & COMPLETE != 0 && acceptor.established().is_some());
                    over = true;
                } else {
                    assert!(acceptor.established().is_none());
                }
            }
            Err(refusal) => {
                assert!(!refusal.kind.to_string().contains(char::is_control));
                if !over {
                    assert!(acceptor.established().is_none());
                    over = true;
                }
            }
        }
    }
});

/// Tokens of the lengths that stand before them.
fn split(mut rest: &[u8]) -> impl Iterator<Item = &[u8]> {
    std::iter::from_fn(move || {
        let (length, tokens) = rest.split_first()?;
        let (token, later) = tokens.split_at(tokens.len().min((*length).into()));
        rest = later;
        Some(token)
    })
}

struct Toy {
    seen: Arc<AtomicU8>,
    integrity: bool,
}

#[derive(Debug, thiserror::Error)]
#[error("not to the toy's liking")]
struct Dislike;

impl Inner for Toy {
    type Error = Dislike;

    fn step(&mut self, token: &[u8]) -> Result<InnerStep, Dislike> {
        assert!(self.seen.load(Ordering::Relaxed) & COMPLETE == 0, "complete is complete");
        match token {
            [b'c', ..] => Ok(InnerStep { token: Some(b"more".to_vec()), complete: false }),
            [b'd', rest @ ..] => {
                self.seen.fetch_or(COMPLETE, Ordering::Relaxed);
                Ok(InnerStep { token: Some(rest.to_vec()), complete: true })
            }
            _ => Err(Dislike),
        }
    }

    fn has_integrity(&self) -> bool {
        self.integrity
    }

    fn mic(&mut self, mech_list: &[u8]) -> Result<Vec<u8>, Dislike> {
        assert!(self.integrity && !mech_list.is_empty());
        Ok(b"mic".to_vec())
    }

    fn verify_mic(&mut self, mech_list: &[u8], mic: &[u8]) -> Result<(), Dislike> {
        assert!(self.integrity && !mech_list.is_empty());
        let seen = self.seen.fetch_or(VERIFIED, Ordering::Relaxed);
        assert!(seen & VERIFIED == 0, "once is enough");
        if mic == b"mic" { Ok(()) } else { Err(Dislike) }
    }
}
