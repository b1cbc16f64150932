//! Packages of PyPI and npm, installed below `target/tools` by the first test that wants them.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use std::time::Duration;

use crate::support::{Finished, run_within, skip, tool};

/// Some of it is compiled.
const PATIENCE: Duration = Duration::from_secs(900);

/// A Python that has the packages of `requirements.txt`.
pub fn python() -> Option<Command> {
    static FOLDER: OnceLock<Option<PathBuf>> = OnceLock::new();
    python_with(&FOLDER, "python", "requirements.txt")
}

/// A Python that has the packages of `schemathesis.txt`.
pub fn schemathesis() -> Option<Command> {
    static FOLDER: OnceLock<Option<PathBuf>> = OnceLock::new();
    let mut python = python_with(&FOLDER, "schemathesis", "schemathesis.txt")?;
    python.args(["-m", "schemathesis.cli"]);
    Some(python)
}

fn python_with(
    folder: &'static OnceLock<Option<PathBuf>>,
    name: &str,
    requirements: &str,
) -> Option<Command> {
    let python = tool("python3")?;
    let install = || {
        let requirements = sources().join(requirements);
        let version = run_within(PATIENCE, Command::new(&python).arg("-VV"), b"").stdout;
        let wanted = format!("{version}{}", fs::read_to_string(&requirements).unwrap());
        install(name, &wanted, |folder| {
            let mut pip = Command::new(&python);
            pip.args(["-s", "-m", "pip", "install", "--quiet", "--no-deps", "--requirement"])
                .arg(requirements)
                .arg("--target")
                .arg(folder);
            pip
        })
    };
    let folder = folder.get_or_init(install).as_ref()?;
    let mut command = Command::new(&python);
    command.arg("-s").env("PYTHONPATH", folder);
    Some(command)
}

/// A node that has the packages of `package-lock.json`.
pub fn node() -> Option<Command> {
    static FOLDER: OnceLock<Option<PathBuf>> = OnceLock::new();
    node_with(&FOLDER, "node", &sources(), include_str!("package-lock.json"))
}

/// A node that drives a browser.
pub fn browser() -> Option<Command> {
    static FOLDER: OnceLock<Option<PathBuf>> = OnceLock::new();
    let sources = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/browser");
    node_with(&FOLDER, "browser", &sources, include_str!("../browser/package-lock.json"))
}

fn node_with(
    folder: &OnceLock<Option<PathBuf>>,
    name: &str,
    sources: &Path,
    wanted: &str,
) -> Option<Command> {
    let (node, npm) = (tool("node")?, tool("npm")?);
    let install = || {
        install(name, wanted, |folder| {
            for file in ["package.json", "package-lock.json"] {
                fs::copy(sources.join(file), folder.join(file)).unwrap();
            }
            let mut command = Command::new(&npm);
            command.args(["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--prefix"]);
            command.arg(folder);
            command
        })
    };
    let folder = folder.get_or_init(install).as_ref()?;
    let mut command = Command::new(&node);
    command.env("NODE_PATH", folder.join("node_modules"));
    Some(command)
}

/// The folder of this file.
pub fn sources() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/proofs")
}

/// The folder `target/tools/NAME`, made by `installer` unless it was made of `wanted` before.
fn install(name: &str, wanted: &str, installer: impl FnOnce(&Path) -> Command) -> Option<PathBuf> {
    let tools = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/tools");
    let folder = tools.join(name);
    fs::create_dir_all(&tools).unwrap();
    // Released when the process ends at the latest.
    let lock = File::create(tools.join(format!("{name}.lock"))).unwrap();
    lock.lock().unwrap();
    let stamp = folder.join("made-of");
    if fs::read_to_string(&stamp).is_ok_and(|made_of| made_of == wanted) {
        return Some(folder);
    }
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).unwrap();
    // npm takes a path with a symbolic link in it for a package that is linked to.
    let folder = fs::canonicalize(folder).unwrap();
    let stamp = folder.join("made-of");
    let done = run_within(PATIENCE, &mut installer(&folder), b"");
    if !done.status.success() {
        absent(&format!("packages of {name}"), &done);
        return None;
    }
    fs::write(stamp, wanted).unwrap();
    Some(folder)
}

/// The word to the log that `support::tool` gives.
fn absent(what: &str, done: &Finished) {
    skip(&format!("no {what}: {}", done.stderr));
}
