//! NEGOTIATE flags, [MS-NLMP] 2.2.2.5.

use bitflags::bitflags;

bitflags! {
    /// The options a client asks for and a server grants.
    ///
    /// Bits without a name here are carried, never refused: clients set several that
    /// mean nothing to a server.
    #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
    pub struct NegotiateFlags: u32 {
        /// Strings are UTF-16LE.
        const UNICODE = 0x0000_0001;
        /// Strings are in the client's OEM code page.
        const OEM = 0x0000_0002;
        /// The client wants to know the server's authentication realm.
        const REQUEST_TARGET = 0x0000_0004;
        /// Messages carry signatures.
        const SIGN = 0x0000_0010;
        /// Messages are encrypted.
        const SEAL = 0x0000_0020;
        /// Session keys are derived from the LM hash.
        const LM_KEY = 0x0000_0080;
        /// NTLM authentication, as opposed to LM only.
        const NTLM = 0x0000_0200;
        /// The NEGOTIATE message names a domain.
        const OEM_DOMAIN_SUPPLIED = 0x0000_1000;
        /// The NEGOTIATE message names a workstation.
        const OEM_WORKSTATION_SUPPLIED = 0x0000_2000;
        /// A signature block is present even where signing was not negotiated.
        const ALWAYS_SIGN = 0x0000_8000;
        /// The target name is that of a domain.
        const TARGET_TYPE_DOMAIN = 0x0001_0000;
        /// The NTLM2 session response, and the key derivation and signatures that came
        /// with it.
        const EXTENDED_SESSIONSECURITY = 0x0008_0000;
        /// The CHALLENGE message carries target information.
        const TARGET_INFO = 0x0080_0000;
        /// The VERSION field is filled in.
        const VERSION = 0x0200_0000;
        /// 128-bit session keys.
        const KEY_128 = 0x2000_0000;
        /// The client chooses the session key and sends it encrypted.
        const KEY_EXCH = 0x4000_0000;
        /// 56-bit session keys.
        const KEY_56 = 0x8000_0000;

        const _ = !0;
    }
}

impl NegotiateFlags {
    /// What is granted whenever it is asked for.
    ///
    /// LM_KEY is not among them: its session keys need the LM hash of the password,
    /// which no account here has.
    const MIRRORED: Self = Self::SIGN
        .union(Self::SEAL)
        .union(Self::ALWAYS_SIGN)
        .union(Self::EXTENDED_SESSIONSECURITY)
        .union(Self::KEY_128)
        .union(Self::KEY_EXCH)
        .union(Self::KEY_56);

    /// The flags of the CHALLENGE that answers a client's `self` ([MS-NLMP] 3.2.5.1.1),
    /// or `None` when the client offers neither character set.
    ///
    /// VERSION and TARGET_INFO are sent unasked, as Windows servers do.
    pub(super) fn answer(self) -> Option<Self> {
        let charset = if self.contains(Self::UNICODE) {
            Self::UNICODE
        } else if self.contains(Self::OEM) {
            Self::OEM
        } else {
            return None;
        };
        let target = if self.contains(Self::REQUEST_TARGET) {
            Self::REQUEST_TARGET | Self::TARGET_TYPE_DOMAIN
        } else {
            Self::empty()
        };
        let always = Self::NTLM | Self::TARGET_INFO | Self::VERSION;
        Some(charset | target | always | (self & Self::MIRRORED))
    }

    /// What both sides agreed on, `self` being the flags of the CHALLENGE.
    ///
    /// The oldest AUTHENTICATE message has no flags. It has no room for a session key
    /// either, so nothing that would need one can hold.
    pub(super) fn agreed(self, authenticate: Option<Self>) -> Self {
        match authenticate {
            Some(flags) => self & flags,
            None => self - (Self::KEY_EXCH | Self::SIGN | Self::SEAL),
        }
    }
}
