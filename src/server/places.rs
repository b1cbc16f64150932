//! MaxInboundConnection, and what of it one source may have.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::{Instant, timeout_at};

use crate::connector::{ReceiveConnector, SourceAddress, Unlimited};
use crate::journal::Refused;
use crate::session::Reason;

/// The connections to one connector. The lock is held for an operation on a map, when a
/// connection comes and when it goes.
#[derive(Debug, Default)]
pub(super) struct Places {
    taken: Mutex<Taken>,
    /// A place was left.
    left: Notify,
}

#[derive(Debug, Default)]
struct Taken {
    all: u32,
    /// Sources that have a connection.
    by_source: HashMap<SourceAddress, u32>,
}

/// Why there is no place. Every limit is the one that was reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Full {
    #[error("MaxInboundConnection ({limit}) is reached")]
    Connector { limit: u32 },
    #[error("MaxInboundConnectionPerSource ({limit}) is reached")]
    Source { limit: u32 },
    #[error(
        "MaxInboundConnectionPercentagePerSource ({percentage} % of {left}, which others leave) \
         is reached: {limit}"
    )]
    Share { percentage: u32, left: u32, limit: u32 },
}

impl Places {
    /// Takes a place for a connection from `source`, until it is dropped.
    pub(super) fn take(
        self: &Arc<Self>,
        connector: &ReceiveConnector,
        source: SourceAddress,
    ) -> Result<Place, Full> {
        let mut taken = self.lock();
        let own = taken.by_source.get(&source).copied().unwrap_or(0);
        check(connector, taken.all, own)?;
        taken.all += 1;
        taken.by_source.insert(source, own + 1);
        Ok(Place { places: Some(Arc::clone(self)), source: Some(source) })
    }

