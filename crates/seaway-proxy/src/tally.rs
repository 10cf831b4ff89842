//! A count that one thread keeps, and others may look at.
//!
//! To add to a number so that no other thread's addition is lost, a processor has to finish first what it wrote before, and
//! every request adds and takes away. Where only one thread writes, nothing can be lost.

use std::sync::atomic::{AtomicU64, Ordering};

/// Goes up and down, never below 0. If two threads wrote it after all, it would be wrong, and nothing worse.
#[derive(Debug, Default)]
pub(crate) struct Tally(AtomicU64);

impl Tally {
    /// One more.
    pub(crate) fn up(&self) {
        self.0.store(self.get().saturating_add(1), Ordering::Relaxed);
    }

    /// One less. Says how many are left.
    pub(crate) fn down(&self) -> u64 {
        let left = self.get().saturating_sub(1);
        self.0.store(left, Ordering::Relaxed);
        left
    }

    /// How many there are.
    pub(crate) fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_counts_up_and_down_and_not_below_zero() {
        let tally = Tally::default();
        tally.up();
        tally.up();
        assert_eq!((tally.down(), tally.get()), (1, 1));
        assert_eq!((tally.down(), tally.down(), tally.get()), (0, 0, 0));
    }
}
