//! Passive ejection of endpoints that fail: a pure core, with the time passed in.
//!
//! ```text
//!  in use ──(so many failures of one kind in a row, and room under the share)──▶ ejected until
//!    ▲                                                  now + base × ejections in a row, at most the longest
//!    └──────────────(that time is over, or the first look after it where there is an interval)────────┘
//! ```
//! Four kinds are counted, each in a row of its own:
//! - connections that could not be made (our own default; Istio and Envoy do not count them apart);
//! - 5xx answers, or the codes that the policy names;
//! - 502, 503 and 504;
//! - *failures of local origin*: no answer at all, be it no connection, a reset, or a time-out. They have a row of their
//!   own where they are split off; otherwise each counts as a 5xx and as a gateway error.
//!
//! An answer below 500 ends the rows of answers, any answer ends that of local origin. In Envoy a made connection ends it
//! too, so that time-outs never add up there; here they do.
//!
//! *Unreachable* endpoints, ejected for connections, are forgiven by a connection that is made, also the rest of an
//! ejection: they are tried when nobody else is left, which costs a client nothing. Those ejected for their *answers* are
//! not, and return by time only.
//!
//! The share (`max_ejection`) is rounded down: of nine endpoints 10 % is none, of ten it is one. Envoy does the same. It is
//! held when an endpoint is ejected; endpoints that leave the cluster later do not bring others back.
//!
//! The row of ejections shrinks by one for each interval that the endpoint was not ejected (for each base time, where
//! there is no interval). Failures of an endpoint that is ejected already do not make it worse.
//!
//! Not done: Envoy's ejection by success rate and by failure percentage, which Istio does not offer.

use std::time::Duration;

use seaway_model::OutlierDetection;

/// What is remembered of one endpoint. Times are counted from any fixed moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Outlier {
    /// Of each kind, in a row.
    unreachable: u32,
    server_errors: u32,
    gateway_errors: u32,
    local_failures: u32,
    /// Ejections in a row.
    ejections: u32,
    last: Option<Ejection>,
}

/// What became of an attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// A connection was made.
    Connected,
    /// A connection could not be made.
    Unreachable,
    /// There was an answer, with this status.
    Answered(u16),
    /// There was none: reset, time-out.
    Unanswered,
}

/// Why an endpoint is left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// It could not be connected to.
    Unreachable,
    /// It answered badly, or not.
    Answers,
}

/// An endpoint is left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ejection {
    /// Until then, and no longer.
    pub until: Duration,
    /// Why.
    pub cause: Cause,
}

/// The endpoints of the cluster, which limit how many may be ejected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Crowd {
    /// All, this one included.
    pub total: usize,
    /// How many of them are ejected now.
    pub ejected: usize,
    /// How many are healthy: neither ejected nor draining.
    pub healthy: usize,
}

impl Outlier {
    /// Whether it is left out.
    #[must_use]
    pub fn is_ejected(&self, now: Duration) -> bool {
        self.last.is_some_and(|ejection| now < ejection.until)
    }

    /// The last ejection, over or not.
    #[must_use]
    pub fn ejection(&self) -> Option<Ejection> {
        self.last
    }

