//! `expsd realm` and `expsd serve --with-realm`: who logs in, how each fault shows, and that
//! nothing is left running.

mod support;

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};

use support::{Finished, run, tool, wait_until};

const TOML: &str = r#"
    [[ReceiveConnector]]
    Name = "Default Frontend EX01"
    TransportRole = "FrontendTransport"
    Bindings = "127.0.0.1:0"
    AuthMechanism = "Tls, Integrated, BasicAuth, BasicAuthRequireTLS, ExchangeServer"
    PermissionGroups = "AnonymousUsers, ExchangeServers, ExchangeLegacyServers"
    AuthTarpitInterval = "00:00:00"

    [[account]]
    name = 'CONTOSO\alice'
    password = "Passw0rd!"
    [[account]]
    name = 'CONTOSO\EX02$'
    password = "machine-secret"
    member_of = ["Exchange Servers"]
    [[account]]
    name = 'CONTOSO\bob'
    [[account]]
    name = 'CONTOSO\carol'
    password = ""
"#;

/// `expsd realm` as a process, up and with its say said.
struct Realm {
    child: Child,
    printed: String,
}

impl Realm {
    /// `None`, with a word why, where Kerberos is not installed.
    fn start(dir: &Path, arguments: &[&str]) -> Option<Self> {
        for name in ["krb5kdc", "kadmin.local", "kdb5_util", "kinit", "kvno"] {
            tool(name)?;
        }
        let mut child = command(dir, arguments)
            .stdout(Stdio::piped())
            .stderr(fs::File::create(dir.with_extension("errors")).unwrap())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut realm = Self { child, printed: String::new() };
        loop {
            let line = lines.next().unwrap_or_else(|| panic!("it ended early: {}", errors(dir)));
            let line = line.unwrap();
            realm.printed += &format!("{line}\n");
            if line == "Ctrl-C ends it." || line.starts_with('{') {
                return Some(realm);
            }
        }
    }

    /// The lines to paste, but for the last, which asks for a password.
    fn exports(&self) -> Vec<&str> {
        let lines = self.printed.lines().map(str::trim_start);
        lines.filter(|line| line.starts_with("export ")).collect()
    }

    /// Runs `line` in a shell into which `exports` have been pasted.
    fn shell(exports: &[&str], line: &str, input: &str) -> Finished {
        let script = format!("{}\n{line}", exports.join("\n"));
        run(Command::new("sh").args(["-c", &script]), input.as_bytes())
    }

    fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.printed).unwrap()
    }

    fn stop(&mut self, signal: &str) -> ExitStatus {
        send(self.child.id().into(), signal);
        wait_until(|| self.child.try_wait().unwrap())
    }
}

