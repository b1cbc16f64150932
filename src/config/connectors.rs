//! `[[ReceiveConnector]]`, with its rules and conflicts.

use toml::Spanned;
use toml::de::DeValue;

use super::Places;
use super::reader::{Table, suggestion, value};
use super::sections::{Sections, group_names};
use crate::connector::{
    AdPermission, PARAMETERS, ParameterEffect, PermissionGroups, Principal, ReceiveConnector,
    Rights, Server, find_parameter,
};
use crate::directory::Group;

impl<'a, 'i> Sections<'a, 'i> {
    /// The connectors of the file; `None` if it has none.
    pub(super) fn connectors(
        &mut self,
        server: &Server,
        places: &mut Places,
        ignored: &mut Vec<String>,
    ) -> Option<Vec<ReceiveConnector>> {
        let mut connectors = Vec::new();
        for mut table in self.tables("ReceiveConnector")? {
            let before = self.problems.borrow().count();
            let connector = self.connector(&mut table, server, ignored);
            let sound = self.problems.borrow().count() == before;
            if let Some(connector) = connector.filter(|_| sound) {
                let spans = PARAMETERS.iter().map(|p| (p.name, table.span_of(p.name)));
                places.push(table.span(), spans.collect());
                connectors.push(connector);
            }
            table.finish();
        }
        Some(connectors)
    }

    fn connector(
        &self,
        table: &mut Table<'a, 'i>,
        server: &Server,
        ignored: &mut Vec<String>,
    ) -> Option<ReceiveConnector> {
        let mut connector = ReceiveConnector::on(server, "");
        for parameter in PARAMETERS {
            table.know(parameter.name);
        }
        for (key, found) in table.entries() {
            let Some(parameter) = find_parameter(key).filter(|p| p.name == key) else { continue };
            let set =
                value(found.get_ref()).and_then(|value| parameter.set(&mut connector, &value));
            if let Err(error) = set {
                table.bad_parameter(key, found, &error);
            }
        }
        if let Some(list) = table.get("ADPermission") {
            connector.ad_permissions = self.ad_permissions(list);
            connector.permission_groups.insert(PermissionGroups::Custom);
        }
        let there = |key: &str| table.entries().any(|(k, _)| k == key);
        for key in ["Name", "Bindings"] {
            table.required(key, there(key).then_some(()));
        }
        let idle =
            |key: &str| find_parameter(key).is_some_and(|p| p.effect == ParameterEffect::NotYet);
        ignored.extend(
            table
                .entries()
                .filter(|(key, _)| idle(key))
                .map(|(key, _)| format!("{key} of \"{}\"", connector.name)),
        );
        (there("Name") && there("Bindings")).then_some(connector)
    }

    fn ad_permissions(&self, list: &'a Spanned<DeValue<'i>>) -> Vec<AdPermission> {
        const NAME: &str = "[[ReceiveConnector.ADPermission]]";
        let Some(array) = list.get_ref().as_array() else {
            self.file.problem(
                list.span(),
                format!("{NAME} is a list of tables"),
                "not a list",
                None,
            );
            return Vec::new();
        };
        let mut all = Vec::new();
        for item in array.iter() {
            let Some(mut table) = self.table(NAME.to_owned(), item) else { continue };
            let user = table.string("User");
            let rights = table.list("ExtendedRights", |text| {
                Rights::find(text).ok_or_else(|| {
                    let known: Vec<_> = Rights::all().ad_names().collect();
                    format!("not a right of a receive connector; {}", suggestion(text, &known))
                })
            });
            let deny = table.bool("Deny").unwrap_or(false);
            if let Some(user) = table.required("User", user) {
                match principal(&user) {
                    Some(user) => {
                        all.push(AdPermission { user, rights: rights.into_iter().collect(), deny })
                    }
                    None => table.bad_value("User", table.span_of("User"), expected_principal()),
                }
            }
            table.finish();
        }
        all
    }
}

/// `NT AUTHORITY\ANONYMOUS LOGON`, a group with or without its domain, or an account.
fn principal(text: &str) -> Option<Principal> {
    let short = text.rsplit('\\').next().unwrap_or(text);
    if short.eq_ignore_ascii_case("ANONYMOUS LOGON") {
        return Some(Principal::Anonymous);
    }
    if short.eq_ignore_ascii_case("Authenticated Users") {
        return Some(Principal::AuthenticatedUsers);
    }
    Group::find(short).map(Principal::Group).or_else(|| text.parse().ok().map(Principal::Account))
}

fn expected_principal() -> String {
    format!(
        "expected NT AUTHORITY\\ANONYMOUS LOGON, NT AUTHORITY\\Authenticated Users, an account DOMAIN\\user, or a group: {}",
        group_names()
    )
}
