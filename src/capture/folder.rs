//! Messages as files: `<id>.eml` as the server would pass it on, `<id>.json` with how it came.
//!
//! What came can be had back: take the texts of `stamped` off the front of the `.eml`, and put
//! those of `stripped` in, in their order, each at its place.
//!
//! A message is there once its `.json` is. Both files are written aside, flushed to disk and
//! renamed, the `.json` last, before the message is acknowledged.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufWriter, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::Message;

#[derive(Clone, Debug)]
pub struct Folder {
    path: Arc<Path>,
}

#[derive(Debug, thiserror::Error)]
#[error("{}: {error}", path.display())]
pub struct FolderError {
    path: PathBuf,
    error: io::Error,
}

impl Folder {
    /// Opens or makes the folder, and clears away what an interrupted run left half written.
    pub fn open(path: &Path) -> Result<Self, FolderError> {
        let at = |error| FolderError { path: path.to_owned(), error };
        fs::create_dir_all(path).map_err(at)?;
        for entry in fs::read_dir(path).map_err(at)? {
            let entry = entry.map_err(at)?;
            if is_temporary(&entry.file_name().to_string_lossy()) {
                fs::remove_file(entry.path()).map_err(at)?;
            }
        }
        Ok(Self { path: path.into() })
    }

    pub(super) async fn keep(&self, message: Arc<Message>) -> Result<(), FolderError> {
        let folder = self.clone();
        let write = move || folder.write(&message);
        match tokio::task::spawn_blocking(write).await {
            Ok(written) => written,
            Err(_) => Err(FolderError {
                path: self.path.to_path_buf(),
                error: io::Error::other("the writing task ended early"),
            }),
        }
    }

    /// Takes out what was kept of a message that is not accepted after all.
    pub(super) async fn forget(&self, id: &str) {
        for extension in ["json", "eml"] {
            let _ = tokio::fs::remove_file(self.path.join(format!("{id}.{extension}"))).await;
        }
    }

    fn write(&self, message: &Message) -> Result<(), FolderError> {
        let facts = serde_json::to_vec_pretty(message).map_err(|error| self.error(error.into()))?;
        let eml = self.aside(&message.id, "eml", message.delivered());
        let json = eml.and_then(|eml| Ok((eml, self.aside(&message.id, "json", [&facts[..]])?)));
        let renamed = json.and_then(|(eml, json)| {
            fs::rename(eml, self.path.join(format!("{}.eml", message.id)))?;
            fs::rename(json, self.path.join(format!("{}.json", message.id)))?;
            File::open(&self.path)?.sync_all()
        });
        if renamed.is_err() {
            for extension in ["eml", "json"] {
                let _ = fs::remove_file(self.temporary(&message.id, extension));
            }
            let _ = fs::remove_file(self.path.join(format!("{}.eml", message.id)));
        }
        renamed.map_err(|error| self.error(error))
    }

    fn aside<'a>(
        &self,
        id: &str,
        extension: &str,
        pieces: impl IntoIterator<Item = &'a [u8]>,
    ) -> io::Result<PathBuf> {
        let path = self.temporary(id, extension);
        let file = OpenOptions::new().write(true).create_new(true).open(&path)?;
        let mut writer = BufWriter::new(file);
        pieces.into_iter().try_for_each(|piece| writer.write_all(piece))?;
        writer.into_inner()?.sync_all()?;
        Ok(path)
    }

    fn temporary(&self, id: &str, extension: &str) -> PathBuf {
        self.path.join(format!(".{id}.{extension}.tmp"))
    }

    fn error(&self, error: io::Error) -> FolderError {
        FolderError { path: self.path.to_path_buf(), error }
    }
}

/// `.<16 hex digits>-<n>.eml.tmp` or `.json.tmp`: names that only [`Folder::aside`] gives.
fn is_temporary(name: &str) -> bool {
    let id = name
        .strip_prefix('.')
        .and_then(|name| name.strip_suffix(".eml.tmp").or_else(|| name.strip_suffix(".json.tmp")));
    id.and_then(|id| id.split_once('-')).is_some_and(|(session, n)| {
        session.len() == 16
            && session.bytes().all(|b| b.is_ascii_hexdigit())
            && n.bytes().all(|b| b.is_ascii_digit())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_our_own_leftovers_are_cleared_away() {
        let folder = tempfile::tempdir().unwrap();
        let ours = folder.path().join(".08DE2A1B3C4D5E6F-1.eml.tmp");
        let theirs = folder.path().join(".notes.eml.tmp");
        fs::write(&ours, "half").unwrap();
        fs::write(&theirs, "mine").unwrap();
        Folder::open(folder.path()).unwrap();
        assert!(!ours.exists() && theirs.exists());
    }
}
