//! The HTTP/2 reset flood (CVE-2023-44487): streams that are opened and reset before they are answered cost us a
//! request each and the client nothing, and stay below every limit on streams at once.

use std::time::Duration;

/// What a client may still waste. A pure leaky bucket: the limit fills with each reset, and empties with each stream
/// that is waited for, and with time, so that a long-lived connection of an impatient person is not closed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ResetBudget {
    limit: usize,
    spent: usize,
    /// Up to when time has been credited.
    credited: Duration,
}

/// Resets forgiven a second.
const FORGIVEN_PER_SECOND: u64 = 2;

impl ResetBudget {
    pub(crate) fn new(limit: usize) -> Self {
        Self {
            limit,
            spent: 0,
            credited: Duration::ZERO,
        }
    }

    /// A stream got its answer.
    pub(crate) fn answered(&mut self) {
        self.spent = self.spent.saturating_sub(1);
    }

    /// A stream was reset before its answer, so long after the connection's start. Says whether that was one too many.
    pub(crate) fn reset(&mut self, age: Duration) -> bool {
        let seconds = age.saturating_sub(self.credited).as_secs();
        self.credited += Duration::from_secs(seconds);
        let forgiven = usize::try_from(seconds.saturating_mul(FORGIVEN_PER_SECOND)).unwrap_or(usize::MAX);
        self.spent = self.spent.saturating_sub(forgiven) + 1;
        self.spent > self.limit
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_over_the_limit_is_a_flood() {
        let mut budget = ResetBudget::new(3);
        let now = Duration::from_millis(10);
        assert_eq!([(); 4].map(|()| budget.reset(now)), [false, false, false, true]);
    }

    #[test]
    fn patience_and_time_are_credited() {
        let mut budget = ResetBudget::new(3);
        for second in 0..1000 {
            assert!(!budget.reset(Duration::from_secs(second)));
        }
        let now = Duration::from_secs(1000);
        for _ in 0..1000 {
            assert!(!budget.reset(now));
            budget.answered();
        }
    }
}
