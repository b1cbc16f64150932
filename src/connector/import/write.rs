//! An import as a configuration that loads.

use super::object::Lines;
use super::{Import, Imported, Standing};
use crate::connector::{ReceiveConnector, Server, Toml};

/// A binding whose port cannot be moved so far.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("port {port} of \"{connector}\", moved by {offset}, is no port")]
pub struct PortError {
    pub connector: String,
    pub port: u16,
    pub offset: i32,
}

impl Import {
    /// The configuration: of each connector what differs from a new one, and in comments where
    /// it comes from and what of it is lost. `port_offset` moves the ports of all bindings.
    pub fn to_toml(&self, port_offset: i32) -> Result<String, PortError> {
        let mut out = Toml::default();
        let origin = format!(
            "Receive connectors of {}, imported from a dump ({}).",
            self.server.name, self.form
        );
        out.comment(&origin);
        if port_offset != 0 {
            out.comment(&format!("Every port is moved by {port_offset}."));
        }
        out.comments(self.notes.iter());
        out.0 += "\n";
        out.comments(self.because.iter());
        out.server(&self.server);
        let mut lines = Lines::of(&self.text);
        for imported in &self.connectors {
            out.0 += "\n";
            let line = lines.line(imported.at.start);
            connector(&mut out, imported, line, &self.server, port_offset)?;
        }
        Ok(out.0)
    }
}

fn connector(
    toml: &mut Toml,
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
    toml.comment(&format!("{identity}, line {line} of the dump: {standing}"));
    toml.comments(notes.iter());
    toml.connector(&moved(&imported.connector, port_offset)?, server);
    Ok(())
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
