//! Telling first tokens apart.

use super::der::{APPLICATION, OID, Reader};
use super::mechanism::{KERBEROS, SPNEGO};

/// What a client's first token is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// SPNEGO's InitialContextToken.
    Spnego,
    /// An InitialContextToken of Kerberos, without negotiation.
    Kerberos,
    /// An NTLM message, without negotiation.
    Ntlm,
    /// None of these.
    Other,
}

/// Tells what a first token is. Only its head is looked at: a token that turns out broken
/// is best reported by the one who can read it.
pub fn sniff(token: &[u8]) -> Kind {
    match mechanism(token) {
        Some(SPNEGO) => Kind::Spnego,
        Some(KERBEROS) => Kind::Kerberos,
        _ if token.starts_with(b"NTLMSSP\0") => Kind::Ntlm,
        _ => Kind::Other,
    }
}

/// The mechanism of an InitialContextToken (RFC 2743 §3.1).
fn mechanism(token: &[u8]) -> Option<&[u8]> {
    let mut inside = Reader::new(token).enter(APPLICATION)?;
    inside.read(OID, "mechanism").ok()
}
