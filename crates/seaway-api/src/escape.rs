//! Escapes in the paths of manifests.

/// The first escape that says what needs none (RFC 3986, 2.3). Requests have none of those any more when they are
/// matched, so a path that has one matches nothing.
#[must_use]
pub fn idle_escape(path: &str) -> Option<&str> {
    path.match_indices('%').find_map(|(at, _)| {
        let escape = path.get(at..at + 3)?;
        let byte = u8::from_str_radix(escape.get(1..)?, 16).ok()?;
        let is_unreserved = byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~');
        is_unreserved.then_some(escape)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_escapes_of_what_needs_none_are_idle() {
        for (path, idle) in [
            ("/a", None),
            ("/%20%2F%25%C3%A4", None),
            ("/%2561", None),
            ("/%6", None),
            ("/a%20/%61%62", Some("%61")),
            ("/%7e", Some("%7e")),
            ("/%2E", Some("%2E")),
        ] {
            assert_eq!(idle_escape(path), idle, "{path}");
        }
    }
}
