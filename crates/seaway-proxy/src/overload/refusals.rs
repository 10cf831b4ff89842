//! How fast refusals leave.
//!
//! A refusal is cheap and not free: it is read, decided on and written. Clients that ask again the moment they are refused
//! turn a worker into one that does nothing else, and whoever is let in waits behind all of them. So refusals leave one
//! after the other, as far apart as keeps them to a quarter of the worker's time, and who asks again at once waits for that
//! long each time. While fewer are refused than that, nobody waits.
//!
//! What waits is the answer, after the decision. To decide later, by not reading from who was refused, was rejected: the
//! next request of such a client may be one that is let in, and its wait would count. To close the connection was rejected
//! as well: a new one costs more than a refusal, and inside TLS forty times as much.
//!
//! What a refusal costs depends on the machine and on the protocol, so it is not written down here but measured: the
//! worker's processor time by the requests that it has decided on, which is rather too much than too little.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Of a worker's time refusals take one part in so many.
const PARTS: u64 = 4;
/// What is believed of the distance between two. A worker that does other things beside few requests knows nothing of
/// their cost.
const LEAST: u64 = 10_000;
const MOST: u64 = 1_000_000;
/// Fewer requests between two looks say nothing.
const ENOUGH: u64 = 16;
/// Nobody waits longer. It is less than what a client is told to wait.
const LONGEST: Duration = Duration::from_millis(500);
/// Nor shorter: timers are a millisecond coarse.
const SHORTEST: Duration = Duration::from_millis(2);

/// Of one worker. Times are since whenever, in nanoseconds.
#[derive(Debug, Default)]
pub(super) struct Refusals {
    /// When the next may leave.
    next: AtomicU64,
    /// Between two; zero until it is known.
    apart: AtomicU64,
    /// Requests that were decided on since the last look.
    decided: AtomicU64,
    /// Answers that wait.
    waiting: AtomicU64,
}

impl Refusals {
    /// It was decided on a request.
    pub(super) fn decided(&self) {
        self.decided.fetch_add(1, Ordering::Relaxed);
    }

    /// The worker has used so much processor time since the last look.
    pub(super) fn look(&self, used: Duration) {
        let decided = self.decided.swap(0, Ordering::Relaxed);
        if decided < ENOUGH {
            return;
        }
        let apart = (nanos(used) / decided).saturating_mul(PARTS).clamp(LEAST, MOST);
        let before = self.apart.load(Ordering::Relaxed);
        let apart = if before == 0 {
            apart
        } else {
            (before * 3 + apart) / 4
        };
        self.apart.store(apart, Ordering::Relaxed);
    }

    /// How long the answer waits that refuses a request now. `None`: not at all, which is so as well when `most` wait.
    pub(super) fn wait(&self, now: Duration, most: u64) -> Option<Duration> {
        let now = nanos(now);
        let next = self.next.load(Ordering::Relaxed).max(now);
        let wait = Duration::from_nanos(next - now);
        if wait < LONGEST {
            let apart = self.apart.load(Ordering::Relaxed);
            self.next.store(next + apart, Ordering::Relaxed);
        }
        let is_room = self.waiting.load(Ordering::Relaxed) < most;
        (wait >= SHORTEST && is_room).then_some(wait.min(LONGEST))
    }

    pub(super) fn enter(&self) {
        self.waiting.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn leave(&self) {
        self.waiting.fetch_sub(1, Ordering::Relaxed);
    }
}

fn nanos(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLENTY: u64 = 1_000_000;

    /// Refusals that take ten microseconds each.
    fn known() -> Refusals {
        let refusals = Refusals::default();
        for _ in 0..1_000 {
            refusals.decided();
        }
        refusals.look(Duration::from_millis(10));
        refusals
    }

    /// Refuses so many in a second, spread evenly; gives back how long each waits.
    fn waits(refusals: &Refusals, count: u32) -> Vec<Duration> {
        let at = |n| Duration::from_secs(1) * n / count;
        (0..count)
            .map(|n| refusals.wait(at(n), PLENTY).unwrap_or_default())
            .collect()
    }

    #[test]
    fn nobody_waits_while_refusals_take_less_than_a_quarter_of_the_time() {
        assert!(waits(&known(), 24_000).iter().all(Duration::is_zero));
    }

    #[test]
    fn who_comes_faster_leaves_at_that_pace() {
        let refusals = known();
        let last = (0..10_000)
            .filter_map(|_| refusals.wait(Duration::ZERO, PLENTY))
            .last();
        let expected = Duration::from_micros(40) * 9_999;
        assert_eq!(last, Some(expected));
    }

    #[test]
    fn nobody_waits_longer_than_he_is_told_to() {
        let longest = waits(&known(), 500_000).into_iter().max();
        assert_eq!(longest, Some(LONGEST));
    }

    #[test]
    fn no_more_wait_than_may() {
        let refusals = known();
        for _ in 0..1_000 {
            refusals.wait(Duration::ZERO, PLENTY);
        }
        refusals.enter();
        assert_eq!(refusals.wait(Duration::ZERO, 1), None);
        refusals.leave();
        assert!(refusals.wait(Duration::ZERO, 1).is_some());
    }

    #[test]
    fn a_few_requests_beside_other_work_say_nothing_of_what_they_cost() {
        let refusals = Refusals::default();
        refusals.decided();
        refusals.look(Duration::from_secs(1));
        assert!(waits(&refusals, 100_000).iter().all(Duration::is_zero));
    }
}
