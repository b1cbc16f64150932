//! What a handshake negotiated, in the words of Schannel.

use std::fmt;

use super::layout::Layout;

/// The outcome of a handshake. `Display` gives the row's text
/// (SP_PROT_… and CALG_…: learn.microsoft.com, "SecPkgContext_ConnectionInfo").
pub(super) struct Negotiated<'a> {
    pub layout: &'a Layout,
    /// Of whom the log is: `SERVER` or `CLIENT`.
    pub side: &'a str,
    /// `TLSv1.2`
    pub protocol: &'a str,
    /// `TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384`
    pub cipher_suite: &'a str,
    /// `secp384r1`
    pub group: &'a str,
}

/// The end of a cipher suite's name: bulk cipher, its bits, hash.
///
/// Schannel has no name for ChaCha20; this one is ours.
const CIPHERS: [(&str, &str, u16, &str); 3] = [
    ("AES_128_GCM_SHA256", "CALG_AES_128", 128, "CALG_SHA_256"),
    ("AES_256_GCM_SHA384", "CALG_AES_256", 256, "CALG_SHA_384"),
    ("CHACHA20_POLY1305_SHA256", "CALG_CHACHA20_POLY1305", 256, "CALG_SHA_256"),
];

impl fmt::Display for Negotiated<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let version = self.protocol.trim_start_matches("TLSv").replace('.', "_");
        let known = CIPHERS.iter().find(|(end, ..)| self.cipher_suite.ends_with(end));
        let &(_, cipher, bits, hash) = known.unwrap_or(&("", self.cipher_suite, 0, "CALG_NULL"));
        // These suites authenticate by their cipher; logs print a MAC of no strength for them.
        write!(
            f,
            "TLS protocol SP_PROT_TLS{version}_{} negotiation succeeded using bulk encryption \
             algorithm {cipher} with strength {bits} bits, MAC hash algorithm {hash} with strength \
             0 bits and key exchange algorithm {} with strength {} bits",
            self.side,
            self.layout.key_exchange,
            strength(self.group)
        )
    }
}

/// The size of a curve's field, which logs print for the NIST curves.
fn strength(group: &str) -> u16 {
    match group {
        "secp256r1" => 256,
        "secp384r1" => 384,
        "secp521r1" => 521,
        // Alone, or as the classical half of a hybrid.
        _ if group.starts_with("X25519") => 255,
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::connector::Version;

    fn text(version: Version, protocol: &str, cipher_suite: &str, group: &str) -> String {
        let layout = Layout::of(version);
        Negotiated { layout, side: "SERVER", protocol, cipher_suite, group }.to_string()
    }

    /// Two public logs, of 2023, and the sender's log of a 2013 server for its names.
    #[test]
    fn suites_have_schannels_names() {
        let suite = "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384";
        assert_eq!(
            text(Version::E2019, "TLSv1.2", suite, "secp384r1"),
            "TLS protocol SP_PROT_TLS1_2_SERVER negotiation succeeded using bulk encryption \
             algorithm CALG_AES_256 with strength 256 bits, MAC hash algorithm CALG_SHA_384 with \
             strength 0 bits and key exchange algorithm CALG_ECDH_EPHEM with strength 384 bits"
        );
        assert!(
            text(Version::E2013, "TLSv1.2", suite, "secp256r1")
                .ends_with("key exchange algorithm CALG_ECDHE with strength 256 bits")
        );
        let newer = text(Version::E2019, "TLSv1.3", "TLS_AES_128_GCM_SHA256", "X25519MLKEM768");
        assert!(newer.starts_with("TLS protocol SP_PROT_TLS1_3_SERVER negotiation"), "{newer}");
        assert!(
            newer.contains("CALG_AES_128 with strength 128 bits, MAC hash algorithm CALG_SHA_256")
        );
    }
}
