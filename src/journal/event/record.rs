//! An event as it was recorded, in the forms in which people and programs meet it.

use std::fmt;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde::{Serialize, Serializer};
use utoipa::ToSchema;

use super::{Event, Level};
use crate::connector::{Role, Version};
use crate::journal::protocol::Time;

/// An event with its circumstances. It serialises to a line of `events.jsonl`.
#[derive(Clone, Debug)]
pub struct EventRecord {
    pub time: Timestamp,
    /// Counts from 1 in each run.
    pub number: u64,
    pub source: Source,
    /// The host name of the server.
    pub computer: String,
    /// The session that led to it, as protocol logs name sessions.
    pub session: Option<String>,
    pub event: Event,
    /// Events of this text since the one before that were not recorded.
    pub suppressed: u64,
}

/// The service that records an event (release notes for Exchange 2013, for Front End's).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    Transport,
    FrontEndTransport,
}

impl Source {
    /// The service that a connector of `role` belongs to.
    pub fn of(version: Version, role: Role) -> Self {
        match role {
            Role::FrontEnd if version.has_front_end() => Self::FrontEndTransport,
            _ => Self::Transport,
        }
    }

    pub fn name(self) -> &'static str {
        match self {
            Self::Transport => "MSExchangeTransport",
            Self::FrontEndTransport => "MSExchangeFrontEndTransport",
        }
    }
}

impl Level {
    pub fn name(self) -> &'static str {
        match self {
            Self::Error => "Error",
            Self::Warning => "Warning",
            Self::Information => "Information",
        }
    }

    /// As Windows numbers levels (learn.microsoft.com, "Event Schema", LevelType).
    fn number(self) -> u8 {
        match self {
            Self::Error => 2,
            Self::Warning => 3,
            Self::Information => 4,
        }
    }

    /// The upper half of a classic event's id: its severity and the facility 4
    /// (learn.microsoft.com, "Event Identifiers"). An event 1035 was seen with 32772.
    fn qualifiers(self) -> u16 {
        let severity = match self {
            Self::Error => 3,
            Self::Warning => 2,
            Self::Information => 1,
        };
        severity << 14 | 4
    }
}

impl EventRecord {
    /// As Event Viewer lays out what it copies, in the words of an American server.
    pub fn event_viewer(&self) -> impl fmt::Display + '_ {
        EventViewer(self)
    }

    /// As Event Viewer's XML view shows it
    /// (learn.microsoft.com, "Event Schema"; namespace of 2004/08).
    pub fn xml(&self) -> impl fmt::Display + '_ {
        Xml(self)
    }
}

/// A line of `events.jsonl`.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct EventLine {
    #[schema(format = DateTime)]
    time: String,
    /// Counts from 1 in each run.
    record: u64,
    /// As the event log numbers its kind: 1035.
    id: u32,
    level: &'static str,
    source: &'static str,
    category: &'static str,
    computer: String,
    session: Option<String>,
    text: String,
    /// What stands for `%1`, `%2` … in the text.
    inserts: Vec<String>,
    /// Events of this text since the one before that were not recorded.
    suppressed: u64,
}

impl EventRecord {
    pub fn line(&self) -> EventLine {
        let definition = self.event.definition();
        EventLine {
            time: Time(self.time).to_string(),
            record: self.number,
            id: definition.id,
            level: definition.level.name(),
            source: self.source.name(),
            category: definition.category().name,
            computer: self.computer.clone(),
            session: self.session.clone(),
            text: self.event.to_string(),
            inserts: self.event.inserts(),
            suppressed: self.suppressed,
        }
    }
}

impl Serialize for EventRecord {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.line().serialize(serializer)
    }
}

struct EventViewer<'a>(&'a EventRecord);

impl fmt::Display for EventViewer<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let EventRecord { time, source, computer, event, .. } = self.0;
        let definition = event.definition();
        let date = time.to_zoned(TimeZone::UTC).strftime("%-m/%-d/%Y %-I:%M:%S %p");
        writeln!(f, "Log Name:      Application")?;
        writeln!(f, "Source:        {}", source.name())?;
        writeln!(f, "Date:          {date}")?;
        writeln!(f, "Event ID:      {}", definition.id)?;
        writeln!(f, "Task Category: {}", definition.category().name)?;
        writeln!(f, "Level:         {}", definition.level.name())?;
        writeln!(f, "Keywords:      Classic")?;
        writeln!(f, "User:          N/A")?;
        writeln!(f, "Computer:      {computer}")?;
        writeln!(f, "Description:")?;
        writeln!(f, "{event}")
    }
}

struct Xml<'a>(&'a EventRecord);

