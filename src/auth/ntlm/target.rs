//! The server as it presents itself to clients.

use std::fmt;

/// The names and the version a CHALLENGE message announces.
///
/// Names longer than 255 UTF-16 units, the most a DNS name can have, are sent cut off.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// The domain's NetBIOS name, also sent as the target name.
    pub netbios_domain: String,
    /// The server's NetBIOS name.
    pub netbios_computer: String,
    /// The domain's DNS name.
    pub dns_domain: String,
    /// The server's fully qualified DNS name.
    pub dns_computer: String,
    /// The DNS name of the forest; a server outside any has none.
    pub dns_tree: Option<String>,
    /// The operating system's version.
    pub version: Version,
}

/// An operating system version, [MS-NLMP] 2.2.2.10.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Version {
    /// `10` since Windows 10 and Server 2016.
    pub major: u8,
    /// `0` since Windows 10 and Server 2016.
    pub minor: u8,
    /// The build, for instance `20348` for Server 2022.
    pub build: u16,
}

impl Version {
    /// NTLMSSP_REVISION_W2K3, the only revision in use.
    const REVISION: u8 = 15;

    pub(super) fn parse([major, minor, low, high, ..]: [u8; 8]) -> Self {
        let build = u16::from_le_bytes([low, high]);
        Self { major, minor, build }
    }

    pub(super) fn encode(self) -> [u8; 8] {
        let [low, high] = self.build.to_le_bytes();
        [self.major, self.minor, low, high, 0, 0, 0, Self::REVISION]
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.major, self.minor, self.build)
    }
}
