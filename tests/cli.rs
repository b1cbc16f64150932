//! The command line: what it prints, and its exit codes.

mod support;

use std::path::Path;
use std::process::{Command, Output};

use support::{Client, Daemon};

fn expsd(arguments: &[&str], folder: &Path) -> Output {
    Command::new(env!("CARGO_BIN_EXE_expsd"))
        .args(arguments)
        .current_dir(folder)
        .env("XDG_STATE_HOME", folder.join("state"))
        .env("NO_COLOR", "1")
        .output()
        .unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

#[test]
fn a_wrong_configuration_is_shown_at_its_place_and_exits_with_2() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(
        folder.path().join("x.toml"),
        "[[ReceiveConnector]]\nName = \"a\"\nBindings = \"0.0.0.0:25\"\nAuthMechanisms = \"Tls\"\nMaxMessageSize = \"big\"\n",
    )
    .unwrap();
    for command in ["serve", "explain"] {
        let mut arguments = vec![command, "--config", "x.toml"];
        arguments.extend(
            (command == "explain").then_some(["--remote", "10.0.0.1"]).into_iter().flatten(),
        );
        let output = expsd(&arguments, folder.path());
        assert_eq!(output.status.code(), Some(2), "{command}");
        let shown = text(&output.stderr);
        for part in [
            "x.toml:4:1",
            "AuthMechanisms = \"Tls\"",
            "did you mean AuthMechanism?",
            "x.toml:5:18",
            "expected a size such as \"36 MB\"",
        ] {
            assert!(shown.contains(part), "{part}\n{shown}");
        }
    }
    let missing = expsd(&["serve", "--config", "none.toml"], folder.path());
    assert_eq!(missing.status.code(), Some(2));
    assert!(text(&missing.stderr).starts_with("expsd: cannot read none.toml: "));
}

#[test]
fn nobody_who_reads_errors_is_no_error() {
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let mut command = Command::new(env!("CARGO_BIN_EXE_expsd"));
    let ended = command.args(["serve", "--config", "none.toml"]).stderr(writer).status().unwrap();
    assert_eq!(ended.code(), Some(2));
}

#[test]
fn help_has_examples_and_usage_errors_exit_with_2() {
    let folder = tempfile::tempdir().unwrap();
    for command in [
        &["serve", "--help"][..],
        &["explain", "--help"],
        &["diff", "--help"],
        &["import", "--help"],
        &["cert", "new", "--help"],
    ] {
        let output = expsd(command, folder.path());
        assert!(output.status.success());
        assert!(text(&output.stdout).contains("Examples:\n  expsd "), "{command:?}");
    }
    for wrong in [
        &["serve", "--port"][..],
        &["explain"],
        &["explain", "--remote", "10.0.0"],
        &["cert", "new", "--name", "a", "--days", "0"],
    ] {
        assert_eq!(expsd(wrong, folder.path()).status.code(), Some(2), "{wrong:?}");
    }
}

#[test]
fn explain_answers_for_several_addresses() {
    let folder = tempfile::tempdir().unwrap();
    let output =
        expsd(&["explain", "--remote", "10.0.0.12,fe80::1%11", "--local", "587"], folder.path());
    let shown = text(&output.stdout);
    assert!(
        shown.starts_with("10.0.0.12 on 0.0.0.0:587\n  meets     EX01\\Client Frontend EX01\n"),
        "{shown}"
    );
    assert!(shown.contains("\n\nfe80::1%11 on [::]:587\n"), "{shown}");
    assert!(
        shown.contains("X-EXPS gets \"451 5.7.3 Cannot achieve Exchange Server authentication\""),
        "{shown}"
    );
    assert!(!folder.path().join("state").exists(), "explain leaves nothing behind");
}

const RELAY: &str = "\
[[ReceiveConnector]]
Name = \"Default Frontend EX01\"
TransportRole = \"FrontendTransport\"
Bindings = \"0.0.0.0:25\"
AuthMechanism = \"Tls, Integrated, BasicAuth, BasicAuthRequireTLS, ExchangeServer\"
PermissionGroups = \"AnonymousUsers, ExchangeServers, ExchangeLegacyServers\"
[[ReceiveConnector]]
Name = \"App relay\"
TransportRole = \"FrontendTransport\"
Bindings = \"0.0.0.0:25\"
RemoteIPRanges = \"10.0.0.10-10.0.0.20\"
AuthMechanism = \"Tls\"
PermissionGroups = \"AnonymousUsers\"
";

