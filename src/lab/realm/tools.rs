//! Finding and running the Kerberos programs.

use std::env;
use std::ffi::{OsStr, OsString};
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{self, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;

use super::RealmError;

/// A program of MIT Kerberos.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Tool {
    Kdb5Util,
    KadminLocal,
    Kinit,
    Krb5Kdc,
    Kvno,
}

impl Tool {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Kdb5Util => "kdb5_util",
            Self::KadminLocal => "kadmin.local",
            Self::Kinit => "kinit",
            Self::Krb5Kdc => "krb5kdc",
            Self::Kvno => "kvno",
        }
    }

    fn package(self) -> &'static str {
        match self {
            Self::Kdb5Util | Self::Krb5Kdc => "krb5-kdc",
            Self::KadminLocal => "krb5-admin-server",
            Self::Kinit | Self::Kvno => "krb5-user",
        }
    }

    /// Finds the program in a directory of `PATH`, or in the `sbin` beside it: an ordinary user's
    /// `PATH` often lacks the directories for administrators.
    pub(super) fn find(self) -> Result<PathBuf, RealmError> {
        let path = env::var_os("PATH").unwrap_or_default();
        let named: Vec<_> =
            env::split_paths(&path).filter(|directory| directory.is_absolute()).collect();
        let beside: Vec<_> =
            named.iter().map(|directory| directory.with_file_name("sbin")).collect();
        self.find_in(named.into_iter().chain(beside))
    }

    /// Makes sure that all of `tools` are there, or names all that are not.
    pub(super) fn require(tools: &[Self]) -> Result<(), RealmError> {
        let missing: Vec<_> = tools.iter().copied().filter(|tool| tool.find().is_err()).collect();
        if missing.is_empty() { Ok(()) } else { Err(Self::missing(&missing)) }
    }

    fn missing(tools: &[Self]) -> RealmError {
        let mut packages: Vec<_> = tools.iter().map(|tool| tool.package()).collect();
        packages.sort_unstable();
        packages.dedup();
        RealmError::ToolsMissing { tools: tools.iter().map(|tool| tool.name()).collect(), packages }
    }

    pub(super) fn find_in(
        self,
        mut directories: impl Iterator<Item = PathBuf>,
    ) -> Result<PathBuf, RealmError> {
        directories
            .find_map(|directory| {
                let candidate = directory.join(self.name());
                let metadata = candidate.metadata().ok()?;
                let executable = metadata.is_file() && metadata.permissions().mode() & 0o111 != 0;
                executable.then_some(candidate)
            })
            .ok_or_else(|| Self::missing(&[self]))
    }
}

/// Runs programs so that they see one realm and nothing of the machine's own configuration.
#[derive(Clone, Debug)]
pub(super) struct Tools {
    krb5_conf: PathBuf,
    kdc_conf: PathBuf,
}

impl Tools {
    pub(super) fn new(krb5_conf: PathBuf, kdc_conf: PathBuf) -> Self {
        Self { krb5_conf, kdc_conf }
    }

    pub(super) fn krb5_conf(&self) -> &Path {
        &self.krb5_conf
    }

    /// Gives `command` the realm's environment.
    pub(super) fn confine(&self, command: &mut Command) {
        for variable in INHERITED {
            command.env_remove(variable);
        }
        command
            .env("KRB5_CONFIG", &self.krb5_conf)
            .env("KRB5_KDC_PROFILE", &self.kdc_conf)
            // Their messages are read, by people and in part by this module.
            .env("LC_ALL", "C");
    }

    /// Runs `tool` to its end, with `input` on its standard input.
    pub(super) fn run<A>(
        &self,
        tool: Tool,
        arguments: A,
        input: Option<String>,
    ) -> Result<Output, RealmError>
    where
        A: IntoIterator<Item: AsRef<OsStr>>,
    {
        let spawn_error = |source| RealmError::Spawn { tool: tool.name(), source };
        let mut command = Command::new(tool.find()?);
        self.confine(&mut command);
        let mut child = command
            .args(arguments)
            .stdin(match input {
                Some(_) => Stdio::piped(),
                None => Stdio::null(),
            })
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(spawn_error)?;

        // The child answers while it reads; writing on a thread of its own keeps a long script
        // from filling both pipes.
        let writer = child.stdin.take().zip(input).map(|(mut stdin, input)| {
            thread::Builder::new().spawn(move || {
                // A child that stops reading explains why in its own words.
                let _ = stdin.write_all(input.as_bytes());
            })
        });
        let output = child.wait_with_output().map_err(spawn_error)?;
        if let Some(writer) = writer {
            let _ = writer.map_err(spawn_error)?.join();
        }

        let output = Output::from(output);
        if output.status.success() { Ok(output) } else { Err(output.into_error(tool)) }
    }
}

/// What a program left behind.
#[derive(Debug)]
pub(super) struct Output {
    status: ExitStatus,
    pub(super) stdout: String,
    stderr: String,
}

impl Output {
    /// The failure that this output tells of.
    pub(super) fn into_error(self, tool: Tool) -> RealmError {
        RealmError::ToolFailed {
            tool: tool.name(),
            status: self.status,
            stderr: self.stderr.trim().to_owned(),
        }
    }
}

impl From<process::Output> for Output {
    fn from(output: process::Output) -> Self {
        Self {
            status: output.status,
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }
}

/// Names a file in the way of credential caches and keytabs, whose default type may differ.
pub(super) fn file_name(path: &Path) -> OsString {
    let mut name = OsString::from("FILE:");
    name.push(path);
    name
}

/// Quotes a word for a `kadmin.local` script, which doubles a quote to mean itself.
pub(super) fn quote(word: &str) -> String {
    format!("\"{}\"", word.replace('"', "\"\""))
}

/// A file name in `dir` that no other call returns.
pub(super) fn scratch_file(dir: &Path) -> PathBuf {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    dir.join(format!("scratch-{}-{number}", process::id()))
}

/// Variables through which the caller's own Kerberos settings would reach the tools.
const INHERITED: [&str; 9] = [
    "KRB5CCNAME",
    "KRB5_KTNAME",
    "KRB5_CLIENT_KTNAME",
    "KRB5RCACHENAME",
    "KRB5RCACHETYPE",
    "KRB5RCACHEDIR",
    "KRB5_TRACE",
    "KPROP_PORT",
    "GSS_MECH_CONFIG",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_tool_names_its_package() {
        let error = Tool::Krb5Kdc.find_in(["/nonexistent".into()].into_iter()).unwrap_err();
        assert_eq!(error.to_string(), "not installed: krb5kdc; on Debian: apt install krb5-kdc");
        assert_eq!(
            Tool::missing(&[Tool::Kdb5Util, Tool::KadminLocal, Tool::Krb5Kdc]).to_string(),
            "not installed: kdb5_util, kadmin.local, krb5kdc; \
             on Debian: apt install krb5-admin-server krb5-kdc"
        );
    }

    #[test]
    fn a_file_that_cannot_be_executed_is_no_tool() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("kinit"), "").unwrap();
        assert!(Tool::Kinit.find_in([dir.path().into()].into_iter()).is_err());
    }

    #[test]
    fn quotes_are_doubled() {
        assert_eq!(quote(r#"pa ss"x\y"#), r#""pa ss""x\y""#);
    }
}
