//! How many connections there are: the limit, and waiting for the last one.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

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
    fn waiting_ends_with_the_last_connection() {
        let connections = Connections::new(2);
        let permit = connections.admit();
        assert_eq!(connections.wait_for_none(Duration::from_millis(1)), 1);
        let thread = std::thread::spawn(move || drop(permit));
        assert_eq!(connections.wait_for_none(Duration::from_secs(60)), 0);
        thread.join().unwrap();
    }
}
