//! What differs between versions in the protocol log, as data.

use std::path::{Path, PathBuf};

use jiff::Timestamp;
use jiff::tz::Offset;

use crate::connector::{Role, Version};

/// How one version writes its log.
#[derive(Debug)]
pub(in crate::journal) struct Layout {
    /// `#Version`
    pub version: &'static str,
    /// A folder for each service, as Front End and Hub share a server.
    role_folders: bool,
    /// A file for each hour; for each day before that.
    hourly: bool,
    /// A reply of several lines is one row.
    pub joins_replies: bool,
    /// What a certificate holds is one row.
    pub joins_certificates: bool,
    /// Set Session Permissions as the session starts.
    pub permissions_at_start: bool,
    /// The same with every message.
    pub permissions_with_mail: bool,
    /// What became of the client's certificate, at the hello behind STARTTLS.
    pub certificate_status: bool,
    /// Front End tells that it has found a Hub for the message.
    pub proxy_destination: bool,
    /// The reply to QUIT has a row.
    pub closing_reply: bool,
    /// Schannel's name for an ephemeral exchange on a curve.
    pub key_exchange: &'static str,
}

const E2007: Layout = Layout {
    version: "8.0.0.0",
    role_folders: false,
    hourly: false,
    joins_replies: false,
    joins_certificates: false,
    permissions_at_start: true,
    permissions_with_mail: false,
    certificate_status: false,
    proxy_destination: false,
    closing_reply: true,
    key_exchange: "CALG_ECDHE",
};
const E2010: Layout = Layout { version: "14.0.0.0", ..E2007 };
const E2013: Layout = Layout {
    version: "15.0.0.0",
    role_folders: true,
    hourly: true,
    permissions_with_mail: true,
    certificate_status: true,
    closing_reply: false,
    ..E2010
};
const E2016: Layout = Layout {
    joins_replies: true,
    joins_certificates: true,
    permissions_at_start: false,
    permissions_with_mail: false,
    proxy_destination: true,
    closing_reply: true,
    key_exchange: "CALG_ECDH_EPHEM",
    ..E2013
};

static LAYOUTS: [Layout; 5] = [E2007, E2010, E2013, E2016, E2016];

impl Layout {
    pub fn of(version: Version) -> &'static Self {
        &LAYOUTS[version as usize]
    }

    /// Where the files of a service are, below the folder that stands for
    /// `%ExchangeInstallPath%TransportRoles\Logs` ("Protocol logging").
    pub fn folder(&self, logs: &Path, role: Role) -> PathBuf {
        let service = match role {
            _ if !self.role_folders => "",
            Role::FrontEnd => "FrontEnd",
            Role::Hub => "Hub",
            Role::Edge => "Edge",
        };
        logs.join(service).join("ProtocolLog").join("SmtpReceive")
    }

    /// The date, and the hour where files are hourly, as file names have it. Later periods are
    /// greater.
    pub fn period(&self, at: Timestamp) -> u32 {
        let at = Offset::UTC.to_datetime(at);
        let day = (at.year().unsigned_abs() as u32 * 100 + at.month() as u32) * 100;
        let day = day + at.day() as u32;
        if self.hourly { day * 100 + at.hour() as u32 } else { day }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_named_by_day_and_later_by_hour() {
        let at = "2023-01-11T16:59:59.999Z".parse().unwrap();
        assert_eq!(Layout::of(Version::E2010).period(at), 20230111);
        assert_eq!(Layout::of(Version::E2013).period(at), 2023011116);
    }

    #[test]
    fn services_of_one_server_have_folders_of_their_own() {
        let folder = |version, role| Layout::of(version).folder(Path::new("logs"), role);
        assert_eq!(
            folder(Version::E2016, Role::FrontEnd),
            Path::new("logs/FrontEnd/ProtocolLog/SmtpReceive")
        );
        assert_eq!(
            folder(Version::E2016, Role::Hub),
            Path::new("logs/Hub/ProtocolLog/SmtpReceive")
        );
        assert_eq!(folder(Version::E2010, Role::Hub), Path::new("logs/ProtocolLog/SmtpReceive"));
    }
}
