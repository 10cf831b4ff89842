//! What a connection's socket side and its service side tell each other.
//!
//! hyper owns both the adapter around the socket and the service that answers, and gives access to neither, so they
//! share this. Everything happens on one thread; atomics are here because tasks must be `Send`, and cost nothing.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, OnceLock, PoisonError};

use hyper::upgrade::OnUpgrade;

use super::guard::Refusal;

/// One per connection.
#[derive(Debug, Default)]
pub(crate) struct Wire {
    answered: AtomicU64,
    is_switched: AtomicBool,
    is_closing: AtomicBool,
    refusal: OnceLock<Refusal>,
    offered: Mutex<Option<OnUpgrade>>,
}

impl Wire {
    /// A request has been decided on; `switches`: the protocol changes after it.
    pub(crate) fn answer(&self, switches: bool) {
        if switches {
            self.is_switched.store(true, Ordering::Relaxed);
            // The socket goes to whoever answered; holding on to it here would keep it open for ever.
            drop(self.offered());
        }
        self.answered.fetch_add(1, Ordering::Relaxed);
    }

    /// How many requests have been decided on.
    pub(crate) fn answered(&self) -> u64 {
        self.answered.load(Ordering::Relaxed)
    }

    pub(crate) fn is_switched(&self) -> bool {
        self.is_switched.load(Ordering::Relaxed)
    }

    /// The listener goes away: the next answer is the last.
    pub(crate) fn close(&self) {
        self.is_closing.store(true, Ordering::Relaxed);
    }

    pub(crate) fn is_closing(&self) -> bool {
        self.is_closing.load(Ordering::Relaxed)
    }

    /// Keeps a way to the socket. hyper lets go of it through the newest request that offered to switch protocols,
    /// even if that was declined and other requests came after it.
    pub(crate) fn offer(&self, upgrade: OnUpgrade) {
        *self.offered.lock().unwrap_or_else(PoisonError::into_inner) = Some(upgrade);
    }

    /// That way, once.
    pub(crate) fn offered(&self) -> Option<OnUpgrade> {
        self.offered.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    pub(crate) fn refuse(&self, refusal: Refusal) {
        let _: Result<(), Refusal> = self.refusal.set(refusal);
    }

    pub(crate) fn refusal(&self) -> Option<Refusal> {
        self.refusal.get().copied()
    }
}
