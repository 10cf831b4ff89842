//! What a client asks for and holds of one type.

use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;

use rustc_hash::{FxHashMap, FxHashSet};

use crate::Kind;
use crate::server::snapshot::{Resource, Snapshot, Versioned};

/// What a client said when it refused a resource.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rejection {
    /// Of which version it was said.
    pub version: u64,
    /// Its words.
    pub message: Arc<str>,
}

/// A response under way.
#[derive(Debug)]
pub(super) struct Offer {
    pub(super) nonce: u64,
    /// What the client holds once it accepts; `None`: no longer.
    pub(super) offered: Vec<(Arc<str>, Option<Arc<Versioned>>)>,
}

#[derive(Debug, Default)]
pub(super) struct State {
    /// Whether it ever asked for this type.
    pub(super) asked: bool,
    /// Whether it wants all there are.
    pub(super) all: bool,
    /// What it named.
    pub(super) names: FxHashSet<Arc<str>>,
    /// Whether an answer is due even if there is nothing to say: the first one, without which a client does not start.
    pub(super) due: bool,
    /// What it holds, but for `overrides`.
    pub(super) base: Arc<Snapshot>,
    overrides: FxHashMap<Arc<str>, Option<Arc<Versioned>>>,
    /// Names to look at.
    pub(super) dirty: BTreeSet<Arc<str>>,
    /// Names that are sent although the client holds them.
    again: FxHashSet<Arc<str>>,
    /// Names that it asked for and that are not there, which it is told once.
    pub(super) absent: BTreeSet<Arc<str>>,
    pub(super) rejected: FxHashMap<Arc<str>, Rejection>,
    /// Names that were rejected together, in groups that are sent apart.
    apart: VecDeque<Vec<Arc<str>>>,
    pub(super) outstanding: Option<Offer>,
}

impl State {
    pub(super) fn is_asked_for(&self, name: &str) -> bool {
        self.asked && (self.all || self.names.contains(name))
    }

    /// What the client holds under a name.
    pub(super) fn held(&self, kind: Kind, name: &str) -> Option<&Arc<Versioned>> {
        if !self.is_asked_for(name) {
            return None;
        }
        match self.overrides.get(name) {
            Some(held) => held.as_ref(),
            None => self.base.get(kind, name),
        }
    }

    pub(super) fn hold(&mut self, names: impl IntoIterator<Item = (Arc<str>, Option<Arc<Versioned>>)>) {
        for (name, entry) in names {
            self.dirty.remove(&name);
            self.overrides.insert(name, entry);
        }
    }

    /// What it asks for from now on, of which it holds nothing; what it asked for before is sent once more, and not
    /// taken away meanwhile.
    pub(super) fn subscribe(&mut self, name: Arc<str>) {
        if self.is_asked_for(&name) {
            self.again.insert(Arc::clone(&name));
        } else {
            self.overrides.insert(Arc::clone(&name), None);
        }
        self.rejected.remove(&name);
        self.dirty.insert(Arc::clone(&name));
        self.names.insert(name);
    }

    pub(super) fn unsubscribe(&mut self, name: &str) {
        self.names.remove(name);
        if !self.all {
            self.overrides.remove(name);
            self.dirty.remove(name);
            self.absent.remove(name);
            self.again.remove(name);
            self.rejected.remove(name);
        }
    }

    /// The client holds something under a name that nobody serves any more.
    pub(super) fn hold_outdated(&mut self, kind: Kind, name: &Arc<str>) {
        let unknown = Versioned {
            resource: Resource {
                kind,
                name: Arc::clone(name),
                body: bytes::Bytes::new(),
                needs: Vec::new(),
            },
            version: 0,
        };
        self.overrides.insert(Arc::clone(name), Some(Arc::new(unknown)));
        self.dirty.insert(Arc::clone(name));
    }

    /// Everything of the target is to be looked at.
    pub(super) fn subscribe_all(&mut self, kind: Kind, target: &Snapshot) {
        self.all = true;
        self.due = true;
        self.dirty.extend(target.names(kind).keys().cloned());
    }

