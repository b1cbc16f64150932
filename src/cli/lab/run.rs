//! `expsd lab run`

use std::io::{self, IsTerminal as _, Write as _};

use clap::Args;
use expsd::lab::run::{Evidence, Lab, Step};
use expsd::lab::scenario::Side;
use rustix::event::{PollFd, PollFlags, poll};
use serde::Serialize;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::oneshot;

use super::page::Pages;
use super::text::{self, View};
use super::{Name, json, quiz};
use crate::cli::serve::Signals;
use crate::cli::{FAILED, Failed, Format, fail, written};

/// Run a scenario, and show what both sides see
///
/// Everything listens on free ports of loopback addresses, and the cast comes from other addresses
/// of 127.0.0.0/8 (which only Linux has), or states others by PROXY protocol. It stays up until
/// Ctrl-C, or until nobody reads what it prints, and leaves no process, file or port behind. Delays
/// of the tarpit are left out.
///
/// With --once it exits with 0 if all was as the scenario states, and 1 if it was not; with --ask as
/// expsd lab quiz does.
#[derive(Args)]
#[command(after_help = "\
Examples:
  expsd lab run relay-range-shadows-default
  expsd lab run relay-range-shadows-default --fixed
  expsd lab run 3 --ask
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
    /// Show the symptom, the dialogue and the logs alone, and ask for the cause
    #[arg(long, conflicts_with_all = ["fixed", "once", "format"])]
    ask: bool,
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
            let other = |kind| signal(kind).map_err(|error| fail(FAILED, error));
            let mut hangup = other(SignalKind::hangup())?;
            let mut quit = other(SignalKind::quit())?;
            let ended = async {
                tokio::select! {
                    () = signals.next() => {}
                    _ = hangup.recv() => {}
                    _ = quit.recv() => {}
                }
            };
            tokio::pin!(ended);
            let up = tokio::select! {
                up = self.up() => up,
                () = &mut ended => return Err(Failed(FAILED)),
            };
            let (lab, evidence) = up?;
            let shown = match self.once {
                true => written("standard output", self.show(&evidence, None)),
                false => self.stay(&lab, &evidence, ended).await,
            };
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

    /// Shows what was seen, and stays up until `ended`, the answer, or the reader's end.
    async fn stay(
        &self,
        lab: &Lab,
        evidence: &Evidence,
        ended: impl Future<Output = ()>,
    ) -> Result<(), Failed> {
        let pages = Pages::serve(lab, self.scenario.name, evidence, self.view()).await;
        let done = match self.show(evidence, pages.as_ref()) {
            Ok(()) => tokio::select! {
                () = ended => Ok(()),
                () = reader_gone() => Ok(()),
                answered = self.answered() => answered,
            },
            shown => written("standard output", shown),
        };
        if let Some(pages) = pages {
            pages.stop().await;
        }
        done
    }

    fn view(&self) -> View {
        if self.ask { View::Question } else { View::Whole }
    }

    /// What was seen, and what to do while it is up.
    fn show(&self, evidence: &Evidence, pages: Option<&Pages>) -> io::Result<()> {
        let (scenario, pages, view) = (self.scenario.name, pages.map(Pages::address), self.view());
        let mut out = io::stdout().lock();
        match self.format {
            Format::Json => {
                let page = pages.map(|address| format!("http://{address}/lesson"));
                json(&mut out, &Shown { evidence, page })?;
            }
            Format::Text => {
                write!(out, "{}", text::page(scenario, evidence, view))?;
                if !self.once {
                    write!(out, "{}", text::invitation(scenario, evidence, pages, view))?;
                }
            }
        }
        out.flush()
    }

    /// The answer to the question, if it is asked.
    async fn answered(&self) -> Result<(), Failed> {
        if !self.ask {
            return std::future::pending().await;
        }
        let (tell, answered) = oneshot::channel();
        let scenario = self.scenario.name;
        // A thread of its own: the runtime would wait for one that reads.
        std::thread::spawn(move || tell.send(quiz::ask(scenario, None)));
        answered.await.unwrap_or(Err(Failed(FAILED)))
    }
}

/// The evidence, and where the scenario is told in a browser while it is up.
#[derive(Serialize)]
struct Shown<'a> {
    #[serde(flatten)]
    evidence: &'a Evidence,
    #[serde(skip_serializing_if = "Option::is_none")]
    page: Option<String>,
}

/// Until nobody reads the standard output any more, as behind `| head`. Of a file that is never.
async fn reader_gone() {
    let (tell, told) = oneshot::channel();
    // It waits for good, so it is a thread that the runtime does not wait for.
    std::thread::spawn(move || {
        let out = io::stdout();
        let mut polled = [PollFd::new(&out, PollFlags::empty())];
        while poll(&mut polled, None) == Err(rustix::io::Errno::INTR) {}
        if polled[0].revents().contains(PollFlags::ERR) {
            let _ = tell.send(());
        }
    });
    if told.await.is_err() {
        std::future::pending().await
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
