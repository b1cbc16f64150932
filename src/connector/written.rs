//! Connectors as a configuration has them.

use std::fmt::Write as _;

use super::{AdPermission, PARAMETERS, Parameter, ReceiveConnector, Server, Value};

/// Parameters of many values, which a dump may hold in one text.
pub(super) const LISTS: [&str; 3] = ["Bindings", "RemoteIPRanges", "TlsDomainCapabilities"];

/// Comments are wrapped here.
const WIDTH: usize = 100;

/// A configuration that is being written.
#[derive(Default)]
pub(crate) struct Toml(pub String);

impl Toml {
    /// The table of the server.
    pub fn server(&mut self, server: &Server) {
        let Server { name, fqdn, version, role, .. } = server;
        self.0 += "[Server]\n";
        self.text("Name", name);
        self.text("Fqdn", fqdn);
        self.text("Version", &version.to_string());
        self.text("Role", &role.to_string());
    }

    /// The table of a connector: what differs from a new one of `server`.
    pub fn connector(&mut self, connector: &ReceiveConnector, server: &Server) {
        self.0 += "[[ReceiveConnector]]\n";
        let new = ReceiveConnector::on(server, "");
        for parameter in PARAMETERS {
            let value = parameter.get(connector);
            let said = value != parameter.get(&new) || parameter.name == "Bindings";
            if said && parameter.exists_on(server) {
                self.parameter(parameter, &value, connector);
            }
        }
        for permission in &connector.ad_permissions {
            self.permission(permission);
        }
    }

    /// `value` as the shell prints it, written as one types it.
    fn parameter(&mut self, parameter: &Parameter, value: &str, connector: &ReceiveConnector) {
        let Parameter { name, .. } = parameter;
        if LISTS.contains(name) {
            return self.list(name, value.split(", ").filter(|item| !item.is_empty()));
        }
        let is_same = |typed: &Value<'_>| {
            let mut probe = connector.clone();
            parameter.set(&mut probe, typed).is_ok() && parameter.get(&probe) == value
        };
        if let Ok(flag) = value.to_ascii_lowercase().parse()
            && is_same(&Value::Bool(flag))
        {
            let _ = writeln!(self.0, "{name} = {flag}");
        } else if let Ok(number) = value.parse()
            && is_same(&Value::Integer(number))
        {
            let _ = writeln!(self.0, "{name} = {number}");
        } else {
            // "36 MB" of "36 MB (37,748,736 bytes)"
            let short = value.split_once(" (").map(|(short, _)| short);
            let short = short.filter(|short| is_same(&Value::Text((*short).into())));
            self.text(name, short.unwrap_or(value));
        }
    }

    fn permission(&mut self, permission: &AdPermission) {
        self.0 += "\n[[ReceiveConnector.ADPermission]]\n";
        self.text("User", &permission.user.to_string());
        self.list("ExtendedRights", permission.rights.ad_names());
        for (key, is) in [("Deny", permission.deny), ("IsInherited", permission.inherited)] {
            if is {
                let _ = writeln!(self.0, "{key} = true");
            }
        }
    }

    pub fn text(&mut self, key: &str, text: &str) {
        let _ = writeln!(self.0, "{key} = {}", quoted(text));
    }

    /// On one line if it is short.
    fn list<'a>(&mut self, key: &str, items: impl Iterator<Item = &'a str>) {
        let items: Vec<_> = items.map(quoted).collect();
        let one_line = format!("{key} = [{}]\n", items.join(", "));
        if one_line.len() <= WIDTH {
            self.0 += &one_line;
            return;
        }
        let _ = writeln!(self.0, "{key} = [");
        for item in items {
            let _ = writeln!(self.0, "    {item},");
        }
        self.0 += "]\n";
    }

    pub fn comments(&mut self, all: impl Iterator<Item = impl std::fmt::Display>) {
        for one in all {
            self.comment(&one.to_string());
        }
    }

    /// A comment of one paragraph. Control characters would end it, or are not allowed in one.
    pub fn comment(&mut self, text: &str) {
        let mut width = 0;
        for word in text.split(' ') {
            let word: String = word
                .chars()
                .flat_map(|c| {
                    let escaped = c.is_control().then(|| c.escape_default());
                    let plain = (!c.is_control()).then_some(c);
                    escaped.into_iter().flatten().chain(plain)
                })
                .collect();
            let length = word.chars().count();
            let begin = match width {
                0 => "# ",
                _ if width + 1 + length > WIDTH => "\n#   ",
                _ => " ",
            };
            width = if begin == " " { width + 1 } else { begin.trim_start().len() } + length;
            self.0 += begin;
            self.0 += &word;
        }
        self.0 += "\n";
    }
}

fn quoted(text: &str) -> String {
    toml::Value::from(text).to_string()
}
