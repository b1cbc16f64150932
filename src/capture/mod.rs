//! Kept messages: in memory or in a database, up to a bound, and on request in a folder as well.
//!
//! What came is what is kept, octet for octet. What the header firewall takes out of it and what
//! the server stamps on top stand beside it; [`Message::delivered`] is the one without the other.

mod digest;
mod envelope;
mod filter;
mod folder;
mod limits;
mod memory;
mod message;
mod parts;
mod sqlite;
mod store;
mod stripped;
#[cfg(test)]
mod tests;
mod waiting;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use tokio::sync::watch;

pub use digest::Digest;
pub use filter::Filter;
pub use folder::{Folder, FolderError};
pub use limits::Limits;
pub use memory::Memory;
pub use message::{Message, Tls};
pub use parts::{Part, Parts};
pub use sqlite::{DatabaseError, Sqlite};
pub use store::{Keeping, Kept, Listed, Order, Page, Removal, Store, Summary, Totals};

use waiting::Waiters;

/// Where accepted messages go, and who waits for them.
#[derive(Debug)]
pub struct Capture {
    store: Arc<dyn Store>,
    folder: Option<Folder>,
    waiters: Waiters,
    newest: watch::Sender<u64>,
    outlives: bool,
}

/// Where messages are kept, and how many.
#[derive(Clone, Debug)]
pub struct Settings {
    /// An SQLite database; `None`: memory.
    pub database: Option<PathBuf>,
    pub limits: Limits,
    /// Where each is written as well.
    pub folder: Option<PathBuf>,
}

/// What waiting came to.
#[derive(Debug)]
pub enum Waited {
    Found(Kept),
    /// None came in time. What there was instead, the newest first, at most 50.
    Late(Vec<Summary>),
}

