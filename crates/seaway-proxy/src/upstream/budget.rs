//! How many retries a cluster may have under way, by Envoy's `retry_budget`: a share of the requests under way, but
//! always a few. Retries then never multiply an outage, whatever routes ask for.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use seaway_model::RetryBudget;

use super::breakers;

/// What a cluster has under way. On cache lines of its own: every request of every thread writes here.
#[derive(Debug, Default)]
#[repr(align(64))]
pub struct Load {
    requests: AtomicU64,
    retries: AtomicU64,
}

impl Load {
    /// Requests under way, retries included.
    #[must_use]
    pub fn requests(&self) -> u64 {
        self.requests.load(Ordering::Relaxed)
    }

    /// Retries under way.
    #[must_use]
    pub fn retries(&self) -> u64 {
        self.retries.load(Ordering::Relaxed)
    }

    /// Counts a request, if so many may be under way.
    pub(super) fn enter(&self, limit: Option<u32>) -> bool {
        breakers::take(&self.requests, limit)
    }

    pub(super) fn leave(&self) {
        self.requests.fetch_sub(1, Ordering::Relaxed);
    }

    /// Leave for one retry, while the permit lives: by the limit where there is one, else by the budget.
    pub fn try_retry(self: &Arc<Self>, limit: Option<u32>, budget: &RetryBudget) -> Option<RetryPermit> {
        let allowance = || allowance(budget, self.requests());
        let allowed = limit.unwrap_or_else(|| u32::try_from(allowance()).unwrap_or(u32::MAX));
        breakers::take(&self.retries, Some(allowed)).then(|| RetryPermit {
            load: Arc::clone(self),
        })
    }
}

/// How many retries may be under way beside so many requests.
#[must_use]
pub fn allowance(budget: &RetryBudget, requests: u64) -> u64 {
    let share = requests.saturating_mul(u64::from(budget.budget.millionths())) / 1_000_000;
    share.max(u64::from(budget.min_concurrency))
}

/// Leave for one retry; hold it until that retry is over.
#[derive(Debug)]
#[must_use]
pub struct RetryPermit {
    load: Arc<Load>,
}

impl Drop for RetryPermit {
    fn drop(&mut self) {
        self.load.retries.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use seaway_model::Fraction;

    use super::*;

    fn budget(millionths: u32, min_concurrency: u32) -> RetryBudget {
        RetryBudget {
            budget: Fraction::from_millionths(millionths),
            min_concurrency,
        }
    }

    #[test]
    fn a_few_retries_are_always_allowed() {
        assert_eq!(allowance(&budget(200_000, 3), 0), 3);
    }

    #[test]
    fn many_requests_allow_their_share_of_retries() {
        assert_eq!(allowance(&budget(200_000, 3), 1000), 200);
    }

    #[test]
    fn a_retry_that_ends_gives_its_place_back() {
        let load = Arc::new(Load::default());
        let first = load.try_retry(None, &budget(0, 1));
        assert!(first.is_some());
        assert!(load.try_retry(None, &budget(0, 1)).is_none());
        drop(first);
        assert!(load.try_retry(None, &budget(0, 1)).is_some());
    }

    #[test]
    fn a_fixed_limit_holds_instead_of_the_budget() {
        let load = Arc::new(Load::default());
        let held: Vec<_> = (0..5)
            .filter_map(|_| load.try_retry(Some(2), &budget(1_000_000, 9)))
            .collect();
        assert_eq!(held.len(), 2);
        assert!(load.try_retry(Some(0), &budget(1_000_000, 9)).is_none());
    }

    #[test]
    fn no_more_requests_enter_than_the_limit_says() {
        let load = Load::default();
        let entered = (0..5).filter(|_| load.enter(Some(3))).count();
        assert_eq!((entered, load.requests()), (3, 3));
    }

    #[test]
    fn requests_that_end_take_their_share_with_them() {
        let load = Arc::new(Load::default());
        assert!((0..10).all(|_| load.enter(None)));
        let held: Vec<_> = (0..2)
            .filter_map(|_| load.try_retry(None, &budget(200_000, 0)))
            .collect();
        assert_eq!(held.len(), 2);
        assert!(load.try_retry(None, &budget(200_000, 0)).is_none());
        (0..10).for_each(|_| load.leave());
        drop(held);
        assert!(load.try_retry(None, &budget(200_000, 0)).is_none());
    }
}