    /// Whether a success would change nothing.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        let rows = [
            self.unreachable,
            self.server_errors,
            self.gateway_errors,
            self.local_failures,
        ];
        rows == [0; 4] && !self.is_unreachable()
    }

    fn is_unreachable(&self) -> bool {
        self.last
            .is_some_and(|ejection| ejection.cause == Cause::Unreachable)
    }

    /// Counts what happened. Returns why the endpoint should be ejected now, if it should: then call [`Self::eject`],
    /// which only then needs to know of the others.
    pub fn count(&mut self, event: Event, now: Duration, policy: &OutlierDetection) -> Option<Cause> {
        if event == Event::Connected {
            self.unreachable = 0;
            if self.is_unreachable() {
                self.ejections = 0;
                self.last = None;
            }
            return None;
        }
        if self.is_ejected(now) {
            return None;
        }
        if let Event::Answered(status) = event {
            self.local_failures = 0;
            count_in_row(&mut self.server_errors, is_server_error(policy, status));
            count_in_row(&mut self.gateway_errors, (502..=504).contains(&status));
        } else {
            count_in_row(&mut self.unreachable, event == Event::Unreachable);
            if policy.split_local_origin {
                count_in_row(&mut self.local_failures, true);
            } else {
                count_in_row(&mut self.server_errors, true);
                count_in_row(&mut self.gateway_errors, true);
            }
        }
        self.due(policy)
    }

    /// Which row is long enough.
    fn due(&self, policy: &OutlierDetection) -> Option<Cause> {
        let reached = |row: u32, limit: Option<u32>| limit.is_some_and(|limit| row >= limit.max(1));
        let local = policy.split_local_origin;
        if reached(self.server_errors, policy.consecutive_5xx)
            || reached(self.gateway_errors, policy.consecutive_gateway_errors)
            || local && reached(self.local_failures, policy.consecutive_local_origin_failures)
        {
            return Some(Cause::Answers);
        }
        reached(self.unreachable, policy.consecutive_connect_failures).then_some(Cause::Unreachable)
    }

    /// Ejects the endpoint if there is room for one more. Without room its rows stay, and the next failure asks again.
    pub fn eject(
        &mut self,
        cause: Cause,
        now: Duration,
        policy: &OutlierDetection,
        crowd: Crowd,
    ) -> Option<Ejection> {
        if self.is_ejected(now) || !has_room(policy, crowd) {
            return None;
        }
        let in_a_row = self.still_in_row(now, policy).saturating_add(1);
        let base = policy.base_ejection_time.duration();
        let length = base
            .saturating_mul(in_a_row)
            .min(policy.max_ejection_time.duration());
        let ejection = Ejection {
            until: next_look(now.saturating_add(length), policy),
            cause,
        };
        *self = Self {
            ejections: in_a_row,
            last: Some(ejection),
            ..Self::default()
        };
        Some(ejection)
    }

    /// Ejections in a row, less one for each interval since the last was over.
    fn still_in_row(&self, now: Duration, policy: &OutlierDetection) -> u32 {
        let Some(last) = self.last else { return 0 };
        let step = policy.interval.unwrap_or(policy.base_ejection_time).duration();
        let calm = now.saturating_sub(last.until).as_nanos();
        let steps = calm.checked_div(step.as_nanos()).unwrap_or(0);
        self.ejections
            .saturating_sub(u32::try_from(steps).unwrap_or(u32::MAX))
    }
}

/// Whether a policy looks at answers at all.
#[must_use]
pub fn counts_answers(policy: &OutlierDetection) -> bool {
    policy.consecutive_5xx.is_some()
        || policy.consecutive_gateway_errors.is_some()
        || policy.split_local_origin
}

/// Whether an answer counts as a failure of any kind.
#[must_use]
pub fn is_failure(policy: &OutlierDetection, status: u16) -> bool {
    is_server_error(policy, status) || (502..=504).contains(&status)
}

fn is_server_error(policy: &OutlierDetection, status: u16) -> bool {
    if policy.error_codes.is_empty() {
        return (500..600).contains(&status);
    }
    policy.error_codes.contains(&status)
}

fn count_in_row(row: &mut u32, failed: bool) {
    *row = if failed { row.saturating_add(1) } else { 0 };
}

/// The first look at or after a moment. Looks are at the multiples of the interval.
fn next_look(moment: Duration, policy: &OutlierDetection) -> Duration {
    let Some(interval) = policy.interval else {
        return moment;
    };
    let (moment, interval) = (moment.as_millis(), u128::from(interval.0.max(1)));
    let look = moment.div_ceil(interval).saturating_mul(interval);
    Duration::from_millis(u64::try_from(look).unwrap_or(u64::MAX))
}

/// Whether one more may be ejected.
fn has_room(policy: &OutlierDetection, crowd: Crowd) -> bool {
    let (total, healthy) = (crowd.total as u64, crowd.healthy as u64);
    let share = |fraction: seaway_model::Fraction| total.saturating_mul(u64::from(fraction.millionths()));
    let well = healthy.saturating_mul(1_000_000) >= share(policy.min_health);
    well && (crowd.ejected as u64) < share(policy.max_ejection) / 1_000_000
}

#[cfg(test)]
mod tests;
