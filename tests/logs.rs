//! `expsd logs`: real runs over logs in the manner of 2010 and 2019, whole, packed and broken.

mod support;

use std::io::Write as _;
use std::path::Path;
use std::process::Command;

use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::{Value, json};
use support::{Finished, run};
use zip::ZipWriter;
use zip::write::SimpleFileOptions;

const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/logs");
const FIRST: &[u8] = include_bytes!("data/logs/2019/RECV2026112209-1.LOG");
const SECOND: &[u8] = include_bytes!("data/logs/2019/RECV2026112210-1.LOG");

/// Runs `expsd logs` in `folder`.
fn logs_in(folder: &Path, arguments: &[&str], input: &[u8]) -> Finished {
    let mut command = Command::new(env!("CARGO_BIN_EXE_expsd"));
    command.arg("logs").args(arguments).current_dir(folder).env("NO_COLOR", "1");
    run(&mut command, input)
}

fn logs(arguments: &[&str]) -> Finished {
    logs_in(Path::new(FOLDER), arguments, b"")
}

/// The report as JSON; the run must have gone well.
fn report(folder: &Path, arguments: &[&str], input: &[u8]) -> Value {
    let finished = logs_in(folder, &[arguments, &["--format", "json"]].concat(), input);
    assert_eq!(finished.status.code(), Some(0), "{}", finished.stderr);
    assert_eq!(finished.stderr, "");
    serde_json::from_str(&finished.stdout).unwrap()
}

/// The part of a report that does not depend on how its files were called.
fn connectors(folder: &Path, arguments: &[&str]) -> Value {
    report(folder, arguments, b"")["connectors"].take()
}

#[test]
fn the_run_in_the_documents_is_one() {
    let document = include_str!("../docs/logs.md");
    let mut runs = 0;
    for block in document.split("```\n$ expsd logs ").skip(1) {
        let (arguments, rest) = block.split_once('\n').unwrap();
        let (expected, _) = rest.split_once("```").unwrap();
        let finished = logs(&arguments.replace('\'', "").split(' ').collect::<Vec<_>>());
        assert_eq!(finished.status.code(), Some(0), "{}", finished.stderr);
        assert_eq!(finished.stdout, expected, "{arguments}");
        runs += 1;
    }
    assert_eq!(runs, 2);
}

#[test]
fn who_relays_and_who_is_on_the_wrong_connector() {
    let set = ["2019", "--config", "ex01.toml", "--peer", "EX02=10.0.0.12,10.0.0.99"];
    let report = report(Path::new(FOLDER), &set, b"");
    let relay = &report["connectors"][0];
    assert_eq!(relay["connector"], "EX01\\App relay");
    assert_eq!(
        relay["totals"]["outside"],
        json!({"anonymous": 3, "authenticated": 0, "unknown": 0})
    );
    assert_eq!(relay["sources"][0]["source"], "10.0.0.11");
    assert_eq!(relay["sources"][0]["now"], "Default Frontend EX01");
    assert_eq!(relay["sources"][1]["now"], "the same");
    let peers = report["peers"].as_array().unwrap();
    assert_eq!(peers.len(), 2);
    assert_eq!(peers[0]["connector"], "EX01\\App relay");
    assert_eq!(peers[0]["ehlo_without_exchange"], 1);
    assert_eq!(peers[1]["connector"], Value::Null);
    assert_eq!(report["unreadable"]["first"][0]["line"], 8);
}

#[test]
fn one_connector_one_hour() {
    let only = ["2019", "--connector", "app relay", "--since", "2026-11-22T10"];
    let report = report(Path::new(FOLDER), &only, b"");
    assert_eq!(report["connectors"].as_array().unwrap().len(), 1);
    assert_eq!(report["sessions"], 1);
    let finished = logs(&["2019", "--until", "2025-12-31"]);
    assert!(finished.stdout.starts_with("2 files, 0 rows, 0 sessions: nothing to report\n"));
    let there =
        "the files hold rows of 2026-11-22T09:12:02.015Z to 2026-11-22T10:20:40.240Z, of\n  EX01\\";
    assert!(finished.stdout.contains(there), "{}", finished.stdout);
}

