//! Many messages at once. `EXPSD_LOAD` says how many; the default fits into a test run.

mod support;

use std::process::Command;
use std::time::{Duration, Instant};

use support::{Daemon, PATIENCE, run_within, tool};

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

/// Sends messages by smtp-source (Debian package: postfix). All must arrive, and leave the
/// daemon small.
fn load(messages: u32, octets: u32) {
    let Some(smtp_source) = tool("smtp-source") else { return };
    let daemon = Daemon::start(RELAY, &[]);
    let mut load = Command::new(smtp_source);
    load.args(["-s", &SESSIONS.to_string()])
        .args(["-m", &messages.to_string(), "-l", &octets.to_string()])
        .args(["-f", "bob@fabrikam.test", "-t", "alice@contoso.test"])
        .arg(daemon.address("Relay").to_string());
    let start = Instant::now();
    let sent = run_within(PATIENCE + messages * PATIENCE_PER_MESSAGE, &mut load, b"");
    let elapsed = start.elapsed();
    assert!(sent.status.success(), "{}", sent.stderr);
    assert_eq!(accepted(&daemon), messages);
    let peak = peak_memory_kb(daemon.pid());
    let rate = f64::from(messages) / elapsed.as_secs_f64();
    println!("{messages} messages in {elapsed:.1?}, {rate:.0} in a second, {} MB", peak / 1024);
    assert!(peak < MEMORY_KB, "{peak} kB");
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
