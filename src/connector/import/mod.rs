//! Connectors of a real server, from what its shell prints of them.
//!
//! [`import`] takes a dump of `Get-ReceiveConnector` in any of four forms (Export-Clixml,
//! ConvertTo-Json, Format-List, Export-Csv) and, for rights that were added by hand, one of
//! `Get-ADPermission`. What a dump does not hold, or what is not known, is told by name in a
//! [`Note`], and the rest imported all the same. A dump may come from anywhere: what reading
//! one may cost is limited by the constants here.

mod clixml;
mod connectors;
mod csv;
mod encoding;
mod error;
mod form;
mod home;
mod json;
mod limits;
mod list;
mod object;
mod permissions;
mod server;
mod table;
#[cfg(test)]
mod tests;
mod write;

use std::ops::Range;

use super::{PermissionGroups, ReceiveConnector, Server, Version};
use limits::Budget;
use object::{Lines, Object, Reading};
use permissions::Permissions;

pub use connectors::ADMINISTRATIVE;
pub use error::{ImportError, Loss, Note, Stop};
pub use form::Form;
pub use limits::{
    MAX_CONNECTORS, MAX_DEPTH, MAX_DUMP, MAX_NODES, MAX_OBJECT, MAX_PERMISSIONS, MAX_TEXT,
    MAX_VALUES,
};
pub use write::PortError;

/// The connectors of one server.
#[derive(Clone, Debug)]
pub struct Import {
    pub form: Form,
    /// The dump, decoded.
    pub text: String,
    pub server: Server,
    /// Why the server was taken to be that: a sentence for each fact about it.
    pub because: Vec<String>,
    pub connectors: Vec<Imported>,
    /// What concerns no connector by itself.
    pub notes: Vec<Note>,
}

/// A connector, and where it comes from.
#[derive(Clone, Debug)]
pub struct Imported {
    pub connector: ReceiveConnector,
    /// `SERVER\Connector name`
    pub identity: String,
    /// Where it begins in the text of the dump.
    pub at: Range<usize>,
    /// Where its parameters stand there.
    pub places: Vec<(&'static str, Range<usize>)>,
    pub standing: Standing,
    /// Parameters whose values were not read, or not whole.
    pub unsure: Vec<Unsure>,
    /// What of it was lost, or is not known.
    pub notes: Vec<Note>,
}

/// A parameter of which the dump does not tell the whole value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unsure {
    pub parameter: &'static str,
    /// Nothing of the value is known: what stands in its place is no setting of the server.
    pub gone: bool,
    /// In words, the parameter first.
    pub why: String,
}

/// How a connector stands to the default set of its server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Standing {
    /// Setup made it, and nobody has changed it.
    Default,
    /// Setup made it; these parameters were changed.
    Changed(Vec<&'static str>),
    /// Somebody made it.
    Own,
}

/// What to take of a dump.
#[derive(Clone, Debug, Default)]
pub struct Choice {
    /// Which server, if the dump has several.
    pub server: Option<String>,
    /// The version of the server, if it is known better than the dump shows.
    pub version: Option<Version>,
}

/// Reads the connectors of `dump`, and the rights of `permissions`.
pub fn import(
    dump: Vec<u8>,
    permissions: Option<Vec<u8>>,
    choice: &Choice,
) -> Result<Import, ImportError> {
    let (form, text, Reading { objects, mut notes }) = read(dump, MAX_CONNECTORS)?;
    let mut lines = Lines::of(&text);
    let (objects, others): (Vec<_>, Vec<_>) =
        objects.into_iter().partition(connectors::is_connector);
    if form == Form::Table {
        return Err(ImportError::Table);
    }
    if objects.is_empty() {
        return Err(match others.iter().any(|other| other.has("ExtendedRights")) {
            true => ImportError::OnlyPermissions,
            false => ImportError::NoConnectors(notes.into_iter().next()),
        });
    }
    let mut left_out =
        |object: &Object, stop| Note::LeftOut { line: lines.line(object.at.start), stop };
    notes.extend(others.iter().map(|other| left_out(other, Stop::Other)));
    let (name, objects) = choose(objects, choice.server.as_deref())?;
    let inferred = server::infer(name.as_deref(), choice.version, &objects, connectors::connector);
    let server = inferred.server;
    let mut imported = Vec::new();
    for object in &objects {
        match connectors::connector(object, &server) {
            Some(connector) => imported.push(connector),
            None => notes.push(left_out(object, Stop::Nameless)),
        }
    }
    if imported.is_empty() {
        return Err(ImportError::NoConnectors(notes.into_iter().next()));
    }
    if let Some(dump) = permissions {
        let permissions =
            Permissions::read(dump).map_err(|error| ImportError::Permissions(Box::new(error)))?;
        notes.extend(permissions.apply(&server, &mut imported));
    }
    for imported in &mut imported {
        imported.settle(&server);
    }
    Ok(Import { form, text, server, because: inferred.because, connectors: imported, notes })
}

