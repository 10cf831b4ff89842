//! When a certificate is renewed.

use std::time::Duration;

use super::backoff::random;
use super::{IssuedInfo, Timestamp};

/// By the authority's renewal information where there is some (RFC 9773), otherwise when a third of the life is left.
///
/// Certificates that came together do not go together: within the suggested window the point is chosen by a hash of the
/// names, as the RFC wants it uniform; without one it is up to a thirtieth of the life early. A suggestion is not
/// followed into the last twelfth of the life, where no failure could be repaired any more.
pub(crate) fn renew_at(issued: &IssuedInfo, names: &str) -> Timestamp {
    let life = issued.not_after.since(issued.not_before);
    match issued.window {
        Some((start, end)) => {
            let chosen = start.after(part(end.since(start), random(0, names, 1)));
            chosen.min(issued.not_after.before(life / 12))
        }
        None => issued
            .not_before
            .after(life / 3 * 2)
            .before(part(life / 30, random(0, names, 2))),
    }
}

/// A part of a length, by a random number.
fn part(length: Duration, random: u64) -> Duration {
    let permille = u32::try_from(random % 1000).unwrap_or_default();
    length / 1000 * permille
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: Duration = Duration::from_secs(24 * 60 * 60);

    fn issued(window: Option<(Timestamp, Timestamp)>) -> IssuedInfo {
        let not_before = Timestamp::default().after(DAY * 20_000);
        IssuedInfo {
            directory: String::new(),
            not_before,
            not_after: not_before.after(DAY * 90),
            window,
            ask_again: not_before,
        }
    }

    #[test]
    fn without_renewal_information_a_third_of_the_life_is_left_and_names_are_spread() {
        let issued = issued(None);
        let days: Vec<_> = (0..20)
            .map(|i| renew_at(&issued, &format!("host{i}.example.com")).since(issued.not_before))
            .collect();
        assert!(days.iter().all(|d| (DAY * 57..=DAY * 60).contains(d)), "{days:?}");
        assert!(days.iter().any(|d| *d < DAY * 58) && days.iter().any(|d| *d > DAY * 59));
    }

    #[test]
    fn a_suggested_window_is_followed_also_when_it_is_early() {
        let begin = issued(None).not_before;
        let at = renew_at(
            &issued(Some((begin.after(DAY * 3), begin.after(DAY * 5)))),
            "a.example.com",
        );
        assert!((DAY * 3..DAY * 5).contains(&at.since(begin)));
    }

    #[test]
    fn a_suggestion_after_the_end_is_not_followed() {
        let begin = issued(None).not_before;
        let at = renew_at(
            &issued(Some((begin.after(DAY * 100), begin.after(DAY * 101)))),
            "a",
        );
        assert!(at < begin.after(DAY * 85));
    }
}
