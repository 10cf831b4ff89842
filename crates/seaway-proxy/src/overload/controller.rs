//! How large a share of new requests is shed, from how late the worker is. Pure: time is passed in.
//!
//! When to begin is CoDel's rule (RFC 8289): not when the queue is long, but when it has been too long for a whole
//! interval, since a burst that drains by itself is what queues are for. How much to shed is PIE's (RFC 8033): the share
//! follows how far the delay is from its target and which way it moves. CoDel's own way, one drop after the other at
//! growing speed, is made for senders that slow down when one packet is lost; clients of a gateway do not.
//!
//! What is shed has waited already: it is taken from the head of the queue, so what a change of the share does shows in
//! the next look. That allows for a strong and simple controller.

use std::time::Duration;

/// What is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Settings {
    /// How late a worker may be for long; zero lets it be as late as it is.
    pub(crate) target: Duration,
    /// How long it may be later than that before anything is shed.
    pub(crate) interval: Duration,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            target: Duration::from_millis(50),
            interval: Duration::from_millis(200),
        }
    }
}

/// Some are always served: a gateway that only refuses is down, and would never find out that it could do better.
const MOST: f64 = 0.98;
/// Below this nothing is shed.
const LEAST: f64 = 0.01;
/// Growth of the share in a second for each target's length that the delay is above the target.
const BY_DISTANCE: f64 = 0.6;
/// Growth of the share for each target's length that the delay grows.
const BY_CHANGE: f64 = 0.08;
/// The delay is not believed to be further off than so many targets, nor a look to be longer ago than so many seconds.
const MOST_TARGETS: f64 = 6.0;
const MOST_SECONDS: f64 = 0.25;
/// In how many seconds the share halves once the delay is less than half its target.
const HALF_LIFE: f64 = 0.2;

/// One per worker.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Controller {
    settings: Settings,
    share: f64,
    /// Since when every look found it later than the target.
    late_since: Option<Duration>,
    /// The last look: when, and how many targets late.
    last: (Duration, f64),
}

impl Controller {
    pub(crate) fn new(settings: Settings) -> Self {
        Self {
            settings,
            share: 0.0,
            late_since: None,
            last: (Duration::ZERO, 0.0),
        }
    }

    /// A look at `now` (since whenever) found the worker so late. Says what share of new requests is shed until the next.
    pub(crate) fn look(&mut self, now: Duration, late: Duration) -> f64 {
        if self.settings.target.is_zero() {
            return 0.0;
        }
        let targets = (late.as_secs_f64() / self.settings.target.as_secs_f64()).min(MOST_TARGETS);
        let (last, before) = std::mem::replace(&mut self.last, (now, targets));
        if targets < 1.0 {
            self.late_since = None;
        }
        let is_standing = targets >= 1.0
            && now.saturating_sub(*self.late_since.get_or_insert(now)) >= self.settings.interval;
        if self.share == 0.0 && !is_standing {
            return 0.0;
        }
        let seconds = now.saturating_sub(last).as_secs_f64().min(MOST_SECONDS);
        let mut share = self.share + BY_DISTANCE * seconds * (targets - 1.0) + BY_CHANGE * (targets - before);
        if targets < 0.5 {
            share *= 0.5_f64.powf(seconds / HALF_LIFE);
        }
        self.share = if share < LEAST && targets < 1.0 {
            0.0
        } else {
            share.clamp(LEAST, MOST)
        };
        self.share
    }
}

#[cfg(test)]
mod tests;
