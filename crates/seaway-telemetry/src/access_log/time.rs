//! `2026-01-31T08:15:30.123Z` from the system's time, without a calendar library for one format.

use std::time::{Duration, SystemTime};

/// Appends a time as RFC 3339 in UTC, with milliseconds. Before 1970 it is 1970.
pub(super) fn write_rfc3339(time: SystemTime, out: &mut String) {
    let since = time
        .duration_since(SystemTime::UNIX_EPOCH)
        .unwrap_or(Duration::ZERO);
    let seconds = since.as_secs();
    let (year, month, day) = civil(seconds / 86_400);
    let (hour, minute, second) = (seconds / 3600 % 24, seconds / 60 % 60, seconds % 60);
    let millis = u64::from(since.subsec_millis());
    for (number, digits, after) in [
        (year, 4, '-'),
        (month, 2, '-'),
        (day, 2, 'T'),
        (hour, 2, ':'),
        (minute, 2, ':'),
        (second, 2, '.'),
        (millis, 3, 'Z'),
    ] {
        write_padded(number, digits, out);
        out.push(after);
    }
}

/// With zeros in front. The formatting machinery of the standard library takes longer than all the rest of a line.
fn write_padded(number: u64, digits: usize, out: &mut String) {
    let mut buffer = itoa::Buffer::new();
    let text = buffer.format(number);
    for _ in text.len()..digits {
        out.push('0');
    }
    out.push_str(text);
}

/// Year, month and day of a number of days since 1970-01-01, in the Gregorian calendar.
///
/// Years are counted from March, so that the leap day is the last of its year and every 400 years are alike.
fn civil(days: u64) -> (u64, u64, u64) {
    // Days between 0000-03-01 and 1970-01-01.
    let days = days + 719_468;
    let era = days / 146_097;
    let day_of_era = days % 146_097;
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    // Months from March have 31, 30, 31, 30, 31 days, over and over: 153 for five.
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 {
        shifted_month + 3
    } else {
        shifted_month - 9
    };
    let year = era * 400 + year_of_era + u64::from(month <= 2);
    (year, month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(millis: u64) -> String {
        let mut out = String::new();
        write_rfc3339(SystemTime::UNIX_EPOCH + Duration::from_millis(millis), &mut out);
        out
    }

    #[test]
    fn known_moments_are_written_as_they_are_known() {
        assert_eq!(text(0), "1970-01-01T00:00:00.000Z");
        assert_eq!(text(951_782_400_000), "2000-02-29T00:00:00.000Z");
        assert_eq!(text(1_700_000_000_123), "2023-11-14T22:13:20.123Z");
        assert_eq!(text(4_107_542_399_999), "2100-02-28T23:59:59.999Z");
        assert_eq!(text(4_107_542_400_000), "2100-03-01T00:00:00.000Z");
    }

    #[test]
    fn every_day_of_four_centuries_follows_the_one_before() {
        let mut before = civil(0);
        for days in 1..146_097 {
            let now = civil(days);
            let next = now.2 == before.2 + 1 && (now.0, now.1) == (before.0, before.1);
            let new_month = now.2 == 1 && before.2 >= 28 && (now.0, now.1) == next_month(before.0, before.1);
            assert!(next || new_month, "{before:?} {now:?}");
            before = now;
        }
        assert_eq!(before, (2369, 12, 31));
    }

    fn next_month(year: u64, month: u64) -> (u64, u64) {
        if month == 12 {
            (year + 1, 1)
        } else {
            (year, month + 1)
        }
    }
}
