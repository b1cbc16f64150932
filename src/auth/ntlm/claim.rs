//! An AUTHENTICATE message under examination.

use subtle::{Choice, ConstantTimeEq};

use super::av_pair::ClientPairs;
use super::crypto::{NtHash, hmac_md5, rc4k};
use super::flags::NegotiateFlags;
use super::messages::{Authenticate, MIC};
use super::policy::{Minimum, Policy};
use super::refusal::{ParseError, RefusalKind};
use super::response::{NtResponse, ResponseKind};

/// What an AUTHENTICATE message claims, once it is known to be worth checking.
pub(super) struct Claim<'a> {
    pub(super) response: NtResponse<'a>,
    pub(super) pairs: ClientPairs,
    pub(super) flags: NegotiateFlags,
    /// EncryptedRandomSessionKey, where keys are exchanged.
    exchanged_key: Option<[u8; 16]>,
}

impl<'a> Claim<'a> {
    /// Everything that can be said without knowing the account.
    pub(super) fn new(
        message: &Authenticate<'a>,
        offered: NegotiateFlags,
        policy: Policy,
    ) -> Result<Self, RefusalKind> {
        let flags = offered.agreed(message.flags);
        let Some(response) = NtResponse::parse(message, flags)? else {
            // An anonymous client sends either no LM response or a single zero.
            let anonymous = message.user.is_empty() && message.lm_response.len() <= 1;
            return Err(if anonymous {
                RefusalKind::Anonymous
            } else {
                RefusalKind::NtResponseMissing
            });
        };
        let kind = response.kind();
        if policy.minimum == Minimum::V2 && kind != ResponseKind::V2 {
            return Err(RefusalKind::BelowMinimum(kind));
        }
        // Without SIGN and SEAL there is nothing to use a key for, and some clients
        // then leave it out in spite of KEY_EXCH.
        let exchanged_key =
            message.session_key.filter(|_| flags.contains(NegotiateFlags::KEY_EXCH));
        let protects = flags.intersects(NegotiateFlags::SIGN | NegotiateFlags::SEAL);
        if protects && flags.contains(NegotiateFlags::KEY_EXCH) && exchanged_key.is_none() {
            return Err(ParseError::SessionKey.into());
        }
        Ok(Self { pairs: response.pairs()?, response, flags, exchanged_key })
    }

    /// Checks the response, and returns the exported session key.
    pub(super) fn verify(
        &self,
        message: &Authenticate<'_>,
        server_challenge: [u8; 8],
        hash: Option<NtHash>,
    ) -> Result<[u8; 16], RefusalKind> {
        let known = hash.is_some();
        let hash = hash.unwrap_or(NtHash::DUMMY);
        let (matches, key) = self.response.check(&hash, message, server_challenge);
        // Whoever answers for the dummy hash is no less unknown for it.
        if !bool::from(matches & Choice::from(u8::from(known))) {
            return Err(if known { RefusalKind::WrongPassword } else { RefusalKind::UnknownUser });
        }
        Ok(match self.exchanged_key {
            Some(encrypted) => rc4k(&key, encrypted),
            None => key,
        })
    }

    /// Checks the message integrity code, if the client's response says there is one.
    /// It covers all three messages, itself being zero in the last one.
    pub(super) fn check_mic(
        &self,
        mic: Option<[u8; 16]>,
        key: &[u8; 16],
        [negotiate, challenge, authenticate]: [&[u8]; 3],
    ) -> Result<(), RefusalKind> {
        if !self.pairs.mic {
            return Ok(());
        }
        let mic = mic.ok_or(RefusalKind::MicMissing)?;
        let parts = [
            negotiate,
            challenge,
            authenticate.get(..MIC.start).unwrap_or_default(),
            &[0; MIC.end - MIC.start],
            authenticate.get(MIC.end..).unwrap_or_default(),
        ];
        if mic.ct_eq(&hmac_md5(key, &parts)).into() {
            Ok(())
        } else {
            Err(RefusalKind::MicMismatch)
        }
    }
}
