//! What one client is told, and when: a pure core. It is given requests, snapshots and the time, and gives responses.
//!
//! **Order.** An update never leaves a hole (make before break): secrets, clusters and endpoints come first; listeners and
//! routes follow when the client has taken those, and has asked for and got what the new clusters need; what is no longer
//! wanted goes last, when nothing new is on its way. A client that does not ask for what its clusters need is waited for
//! [`WARMING`] only.
//!
//! **Pace.** One response of a type is under way at a time. A client that never answers is therefore never sent more than one
//! of each, and what changes meanwhile is one response when it does.
//!
//! **Rejections.** A resource that a client rejects is not sent again until it changes. When several were rejected
//! together, halves of them are sent apart until the bad ones stand alone: everything else arrives.
//!
//! What a client holds is kept as a snapshot and the few differences from it, so that a thousand clients that are up to
//! date share one. Rejected: a map of versions for each client, which was a gigabyte for a thousand clients of twenty
//! thousand resources.

mod incoming;
mod state;

use std::sync::Arc;
use std::time::Duration;

use rustc_hash::FxHashSet;

use super::snapshot::{Snapshot, Versioned};
use crate::Kind;
pub use incoming::{Answer, Refused, Request};
pub use state::Rejection;
use state::{Offer, State};

/// How long a client may take to ask for what its new clusters need before routes to them are sent all the same.
pub const WARMING: Duration = Duration::from_secs(5);
/// A response is closed when its resources have so many bytes, however large the last of them is.
const RESPONSE_BYTES: usize = 1 << 20;

/// How the client wants to be told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wire {
    /// Every response has all resources of the type, or all that changed of those that were named.
    StateOfTheWorld,
    /// Every response has what changed and what is gone.
    Delta,
}

/// Something to be sent.
#[derive(Debug)]
pub struct Response {
    /// Of which type.
    pub kind: Kind,
    /// To be repeated by the client.
    pub nonce: String,
    /// The number of the snapshot it leads to.
    pub version: u64,
    /// New or changed; for [`Wire::StateOfTheWorld`] and a type that is asked for as a whole, all.
    pub resources: Vec<Arc<Versioned>>,
    /// Gone; only for [`Wire::Delta`].
    pub removed: Vec<Arc<str>>,
}

/// A client's stream.
#[derive(Debug)]
pub struct Session {
    wire: Wire,
    target: Arc<Snapshot>,
    states: [State; 5],
    nonce: u64,
    /// What new clusters need and the client has not got.
    warming: FxHashSet<(Kind, Arc<str>)>,
    warm_by: Option<Duration>,
}

impl Session {
    /// A new stream, to be brought to this snapshot.
    #[must_use]
    pub fn new(wire: Wire, target: Arc<Snapshot>) -> Self {
        Self {
            wire,
            target,
            states: Default::default(),
            nonce: 0,
            warming: FxHashSet::default(),
            warm_by: None,
        }
    }

    /// There is something newer.
    pub fn publish(&mut self, snapshot: &Arc<Snapshot>) {
        for (kind, name) in snapshot.changed_since(&self.target) {
            let state = self.state_mut(kind);
            if state.is_asked_for(&name) {
                state.dirty.insert(name);
            }
        }
        self.target = Arc::clone(snapshot);
        self.forget_needless();
    }

    /// The next response that may be sent now. To be called until it gives none, after every change.
    pub fn next(&mut self, now: Duration) -> Option<Response> {
        if self.target.number() == 0 {
            return None;
        }
        if self.warm_by.is_some_and(|by| now >= by) {
            self.warming.clear();
            self.warm_by = None;
        }
        let response = Kind::ALL.into_iter().find_map(|kind| {
            let state = self.state(kind);
            let is_free = state.asked && state.outstanding.is_none();
            (is_free && self.may_update(kind))
                .then(|| self.update(kind))
                .flatten()
        });
        let response = response.or_else(|| {
            // Users go before what they use.
            let mut last_first = Kind::ALL.into_iter().rev();
            last_first.find_map(|kind| self.may_remove().then(|| self.remove(kind)).flatten())
        });
        if response.is_none() {
            self.settle();
        }
        response
    }

    /// When to call [`Self::next`] again although nothing happens.
    #[must_use]
    pub fn deadline(&self) -> Option<Duration> {
        self.warm_by.filter(|_| !self.warming.is_empty())
    }

    /// The newest snapshot that the client holds whole, apart from what it rejected.
    #[must_use]
    pub fn accepted(&self, kind: Kind) -> u64 {
        self.state(kind).base.number()
    }

    /// How many resources of that kind it asks for; `None`: all.
    #[must_use]
    pub fn subscribed(&self, kind: Kind) -> Option<usize> {
        let state = self.state(kind);
        (!state.all).then_some(state.names.len())
    }

    /// Whether it asks for that kind at all.
    #[must_use]
    pub fn asks_for(&self, kind: Kind) -> bool {
        self.state(kind).asked
    }

    /// What it rejected and still would be sent, with its words.
    pub fn rejections(&self) -> impl Iterator<Item = (Kind, &Arc<str>, &Rejection)> {
        Kind::ALL.into_iter().flat_map(|kind| {
            self.state(kind)
                .rejected
                .iter()
                .map(move |(name, why)| (kind, name, why))
        })
    }

