//! What a request says of the way it came, which only a trusted proxy may say.

use http::HeaderMap;
use http::header::{FORWARDED, HeaderName};

/// Takes away what a peer that is not trusted says of where its request came from: `x-forwarded-*`, `x-real-ip`,
/// `forwarded` and `x-request-id`. It comes before matching, so that no condition of a route is met by a lie.
pub fn distrust(headers: &mut HeaderMap) {
    while let Some(name) = headers.keys().find(|name| is_claim(name)).cloned() {
        headers.remove(name);
    }
}

fn is_claim(name: &HeaderName) -> bool {
    let text = name.as_str();
    text.starts_with("x-forwarded-") || text == "x-real-ip" || text == "x-request-id" || *name == FORWARDED
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    #[test]
    fn claims_of_where_a_request_came_from_are_taken_away() {
        let mut headers = HeaderMap::new();
        for name in [
            "x-forwarded-for",
            "x-forwarded-host",
            "x-real-ip",
            "forwarded",
            "x-request-id",
            "x-mine",
        ] {
            headers.append(name, HeaderValue::from_static("1"));
        }
        distrust(&mut headers);
        assert_eq!(headers.len(), 1);
        assert!(headers.contains_key("x-mine"));
    }
}
