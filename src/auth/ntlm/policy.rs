//! What a server is willing to accept.

/// The acceptor's rules. The default is that of a current Windows domain: NTLMv2 or
/// nothing, and a client may leave extended session security unasked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Policy {
    /// The weakest response that is accepted.
    pub minimum: Minimum,
    /// Refuse a NEGOTIATE without NTLMSSP_NEGOTIATE_EXTENDED_SESSIONSECURITY, before
    /// any challenge is sent.
    pub require_ntlm2_flag: bool,
}

/// The weakest accepted response; `LmCompatibilityLevel` 5 is [`Minimum::V2`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Minimum {
    /// NTLMv1, with or without extended session security, and NTLMv2.
    V1,
    /// NTLMv2 only.
    #[default]
    V2,
}
