//! `expsd completions` and `expsd man`

use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use clap::{Args, Command, CommandFactory as _};
use clap_complete::Shell;

use super::{Cli, Failed, written};

/// Print the completions of a shell
#[derive(Args)]
#[command(after_help = "\
Examples:
  expsd completions bash >/etc/bash_completion.d/expsd
  expsd completions zsh >~/.zfunc/_expsd
  expsd completions fish >~/.config/fish/completions/expsd.fish")]
pub struct Completions {
    shell: Shell,
}

impl Completions {
    pub fn run(self) -> Result<(), Failed> {
        let mut script = Vec::new();
        clap_complete::generate(self.shell, &mut Cli::command(), "expsd", &mut script);
        written("standard output", io::stdout().write_all(&script))
    }
}

/// Write the manual pages, or print the first one
#[derive(Args)]
#[command(after_help = "\
Examples:
  expsd man | man -l -
  expsd man --dir /usr/local/share/man/man1")]
pub struct Man {
    /// Write a page for expsd and each of its commands into this folder
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
}

impl Man {
    pub fn run(self) -> Result<(), Failed> {
        let mut command = Cli::command().disable_help_subcommand(true);
        command.build();
        let Some(dir) = self.dir else {
            let page = page(command).and_then(|(_, page)| io::stdout().write_all(page.as_bytes()));
            return written("standard output", page);
        };
        let pages = fs::create_dir_all(&dir).and_then(|()| write_pages(&command, &dir));
        written(&dir.display().to_string(), pages)
    }
}

/// The page of `command`, and those of the commands below it.
fn write_pages(command: &Command, dir: &Path) -> io::Result<()> {
    for below in command.get_subcommands().filter(|below| !below.is_hide_set()) {
        write_pages(below, dir)?;
    }
    let (name, page) = page(command.clone())?;
    fs::write(dir.join(name), page)
}

/// The name of a page's file, and its text.
fn page(command: Command) -> io::Result<(String, String)> {
    let man = clap_mangen::Man::new(command)
        .source(concat!("expsd ", env!("CARGO_PKG_VERSION")))
        .manual("expsd");
    let mut page = Vec::new();
    man.render(&mut page)?;
    // Readers look for these by their usual names.
    let page = String::from_utf8_lossy(&page)
        .replace("\nExamples:\n", "\n.SH EXAMPLES\n")
        .replace(".SH EXTRA\n.SH EXAMPLES\n", ".SH EXAMPLES\n")
        .replace(".SH EXTRA\nExit codes: ", ".SH EXIT STATUS\n");
    Ok((man.get_filename(), page))
}
