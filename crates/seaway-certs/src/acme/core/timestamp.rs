//! A time that is written to disk: milliseconds since 1970, UTC.

use std::time::{Duration, SystemTime};

use serde::{Deserialize, Serialize};

/// Milliseconds since 1970, UTC. Arithmetic saturates: no answer of a server can make it overflow.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct Timestamp(u64);

impl Timestamp {
    /// This long after. A length beyond some half a billion years is cut.
    pub(crate) fn after(self, delay: Duration) -> Self {
        Self(self.0.saturating_add(millis(delay)))
    }

    /// This long before, not before 1970.
    pub(crate) fn before(self, delay: Duration) -> Self {
        Self(self.0.saturating_sub(millis(delay)))
    }

    /// Zero if `earlier` is not earlier.
    pub(crate) fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(self.0.saturating_sub(earlier.0))
    }
}

fn millis(delay: Duration) -> u64 {
    u64::try_from(delay.as_millis()).unwrap_or(u64::MAX)
}

impl From<SystemTime> for Timestamp {
    fn from(time: SystemTime) -> Self {
        Self(millis(
            time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default(),
        ))
    }
}

impl From<Timestamp> for SystemTime {
    fn from(time: Timestamp) -> Self {
        Self::UNIX_EPOCH
            .checked_add(Duration::from_millis(time.0))
            .unwrap_or(Self::UNIX_EPOCH)
    }
}
