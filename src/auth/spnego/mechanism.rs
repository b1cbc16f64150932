//! The mechanisms that can be negotiated, and the object identifiers of any others.

use std::fmt;

use super::der::is_oid;

/// A mechanism the acceptor knows how to name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Mechanism {
    /// Kerberos V5, under its own identifier or under Microsoft's.
    Kerberos,
    /// NTLMSSP.
    Ntlm,
}

/// 1.3.6.1.5.5.2 (RFC 4178 §4.2)
pub(super) const SPNEGO: &[u8] = &[0x2b, 6, 1, 5, 5, 2];
/// 1.2.840.113554.1.2.2 (RFC 4121 §4.1)
pub(super) const KERBEROS: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x12, 1, 2, 2];
/// 1.2.840.48018.1.2.2: the same with one arc cut to 16 bits. Windows 2000 had it so, and
/// later versions list it first still ([MS-SPNG] 3.1.5.2).
const MICROSOFT_KERBEROS: &[u8] = &[0x2a, 0x86, 0x48, 0x82, 0xf7, 0x12, 1, 2, 2];
/// 1.3.6.1.4.1.311.2.2.10 ([MS-SPNG] 1.9)
const NTLMSSP: &[u8] = &[0x2b, 6, 1, 4, 1, 0x82, 0x37, 2, 2, 0x0a];

impl Mechanism {
    /// The mechanism of an object identifier's content octets.
    pub(super) fn find(oid: &[u8]) -> Option<Self> {
        match oid {
            KERBEROS | MICROSOFT_KERBEROS => Some(Self::Kerberos),
            NTLMSSP => Some(Self::Ntlm),
            _ => None,
        }
    }
}

impl fmt::Display for Mechanism {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Kerberos => "Kerberos",
            Self::Ntlm => "NTLM",
        })
    }
}

/// The object identifier of a mechanism. `Display` writes it with dots, and its name
/// beside it if it has one here.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct MechType(Vec<u8>);

impl MechType {
    /// From content octets, as DER has them.
    pub(super) fn new(oid: &[u8]) -> Option<Self> {
        is_oid(oid).then(|| Self(oid.to_vec()))
    }

    /// The mechanism, if it is a known one.
    pub fn mechanism(&self) -> Option<Mechanism> {
        Mechanism::find(&self.0)
    }
}

impl fmt::Display for MechType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The first two arcs share a number (X.690 §8.19.4).
        for (index, number) in self.0.split_inclusive(|octet| octet & 0x80 == 0).enumerate() {
            match (index, arc(number)) {
                (0, None) => f.write_str("?")?,
                (_, None) => f.write_str(".?")?,
                (0, Some(number)) => {
                    let root = (number / 40).min(2);
                    write!(f, "{root}.{}", number - 40 * root)?;
                }
                (_, Some(number)) => write!(f, ".{number}")?,
            }
        }
        match self.mechanism() {
            Some(mechanism) => write!(f, " ({mechanism})"),
            None => Ok(()),
        }
    }
}

/// `None` if the number is too large to be worth printing.
fn arc(octets: &[u8]) -> Option<u64> {
    octets
        .iter()
        .try_fold(0u64, |number, octet| Some(number.checked_mul(128)? | u64::from(octet & 0x7f)))
}
