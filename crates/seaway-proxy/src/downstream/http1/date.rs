//! The Date field, written once a second on each thread.

use std::cell::RefCell;
use std::time::{SystemTime, UNIX_EPOCH};

/// `Sun, 06 Nov 1994 08:49:37 GMT`.
const BYTES: usize = 29;

#[derive(Clone, Copy)]
struct Cached {
    second: u64,
    text: [u8; BYTES],
}

thread_local! {
    static DATE: RefCell<Cached> = const { RefCell::new(Cached { second: u64::MAX, text: [0; BYTES] }) };
}

/// Writes the date of `now` (RFC 9110, 5.6.7).
pub(super) fn write(now: SystemTime, out: &mut Vec<u8>) {
    let second = now.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    DATE.with_borrow_mut(|cached| {
        if cached.second != second {
            let text = httpdate::fmt_http_date(now);
            for (to, from) in cached.text.iter_mut().zip(text.bytes()) {
                *to = from;
            }
            cached.second = second;
        }
        out.extend_from_slice(&cached.text);
    });
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn each_second_has_its_own_date() {
        for (seconds, date) in [
            (784_111_777, "Sun, 06 Nov 1994 08:49:37 GMT"),
            (784_111_777, "Sun, 06 Nov 1994 08:49:37 GMT"),
            (784_111_778, "Sun, 06 Nov 1994 08:49:38 GMT"),
        ] {
            let mut out = Vec::new();
            write(UNIX_EPOCH + Duration::from_secs(seconds), &mut out);
            assert_eq!(String::from_utf8(out).unwrap(), date);
        }
    }
}
