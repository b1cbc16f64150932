//! The acceptor: the server's half of the exchange, [MS-NLMP] 3.2.5.1.

use std::sync::Arc;

use super::claim::Claim;
use super::crypto::NtHash;
use super::flags::NegotiateFlags;
use super::messages::{Authenticate, Challenge, Negotiate};
use super::policy::Policy;
use super::refusal::{ParseError, Refusal, RefusalKind};
use super::response::ResponseKind;
use super::security::SecurityLayer;
use super::target::{Target, Version};
use super::wire::Charset;

/// One exchange with one client.
#[derive(Debug)]
pub struct Acceptor {
    target: Arc<Target>,
    policy: Policy,
    server_challenge: [u8; 8],
    filetime: u64,
    state: State,
}

#[derive(Debug)]
enum State {
    Start,
    Challenged(Box<Challenged>),
    /// Authenticated or refused. A challenge is good for one answer.
    Done,
}

/// What the AUTHENTICATE message is measured against.
#[derive(Debug)]
struct Challenged {
    negotiate: Negotiate,
    negotiate_message: Vec<u8>,
    challenge_message: Vec<u8>,
    flags: NegotiateFlags,
    charset: Charset,
}

/// An authenticated client.
#[derive(Debug)]
pub struct Verified {
    /// The domain as the client wrote it; empty when the user is a UPN.
    pub domain: String,
    /// The user as the client wrote it.
    pub user: String,
    /// The client's own name for itself. Nothing vouches for it.
    pub workstation: Option<String>,
    /// The client's operating system. Nothing vouches for it.
    pub client_version: Option<Version>,
    /// The options both sides agreed on.
    pub flags: NegotiateFlags,
    /// The form of the client's response.
    pub kind: ResponseKind,
    /// The MD5 hash of the channel bindings the client signed; only NTLMv2 has any.
    pub channel_binding: Option<[u8; 16]>,
    /// The SPN the client signed; only NTLMv2 has one.
    pub target_name: Option<String>,
    /// Signing and sealing with the session's keys.
    pub security: SecurityLayer,
}

impl Acceptor {
    /// Prepares for one exchange. The server challenge must never have been used before
    /// and not be foreseeable; `filetime` counts 100 ns since 1601.
    pub fn new(
        target: Arc<Target>,
        policy: Policy,
        server_challenge: [u8; 8],
        filetime: u64,
    ) -> Self {
        Self { target, policy, server_challenge, filetime, state: State::Start }
    }

    /// Answers a NEGOTIATE message with a CHALLENGE message.
    pub fn challenge(&mut self, negotiate_message: &[u8]) -> Result<Vec<u8>, Refusal> {
        let State::Start = std::mem::replace(&mut self.state, State::Done) else {
            return Err(RefusalKind::OutOfSequence.into());
        };
        let negotiate = Negotiate::parse(negotiate_message)
            .map_err(|error| Refusal::from(RefusalKind::from(error)))?;
        let wants_ntlm2 = negotiate.flags.contains(NegotiateFlags::EXTENDED_SESSIONSECURITY);
        if self.policy.require_ntlm2_flag && !wants_ntlm2 {
            return Err(negotiate.refuse(RefusalKind::Ntlm2FlagMissing));
        }
        let (Some(flags), Some(charset)) = (negotiate.flags.answer(), Charset::of(negotiate.flags))
        else {
            return Err(negotiate.refuse(ParseError::Charset.into()));
        };
        let challenge_message = Challenge {
            flags,
            server_challenge: self.server_challenge,
            filetime: self.filetime,
            target: &self.target,
        }
        .encode();
        self.state = State::Challenged(Box::new(Challenged {
            negotiate,
            negotiate_message: negotiate_message.to_vec(),
            challenge_message: challenge_message.clone(),
            flags,
            charset,
        }));
        Ok(challenge_message)
    }

    /// Checks an AUTHENTICATE message.
    ///
    /// `nt_hash` is asked for the account of a domain and a user, both as the client
    /// wrote them. An unknown account costs the same work as a wrong password, apart
    /// from what `nt_hash` itself takes.
    pub fn authenticate(
        &mut self,
        authenticate_message: &[u8],
        nt_hash: impl FnOnce(&str, &str) -> Option<NtHash>,
    ) -> Result<Verified, Refusal> {
        let State::Challenged(challenged) = std::mem::replace(&mut self.state, State::Done) else {
            return Err(RefusalKind::OutOfSequence.into());
        };
        let message = Authenticate::parse(authenticate_message, challenged.charset)
            .map_err(|error| challenged.negotiate.refuse(error.into()))?;
        let messages =
            [&challenged.negotiate_message, &challenged.challenge_message, authenticate_message];
        let checked = Claim::new(&message, challenged.flags, self.policy).and_then(|claim| {
            let hash = nt_hash(&message.domain, &message.user);
            let key = claim.verify(&message, self.server_challenge, hash)?;
            claim.check_mic(message.mic, &key, messages)?;
            Ok((claim, key))
        });
        let negotiate = challenged.negotiate;
        let workstation = message.workstation.or(negotiate.workstation);
        match checked {
            Ok((claim, key)) => Ok(Verified {
                domain: message.domain,
                user: message.user,
                workstation,
                client_version: message.version.or(negotiate.version),
                flags: claim.flags,
                kind: claim.response.kind(),
                security: SecurityLayer::server(&key, claim.flags),
                channel_binding: claim.pairs.channel_binding,
                target_name: claim.pairs.target_name,
            }),
            Err(kind) => Err(Refusal {
                kind,
                domain: Some(message.domain).filter(|name| !name.is_empty()),
                user: Some(message.user).filter(|name| !name.is_empty()),
                workstation,
            }),
        }
    }
}

impl Negotiate {
    /// A refusal with the names this message gives.
    fn refuse(&self, kind: RefusalKind) -> Refusal {
        Refusal {
            kind,
            domain: self.domain.clone(),
            user: None,
            workstation: self.workstation.clone(),
        }
    }
}

impl From<RefusalKind> for Refusal {
    fn from(kind: RefusalKind) -> Self {
        Self { kind, domain: None, user: None, workstation: None }
    }
}
