//! Debian's Exim, without being installed as a mail server.

use std::fs;
use std::os::unix::fs::{MetadataExt as _, chown};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::tool;

/// An Exim with a configuration and a spool of its own.
pub struct Exim {
    program: PathBuf,
    dir: tempfile::TempDir,
}

impl Exim {
    /// `rest` follows what it needs to run at all.
    pub fn new(rest: &str) -> Option<Self> {
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

    pub fn command(&self) -> Command {
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

    pub fn log(&self) -> String {
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
