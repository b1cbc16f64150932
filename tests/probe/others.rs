//! Servers of others, which are told for what they are.

use std::os::fd::OwnedFd;
use std::os::unix::fs::{MetadataExt as _, chown};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use expsd::probe::{NoLikeness, Product, run};

use super::*;
use support::exim::Exim;
use support::tool;

/// A server process that ends with its owner.
struct Server(Child);

impl Drop for Server {
    fn drop(&mut self) {
        // Postfix ends its own children upon SIGTERM, which a kill would not do.
        let _ = Command::new("kill").arg(self.0.id().to_string()).status();
        let _ = self.0.wait();
    }
}

fn setting(postconf: &Path, name: &str) -> String {
    support::run(Command::new(postconf).args(["-d", "-h", name]), b"").stdout.trim().to_owned()
}

/// A Debian Postfix that takes mail for contoso.test, on an address of its own.
fn postfix(dir: &Path) -> Option<(Server, SocketAddr)> {
    let postconf = tool("postconf")?;
    if std::fs::metadata(dir).unwrap().uid() != 0 {
        // It changes to a user of its own.
        support::skip("Postfix needs root");
        return None;
    }
    let at: SocketAddr = (support::own_address(), 2525).into();
    let user =
        support::run(Command::new("id").args(["-u", &setting(&postconf, "mail_owner")]), b"");
    for name in ["etc", "queue", "data"] {
        std::fs::create_dir(dir.join(name)).unwrap();
    }
    let open = <std::fs::Permissions as std::os::unix::fs::PermissionsExt>::from_mode(0o755);
    std::fs::set_permissions(dir, open).unwrap();
    chown(dir.join("data"), user.stdout.trim().parse().ok(), None).unwrap();
    let main = format!(
        "compatibility_level = 3.6\nqueue_directory = {dir}/queue\ndata_directory = \
         {dir}/data\nmaillog_file = {dir}/log\nmaillog_file_prefixes = {dir}\nmyhostname = \
         mail.fabrikam.test\nmydestination = fabrikam.test\nlocal_recipient_maps =\nalias_maps \
         =\ninet_interfaces = loopback-only\ninet_protocols = ipv4\nmynetworks =\n",
        dir = dir.display(),
    );
    std::fs::write(dir.join("etc/main.cf"), main).unwrap();
    let master = "{at} inet n - n - - smtpd\ncleanup unix n - n - 0 cleanup\nrewrite unix - - n - \
                  - trivial-rewrite\nanvil unix - - n - 1 anvil\npostlog unix-dgram n - n - 1 \
                  postlogd\n";
    let master = master.replace("{at}", &at.to_string());
    std::fs::write(dir.join("etc/master.cf"), master).unwrap();
    let mut check = Command::new(tool("postfix")?);
    let check = support::run(check.arg("-c").arg(dir.join("etc")).arg("check"), b"");
    assert!(check.status.success(), "{check:#?}");
    let master = Command::new(format!("{}/master", setting(&postconf, "daemon_directory")))
        .args(["-e", "60", "-c"])
        .arg(dir.join("etc"))
        .stdin(Stdio::null())
        .spawn()
        .unwrap();
    let server = Server(master);
    support::wait_until(|| std::net::TcpStream::connect(at).ok());
    Some((server, at))
}

#[tokio::test]
async fn postfix_is_no_exchange() {
    let dir = tempfile::tempdir().unwrap();
    let Some((_server, at)) = postfix(dir.path()) else { return };
    let report = run(&as_server(at)).await;
    assert_eq!(report.peer.product, Product::Postfix, "{report}");
    assert_eq!(ids(&report), ["not-exchange"]);
    assert!(last_error(&report).ends_with(CANNOT_ACHIEVE));
    assert!(
        report.causes[0].fits.contains("ESMTP Postfix")
            || report.causes[0].fits.contains("Postfix")
    );
    assert_eq!(report.likeness(), Err(NoLikeness::NotExchange));
    // As the ordinary server that it is, it may be mailed to.
    let to = Some("postmaster@fabrikam.test".to_owned());
    let report = run(&Plan { rcpt_to: to, ..as_nobody(at) }).await;
    assert_eq!(report.outcome, expsd::probe::Outcome::Accepted, "{report}");
    let report = run(&as_nobody(at)).await;
    assert_eq!(ids(&report), ["relay-denied"], "{report}");
}

/// As a service of inetd, on the one connection.
#[tokio::test]
async fn exim_is_no_exchange() {
    let Some(exim) = Exim::new("acl_smtp_rcpt = accept\nqueue_only") else { return };
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let at = listener.local_addr().unwrap();
    let serving = std::thread::spawn(move || {
        let (stream, _) = listener.accept().unwrap();
        let [input, output] = [stream.try_clone().unwrap(), stream].map(OwnedFd::from);
        let mut child = exim
            .command()
            .arg("-bs")
            .stdin(Stdio::from(input))
            .stdout(Stdio::from(output))
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        support::wait_until(|| child.try_wait().unwrap());
    });
    let report = run(&as_server(at)).await;
    assert_eq!(report.peer.product, Product::Exim, "{report}");
    assert_eq!(ids(&report), ["not-exchange"]);
    serving.join().unwrap();
}