    /// What of this the target has and the client neither holds nor rejected.
    fn news<'t>(&self, kind: Kind, name: &str, target: &'t Snapshot) -> Option<&'t Arc<Versioned>> {
        let wanted = target.get(kind, name).filter(|_| self.is_asked_for(name))?;
        let is_held = self
            .held(kind, name)
            .is_some_and(|held| held.version == wanted.version);
        let rejected = self.rejected.get(name);
        let is_rejected = rejected.is_some_and(|rejected| rejected.version == wanted.version);
        ((!is_held || self.again.contains(name)) && !is_rejected).then_some(wanted)
    }

    pub(super) fn has_news(&self, kind: Kind, target: &Snapshot) -> bool {
        let apart = self.apart.iter().flatten();
        let mut names = self.dirty.iter().chain(apart);
        self.asked && names.any(|name| self.news(kind, name, target).is_some())
    }

    /// What is new, up to so many bytes, and what is gone. Names of which there is nothing to say are forgotten.
    pub(super) fn plan(
        &mut self,
        kind: Kind,
        target: &Snapshot,
        bytes: usize,
    ) -> (Vec<Arc<Versioned>>, Vec<Arc<str>>) {
        while bytes > 0
            && let Some(group) = self.apart.front()
        {
            let news: Vec<_> = group
                .iter()
                .filter_map(|name| self.news(kind, name, target))
                .cloned()
                .collect();
            if !news.is_empty() {
                return (news, Vec::new());
            }
            self.apart.pop_front();
        }
        let (mut news, mut gone, mut size) = (Vec::new(), Vec::new(), 0);
        let mut idle = Vec::new();
        for name in &self.dirty {
            if let Some(wanted) = self.news(kind, name, target) {
                if size < bytes {
                    size += wanted.resource.body.len();
                    news.push(Arc::clone(wanted));
                }
            } else if target.get(kind, name).is_some() {
                idle.push(Arc::clone(name));
            } else if self.held(kind, name).is_some() {
                gone.push(Arc::clone(name));
            } else {
                idle.push(Arc::clone(name));
            }
        }
        for name in idle {
            self.dirty.remove(&name);
            self.again.remove(&name);
            let is_absent = self.names.contains(&name) && target.get(kind, &name).is_none();
            if is_absent && self.overrides.get(&name).is_some_and(Option::is_none) {
                self.absent.insert(name);
            }
        }
        (news, gone)
    }

    /// The names that are asked for and not there, and of which that was not said yet.
    pub(super) fn take_absent(&mut self) -> Vec<Arc<str>> {
        std::mem::take(&mut self.absent).into_iter().collect()
    }

    /// All that the client shall hold after this response, which says all or nothing.
    pub(super) fn whole(
        &self,
        kind: Kind,
        target: &Snapshot,
        news: &[Arc<Versioned>],
        removed: &[Arc<str>],
    ) -> Vec<Arc<Versioned>> {
        let mut all: FxHashMap<&str, &Arc<Versioned>> = FxHashMap::default();
        let known = self
            .base
            .names(kind)
            .keys()
            .chain(self.overrides.keys())
            .chain(target.names(kind).keys());
        for name in known {
            if let Some(held) = self.held(kind, name) {
                all.insert(name, held);
            }
        }
        all.extend(news.iter().map(|entry| (&*entry.resource.name, entry)));
        for name in removed {
            all.remove(&**name);
        }
        all.into_values().cloned().collect()
    }

    pub(super) fn begin(&mut self, offer: Offer) {
        for (name, _) in &offer.offered {
            self.dirty.remove(name);
            self.again.remove(name);
        }
        self.outstanding = Some(offer);
    }

    /// The client took what it was offered.
    pub(super) fn accept(&mut self, offer: Offer) -> Vec<Arc<Versioned>> {
        let taken = offer
            .offered
            .iter()
            .filter_map(|(_, entry)| entry.clone())
            .collect();
        if self
            .apart
            .front()
            .is_some_and(|group| group.iter().all(|name| offer.has(name)))
        {
            self.apart.pop_front();
        }
        for (name, entry) in offer.offered {
            self.rejected.remove(&name);
            self.overrides.insert(name, entry);
        }
        taken
    }

    /// The client refused what it was offered: one of them, or who knows which.
    pub(super) fn reject(&mut self, offer: Offer, message: &str) {
        if self
            .apart
            .front()
            .is_some_and(|group| group.iter().all(|name| offer.has(name)))
        {
            self.apart.pop_front();
        }
        let (news, gone): (Vec<_>, Vec<_>) =
            offer.offered.into_iter().partition(|(_, entry)| entry.is_some());
        self.hold(gone);
        if let [(name, Some(entry))] = news.as_slice() {
            let rejection = Rejection {
                version: entry.version,
                message: message.into(),
            };
            self.rejected.insert(Arc::clone(name), rejection);
            return;
        }
        let names: Vec<Arc<str>> = news.into_iter().map(|(name, _)| name).collect();
        let (first, second) = names.split_at(names.len() / 2);
        for half in [second, first] {
            if !half.is_empty() {
                self.apart.push_front(half.to_vec());
            }
        }
    }

    /// The client refused a response that says all or nothing, which cannot be sent in parts: it names what is wrong, or
    /// everything new counts as refused.
    pub(super) fn reject_whole(&mut self, offer: Offer, message: &str) {
        let named = |name: &str| message.contains(name);
        let any_named = offer.offered.iter().any(|(name, _)| named(name));
        for (name, entry) in offer.offered {
            match entry {
                Some(entry) if !any_named || named(&name) => {
                    let rejection = Rejection {
                        version: entry.version,
                        message: message.into(),
                    };
                    self.rejected.insert(name, rejection);
                }
                // Envoy takes what is good of such a response.
                entry => {
                    self.overrides.insert(name, entry);
                }
            }
        }
    }

    /// Where nothing is left to say, the client holds the target, but for what it rejected.
    pub(super) fn settle(&mut self, kind: Kind, target: &Arc<Snapshot>) {
        let is_idle =
            self.asked && self.outstanding.is_none() && self.dirty.is_empty() && self.apart.is_empty();
        if !is_idle || self.base.number() == target.number() && self.overrides.len() <= self.rejected.len() {
            return;
        }
        self.rejected.retain(|name, why| {
            target
                .get(kind, name)
                .is_some_and(|wanted| wanted.version == why.version)
        });
        let refused: Vec<_> = self
            .rejected
            .keys()
            .map(|name| (Arc::clone(name), self.held(kind, name).cloned()))
            .collect();
        self.overrides = refused.into_iter().collect();
        self.base = Arc::clone(target);
    }
}

impl Offer {
    fn has(&self, name: &str) -> bool {
        self.offered.iter().any(|(offered, _)| **offered == *name)
    }
}
