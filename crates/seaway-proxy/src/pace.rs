//! How fast somebody takes, or gives, what we wait for.
//!
//! A limit on silence alone is no limit: one byte now and then keeps a connection, an upstream and their memory for as
//! long as the client likes. So the same time must bring a little more than one byte. It is long, since people pause
//! videos, and the rate is low, since there are very slow lines; both only count while nothing but the client is waited
//! for. Time is passed in.

use std::time::Duration;

use tokio::time::Instant;

/// What is asked for: in each window so many bytes a second on average, and one byte at least.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Least {
    pub(crate) window: Duration,
    pub(crate) rate: u64,
}

impl Least {
    /// In a whole window.
    pub(crate) fn bytes(self) -> u64 {
        let millis = u64::try_from(self.window.as_millis()).unwrap_or(u64::MAX);
        (self.rate.saturating_mul(millis) / 1000).max(1)
    }
}

/// What has moved since somebody was first waited for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pace {
    since: Instant,
    bytes: u64,
}

impl Pace {
    /// Begins a window.
    pub(crate) fn begin(now: Instant) -> Self {
        Self { since: now, bytes: 0 }
    }

    /// So many bytes moved.
    pub(crate) fn moved(&mut self, bytes: u64) {
        self.bytes = self.bytes.saturating_add(bytes);
    }

    /// When the window ends.
    pub(crate) fn end(&self, least: Least) -> Instant {
        self.since + least.window
    }

    /// Whether a window has ended with less than it should have had. If it has ended well, the next begins.
    pub(crate) fn is_too_slow(&mut self, now: Instant, least: Least) -> bool {
        if now < self.end(least) {
            return false;
        }
        let bytes = self.bytes;
        *self = Self::begin(now);
        bytes < least.bytes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LEAST: Least = Least {
        window: Duration::from_secs(10),
        rate: 240,
    };

    #[test]
    fn a_byte_now_and_then_is_too_slow_and_a_slow_line_is_not() {
        let start = Instant::now();
        for (every_second, is_too_slow) in [(0, true), (1, true), (239, true), (240, false), (100_000, false)]
        {
            let mut pace = Pace::begin(start);
            let mut found = false;
            for second in 1..=40 {
                pace.moved(every_second);
                found |= pace.is_too_slow(start + Duration::from_secs(second), LEAST);
            }
            assert_eq!(found, is_too_slow, "{every_second}");
        }
    }

    #[test]
    fn whoever_pauses_for_less_than_a_window_is_not_too_slow() {
        let start = Instant::now();
        let mut pace = Pace::begin(start);
        assert!(!pace.is_too_slow(start + LEAST.window - Duration::from_millis(1), LEAST));
        pace.moved(100_000);
        assert!(!pace.is_too_slow(start + LEAST.window, LEAST));
        assert!(pace.is_too_slow(start + 2 * LEAST.window, LEAST));
    }

    #[test]
    fn without_a_rate_one_byte_is_enough() {
        let least = Least { rate: 0, ..LEAST };
        let start = Instant::now();
        let mut pace = Pace::begin(start);
        pace.moved(1);
        assert!(!pace.is_too_slow(start + LEAST.window, least));
        assert!(pace.is_too_slow(start + 2 * LEAST.window, least));
    }
}
