//! `expsd completions` and `expsd man`

use std::io;
use std::path::{Path, PathBuf};

use clap::{Args, CommandFactory as _};
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
        written("standard output", io::Write::write_all(&mut io::stdout(), &script))
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
        let command = Cli::command();
        let Some(dir) = self.dir else {
            let page = clap_mangen::Man::new(command).render(&mut io::stdout());
            return written("standard output", page);
        };
        let pages = std::fs::create_dir_all(&dir)
            .and_then(|()| clap_mangen::generate_to(command, Path::new(&dir)));
        written(&dir.display().to_string(), pages)
    }
}
