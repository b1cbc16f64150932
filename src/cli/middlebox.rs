//! `expsd middlebox`

use std::fs;
use std::io::{self, BufRead as _, IsTerminal as _};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::thread;

use clap::Args;
use expsd::middlebox::{Entry, Middlebox, Mode};
use rustix::process::{Resource, getpgrp, getrlimit, setrlimit};
use rustix::termios::tcgetpgrp;
use serde::Serialize;
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::mpsc;

use super::output::Output;
use super::serve::{Signals, write_whole};
use super::{FAILED, Failed, UNREADABLE, fail};

/// Stand between as a firewall that inspects SMTP
///
/// Connections to --listen are led to --upstream, and what passes is changed as Cisco's firewalls
/// change it:
///
///   pix            PIX mailguard: seven verbs pass, EHLO is not among them
///   asa            ASA inspect esmtp: EHLO passes, keywords such as STARTTLS do not
///   asa-allow-tls  the same with allow-tls: STARTTLS passes, and all that follows it
///   none           nothing is changed
///
/// Typing the name of a mode and Enter puts that one in place: connections from then on meet it,
/// open ones keep theirs. What the firewall does is told on standard output, as its syslog
/// messages would. SIGTERM and SIGINT end it and cut what is open.
#[derive(Args)]
#[command(verbatim_doc_comment)]
#[command(after_help = "\
Examples:
  expsd middlebox --mode pix
  expsd middlebox --listen 127.0.0.1:2525 --upstream mail.contoso.test:25 --mode asa
  (sleep 60; echo none) | expsd middlebox --mode asa")]
pub struct Stand {
    /// Where clients connect; port 0 is any free one
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:2025")]
    listen: SocketAddr,
    /// The server behind: an address or a name, and a port
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:1025")]
    upstream: String,
    /// Which firewall: pix, asa, asa-allow-tls or none
    #[arg(long)]
    mode: Mode,
    /// Write a file once it listens: where, before what, and as what, in JSON
    #[arg(long, value_name = "FILE")]
    ready_file: Option<PathBuf>,
}

/// What `--ready-file` holds.
#[derive(Serialize)]
struct Ready {
    pid: u32,
    listen: SocketAddr,
    upstream: SocketAddr,
    mode: &'static str,
}

impl Stand {
    pub fn run(self) -> Result<(), Failed> {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .enable_all()
            .build()
            .map_err(|error| fail(FAILED, format_args!("the runtime cannot start: {error}")))?;
        runtime.block_on(self.stand())
    }

    async fn stand(self) -> Result<(), Failed> {
        let mut signals = Signals::new().map_err(|error| fail(FAILED, error))?;
        if let Some(file) = &self.ready_file {
            // Whoever waits for it must not find one of an earlier run.
            let _ = fs::remove_file(file);
        }
        allow_many_connections();
        let upstream = resolve(&self.upstream).await?;
        let middlebox = Middlebox::start(self.listen, upstream, self.mode)
            .await
            .map_err(|error| fail(FAILED, error))?;
        let told = Output::start(io::stdout(), "lines on stdout")
            .map_err(|error| fail(FAILED, format_args!("a thread cannot start: {error}")))?;
        let telling = tokio::spawn(tell(middlebox.log(), told.clone()));
        let (typed, mut lines) = mpsc::channel(1);
        let is_asked = may_read_input();
        self.announce(&middlebox, upstream, is_asked)?;
        if is_asked {
            // Not the runtime's: it would wait for the line that is being read.
            thread::spawn(move || read_input(&typed));
        }
        loop {
            tokio::select! {
                () = signals.next() => break,
                Some(line) = lines.recv() => switch(&middlebox, &line),
            }
        }
        middlebox.stop().await;
        // The log has ended with it.
        let _ = telling.await;
        told.finish();
        Ok(())
    }

    fn announce(
        &self,
        middlebox: &Middlebox,
        upstream: SocketAddr,
        is_asked: bool,
    ) -> Result<(), Failed> {
        let listen = middlebox.address();
        if let Some(file) = &self.ready_file {
            write_ready(
                file,
                &Ready { pid: std::process::id(), listen, upstream, mode: self.mode.name() },
            )
            .map_err(|error| fail(FAILED, format_args!("{}: {error}", file.display())))?;
        }
        say!(
            "expsd {} listens on {listen}, before {upstream}, as {}",
            env!("CARGO_PKG_VERSION"),
            self.mode
        );
        if is_asked && io::stdin().is_terminal() {
            say!("Type pix, asa, asa-allow-tls or none and Enter to switch.");
        }
        say!("Ctrl-C ends it.");
        Ok(())
    }
}

fn write_ready(file: &Path, ready: &Ready) -> io::Result<()> {
    write_whole(file, &serde_json::to_string(ready)?)
}

async fn resolve(upstream: &str) -> Result<SocketAddr, Failed> {
    let failed = |error: &dyn std::fmt::Display| {
        fail(UNREADABLE, format_args!("--upstream {upstream}: {error}; expected HOST:PORT"))
    };
    let mut found = tokio::net::lookup_host(upstream).await.map_err(|error| failed(&error))?;
    found.next().ok_or_else(|| failed(&"the name has no address"))
}

/// A connection takes two file descriptors, and systems begin with 1,024.
fn allow_many_connections() {
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    // Without more it serves fewer, and says so when they run out.
    let _ = setrlimit(Resource::Nofile, limit);
}

/// A terminal stops a program that reads from it in the background.
fn may_read_input() -> bool {
    let stdin = io::stdin();
    !stdin.is_terminal() || tcgetpgrp(&stdin).is_ok_and(|foreground| foreground == getpgrp())
}

fn read_input(typed: &mpsc::Sender<String>) {
    for line in io::stdin().lock().lines() {
        let Ok(line) = line else { return };
        if typed.blocking_send(line).is_err() {
            return;
        }
    }
}

fn switch(middlebox: &Middlebox, line: &str) {
    match line.trim().parse::<Mode>() {
        Ok(mode) => {
            middlebox.set_mode(mode);
            say!("expsd: new connections meet {mode}");
        }
        Err(_) if line.trim().is_empty() => say!("expsd: {} now", middlebox.mode()),
        Err(error) => say!("expsd: {error}"),
    }
}

async fn tell(mut log: Receiver<Entry>, told: Output) {
    loop {
        let line = match log.recv().await {
            Ok(entry) => format!("{entry}\n"),
            Err(RecvError::Lagged(lost)) => format!("{lost} lines are lost\n"),
            Err(RecvError::Closed) => return,
        };
        told.put(line.as_bytes());
    }
}
