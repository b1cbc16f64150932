//! `expsd lab run`

use std::io::{self, IsTerminal as _, Write as _};

use clap::Args;
use expsd::lab::run::{Evidence, Lab, Step};
use expsd::lab::scenario::Side;
use tokio::signal::unix::{SignalKind, signal};

use super::page::Pages;
use super::{Name, json, text};
use crate::cli::serve::Signals;
use crate::cli::{FAILED, Failed, Format, fail, written};

/// Run a scenario, and show what both sides see
///
/// Everything listens on free ports of 127.0.0.1, and the cast comes from other addresses of
/// 127.0.0.0/8 (which only Linux has), or states others by PROXY protocol. It stays up until
/// Ctrl-C, and leaves no process, file or port behind. Delays of the tarpit are left out.
///
/// With --once it exits with 0 if all was as the scenario states, and 1 if it was not.
#[derive(Args)]
#[command(after_help = "\
Examples:
  expsd lab run relay-range-shadows-default
  expsd lab run relay-range-shadows-default --fixed
  expsd lab run pix-mailguard --once --format json")]
pub struct Run {
    #[command(flatten)]
    scenario: Name,
    /// Run the repair
    #[arg(long)]
    fixed: bool,
    /// Show the evidence, take everything down, and say whether all was as stated
    #[arg(long)]
    once: bool,
    /// How to print it
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
}

impl Run {
    pub fn run(self) -> Result<(), Failed> {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .enable_all()
            .build()
            .map_err(|error| fail(FAILED, format_args!("the runtime cannot start: {error}")))?;
        runtime.block_on(async {
            let mut signals = Signals::new().map_err(|error| fail(FAILED, error))?;
            let mut hangup = signal(SignalKind::hangup()).map_err(|error| fail(FAILED, error))?;
            let ended = async {
                tokio::select! {
                    () = signals.next() => {}
                    _ = hangup.recv() => {}
                }
            };
            tokio::pin!(ended);
            let up = tokio::select! {
                up = self.up() => up,
                () = &mut ended => return Err(Failed(FAILED)),
            };
            let (lab, evidence) = up?;
            let mut shown = self.show(&evidence);
            if !self.once && shown.is_ok() {
                let pages = Pages::serve(&lab, self.scenario.name, &evidence).await;
                shown = self.invite(&evidence, pages.as_ref());
                ended.await;
                if let Some(pages) = pages {
                    pages.stop().await;
                }
            }
            lab.stop().await;
            shown?;
            match self.once && !evidence.not_as_stated.is_empty() {
                true => Err(Failed(FAILED)),
                false => Ok(()),
            }
        })
    }

    async fn up(&self) -> Result<(Lab, Evidence), Failed> {
        let program = std::env::current_exe().map_err(|error| fail(FAILED, error))?;
        let side = if self.fixed { Side::Fixed } else { Side::Broken };
        let progress = Progress::new();
        let tell = |step: Step<'_>| progress.show(step);
        let failed = |error| {
            progress.clear();
            fail(FAILED, error)
        };
        let mut lab =
            Lab::start(self.scenario.name, side, &program, &tell).await.map_err(failed)?;
        let evidence = lab.play(&tell).await.map_err(failed)?;
        progress.clear();
        Ok((lab, evidence))
    }

    fn show(&self, evidence: &Evidence) -> Result<(), Failed> {
        let mut out = io::stdout().lock();
        let result = match self.format {
            Format::Text => write!(out, "{}", text::page(self.scenario.name, evidence)),
            Format::Json => json(&mut out, evidence),
        };
        written("standard output", result.and_then(|()| out.flush()))
    }

    /// What to do while it is up.
    fn invite(&self, evidence: &Evidence, pages: Option<&Pages>) -> Result<(), Failed> {
        if self.format == Format::Json {
            return Ok(());
        }
        let mut out = io::stdout().lock();
        let result = write!(
            out,
            "{}",
            text::invitation(self.scenario.name, evidence, pages.map(Pages::address))
        );
        written("standard output", result.and_then(|()| out.flush()))
    }
}

/// One line on the standard error that is written over and over, if that is a terminal.
struct Progress(bool);

impl Progress {
    fn new() -> Self {
        Self(io::stderr().is_terminal())
    }

    fn show(&self, step: Step<'_>) {
        let what = match step {
            Step::Certificates => "certificates …".to_owned(),
            Step::Realm => "Kerberos realm …".to_owned(),
            Step::Daemon => "daemon …".to_owned(),
            Step::Firewall => "firewall …".to_owned(),
            Step::Comes(name) => format!("{name} comes …"),
        };
        if self.0 {
            eprint!("\r{what}\x1b[K");
        }
    }

    fn clear(&self) {
        if self.0 {
            eprint!("\r\x1b[K");
        }
    }
}
