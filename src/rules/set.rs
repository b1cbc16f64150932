//! The rules of a daemon, in their order, with what they count.

use std::collections::HashSet;
use std::sync::atomic::{AtomicU16, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use serde::Serialize;

use super::error::RulesError;
use super::rule::Rule;
use super::stage::Stage;
use super::times::Times;
use super::when::Facts;

/// More would make each command walk a long list; our choice.
pub const MAX_RULES: usize = 1_000;

/// Senders that a rule remembers for `once per sender`. Who comes when it is full is let by.
const MAX_SENDERS: usize = 10_000;

/// The rules of a daemon. All sessions ask them, and they can be changed at any time: the next
/// command of every session meets the new ones.
///
/// The first rule that fits and whose turn it is wins. A rule whose turn it is not is passed
/// over, and counts that it fitted.
#[derive(Debug, Default)]
pub struct Rules {
    /// The stages at which rules wait. Where none does, this is all that is looked at.
    stages: AtomicU16,
    list: RwLock<List>,
}

type List = Arc<[Arc<Counting>]>;

/// A rule, and how often it has bitten.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Counted {
    #[serde(flatten)]
    pub rule: Arc<Rule>,
    pub hits: u64,
}

impl Rules {
    pub fn new(rules: Vec<Rule>) -> Result<Self, RulesError> {
        let set = Self::default();
        set.replace(rules)?;
        Ok(set)
    }

    /// The rule that bites at `stage`, if any. `facts` are asked for only where a rule waits.
    pub fn consult<'a>(
        &self,
        stage: Stage,
        facts: impl FnOnce() -> Facts<'a>,
    ) -> Option<Arc<Rule>> {
        if self.stages.load(Ordering::Acquire) & stage.bit() == 0 {
            return None;
        }
        let list = self.snapshot();
        let facts = facts();
        let here = list.iter().filter(|counting| counting.rule.stage() == stage);
        here.into_iter()
            .find(|counting| counting.bites(&facts))
            .map(|counting| Arc::clone(&counting.rule))
    }

    /// All rules in their order.
    pub fn list(&self) -> Vec<Counted> {
        self.snapshot().iter().map(|counting| counting.counted()).collect()
    }

    pub fn find(&self, name: &str) -> Option<Counted> {
        let list = self.snapshot();
        list.iter().find(|c| c.rule.name() == name).map(|counting| counting.counted())
    }

    /// Adds a rule behind the others.
    pub fn add(&self, rule: Rule) -> Result<(), RulesError> {
        self.change(|list| list.push(Counting::of(rule.into())))
    }

    /// Adds a rule before the others, so that it is asked first.
    pub fn add_first(&self, rule: Rule) -> Result<(), RulesError> {
        self.change(|list| list.insert(0, Counting::of(rule.into())))
    }

    /// Puts a rule in the place of the one of its name, or behind the others; its count begins at
    /// zero. Says whether there was one.
    pub fn put(&self, rule: Rule) -> Result<bool, RulesError> {
        let mut replaced = false;
        self.change(|list| {
            let rule = Counting::of(rule.into());
            match list.iter_mut().find(|counting| counting.rule.name() == rule.rule.name()) {
                Some(there) => {
                    *there = rule;
                    replaced = true;
                }
                None => list.push(rule),
            }
        })?;
        Ok(replaced)
    }

    /// Takes these rules in place of all others, their counts at zero.
    pub fn replace(&self, rules: Vec<Rule>) -> Result<(), RulesError> {
        self.change(|list| {
            *list = rules.into_iter().map(|rule| Counting::of(rule.into())).collect();
        })
    }

    /// Removes the rule called `name`; says whether there was one.
    pub fn remove(&self, name: &str) -> bool {
        let mut removed = false;
        let changed = self.change(|list| {
            let before = list.len();
            list.retain(|counting| counting.rule.name() != name);
            removed = list.len() < before;
        });
        changed.is_ok() && removed
    }

    /// Sets all counts back to zero, so that `first 1` begins anew.
    pub fn reset(&self) {
        // The same rules stay allowed.
        let _ = self.change(|list| {
            for counting in list {
                *counting = Counting::of(Arc::clone(&counting.rule));
            }
        });
    }

    fn snapshot(&self) -> List {
        Arc::clone(&self.list.read().unwrap_or_else(PoisonError::into_inner))
    }

    fn change(&self, change: impl FnOnce(&mut Vec<Arc<Counting>>)) -> Result<(), RulesError> {
        let mut list = self.list.write().unwrap_or_else(PoisonError::into_inner);
        let mut changed = list.to_vec();
        change(&mut changed);
        check(&changed)?;
        let stages = changed.iter().fold(0, |mask, counting| mask | counting.rule.stage().bit());
        *list = changed.into();
        self.stages.store(stages, Ordering::Release);
        Ok(())
    }
}

fn check(rules: &[Arc<Counting>]) -> Result<(), RulesError> {
    if rules.len() > MAX_RULES {
        return Err(RulesError::TooMany);
    }
    let mut names = HashSet::new();
    match rules.iter().find(|counting| !names.insert(counting.rule.name())) {
        Some(second) => Err(RulesError::NameTaken(second.rule.name().to_owned())),
        None => Ok(()),
    }
}

/// A rule and its counts.
#[derive(Debug)]
struct Counting {
    rule: Arc<Rule>,
    /// How often its conditions fitted.
    fits: AtomicU64,
    hits: AtomicU64,
    /// For `once per sender`, in lower case.
    senders: Mutex<HashSet<Box<str>>>,
}

impl Counting {
    fn of(rule: Arc<Rule>) -> Arc<Self> {
        Arc::new(Self {
            rule,
            fits: AtomicU64::new(0),
            hits: AtomicU64::new(0),
            senders: Mutex::default(),
        })
    }

    fn counted(&self) -> Counted {
        Counted { rule: Arc::clone(&self.rule), hits: self.hits.load(Ordering::Relaxed) }
    }

    /// Whether the rule fits and it is its turn. Counts both.
    fn bites(&self, facts: &Facts<'_>) -> bool {
        if !self.rule.when().fits(self.rule.stage(), facts) {
            return false;
        }
        let before = self.fits.fetch_add(1, Ordering::Relaxed);
        let bites = match self.rule.times() {
            Times::OncePerSender => facts.sender.as_deref().is_some_and(|s| self.is_new(s)),
            times => times.bites(before),
        };
        if bites {
            self.hits.fetch_add(1, Ordering::Relaxed);
        }
        bites
    }

    fn is_new(&self, sender: &str) -> bool {
        let mut senders = self.senders.lock().unwrap_or_else(PoisonError::into_inner);
        senders.len() < MAX_SENDERS && senders.insert(sender.to_ascii_lowercase().into())
    }
}
