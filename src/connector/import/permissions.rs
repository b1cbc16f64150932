//! Get-ADPermission: the rights on connectors that were given or taken by hand.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::Imported;
use super::error::{ImportError, Note};
use super::home::Home;
use super::limits::MAX_PERMISSIONS;
use super::object::{Object, shown};
use crate::connector::{AdPermission, Principal, ReceiveConnector, Rights, Server, Value};
use crate::directory::AccountName;

/// Entries that name rights, in the order of the dump.
#[derive(Debug)]
pub(super) struct Permissions {
    entries: Vec<Entry>,
    notes: Vec<Note>,
}

#[derive(Debug)]
struct Entry {
    home: Home,
    user: String,
    rights: Vec<String>,
    deny: Option<bool>,
    inherited: bool,
}

/// Domains that have no accounts: what is not known in them is a group that expsd has not.
const NO_ACCOUNTS: [&str; 6] =
    ["NT AUTHORITY", "NT-AUTORITÄT", "AUTORITE NT", "BUILTIN", "VORDEFINIERT", "MS Exchange"];

impl Permissions {
    pub(super) fn read(dump: Vec<u8>) -> Result<Self, ImportError> {
        let (_, _, reading) = super::read(dump, MAX_PERMISSIONS)?;
        let entries: Vec<_> = reading.objects.iter().filter_map(Entry::of).collect();
        if !reading.objects.iter().any(|object| object.has("ExtendedRights")) {
            return Err(ImportError::NoPermissions(reading.notes.into_iter().next()));
        }
        Ok(Self { entries, notes: reading.notes })
    }

    /// Gives the connectors of `server` what is theirs, and notes what is nobody's.
    pub(super) fn apply(self, server: &Server, connectors: &mut [Imported]) -> Vec<Note> {
        let mut notes = self.notes;
        if self.entries.iter().any(|entry| entry.deny.is_none()) {
            notes.push(Note::NoDeny);
        }
        let name_of = |imported: &Imported| imported.connector.name.to_ascii_lowercase();
        let by_name: HashMap<_, _> =
            connectors.iter().enumerate().map(|(i, imported)| (name_of(imported), i)).collect();
        let mut given: Vec<(usize, AdPermission)> = Vec::new();
        let mut places = HashMap::new();
        let mut homeless = 0;
        let mut nowhere = BTreeSet::new();
        let mut unknown_users = BTreeSet::new();
        let mut accounts = BTreeSet::new();
        let mut other_rights = BTreeMap::<String, usize>::new();
        for entry in self.entries.iter().filter(|entry| entry.is_of(server)) {
            let rights = entry.rights(&mut other_rights);
            if rights.is_empty() {
                continue;
            }
            let index = match &entry.home.name {
                Some(name) => by_name.get(&name.to_ascii_lowercase()).copied(),
                None => (connectors.len() == 1).then_some(0),
            };
            match (index, &entry.home.name, principal(&entry.user)) {
                (None, Some(name), _) => {
                    nowhere.insert(name);
                }
                (None, None, _) => homeless += 1,
                (Some(_), _, None) => {
                    unknown_users.insert(&entry.user);
                }
                (Some(index), _, Some(user)) => {
                    if matches!(&user, Principal::Account(name) if !name.user().ends_with('$')) {
                        accounts.insert(&entry.user);
                    }
                    let deny = entry.deny.unwrap_or(false);
                    let inherited = entry.inherited;
                    let key = (index, user.clone(), deny, inherited);
                    let place = *places.entry(key).or_insert(given.len());
                    match given.get_mut(place) {
                        Some((_, permission)) => permission.rights |= rights,
                        None => given.push((index, AdPermission { user, rights, deny, inherited })),
                    }
                }
            }
        }
        for (index, permission) in given {
            give(&mut connectors[index].connector, permission);
        }
        notes.extend((homeless > 0).then_some(Note::NoIdentity { entries: homeless }));
        notes.extend(nowhere.into_iter().cloned().map(|name| Note::NoSuchConnector { name }));
        notes.extend(unknown_users.into_iter().cloned().map(|user| Note::UnknownUser { user }));
        notes.extend(accounts.into_iter().cloned().map(|user| Note::TakenForAccount { user }));
        if !other_rights.is_empty() {
            notes.push(Note::OtherRights(other_rights.into_iter().collect()));
        }
        notes
    }
}

/// What permission groups give anyway is no news.
fn give(connector: &mut ReceiveConnector, permission: AdPermission) {
    let by_group = connector.permission_groups.rights_of(&permission.user);
    let AdPermission { rights, deny, .. } = permission;
    let rights = if deny { rights } else { rights - by_group };
    if !rights.is_empty() {
        connector.ad_permissions.push(AdPermission { rights, ..permission });
    }
}

impl Entry {
    fn of(object: &Object) -> Option<Self> {
        let user = object.text("User")?.to_owned();
        let rights = match &object.get("ExtendedRights")?.value {
            Value::List(names) => names.iter().map(|name| name.trim().to_owned()).collect(),
            Value::Text(names) => {
                let names = names.split([',', ';', '\n']).map(str::trim).filter(|n| !n.is_empty());
                names.map(str::to_owned).collect()
            }
            _ => Vec::new(),
        };
        let flag = |name: &str| match &object.get(name)?.value {
            Value::Bool(value) => Some(*value),
            Value::Text(text) => text.trim().to_ascii_lowercase().parse().ok(),
            _ => None,
        };
        let identity = ["Identity", "DistinguishedName"].iter().find_map(|name| object.text(name));
        Some(Self {
            home: identity.map(Home::parse).unwrap_or_default(),
            user,
            rights,
            deny: flag("Deny"),
            // The one name is that of the property, the other that of the default table.
            inherited: flag("IsInherited").or_else(|| flag("Inherited")).unwrap_or(false),
        })
    }

    fn is_of(&self, server: &Server) -> bool {
        self.home.server.as_ref().is_none_or(|name| name.eq_ignore_ascii_case(&server.name))
    }

    fn rights(&self, others: &mut BTreeMap<String, usize>) -> Rights {
        let mut rights = Rights::empty();
        for name in &self.rights {
            match Rights::find(name) {
                Some(right) => rights |= right,
                None => *others.entry(shown(name).into_owned()).or_default() += 1,
            }
        }
        rights
    }
}

fn principal(user: &str) -> Option<Principal> {
    let principal = user.parse().ok()?;
    let no_account = |name: &AccountName| {
        NO_ACCOUNTS.iter().any(|domain| name.domain().eq_ignore_ascii_case(domain))
    };
    match &principal {
        Principal::Account(name) if no_account(name) => None,
        _ => Some(principal),
    }
}
