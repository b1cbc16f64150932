//! Exim's driver `spa`, whose NTLM (version 1) was written by others: its client talks to our
//! server, and one client talks to its server and ours.

use std::net::TcpListener;
use std::os::fd::OwnedFd;
use std::os::unix::fs::{MetadataExt as _, chown};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::{fs, thread};

use serde_json::{Value, json};

use crate::lab::{Lab, PASSWORD, USER};
use crate::pyspnego::play;
use crate::support::{run, tool, wait_until};

const V1: &str = "[ntlm]\nminimum = \"v1\"";

/// An Exim with a configuration and a spool of its own.
struct Exim {
    program: PathBuf,
    dir: tempfile::TempDir,
}

impl Exim {
    fn new(rest: &str) -> Option<Self> {
        let program = tool("exim4")?;
        let dir = tempfile::tempdir().unwrap();
        let ((user, group), spool) = (user_of(dir.path()), dir.path().join("spool"));
        fs::create_dir(&spool).unwrap();
        for path in [dir.path(), &spool] {
            chown(path, Some(user), Some(group)).unwrap();
        }
        // Debian's Exim runs as Debian-exim only, and has to be told of him where its package
        // is not installed.
        for (file, own) in [
            ("passwd", format!("Debian-exim:x:{user}:{group}::/nonexistent:/bin/false\n")),
            ("group", format!("Debian-exim:x:{group}:\n")),
        ] {
            let known = fs::read_to_string(Path::new("/etc").join(file)).unwrap();
            fs::write(dir.path().join(file), own + &known).unwrap();
        }
        let configuration = format!(
            "exim_path = {}
             spool_directory = {spool}
             log_file_path = {spool}/%slog
             primary_hostname = client.fabrikam.test
             keep_environment = LD_PRELOAD:NSS_WRAPPER_PASSWD:NSS_WRAPPER_GROUP
             host_lookup =
             tls_advertise_hosts =
             trusted_users = {user}
             {rest}\n",
            program.display(),
            spool = spool.display(),
        );
        let configuration: String =
            configuration.lines().map(|line| format!("{}\n", line.trim())).collect();
        fs::write(dir.path().join("exim.conf"), configuration).unwrap();
        Some(Self { program, dir })
    }

    fn command(&self) -> Command {
        let (user, group) = user_of(self.dir.path());
        let mut command = Command::new(&self.program);
        command
            .uid(user)
            .gid(group)
            .arg("-C")
            .arg(self.dir.path().join("exim.conf"))
            .env("LD_PRELOAD", "libnss_wrapper.so")
            .env("NSS_WRAPPER_PASSWD", self.dir.path().join("passwd"))
            .env("NSS_WRAPPER_GROUP", self.dir.path().join("group"));
        command
    }

    fn log(&self) -> String {
        fs::read_to_string(self.dir.path().join("spool/mainlog")).unwrap_or_default()
    }
}

/// The owner of a folder and his group; `nobody` instead of root, as whom Exim delivers nothing.
fn user_of(folder: &Path) -> (u32, u32) {
    let facts = fs::metadata(folder).unwrap();
    match facts.uid() {
        0 => (65534, 65534),
        user => (user, facts.gid()),
    }
}

/// Sends a message by Exim's client; gives its log.
fn send(lab: &Lab, password: &str) -> Option<String> {
    let exim = Exim::new(&format!(
        "begin routers
         all:
           driver = manualroute
           route_list = * 127.0.0.1
           self = send
           transport = smtp
         begin transports
         smtp:
           driver = smtp
           port = {}
           allow_localhost
           hosts_avoid_tls = *
           hosts_require_auth = *
         begin authenticators
         spa:
           driver = spa
           public_name = NTLM
           client_username = alice
           client_domain = CONTOSO
           client_password = {password}",
        lab.port()
    ))?;
    let mut command = exim.command();
    command.args(["-odf", "-f", "alice@contoso.test", "bob@fabrikam.test"]);
    let done = run(&mut command, b"Subject: by Exim\n\nText.\n");
    assert!(done.status.success(), "{done:#?}");
    Some(exim.log())
}

