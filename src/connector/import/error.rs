//! What is wrong with a dump as a whole, and what of it was lost.

use std::fmt;

use super::form::Form;
use super::limits::{MAX_DUMP, MAX_TEXT};

/// A dump that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ImportError {
    #[error("it is larger than {} MB", MAX_DUMP >> 20)]
    TooLarge,
    #[error("it is empty")]
    Empty,
    #[error(
        "it is neither UTF-8 nor UTF-16 (at octet {at}); write it anew with \
         Export-Clixml, or with -Encoding UTF8"
    )]
    Encoding { at: usize },
    #[error(
        "its form is not known; expected what Export-Clixml, ConvertTo-Json, Format-List or \
         Export-Csv write"
    )]
    Form,
    #[error(
        "it is a table, and a table of connectors leaves their parameters out; write it anew with \
         Get-ReceiveConnector | Export-Clixml"
    )]
    Table,
    #[error("there is no receive connector in it{}", Because(.0))]
    NoConnectors(Option<Note>),
    #[error(
        "there is no receive connector in it, but permissions, as Get-ADPermission prints them; \
         they go beside a dump of connectors (--permissions)"
    )]
    OnlyPermissions,
    #[error(
        "there are no extended rights in it; expected what Get-ADPermission | \
         Select-Object Identity, User, Deny, IsInherited, ExtendedRights | Export-Clixml writes{}",
         Because(.0)
    )]
    NoPermissions(Option<Note>),
    #[error("it has connectors of several servers: {}; name one (--server)", .0.join(", "))]
    SeveralServers(Vec<String>),
    #[error("it has no connectors of {name}, but of {}", there.join(", "))]
    NoSuchServer { name: String, there: Vec<String> },
    /// About the dump of permissions that stands beside one of connectors.
    #[error("the permissions: {0}")]
    Permissions(#[source] Box<ImportError>),
}

/// Something that an import could not take over, or does not know.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Note {
    #[error("line {line}: {stop}; what follows is lost")]
    Stopped { line: usize, stop: Stop },
    #[error("line {line}: {stop}; it is left out")]
    LeftOut { line: usize, stop: Stop },
    #[error("{property} is not known, and has no effect here")]
    Unknown { property: String },
    #[error("{property} {loss}; {instead}")]
    Lost { property: String, loss: Loss, instead: String },
    #[error("{property}: {value:?} cannot be read, expected {expected}; {instead}")]
    Unreadable { property: String, value: String, expected: String, instead: String },
    #[error("{property} is left out: {availability}")]
    NotThere { property: &'static str, availability: String },
    #[error("{property} is not in the dump; {instead}")]
    Missing { property: &'static str, instead: String },
    #[error(
        "PermissionGroups has Custom, but the rights that were given or taken by hand are not \
         there; Get-ADPermission tells them (--permissions)"
    )]
    Custom,
    #[error("{user} is nobody that is known here; what is given to or taken from it is left out")]
    UnknownUser { user: String },
    #[error(
        "{user} is taken for an account; if it is a group, or a name that Windows has in another \
         language, its rights do not count here"
    )]
    TakenForAccount { user: String },
    #[error("rights that are none of a receive connector's are left out: {}", Counted(.0))]
    OtherRights(Vec<(String, usize)>),
    #[error("{entries} entries of the permissions name no connector, and there are several")]
    NoIdentity { entries: usize },
    #[error("there are permissions of \"{name}\", but no such connector")]
    NoSuchConnector { name: String },
    #[error("the permissions do not say which are denied; all are taken as allowed")]
    NoDeny,
}

/// Why reading a dump, or an object of it, came to an end.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Stop {
    #[error("the dump ends in the middle")]
    Cut,
    #[error("it is XML, but not of Export-Clixml")]
    NotClixml,
    #[error("it is no {form} from here on ({reason})")]
    Broken { form: Form, reason: String },
    #[error("it has a document type, which no Clixml has")]
    DocType,
    #[error("it uses the entity &{0};, which XML does not define")]
    Entity(String),
    #[error("values are nested too deeply")]
    Depth,
    #[error("this belongs to no property: {0:?}")]
    Stray(String),
    #[error("this row is cut, or goes on with the one before: {0:?}")]
    Row(String),
    #[error("this is no receive connector")]
    Other,
    #[error("this connector has no name of 1 to 64 characters")]
    Nameless,
    #[error("it has more than {0} objects")]
    Objects(usize),
    #[error("it has more than {0} values")]
    Values(usize),
    #[error("an object has more than {0} values")]
    Nodes(usize),
    #[error("its texts are longer than {} MB", .0 >> 20)]
    Text(usize),
    #[error("an object is longer than {} MB", .0 >> 20)]
    ObjectSize(usize),
}

/// Why the value of a property is not in the dump, or not all of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Loss {
    #[error("was cut short when it was printed (set $FormatEnumerationLimit = -1 before)")]
    Cut,
    #[error("holds the name of a .NET type in place of its values (join them before Export-Csv)")]
    TypeName,
    #[error("has no readable form in the dump")]
    Opaque,
    #[error("is longer than {} KB", MAX_TEXT >> 10)]
    TooLong,
}

struct Because<'a>(&'a Option<Note>);

impl fmt::Display for Because<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(Note::Stopped { line, stop } | Note::LeftOut { line, stop }) => {
                write!(f, " (line {line}: {stop})")
            }
            Some(note) => write!(f, " ({note})"),
            None => Ok(()),
        }
    }
}

struct Counted<'a>(&'a [(String, usize)]);

impl fmt::Display for Counted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, (name, count)) in self.0.iter().enumerate() {
            write!(f, "{}{name} ({count})", if i > 0 { ", " } else { "" })?;
        }
        Ok(())
    }
}