#[test]
fn a_network_is_explained_by_what_its_addresses_meet() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("a.toml"), RELAY).unwrap();
    std::fs::write(folder.path().join("list"), "10.0.0.12 # EX02\n\n10.0.0.13\n10.0.0.9\n")
        .unwrap();
    let explain = |remote: &str| {
        let output = expsd(
            &["explain", "--config", "a.toml", "--remote", remote, "--format", "json"],
            folder.path(),
        );
        assert!(output.status.success(), "{}", text(&output.stderr));
        serde_json::from_slice::<serde_json::Value>(&output.stdout).unwrap()
    };
    for remote in ["10.0.0.0/24", "@list"] {
        let found = explain(remote);
        assert_eq!(found.as_array().unwrap().len(), 2, "{found}");
        let relay = found
            .as_array()
            .unwrap()
            .iter()
            .find(|outcome| outcome["connector"] == r"EX01\App relay")
            .unwrap();
        assert!(relay["ehlo"]["after_x_anonymoustls"].is_null());
        assert_eq!(relay["peers"][2]["refusal"]["command"], "X-EXPS");
        let (first, last) = match remote {
            "@list" => ("10.0.0.12", "10.0.0.13"),
            _ => ("10.0.0.10", "10.0.0.20"),
        };
        assert_eq!(relay["sources"][0]["first"], first);
        assert_eq!(relay["sources"][0]["last"], last);
    }
    assert_eq!(explain("10.0.0.0/24")[1]["lint"][0]["rule"], "range-may-hold-exchange-server");
    let one = explain("10.0.0.12");
    assert_eq!(one[0]["winner"]["shadows"][0]["connector"], r"EX01\Default Frontend EX01");
    assert_eq!(one[0]["losers"][0]["standing"], "wider");

    let arguments =
        ["--remote", "10.0.0.12", "--peer", "EX02=10.0.0.12", "--format", "svg", "--width", "960"];
    let map = expsd(&[&["explain", "--config", "a.toml"][..], &arguments].concat(), folder.path());
    let map = text(&map.stdout);
    assert!(
        map.starts_with("<svg ") && map.contains(r"EX02 (10.0.0.12) meets EX01\App relay"),
        "{map}"
    );

    std::fs::write(folder.path().join("list"), "10.0.0.12\n10.0.0\n").unwrap();
    let wrong = expsd(&["explain", "--remote", "@list"], folder.path());
    assert_eq!(wrong.status.code(), Some(2));
    assert!(text(&wrong.stderr).starts_with("expsd: list:2: \"10.0.0\" is no address"));
}

#[test]
fn diff_tells_whom_a_change_hurts() {
    let folder = tempfile::tempdir().unwrap();
    let (default, _) = RELAY.split_at(RELAY.rfind("[[").unwrap());
    std::fs::write(folder.path().join("a.toml"), default).unwrap();
    std::fs::write(folder.path().join("b.toml"), RELAY).unwrap();
    let output = expsd(&["diff", "a.toml", "b.toml"], folder.path());
    assert_eq!(output.status.code(), Some(1));
    let shown = text(&output.stdout);
    assert!(
        shown.starts_with(
            "On 0.0.0.0:25, from\n    10.0.0.10-10.0.0.20\n  before    \
             EX01\\Default Frontend EX01\n  after     EX01\\App relay\n"
        ),
        "{shown}"
    );
    for line in [
        "EHLO      after X-ANONYMOUSTLS: no longer offered\n",
        "REFUSED   Exchange server\n              before: after X-EXPS: submits to any recipient\n",
    ] {
        assert!(shown.contains(line), "{line}\n{shown}");
    }

    let log = |source: &str| {
        let rows = format!(
            "#Software: Microsoft Exchange Server\n#Version: 15.0.0.0\n#Log-type: SMTP Receive \
             Protocol Log\n#Fields: date-time,connector-id,session-id,sequence-number,\
             local-endpoint,remote-endpoint,event,data,context\n\
             2026-11-22T09:00:00.000Z,EX01\\Default Frontend EX01,08DF489500000001,0,\
             10.0.0.5:25,{source}:40000,+,,\n"
        );
        std::fs::write(folder.path().join("RECV2026112209-1.LOG"), rows).unwrap();
        let arguments = ["diff", "a.toml", "b.toml", "--logs", "RECV2026112209-1.LOG"];
        expsd(&arguments, folder.path())
    };
    let hurt = log("10.0.0.12");
    assert_eq!(hurt.status.code(), Some(1));
    assert!(text(&hurt.stdout).contains("from\n    10.0.0.12, seen in 1 session\n  before"));
    let nobody = log("10.0.0.77");
    assert_eq!(nobody.status.code(), Some(0));
    assert_eq!(text(&nobody.stdout), "Every source in the logs meets the same in both.\n");

    let other_name = default.replace("EX01", "EX02");
    std::fs::write(
        folder.path().join("b.toml"),
        format!("[Server]\nName = \"EX02\"\n{other_name}MaxProtocolErrors = 7\n"),
    )
    .unwrap();
    let output = expsd(&["diff", "a.toml", "b.toml"], folder.path());
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stdout));
    assert_eq!(text(&output.stdout), "Every source address meets the same in both.\n");
    assert_eq!(expsd(&["diff", "a.toml", "none"], folder.path()).status.code(), Some(2));
}

