//! What time it is, for who needs to know it to the second.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rustix::time::{ClockId, clock_gettime};

/// The time of the system's last tick, a few milliseconds ago at most. It is in memory, while for the very time the
/// processor's own clock has to be read.
pub(crate) fn coarse() -> SystemTime {
    let now = clock_gettime(ClockId::RealtimeCoarse);
    let (seconds, nanos) = (u64::try_from(now.tv_sec), u32::try_from(now.tv_nsec));
    match (seconds, nanos) {
        (Ok(seconds), Ok(nanos)) => UNIX_EPOCH + Duration::new(seconds, nanos),
        // Before 1970.
        _ => SystemTime::now(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_about_now() {
        let (before, coarse) = (SystemTime::now(), coarse());
        let apart = before
            .duration_since(coarse)
            .unwrap_or_else(|ahead| ahead.duration());
        assert!(apart < Duration::from_secs(1), "{apart:?}");
    }
}