#[test]
fn only_accepted_domains_that_somebody_named_tell_who_is_outside() {
    let outside = |arguments: &[&str]| {
        let report = report(Path::new(FOLDER), &[&["2019"], arguments].concat(), b"");
        report["connectors"][0]["totals"]["outside"].clone()
    };
    // The server's own domain, as expsd would take it, says nothing of a real organization's.
    let folder = tempfile::tempdir().unwrap();
    let set = folder.path().join("x.toml");
    std::fs::write(&set, "[Server]\nName = \"EX01\"\n").unwrap();
    let set = set.to_str().unwrap();
    assert_eq!(outside(&["--config", set]), Value::Null);
    let expected = json!({"anonymous": 3, "authenticated": 0, "unknown": 0});
    assert_eq!(outside(&["--config", set, "--accepted-domain", "contoso.test"]), expected);
    assert_eq!(outside(&["--config", "ex01.toml"]), expected);
    let named =
        outside(&["--config", "ex01.toml", "--accepted-domain", "contoso.test,fabrikam.test"]);
    assert_ne!(named, expected, "what is named counts in place of what is configured");
}

#[test]
fn a_file_that_is_named_twice_counts_once() {
    let whole = report(Path::new(FOLDER), &["2019"], b"");
    let twice = report(Path::new(FOLDER), &["2019", "./2010/../2019"], b"");
    assert_eq!(twice["rows"], whole["rows"]);
}

#[test]
fn csv_has_a_line_for_each_source_on_each_connector() {
    let finished = logs(&["2010", "--format", "csv"]);
    let lines: Vec<&str> = finished.stdout.lines().collect();
    let head: Vec<&str> = lines[0].split(',').collect();
    assert_eq!(lines.len(), 3);
    let of = |line: &str, column: &str| {
        let cells = line.replace("\"HUB01\\Relay, old\"", "HUB01\\Relay");
        let at = head.iter().position(|name| *name == column).unwrap();
        cells.split(',').nth(at).unwrap().to_owned()
    };
    assert_eq!(of(lines[1], "connector"), "HUB01\\Relay");
    assert_eq!(of(lines[1], "source"), "10.0.1.20");
    assert_eq!(of(lines[1], "may_relay"), "1");
    assert_eq!(of(lines[1], "outside_anonymous"), "", "nobody said which domains are accepted");
    assert_eq!(of(lines[2], "source"), "fe80::1%11");
    assert_eq!(of(lines[2], "failures"), "504 5.7.4 Unrecognized authentication type x1");
    assert_eq!(of(lines[2], "now"), "");
}

#[test]
fn packed_files_and_folders_read_like_plain_ones() {
    let expected = connectors(Path::new(FOLDER), &["2019"]);
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let gzip = |bytes: &[u8]| {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    };
    // By content, not by name; several gzip members in a row are one file.
    let mut packed = gzip(FIRST);
    packed.extend(gzip(SECOND));
    std::fs::write(path("all.dat"), packed).unwrap();
    assert_eq!(connectors(folder.path(), &["all.dat"]), expected);

    let mut archive = ZipWriter::new(std::fs::File::create(path("all.zip")).unwrap());
    for (name, bytes) in [
        ("logs/RECV2026112210-1.LOG", SECOND.to_vec()),
        ("logs/notes.txt", b"not a log".to_vec()),
        ("logs/recv2026112209-1.log.gz", gzip(FIRST)),
    ] {
        archive.start_file(name, SimpleFileOptions::default()).unwrap();
        archive.write_all(&bytes).unwrap();
    }
    archive.finish().unwrap();
    assert_eq!(connectors(folder.path(), &["all.zip"]), expected);

    std::fs::create_dir_all(path("a/b")).unwrap();
    std::fs::write(path("a/b/recv2026112209-1.log"), FIRST).unwrap();
    std::fs::write(path("a/b/RECV2026112210-1.LOG.gz"), gzip(SECOND)).unwrap();
    std::fs::write(path("a/SEND2026112210-1.LOG"), b"nobody reads this").unwrap();
    assert_eq!(connectors(folder.path(), &["a"]), expected);

    // PowerShell 5 writes UTF-16.
    let text = String::from_utf8([FIRST, SECOND].concat()).unwrap();
    let wide: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
    std::fs::write(path("wide.log"), wide).unwrap();
    assert_eq!(connectors(folder.path(), &["wide.log"]), expected);

    let whole = [FIRST, SECOND].concat();
    assert_eq!(report(folder.path(), &["-"], &gzip(&whole))["connectors"], expected);
}

