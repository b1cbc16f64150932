//! The client's response to the challenge: its forms, and how each is checked.

use std::fmt;

use subtle::{Choice, ConstantTimeEq};

use super::av_pair::ClientPairs;
use super::crypto::{NtHash, hmac_md5, session_challenge};
use super::flags::NegotiateFlags;
use super::messages::Authenticate;
use super::refusal::ParseError;
use super::wire::array;

/// The form of a client's response, weakest last.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ResponseKind {
    /// NTLMv2, [MS-NLMP] 3.3.2.
    V2,
    /// NTLMv1 with extended session security, the NTLM2 session response,
    /// [MS-NLMP] 3.3.1.
    Ntlm2Session,
    /// NTLMv1, [MS-NLMP] 3.3.1.
    V1,
}

impl fmt::Display for ResponseKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::V2 => "NTLMv2",
            Self::Ntlm2Session => "an NTLM2 session response",
            Self::V1 => "NTLMv1",
        })
    }
}

/// NtChallengeResponse, with what other fields it depends on.
pub(super) enum NtResponse<'a> {
    /// NTLMv2_RESPONSE, [MS-NLMP] 2.2.2.8.
    V2 {
        proof: [u8; 16],
        /// NTLMv2_CLIENT_CHALLENGE, which the proof covers whole.
        client_challenge: &'a [u8],
        /// The AV pairs at its end.
        pairs: &'a [u8],
    },
    /// NTLM_RESPONSE, [MS-NLMP] 2.2.2.6, to both sides' challenges.
    Ntlm2Session { response: [u8; 24], client_challenge: [u8; 8] },
    /// NTLM_RESPONSE to the server's challenge alone.
    V1 { response: [u8; 24] },
}

impl<'a> NtResponse<'a> {
    /// Tells the forms apart; `None` when there is no NT response at all.
    pub(super) fn parse(
        message: &Authenticate<'a>,
        flags: NegotiateFlags,
    ) -> Result<Option<Self>, ParseError> {
        const NAME: &str = "NT response";
        match message.nt_response {
            [] => Ok(None),
            nt_response if nt_response.len() == 24 => {
                let response = array(nt_response, 0).ok_or(ParseError::Length(NAME))?;
                if !flags.contains(NegotiateFlags::EXTENDED_SESSIONSECURITY) {
                    return Ok(Some(Self::V1 { response }));
                }
                // The LM response holds the client's challenge, followed by zeros.
                let client_challenge =
                    array(message.lm_response, 0).ok_or(ParseError::Length("LM response"))?;
                Ok(Some(Self::Ntlm2Session { response, client_challenge }))
            }
            nt_response => {
                let (proof, client_challenge) =
                    nt_response.split_first_chunk().ok_or(ParseError::Length(NAME))?;
                // RespType, HiRespType, six reserved octets, the time, the client's
                // challenge and four reserved octets precede the pairs.
                let (fixed, pairs) =
                    client_challenge.split_first_chunk::<28>().ok_or(ParseError::Length(NAME))?;
                if !fixed.starts_with(&[1, 1]) {
                    return Err(ParseError::ResponseVersion);
                }
                Ok(Some(Self::V2 { proof: *proof, client_challenge, pairs }))
            }
        }
    }

    pub(super) fn kind(&self) -> ResponseKind {
        match self {
            Self::V2 { .. } => ResponseKind::V2,
            Self::Ntlm2Session { .. } => ResponseKind::Ntlm2Session,
            Self::V1 { .. } => ResponseKind::V1,
        }
    }

    /// What the client sent back under the protection of its response.
    pub(super) fn pairs(&self) -> Result<ClientPairs, ParseError> {
        match self {
            Self::V2 { pairs, .. } => ClientPairs::parse(pairs),
            _ => Ok(ClientPairs::default()),
        }
    }

    /// Compares the response with the one the hash gives, and derives the key exchange
    /// key ([MS-NLMP] 3.4.5.1), which is of use only if they are equal.
    pub(super) fn check(
        &self,
        hash: &NtHash,
        message: &Authenticate<'_>,
        server_challenge: [u8; 8],
    ) -> (Choice, [u8; 16]) {
        match self {
            Self::V2 { proof, client_challenge, .. } => {
                let key = hash.v2(&message.user, &message.domain);
                let expected = hmac_md5(&key, &[&server_challenge, client_challenge]);
                (proof.ct_eq(&expected), hmac_md5(&key, &[&expected]))
            }
            Self::Ntlm2Session { response, client_challenge } => {
                let challenge = session_challenge(server_challenge, *client_challenge);
                let key =
                    hmac_md5(&hash.v1_session_base_key(), &[&server_challenge, client_challenge]);
                (response.ct_eq(&hash.v1_response(challenge)), key)
            }
            Self::V1 { response } => {
                let expected = hash.v1_response(server_challenge);
                (response.ct_eq(&expected), hash.v1_session_base_key())
            }
        }
    }
}