#[test]
fn its_client_logs_on_under_v1() {
    let lab = Lab::start(V1);
    let Some(log) = send(&lab, PASSWORD) else { return };
    assert!(log.contains("A=spa") && log.contains("Queued mail for delivery"), "{log}");
    let Some(log) = send(&lab, "wrong") else { return };
    assert!(log.contains("535 5.7.3 Authentication unsuccessful"), "{log}");
    // It tries more than once.
    let outcomes = lab.outcomes(2);
    assert_eq!(outcomes[0], "None Ntlm NTLMv1");
    assert!(outcomes[1..].iter().all(|outcome| outcome == "None Ntlm LogonDenied"), "{outcomes:?}");
    assert_eq!(lab.senders(), [format!("{USER} by Ntlm")]);
}

#[test]
fn its_client_is_refused_under_v2() {
    let lab = Lab::start("");
    let Some(log) = send(&lab, PASSWORD) else { return };
    assert!(log.contains("535 5.7.3 Authentication unsuccessful"), "{log}");
    assert_eq!(lab.outcomes(1)[0], "None Ntlm LogonDenied");
    lab.daemon.wait_for_log("NTLMv1");
    assert!(lab.senders().is_empty());
}

/// What Exim's server says to the client script, on one connection.
fn exim_serves(case: &Value) -> Option<Value> {
    let exim = Exim::new(
        "queue_only
         acl_smtp_rcpt = accept
         begin authenticators
         spa:
           driver = spa
           public_name = NTLM
           server_password = ${if eqi{$auth1}{alice}{Passw0rd!}fail}
           server_set_id = $auth1",
    )?;
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut case = case.clone();
    case["port"] = listener.local_addr().unwrap().port().into();
    let server = thread::spawn(move || {
        let (stream, _) = listener.accept().unwrap();
        let [input, output] = [stream.try_clone().unwrap(), stream].map(OwnedFd::from);
        // As a service of inetd: it serves its standard input, and ends.
        let mut child = exim
            .command()
            .arg("-bs")
            .stdin(Stdio::from(input))
            .stdout(Stdio::from(output))
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        wait_until(|| child.try_wait().unwrap());
    });
    let results = play(&[case], None)?;
    server.join().unwrap();
    Some(results[0].clone())
}

/// The replies without what is random in them, or the server's own wording after the end.
fn shape(result: &Value) -> Vec<String> {
    let replies = result["replies"].as_array().unwrap_or_else(|| panic!("{result}"));
    let shape = |reply: &Value| {
        let reply = reply.as_str().unwrap();
        match reply.strip_prefix("334 TlRMTVNTUAACAAAA") {
            Some(_) => "334 (NTLM message 2)".to_owned(),
            None if reply.starts_with("334") => reply.to_owned(),
            None => reply[..3].to_owned(),
        }
    };
    replies.iter().map(shape).collect()
}

#[test]
fn one_client_has_the_same_dialogue_with_its_server_and_ours() {
    let lab = Lab::start(V1);
    for (initial, password) in
        [(false, PASSWORD), (false, "wrong"), (true, PASSWORD), (true, "wrong")]
    {
        let mut case = json!({
            "command": "AUTH", "mechanism": "ntlm", "level": 0,
            "user": USER, "password": password, "initial": initial,
        });
        let Some(theirs) = exim_serves(&case) else { return };
        case["port"] = lab.address().port().into();
        let Some(ours) = play(&[case], None) else { return };
        assert_eq!(shape(&theirs), shape(&ours[0]));
        let end = if password == PASSWORD { "235" } else { "535" };
        assert_eq!(shape(&theirs).last().unwrap(), end);
    }
}
