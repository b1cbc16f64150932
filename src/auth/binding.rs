//! Channel binding: whether a proof was made inside this very TLS session.
//!
//! `tls-server-end-point` (RFC 5929 §4) and `tls-exporter` (RFC 9266) are compared; which of
//! the types Exchange compares is not known. `tls-unique` cannot be had: the TLS library does
//! not give it out.

use md5::{Digest as _, Md5};

use crate::connector::ExtendedProtectionPolicy;

/// The bindings of a TLS session, as application data of RFC 2744 §3.11 bindings.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ChannelBindings(Vec<Vec<u8>>);

impl ChannelBindings {
    /// `end_point` is the hash of the server's certificate, `exporter` the exported keying
    /// material.
    pub fn new(end_point: Option<&[u8]>, exporter: Option<&[u8]>) -> Self {
        let tagged = |tag: &[u8], value: &[u8]| [tag, value].concat();
        let end_point = end_point.map(|hash| tagged(b"tls-server-end-point:", hash));
        let exporter = exporter.map(|key| tagged(b"tls-exporter:", key));
        Self(end_point.into_iter().chain(exporter).collect())
    }

    /// The application data of each type.
    pub fn application_data(&self) -> impl Iterator<Item = &[u8]> {
        self.0.iter().map(Vec::as_slice)
    }

    fn holds_hash(&self, hash: [u8; 16]) -> bool {
        self.application_data().any(|data| ntlm_hash(data) == hash)
    }
}

/// MD5 over the bindings structure with empty addresses ([MS-NLMP] 2.2.2.1,
/// MsvAvChannelBindings).
fn ntlm_hash(application_data: &[u8]) -> [u8; 16] {
    let mut hash = Md5::new();
    hash.update([0; 16]);
    hash.update((application_data.len() as u32).to_le_bytes());
    hash.update(application_data);
    hash.finalize().into()
}

/// What a connector asks of bindings, and what the session has.
#[derive(Clone, Debug)]
pub struct Protection {
    pub policy: ExtendedProtectionPolicy,
    /// `None` in clear.
    pub bindings: Option<ChannelBindings>,
}

/// A proof without the bindings that it needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BindingFailure {
    #[error("ExtendedProtectionPolicy is Require, and the proof carries no channel binding")]
    Missing,
    #[error("the channel binding of the proof is not that of this TLS session")]
    Mismatch,
    #[error("ExtendedProtectionPolicy is Require, and the session is in clear")]
    Clear,
}

impl Protection {
    /// Judges the hash that an NTLM client signed.
    pub fn check_ntlm(&self, client: Option<[u8; 16]>) -> Result<(), BindingFailure> {
        match (self.policy, &self.bindings, client) {
            (ExtendedProtectionPolicy::None, ..) => Ok(()),
            (ExtendedProtectionPolicy::Require, None, _) => Err(BindingFailure::Clear),
            (ExtendedProtectionPolicy::Require, _, None) => Err(BindingFailure::Missing),
            (ExtendedProtectionPolicy::Allow, _, None) => Ok(()),
            (_, Some(ours), Some(hash)) if ours.holds_hash(hash) => Ok(()),
            _ => Err(BindingFailure::Mismatch),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_policy_judges_as_it_says() {
        use BindingFailure::{Clear, Mismatch, Missing};
        use ExtendedProtectionPolicy::{Allow, None as Off, Require};
        let ours = ChannelBindings::new(Some(&[1; 32]), Some(&[2; 32]));
        let good = ntlm_hash(&[&b"tls-exporter:"[..], &[2; 32]].concat());
        for (policy, tls, client, expected) in [
            (Off, true, Some([9; 16]), Ok(())),
            (Off, false, None, Ok(())),
            (Allow, true, None, Ok(())),
            (Allow, true, Some(good), Ok(())),
            (Allow, true, Some([9; 16]), Err(Mismatch)),
            (Allow, false, Some(good), Err(Mismatch)),
            (Require, true, Some(good), Ok(())),
            (Require, true, None, Err(Missing)),
            (Require, true, Some([9; 16]), Err(Mismatch)),
            (Require, false, None, Err(Clear)),
        ] {
            let protection = Protection { policy, bindings: tls.then(|| ours.clone()) };
            assert_eq!(protection.check_ntlm(client), expected, "{policy} {tls} {client:?}");
        }
    }
}