impl Imported {
    /// What can be said once the permissions are there too.
    fn settle(&mut self, server: &Server) {
        let custom = self.connector.permission_groups.contains(PermissionGroups::Custom);
        self.connector.show_custom();
        let shown = self.connector.permission_groups.contains(PermissionGroups::Custom);
        if custom && !shown {
            self.notes.push(Note::Custom);
        }
        self.standing = connectors::standing(self, server);
    }
}

/// Whether `dump`, by its beginning, is of a form that [`import`] knows.
pub fn is_dump(dump: &[u8]) -> bool {
    const ENOUGH: usize = 64 << 10;
    let beginning = dump[..dump.len().min(ENOUGH)].to_vec();
    encoding::decode(beginning).is_ok_and(|text| Form::of(&text.text).is_some())
}

impl Import {
    /// Losses that may concern every connector: part of the dump, or rights of somebody unknown.
    pub fn losses(&self) -> impl Iterator<Item = &Note> {
        self.notes.iter().filter(|note| {
            matches!(
                note,
                Note::Stopped { .. }
                    | Note::LeftOut { stop: Stop::Nameless | Stop::Row(_), .. }
                    | Note::UnknownUser { .. }
                    | Note::TakenForAccount { .. }
                    | Note::NoDeny
            )
        })
    }

    /// Everything that was lost or is not known, with the connector that it is about.
    pub fn all_notes(&self) -> impl Iterator<Item = (Option<&Imported>, &Note)> {
        let own = self.notes.iter().map(|note| (None, note));
        let theirs = self
            .connectors
            .iter()
            .flat_map(|imported| imported.notes.iter().map(move |note| (Some(imported), note)));
        own.chain(theirs)
    }
}

fn read(dump: Vec<u8>, max_objects: usize) -> Result<(Form, String, Reading), ImportError> {
    let encoding::Text { text, cut } = encoding::decode(dump)?;
    if text.trim().is_empty() {
        return Err(ImportError::Empty);
    }
    let form = Form::of(&text).ok_or(ImportError::Form)?;
    let mut reading = form.read(&text, Budget::new(max_objects));
    if cut && reading.notes.is_empty() {
        let line = text.lines().count();
        reading.notes.push(Note::Stopped { line, stop: Stop::Cut });
    }
    Ok((form, text, reading))
}

/// The objects of the one server that is meant, and its name. One that names no server goes
/// with the one before it.
fn choose(
    objects: Vec<Object>,
    name: Option<&str>,
) -> Result<(Option<String>, Vec<Object>), ImportError> {
    let mut servers: Vec<(Option<String>, Vec<Object>)> = Vec::new();
    let mut last = None;
    for object in objects {
        let own = home::Home::of(&object).server.filter(|server| Server::is_name(server));
        let server = own.or(last);
        last = server.clone();
        let same = |(other, _): &&mut (Option<String>, _)| match (other, &server) {
            (Some(other), Some(server)) => other.eq_ignore_ascii_case(server),
            (None, None) => true,
            _ => false,
        };
        match servers.iter_mut().find(same) {
            Some((_, objects)) => objects.push(object),
            None => servers.push((server, vec![object])),
        }
    }
    let there = || servers.iter().map(|(name, _)| name.clone().unwrap_or("(none)".to_owned()));
    let index = match name {
        None if servers.len() > 1 => return Err(ImportError::SeveralServers(there().collect())),
        None => 0,
        Some(wanted) => servers
            .iter()
            .position(|(name, _)| name.as_ref().is_some_and(|n| n.eq_ignore_ascii_case(wanted)))
            .ok_or_else(|| ImportError::NoSuchServer {
                name: wanted.to_owned(),
                there: there().collect(),
            })?,
    };
    Ok(servers.swap_remove(index))
}
