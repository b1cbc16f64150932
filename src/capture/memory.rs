//! Messages in memory.

use std::collections::{BTreeMap, HashMap};
use std::ops::Bound;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;

use super::{
    CaptureError, Filter, Keeping, Kept, Limits, Listed, Message, Order, Page, Removal, Store,
    Totals,
};

#[derive(Debug)]
pub struct Memory {
    limits: Limits,
    held: Mutex<Held>,
}

#[derive(Debug, Default)]
struct Held {
    messages: BTreeMap<u64, Arc<Message>>,
    numbers: HashMap<String, u64>,
    /// The number of the newest message that ever was here.
    last: u64,
    octets: u64,
    discarded: u64,
}

impl Memory {
    pub fn new(limits: Limits) -> Self {
        Self { limits, held: Mutex::default() }
    }

    fn keep_now(&self, message: Arc<Message>) -> u64 {
        let mut held = self.lock();
        held.last += 1;
        let number = held.last;
        held.octets += message.held();
        held.numbers.insert(message.id.clone(), number);
        held.messages.insert(number, message);
        while self.limits.are_exceeded_by(held.messages.len() as u64, held.octets) {
            held.discard_oldest();
        }
        number
    }

    /// What there is now, without what has become too old. The data stay whole whatever happens
    /// to a holder of the lock, so poison means nothing.
    fn lock(&self) -> MutexGuard<'_, Held> {
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(oldest) = self.limits.oldest(Timestamp::now()) {
            held.discard_before(oldest);
        }
        held
    }

    /// Those from which a page is taken, in its order. They are looked at when the lock is free
    /// again.
    fn candidates(&self, filter: &Filter, page: &Page) -> (Vec<Kept>, u64) {
        let held = self.lock();
        let after = filter.after.map_or(Bound::Unbounded, Bound::Excluded);
        let (from, to) = match (page.order, page.past) {
            (Order::NewestFirst, past) => (after, past.map_or(Bound::Unbounded, Bound::Excluded)),
            (Order::OldestFirst, past) => {
                (past.max(filter.after).map_or(Bound::Unbounded, Bound::Excluded), Bound::Unbounded)
            }
        };
        let total = held.messages.len() as u64;
        if is_empty(from, to) {
            return (Vec::new(), total);
        }
        let range = held.messages.range((from, to));
        let kept = |(number, message): (&u64, &Arc<Message>)| Kept {
            number: *number,
            message: Arc::clone(message),
        };
        let candidates = match page.order {
            Order::NewestFirst => range.rev().map(kept).collect(),
            Order::OldestFirst => range.map(kept).collect(),
        };
        (candidates, total)
    }
}

impl Store for Memory {
    fn keep(&self, message: Arc<Message>) -> Keeping {
        let number = self.keep_now(message);
        Box::pin(std::future::ready(Ok(number)))
    }

    fn get(&self, id: &str) -> Result<Option<Kept>, CaptureError> {
        let held = self.lock();
        let found = held.numbers.get(id).and_then(|number| held.messages.get_key_value(number));
        Ok(found.map(|(number, message)| Kept { number: *number, message: Arc::clone(message) }))
    }

    fn list(&self, filter: &Filter, page: Page) -> Result<Listed, CaptureError> {
        let (candidates, total) = self.candidates(filter, &page);
        let mut matching = candidates.iter().filter(|kept| filter.matches(kept));
        let messages: Vec<_> = matching.by_ref().take(page.limit()).map(Kept::summary).collect();
        let more = matching.next().is_some();
        let next = messages.last().map(|last| last.number).filter(|_| more);
        Ok(Listed { messages, next, total })
    }

    fn remove(&self, which: &Removal) -> Result<u64, CaptureError> {
        let numbers: Vec<u64> = match which {
            Removal::Ids(ids) => {
                let held = self.lock();
                ids.iter().filter_map(|id| held.numbers.get(id).copied()).collect()
            }
            Removal::Matching(filter) => {
                let (candidates, _) = self.candidates(filter, &Page::default());
                let matching = candidates.iter().filter(|kept| filter.matches(kept));
                matching.map(|kept| kept.number).collect()
            }
        };
        let mut held = self.lock();
        Ok(numbers.into_iter().filter(|number| held.remove(*number)).count() as u64)
    }

    fn totals(&self) -> Totals {
        let held = self.lock();
        Totals {
            kept: held.messages.len() as u64,
            octets: held.octets,
            newest: held.last,
            accepted: held.last,
            discarded: held.discarded,
        }
    }
}

impl Held {
    fn remove(&mut self, number: u64) -> bool {
        let Some(message) = self.messages.remove(&number) else { return false };
        self.numbers.remove(&message.id);
        self.octets -= message.held();
        true
    }

    fn discard_oldest(&mut self) {
        if let Some((&number, _)) = self.messages.first_key_value() {
            self.discarded += u64::from(self.remove(number));
        }
    }

    fn discard_before(&mut self, oldest: Timestamp) {
        while self.messages.first_key_value().is_some_and(|(_, m)| m.received < oldest) {
            self.discard_oldest();
        }
    }
}

/// A map panics at a range that ends before it begins.
fn is_empty(from: Bound<u64>, to: Bound<u64>) -> bool {
    match (from, to) {
        (Bound::Excluded(from), Bound::Excluded(to)) => from >= to,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::message::sample;
    use super::*;

    fn bounded(messages: u64, octets: u64) -> Memory {
        Memory::new(Limits { messages, octets, age: None })
    }

    fn keep(memory: &Memory, id: u32, octets: usize) {
        memory.keep_now(Arc::new(sample(&id.to_string(), &vec![0; octets])));
    }

    fn ids(memory: &Memory) -> String {
        let page = Page { order: Order::OldestFirst, ..Page::default() };
        let listed = memory.list(&Filter::default(), page).unwrap();
        listed.messages.into_iter().map(|message| message.id).collect()
    }

    #[test]
    fn the_oldest_make_room_and_are_counted() {
        let memory = bounded(3, 100);
        for id in 1..=4 {
            keep(&memory, id, 10);
        }
        assert_eq!(ids(&memory), "234");
        keep(&memory, 5, 85);
        assert_eq!(ids(&memory), "45");
        let Totals { kept, accepted, discarded, .. } = memory.totals();
        assert_eq!((kept, accepted, discarded), (2, 5, 3));
    }

    #[test]
    fn the_newest_stays_whatever_its_size() {
        let memory = bounded(3, 100);
        keep(&memory, 1, 10);
        keep(&memory, 2, 1000);
        assert_eq!(ids(&memory), "2");
    }

    #[test]
    fn what_is_too_old_goes_without_a_new_message() {
        let age = Some(Duration::from_secs(60));
        let memory = Memory::new(Limits { age, ..Limits::MEMORY });
        for (id, age) in [("a", 61), ("b", 1)] {
            let received = Timestamp::now() - Duration::from_secs(age);
            memory.keep_now(Arc::new(Message { received, ..sample(id, b"") }));
        }
        assert_eq!(memory.totals().kept, 1);
        assert!(memory.get("a").unwrap().is_none());
    }
}
