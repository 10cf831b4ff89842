//! One version of everything that is served, in the form in which it is sent.
//!
//! A resource that did not change keeps its bytes, and its version with them, so that it is not sent again. A snapshot knows what the versions before it changed: a thousand clients that are up to date each
//! look at the one name that changed and not at all of them.

use std::collections::VecDeque;
use std::sync::Arc;

use bytes::Bytes;
use rustc_hash::FxHashMap;

use crate::Kind;

/// How many changes back a snapshot remembers. A client that is further behind is compared name by name.
const MEMORY: usize = 64;

/// A resource, ready to be sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resource {
    /// Of which type.
    pub kind: Kind,
    /// Its name, unique within its type.
    pub name: Arc<str>,
    /// The message, without the `Any` around it.
    pub body: Bytes,
    /// What it refers to, and cannot serve without: a cluster's endpoints and secrets, a listener's routes and secrets.
    pub needs: Vec<(Kind, Arc<str>)>,
}

/// A resource with its version.
#[derive(Debug)]
pub struct Versioned {
    /// The resource.
    pub resource: Resource,
    /// A hash of its bytes.
    pub version: u64,
}

impl Versioned {
    /// Prepares a resource for sending.
    #[must_use]
    pub fn new(resource: Resource) -> Arc<Self> {
        let version = twox_hash::XxHash64::oneshot(0, &resource.body);
        Arc::new(Self { resource, version })
    }
}

/// Names of one kind.
type Names = FxHashMap<Arc<str>, Arc<Versioned>>;

/// The names that a version changed.
type Changed = Arc<[(Kind, Arc<str>)]>;

/// Everything that is served. Immutable.
#[derive(Debug, Default)]
pub struct Snapshot {
    number: u64,
    kinds: [Names; 5],
    /// What each of the last versions changed, the newest last: its number, and the names.
    changes: VecDeque<(u64, Changed)>,
}

impl Snapshot {
    /// The version after this one. Of two with one name the last is served.
    #[must_use]
    pub fn next(&self, resources: impl IntoIterator<Item = Arc<Versioned>>) -> Self {
        let mut kinds: [Names; 5] = Default::default();
        for entry in resources {
            if let Some(names) = kinds.get_mut(entry.resource.kind as usize) {
                names.insert(Arc::clone(&entry.resource.name), entry);
            }
        }
        let mut next = Self {
            number: self.number + 1,
            kinds,
            changes: self.changes.clone(),
        };
        let changed: Changed = next.differences(self).into();
        next.changes.push_back((next.number, changed));
        if next.changes.len() > MEMORY {
            next.changes.pop_front();
        }
        next
    }

    /// Counts from 1; 0 is the empty one before the first.
    #[must_use]
    pub fn number(&self) -> u64 {
        self.number
    }

    /// A resource by its name.
    #[must_use]
    pub fn get(&self, kind: Kind, name: &str) -> Option<&Arc<Versioned>> {
        self.names(kind).get(name)
    }

    /// All names of a kind.
    pub(super) fn names(&self, kind: Kind) -> &Names {
        let [clusters, endpoints, secrets, listeners, routes] = &self.kinds;
        match kind {
            Kind::Secret => secrets,
            Kind::Cluster => clusters,
            Kind::Endpoints => endpoints,
            Kind::Listener => listeners,
            Kind::Routes => routes,
        }
    }

    /// The names of which this snapshot may hold something else than `older` does; each maybe more than once.
    pub fn changed_since(&self, older: &Self) -> Vec<(Kind, Arc<str>)> {
        if older.number == self.number {
            return Vec::new();
        }
        let remembered = |(number, _): &&(u64, Changed)| *number > older.number;
        let missed: Vec<_> = self.changes.iter().filter(remembered).collect();
        if missed
            .first()
            .is_some_and(|(number, _)| *number == older.number + 1)
        {
            return missed
                .iter()
                .flat_map(|(_, names)| names.iter().cloned())
                .collect();
        }
        self.differences(older)
    }

    fn differences(&self, older: &Self) -> Vec<(Kind, Arc<str>)> {
        let mut found = Vec::new();
        for kind in Kind::ALL {
            let (new, old) = (self.names(kind), older.names(kind));
            let changed = new.iter().filter(|(name, entry)| {
                old.get(*name)
                    .is_none_or(|before| before.version != entry.version)
            });
            found.extend(changed.map(|(name, _)| (kind, Arc::clone(name))));
            let gone = old.keys().filter(|name| !new.contains_key(*name));
            found.extend(gone.map(|name| (kind, Arc::clone(name))));
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cluster(name: &str, body: &[u8]) -> Arc<Versioned> {
        Versioned::new(Resource {
            kind: Kind::Cluster,
            name: name.into(),
            body: Bytes::copy_from_slice(body),
            needs: Vec::new(),
        })
    }

    #[test]
    fn only_what_is_different_has_changed() {
        let first = Snapshot::default().next([cluster("a", b"1"), cluster("b", b"1")]);
        let second = first.next([cluster("a", b"1"), cluster("b", b"2")]);
        assert_eq!(second.changed_since(&first), [(Kind::Cluster, "b".into())]);
    }

    #[test]
    fn a_name_that_is_gone_is_a_change() {
        let first = Snapshot::default().next([cluster("a", b"1")]);
        let second = first.next([]);
        assert_eq!(second.changed_since(&first), [(Kind::Cluster, "a".into())]);
    }

    #[test]
    fn whoever_is_far_behind_is_compared_name_by_name() {
        let first = Snapshot::default().next([cluster("a", b"0")]);
        let mut last = first.next([cluster("a", b"1")]);
        for turn in 0..=MEMORY {
            last = last.next([cluster("a", &[2, u8::try_from(turn % 2).unwrap()])]);
        }
        assert_eq!(last.changed_since(&first), [(Kind::Cluster, "a".into())]);
        assert!(last.changed_since(&last).is_empty());
    }
}
