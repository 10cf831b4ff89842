//! Where the values that conditions and hashes look at come from.

use std::borrow::Cow;

use http::header::{AsHeaderName, COOKIE, HOST};
use http::{HeaderMap, HeaderName};
use percent_encoding::percent_decode;

use crate::RequestHead;

/// A named place in a request.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Source {
    /// A header.
    Header(HeaderName),
    /// `:method`
    Method,
    /// `host` or `:authority`: the Host header as sent, or the normalised host where the request has no such header.
    Host,
    /// The first query parameter of that name.
    Query(std::sync::Arc<str>),
    /// The first cookie of that name.
    Cookie(std::sync::Arc<str>),
    /// A header whose name no request can have.
    Nowhere,
}

impl Source {
    /// A header by its name as configured.
    pub(crate) fn header(name: &str) -> Self {
        match name {
            ":method" => Self::Method,
            "host" | ":authority" => Self::Host,
            _ => HeaderName::from_bytes(name.as_bytes()).map_or(Self::Nowhere, Self::Header),
        }
    }

    /// The value in a request, if it is there.
    pub(crate) fn value<'r>(&self, request: &RequestHead<'r>) -> Option<Cow<'r, [u8]>> {
        match self {
            Self::Header(name) => header(request.headers, name),
            Self::Method => Some(Cow::Borrowed(request.method.as_bytes())),
            Self::Host => host(request),
            Self::Query(name) => query(request.query?, name.as_bytes()),
            Self::Cookie(name) => cookie(request.headers, name.as_bytes()).map(Cow::Borrowed),
            Self::Nowhere => None,
        }
    }
}

/// The Host header as sent, or the normalised host where there is none.
pub(crate) fn host<'r>(request: &RequestHead<'r>) -> Option<Cow<'r, [u8]>> {
    let normalised = || (!request.host.is_empty()).then_some(Cow::Borrowed(request.host.as_bytes()));
    header(request.headers, HOST).or_else(normalised)
}

/// All fields of a name as one value, joined by commas (RFC 9110, 5.2).
pub(crate) fn header(headers: &HeaderMap, name: impl AsHeaderName) -> Option<Cow<'_, [u8]>> {
    let mut values = headers.get_all(name).iter();
    let first = values.next()?.as_bytes();
    let Some(second) = values.next() else {
        return Some(Cow::Borrowed(first));
    };
    let mut joined = first.to_vec();
    for value in std::iter::once(second).chain(values) {
        joined.push(b',');
        joined.extend_from_slice(value.as_bytes());
    }
    Some(Cow::Owned(joined))
}

/// The first parameter of a name, percent-decoded. A plus sign is a plus sign.
pub(crate) fn query<'r>(query: &'r str, name: &[u8]) -> Option<Cow<'r, [u8]>> {
    query.split('&').find_map(|pair| {
        let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
        let same = if key.contains('%') {
            percent_decode(key.as_bytes()).eq(name.iter().copied())
        } else {
            key.as_bytes() == name
        };
        // An empty pair (`a=1&&b=2`) is no parameter with an empty name.
        (same && !pair.is_empty()).then(|| percent_decode(value.as_bytes()).into())
    })
}

/// The first cookie of a name, as sent, over all Cookie headers (HTTP/2 may split them, RFC 9113, 8.2.3).
pub(crate) fn cookie<'r>(headers: &'r HeaderMap, name: &[u8]) -> Option<&'r [u8]> {
    headers
        .get_all(COOKIE)
        .iter()
        .flat_map(|header| header.as_bytes().split(|b| *b == b';'))
        .find_map(|pair| {
            let pair = pair.trim_ascii();
            let at = pair.iter().position(|b| *b == b'=')?;
            let (key, value) = pair.split_at_checked(at)?;
            (key.trim_ascii_end() == name)
                .then(|| value.strip_prefix(b"=").unwrap_or(value).trim_ascii_start())
        })
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        pairs
            .iter()
            .map(|(n, v)| (HeaderName::from_static(n), HeaderValue::from_static(v)))
            .collect()
    }

    #[test]
    fn several_fields_of_one_name_are_one_value() {
        let map = headers(&[("x-a", "1"), ("x-a", "2"), ("x-b", "3")]);
        assert_eq!(
            header(&map, HeaderName::from_static("x-a")).unwrap().as_ref(),
            b"1,2"
        );
        assert_eq!(
            header(&map, HeaderName::from_static("x-b")).unwrap().as_ref(),
            b"3"
        );
        assert_eq!(header(&map, HeaderName::from_static("x-c")), None);
    }

    #[test]
    fn the_first_query_parameter_counts_decoded() {
        for (text, value) in [
            ("a=1&a=2", Some("1")),
            ("b=0&a=x%20y", Some("x y")),
            ("a=x+y", Some("x+y")),
            ("%61=1", Some("1")),
            ("a", Some("")),
            ("a=", Some("")),
            ("a=b=c", Some("b=c")),
            ("A=1", None),
            ("aa=1", None),
            ("", None),
            ("b=%61", None),
        ] {
            let found = query(text, b"a").map(|v| String::from_utf8(v.into_owned()).unwrap());
            assert_eq!(found.as_deref(), value, "{text}");
        }
        assert_eq!(query("a=1&&b=2", b""), None);
    }

    #[test]
    fn the_first_cookie_counts_over_all_headers() {
        let map = headers(&[("cookie", "b=1; c=\"q\""), ("cookie", "a=2;a=3 ; d")]);
        assert_eq!(cookie(&map, b"a"), Some(&b"2"[..]));
        assert_eq!(cookie(&map, b"b"), Some(&b"1"[..]));
        assert_eq!(cookie(&map, b"c"), Some(&b"\"q\""[..]));
        assert_eq!(cookie(&map, b"d"), None);
        assert_eq!(cookie(&map, b"A"), None);
    }
}
