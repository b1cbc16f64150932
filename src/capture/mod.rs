//! Kept messages: all in memory up to a bound, and on request in a folder as well.
//!
//! What came is what is kept, octet for octet. What the header firewall takes out of it and what
//! the server stamps on top stand beside it; [`Message::delivered`] is the one without the other.

mod folder;
mod memory;
mod message;

use std::path::Path;
use std::sync::Arc;

pub use folder::{Folder, FolderError};
pub use memory::{Memory, Totals};
pub use message::{Message, Tls};

/// Where accepted messages go.
#[derive(Debug)]
pub struct Capture {
    memory: Memory,
    folder: Option<Folder>,
}

impl Capture {
    /// Keeps in memory, and if `folder` is given in that folder too.
    pub fn open(folder: Option<&Path>) -> Result<Self, FolderError> {
        let folder = folder.map(Folder::open).transpose()?;
        Ok(Self { memory: Memory::default(), folder })
    }

    /// Keeps `message`. When this returns, the folder (if there is one) has it on disk.
    pub async fn keep(&self, message: Message) -> Result<(), FolderError> {
        let message = Arc::new(message);
        if let Some(folder) = &self.folder {
            folder.keep(Arc::clone(&message)).await?;
        }
        self.memory.keep(message);
        Ok(())
    }

    /// What is in memory.
    pub fn memory(&self) -> &Memory {
        &self.memory
    }
}
