//! The table of a decoder (RFC 7541, 2.3 and 4): the static entries, then those that the peer added, newest first.

use std::collections::VecDeque;

use super::Broken;
use super::field::{Field, Name};
use super::static_table::ENTRIES;

#[derive(Debug, Clone)]
pub(super) struct Entry {
    /// As RFC 7541 4.1 counts it, which is also how a header list is counted.
    pub(super) size: usize,
    /// The field, or its name when HTTP does not allow the field. HPACK does, so the entry must be there.
    pub(super) field: Result<Field, Name>,
}

impl Entry {
    pub(super) fn name(&self) -> Name {
        self.field.as_ref().map_or_else(Clone::clone, Name::from)
    }
}

#[derive(Debug)]
pub(super) struct Table {
    added: VecDeque<Entry>,
    size: usize,
    most: usize,
}

impl Table {
    pub(super) fn new(most: usize) -> Self {
        Self {
            added: VecDeque::new(),
            size: 0,
            most,
        }
    }

    pub(super) fn get(&self, index: usize) -> Result<&Entry, Broken> {
        let at = index.checked_sub(1).ok_or(Broken::Index)?;
        match ENTRIES.get(at) {
            Some(entry) => Ok(entry),
            None => self.added.get(at - ENTRIES.len()).ok_or(Broken::Index),
        }
    }

    pub(super) fn name(&self, index: usize) -> Result<Name, Broken> {
        self.get(index).map(Entry::name)
    }

    pub(super) fn insert(&mut self, entry: Entry) {
        // An entry larger than the table empties it, and that is no error.
        self.evict(self.most.saturating_sub(entry.size));
        if entry.size <= self.most {
            self.size += entry.size;
            self.added.push_front(entry);
        }
    }

    /// Changes the greatest size.
    pub(super) fn resize(&mut self, most: usize) {
        self.most = most;
        self.evict(most);
    }

    fn evict(&mut self, most: usize) {
        while self.size > most
            && let Some(entry) = self.added.pop_back()
        {
            self.size -= entry.size;
        }
    }

    #[cfg(test)]
    pub(super) fn added(&self) -> (usize, usize) {
        (self.added.len(), self.size)
    }
}
