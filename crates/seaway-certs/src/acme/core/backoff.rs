//! How long to wait after a failure.

use std::time::Duration;

use super::{FailureKind, Timestamp};

const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(60 * 60);
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// Without a certificate, or near its end, no pause that we choose is longer: who repairs something should see it work
/// the same morning. Twelve orders a day are inside every limit.
const URGENT: Duration = HOUR.saturating_mul(2);

/// No authority's wish for silence is obeyed for longer.
const LONGEST_RETRY_AFTER: Duration = DAY.saturating_mul(7);

/// Doubled with every question whether the authority is done. Most are, within a second.
const FIRST_POLL: Duration = Duration::from_millis(250);

/// First and longest pause.
fn bounds(kind: FailureKind) -> (Duration, Duration) {
    match kind {
        FailureKind::Unreachable => (MINUTE / 2, HOUR),
        FailureKind::RateLimited => (HOUR, DAY),
        FailureKind::Challenge => (MINUTE * 2, HOUR * 12),
        FailureKind::Refused => (HOUR, DAY),
        FailureKind::Account | FailureKind::Order => (MINUTE / 6, HOUR),
        FailureKind::Dns => (MINUTE, HOUR),
        FailureKind::Disk => (MINUTE / 2, MINUTE * 10),
        FailureKind::Unexpected => (MINUTE * 5, HOUR * 6),
    }
}

/// The pause after this many failures in a row: doubled each time, within a fifth of it at random, at most a sixteenth
/// of what is left of the certificate's life, and never shorter than the authority asked for.
pub(super) fn pause(
    kind: FailureKind,
    failures: u32,
    retry_after: Option<Duration>,
    expiry: Option<Timestamp>,
    now: Timestamp,
    random: u64,
) -> Duration {
    let (first, longest) = bounds(kind);
    let left = expiry.map(|end| end.since(now)).unwrap_or_default();
    let longest = longest.min(URGENT.max(left / 16));
    let doubled = first.saturating_mul(1 << failures.saturating_sub(1).min(16));
    let permille = 800 + u32::try_from(random % 400).unwrap_or_default();
    let ours = doubled.min(longest) * permille / 1000;
    ours.max(retry_after.unwrap_or_default().min(LONGEST_RETRY_AFTER))
}

/// The pause before asking again whether the authority is done.
pub(super) fn poll(polls: u32, retry_after: Option<Duration>) -> Duration {
    let ours = FIRST_POLL.saturating_mul(1 << polls.min(8));
    retry_after.map_or(ours.min(MINUTE), |asked| asked.min(HOUR))
}

/// FNV-1a over a text, then mixed with numbers (splitmix64): the same on every machine and in every version.
pub(super) fn random(seed: u64, text: &str, number: u64) -> u64 {
    let hash = text.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    let mut z = (hash ^ seed).wrapping_add(number.wrapping_mul(0x9e37_79b9_7f4a_7c15));
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(failures: u32, retry_after: Option<Duration>) -> Duration {
        let now = Timestamp::default().after(DAY * 20_000);
        let expiry = Some(now.after(DAY * 30));
        pause(FailureKind::Challenge, failures, retry_after, expiry, now, 200)
    }

    #[test]
    fn a_pause_doubles_up_to_its_bound() {
        assert_eq!(at(1, None), MINUTE * 2);
        assert_eq!(at(2, None), MINUTE * 4);
        assert_eq!(at(40, None), HOUR * 12);
    }

    #[test]
    fn an_authority_may_ask_for_more_but_not_for_less() {
        assert_eq!(at(1, Some(HOUR * 30)), HOUR * 30);
        assert_eq!(at(1, Some(Duration::from_secs(1))), MINUTE * 2);
        assert_eq!(at(1, Some(DAY * 900)), LONGEST_RETRY_AFTER);
    }

    #[test]
    fn near_the_end_of_a_certificate_pauses_are_short() {
        let now = Timestamp::default().after(DAY * 20_000);
        let pause = pause(FailureKind::Refused, 40, None, Some(now.after(DAY)), now, 200);
        assert_eq!(pause, HOUR * 2);
    }
}
