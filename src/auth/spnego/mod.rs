//! The acceptor's side of SPNEGO, after RFC 4178 and [MS-SPNG].
//!
//! An [`Acceptor`] agrees with a client on a [`Mechanism`] and carries that mechanism's
//! tokens, which the caller's [`Inner`] makes and reads, until both sides are satisfied
//! that nobody meddled with the choice. It knows no sockets and no accounts.
//!
//! Clients also send tokens of a mechanism without any negotiation; [`sniff`] tells them
//! apart.
//!
//! What goes wrong comes out as a [`Refusal`], in words meant for a person, together with
//! the token that tells the client, if there is one.

mod accept;
mod der;
mod inner;
mod mechanism;
mod negotiation;
mod refusal;
mod sniff;
mod token;

#[cfg(test)]
mod tests;

pub use accept::{Acceptor, Step};
pub use inner::{Inner, InnerStep};
pub use mechanism::{MechType, Mechanism};
pub use refusal::{ParseError, Refusal, RefusalKind};
pub use sniff::{Kind, sniff};
