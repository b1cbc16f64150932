//! The directory of a realm, and which files in it are ours.

use std::collections::BTreeSet;
use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use super::{RealmError, remove};

/// A directory that is taken for one realm as long as this lives.
#[derive(Debug)]
pub(super) struct Folder {
    path: PathBuf,
    /// Held to keep others out; the system lets go of it even where the process is killed.
    _marker: File,
}

impl Folder {
    /// Takes `dir` for files called `names`, and removes what an earlier realm left there.
    ///
    /// The file [`MARKER`] lists the names that were free when they were first taken, so that
    /// whatever has them since is ours. Anything else is left alone.
    pub(super) fn take(dir: &Path, names: &[&str]) -> Result<Self, RealmError> {
        let path = usable(dir)?;
        let marker = path.join(MARKER);
        let mut ours = listed(&marker)?;
        let foreign = names
            .iter()
            .find(|name| !ours.contains(**name) && path.join(name).symlink_metadata().is_ok());
        if let Some(name) = foreign {
            return Err(RealmError::Foreign { path: path.join(name) });
        }

        let lock = OpenOptions::new()
            .append(true)
            .create(true)
            .mode(0o600)
            .open(&marker)
            .map_err(|source| RealmError::io("open", &marker, source))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(RealmError::InUse { path }),
            Err(TryLockError::Error(source)) => {
                return Err(RealmError::io("lock", &marker, source));
            }
        }
        ours.extend(names.iter().map(|&name| name.to_owned()));
        write_list(&lock, &ours).map_err(|source| RealmError::io("write", &marker, source))?;
        for name in &ours {
            remove(&path.join(name))?;
        }
        Ok(Self { path, _marker: lock })
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }
}

/// Makes sure that `dir` exists, and returns it as an absolute path.
pub(super) fn usable(dir: &Path) -> Result<PathBuf, RealmError> {
    let path = std::path::absolute(dir).map_err(|source| RealmError::io("resolve", dir, source))?;
    let reason = match path.to_str() {
        None => "is not UTF-8",
        Some(path) if path.contains(|c: char| c.is_control() || ":\"".contains(c)) => {
            "has a control character, `:` or `\"`"
        }
        Some(path) if path.contains("%{") => "has `%{`",
        Some(path) if path.ends_with(char::is_whitespace) => "ends in a space",
        Some(_) => {
            DirBuilder::new()
                .recursive(true)
                .mode(0o700)
                .create(&path)
                .map_err(|source| RealmError::io("create", &path, source))?;
            return Ok(path);
        }
    };
    Err(RealmError::Directory { path, reason })
}

/// The names in the list at `marker`, none if there is no list.
fn listed(marker: &Path) -> Result<BTreeSet<String>, RealmError> {
    let list = match fs::read_to_string(marker) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(BTreeSet::new()),
        list => list.map_err(|source| RealmError::io("read", marker, source))?,
    };
    // Somebody may have edited the list; it must not lead out of the directory.
    let plain = |line: &&str| Path::new(line).file_name() == Some(line.as_ref());
    Ok(list.lines().skip(1).filter(plain).map(str::to_owned).collect())
}

fn write_list(mut marker: &File, names: &BTreeSet<String>) -> io::Result<()> {
    let mut list = HEADING.to_owned();
    for name in names {
        list += "\n";
        list += name;
    }
    list += "\n";
    marker.set_len(0)?;
    marker.write_all(list.as_bytes())
}

/// Tells that a directory holds a realm of ours, and which files are part of it.
const MARKER: &str = "expsd-realm";

const HEADING: &str = "These files belong to a throwaway realm; the next one here replaces them:";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_ours_is_removed() {
        let dir = tempfile::tempdir().unwrap();
        let path = |name: &str| dir.path().join(name);
        fs::write(path("notes"), "").unwrap();
        drop(Folder::take(dir.path(), &["principal", "ex01.keytab"]).unwrap());
        fs::write(path("principal"), "").unwrap();
        fs::write(path("ex01.keytab"), "").unwrap();
        fs::write(path("ex02.keytab"), "").unwrap();

        let error = Folder::take(dir.path(), &["principal", "ex02.keytab"]).unwrap_err();
        assert!(matches!(error, RealmError::Foreign { path: at } if at == path("ex02.keytab")));
        assert!(path("principal").exists());

        drop(Folder::take(dir.path(), &["principal", "ex03.keytab"]).unwrap());
        assert!(!path("principal").exists() && !path("ex01.keytab").exists());
        assert!(path("notes").exists() && path("ex02.keytab").exists());
    }

    #[test]
    fn a_refusal_leaves_nothing_behind() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("krb5.conf"), "theirs").unwrap();
        assert!(Folder::take(dir.path(), &["krb5.conf"]).is_err());
        assert!(!dir.path().join(MARKER).exists());
    }

    #[test]
    fn a_directory_is_taken_by_one_at_a_time() {
        let dir = tempfile::tempdir().unwrap();
        let folder = Folder::take(dir.path(), &["stash"]).unwrap();
        fs::write(dir.path().join("stash"), "").unwrap();
        let error = Folder::take(dir.path(), &["stash"]).unwrap_err();
        assert!(matches!(error, RealmError::InUse { .. }), "{error}");
        assert!(dir.path().join("stash").exists());
        drop(folder);
        Folder::take(dir.path(), &["stash"]).unwrap();
    }

    #[test]
    fn a_doctored_list_does_not_lead_elsewhere() {
        let dir = tempfile::tempdir().unwrap();
        let inner = dir.path().join("inner");
        fs::create_dir(&inner).unwrap();
        fs::write(dir.path().join("outside"), "").unwrap();
        let outside = dir.path().join("outside").display().to_string();
        fs::write(inner.join(MARKER), format!("{HEADING}\n../outside\n{outside}\n..\n\n")).unwrap();
        drop(Folder::take(&inner, &["stash"]).unwrap());
        assert!(dir.path().join("outside").exists());
    }
}
