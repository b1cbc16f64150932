//! Session security, [MS-NLMP] 3.4: signatures and encryption after authentication.

use std::fmt;

use thiserror::Error;

use super::direction::{CLIENT_TO_SERVER, Direction, Magic, SERVER_TO_CLIENT};
use super::flags::NegotiateFlags;

/// The length of an NTLMSSP_MESSAGE_SIGNATURE, [MS-NLMP] 2.2.2.9.
pub const SIGNATURE_LENGTH: usize = 16;

/// The keys and sequence numbers of both directions of an authenticated session.
///
/// Every call advances the state of its direction, so calls must follow the order of
/// the messages on the wire. A message that fails its check leaves the layer unusable.
pub struct SecurityLayer {
    flags: NegotiateFlags,
    outgoing: Direction,
    /// `None` without extended session security, where both directions share one state.
    incoming: Option<Direction>,
}

/// How a wrapped message is protected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protection {
    /// Signed, and sent in the clear.
    Sign,
    /// Signed and encrypted.
    Seal,
}

/// Why a message of the client's was rejected, or one for it could not be made.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum SecurityError {
    /// Altered, replayed or out of order.
    #[error("the signature does not match the message")]
    Signature,
    /// Shorter than a signature.
    #[error("the message is too short to hold a signature")]
    TooShort,
    /// NTLMSSP_NEGOTIATE_SEAL was not agreed on.
    #[error("encryption was not negotiated")]
    NotNegotiated,
}

impl SecurityLayer {
    /// Whether signatures protect anything (GSS_C_INTEG_FLAG). Where this is false they
    /// are the same for every message, and a valid one proves nothing.
    pub fn signs(&self) -> bool {
        self.flags.contains(NegotiateFlags::SIGN) || self.seals()
    }

    /// Whether both sides asked for encryption (GSS_C_CONF_FLAG).
    pub fn seals(&self) -> bool {
        self.flags.contains(NegotiateFlags::SEAL)
    }

    /// The signature for a message to the client (GSS_GetMIC).
    pub fn sign(&mut self, message: &[u8]) -> [u8; SIGNATURE_LENGTH] {
        self.outgoing.signature(message)
    }

    /// Checks the client's signature of a message (GSS_VerifyMIC).
    pub fn verify(&mut self, message: &[u8], signature: &[u8]) -> Result<(), SecurityError> {
        self.incoming().verify(message, signature)
    }

    /// The signature of SPNEGO's mechanism list (mechListMIC).
    ///
    /// It must be the first one in its direction: the key stream starts over after it,
    /// while the sequence numbers go on ([MS-SPNG], "NTLM RC4 Key State for
    /// MechListMIC and First Signed Message").
    pub fn sign_mech_list(&mut self, mech_list: &[u8]) -> [u8; SIGNATURE_LENGTH] {
        let signature = self.sign(mech_list);
        self.outgoing.restart();
        signature
    }

    /// Checks the client's mechListMIC, under the same rule as
    /// [`sign_mech_list`](Self::sign_mech_list).
    pub fn verify_mech_list(
        &mut self,
        mech_list: &[u8],
        signature: &[u8],
    ) -> Result<(), SecurityError> {
        self.verify(mech_list, signature)?;
        self.incoming().restart();
        Ok(())
    }

    /// Protects a message to the client (GSS_Wrap): a signature, then the message.
    pub fn wrap(
        &mut self,
        message: &[u8],
        protection: Protection,
    ) -> Result<Vec<u8>, SecurityError> {
        let mut body = message.to_vec();
        if protection == Protection::Seal {
            self.check_seals()?;
            self.outgoing.encrypt(&mut body);
        }
        let mut token = self.outgoing.signature(message).to_vec();
        token.append(&mut body);
        Ok(token)
    }

    /// Opens what the client wrapped (GSS_Unwrap).
    ///
    /// The token does not tell how it is protected; the protocol above has to.
    pub fn unwrap(
        &mut self,
        token: &[u8],
        protection: Protection,
    ) -> Result<Vec<u8>, SecurityError> {
        let (signature, body) =
            token.split_at_checked(SIGNATURE_LENGTH).ok_or(SecurityError::TooShort)?;
        let mut message = body.to_vec();
        if protection == Protection::Seal {
            self.check_seals()?;
            self.incoming().encrypt(&mut message);
        }
        self.incoming().verify(&message, signature)?;
        Ok(message)
    }

    pub(super) fn server(key: &[u8; 16], flags: NegotiateFlags) -> Self {
        Self::new(key, flags, [&SERVER_TO_CLIENT, &CLIENT_TO_SERVER])
    }

    #[cfg(test)]
    pub(super) fn client(key: &[u8; 16], flags: NegotiateFlags) -> Self {
        Self::new(key, flags, [&CLIENT_TO_SERVER, &SERVER_TO_CLIENT])
    }

    fn new(key: &[u8; 16], flags: NegotiateFlags, [outgoing, incoming]: [&Magic; 2]) -> Self {
        let two_way = flags.contains(NegotiateFlags::EXTENDED_SESSIONSECURITY);
        Self {
            flags,
            outgoing: Direction::new(key, flags, outgoing),
            incoming: two_way.then(|| Direction::new(key, flags, incoming)),
        }
    }

    fn incoming(&mut self) -> &mut Direction {
        self.incoming.as_mut().unwrap_or(&mut self.outgoing)
    }

    fn check_seals(&self) -> Result<(), SecurityError> {
        if self.seals() { Ok(()) } else { Err(SecurityError::NotNegotiated) }
    }
}

impl fmt::Debug for SecurityLayer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SecurityLayer").field("flags", &self.flags).finish_non_exhaustive()
    }
}
