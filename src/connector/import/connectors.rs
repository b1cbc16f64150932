//! Objects of a dump as connectors, by the one table of parameters.

use std::borrow::Cow;

use super::error::Note;
use super::home::Home;
use super::object::{Object, Property, shown};
use super::{Imported, Standing, Unsure};
use crate::connector::written::LISTS;
use crate::connector::{
    PARAMETERS, Parameter, ReceiveConnector, Server, Value, default_set, find_parameter,
};

/// What Get-ReceiveConnector, Active Directory and remote shells say about an object that is
/// no parameter of a connector. `Server` and the identities are used to tell whose it is.
pub const ADMINISTRATIVE: [&str; 23] = [
    "AdminDisplayName",
    "AdminDisplayVersion",
    "DistinguishedName",
    "ExchangeObjectId",
    "ExchangeVersion",
    "Guid",
    "Id",
    "Identity",
    "IsValid",
    "ObjectCategory",
    "ObjectClass",
    "ObjectState",
    "OrganizationId",
    "OriginatingServer",
    "PSComputerName",
    "PSShowComputerName",
    "PSSourceJobInstanceId",
    "RunspaceId",
    "Server",
    "WhenChanged",
    "WhenChangedUTC",
    "WhenCreated",
    "WhenCreatedUTC",
];

/// Without these a connector is hardly known.
const ESSENTIAL: [&str; 5] =
    ["TransportRole", "Bindings", "RemoteIPRanges", "AuthMechanism", "PermissionGroups"];

const FLAGS: [&str; 2] = ["AuthMechanism", "PermissionGroups"];

const ADDRESSES: [&str; 2] = ["Bindings", "RemoteIPRanges"];

/// Whether `object` can be a receive connector at all.
pub(super) fn is_connector(object: &Object) -> bool {
    ["Bindings", "RemoteIPRanges"].iter().any(|name| object.has(name))
}

/// The connector that `object` is on `server`; `None` if it has no name.
pub(super) fn connector(object: &Object, server: &Server) -> Option<Imported> {
    let mut connector = ReceiveConnector::on(server, "");
    let mut notes = Vec::new();
    let named = Value::Text(Home::of(object).name?.into());
    find_parameter("Name")?.set(&mut connector, &named).ok()?;
    for property in &object.properties {
        match find_parameter(&property.name) {
            Some(parameter) if parameter.name == "Name" => {}
            Some(parameter) if parameter.exists_on(server) => {
                set(&mut connector, parameter, property, &mut notes);
            }
            Some(parameter) => notes.extend(not_there(&connector, parameter, property)),
            None if is_administrative(&property.name) => {}
            None => notes.push(Note::Unknown { property: property.name.clone() }),
        }
    }
    for parameter in ESSENTIAL.iter().filter_map(|name| find_parameter(name)) {
        if parameter.exists_on(server) && !object.has(parameter.name) {
            let instead = instead(&connector, parameter);
            notes.push(Note::Missing { property: parameter.name, instead });
        }
    }
    let identity = server.identity(&connector);
    let place =
        |property: &Property| Some((find_parameter(&property.name)?.name, property.at.clone()));
    let places = object.properties.iter().filter_map(place).collect();
    let at = object.at.clone();
    let unsure = unsure(&connector, &notes);
    Some(Imported { connector, identity, at, places, standing: Standing::Own, unsure, notes })
}

/// The parameters whose values `notes` say were not read, or not whole.
fn unsure(connector: &ReceiveConnector, notes: &[Note]) -> Vec<Unsure> {
    let mut all: Vec<Unsure> = Vec::new();
    for note in notes {
        let (Note::Lost { property, .. } | Note::Unreadable { property, .. }) = note else {
            if let Note::Missing { property, .. } = note {
                all.push(Unsure { parameter: property, gone: true, why: note.to_string() });
            }
            continue;
        };
        let Some(parameter) = find_parameter(property) else { continue };
        // One word for each parameter is enough.
        if all.iter().any(|known| known.parameter == parameter.name) {
            continue;
        }
        let has_many = LISTS.contains(&parameter.name) || FLAGS.contains(&parameter.name);
        let value = parameter.get(connector);
        let gone = !has_many || value.is_empty() || value == "None";
        all.push(Unsure { parameter: parameter.name, gone, why: note.to_string() });
    }
    all
}

/// A word about a value that the server cannot have; none if it is the usual one.
fn not_there(new: &ReceiveConnector, parameter: &Parameter, property: &Property) -> Option<Note> {
    let mut probe = new.clone();
    let taken = parameter.set(&mut probe, &property.value).is_ok();
    (!taken || parameter.get(&probe) != parameter.get(new)).then(|| Note::NotThere {
        property: parameter.name,
        availability: parameter.availability(),
    })
}

