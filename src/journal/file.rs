//! Files that grow, on disks that fill up and in folders that go away.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{FileExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// A file that is appended to: each piece whole, or not at all.
#[derive(Debug)]
pub(super) struct Pieces {
    path: PathBuf,
    file: File,
    len: u64,
}

impl Pieces {
    /// Makes a file that was not there, with `first` in it.
    pub fn create(path: PathBuf, first: &[u8]) -> io::Result<Self> {
        let file = OpenOptions::new().append(true).create_new(true).open(&path)?;
        let mut pieces = Self { path, file, len: 0 };
        if let Err(error) = pieces.write(first) {
            let _ = fs::remove_file(&pieces.path);
            return Err(error);
        }
        Ok(pieces)
    }

    /// Goes on with a file of lines, or begins it. A line that was cut, by the end of a machine
    /// say, is ended: it must not take the next one with it.
    pub fn open(path: PathBuf) -> io::Result<Self> {
        let file = OpenOptions::new().append(true).create(true).open(&path)?;
        let len = file.metadata()?.len();
        let mut pieces = Self { path, file, len };
        if pieces.ends_within_a_line() {
            pieces.write(b"\n")?;
        }
        Ok(pieces)
    }

    /// Of a file that is none, a pipe say, nothing is known.
    fn ends_within_a_line(&self) -> bool {
        let mut last = [0];
        let read = |file: File| file.read_exact_at(&mut last, self.len - 1);
        self.len > 0 && File::open(&self.path).and_then(read).is_ok() && last != *b"\n"
    }

    /// Appends `piece`. What was written of it when that fails is taken back.
    pub fn write(&mut self, piece: &[u8]) -> io::Result<()> {
        let written = self.file.write_all(piece);
        match &written {
            Ok(()) => self.len += piece.len() as u64,
            // The reason that is told is the first one.
            Err(_) => drop(self.file.set_len(self.len)),
        }
        written
    }

    pub fn len(&self) -> u64 {
        self.len
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Whether the file still has its name: writing goes well without one, and is in vain.
    pub fn is_there(&self) -> bool {
        let identity = |found: fs::Metadata| (found.dev(), found.ino());
        let own = self.file.metadata().map(identity).ok();
        own.is_some() && own == fs::metadata(&self.path).map(identity).ok()
    }
}

/// Trouble with a file: told when it begins and when it ends, and not in between.
#[derive(Debug, Default)]
pub(super) struct Trouble {
    last_try: Option<Instant>,
}

impl Trouble {
    const PAUSE: Duration = Duration::from_secs(1);

    /// Whether it is too early to try again.
    pub fn is_fresh(&self) -> bool {
        self.last_try.is_some_and(|last| last.elapsed() < Self::PAUSE)
    }

    /// Writing to `what` failed.
    pub fn met(&mut self, what: &Path, error: &io::Error) {
        if self.last_try.replace(Instant::now()).is_none() {
            let what = what.display();
            tracing::error!(%error, "{what} cannot be written; what belongs there is dropped");
        }
    }

    /// Writing to `what` went well.
    pub fn over(&mut self, what: &Path) {
        if self.last_try.take().is_some() {
            tracing::info!("{} is written again", what.display());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_piece_that_does_not_fit_leaves_nothing_behind() {
        let folder = tempfile::tempdir().unwrap();
        std::os::unix::fs::symlink("/dev/full", folder.path().join("full")).unwrap();
        let mut full = Pieces::open(folder.path().join("full")).unwrap();
        assert_eq!(full.write(b"row\r\n").unwrap_err().kind(), io::ErrorKind::StorageFull);
        assert_eq!(full.len(), 0);
    }

    #[test]
    fn a_file_that_lost_its_name_is_noticed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        let file = Pieces::create(path.clone(), b"first").unwrap();
        assert!(file.is_there());
        fs::remove_file(&path).unwrap();
        assert!(!file.is_there());
        let other = Pieces::create(path.clone(), b"other").unwrap();
        assert!(!file.is_there() && other.is_there());
        let again = Pieces::create(path, b"").unwrap_err();
        assert_eq!(again.kind(), io::ErrorKind::AlreadyExists);
    }
}
