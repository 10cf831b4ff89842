//! How often an authority may be asked. Let's Encrypt publishes its limits; ours are well inside of them, so that a
//! mistake here, or a second installation for the same domain, does not lock a user out.

use std::time::Duration;

const HOUR: Duration = Duration::from_secs(60 * 60);
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// A number within a sliding window.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rate {
    /// At most this many…
    pub(crate) count: usize,
    /// …within any span of this length.
    pub(crate) window: Duration,
}

/// Limits, and the seed of what is random.
#[derive(Clone, Debug)]
pub(crate) struct Policy {
    /// Orders at one directory (Let's Encrypt: 300 in 3 hours an account).
    pub(crate) orders: Rate,
    /// Orders for one set of names, whatever became of them.
    pub(crate) orders_per_set: Rate,
    /// Certificates for exactly one set of names (Let's Encrypt: 5 in a week).
    pub(crate) certificates_per_set: Rate,
    /// First certificates below one registered domain (Let's Encrypt: 50 in a week; a renewal does not count).
    pub(crate) certificates_per_domain: Rate,
    /// Failed validations of one host (Let's Encrypt: 5 in an hour).
    pub(crate) failed_validations: Rate,
    /// For jitter.
    pub(crate) seed: u64,
}

impl Policy {
    pub(crate) const LONGEST_WINDOW: Duration = DAY.saturating_mul(7);

    pub(crate) fn new(seed: u64) -> Self {
        let week = Self::LONGEST_WINDOW;
        let rate = |count, window| Rate { count, window };
        Self {
            orders: rate(150, HOUR * 3),
            orders_per_set: rate(100, week),
            certificates_per_set: rate(4, week),
            certificates_per_domain: rate(40, week),
            failed_validations: rate(3, HOUR),
            seed,
        }
    }
}