fn is_administrative(name: &str) -> bool {
    ADMINISTRATIVE.iter().any(|known| known.eq_ignore_ascii_case(name))
}

/// Takes `property` over as far as it can be read, and notes what cannot.
fn set(
    connector: &mut ReceiveConnector,
    parameter: &Parameter,
    property: &Property,
    notes: &mut Vec<Note>,
) {
    // What is gone whole leaves a list empty, not at a default that nobody has chosen.
    let gone = property.loss.is_some() && !matches!(property.value, Value::List(_));
    if gone && LISTS.contains(&parameter.name) {
        let _ = parameter.set(connector, &Value::List(Vec::new()));
    }
    if let Some(loss) = property.loss {
        let instead = match &property.value {
            Value::List(items) if items.len() == 1 => "1 value is left".to_owned(),
            Value::List(items) => format!("{} values are left", items.len()),
            _ => instead(connector, parameter),
        };
        notes.push(Note::Lost { property: parameter.name.to_owned(), loss, instead });
    }
    if gone {
        return;
    }
    let value = &split(parameter, &property.value);
    let Err(error) = parameter.set(connector, value) else { return };
    let mut unreadable = |value: &str, instead: String| {
        notes.push(Note::Unreadable {
            property: parameter.name.to_owned(),
            value: shown(value).into_owned(),
            expected: error.expected.clone(),
            instead,
        });
    };
    match value {
        Value::List(items) => {
            let mut probe = connector.clone();
            let mut readable = |item: &&Cow<'_, str>| {
                parameter.set(&mut probe, &Value::List(vec![(*item).clone()])).is_ok()
            };
            let (good, bad): (Vec<_>, Vec<_>) = items.iter().partition(&mut readable);
            bad.iter().for_each(|item| unreadable(item, "it is left out".to_owned()));
            // "None" goes alone, and with nothing else.
            let good = Value::List(good.into_iter().cloned().collect());
            if parameter.set(connector, &good).is_err() {
                unreadable(&items.join(", "), instead(connector, parameter));
            }
        }
        Value::Text(text) => unreadable(text, instead(connector, parameter)),
        Value::Bool(value) => unreadable(&value.to_string(), instead(connector, parameter)),
        Value::Integer(value) => unreadable(&value.to_string(), instead(connector, parameter)),
    }
}

fn instead(connector: &ReceiveConnector, parameter: &Parameter) -> String {
    match parameter.get(connector) {
        value if value.is_empty() => "it stays blank".to_owned(),
        value => format!("taken as {value}"),
    }
}

/// The values of a parameter that has many, where they stand in one text: joined for
/// Export-Csv, or as flags are printed.
fn split<'a>(parameter: &Parameter, value: &'a Value<'a>) -> Value<'a> {
    match value {
        Value::Text(text) if LISTS.contains(&parameter.name) || FLAGS.contains(&parameter.name) => {
            // ConvertTo-Json joins with blanks what lies deeper than it was told to look; only
            // addresses have none within.
            let blanks = ADDRESSES.contains(&parameter.name) && !text.contains(" -");
            let ends = |c: char| matches!(c, ';' | ',' | '\n') || (blanks && c == ' ');
            let items = text.split(ends).map(str::trim);
            Value::List(items.filter(|item| !item.is_empty()).map(Cow::Borrowed).collect())
        }
        other => other.clone(),
    }
}

/// How a connector stands to the set that setup makes on `server`, as far as its parameters are
/// known.
pub(super) fn standing(imported: &Imported, server: &Server) -> Standing {
    let connector = &imported.connector;
    let is_known = |name: &&str| {
        imported.places.iter().any(|(known, _)| known == name)
            && !imported.unsure.iter().any(|unsure| unsure.parameter == *name)
    };
    let set = default_set(server);
    match set.iter().find(|default| default.name.eq_ignore_ascii_case(&connector.name)) {
        None => Standing::Own,
        Some(default) => match differences(connector, default).filter(is_known).collect::<Vec<_>>()
        {
            changed if changed.is_empty() => Standing::Default,
            changed => Standing::Changed(changed),
        },
    }
}

/// The parameters in which two connectors differ; lists may stand in any order, and names in
/// any case.
pub(super) fn differences<'a>(
    one: &'a ReceiveConnector,
    other: &'a ReceiveConnector,
) -> impl Iterator<Item = &'static str> + 'a {
    let settled = |value: String| {
        let value = value.to_ascii_lowercase();
        let mut items: Vec<_> = value.split(", ").map(str::to_owned).collect();
        items.sort();
        items
    };
    PARAMETERS
        .iter()
        .filter(move |parameter| settled(parameter.get(one)) != settled(parameter.get(other)))
        .map(|parameter| parameter.name)
}