#[test]
fn what_cannot_be_read_is_named_and_the_rest_is_reported() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(FIRST).unwrap();
    let packed = encoder.finish().unwrap();
    std::fs::write(path("cut.gz"), &packed[..packed.len() / 2]).unwrap();
    std::fs::write(path("x.zst"), b"\x28\xb5\x2f\xfd....").unwrap();
    std::fs::write(path("x.zip"), b"PK\x03\x04....").unwrap();
    std::fs::write(path("picture"), [0x89, b'P', 0, 0xff].repeat(1000)).unwrap();
    let track =
        b"#Log-type: Message Tracking Log\r\n#Fields: date-time,event\r\n2026-11-22T09,x\r\n";
    std::fs::write(path("track.log"), track).unwrap();
    std::fs::create_dir(path("empty")).unwrap();
    std::fs::write(path("whole.log"), FIRST).unwrap();
    let all = [
        "cut.gz",
        "x.zst",
        "x.zip",
        "picture",
        "empty",
        "none",
        "track.log",
        "RECV*.LOG",
        "whole.log",
    ];
    let finished = logs_in(folder.path(), &all, b"");
    assert_eq!(finished.status.code(), Some(2));
    for line in [
        "expsd: cut.gz: the reading broke off: ",
        "expsd: x.zst: compressed with Zstandard: unpack it first (zstd -d)\n",
        "expsd: x.zip: ",
        "expsd: picture: this is no SmtpReceive log: the first line that could not be read: it ",
        "expsd: track.log: this is no SmtpReceive log: its #Log-type is Message Tracking Log\n",
        "expsd: RECV*.LOG: no such file: no shell has expanded the pattern",
        "expsd: empty: the folder holds no RECV*.LOG\n",
        "expsd: none: No such file",
    ] {
        assert!(finished.stderr.contains(line), "{line}\n{}", finished.stderr);
    }
    assert!(finished.stdout.contains("\nEX01\\App relay\n"), "{}", finished.stdout);

    let finished = logs_in(folder.path(), &["picture"], b"");
    assert_eq!((finished.status.code(), &*finished.stdout), (Some(2), ""));
    let finished = logs_in(folder.path(), &["-"], b"PK\x03\x04....");
    assert_eq!(finished.stderr, "expsd: standard input: a ZIP archive must be a file\n");
}

#[test]
fn names_from_the_network_cannot_move_the_cursor() {
    let row = "2026-11-22T09:00:00.000Z,EX01\\a,1,0,10.0.0.5:25,10.0.0.11:1,<,EHLO \x1b[2Jme,\r\n";
    let finished = logs_in(Path::new(FOLDER), &["-"], row.as_bytes());
    assert!(finished.stdout.contains("\u{fffd}[2Jme"), "{}", finished.stdout);
    assert!(!finished.stdout.contains('\x1b'));
}

#[test]
fn wrong_arguments_are_explained() {
    for (arguments, why) in [
        (&["2019", "--peer", "10.0.0.12"][..], "NAME=IP or KIND:NAME=IP"),
        (&["2019", "--peer", "EX02=x"], "an IP address"),
        (&["2019", "--accepted-domain", "a b"], "expected a domain such as contoso.com"),
        (&["2019", "--since", "yesterday"], "expected a day (2026-11-22)"),
        (&[], "<FILE|DIR>"),
    ] {
        let finished = logs(arguments);
        assert_eq!(finished.status.code(), Some(2), "{arguments:?}");
        assert!(finished.stderr.contains(why), "{why}\n{}", finished.stderr);
    }
    let help = logs(&["--help"]);
    assert!(help.status.success());
    assert!(help.stdout.contains("Examples:\n  expsd logs "), "{}", help.stdout);
}
