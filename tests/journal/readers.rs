//! Programs that others wrote read the log.

use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::json;

use crate::support::{own_address, run, skip, tool, wait_until};
use crate::{SERVER, front_end, protocol_log, start};

/// Prints every row that the reader of CSV finds, as JSON, by the names of the header.
const CSV: &str = r##"
import csv, json, sys
with open(sys.argv[1], encoding="utf-8-sig", newline="") as log:
    fields = next(line for line in log if line.startswith("#Fields: "))
    names = fields.removeprefix("#Fields: ").strip().split(",")
    for row in csv.reader(log, strict=True):
        assert len(row) == len(names), row
        print(json.dumps(dict(zip(names, row))))
"##;

#[test]
fn pythons_csv_finds_the_columns() {
    let Some(python) = tool("python3") else { return };
    let (daemon, journal) = start(SERVER);
    let mut client = front_end(&daemon);
    client.ehlo();
    let odd = "NOOP \"quoted\", and, with \u{e4}\x01";
    client.command(odd);
    client.command("QUIT");
    wait_until(|| protocol_log(&journal).pop().filter(|log| log.contains(",-,,Local")));
    let folder = journal.join("FrontEnd/ProtocolLog/SmtpReceive");
    let file = fs::read_dir(folder).unwrap().next().unwrap().unwrap().path();
    let read = run(Command::new(python).args(["-c", CSV]).arg(file), b"");
    assert!(read.status.success(), "{}", read.stderr);
    let rows: Vec<serde_json::Value> =
        read.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    for (number, row) in rows.iter().enumerate() {
        assert_eq!(row["sequence-number"], number.to_string());
        assert_eq!(row["connector-id"], r"EX01\Default Frontend EX01");
        assert_eq!(row["local-endpoint"], daemon.address("Default Frontend EX01").to_string());
    }
    assert_eq!(rows[0]["event"], "+");
    let banner = rows[1]["data"].as_str().unwrap();
    assert!(banner.starts_with("220 ex01.contoso.test Microsoft ESMTP MAIL Service ready at "));
    assert!(rows.iter().any(|row| row["data"] == odd.replace('\x01', "\\x01")), "{rows:#?}");
}

/// CrowdSec's own parser of this log, and its scenario of somebody who guesses passwords.
/// Debian package: crowdsec, unpacked and not installed (`.ci/install-clients`).
#[test]
fn crowdsec_sees_who_guesses() {
    let Some(crowdsec) = tool("crowdsec") else { return };
    let (Some(cscli), Some(hub)) = (tool("cscli"), hub()) else { return };
    // Without the PROXY protocol every client is local, and loopback is on the white list.
    let toml = format!("[proxy_protocol]\ntrust = [\"127.0.0.0/8\"]\n{SERVER}");
    let (daemon, journal) = start(&toml);
    let address = daemon.address("Default Frontend EX01");
    for _ in 0..8 {
        let mut client = crate::Client::connect_from(address, "198.51.100.7");
        client.ehlo();
        client.command("AUTH LOGIN ZXZl");
        client.command("d3Jvbmc=");
        client.command("QUIT");
    }
    let ended = |log: &String| log.matches(",-,,Local").count() == 8;
    wait_until(|| protocol_log(&journal).pop().filter(ended));
    let folder = journal.join("FrontEnd/ProtocolLog/SmtpReceive");
    let file = fs::read_dir(folder).unwrap().next().unwrap().unwrap().path();

    let home = tempfile::tempdir().unwrap();
    let config = configure(home.path(), &hub);
    let cscli =
        |arguments: &[&str]| run(Command::new(&cscli).arg("-c").arg(&config).args(arguments), b"");
    let credentials = home.path().join("credentials.yaml");
    let url = fs::read_to_string(home.path().join("url")).unwrap();
    let machine = ["machines", "add", "test", "--force", "-p", "test", "--url", &url, "-f"];
    let added = cscli(&[&machine[..], &[credentials.to_str().unwrap()]].concat());
    assert!(added.status.success(), "{}", added.stderr);
    let mut once = Command::new(crowdsec);
    once.arg("-c").arg(&config).args(["-type", "exchange-smtp", "-dsn"]);
    let read = run(once.arg(format!("file://{}", file.display())), b"");
    assert!(read.status.success(), "{}{}", read.stdout, read.stderr);
    let alert = "Ip 198.51.100.7 performed 'crowdsecurity/exchange-bf' (6 events over ";
    assert!((read.stdout.clone() + &read.stderr).contains(alert), "{}{}", read.stdout, read.stderr);
}

/// The parsers and scenarios of the package.
fn hub() -> Option<std::path::PathBuf> {
    let hub = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/tools/crowdsec");
    if !hub.is_dir() {
        skip("no hub of crowdsec");
    }
    hub.is_dir().then_some(hub)
}

