//! Many messages at once. `EXPSD_LOAD` says how many; the default fits into a test run.

mod support;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use support::{Daemon, PATIENCE, protocol_log, run_within, tool, wait_until};

const SESSIONS: u32 = 50;
const MESSAGES: u32 = 20_000;
/// The daemon keeps the last 10,000 messages, 256 MB of them at most.
const MEMORY_KB: u64 = 600 * 1024;

/// Many times what a slow machine takes.
const PATIENCE_PER_MESSAGE: Duration = Duration::from_millis(10);

const RELAY: &str = r#"
    [[ReceiveConnector]]
    Name = "Relay"
    TransportRole = "FrontendTransport"
    Bindings = "127.0.0.1:0"
    PermissionGroups = "AnonymousUsers"
    MaxInboundConnection = "unlimited"
    MaxInboundConnectionPerSource = "unlimited"
"#;

#[test]
fn every_message_of_fifty_sessions_arrives() {
    let number = std::env::var("EXPSD_LOAD");
    load(number.map_or(MESSAGES, |number| number.parse().expect("EXPSD_LOAD is a number")), 1_000);
}

#[test]
fn half_a_gigabyte_does_not_stay_in_memory() {
    load(4_000, 140_000);
}

/// Each message comes in a session of its own; none of them may lose a row.
#[test]
fn every_session_stands_in_the_protocol_log() {
    let Some(smtp_source) = tool("smtp-source") else { return };
    let (mut daemon, journal) = start_with_journal(RELAY, "Verbose", "127.0.0.1:0");
    send(&smtp_source, &daemon, MESSAGES, 1_000);
    daemon.signal("-TERM");
    assert!(daemon.wait().success());
    let log = protocol_log(&journal).concat();
    assert!(!log.contains("expsd dropped"), "{}", daemon.log());
    for end in [",+,,", ",-,,Local", ",QUIT,"] {
        let rows = log.lines().filter(|row| row.ends_with(end)).count();
        assert_eq!(rows, MESSAGES as usize, "{end}");
    }
}

/// `cargo test --release --test load -- --ignored --nocapture`
///
/// Each message comes in a session of its own. Others who use the machine change the rate, and
/// hardly the time that the daemon has computed, all its threads together.
#[test]
#[ignore = "a benchmark"]
fn a_record_costs_little() {
    const ROUNDS: u32 = 9;
    const LOG: &str = "[journal]\ntraces = false\n";
    let Some(smtp_source) = tool("smtp-source") else { return };
    let without = Daemon::start(RELAY, &["--http", "off"]);
    let (rows, _) = start_with_journal(&format!("{LOG}{RELAY}"), "Verbose", "off");
    let (traces, _) = start_with_journal(RELAY, "Verbose", "off");
    let (all, _) = start_with_journal(RELAY, "Verbose", "127.0.0.1:0");
    let daemons = [
        ("no record", &without),
        ("protocol log", &rows),
        ("and traces", &traces),
        ("and those of late in memory", &all),
    ];
    let mut rates = daemons.map(|_| Vec::new());
    for _ in 0..ROUNDS {
        for ((_, daemon), rates) in daemons.iter().zip(&mut rates) {
            rates.push(send(&smtp_source, daemon, MESSAGES, 1_000));
        }
    }
    let medians = rates.map(|mut rates| {
        rates.sort_by(f64::total_cmp);
        rates[rates.len() / 2]
    });
    let loss = medians.map(|rate| (1.0 - rate / medians[0]) * 100.0);
    for (((name, daemon), rate), loss) in daemons.iter().zip(medians).zip(loss) {
        let micros = cpu_time(daemon.pid()).as_secs_f64() * 1e6 / f64::from(ROUNDS * MESSAGES);
        println!(
            "{name}: {rate:.0} messages a second, {loss:.1} % less; {micros:.1} µs of CPU each"
        );
    }
    assert!(loss[1] < 15.0);
}

/// What the process has computed, in user and system mode.
fn cpu_time(pid: u32) -> Duration {
    /// USER_HZ, which the kernel shows to every program.
    const TICKS: u64 = 100;
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    // The name, in parentheses, may hold blanks.
    let (_, fields) = stat.rsplit_once(") ").unwrap();
    let ticks = fields.split(' ').skip(11).take(2).map(|ticks| ticks.parse::<u64>().unwrap());
    Duration::from_millis(ticks.sum::<u64>() * 1000 / TICKS)
}

/// A relay with this ProtocolLoggingLevel, and the folder of its journal.
fn start_with_journal(toml: &str, level: &str, http: &str) -> (Daemon, PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let journal = dir.path().join("journal");
    let arguments = ["--journal", journal.to_str().unwrap(), "--http", http];
    let toml = format!("{toml}\nProtocolLoggingLevel = \"{level}\"\n");
    let daemon = Daemon::start_in(dir, &toml, &arguments, &[]);
    (daemon, journal)
}

/// Sends messages by smtp-source (Debian package: postfix). All must arrive, and leave the
/// daemon small.
fn load(messages: u32, octets: u32) {
    let Some(smtp_source) = tool("smtp-source") else { return };
    let daemon = Daemon::start(RELAY, &[]);
    send(&smtp_source, &daemon, messages, octets);
    wait_until(|| (accepted(&daemon) == messages).then_some(()));
    let peak = peak_memory_kb(daemon.pid());
    println!("{} MB", peak / 1024);
    assert!(peak < MEMORY_KB, "{peak} kB");
}

/// How many messages in a second were taken.
fn send(smtp_source: &Path, daemon: &Daemon, messages: u32, octets: u32) -> f64 {
    let mut load = Command::new(smtp_source);
    load.args(["-s", &SESSIONS.to_string()])
        .args(["-m", &messages.to_string(), "-l", &octets.to_string()])
        .args(["-f", "bob@fabrikam.test", "-t", "alice@contoso.test"])
        .arg(daemon.address("Relay").to_string());
    let start = Instant::now();
    let sent = run_within(PATIENCE + messages * PATIENCE_PER_MESSAGE, &mut load, b"");
    let elapsed = start.elapsed();
    assert!(sent.status.success(), "{}", sent.stderr);
    let rate = f64::from(messages) / elapsed.as_secs_f64();
    println!("{messages} messages in {elapsed:.1?}, {rate:.0} in a second");
    rate
}

/// Each message has a line in the log.
fn accepted(daemon: &Daemon) -> u32 {
    daemon.log().lines().map(|line| u32::from(line.contains("message accepted"))).sum()
}

/// The most memory that the process has ever had resident.
fn peak_memory_kb(pid: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    peak.trim().trim_end_matches(" kB").parse().unwrap()
}
