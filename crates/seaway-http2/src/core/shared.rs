//! A connection's state behind its lock.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::task::Waker;

use super::Core;

/// A connection that several hold on to.
#[derive(Debug)]
pub(crate) struct Shared {
    core: Mutex<Core>,
    /// How many streams the peer takes at once.
    most: AtomicUsize,
}

impl Shared {
    pub(crate) fn new(core: Core) -> Self {
        Self {
            core: Mutex::new(core),
            most: AtomicUsize::new(0),
        }
    }

    /// Does something to the connection, and then wakes whom that concerns.
    pub(crate) fn with<R>(&self, act: impl FnOnce(&mut Core) -> R) -> R {
        let mut core = self.core.lock().unwrap_or_else(PoisonError::into_inner);
        let result = act(&mut core);
        if core.wakes.is_empty() {
            return result;
        }
        let wakes = std::mem::take(&mut core.wakes);
        drop(core);
        wakes.into_iter().for_each(Waker::wake);
        result
    }

    /// How many streams the peer takes at once; none before it has said so.
    pub(crate) fn most(&self) -> usize {
        self.most.load(Ordering::Relaxed)
    }

    pub(crate) fn note_most(&self, core: &Core) {
        let most = if core.is_settled { core.allowed.streams } else { 0 };
        self.most.store(most, Ordering::Relaxed);
    }
}
