//! Where each thread keeps the state of its splits and mirrors, and how that state outlives a reload. Connections that
//! are not HTTP are split as requests are.
//!
//! Looked up by the route's number while the configuration stays the same. When it
//! changes, state is found again by what a split is: the object, the rule, the match and the weights. So a change to another
//! route, or to this one's headers, does not restart a canary's count, and a change of its weights does.

use std::cell::RefCell;
use std::hash::{Hash, Hasher};
use std::sync::{Arc, Weak};

use rustc_hash::{FxHashMap, FxHasher};
use seaway_model::{Forward, L4Destination, L4Route, Match, Origin, Route};
use seaway_route::CompiledRoute;
use smallvec::SmallVec;

use super::chance::{self, Spread};
use super::split::Split;
use crate::snapshot::Snapshot;

/// Forgotten states are swept out when there are so many more than routes in use.
const MAX_UNCLAIMED: usize = 16_384;

/// A route in one snapshot.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Number {
    /// Of requests, by its number.
    Requests(u32),
    /// Of connections, by where the snapshot has it in memory.
    Connections(usize),
}

/// What one thread knows of one route.
#[derive(Debug)]
struct Shares {
    split: Split,
    mirrors: SmallVec<[Spread; 1]>,
}

#[derive(Default)]
struct Registry {
    /// Keeps the allocation, so that its address stays its identity; not the snapshot. Addresses of routes mean
    /// something as long as it is the snapshot of the request at hand, which has them.
    snapshot: Weak<Snapshot>,
    by_number: FxHashMap<Number, (u64, Shares)>,
    by_identity: FxHashMap<u64, Shares>,
}

thread_local! {
    static REGISTRY: RefCell<Registry> = RefCell::new(Registry::default());
}

/// The destination of the next request of a route, as an index into its destinations.
pub(crate) fn destination(snapshot: &Arc<Snapshot>, route: &CompiledRoute) -> usize {
    if route.destinations.len() < 2 {
        return 0;
    }
    of_requests(snapshot, route, |shares, forward| {
        shares.split.next(weights(forward))
    })
    .unwrap_or_default()
}

/// Which of a route's mirrors get a copy of the next request, as indices into [`CompiledRoute::mirrors`].
pub(crate) fn mirrors(snapshot: &Arc<Snapshot>, route: &CompiledRoute) -> SmallVec<[usize; 1]> {
    let mirrors = route.mirrors();
    if mirrors.is_empty() {
        return SmallVec::new();
    }
    of_requests(snapshot, route, |shares, _| {
        let spreads = shares.mirrors.iter_mut().zip(mirrors).enumerate();
        spreads
            .filter_map(|(index, (spread, mirror))| {
                spread.takes(mirror.fraction, chance::below).then_some(index)
            })
            .collect()
    })
    .unwrap_or_default()
}

/// The destination of the next connection or session of a route: one of `snapshot`'s, exact over time as for requests.
/// `None` for a route without destinations.
pub fn connection<'r>(snapshot: &Arc<Snapshot>, route: &'r Arc<L4Route>) -> Option<&'r L4Destination> {
    let weights = || route.destinations.iter().map(|d| d.weight);
    if route.destinations.len() < 2 {
        return route.destinations.first();
    }
    let number = Number::Connections(Arc::as_ptr(route).addr());
    let index = with(
        snapshot,
        number,
        || identity_of_connections(route),
        || Shares {
            split: Split::new(weights(), chance::below),
            mirrors: SmallVec::new(),
        },
        |shares| shares.split.next(weights()),
    );
    route.destinations.get(index)
}

fn weights(forward: &Forward) -> impl Iterator<Item = u32> + Clone + '_ {
    forward.destinations.iter().map(|d| d.weight)
}

/// `None` for a route that does not forward.
fn of_requests<T>(
    snapshot: &Arc<Snapshot>,
    route: &CompiledRoute,
    act: impl FnOnce(&mut Shares, &Forward) -> T,
) -> Option<T> {
    let forward = route.forward()?;
    Some(with(
        snapshot,
        Number::Requests(route.id.0),
        || identity(&route.route, forward),
        || Shares {
            split: Split::new(weights(forward), chance::below),
            mirrors: route
                .mirrors()
                .iter()
                .map(|_| Spread::new(chance::below))
                .collect(),
        },
        |shares| act(shares, forward),
    ))
}

fn with<T>(
    snapshot: &Arc<Snapshot>,
    number: Number,
    identity: impl FnOnce() -> u64,
    begin: impl FnOnce() -> Shares,
    act: impl FnOnce(&mut Shares) -> T,
) -> T {
    REGISTRY.with_borrow_mut(|registry| {
        registry.follow(snapshot);
        let Registry {
            by_number,
            by_identity,
            ..
        } = registry;
        let (_, shares) = by_number.entry(number).or_insert_with(|| {
            let identity = identity();
            let kept = by_identity.remove(&identity);
            (identity, kept.unwrap_or_else(begin))
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

/// Positions in files are left out: moving an object in its file changes nothing.
fn identity(route: &Route, forward: &Forward) -> u64 {
    let mut hasher = FxHasher::default();
    whose(&route.origin, route.rule, &mut hasher);
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

fn identity_of_connections(route: &L4Route) -> u64 {
    let mut hasher = FxHasher::default();
    whose(&route.origin, route.rule, &mut hasher);
    route.destinations.hash(&mut hasher);
    hasher.finish()
}

fn whose(origin: &Origin, rule: u32, hasher: &mut FxHasher) {
    (&origin.kind, &origin.namespace, &origin.name, rule).hash(hasher);
}

#[cfg(test)]
mod tests;
