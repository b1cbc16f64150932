//! An import as a configuration that loads.

use std::fmt::Write as _;

use super::connectors::LISTS;
use super::object::Lines;
use super::{Import, Imported, Standing};
use crate::connector::{AdPermission, PARAMETERS, Parameter, ReceiveConnector, Server, Value};

/// A binding whose port cannot be moved so far.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("port {port} of \"{connector}\", moved by {offset}, is no port")]
pub struct PortError {
    pub connector: String,
    pub port: u16,
    pub offset: i32,
}

/// Comments are wrapped here.
const WIDTH: usize = 100;

impl Import {
    /// The configuration: of each connector what differs from a new one, and in comments where
    /// it comes from and what of it is lost. `port_offset` moves the ports of all bindings.
    pub fn to_toml(&self, port_offset: i32) -> Result<String, PortError> {
        let mut out = Toml::default();
        let Server { name, fqdn, version, role, .. } = &self.server;
        let origin = format!("Receive connectors of {name}, imported from a dump ({}).", self.form);
        out.comment(&origin);
        if port_offset != 0 {
            out.comment(&format!("Every port is moved by {port_offset}."));
        }
        out.comments(self.notes.iter());
        out.0 += "\n";
        out.comments(self.because.iter());
        out.0 += "[Server]\n";
        out.text("Name", name);
        out.text("Fqdn", fqdn);
        out.text("Version", &version.to_string());
        out.text("Role", &role.to_string());
        let mut lines = Lines::of(&self.text);
        for imported in &self.connectors {
            out.0 += "\n";
            let line = lines.line(imported.at.start);
            out.connector(imported, line, &self.server, port_offset)?;
        }
        Ok(out.0)
    }
}

#[derive(Default)]
struct Toml(String);

impl Toml {
    fn connector(
        &mut self,
        imported: &Imported,
        line: usize,
        server: &Server,
        port_offset: i32,
    ) -> Result<(), PortError> {
        let Imported { identity, standing, notes, .. } = imported;
        let standing = match standing {
            Standing::Default => "a default connector, unchanged".to_owned(),
            Standing::Changed(names) => {
                format!("a default connector, changed in {}", names.join(", "))
            }
            Standing::Own => "no default connector".to_owned(),
        };
        self.comment(&format!("{identity}, line {line} of the dump: {standing}"));
        self.comments(notes.iter());
        self.0 += "[[ReceiveConnector]]\n";
        let connector = moved(&imported.connector, port_offset)?;
        let new = ReceiveConnector::on(server, "");
        for parameter in PARAMETERS {
            let value = parameter.get(&connector);
            let said = value != parameter.get(&new) || parameter.name == "Bindings";
            if said && parameter.exists_on(server) {
                self.parameter(parameter, &value, &connector);
            }
        }
        for permission in &connector.ad_permissions {
            self.permission(permission);
        }
        Ok(())
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

    fn text(&mut self, key: &str, text: &str) {
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

    fn comments(&mut self, all: impl Iterator<Item = impl std::fmt::Display>) {
        for one in all {
            self.comment(&one.to_string());
        }
    }

    /// A comment of one paragraph. Control characters would end it, or are not allowed in one.
    fn comment(&mut self, text: &str) {
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

fn moved(connector: &ReceiveConnector, offset: i32) -> Result<ReceiveConnector, PortError> {
    let mut connector = connector.clone();
    for binding in &mut connector.bindings {
        let port = binding.port();
        let moved = i32::from(port).checked_add(offset).and_then(|port| u16::try_from(port).ok());
        // Port 0 means any, and stays so.
        let moved = if port == 0 { Some(0) } else { moved.filter(|port| *port != 0) };
        binding.0.set_port(moved.ok_or_else(|| PortError {
            connector: connector.name.clone(),
            port,
            offset,
        })?);
    }
    Ok(connector)
}
