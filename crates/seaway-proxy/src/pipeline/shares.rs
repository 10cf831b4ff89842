//! Where each thread keeps the state of its splits and mirrors, and how that state outlives a reload.
//!
//! Looked up by the route's number while the configuration stays the same, which costs a vector's index. When it
//! changes, state is found again by what a split is: the object, the rule, the match and the weights. So a change to another
//! route, or to this one's headers, does not restart a canary's count, and a change of its weights does.

use std::cell::RefCell;
use std::hash::{Hash, Hasher};
use std::sync::{Arc, Weak};

use rustc_hash::{FxHashMap, FxHasher};
use seaway_model::{Forward, Match, Route};
use seaway_route::{CompiledRoute, RouteId};
use smallvec::SmallVec;

use super::chance::{self, Spread};
use super::split::Split;
use crate::snapshot::Snapshot;

/// Forgotten states are swept out when there are so many more than routes in use.
const MAX_UNCLAIMED: usize = 16_384;

/// What one thread knows of one route.
#[derive(Debug)]
struct Shares {
    split: Split,
    mirrors: SmallVec<[Spread; 1]>,
}

#[derive(Default)]
struct Registry {
    /// Keeps the allocation, so that its address stays its identity; not the snapshot.
    snapshot: Weak<Snapshot>,
    by_number: FxHashMap<RouteId, (u64, Shares)>,
    by_identity: FxHashMap<u64, Shares>,
}

thread_local! {
    static REGISTRY: RefCell<Registry> = RefCell::new(Registry::default());
}

/// The destination of the next request of a route, as an index into `forward.destinations`.
pub(crate) fn destination(snapshot: &Arc<Snapshot>, route: &CompiledRoute, forward: &Forward) -> usize {
    if forward.destinations.len() < 2 {
        return 0;
    }
    with(snapshot, route, forward, |shares| {
        shares.split.next(weights(forward))
    })
}

/// Which of a route's mirrors get a copy of the next request, as indices into `route.mirrors`.
pub(crate) fn mirrors(
    snapshot: &Arc<Snapshot>,
    route: &CompiledRoute,
    forward: &Forward,
) -> SmallVec<[usize; 1]> {
    if route.route.mirrors.is_empty() {
        return SmallVec::new();
    }
    with(snapshot, route, forward, |shares| {
        let spreads = shares.mirrors.iter_mut().zip(&route.route.mirrors).enumerate();
        spreads
            .filter_map(|(index, (spread, mirror))| {
                spread.takes(mirror.fraction, chance::below).then_some(index)
            })
            .collect()
    })
}

fn weights(forward: &Forward) -> impl Iterator<Item = u32> + Clone + '_ {
    forward.destinations.iter().map(|d| d.weight)
}

fn with<T>(
    snapshot: &Arc<Snapshot>,
    route: &CompiledRoute,
    forward: &Forward,
    act: impl FnOnce(&mut Shares) -> T,
) -> T {
    REGISTRY.with_borrow_mut(|registry| {
        registry.follow(snapshot);
        let Registry {
            by_number,
            by_identity,
            ..
        } = registry;
        let (_, shares) = by_number.entry(route.id).or_insert_with(|| {
            let identity = identity(&route.route, forward);
            let kept = by_identity.remove(&identity);
            (
                identity,
                kept.unwrap_or_else(|| Shares::new(&route.route, forward)),
            )
        });
        act(shares)
    })
}

impl Registry {
    /// Numbers are those of one snapshot. A late request of an older one makes the state change hands twice, which is
    /// rare and harmless.
    fn follow(&mut self, snapshot: &Arc<Snapshot>) {
        if std::ptr::eq(self.snapshot.as_ptr(), Arc::as_ptr(snapshot)) {
            return;
        }
        if self.by_identity.len() > MAX_UNCLAIMED + self.by_number.len() {
            self.by_identity.clear();
        }
        self.by_identity
            .extend(self.by_number.drain().map(|(_, entry)| entry));
        self.snapshot = Arc::downgrade(snapshot);
    }
}

impl Shares {
    fn new(route: &Route, forward: &Forward) -> Self {
        Self {
            split: Split::new(weights(forward), chance::below),
            mirrors: route.mirrors.iter().map(|_| Spread::new(chance::below)).collect(),
        }
    }
}

/// Positions in files are left out: moving an object in its file changes nothing.
fn identity(route: &Route, forward: &Forward) -> u64 {
    let mut hasher = FxHasher::default();
    let origin = &route.origin;
    (&origin.kind, &origin.namespace, &origin.name, route.rule).hash(&mut hasher);
    match &route.matches {
        Match::When(conditions) => conditions.hash(&mut hasher),
        Match::Never { .. } => {}
    }
    for destination in &forward.destinations {
        (&destination.target, destination.weight).hash(&mut hasher);
    }
    for mirror in &route.mirrors {
        mirror.hash(&mut hasher);
    }
    hasher.finish()
}
