//! Disks that are full, folders that are not there, readers that stop: the daemon goes on, says
//! so once, and writes again when it can.

use std::fs;
use std::io;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;

use crate::support::{Client, Daemon, PATIENCE, protocol_log, skip, wait_until};
use crate::{SERVER, front_end, start};

/// What the daemon says of the protocol log of Front End; other files have trouble of their own.
const FAILS: &str = "/FrontEnd/ProtocolLog/SmtpReceive cannot be written; what belongs there is \
                     dropped";
const WORKS: &str = "/FrontEnd/ProtocolLog/SmtpReceive is written again";

/// A message that must be taken whatever the journal does.
fn deliver(daemon: &Daemon) {
    let mut client = front_end(daemon);
    client.ehlo();
    let reply = client.deliver("bob@fabrikam.test", "alice@contoso.test");
    assert!(reply.starts_with("250 2.6.0 "), "{reply}");
    client.command("QUIT");
}

/// How often the daemon's own log tells it.
fn told(daemon: &Daemon, what: &str) -> usize {
    daemon.log().lines().filter(|line| line.contains(what)).count()
}

/// Delivers until the log is written again, and tells what it lost.
fn recovers(daemon: &Daemon, journal: &Path) -> String {
    wait_until(|| {
        deliver(daemon);
        let log = protocol_log(journal).concat();
        log.lines().find(|row| row.contains(",*,,expsd dropped ")).map(str::to_owned)
    })
}

#[test]
fn a_folder_that_cannot_be_made_costs_rows_and_nothing_else() {
    let dir = tempfile::tempdir().unwrap();
    let in_the_way = dir.path().join("file");
    fs::write(&in_the_way, "a file, where a folder is wanted").unwrap();
    let journal = in_the_way.join("journal");
    let daemon = Daemon::start_in(dir, SERVER, &["--journal", journal.to_str().unwrap()], &[]);
    for _ in 0..5 {
        deliver(&daemon);
    }
    daemon.wait_for_log(FAILS);
    fs::remove_file(&in_the_way).unwrap();
    let row = recovers(&daemon, &journal);
    assert!(row.contains("Not a directory"), "{row}");
    daemon.wait_for_log(WORKS);
    assert_eq!(told(&daemon, FAILS), 1);
    assert_eq!(told(&daemon, WORKS), 1);
}

#[test]
fn a_folder_that_goes_away_is_made_again() {
    let (daemon, journal) = start(SERVER);
    deliver(&daemon);
    wait_until(|| protocol_log(&journal).pop());
    fs::remove_dir_all(&journal).unwrap();
    wait_until(|| {
        deliver(&daemon);
        protocol_log(&journal).pop()
    });
    assert_eq!(told(&daemon, "is gone; another is begun"), 1);
}

#[test]
fn a_full_disk_costs_rows_and_nothing_else() {
    let dir = tempfile::tempdir().unwrap();
    let journal = dir.path().join("small");
    fs::create_dir(&journal).unwrap();
    let Some(disk) = Mounted::tmpfs(&journal, "4m") else {
        return skip("no right to mount a file system");
    };
    let filler = journal.join("filler");
    fs::write(&filler, vec![0; 4032 << 10]).unwrap();
    let daemon = Daemon::start_in(dir, SERVER, &["--journal", journal.to_str().unwrap()], &[]);
    wait_until(|| {
        deliver(&daemon);
        (told(&daemon, FAILS) > 0).then_some(())
    });
    // Nothing is torn: what is there ends with a whole row.
    let logs = protocol_log(&journal);
    assert!(logs.iter().all(|log| log.ends_with("\r\n")), "{logs:#?}");
    fs::remove_file(filler).unwrap();
    let row = recovers(&daemon, &journal);
    assert!(row.contains("No space left on device"), "{row}");
    let log = protocol_log(&journal).concat();
    let rows = log.lines().filter(|line| line.starts_with("20"));
    assert!(rows.clone().all(|row| row.split(',').count() >= 9), "{log}");
    assert_eq!(told(&daemon, FAILS), 1);
    drop(daemon);
    drop(disk);
}

