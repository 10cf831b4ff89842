//! When a name is looked up again: pure.

use std::time::Duration;

/// Names with a shorter TTL are asked for this often all the same.
const SHORTEST: Duration = Duration::from_secs(1);
/// However long the TTL, a change is seen within five minutes.
const LONGEST: Duration = Duration::from_secs(300);
/// The longest pause between failures.
const LONGEST_AFTER_FAILURE: Duration = Duration::from_secs(60);

/// The pauses between the lookups of one name.
#[derive(Debug, Default)]
pub struct Schedule {
    failures: u32,
}

impl Schedule {
    /// How long to wait after an answer that holds for `ttl`.
    pub fn answered(&mut self, ttl: Duration) -> Duration {
        self.failures = 0;
        ttl.clamp(SHORTEST, LONGEST)
    }

    /// How long to wait after a failure: 1 s, 2 s, 4 s and so on.
    pub fn failed(&mut self) -> Duration {
        let pause = SHORTEST.saturating_mul(1 << self.failures.min(16));
        self.failures = self.failures.saturating_add(1);
        pause.min(LONGEST_AFTER_FAILURE)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_asked_again_when_its_ttl_is_over() {
        assert_eq!(
            Schedule::default().answered(Duration::from_secs(30)),
            Duration::from_secs(30)
        );
    }

    #[test]
    fn a_ttl_of_nothing_does_not_flood_the_name_server() {
        assert_eq!(
            Schedule::default().answered(Duration::ZERO),
            Duration::from_secs(1)
        );
    }

    #[test]
    fn a_ttl_of_a_day_does_not_hide_a_change_for_a_day() {
        assert_eq!(
            Schedule::default().answered(Duration::from_secs(86_400)),
            Duration::from_secs(300)
        );
    }

    #[test]
    fn failures_back_off_to_a_minute_and_an_answer_forgives_them() {
        let mut schedule = Schedule::default();
        let pauses: Vec<u64> = (0..8).map(|_| schedule.failed().as_secs()).collect();
        assert_eq!(pauses, [1, 2, 4, 8, 16, 32, 60, 60]);
        schedule.answered(Duration::from_secs(5));
        assert_eq!(schedule.failed().as_secs(), 1);
    }
}