impl Drop for Realm {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What `expsd realm` said on its standard error.
fn errors(dir: &Path) -> String {
    fs::read_to_string(dir.with_extension("errors")).unwrap()
}

fn command(dir: &Path, arguments: &[&str]) -> Command {
    let toml = dir.with_extension("toml");
    fs::write(&toml, TOML).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_expsd"));
    command.arg("realm").arg("--dir").arg(dir).arg("--config").arg(toml).args(arguments);
    command
}

fn send(process: u64, signal: &str) {
    let sent = Command::new("kill").args([signal, &process.to_string()]).status();
    assert!(sent.unwrap().success());
}

/// Whether a process exists and is not merely waiting to be reaped.
fn is_running(process: u64) -> bool {
    fs::read_to_string(format!("/proc/{process}/stat"))
        .is_ok_and(|stat| !stat.rsplit(") ").next().unwrap().starts_with('Z'))
}

/// A place for a realm; its configuration goes beside it.
fn place() -> (tempfile::TempDir, PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let place = dir.path().join("realm");
    (dir, place)
}

#[test]
fn what_it_prints_is_enough_to_log_in() {
    let dir = tempfile::tempdir().unwrap();
    let place = dir.path().join("it's a $realm");
    let Some(mut realm) = Realm::start(&place, &[]) else { return };
    for part in [
        "runs the realm CONTOSO.TEST, its KDC at 127.0.0.1:",
        "\n  users     alice, EX02$\n",
        "\n  left out  CONTOSO\\bob: it has no password\n",
        "\n  left out  CONTOSO\\carol: cannot use the password: it is empty\n",
        "\n  kinit alice\n",
    ] {
        assert!(realm.printed.contains(part), "{part}\n{}", realm.printed);
    }
    let exports = realm.exports();
    assert_eq!(exports.len(), 2, "{exports:?}");
    for (user, password) in [("alice", "Passw0rd!"), ("'EX02$'", "machine-secret")] {
        let login = Realm::shell(&exports, &format!("kinit {user}"), &format!("{password}\n"));
        assert!(login.status.success(), "{login:?}");
    }
    for host in ["ex01.contoso.test", "EX01", "ex01"] {
        let tickets = ["SMTPSVC", "SMTP", "smtp"].map(|class| format!("kvno -S {class} {host}"));
        let got = Realm::shell(&exports, &tickets.join(" && "), "");
        assert!(got.status.success(), "{got:?}");
    }
    let wrong = Realm::shell(&exports, "kinit alice", "wrong\n");
    assert!(wrong.stderr.contains("Password incorrect"), "{wrong:?}");

    let keytab = place.join("ex01.keytab");
    assert_eq!(keytab.metadata().unwrap().permissions().mode() & 0o777, 0o600);
    let (_, toml) = realm.printed.split_once("\n  [kerberos]\n").unwrap();
    let toml = toml.lines().next().unwrap().trim();
    assert_eq!(toml, format!("keytab = \"{}\"", keytab.display()));
    assert!(realm.stop("-INT").success());
}

#[test]
fn it_ends_with_its_kdc_and_may_be_started_again() {
    let (_dir, place) = place();
    for signal in ["-TERM", "-INT", "-KILL", "-TERM"] {
        let Some(mut realm) = Realm::start(&place, &["--format", "json"]) else { return };
        let report = realm.json();
        assert_eq!(report["pid"], realm.child.id());
        let kdc = report["realm"]["kdc_pid"].as_u64().unwrap();
        assert!(is_running(kdc));
        let status = realm.stop(signal);
        if signal == "-KILL" {
            // Only a watcher can see to it, a moment later.
            wait_until(|| (!is_running(kdc)).then_some(()));
        } else {
            assert_eq!(status.code(), Some(0), "{signal}");
            assert!(!is_running(kdc), "{signal}");
        }
    }
}

#[test]
fn a_kdc_that_is_gone_is_an_error() {
    let (_dir, place) = place();
    let Some(mut realm) = Realm::start(&place, &["--format", "json"]) else { return };
    send(realm.json()["realm"]["kdc_pid"].as_u64().unwrap(), "-KILL");
    assert_eq!(wait_until(|| realm.child.try_wait().unwrap()).code(), Some(1));
    let told = errors(&place);
    assert!(told.starts_with("expsd: the KDC ended (signal: 9 (SIGKILL)): "), "{told}");
}

#[test]
fn a_missing_program_is_named_with_its_package() {
    let (_dir, place) = place();
    let ended = run(command(&place, &[]).env("PATH", ""), b"");
    assert_eq!(ended.status.code(), Some(1));
    assert_eq!(
        ended.stderr,
        "expsd: not installed: kdb5_util, kadmin.local, krb5kdc; \
         on Debian: apt install krb5-admin-server krb5-kdc\n"
    );
    assert!(!place.exists());
}

#[test]
fn what_is_not_its_own_is_left_alone() {
    let (_dir, place) = place();
    fs::create_dir(&place).unwrap();
    fs::write(place.join("krb5.conf"), "theirs").unwrap();
    if Realm::start(&place.with_file_name("other"), &[]).is_none() {
        return;
    }
    let ended = run(&mut command(&place, &[]), b"");
    assert_eq!(ended.status.code(), Some(1));
    assert!(ended.stderr.contains("krb5.conf\" is in the way"), "{}", ended.stderr);
    let left: Vec<_> = fs::read_dir(&place).unwrap().map(|e| e.unwrap().file_name()).collect();
    assert_eq!(left, ["krb5.conf"]);
    assert_eq!(fs::read_to_string(place.join("krb5.conf")).unwrap(), "theirs");
}

#[test]
fn a_second_realm_keeps_off_the_first() {
    let (_dir, place) = place();
    let Some(realm) = Realm::start(&place, &[]) else { return };
    let ended = run(&mut command(&place, &[]), b"");
    assert_eq!(ended.status.code(), Some(1));
    assert!(ended.stderr.contains("a realm runs in"), "{}", ended.stderr);
    let login = Realm::shell(&realm.exports(), "kinit alice", "Passw0rd!\n");
    assert!(login.status.success(), "{login:?}");
}

#[test]
fn without_its_spn_a_client_gets_no_ticket() {
    let (_dir, place) = place();
    let Some(realm) = Realm::start(&place, &["--no-spn"]) else { return };
    let exports = realm.exports();
    assert!(Realm::shell(&exports, "kinit alice", "Passw0rd!\n").status.success());
    let refused = Realm::shell(&exports, "kvno -S SMTPSVC ex01.contoso.test", "");
    assert_eq!(refused.status.code(), Some(1));
    assert!(refused.stderr.contains("not found in Kerberos database"), "{refused:?}");
}

#[test]
fn help_tells_of_the_faults_and_only_one_is_taken() {
    let (_dir, place) = place();
    let help = run(&mut command(&place, &["--help"]), b"").stdout;
    for part in ["(Debian: krb5-kdc, krb5-admin-server)", "Examples:\n  expsd realm", "300 seconds"]
    {
        assert!(help.contains(part), "{part}\n{help}");
    }
    for wrong in [&["--wrong-key", "--old-key"][..], &["--skew", "0"], &["--skew", "-5"]] {
        assert_eq!(run(&mut command(&place, wrong), b"").status.code(), Some(2), "{wrong:?}");
    }
}

/// What the daemon says to the tickets. The client is an example that needs GSSAPI.
#[cfg(feature = "gssapi")]
mod proofs {
    use support::Daemon;