/// A pipe in the place of the event log, and nobody who reads it: the thread that writes stops,
/// and with it everything else that it writes.
#[test]
fn a_reader_that_stops_stops_no_session() {
    let dir = tempfile::tempdir().unwrap();
    let journal = dir.path().join("journal");
    fs::create_dir(&journal).unwrap();
    let pipe = journal.join("events.jsonl");
    assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let daemon = Daemon::start_in(dir, SERVER, &["--journal", journal.to_str().unwrap()], &[]);
    let mut client = front_end(&daemon);
    client.ehlo();
    client.command("AUTH LOGIN ZXZl");
    client.command("d3Jvbmc=");
    let noops = "NOOP\r\n".repeat(1000);
    while told(&daemon, "the disk does not keep up") == 0 {
        client.send_raw(noops.as_bytes());
        for _ in 0..1000 {
            assert_eq!(client.reply(), "250 2.0.0 OK");
        }
    }
    deliver(&daemon);
    let reader = std::thread::spawn(move || fs::read_to_string(pipe).unwrap());
    let row = recovers(&daemon, &journal);
    assert!(row.contains("the disk did not keep up"), "{row}");
    daemon.wait_for_log("the disk keeps up with the journal again");
    assert_eq!(told(&daemon, "the disk does not keep up"), 1);
    drop(daemon);
    let events = reader.join().unwrap();
    assert!(events.contains("\"id\":1035"), "{events}");
}

/// Pipes that nobody reads, for stdout and for the log, and a single thread to serve.
#[test]
fn whoever_reads_neither_traces_nor_log_stops_no_session() {
    for explain in [true, false] {
        let dir = tempfile::tempdir().unwrap();
        let config = dir.path().join("expsd.toml");
        fs::write(&config, SERVER).unwrap();
        let (reader, writer) = io::pipe().unwrap();
        let (stdout, stderr) = match explain {
            true => (Stdio::from(writer), Stdio::null()),
            false => (Stdio::null(), Stdio::from(writer)),
        };
        let mut arguments = vec!["--config", config.to_str().unwrap()];
        arguments.extend(explain.then_some("--explain"));
        let one = [("TOKIO_WORKER_THREADS", "1")];
        let mut daemon = Daemon::run_to(dir, &arguments, &one, stdout, stderr);
        // More than a pipe holds, 64 KiB.
        for _ in 0..300 {
            deliver(&daemon);
        }
        daemon.signal("-TERM");
        let since = Instant::now();
        assert!(daemon.wait().success());
        assert!(since.elapsed() < PATIENCE / 3, "explain: {explain}");
        drop(reader);
    }
}

#[test]
fn an_ended_daemon_has_written_all() {
    let (mut daemon, journal) = start(SERVER);
    deliver(&daemon);
    // This session is cut by the end of the server.
    let idle = Client::connect(daemon.address("Default Frontend EX01"));
    daemon.signal("-TERM");
    assert!(daemon.wait().success());
    let log = protocol_log(&journal).concat();
    assert_eq!(log.matches(",+,,").count(), 2, "{log}");
    assert_eq!(log.matches(",-,,Local").count(), 2, "{log}");
    drop(idle);
}

/// A message that does not end holds the server up, until a second signal.
#[test]
fn a_session_that_is_cut_leaves_rows_and_a_trace() {
    let (mut daemon, journal) = start(SERVER);
    let mut client = front_end(&daemon);
    client.ehlo();
    client.command("MAIL FROM:<bob@fabrikam.test>");
    client.command("RCPT TO:<alice@contoso.test>");
    client.command("DATA");
    daemon.signal("-TERM");
    daemon.wait_for_log("a second signal ends at once");
    daemon.signal("-TERM");
    assert!(daemon.wait().success());
    let log = protocol_log(&journal).concat();
    assert_eq!(log.matches(",-,,Local").count(), 1, "{log}");
    let traces = fs::read_to_string(journal.join("sessions.jsonl")).unwrap();
    assert_eq!(traces.matches(r#""ending":"cut by the server""#).count(), 1, "{traces}");
    drop(client);
}

/// A file system that is there for a while.
struct Mounted<'a>(&'a Path);

impl<'a> Mounted<'a> {
    fn tmpfs(at: &'a Path, size: &str) -> Option<Self> {
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", &format!("size={size}"), "none"]).arg(at);
        let mounted = mount.output().is_ok_and(|done| done.status.success());
        mounted.then_some(Self(at))
    }
}

impl Drop for Mounted<'_> {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg(self.0).status();
    }
}
