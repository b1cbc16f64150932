//! `events.jsonl` and `sessions.jsonl`: one event, or one trace, a line.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::file::{Pieces, Trouble};

/// What the file may grow to before it is set aside: the size of an application log as Windows
/// makes it. Our choice.
const MAX_SIZE: u64 = 20 << 20;

/// Lines wait for each other to be written together, up to this many octets.
const PENDING: usize = 256 << 10;

#[derive(Debug)]
pub(super) struct LineFile {
    folder: PathBuf,
    name: &'static str,
    file: Option<Pieces>,
    pending: String,
    waiting: u64,
    trouble: Trouble,
    /// All that are lost, of every file.
    lost: Arc<AtomicU64>,
}

impl LineFile {
    /// `<name>.jsonl` in `folder`.
    pub fn new(folder: &Path, name: &'static str, lost: Arc<AtomicU64>) -> Self {
        Self {
            folder: folder.to_owned(),
            name,
            file: None,
            pending: String::new(),
            waiting: 0,
            trouble: Trouble::default(),
            lost,
        }
    }

    /// Takes a line, with its line end.
    pub fn take(&mut self, line: &str) {
        if self.pending.len() + line.len() > PENDING {
            self.write_out();
        }
        self.pending += line;
        self.waiting += 1;
    }

    /// Writes what waits.
    pub fn write_out(&mut self) {
        let lines = std::mem::take(&mut self.waiting);
        if lines == 0 {
            return;
        }
        let mut pending = std::mem::take(&mut self.pending);
        let path = self.folder.join(format!("{}.jsonl", self.name));
        if self.trouble.is_fresh() {
            self.lost.fetch_add(lines, Ordering::Relaxed);
        } else {
            match self.try_write(&path, &pending) {
                Ok(()) => self.trouble.over(&path),
                Err(error) => {
                    self.lost.fetch_add(lines, Ordering::Relaxed);
                    self.trouble.met(&path, &error);
                }
            }
        }
        pending.clear();
        self.pending = pending;
    }

    fn try_write(&mut self, path: &Path, lines: &str) -> io::Result<()> {
        let mut file = match self.file.take().filter(Pieces::is_there) {
            Some(file) => file,
            None => self.open(path)?,
        };
        if file.len() + lines.len() as u64 > MAX_SIZE {
            fs::rename(path, self.folder.join(format!("{}.old.jsonl", self.name)))?;
            file = self.open(path)?;
        }
        file.write(lines.as_bytes())?;
        self.file = Some(file);
        Ok(())
    }

    fn open(&self, path: &Path) -> io::Result<Pieces> {
        fs::create_dir_all(&self.folder)?;
        Pieces::open(path.to_owned())
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::FileExt as _;

    use super::*;

    #[test]
    fn a_file_that_is_full_is_set_aside() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        let full = fs::File::create(path("events.jsonl")).unwrap();
        full.write_all_at(b"\n", MAX_SIZE - 1).unwrap();
        let mut events = LineFile::new(folder.path(), "events", Arc::default());
        events.take("{}\n");
        events.take("{}\n");
        events.write_out();
        assert_eq!(fs::metadata(path("events.old.jsonl")).unwrap().len(), MAX_SIZE);
        assert_eq!(fs::read_to_string(path("events.jsonl")).unwrap(), "{}\n{}\n");
    }

    #[test]
    fn a_run_goes_on_with_the_file_of_another() {
        let folder = tempfile::tempdir().unwrap();
        for line in ["1\n", "2\n"] {
            let mut events = LineFile::new(folder.path(), "events", Arc::default());
            events.take(line);
            events.write_out();
        }
        let text = fs::read_to_string(folder.path().join("events.jsonl")).unwrap();
        assert_eq!(text, "1\n2\n");
    }

    #[test]
    fn a_line_that_was_cut_costs_no_other() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("events.jsonl");
        fs::write(&path, "1\n{\"cut").unwrap();
        let mut events = LineFile::new(folder.path(), "events", Arc::default());
        events.take("2\n");
        events.write_out();
        assert_eq!(fs::read_to_string(path).unwrap(), "1\n{\"cut\n2\n");
    }

    #[test]
    fn lines_that_cannot_be_written_are_counted() {
        let folder = tempfile::NamedTempFile::new().unwrap();
        let lost = Arc::<AtomicU64>::default();
        let mut events = LineFile::new(folder.path(), "events", Arc::clone(&lost));
        for _ in 0..3 {
            events.take("{}\n");
            events.write_out();
        }
        assert_eq!(lost.load(Ordering::Relaxed), 3);
    }
}
