//! What time it is, for who needs to know it to the second.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use nix::time::{ClockId, clock_gettime};

/// The time of the system's last tick, a few milliseconds ago at most. It is in memory, while for the very time the
/// processor's own clock has to be read.
pub(crate) fn coarse() -> SystemTime {
    let now = clock_gettime(ClockId::CLOCK_REALTIME_COARSE).ok();
    let since = now.and_then(|now| {
        let (seconds, nanos) = (now.tv_sec().try_into().ok()?, now.tv_nsec().try_into().ok()?);
        Some(Duration::new(seconds, nanos))
    });
    // There is none before 1970.
    since.map_or_else(SystemTime::now, |since| UNIX_EPOCH + since)
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
