//! NTLM, after [MS-NLMP]: the server's side, and a [`Client`] that speaks NTLMv2.
//!
//! An [`Acceptor`] takes a client through the three messages: NEGOTIATE in, CHALLENGE
//! out, AUTHENTICATE in. It knows no sockets, clock or source of randomness: the server
//! challenge and the time are the caller's to supply, and so is the account database.
//!
//! What comes out is either a [`Verified`] client, with the [`SecurityLayer`] both sides
//! now share, or a [`Refusal`] that says what was wrong in words meant for a person. The
//! text is for the log: a client must not learn from the reply whether an account exists.

mod accept;
mod av_pair;
mod claim;
mod client;
mod crypto;
mod direction;
mod flags;
mod messages;
mod policy;
mod refusal;
mod response;
mod security;
mod target;
mod wire;

#[cfg(test)]
mod tests;

pub use accept::{Acceptor, Verified};
pub use client::Client;
pub use crypto::{InvalidNtHash, NtHash};
pub use flags::NegotiateFlags;
pub use policy::{Minimum, Policy};
pub use refusal::{ParseError, Refusal, RefusalKind};
pub use response::ResponseKind;
pub use security::{Protection, SIGNATURE_LENGTH, SecurityError, SecurityLayer};
pub use target::{Target, Version};
