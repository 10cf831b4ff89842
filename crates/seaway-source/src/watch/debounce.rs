//! Many events, one reading.

use std::time::{Duration, Instant};

/// Waits until nothing has happened for a while, but not for ever.
#[derive(Debug, Default)]
pub(super) struct Debounce {
    first: Option<Instant>,
    last: Option<Instant>,
}

impl Debounce {
    /// How long nothing has to happen.
    pub const QUIET: Duration = Duration::from_millis(10);
    /// How long the first event waits at most.
    pub const MOST: Duration = Duration::from_millis(100);

    /// Notes an event.
    pub fn note(&mut self, now: Instant) {
        self.first.get_or_insert(now);
        self.last = Some(now);
    }

    /// When to read; `None` without an event.
    pub fn due(&self) -> Option<Instant> {
        Some((self.last? + Self::QUIET).min(self.first? + Self::MOST))
    }

    /// Whether to read now.
    pub fn is_due(&self, now: Instant) -> bool {
        self.due().is_some_and(|due| due <= now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_close_together_are_one() {
        let start = Instant::now();
        let mut debounce = Debounce::default();
        assert_eq!(debounce.due(), None);
        debounce.note(start);
        debounce.note(start + Duration::from_millis(5));
        assert!(!debounce.is_due(start + Duration::from_millis(14)));
        assert!(debounce.is_due(start + Duration::from_millis(15)));
    }

    #[test]
    fn events_without_end_do_not_put_it_off_for_ever() {
        let start = Instant::now();
        let mut debounce = Debounce::default();
        for millis in 0..200 {
            debounce.note(start + Duration::from_millis(millis));
        }
        assert_eq!(debounce.due(), Some(start + Debounce::MOST));
    }
}
