//! What keeps messages.

use std::fmt::Debug;
use std::pin::Pin;
use std::sync::Arc;

use jiff::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;

use super::filter::Fields;
use super::{CaptureError, Filter, Message};

/// A place that keeps messages within its limits; the oldest go first.
///
/// All but [`Store::keep`] may wait for a disk: [`Capture`](super::Capture) calls them where that
/// holds up nobody.
pub trait Store: Debug + Send + Sync {
    /// Keeps a message, and gives it its number. When the future is ready, it is kept for good,
    /// and every message of a lower number can be had.
    fn keep(&self, message: Arc<Message>) -> Keeping;

    fn get(&self, id: &str) -> Result<Option<Kept>, CaptureError>;

    fn list(&self, filter: &Filter, page: Page) -> Result<Listed, CaptureError>;

    /// Removes messages, and tells how many there were.
    fn remove(&self, which: &Removal) -> Result<u64, CaptureError>;

    fn totals(&self) -> Totals;
}

/// Gives the number of the message.
pub type Keeping = Pin<Box<dyn Future<Output = Result<u64, CaptureError>> + Send>>;

/// A message that was accepted.
#[derive(Clone, Debug)]
pub struct Kept {
    /// Each message has a higher one than those accepted before it.
    pub number: u64,
    pub message: Arc<Message>,
}

/// A message in a list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Summary {
    pub number: u64,
    pub id: String,
    pub session: String,
    pub received: Timestamp,
    /// `SERVER\Connector name`
    pub connector: String,
    pub remote: String,
    /// The account, or `null` for an anonymous peer.
    pub identity: Option<String>,
    /// As the reply named it: its Message-ID field, or an id of this server.
    pub message_id: String,
    /// The sender in the envelope; empty for the null path.
    pub from: String,
    /// The recipients in the envelope.
    pub to: Vec<String>,
    pub subject: String,
    /// The first 200 characters of the text.
    pub preview: String,
    /// Octets of the content.
    pub octets: u64,
    /// How many fields the header firewall takes out.
    pub stripped: u64,
}

/// A part of a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Page {
    pub order: Order,
    /// Where the page before it ended: [`Listed::next`].
    pub past: Option<u64>,
    /// At most [`Page::MAX`].
    pub limit: usize,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Order {
    #[default]
    NewestFirst,
    OldestFirst,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Listed {
    pub messages: Vec<Summary>,
    /// There may be more past this number, also where there are fewer messages than asked for: a
    /// page of a large store is given back before it takes long.
    pub next: Option<u64>,
    /// Messages that are kept, whether they match or not.
    pub total: u64,
}

/// Which messages are removed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Removal {
    Ids(Vec<String>),
    /// With the default filter, all.
    Matching(Box<Filter>),
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Totals {
    /// Messages that are there.
    pub kept: u64,
    /// Octets that they take.
    pub octets: u64,
    /// The highest number that a message ever had.
    pub newest: u64,
    /// Accepted since the start.
    pub accepted: u64,
    /// Gone since the start to keep within the limits.
    pub discarded: u64,
}

impl Page {
    pub const MAX: usize = 1_000;

    pub(super) fn limit(&self) -> usize {
        self.limit.clamp(1, Self::MAX)
    }
}

impl Default for Page {
    fn default() -> Self {
        Self { order: Order::NewestFirst, past: None, limit: 50 }
    }
}

impl Summary {
    pub(super) fn fields(&self) -> Fields<'_> {
        Fields {
            number: self.number,
            received: self.received,
            session: &self.session,
            connector: &self.connector,
            identity: self.identity.as_deref().unwrap_or_default(),
            message_id: &self.message_id,
            from: &self.from,
            subject: &self.subject,
        }
    }
}

impl Kept {
    pub fn summary(&self) -> Summary {
        let Message { envelope, digest, .. } = &*self.message;
        let recipients = envelope.recipients.iter();
        Summary {
            number: self.number,
            id: self.message.id.clone(),
            session: self.message.session.clone(),
            received: self.message.received,
            connector: self.message.connector.clone(),
            remote: self.message.remote.clone(),
            identity: self.message.identity.clone(),
            message_id: self.message.message_id.clone(),
            from: envelope.reverse_path.to_string(),
            to: recipients.map(|recipient| recipient.mailbox.to_string()).collect(),
            subject: digest.subject.clone(),
            preview: digest.preview.clone(),
            octets: self.message.octets,
            stripped: self.message.stripped.len() as u64,
        }
    }
}
