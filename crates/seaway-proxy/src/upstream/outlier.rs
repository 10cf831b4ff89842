//! Passive ejection of endpoints that cannot be connected to: a pure core, with the time passed in.
//!
//! ```text
//!  in use ──(n connect failures in a row, and room under the share)──▶ ejected until now + base × ejections in a row
//!    ▲                                                                     │
//!    └──────────────(that time is over; the row of ejections stays)────────┘
//!  A connection that is made forgives everything, also the rest of an ejection.
//! ```
//! Failures of an endpoint that is ejected already (it may be tried when all are) do not make it worse.

use std::time::Duration;

use seaway_model::OutlierDetection;

/// What is remembered of one endpoint. Times are counted from any fixed moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Outlier {
    failures: u32,
    ejections: u32,
    until: Option<Duration>,
}

/// The other endpoints, which limit how many may be ejected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Crowd {
    /// Endpoints of the cluster, this one included.
    pub total: usize,
    /// How many of them are ejected now.
    pub ejected: usize,
}

impl Outlier {
    /// Whether it is left out.
    #[must_use]
    pub fn is_ejected(&self, now: Duration) -> bool {
        self.until.is_some_and(|until| now < until)
    }

    /// Whether there is anything to forgive.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        *self == Self::default()
    }

    /// A connection was made.
    pub fn success(&mut self) {
        *self = Self::default();
    }

    /// A connection could not be made. Returns until when the endpoint is ejected, if this was what ejected it.
    pub fn failure(&mut self, now: Duration, policy: &OutlierDetection, crowd: Crowd) -> Option<Duration> {
        if self.is_ejected(now) {
            return None;
        }
        self.failures = self.failures.saturating_add(1);
        if self.failures < policy.consecutive_connect_failures.unwrap_or(u32::MAX).max(1)
            || !has_room(policy, crowd)
        {
            return None;
        }
        self.failures = 0;
        self.ejections = self.ejections.saturating_add(1);
        let base = policy.base_ejection_time.duration();
        let length = base
            .saturating_mul(self.ejections)
            .min(policy.max_ejection_time.duration());
        let until = now.saturating_add(length);
        self.until = Some(until);
        Some(until)
    }
}

/// Whether one more may be ejected: never more than the share, but always one of two or more.
fn has_room(policy: &OutlierDetection, crowd: Crowd) -> bool {
    let total = crowd.total as u64;
    let share = total.saturating_mul(u64::from(policy.max_ejection.millionths())) / 1_000_000;
    let allowed = if total >= 2 { share.max(1) } else { share };
    (crowd.ejected as u64) < allowed
}

#[cfg(test)]
mod tests;