    use super::*;

    const CONNECTOR: &str = "Default Frontend EX01";
    const ACCEPTED: &str = "S: 235 2.7.0 Authentication successful";
    const REFUSED: &str = "S: 454 4.7.0 Temporary authentication failure";

    /// MIT's number for KDC_ERR_S_PRINCIPAL_UNKNOWN, 7 in RFC 4120 §7.5.9.
    const SERVICE_UNKNOWN: u32 = 0x96c7_3a00 + 7;

    fn x_exps(daemon: &Daemon, exports: &[&str], form: &str) -> Finished {
        let test = std::env::current_exe().unwrap();
        let example = test.parent().unwrap().parent().unwrap().join("examples/x_exps");
        assert!(example.is_file(), "build it first: cargo build --example x_exps");
        let address = daemon.address(CONNECTOR);
        let line =
            format!("exec '{}' {address} SMTPSVC@ex01.contoso.test {form}", example.display());
        Realm::shell(exports, &line, "")
    }

    fn log_in(exports: &[&str]) {
        let login = Realm::shell(exports, "kinit 'EX02$'", "machine-secret\n");
        assert!(login.status.success(), "{login:?}");
    }

    /// A daemon of its own, with the keytab of `place` and no word of the realm's `krb5.conf`.
    fn daemon(place: &Path) -> Daemon {
        let keytab = place.join("ex01.keytab");
        let toml = format!("{TOML}\n[kerberos]\nkeytab = \"{}\"\n", keytab.display());
        let environment = [("KRB5_CONFIG", "/nonexistent")];
        Daemon::start_in(tempfile::tempdir().unwrap(), &toml, &[], &environment)
    }

