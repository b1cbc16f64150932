//! Webhooks: what happens is posted to whoever wants it, signed, and tried again where it fails.
//!
//! Signed as Standard Webhooks 1.0.0 has it (github.com/standard-webhooks/standard-webhooks).
//! What one hook is told keeps its order; a hook that does not answer holds up nobody else.

mod post;

use std::time::Duration;

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use jiff::Timestamp;
use serde::Serialize;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::App;
use super::feed::{Feed, Happened};
use crate::config::{Trigger, Webhook, WebhookSecret};
use crate::journal::Point;
use post::{PostError, Poster, Signed};

/// What waits for a hook at most; more is dropped. These four are our choice.
const QUEUE: usize = 1_000;
/// How long is waited before each further try.
const WAITS: [Duration; 4] = [
    Duration::from_secs(1),
    Duration::from_secs(5),
    Duration::from_secs(15),
    Duration::from_secs(60),
];
/// For what happened just before the end.
const LAST: Duration = Duration::from_millis(100);
/// For one try, from the connection to the answer.
const PATIENCE: Duration = Duration::from_secs(10);

/// Tells `hooks` what happens from now on, until `stopping`; what happened by then is tried
/// once more.
pub fn start(app: &App, hooks: Vec<Webhook>, stopping: &CancellationToken) -> Vec<JoinHandle<()>> {
    let tasks = hooks.into_iter().filter_map(|hook| {
        let poster = Poster::new(hook.url.clone());
        let failed = |error| tracing::error!("the webhook {} cannot be used: {error}", hook.url);
        let poster = poster.map_err(failed).ok()?;
        let (queue, queued) = mpsc::channel(QUEUE);
        let (feed, on) = (Feed::new(app.clone(), None), hook.on.clone());
        let collector = Collector { feed, on, queue, name: hook.url.to_string(), dropping: false };
        let stopping = stopping.clone();
        let sender = Sender { hook, poster, stopping: stopping.clone(), failing: false, lost: 0 };
        Some([tokio::spawn(collector.collect(stopping)), tokio::spawn(sender.send(queued))])
    });
    tasks.flatten().collect()
}

/// What is posted.
#[derive(Serialize)]
struct Payload<'a> {
    r#type: &'static str,
    timestamp: Timestamp,
    data: &'a Happened,
}

/// A body that is to be posted.
struct Told {
    id: String,
    body: String,
}

/// Takes what happens to the queue of a hook.
struct Collector {
    feed: Feed,
    on: Vec<Trigger>,
    queue: mpsc::Sender<Told>,
    name: String,
    /// The queue was full the last time.
    dropping: bool,
}

impl Collector {
    async fn collect(mut self, stopping: CancellationToken) {
        while let Some(Some((_, happened))) = stopping.run_until_cancelled(self.feed.next()).await {
            self.take(&happened);
        }
        while let Ok(Some((_, happened))) = tokio::time::timeout(LAST, self.feed.next()).await {
            self.take(&happened);
        }
    }

    fn take(&mut self, happened: &Happened) {
        let Some(trigger) = trigger(happened).filter(|trigger| self.on.contains(trigger)) else {
            return;
        };
        let payload =
            Payload { r#type: trigger.name(), timestamp: Timestamp::now(), data: happened };
        // Strings and numbers always serialise.
        let Ok(body) = serde_json::to_string(&payload) else { return };
        let id = format!("msg_{}", uuid::Uuid::new_v4().simple());
        let dropped = self.queue.try_send(Told { id, body }).is_err();
        if dropped && !self.dropping {
            let name = &self.name;
            tracing::warn!("the webhook {name} does not keep up, and is not told all that happens");
        }
        self.dropping = dropped;
    }
}

fn trigger(happened: &Happened) -> Option<Trigger> {
    match happened {
        Happened::Message(_) => Some(Trigger::Message),
        Happened::Session(change) => match change.point {
            Point::Began | Point::Ruled => None,
            Point::Refused => Some(Trigger::Refused),
            Point::Ended => Some(Trigger::Session),
        },
        Happened::Event(_) => Some(Trigger::Event),
    }
}

/// Posts what is queued for a hook.
struct Sender {
    hook: Webhook,
    poster: Poster,
    stopping: CancellationToken,
    /// The last try failed.
    failing: bool,
    /// Given up since the hook began to fail.
    lost: u64,
}

impl Sender {
    async fn send(mut self, mut queued: mpsc::Receiver<Told>) {
        while let Some(told) = queued.recv().await {
            self.deliver(&told).await;
        }
    }

    async fn deliver(&mut self, told: &Told) {
        let mut waits = WAITS.iter();
        while let Err(error) = self.post(told).await {
            if !self.failing {
                tracing::warn!("the webhook {} cannot be told: {error}", self.hook.url);
                self.failing = true;
            }
            let Some(wait) = waits.next().filter(|_| !self.stopping.is_cancelled()) else {
                self.lost += 1;
                return;
            };
            let _ = tokio::time::timeout(*wait, self.stopping.cancelled()).await;
        }
        if self.failing {
            tracing::info!(lost = self.lost, "the webhook {} answers again", self.hook.url);
            (self.failing, self.lost) = (false, 0);
        }
    }

    /// Each try has a signature of its own, as its time is part of that.
    async fn post(&self, told: &Told) -> Result<(), PostError> {
        let Told { id, body } = told;
        let time = Timestamp::now().as_second();
        let signature = self.hook.secret.as_ref().map(|secret| sign(secret, id, time, body));
        let posted = self.poster.post(Signed { id, time, signature, body });
        tokio::time::timeout(PATIENCE, posted).await.unwrap_or(Err(PostError::Late))
    }
}

fn sign(secret: &WebhookSecret, id: &str, time: i64, body: &str) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret.key());
    let tag = hmac::sign(&key, format!("{id}.{time}.{body}").as_bytes());
    format!("v1,{}", BASE64_STANDARD.encode(tag))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of the specification's libraries.
    #[test]
    fn the_signature_is_the_standards() {
        let secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw".parse().unwrap();
        let signature =
            sign(&secret, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330, "{\"test\": 2432232314}");
        assert_eq!(signature, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }
}