    /// The same, but waits a moment before it says no. Who hangs up and comes back at once has
    /// gone, though nobody has read so far that he did.
    pub(super) async fn take_or_wait(
        self: &Arc<Self>,
        connector: &ReceiveConnector,
        source: SourceAddress,
    ) -> Result<Place, Full> {
        const MOMENT: Duration = Duration::from_millis(250);
        let end = Instant::now() + MOMENT;
        loop {
            // Before looking, so that nobody leaves unseen in between.
            let left = self.left.notified();
            let place = self.take(connector, source);
            if place.is_ok() || timeout_at(end, left).await.is_err() {
                return place;
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, Taken> {
        // Nothing panics while the counts are out of step.
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Full {
    pub(super) fn kind(self) -> Refused {
        match self {
            Self::Connector { .. } => Refused::MaxInboundConnection,
            Self::Source { .. } | Self::Share { .. } => Refused::MaxInboundConnectionPerSource,
        }
    }

    pub(super) fn reason(self) -> Reason {
        let parameter = match self {
            Self::Connector { .. } => "MaxInboundConnection",
            Self::Source { .. } => "MaxInboundConnectionPerSource",
            Self::Share { .. } => "MaxInboundConnectionPercentagePerSource",
        };
        Reason::NoPlace { parameter, words: self.to_string() }
    }

    pub(super) fn limit(self) -> u32 {
        match self {
            Self::Connector { limit } | Self::Source { limit } | Self::Share { limit, .. } => limit,
        }
    }
}

/// Whether one more fits where there are `all`, of which the source has `own`. Of the two
/// limits of a source the lower counts.
fn check(connector: &ReceiveConnector, all: u32, own: u32) -> Result<(), Full> {
    let mut share = None;
    if let Unlimited::Limited(limit) = connector.max_inbound_connection {
        if all >= limit {
            return Err(Full::Connector { limit });
        }
        share = Some(share_of(connector, limit - (all - own)));
    }
    let fixed = match connector.max_inbound_connection_per_source {
        Unlimited::Limited(limit) => Some(Full::Source { limit }),
        Unlimited::Unlimited => None,
    };
    match fixed.into_iter().chain(share).min_by_key(|full| full.limit()) {
        Some(full) if own >= full.limit() => Err(full),
        _ => Ok(()),
    }
}

/// A source's share of what the others leave: so it shrinks as they come, and 100 % is no
/// limit. Rounded down, and one at least. Our reading of "available remaining connections".
fn share_of(connector: &ReceiveConnector, left: u32) -> Full {
    let percentage = connector.max_inbound_connection_percentage_per_source;
    let share = u64::from(left) * u64::from(percentage) / 100;
    // Of a u32 at most 100 %.
    Full::Share { percentage, left, limit: (share as u32).max(1) }
}

/// A connection that counts.
#[derive(Debug)]
pub(super) struct Place {
    /// `None`: it has left.
    places: Option<Arc<Places>>,
    /// `None`: it counts for the connector only.
    source: Option<SourceAddress>,
}

impl Place {
    /// From now on it is not counted for its source.
    pub(super) fn leave_source(&mut self) {
        if let (Some(places), Some(source)) = (&self.places, self.source.take()) {
            places.lock().leave(source);
            places.left.notify_waiters();
        }
    }

    /// From now on it is not counted at all.
    pub(super) fn leave(&mut self) {
        let Some(places) = self.places.take() else { return };
        let mut taken = places.lock();
        taken.all -= 1;
        if let Some(source) = self.source.take() {
            taken.leave(source);
        }
        drop(taken);
        places.left.notify_waiters();
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.leave();
    }
}

impl Taken {
    fn leave(&mut self, source: SourceAddress) {
        if let Some(own) = self.by_source.get_mut(&source) {
            *own -= 1;
            if *own == 0 {
                self.by_source.remove(&source);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::connector::Version;

    struct Bench {
        connector: ReceiveConnector,
        places: Arc<Places>,
    }

    impl Bench {
        fn new(max: u32, per_source: Unlimited<u32>, percentage: u32) -> Self {
            let mut connector = ReceiveConnector::new("a", Version::E2019);
            connector.max_inbound_connection = Unlimited::Limited(max);
            connector.max_inbound_connection_per_source = per_source;
            connector.max_inbound_connection_percentage_per_source = percentage;
            Self { connector, places: Arc::default() }
        }

        fn take(&self, source: &str) -> Result<Place, Full> {
            self.places.take(&self.connector, source.parse().unwrap())
        }

        /// Takes places until there is none, and says how many there were and why no more.
        fn fill(&self, source: &str) -> (Vec<Place>, Full) {
            let mut places = Vec::new();
            loop {
                match self.take(source) {
                    Ok(place) => places.push(place),
                    Err(full) => return (places, full),
                }
            }
        }
    }

    const NONE: Unlimited<u32> = Unlimited::Unlimited;

    #[test]
    fn each_source_has_its_own_count() {
        let bench = Bench::new(5000, Unlimited::Limited(2), 100);
        let (first, full) = bench.fill("10.0.0.1");
        assert_eq!((first.len(), full), (2, Full::Source { limit: 2 }));
        for other in ["10.0.0.2", "2001:db8::1", "fe80::1%3", "fe80::1%4"] {
            assert_eq!(bench.fill(other).0.len(), 2, "{other}");
        }
        assert_eq!(bench.take("::ffff:10.0.0.1").unwrap_err(), full, "mapped into IPv6");
        drop(first);
        assert!(bench.take("10.0.0.1").is_ok());
        assert_eq!(bench.places.lock().by_source.len(), 0, "nothing is left of who has gone");
        assert_eq!(bench.places.lock().all, 0);
    }

    #[test]
    fn a_share_shrinks_as_others_come() {
        let bench = Bench::new(100, NONE, 20);
        assert_eq!(bench.fill("10.0.0.1").0.len(), 20);
        let others: Vec<_> = (0..50).map(|n| bench.take(&format!("10.1.0.{n}")).unwrap()).collect();
        let (own, full) = bench.fill("10.0.0.1");
        assert_eq!((own.len(), full), (10, Full::Share { percentage: 20, left: 50, limit: 10 }));
        assert_eq!(
            full.to_string(),
            "MaxInboundConnectionPercentagePerSource (20 % of 50, which others leave) is reached: 10"
        );
        drop(others);
        assert_eq!(bench.fill("10.0.0.1").0.len(), 10, "its own ten still count");
    }

    #[test]
    fn the_lower_of_the_two_counts() {
        let full = |bench: Bench| bench.fill("10.0.0.1").1;
        assert_eq!(full(Bench::new(100, Unlimited::Limited(5), 10)), Full::Source { limit: 5 });
        let share = Full::Share { percentage: 10, left: 100, limit: 10 };
        assert_eq!(full(Bench::new(100, Unlimited::Limited(20), 10)), share);
    }

    #[test]
    fn one_connection_fits_into_the_smallest_share_and_all_into_the_whole() {
        assert_eq!(Bench::new(10, NONE, 2).fill("10.0.0.1").0.len(), 1);
        let (all, full) = Bench::new(10, NONE, 100).fill("10.0.0.1");
        assert_eq!((all.len(), full), (10, Full::Connector { limit: 10 }));
    }

    #[test]
    fn without_a_limit_on_all_there_is_no_share_of_it() {
        let mut bench = Bench::new(1, NONE, 1);
        bench.connector.max_inbound_connection = Unlimited::Unlimited;
        let places: Vec<_> = (0..1000).map(|_| bench.take("10.0.0.1").unwrap()).collect();
        assert_eq!(bench.places.lock().all, places.len() as u32);
    }

    #[test]
    fn who_leaves_its_source_is_counted_for_the_connector_only() {
        let bench = Bench::new(2, Unlimited::Limited(1), 100);
        let mut server = bench.take("10.0.0.1").unwrap();
        server.leave_source();
        server.leave_source();
        let second = bench.take("10.0.0.1").unwrap();
        assert_eq!(bench.take("10.0.0.2").unwrap_err(), Full::Connector { limit: 2 });
        drop(server);
        assert_eq!(bench.take("10.0.0.1").unwrap_err(), Full::Source { limit: 1 });
        drop(second);
        assert_eq!(bench.places.lock().all, 0);
    }
}
