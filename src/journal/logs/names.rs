//! Names that stand in many rows, each kept once.

use std::borrow::Cow;

use indexmap::IndexSet;

/// A name of [`Names`].
pub type NameId = u32;

/// What a name counts as for which there is no room.
pub const OTHERS: NameId = 0;

/// The octets of a name that are kept.
const MAX_LENGTH: usize = 200;

/// A set of names that grows up to a limit.
pub struct Names {
    all: IndexSet<Box<[u8]>>,
    limit: usize,
}

impl Names {
    pub fn new(limit: usize) -> Self {
        Self { all: IndexSet::from([b"(others)"[..].into()]), limit }
    }

    /// The id of `name`, or [`OTHERS`] if the set is full.
    pub fn id(&mut self, name: &[u8]) -> NameId {
        let name = &name[..name.len().min(MAX_LENGTH)];
        let known = self.all.get_index_of(name);
        let index = match known {
            Some(index) => index,
            None if self.all.len() < self.limit => self.all.insert_full(name.into()).0,
            None => return OTHERS,
        };
        // The limit is below 2³².
        index as NameId
    }

    /// The id of a name that is there.
    fn known(&self, name: &[u8]) -> Option<NameId> {
        let index = self.all.get_index_of(&name[..name.len().min(MAX_LENGTH)]);
        index.map(|index| index as NameId)
    }

    /// The name, fit for a terminal.
    pub fn text(&self, id: NameId) -> Cow<'_, str> {
        let name = self.all.get_index(id as usize).map_or(&b""[..], |name| name);
        match String::from_utf8_lossy(name) {
            text if text.contains(char::is_control) => {
                text.replace(char::is_control, "\u{fffd}").into()
            }
            text => text,
        }
    }

    pub fn is_full(&self) -> bool {
        self.all.len() >= self.limit
    }
}

/// A few names with what was counted of each.
#[derive(Clone, Debug)]
pub struct Few<T, const LIMIT: usize> {
    entries: Vec<(NameId, T)>,
}

impl<T, const LIMIT: usize> Default for Few<T, LIMIT> {
    fn default() -> Self {
        Self { entries: Vec::new() }
    }
}

impl<T: Default, const LIMIT: usize> Few<T, LIMIT> {
    /// What is counted of `name`, or of [`OTHERS`] beyond the limit.
    pub fn of(&mut self, name: NameId) -> &mut T {
        let place = |entries: &[(NameId, T)], name| entries.iter().position(|(id, _)| *id == name);
        let name = match place(&self.entries, name) {
            None if self.entries.len() >= LIMIT => OTHERS,
            _ => name,
        };
        let at = place(&self.entries, name).unwrap_or_else(|| {
            self.entries.push((name, T::default()));
            self.entries.len() - 1
        });
        &mut self.entries[at].1
    }

    /// [`Self::of`] a name that a peer has chosen: one for which there is no room here takes
    /// none among all names either.
    pub fn named(&mut self, name: &[u8], names: &mut Names) -> &mut T {
        let id = match self.entries.len() < LIMIT {
            true => names.id(name),
            false => names.known(name).unwrap_or(OTHERS),
        };
        self.of(id)
    }

    pub fn iter(&self) -> impl ExactSizeIterator<Item = (NameId, &T)> {
        self.entries.iter().map(|(id, value)| (*id, value))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_kept_once_and_up_to_the_limit() {
        let mut names = Names::new(3);
        let a = names.id(b"a");
        assert_eq!(names.id(b"a"), a);
        let b = names.id(b"b\x1b[2J\xff");
        assert_eq!(names.text(b), "b\u{fffd}[2J\u{fffd}");
        assert!(names.is_full());
        assert_eq!(names.id(b"c"), OTHERS);
        assert_eq!(names.text(OTHERS), "(others)");
        assert_eq!(names.id(b"a"), a);
    }

    #[test]
    fn few_are_told_apart_and_the_rest_counted_together() {
        let mut few = Few::<u64, 2>::default();
        for name in [5, 6, 7, 8, 5] {
            *few.of(name) += 1;
        }
        assert_eq!(few.iter().collect::<Vec<_>>(), [(5, &2), (6, &1), (OTHERS, &2)]);
    }
}
