//! How many connections there are: the limit, and waiting for the last one.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

use nix::sys::resource::{Resource, getrlimit};

/// Counts the downstream connections of all workers.
#[derive(Debug)]
pub struct Connections {
    open: AtomicUsize,
    limit: usize,
    last: Mutex<()>,
    none: Condvar,
}

/// A connection that is counted. It lives where the socket lives, so a connection that was handed over to an upgraded
/// protocol counts until that ends.
#[derive(Debug)]
pub struct Permit(Arc<Connections>);

impl Connections {
    /// Allows so many at once.
    #[must_use]
    pub fn new(limit: usize) -> Arc<Self> {
        Arc::new(Self {
            open: AtomicUsize::new(0),
            limit,
            last: Mutex::new(()),
            none: Condvar::new(),
        })
    }

    /// Allows so many, or three quarters of the files that the process may have open, if that is less: the rest is for
    /// upstreams, without which no client can be served.
    #[must_use]
    pub fn affordable(limit: usize) -> Arc<Self> {
        let files = getrlimit(Resource::RLIMIT_NOFILE).map_or(u64::MAX, |(soft, _)| soft);
        Self::new(limit.min(usize::try_from(files / 4 * 3).unwrap_or(usize::MAX)))
    }

    /// How many may be at once.
    #[must_use]
    pub fn limit(&self) -> usize {
        self.limit
    }

    /// Whether all but one in sixteen of them are there. A limit that has no sixteenth is never nearly full.
    #[must_use]
    pub fn is_nearly_full(&self) -> bool {
        let last = self.limit / 16;
        last > 0 && self.open() >= self.limit - last
    }

    /// Whether there may not be another.
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.open() >= self.limit
    }

    /// Counts one more, if the limit allows it.
    #[must_use]
    pub fn admit(self: &Arc<Self>) -> Option<Permit> {
        let permit = Permit(Arc::clone(self));
        (self.open.fetch_add(1, Ordering::SeqCst) < self.limit).then_some(permit)
    }

    /// How many there are.
    #[must_use]
    pub fn open(&self) -> usize {
        self.open.load(Ordering::SeqCst)
    }

    /// Blocks until there is none, or for so long; says how many are left.
    #[must_use]
    pub fn wait_for_none(&self, timeout: Duration) -> usize {
        let deadline = Instant::now().checked_add(timeout);
        let mut guard = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        while self.open() > 0 {
            let left = deadline.map_or(Duration::MAX, |d| d.saturating_duration_since(Instant::now()));
            if left.is_zero() {
                break;
            }
            guard = self
                .none
                .wait_timeout(guard, left)
                .unwrap_or_else(PoisonError::into_inner)
                .0;
        }
        self.open()
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        if self.0.open.fetch_sub(1, Ordering::SeqCst) == 1 {
            // Taking the lock orders this after a waiter's look at the count.
            drop(self.0.last.lock().unwrap_or_else(PoisonError::into_inner));
            self.0.none.notify_all();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_limit_holds_and_a_refused_one_does_not_count() {
        let connections = Connections::new(2);
        let first = connections.admit();
        let second = connections.admit();
        assert!(first.is_some() && second.is_some());
        assert!(connections.admit().is_none());
        assert_eq!(connections.open(), 2);
        drop(first);
        assert!(connections.admit().is_some());
    }

    #[test]
    fn there_is_room_for_upstreams_however_high_the_limit() {
        let (files, _) = getrlimit(Resource::RLIMIT_NOFILE).unwrap();
        let connections = Connections::affordable(usize::MAX);
        assert!((connections.limit() as u64) <= files / 4 * 3);
        assert_eq!(Connections::affordable(1).limit(), 1);
    }

    #[test]
    fn it_is_nearly_full_when_one_in_sixteen_is_left() {
        let connections = Connections::new(32);
        let mut permits: Vec<_> = (0..29).map(|_| connections.admit()).collect();
        assert!(!connections.is_nearly_full());
        permits.push(connections.admit());
        assert!(connections.is_nearly_full());
    }

    #[test]
    fn waiting_ends_with_the_last_connection() {
        let connections = Connections::new(2);
        let permit = connections.admit();
        assert_eq!(connections.wait_for_none(Duration::from_millis(1)), 1);
        let thread = std::thread::spawn(move || drop(permit));
        assert_eq!(connections.wait_for_none(Duration::from_secs(60)), 0);
        thread.join().unwrap();
    }
}