    fn state(&self, kind: Kind) -> &State {
        let [clusters, endpoints, secrets, listeners, routes] = &self.states;
        match kind {
            Kind::Secret => secrets,
            Kind::Cluster => clusters,
            Kind::Endpoints => endpoints,
            Kind::Listener => listeners,
            Kind::Routes => routes,
        }
    }

    fn state_mut(&mut self, kind: Kind) -> &mut State {
        let [clusters, endpoints, secrets, listeners, routes] = &mut self.states;
        match kind {
            Kind::Secret => secrets,
            Kind::Cluster => clusters,
            Kind::Endpoints => endpoints,
            Kind::Listener => listeners,
            Kind::Routes => routes,
        }
    }

    /// Whether a response of this kind says all or nothing.
    fn says_all(&self, kind: Kind) -> bool {
        self.wire == Wire::StateOfTheWorld && kind.is_wildcard()
    }

    fn is_warm(&self) -> bool {
        self.warming.is_empty()
    }

    /// Whether nothing new of a kind is on its way, or waits to be sent.
    fn is_quiet(&self, kind: Kind) -> bool {
        let state = self.state(kind);
        state.outstanding.is_none() && !state.has_news(kind, &self.target)
    }

    fn may_update(&self, kind: Kind) -> bool {
        let foundations = [Kind::Secret, Kind::Cluster, Kind::Endpoints];
        foundations.contains(&kind)
            || (foundations.into_iter().all(|kind| self.is_quiet(kind)) && self.is_warm())
    }

    fn may_remove(&self) -> bool {
        Kind::ALL.into_iter().all(|kind| self.is_quiet(kind)) && self.is_warm()
    }

    /// New and changed resources; for listeners what is gone as well, since a new one may take an old one's port.
    fn update(&mut self, kind: Kind) -> Option<Response> {
        let target = Arc::clone(&self.target);
        let (whole, is_delta) = (self.says_all(kind), self.wire == Wire::Delta);
        let state = self.state_mut(kind);
        // What says all or nothing cannot be sent in parts.
        let bytes = if whole { usize::MAX } else { RESPONSE_BYTES };
        let (news, gone) = state.plan(kind, &target, bytes);
        let mut removed = state.take_absent();
        if is_delta || kind.is_wildcard() {
            removed.extend(gone.into_iter().filter(|_| kind == Kind::Listener));
        } else {
            removed.clear();
        }
        if news.is_empty() && removed.is_empty() && !state.due {
            return None;
        }
        Some(self.offer(kind, news, removed))
    }

    fn remove(&mut self, kind: Kind) -> Option<Response> {
        let target = Arc::clone(&self.target);
        let state = self.state_mut(kind);
        if !state.asked {
            return None;
        }
        let (_, gone) = state.plan(kind, &target, 0);
        if gone.is_empty() {
            return None;
        }
        if self.wire == Wire::StateOfTheWorld && !kind.is_wildcard() {
            // There is no word for it: the client forgets what nothing refers to.
            self.state_mut(kind)
                .hold(gone.into_iter().map(|name| (name, None)));
            return None;
        }
        Some(self.offer(kind, Vec::new(), gone))
    }

    fn offer(&mut self, kind: Kind, news: Vec<Arc<Versioned>>, removed: Vec<Arc<str>>) -> Response {
        self.nonce += 1;
        let (nonce, version) = (self.nonce, self.target.number());
        let target = Arc::clone(&self.target);
        let whole = self.says_all(kind);
        let state = self.state_mut(kind);
        state.due = false;
        let offered = news
            .iter()
            .map(|entry| (Arc::clone(&entry.resource.name), Some(Arc::clone(entry))));
        let offered = offered
            .chain(removed.iter().map(|name| (Arc::clone(name), None)))
            .collect();
        let resources = if whole {
            state.whole(kind, &target, &news, &removed)
        } else {
            news
        };
        state.begin(Offer { nonce, offered });
        Response {
            kind,
            nonce: nonce.to_string(),
            version,
            resources,
            removed: if self.wire == Wire::Delta {
                removed
            } else {
                Vec::new()
            },
        }
    }

    /// Clusters that a client has taken need their endpoints and secrets before anything leads to them. Envoy waits for
    /// the endpoints of a cluster that changed as if it were new, so they are sent again.
    fn begin_warming(&mut self, clusters: &[Arc<Versioned>], now: Duration) {
        for (kind, name) in clusters.iter().flat_map(|cluster| &cluster.resource.needs) {
            let Some(wanted) = self.target.get(*kind, name).cloned() else {
                continue;
            };
            let state = self.state_mut(*kind);
            if *kind == Kind::Endpoints && state.names.contains(name) {
                state.subscribe(Arc::clone(name));
            }
            let held = self.state(*kind).held(*kind, name);
            if held.is_none_or(|held| held.version != wanted.version) {
                self.warming.insert((*kind, Arc::clone(name)));
                self.warm_by = Some(now + WARMING);
            }
        }
    }

    /// What nobody serves any more is not waited for.
    fn forget_needless(&mut self) {
        let target = Arc::clone(&self.target);
        self.warming
            .retain(|(kind, name)| target.get(*kind, name).is_some());
    }

    /// Where a client is up to date, what it holds is the snapshot.
    fn settle(&mut self) {
        let target = Arc::clone(&self.target);
        for kind in Kind::ALL {
            self.state_mut(kind).settle(kind, &target);
        }
    }
}

#[cfg(test)]
mod tests;
