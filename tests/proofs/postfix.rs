//! Postfix, which logs on by Cyrus SASL.

use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, chown};
use std::process::{Child, Command, Stdio};

use crate::lab::{Lab, PASSWORD, USER};
use crate::support::{run, skip, tool, wait_until};

/// A Postfix with a configuration and a queue of its own, and one message to send.
struct Postfix {
    master: Child,
    dir: tempfile::TempDir,
}

impl Postfix {
    /// Sends by `mechanism`. `files` are what it shall find in the variables of that name.
    fn send(lab: &Lab, mechanism: &str, password: &str, files: &[(&str, &str)]) -> Option<Self> {
        let (postfix, postconf) = (tool("postfix")?, tool("postconf")?);
        let dir = tempfile::tempdir().unwrap();
        if fs::metadata(dir.path()).unwrap().uid() != 0 {
            // It changes to a user of its own.
            skip("Postfix needs root");
            return None;
        }
        let default = |name: &str| {
            let told = run(Command::new(&postconf).args(["-d", "-h", name]), b"");
            told.stdout.trim().to_owned()
        };
        let user = run(Command::new("id").args(["-u", &default("mail_owner")]), b"").stdout;
        let user = user.trim().parse().ok();
        for name in ["etc", "queue", "data"] {
            fs::create_dir(dir.path().join(name)).unwrap();
        }
        fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o755)).unwrap();
        chown(dir.path().join("data"), user, None).unwrap();
        let mut environment = "MAIL_CONFIG".to_owned();
        for (variable, file) in files {
            let copy = dir.path().join(variable);
            fs::copy(file, &copy).unwrap();
            chown(&copy, user, None).unwrap();
            environment += &format!(" {variable}={}", copy.display());
        }

        let etc = dir.path().join("etc");
        let main = format!(
            "compatibility_level = 3.6
             queue_directory = {dir}/queue
             data_directory = {dir}/data
             maillog_file = {dir}/log
             maillog_file_prefixes = {dir}
             import_environment = {environment}
             myhostname = client.fabrikam.test
             mydestination =
             alias_maps =
             inet_protocols = ipv4
             inet_interfaces = loopback-only
             relayhost = [localhost]:{port}
             smtp_host_lookup = native
             smtp_sasl_auth_enable = yes
             smtp_sasl_mechanism_filter = {mechanism}
             smtp_sasl_security_options =
             smtp_sasl_password_maps = static:{{alice@CONTOSO:{password}}}\n",
            dir = dir.path().display(),
            port = lab.port(),
        );
        let main: String = main.lines().map(|line| format!("{}\n", line.trim())).collect();
        fs::write(etc.join("main.cf"), main).unwrap();
        fs::write(etc.join("master.cf"), SERVICES).unwrap();

        let check = run(Command::new(postfix).arg("-c").arg(&etc).arg("check"), b"");
        assert!(check.status.success(), "{check:#?}");
        let mut sendmail = Command::new(default("sendmail_path"));
        sendmail.arg("-C").arg(&etc).args(["-f", "alice@contoso.test", "bob@fabrikam.test"]);
        let put = run(&mut sendmail, b"Subject: by Postfix\n\nText.\n");
        assert!(put.status.success(), "{put:#?}");
        // It ends by itself should nobody end it.
        let master = Command::new(format!("{}/master", default("daemon_directory")))
            .args(["-e", "60", "-c"])
            .arg(&etc)
            .stdin(Stdio::null())
            .spawn()
            .unwrap();
        Some(Self { master, dir })
    }

    /// What became of the message: the line of the log.
    fn status(&self) -> String {
        wait_until(|| {
            let log = fs::read_to_string(self.dir.path().join("log")).unwrap_or_default();
            log.lines().find(|line| line.contains("status=")).map(str::to_owned)
        })
    }
}

impl Drop for Postfix {
    /// Ends the processes that it started, too, which a kill does not.
    fn drop(&mut self) {
        let _ = Command::new("kill").arg(self.master.id().to_string()).status();
        let _ = self.master.wait();
    }
}

const SERVICES: &str = "\
pickup  unix n - n 1 1 pickup
cleanup unix n - n - 0 cleanup
qmgr    unix n - n 300 1 qmgr
rewrite unix - - n - - trivial-rewrite
bounce  unix - - n - 0 bounce
defer   unix - - n - 0 bounce
trace   unix - - n - 0 bounce
smtp    unix - - n - - smtp
error   unix - - n - - error
retry   unix - - n - - error
postlog unix-dgram n - n - 1 postlogd
";

const REFUSED: &str = "535 5.7.3 Authentication unsuccessful";

#[test]
fn ntlm_is_refused_under_v2() {
    let lab = Lab::start("");
    let Some(postfix) = Postfix::send(&lab, "ntlm", PASSWORD, &[]) else { return };
    let status = postfix.status();
    assert!(status.contains("status=deferred") && status.contains(REFUSED), "{status}");
    lab.daemon.wait_for_log("NTLMv1");
}

#[test]
fn ntlm_logs_on_under_v1() {
    let lab = Lab::start("[ntlm]\nminimum = \"v1\"");
    let Some(postfix) = Postfix::send(&lab, "ntlm", PASSWORD, &[]) else { return };
    let status = postfix.status();
    assert!(status.contains("status=sent (250 2.6.0 "), "{status}");
    assert_eq!(lab.outcomes(1), ["None Ntlm NTLMv1"]);
    let Some(postfix) = Postfix::send(&lab, "ntlm", "wrong", &[]) else { return };
    let status = postfix.status();
    assert!(status.contains("status=deferred") && status.contains(REFUSED), "{status}");
    assert_eq!(lab.senders(), [format!("{USER} by Ntlm")]);
}

#[cfg(feature = "gssapi")]
mod kerberos {
    use super::*;
    use crate::lab::Domain;

    fn send(domain: &Domain) -> Option<Postfix> {
        let [configuration, cache] = domain.log_in();
        let files = [("KRB5_CONFIG", &*configuration), ("KRB5CCNAME", &*cache)];
        Postfix::send(&domain.lab, "gssapi", "-", &files)
    }

    #[test]
    fn a_ticket_delivers_where_the_prompt_is_empty() {
        let Some(domain) = Domain::start("prompt = \"empty\"") else { return };
        let Some(postfix) = send(&domain) else { return };
        let status = postfix.status();
        assert!(
            status.contains("status=sent (250 2.6.0 "),
            "{status}\n{}",
            domain.lab.daemon.log()
        );
        assert_eq!(domain.lab.outcomes(1), ["None Gssapi Kerberos"]);
        assert_eq!(domain.lab.senders(), [format!("{USER} by Gssapi")]);
    }

    #[test]
    fn a_ticket_does_not_deliver_where_the_prompt_is_that_of_exchange() {
        let Some(domain) = Domain::start("") else { return };
        let Some(postfix) = send(&domain) else { return };
        let status = postfix.status();
        let reason = "non-empty initial GSSAPI challenge from server";
        assert!(status.contains("status=deferred") && status.contains(reason), "{status}");
        assert!(domain.lab.senders().is_empty());
    }

    #[test]
    fn a_ticket_made_with_another_key_does_not_deliver() {
        let Some(domain) = Domain::start_without_key("prompt = \"empty\"") else { return };
        let Some(postfix) = send(&domain) else { return };
        let status = postfix.status();
        assert!(status.contains("status=deferred") && status.contains(REFUSED), "{status}");
        assert_eq!(domain.lab.outcomes(1)[0], "None Gssapi DecryptFailure");
    }
}