#[test]
fn completions_and_manual_pages_know_every_command() {
    let folder = tempfile::tempdir().unwrap();
    for shell in ["bash", "zsh", "fish"] {
        let script = text(&expsd(&["completions", shell], folder.path()).stdout);
        assert!(script.contains("explain") && script.contains("remote"), "{shell}");
    }
    let bash = expsd(&["completions", "bash"], folder.path()).stdout;
    std::fs::write(folder.path().join("expsd.bash"), bash).unwrap();
    let ask = "source ./expsd.bash; COMP_WORDS=(expsd expl); COMP_CWORD=1; \
               _expsd expsd expl expsd; echo \"${COMPREPLY[@]}\"";
    let completed =
        Command::new("bash").args(["-c", ask]).current_dir(folder.path()).output().unwrap();
    assert_eq!(text(&completed.stdout), "explain\n", "{}", text(&completed.stderr));
    let ask = "source ./expsd.bash; COMP_WORDS=(expsd lab run pix); COMP_CWORD=3; \
               _expsd expsd pix run; echo \"${COMPREPLY[@]}\"";
    let completed =
        Command::new("bash").args(["-c", ask]).current_dir(folder.path()).output().unwrap();
    assert_eq!(text(&completed.stdout), "pix-mailguard\n", "{}", text(&completed.stderr));

    assert!(expsd(&["man", "--dir", "man"], folder.path()).status.success());
    let page = std::fs::read_to_string(folder.path().join("man/expsd-explain.1")).unwrap();
    assert!(page.contains(".TH") && page.contains("remote"), "{page}");
    for entry in std::fs::read_dir(folder.path().join("man")).unwrap() {
        let page = std::fs::read_to_string(entry.unwrap().path()).unwrap();
        let foot = format!("\"expsd {}\" expsd", env!("CARGO_PKG_VERSION"));
        let title = page.lines().find(|line| line.starts_with(".TH ")).unwrap();
        assert!(title.ends_with(&foot), "{title}");
        assert!(!page.contains(".SH EXTRA"), "{page}");
    }
    let page = std::fs::read_to_string(folder.path().join("man/expsd-lab-quiz.1")).unwrap();
    assert!(page.contains(".SH EXAMPLES\n"), "{page}");
}

#[test]
fn certificates_are_made_and_listed_with_their_users() {
    let folder = tempfile::tempdir().unwrap();
    let listed = text(&expsd(&["cert", "list"], folder.path()).stdout);
    assert!(listed.contains("made by     the next start of the daemon\n"), "{listed}");
    assert!(!folder.path().join("state").exists(), "a list makes nothing");
    let made = expsd(
        &[
            "cert",
            "new",
            "--name",
            "mail.contoso.test",
            "--name",
            "*.fabrikam.test",
            "--days",
            "30",
        ],
        folder.path(),
    );
    assert!(text(&made.stdout).contains("names       mail.contoso.test, *.fabrikam.test\n"));
    std::fs::write(
        folder.path().join("x.toml"),
        "[[ReceiveConnector]]\nName = \"Internet\"\nBindings = \"0.0.0.0:25\"\nFqdn = \"mail.contoso.test\"\n\
         [[ReceiveConnector]]\nName = \"Other\"\nBindings = \"0.0.0.0:26\"\nFqdn = \"other.contoso.test\"\n",
    )
    .unwrap();
    let listed = text(&expsd(&["cert", "list", "--config", "x.toml"], folder.path()).stdout);
    assert!(listed.contains("used by     STARTTLS of Internet\n"), "{listed}");
    assert!(
        listed.contains("without STARTTLS: Other: no certificate is for other.contoso.test\n"),
        "{listed}"
    );
}