#[derive(Debug, thiserror::Error)]
pub enum CaptureError {
    #[error(transparent)]
    Folder(#[from] FolderError),
    #[error(transparent)]
    Database(#[from] DatabaseError),
    #[error("the reading task ended early")]
    Cut,
}

impl CaptureError {
    /// Whether there is no more room on the disk.
    pub fn is_full(&self) -> bool {
        matches!(self, Self::Database(error) if error.is_full())
    }
}

impl Capture {
    pub fn open(settings: &Settings) -> Result<Self, CaptureError> {
        let folder = settings.folder.as_deref().map(Folder::open).transpose()?;
        let store: Arc<dyn Store> = match &settings.database {
            Some(path) => Arc::new(Sqlite::open(path, settings.limits)?),
            None => Arc::new(Memory::new(settings.limits)),
        };
        let newest = watch::Sender::new(store.totals().newest);
        let outlives = settings.database.is_some();
        Ok(Self { store, folder, waiters: Waiters::default(), newest, outlives })
    }

    /// Keeps `message`, and gives its number. When this returns, the store has it, and the
    /// folder (if there is one) has it on disk.
    pub async fn keep(&self, message: Message) -> Result<u64, CaptureError> {
        let message = Arc::new(message);
        if let Some(folder) = &self.folder {
            folder.keep(Arc::clone(&message)).await?;
        }
        let kept = self.store.keep(Arc::clone(&message)).await;
        if let (Err(_), Some(folder)) = (&kept, &self.folder) {
            folder.forget(&message.id).await;
        }
        let number = kept?;
        self.waiters.tell(&Kept { number, message });
        self.newest.send_if_modified(|newest| {
            let newer = number > *newest;
            *newest = number.max(*newest);
            newer
        });
        Ok(number)
    }

    pub async fn get(&self, id: &str) -> Result<Option<Kept>, CaptureError> {
        let id = id.to_owned();
        self.ask(move |store| store.get(&id)).await
    }

    /// The message of this number.
    pub async fn numbered(&self, number: u64) -> Result<Option<Kept>, CaptureError> {
        let Some(before) = number.checked_sub(1) else { return Ok(None) };
        let filter = Filter { after: Some(before), ..Filter::default() };
        let page = Page { order: Order::OldestFirst, past: None, limit: 1 };
        match self.list(&filter, page).await?.messages.first() {
            Some(found) if found.number == number => self.get(&found.id).await,
            _ => Ok(None),
        }
    }

    pub async fn latest(&self) -> Result<Option<Kept>, CaptureError> {
        self.find(&Filter::default()).await
    }

    pub async fn list(&self, filter: &Filter, page: Page) -> Result<Listed, CaptureError> {
        let filter = filter.clone();
        self.ask(move |store| store.list(&filter, page)).await
    }

    /// Removes messages, and tells how many there were. The folder keeps its files.
    pub async fn remove(&self, which: Removal) -> Result<u64, CaptureError> {
        self.ask(move |store| store.remove(&which)).await
    }

    /// Whether messages outlive the daemon, and their numbers go on.
    pub fn outlives(&self) -> bool {
        self.outlives
    }

    pub fn totals(&self) -> Totals {
        self.store.totals()
    }

    /// The highest number that a message ever had. It changes after the message can be had.
    pub fn watch(&self) -> watch::Receiver<u64> {
        self.newest.subscribe()
    }

    /// Waits until a message that `filter` matches is kept; one that is already there will do.
    ///
    /// Of several that are there it takes the newest; with [`Filter::after`] the one that came
    /// next, so that nothing is missed by going on from its number.
    pub async fn wait(&self, filter: &Filter, deadline: Instant) -> Result<Waited, CaptureError> {
        // Before looking, so that no message falls in between.
        let mut place = self.waiters.join(filter.clone());
        if let Some(kept) = self.find(filter).await? {
            return Ok(Waited::Found(kept));
        }
        if let Ok(told) = tokio::time::timeout_at(deadline.into(), place.found()).await {
            // Of messages that come at once, the first to be told need not be the next.
            let next = if filter.after.is_some() { self.find(filter).await? } else { None };
            return Ok(Waited::Found(next.unwrap_or(told)));
        }
        let all = Filter { after: filter.after, ..Filter::default() };
        Ok(Waited::Late(self.list(&all, Page::default()).await?.messages))
    }

    /// The newest message that matches; with [`Filter::after`], the one that came next.
    async fn find(&self, filter: &Filter) -> Result<Option<Kept>, CaptureError> {
        let order = match filter.after {
            Some(_) => Order::OldestFirst,
            None => Order::NewestFirst,
        };
        let mut page = Page { order, past: None, limit: 1 };
        loop {
            let listed = self.list(filter, page).await?;
            if let Some(found) = listed.messages.first()
                && let Some(kept) = self.get(&found.id).await?
            {
                return Ok(Some(kept));
            }
            page.past = listed.next;
            if page.past.is_none() {
                return Ok(None);
            }
        }
    }

    /// All messages, oldest first. It may wait for a disk, and hold much: for tests.
    pub fn messages(&self) -> Vec<Arc<Message>> {
        let mut page = Page { order: Order::OldestFirst, past: None, limit: Page::MAX };
        let mut messages = Vec::new();
        loop {
            let listed = self.store.list(&Filter::default(), page);
            let listed = listed.unwrap_or_else(|error| {
                tracing::error!(%error, "the kept messages cannot be read");
                Listed::default()
            });
            let kept =
                listed.messages.iter().filter_map(|summary| self.store.get(&summary.id).ok());
            messages.extend(kept.flatten().map(|kept| kept.message));
            page.past = listed.next;
            if page.past.is_none() {
                return messages;
            }
        }
    }

    /// Asks the store where it may wait.
    async fn ask<T: Send + 'static>(
        &self,
        ask: impl FnOnce(&dyn Store) -> Result<T, CaptureError> + Send + 'static,
    ) -> Result<T, CaptureError> {
        let store = Arc::clone(&self.store);
        let asked = tokio::task::spawn_blocking(move || ask(&*store)).await;
        asked.map_err(|_| CaptureError::Cut)?
    }
}
