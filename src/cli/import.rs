//! `expsd import`, and the dumps that other commands take.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};

use clap::Args;
use expsd::connector::Version;
use expsd::connector::import::{self, Choice, ImportError, MAX_DUMP, Standing};

use super::{FAILED, Failed, UNREADABLE, fail, written};

/// Turn a dump of a real server's connectors into a configuration
///
/// Takes what Get-ReceiveConnector prints through Export-Clixml (the most faithful),
/// ConvertTo-Json, Format-List or Export-Csv, and writes what differs from a new connector.
/// What the dump lacks, or what is not known, is told on standard error and in comments; the
/// rest is imported all the same.
///
/// Exits with 0 if anything was imported, and 2 if the dump cannot be read.
#[derive(Args)]
#[command(after_help = "\
Examples:
  expsd import ex01.clixml
  expsd import ex01.clixml --permissions ex01-rights.clixml -o ex01.toml
  expsd import farm.json --server EX02 --version 2016 --port-offset 1000 -o ex02.toml

On the server:
  Get-ReceiveConnector -Server EX01 | Export-Clixml ex01.clixml
  Get-ReceiveConnector -Server EX01 | Get-ADPermission |
    Select-Object Identity, User, Deny, IsInherited, ExtendedRights |
    Export-Clixml ex01-rights.clixml")]
pub struct Import {
    /// What Get-ReceiveConnector printed
    #[arg(value_name = "DUMP")]
    import: PathBuf,
    #[command(flatten)]
    of: Of,
    /// Move every port by N
    #[arg(long, value_name = "N", default_value = "0", allow_negative_numbers = true)]
    port_offset: i32,
    /// Write the configuration here, and not to standard output
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
}

/// What of a dump, and what goes with it.
#[derive(Args, Default)]
pub struct Of {
    /// Dump of the connectors' permissions, from Get-ADPermission
    #[arg(long, value_name = "DUMP", requires = "import")]
    permissions: Option<PathBuf>,
    /// The server that is meant, where the dump has several
    #[arg(long, value_name = "NAME", requires = "import")]
    server: Option<String>,
    /// Version of the server: 2007, 2010, 2013, 2016 or 2019 [default: as the dump shows it]
    #[arg(long, value_name = "V", requires = "import")]
    version: Option<Version>,
}

impl Import {
    pub fn run(self) -> Result<(), Failed> {
        let import = self.of.import(&self.import)?;
        let toml = import.to_toml(self.port_offset).map_err(|error| fail(FAILED, error))?;
        match &self.output {
            Some(path) => written(&path.display().to_string(), std::fs::write(path, toml))?,
            None => written("standard output", io::stdout().write_all(toml.as_bytes()))?,
        }
        let count = |wanted: fn(&Standing) -> bool| {
            import.connectors.iter().filter(|imported| wanted(&imported.standing)).count()
        };
        let number = |n: usize, what| format!("{n} {what}{}", if n == 1 { "" } else { "s" });
        say!(
            "expsd: {} of {}, Exchange {}: {} as setup made them, {} changed, {}",
            number(import.connectors.len(), "connector"),
            import.server.name,
            import.server.version,
            count(|standing| *standing == Standing::Default),
            count(|standing| matches!(standing, Standing::Changed(_))),
            number(count(|standing| *standing == Standing::Own), "other"),
        );
        tell(&import, usize::MAX);
        Ok(())
    }
}

impl Of {
    /// Reads the dump at `path` with what goes with it.
    pub fn import(&self, path: &Path) -> Result<import::Import, Failed> {
        let unreadable = |error: ImportError| {
            fail(UNREADABLE, format!("cannot import {}: {error}", path.display()))
        };
        let dump = read(path)?;
        let permissions = self.permissions.as_deref().map(read).transpose()?;
        let choice = Choice { server: self.server.clone(), version: self.version };
        import::import(dump, permissions, &choice).map_err(unreadable)
    }
}

/// The octets of a dump, and no more of a longer file than shows that it is too long.
pub fn read(path: &Path) -> Result<Vec<u8>, Failed> {
    let mut dump = Vec::new();
    let limit = MAX_DUMP as u64 + 1;
    let read = File::open(path).and_then(|file| {
        // A file says how long it is; a pipe has to be read to know. Room for all that may come
        // is no memory until it does, and is never copied to grow.
        let about = file.metadata()?;
        let length = if about.is_file() { about.len() } else { limit - 1 };
        if length >= limit {
            return Err(io::Error::other(ImportError::TooLarge));
        }
        dump.reserve_exact(length as usize + 1);
        file.take(limit).read_to_end(&mut dump)
    });
    match read {
        Ok(_) => Ok(dump),
        Err(error) => Err(fail(UNREADABLE, format!("cannot read {}: {error}", path.display()))),
    }
}

/// Whether a file that is no configuration looks like a dump.
pub fn is_dump(path: &Path) -> Result<bool, Failed> {
    read(path).map(|dump| import::is_dump(&dump))
}

/// Says on standard error what was lost or is not known, in at most `most` lines.
pub fn tell(import: &import::Import, most: usize) {
    let mut said: Vec<(String, Option<&str>, usize)> = Vec::new();
    let mut places = HashMap::new();
    for (imported, note) in import.all_notes() {
        let note = note.to_string();
        let place = *places.entry(note.clone()).or_insert(said.len());
        match said.get_mut(place) {
            Some((.., times)) => *times += 1,
            None => said.push((note, imported.map(|i| i.identity.as_str()), 1)),
        }
    }
    for (note, identity, times) in said.iter().take(most) {
        match (identity, times) {
            (Some(identity), 1) => say!("expsd: {identity}: {note}"),
            (Some(identity), n) => say!("expsd: {identity} and {} more: {note}", n - 1),
            (None, _) => say!("expsd: {note}"),
        }
    }
    let more = said.len().saturating_sub(most);
    if more > 0 {
        say!("expsd: and {more} more such lines; `expsd import` tells all");
    }
}