/// A CrowdSec that lives in `home`, talks to itself alone, and knows this one log.
fn configure(home: &Path, hub: &Path) -> std::path::PathBuf {
    let url = format!("{}:8080", own_address());
    for folder in ["data", "postoverflows", "parsers/s00-raw", "parsers/s01-parse"] {
        fs::create_dir_all(home.join(folder)).unwrap();
    }
    for folder in ["parsers/s02-enrich", "scenarios"] {
        fs::create_dir_all(home.join(folder)).unwrap();
    }
    let copy = |from: &str, to: &str| {
        let done = Command::new("cp").arg("-r").arg(hub.join(from)).arg(home.join(to)).status();
        assert!(done.unwrap().success(), "{from}");
    };
    copy("hub", "hub");
    copy("patterns", "patterns");
    copy("profiles.yaml", "profiles.yaml");
    copy("simulation.yaml", "simulation.yaml");
    for (stage, name) in [
        ("parsers/s00-raw", "syslog-logs.yaml"),
        ("parsers/s01-parse", "exchange-smtp-logs.yaml"),
        ("parsers/s02-enrich", "dateparse-enrich.yaml"),
        ("scenarios", "exchange-bf.yaml"),
    ] {
        let from = home.join("hub").join(stage).join("crowdsecurity").join(name);
        std::os::unix::fs::symlink(from, home.join(stage).join(name)).unwrap();
    }
    fs::write(home.join("acquis.yaml"), "").unwrap();
    fs::write(home.join("url"), format!("http://{url}")).unwrap();
    let home_path = home.display();
    let config = home.join("config.yaml");
    fs::write(
        &config,
        format!(
            "common: {{daemonize: false, log_media: stdout, log_level: info, working_dir: .}}\n\
             config_paths:\n  config_dir: {home_path}\n  data_dir: {home_path}/data\n  \
             simulation_path: {home_path}/simulation.yaml\n  hub_dir: {home_path}/hub\n  \
             index_path: {home_path}/hub/.index.json\n\
             crowdsec_service: {{acquisition_path: {home_path}/acquis.yaml, parser_routines: 1}}\n\
             cscli: {{output: human}}\n\
             db_config: {{type: sqlite, db_path: {home_path}/data/crowdsec.db}}\n\
             api:\n  client: {{insecure_skip_verify: false, credentials_path: \
             {home_path}/credentials.yaml}}\n  server: {{log_level: info, listen_uri: \
             \"{url}\", profiles_path: {home_path}/profiles.yaml}}\n\
             prometheus: {{enabled: false}}\n"
        ),
    )
    .unwrap();
    config
}

/// `expsd logs` finds in our own files what the sessions were, whichever version wrote them.
#[test]
fn our_own_reader_tells_what_happened() {
    for version in ["2007", "2010", "2013", "2016", "2019"] {
        let known = |line: &&str| match version {
            "2007" | "2010" => !line.contains("TransportRole") && !line.contains("AuthTarpit"),
            "2013" => !line.contains("AuthTarpit"),
            _ => true,
        };
        let toml: String = SERVER.lines().filter(known).map(|line| format!("{line}\n")).collect();
        let (mut daemon, journal) = start(&format!("[Server]\nVersion = \"{version}\"\n{toml}"));
        let mut client = front_end(&daemon);
        client.ehlo();
        client.command("AUTH LOGIN Q09OVE9TT1xhbGljZQ==");
        client.command("d3Jvbmc=");
        client.command("QUIT");
        let mut client = front_end(&daemon);
        client.ehlo();
        client.command("MAIL FROM:<bob@fabrikam.test>");
        client.command("RCPT TO:<alice@contoso.test>");
        client.command("DATA");
        client.command("Subject: hello\r\n\r\nHello.\r\n.");
        client.command("QUIT");
        daemon.signal("-TERM");
        assert!(daemon.wait().success());

        let mut logs = Command::new(env!("CARGO_BIN_EXE_expsd"));
        let read = run(logs.arg("logs").arg(&journal).args(["--format", "json"]), b"");
        assert_eq!(read.status.code(), Some(0), "{}", read.stderr);
        let report: serde_json::Value = serde_json::from_str(&read.stdout).unwrap();
        assert_eq!((&report["sessions"], &report["unreadable"]["rows"]), (&json!(2), &json!(0)));
        let connector = &report["connectors"][0];
        assert_eq!(connector["connector"], r"EX01\Default Frontend EX01");
        let totals = &connector["totals"];
        assert_eq!(totals["messages"], 1, "{version}: {report:#}");
        assert_eq!(totals["recipients"], 1, "{version}");
        assert_eq!(totals["outcomes"]["delivered"], 1, "{version}");
        assert_eq!(totals["outcomes"]["refused"], 1, "{version}");
        assert_eq!(totals["mechanisms"]["AUTH LOGIN"]["failed"], 1, "{version}");
        let failure = connector["failures"][0]["text"].as_str().unwrap();
        assert!(failure.starts_with("535 5.7.3 Authentication unsuccessful"), "{failure}");
    }
}