    #[test]
    fn a_daemon_with_its_realm_accepts_a_machine_account_run_after_run() {
        for name in ["krb5kdc", "kadmin.local", "kdb5_util", "kinit"] {
            if tool(name).is_none() {
                return;
            }
        }
        let state = tempfile::tempdir().unwrap();
        let arguments = ["--with-realm", "--state", state.path().to_str().unwrap()];
        // Nothing that an acceptor might read from a configuration is as the realm needs it.
        let alien = state.path().join("alien.conf");
        let defaults = "[libdefaults]\ndefault_realm = FABRIKAM.TEST\nrdns = true\n\
                        ignore_acceptor_hostname = false\n";
        fs::write(&alien, defaults).unwrap();
        for (config, signal) in [
            ("/nonexistent", "-TERM"),
            (alien.to_str().unwrap(), "-KILL"),
            ("/nonexistent", "-INT"),
        ] {
            let environment = [("KRB5_CONFIG", config)];
            let dir = tempfile::tempdir().unwrap();
            let mut daemon = Daemon::start_in(dir, TOML, &arguments, &environment);
            let ready = fs::read(daemon.dir().join("ready.json")).unwrap();
            let ready: serde_json::Value = serde_json::from_slice(&ready).unwrap();
            let variable = |name: &str| {
                format!("export {name}='{}'", ready["realm"]["environment"][name].as_str().unwrap())
            };
            let exports = [variable("KRB5_CONFIG"), variable("KRB5CCNAME")];
            let exports = exports.each_ref().map(String::as_str);
            log_in(&exports);
            for form in ["", "spnego"] {
                let dialogue = x_exps(&daemon, &exports, form);
                assert!(dialogue.stdout.contains(ACCEPTED), "{dialogue:?}");
            }
            daemon.wait_for_log(r"CONTOSO\bob is not in the Kerberos realm: it has no password");

            let kdc = ready["realm"]["kdc_pid"].as_u64().unwrap();
            assert!(is_running(kdc));
            daemon.signal(signal);
            assert_eq!(daemon.wait().success(), signal != "-KILL");
            wait_until(|| (!is_running(kdc)).then_some(()));
        }
    }

    #[test]
    fn a_daemon_prints_what_its_clients_need() {
        if tool("krb5kdc").is_none() || tool("kadmin.local").is_none() {
            return;
        }
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("x.toml"), TOML).unwrap();
        let mut child = Command::new(env!("CARGO_BIN_EXE_expsd"))
            .args(["serve", "--config", "x.toml", "--state", "state", "--with-realm"])
            .current_dir(dir.path())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
        let printed: Vec<_> = lines.take_while(|line| line != "Ctrl-C ends it.").collect();
        send(child.id().into(), "-TERM");
        assert!(child.wait().unwrap().success());
        let realm = dir.path().canonicalize().unwrap().join("state/realm");
        for line in [
            format!("  export KRB5_CONFIG={}/krb5.conf", realm.display()),
            format!("  export KRB5CCNAME=FILE:{}/ccache", realm.display()),
        ] {
            assert!(printed.contains(&line), "{line}\n{printed:#?}");
        }
    }

    #[test]
    fn a_keytab_with_wrong_or_old_keys_fails_at_the_daemon() {
        for (fault, reason) in [
            ("--wrong-key", "the keytab holds another key for this principal"),
            ("--old-key", "a key version that the keytab does not hold"),
        ] {
            let (_dir, place) = place();
            let Some(realm) = Realm::start(&place, &[fault]) else { return };
            let daemon = daemon(&place);
            log_in(&realm.exports());
            let dialogue = x_exps(&daemon, &realm.exports(), "");
            assert!(dialogue.stdout.contains(REFUSED), "{dialogue:?}");
            daemon.wait_for_log("failed with error DecryptFailure");
            daemon.wait_for_log(reason);
        }
    }

    #[test]
    fn without_its_spn_a_client_does_not_come_to_a_proof() {
        let (_dir, place) = place();
        let Some(realm) = Realm::start(&place, &["--no-spn"]) else { return };
        let daemon = daemon(&place);
        log_in(&realm.exports());
        let dialogue = x_exps(&daemon, &realm.exports(), "");
        assert!(!dialogue.status.success());
        // It hears of the daemon's offer, and the KDC tells it that it knows no such service.
        assert!(dialogue.stdout.ends_with("S: 334 GSSAPI supported\r\n"), "{dialogue:?}");
        assert!(dialogue.stderr.contains(&SERVICE_UNKNOWN.to_string()), "{dialogue:?}");
    }

    #[test]
    fn a_clock_that_is_fast_is_forgiven_up_to_five_minutes() {
        for (seconds, reply) in [("60", ACCEPTED), ("3600", REFUSED), ("43200", REFUSED)] {
            let (_dir, place) = place();
            let Some(realm) = Realm::start(&place, &["--skew", seconds]) else { return };
            let daemon = daemon(&place);
            let exports = realm.exports();
            let (config, caches) = exports.split_first().unwrap();
            let cache = caches.iter().find(|line| line.contains("EX02$")).unwrap();
            let dialogue = x_exps(&daemon, &[config, cache], "");
            assert!(dialogue.stdout.contains(reply), "{seconds}: {dialogue:?}");
            if reply == REFUSED {
                daemon.wait_for_log("failed with error TimeSkew");
            }
        }
    }
}