#[test]
fn what_cannot_listen_says_why() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    let folder = tempfile::tempdir().unwrap();
    let toml = format!("[[ReceiveConnector]]\nName = \"a\"\nBindings = \"127.0.0.1:{port}\"\n");
    std::fs::write(folder.path().join("x.toml"), toml).unwrap();
    let output = expsd(&["serve", "--config", "x.toml"], folder.path());
    assert_eq!(output.status.code(), Some(1));
    let shown = text(&output.stderr);
    assert!(shown.contains("something listens there already; --port-offset N"), "{shown}");
    let output = expsd(&["serve", "--config", "x.toml", "--port-offset", "70000"], folder.path());
    assert!(text(&output.stderr).contains("moved by 70000 is no port"));

    let serve = |http: &str| {
        let arguments = ["serve", "--port-offset", "0", "--http", http];
        let output = expsd(&arguments, folder.path());
        assert_eq!(output.status.code(), Some(1));
        text(&output.stderr)
    };
    let shown = serve(&format!("127.0.0.1:{port}"));
    assert!(shown.contains(&format!("HTTP cannot listen on 127.0.0.1:{port}")), "{shown}");
    let shown = serve("0.0.0.0:0");
    assert!(shown.contains("HTTP beyond loopback (0.0.0.0:0) wants a token"), "{shown}");
}

#[test]
fn a_database_that_cannot_be_used_is_told_at_start() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("letter"), "no database, ".repeat(100)).unwrap();
    let toml = "[[ReceiveConnector]]\nName = \"a\"\nBindings = \"127.0.0.1:0\"\n";
    std::fs::write(folder.path().join("x.toml"), toml).unwrap();
    let serve = |capture: &str| {
        let arguments = ["serve", "--http", "off", "--config", "x.toml", "--capture", capture];
        let output = expsd(&arguments, folder.path());
        (output.status.code(), text(&output.stderr))
    };
    let (status, shown) = serve("sqlite:letter");
    assert_eq!(status, Some(1));
    assert!(shown.contains("letter: it is no SQLite database; name another file"), "{shown}");
    let (status, shown) = serve("sqlite:");
    assert_eq!(status, Some(2));
    assert!(shown.contains("expected a file, such as sqlite:mail.db"), "{shown}");
}

#[test]
fn the_log_can_be_json_for_machines() {
    let toml = "[[ReceiveConnector]]\nName = \"a\"\nBindings = \"127.0.0.1:0\"\nPermissionGroups = \"AnonymousUsers\"\n";
    let daemon = Daemon::start(toml, &["--format", "json"]);
    let mut client = Client::connect(daemon.address("a"));
    client.ehlo();
    client.deliver("a@fabrikam.test", "alice@contoso.test");
    let line = daemon.wait_for_log("message accepted");
    let line: serde_json::Value = serde_json::from_str(&line).unwrap();
    assert_eq!(line["fields"]["from"], "a@fabrikam.test");
    assert_eq!(line["span"]["connector"], "a");
}

#[test]
fn every_configuration_in_the_documents_loads() {
    let documents = [
        include_str!("../README.md"),
        include_str!("../docs/authentication.md"),
        include_str!("../docs/configuration.md"),
        include_str!("../docs/journal.md"),
        include_str!("../docs/lint.md"),
        include_str!("../docs/rules.md"),
        include_str!("../certs/README.md"),
        include_str!("../docs/capture.md"),
    ];
    let blocks: Vec<&str> = documents
        .iter()
        .flat_map(|text| text.split("```toml\n").skip(1))
        .map(|rest| rest.split("```").next().unwrap())
        .collect();
    assert!(blocks.len() > 2);
    for block in blocks {
        if let Err(error) = expsd::config::Configuration::parse(block, "document") {
            panic!("{error}\n{block}");
        }
    }
}
