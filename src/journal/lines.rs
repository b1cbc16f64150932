//! `events.jsonl` and `sessions.jsonl`: one event, or one trace, a line.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::file::{Pieces, Trouble};

/// What the file may grow to before it is set aside: the size of an application log as Windows
/// makes it. Our choice.
const MAX_SIZE: u64 = 20 << 20;

#[derive(Debug)]
pub(super) struct LineFile {
    folder: PathBuf,
    name: &'static str,
    file: Option<Pieces>,
    trouble: Trouble,
}

impl LineFile {
    /// `<name>.jsonl` in `folder`.
    pub fn new(folder: &Path, name: &'static str) -> Self {
        Self { folder: folder.to_owned(), name, file: None, trouble: Trouble::default() }
    }

    /// Appends a line, with its line end.
    pub fn write(&mut self, line: &str) {
        if self.trouble.is_fresh() {
            return;
        }
        let path = self.folder.join(format!("{}.jsonl", self.name));
        match self.try_write(&path, line) {
            Ok(()) => self.trouble.over(&path),
            Err(error) => self.trouble.met(&path, &error),
        }
    }

    fn try_write(&mut self, path: &Path, line: &str) -> io::Result<()> {
        let mut file = match self.file.take().filter(Pieces::is_there) {
            Some(file) => file,
            None => self.open(path)?,
        };
        if file.len() + line.len() as u64 > MAX_SIZE {
            fs::rename(path, self.folder.join(format!("{}.old.jsonl", self.name)))?;
            file = self.open(path)?;
        }
        file.write(line.as_bytes())?;
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
    use super::*;

    #[test]
    fn a_file_that_is_full_is_set_aside() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        let full = fs::File::create(path("events.jsonl")).unwrap();
        full.set_len(MAX_SIZE).unwrap();
        let mut events = LineFile::new(folder.path(), "events");
        events.write("{}\n");
        events.write("{}\n");
        assert_eq!(fs::metadata(path("events.old.jsonl")).unwrap().len(), MAX_SIZE);
        assert_eq!(fs::read_to_string(path("events.jsonl")).unwrap(), "{}\n{}\n");
    }

    #[test]
    fn a_run_goes_on_with_the_file_of_another() {
        let folder = tempfile::tempdir().unwrap();
        for line in ["1\n", "2\n"] {
            LineFile::new(folder.path(), "events").write(line);
        }
        let text = fs::read_to_string(folder.path().join("events.jsonl")).unwrap();
        assert_eq!(text, "1\n2\n");
    }
}