impl fmt::Display for Xml<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let EventRecord { time, number, source, computer, event, .. } = self.0;
        let definition = event.definition();
        let (id, level) = (definition.id, definition.level);
        let task = definition.category().number;
        let (source, qualifiers) = (source.name(), level.qualifiers());
        let (level, time, computer) = (level.number(), Time(*time), Escaped(computer));
        writeln!(f, "<Event xmlns=\"http://schemas.microsoft.com/win/2004/08/events/event\">")?;
        writeln!(f, "  <System>")?;
        writeln!(f, "    <Provider Name=\"{source}\" />")?;
        writeln!(f, "    <EventID Qualifiers=\"{qualifiers}\">{id}</EventID>")?;
        writeln!(f, "    <Level>{level}</Level>")?;
        writeln!(f, "    <Task>{task}</Task>")?;
        writeln!(f, "    <Keywords>0x80000000000000</Keywords>")?;
        writeln!(f, "    <TimeCreated SystemTime=\"{time}\" />")?;
        writeln!(f, "    <EventRecordID>{number}</EventRecordID>")?;
        writeln!(f, "    <Channel>Application</Channel>")?;
        writeln!(f, "    <Computer>{computer}</Computer>")?;
        writeln!(f, "    <Security />")?;
        writeln!(f, "  </System>")?;
        writeln!(f, "  <EventData>")?;
        for insert in event.inserts() {
            writeln!(f, "    <Data>{}</Data>", Escaped(&insert))?;
        }
        writeln!(f, "  </EventData>")?;
        writeln!(f, "</Event>")
    }
}

/// Text within an element; what XML cannot hold becomes U+FFFD.
struct Escaped<'a>(&'a str);

impl fmt::Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.chars().try_for_each(|letter| match letter {
            '&' => f.write_str("&amp;"),
            '<' => f.write_str("&lt;"),
            '>' => f.write_str("&gt;"),
            '\t' | '\n' => write!(f, "{letter}"),
            '\u{fffe}' | '\u{ffff}' => f.write_str("\u{fffd}"),
            letter if letter.is_control() => f.write_str("\u{fffd}"),
            letter => write!(f, "{letter}"),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::auth::{Mechanism, Status};

    fn record() -> EventRecord {
        EventRecord {
            time: "2016-08-24T15:04:05.006Z".parse().unwrap(),
            number: 7,
            source: Source::of(Version::E2016, Role::FrontEnd),
            computer: "ex01.contoso.test".to_owned(),
            session: Some("08D3CC2A5F0E1B77".to_owned()),
            event: Event::AuthenticationFailed {
                status: Status::UnexpectedExchangeAuthBlob,
                connector: "R&D <relay>".to_owned(),
                mechanism: Mechanism::ExchangeAuth,
                remote: "10.0.0.12".to_owned(),
            },
            suppressed: 3,
        }
    }

    const TEXT: &str = "Inbound authentication failed with error UnexpectedExchangeAuthBlob for \
                        Receive connector R&D <relay>. The authentication mechanism is \
                        ExchangeAuth. The source IP address of the client who tried to \
                        authenticate to Microsoft Exchange is [10.0.0.12].";

    #[test]
    fn a_line_of_json_has_the_text_and_its_parts() {
        let line = serde_json::to_value(record()).unwrap();
        assert_eq!(
            line,
            serde_json::json!({
                "time": "2016-08-24T15:04:05.006Z",
                "record": 7,
                "id": 1035,
                "level": "Warning",
                "source": "MSExchangeFrontEndTransport",
                "category": "SmtpReceive",
                "computer": "ex01.contoso.test",
                "session": "08D3CC2A5F0E1B77",
                "text": TEXT,
                "inserts": ["UnexpectedExchangeAuthBlob", "R&D <relay>", "ExchangeAuth", "10.0.0.12"],
                "suppressed": 3,
            })
        );
    }

    #[test]
    fn event_viewer_shows_the_particulars_first() {
        assert_eq!(
            record().event_viewer().to_string(),
            format!(
                "Log Name:      Application\n\
                 Source:        MSExchangeFrontEndTransport\n\
                 Date:          8/24/2016 3:04:05 PM\n\
                 Event ID:      1035\n\
                 Task Category: SmtpReceive\n\
                 Level:         Warning\n\
                 Keywords:      Classic\n\
                 User:          N/A\n\
                 Computer:      ex01.contoso.test\n\
                 Description:\n{TEXT}\n"
            )
        );
    }

    /// Qualifiers, level and task as the published event has them.
    #[test]
    fn xml_has_every_insert_as_data() {
        let xml = record().xml().to_string();
        for part in [
            "<EventID Qualifiers=\"32772\">1035</EventID>",
            "<Level>3</Level>",
            "<Task>1</Task>",
            "<TimeCreated SystemTime=\"2016-08-24T15:04:05.006Z\" />",
            "<Data>UnexpectedExchangeAuthBlob</Data>\n    <Data>R&amp;D &lt;relay&gt;</Data>",
        ] {
            assert!(xml.contains(part), "{part}: {xml}");
        }
    }

    #[test]
    fn the_source_tells_version_and_service() {
        let source = |version, role| Source::of(version, role).name();
        assert_eq!(source(Version::E2013, Role::FrontEnd), "MSExchangeFrontEndTransport");
        assert_eq!(source(Version::E2019, Role::Hub), "MSExchangeTransport");
        assert_eq!(source(Version::E2010, Role::FrontEnd), "MSExchangeTransport");
    }
}
