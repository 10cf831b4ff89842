//! What a client says.

use std::sync::Arc;
use std::time::Duration;

use super::state::Offer;
use super::{Session, Wire};
use crate::Kind;

/// More names than this of one type are no honest client's.
const MAX_NAMES: usize = 200_000;
/// Of a client's words, so much is kept.
const MAX_WORDS: usize = 4096;

/// A request, as both wires say it.
#[derive(Clone, Debug, Default)]
pub struct Request {
    /// State of the world: all names that are wanted. Delta: those that are wanted from now on.
    pub subscribe: Vec<String>,
    /// Delta: those that are no longer.
    pub unsubscribe: Vec<String>,
    /// Delta, in the first request of a type: what the client still holds, from an earlier stream.
    pub held: Vec<(String, String)>,
    /// Which response this answers; empty: none.
    pub nonce: String,
    /// Why the response was refused; `None`: it was accepted.
    pub error: Option<String>,
}

/// What a request was.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// It accepts the response under way.
    Accepted,
    /// It refuses it.
    Rejected,
    /// It answers another response than the one under way; its answer counts for nothing.
    Stale,
    /// It answers nothing.
    Unasked,
}

/// The stream is closed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// Too much is asked for.
    #[error("more than {MAX_NAMES} names of one type are asked for")]
    TooManyNames,
}

impl Session {
    /// Takes a request. Call [`Session::next`] afterwards.
    ///
    /// # Errors
    /// When the stream is to be closed.
    pub fn request(&mut self, kind: Kind, request: Request, now: Duration) -> Result<Answer, Refused> {
        let answer = self.answer(kind, &request, now);
        let is_whole = self.wire == Wire::StateOfTheWorld;
        // What is asked for beside a stale answer is asked for all the same in a delta, which says what changes; a state
        // of the world that is out of date is followed by one that is not.
        if is_whole && answer == Answer::Stale {
            return Ok(answer);
        }
        let names = self.state(kind).names.len() + request.subscribe.len();
        if names > MAX_NAMES + request.unsubscribe.len() {
            return Err(Refused::TooManyNames);
        }
        match self.wire {
            Wire::Delta => self.ask(kind, request),
            Wire::StateOfTheWorld => self.ask_for_all_of(kind, &request.subscribe),
        }
        self.mark_warm(kind);
        Ok(answer)
    }

    fn answer(&mut self, kind: Kind, request: &Request, now: Duration) -> Answer {
        if request.nonce.is_empty() {
            return Answer::Unasked;
        }
        let is_current = |offer: &mut Offer| offer.nonce.to_string() == request.nonce;
        let wire = self.wire;
        let state = self.state_mut(kind);
        let Some(offer) = state.outstanding.take_if(is_current) else {
            return Answer::Stale;
        };
        if let Some(message) = &request.error {
            let words: String = message.chars().take(MAX_WORDS).collect();
            if wire == Wire::StateOfTheWorld && kind.is_wildcard() {
                state.reject_whole(offer, &words);
            } else {
                state.reject(offer, &words);
            }
            return Answer::Rejected;
        }
        let taken = state.accept(offer);
        if kind == Kind::Cluster {
            self.begin_warming(&taken, now);
        }
        Answer::Accepted
    }

    fn ask(&mut self, kind: Kind, request: Request) {
        let target = Arc::clone(&self.target);
        let state = self.state_mut(kind);
        let is_first = !std::mem::replace(&mut state.asked, true);
        let names_all = request.subscribe.iter().any(|name| name == "*");
        let means_all = is_first && request.subscribe.is_empty() && kind.is_wildcard();
        if (names_all || means_all) && !state.all {
            state.subscribe_all(kind, &target);
        }
        for name in request.subscribe {
            if name != "*" {
                state.subscribe(own(kind, &target, name));
            }
        }
        for name in request.unsubscribe {
            if name == "*" {
                state.all = false;
            } else {
                state.unsubscribe(&name);
            }
        }
        if is_first {
            self.resume(kind, request.held);
        }
    }

    /// A client that comes back says what it holds, and gets only what is different.
    fn resume(&mut self, kind: Kind, held: Vec<(String, String)>) {
        let target = Arc::clone(&self.target);
        let state = self.state_mut(kind);
        for (name, version) in held {
            let name = own(kind, &target, name);
            if !state.is_asked_for(&name) {
                continue;
            }
            let current = target.get(kind, &name);
            match current.filter(|current| format!("{:016x}", current.version) == version) {
                Some(current) => state.hold([(name, Some(Arc::clone(current)))]),
                None if current.is_none() => state.hold_outdated(kind, &name),
                None => {}
            }
        }
    }

    fn ask_for_all_of(&mut self, kind: Kind, names: &[String]) {
        let target = Arc::clone(&self.target);
        let state = self.state_mut(kind);
        let is_first = !std::mem::replace(&mut state.asked, true);
        let names_all = names.iter().any(|name| name == "*");
        if (names_all || is_first && names.is_empty() && kind.is_wildcard()) && !state.all {
            state.subscribe_all(kind, &target);
        }
        if state.all && names.is_empty() {
            return;
        }
        let wanted: rustc_hash::FxHashSet<&str> = names.iter().map(String::as_str).collect();
        let dropped: Vec<_> = state
            .names
            .iter()
            .filter(|name| !wanted.contains(&***name))
            .cloned()
            .collect();
        for name in dropped {
            state.unsubscribe(&name);
        }
        for name in wanted {
            if name != "*" && !state.names.contains(name) {
                state.subscribe(own(kind, &target, name.to_owned()));
            }
        }
    }

    /// What the client has got is no longer waited for.
    fn mark_warm(&mut self, kind: Kind) {
        if self.warming.is_empty() || kind == Kind::Cluster {
            return;
        }
        let mut warming = std::mem::take(&mut self.warming);
        warming.retain(|(kind, name)| {
            let state = self.state(*kind);
            let rejected = state.rejected.contains_key(name);
            let wanted = self.target.get(*kind, name);
            let held = state.held(*kind, name);
            let has_it = wanted.is_none_or(|wanted| held.is_some_and(|held| held.version == wanted.version));
            !has_it && !rejected
        });
        self.warming = warming;
    }
}

/// The name as the snapshot keeps it, so that a thousand clients do not each keep their own.
fn own(kind: Kind, target: &super::Snapshot, name: String) -> Arc<str> {
    match target.get(kind, &name) {
        Some(entry) => Arc::clone(&entry.resource.name),
        None => name.into(),
    }
}
