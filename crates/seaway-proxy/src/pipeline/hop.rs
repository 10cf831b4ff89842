//! Headers that are for one connection only and never pass (RFC 9110, 7.6.1).

use http::header::{
    CONNECTION, COOKIE, HeaderName, PROXY_AUTHENTICATE, PROXY_AUTHORIZATION, TE, TRANSFER_ENCODING, UPGRADE,
};
use http::{HeaderMap, HeaderValue, Request, Version};

use super::fields::Found;

const KEEP_ALIVE: HeaderName = HeaderName::from_static("keep-alive");
const PROXY_CONNECTION: HeaderName = HeaderName::from_static("proxy-connection");

/// Whether a client that sent an `upgrade` header asks to leave HTTP on this connection. HTTP/1.1 only: HTTP/1.0 has no upgrades, HTTP/2 has
/// extended CONNECT instead.
///
/// An upgrade to another HTTP, or to TLS, is not one: through such a tunnel requests would reach the upstream that no
/// route has seen. A server may ignore an upgrade (RFC 9110, 7.8), so the request goes on without it.
pub(crate) fn wants_upgrade<B>(request: &Request<B>) -> bool {
    let tunnels = |value: &HeaderValue| value.to_str().is_ok_and(leaves_http);
    request.version() == Version::HTTP_11
        && request.headers().get_all(UPGRADE).iter().all(tunnels)
        && names(request.headers()).any(|name| name.eq_ignore_ascii_case("upgrade"))
}

/// Whether none of these protocols is one in which the upstream would hear requests.
pub(crate) fn leaves_http(protocols: &str) -> bool {
    protocols.split(',').all(|token| !is_hop_protocol(token.trim()))
}

fn is_hop_protocol(token: &str) -> bool {
    let name = token.split('/').next().unwrap_or(token);
    ["h2c", "h2", "http", "tls"]
        .iter()
        .any(|known| name.eq_ignore_ascii_case(known))
}

/// Takes them out of a request. With `upgrade`, the `upgrade` header stays and is announced anew.
pub(crate) fn strip_request(headers: &mut HeaderMap, upgrade: bool) {
    let found = Found::of(headers);
    // Most say just that. It holds for us as well, and gRPC servers insist on it.
    let is_plain = found.has(Found::TE) && says_trailers(headers);
    let trailers = found.has(Found::TE) && !is_plain && headers.get_all(TE).iter().any(accepts_trailers);
    let protocol = if upgrade { headers.remove(UPGRADE) } else { None };
    strip(headers, found);
    if found.has(Found::TE) && !is_plain {
        headers.remove(TE);
    }
    if found.has(Found::PROXY_AUTHORIZATION) {
        // Meant for us, who ask no one to log in.
        headers.remove(PROXY_AUTHORIZATION);
    }
    if trailers {
        headers.insert(TE, HeaderValue::from_static("trailers"));
    }
    if let Some(protocol) = protocol {
        headers.insert(UPGRADE, protocol);
        headers.insert(CONNECTION, HeaderValue::from_static("upgrade"));
    }
}

/// Takes them out of a response. With `upgrade` (101), the new protocol stays announced.
pub(crate) fn strip_response(headers: &mut HeaderMap, upgrade: bool) {
    let found = Found::of(headers);
    let protocol = if upgrade { headers.remove(UPGRADE) } else { None };
    strip(headers, found);
    if found.has(Found::PROXY_AUTHENTICATE) {
        headers.remove(PROXY_AUTHENTICATE);
    }
    if let Some(protocol) = protocol {
        headers.insert(UPGRADE, protocol);
        headers.insert(CONNECTION, HeaderValue::from_static("upgrade"));
    }
}

/// `Connection` may name any header, but not those that frame the message or say whom it is for: a client could take
/// from the upstream what we decided by.
fn strip(headers: &mut HeaderMap, found: Found) {
    if found.has(Found::CONNECTION) {
        let named: Vec<HeaderName> = names(headers).filter_map(|name| name.parse().ok()).collect();
        for name in named {
            if !is_end_to_end(&name) {
                headers.remove(name);
            }
        }
        headers.remove(CONNECTION);
    }
    for (field, name) in [
        (Found::KEEP_ALIVE, KEEP_ALIVE),
        (Found::PROXY_CONNECTION, PROXY_CONNECTION),
        (Found::TRANSFER_ENCODING, TRANSFER_ENCODING),
        (Found::UPGRADE, UPGRADE),
    ] {
        if found.has(field) {
            headers.remove(name);
        }
    }
}

/// Joins the Cookie fields into which HTTP/2 lets a client split one: beyond HTTP/2 there is only one (RFC 9113, 8.2.3).
pub(crate) fn join_cookies(headers: &mut HeaderMap) {
    let mut fields = headers.get_all(COOKIE).iter();
    let (Some(first), Some(second)) = (fields.next(), fields.next()) else {
        return;
    };
    let mut joined = first.as_bytes().to_vec();
    for field in std::iter::once(second).chain(fields) {
        joined.extend_from_slice(b"; ");
        joined.extend_from_slice(field.as_bytes());
    }
    if let Ok(joined) = HeaderValue::from_bytes(&joined) {
        headers.insert(COOKIE, joined);
    }
}

fn names(headers: &HeaderMap) -> impl Iterator<Item = &str> {
    let fields = headers.get_all(CONNECTION).iter().filter_map(|v| v.to_str().ok());
    fields.flat_map(|field| field.split(',')).map(str::trim)
}

/// `te` is of one connection too, but what it says of trailers holds for us as well: it has its own rule.
fn is_end_to_end(name: &HeaderName) -> bool {
    matches!(
        name.as_str(),
        "te" | "host" | "content-length" | "content-type" | "authorization" | "cookie" | "x-request-id"
    ) || name.as_str().starts_with("x-forwarded-")
}

fn says_trailers(headers: &HeaderMap) -> bool {
    let mut fields = headers.get_all(TE).iter();
    fields.next().is_some_and(|te| te == "trailers") && fields.next().is_none()
}

fn accepts_trailers(te: &HeaderValue) -> bool {
    te.to_str()
        .is_ok_and(|te| te.split(',').any(|t| t.trim().eq_ignore_ascii_case("trailers")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(fields: &[(&'static str, &'static str)]) -> HeaderMap {
        let mut map = HeaderMap::new();
        for (name, value) in fields {
            map.append(HeaderName::from_static(name), HeaderValue::from_static(value));
        }
        map
    }

    #[test]
    fn what_connection_names_goes_with_it() {
        let mut map = headers(&[("connection", "close, X-Hop"), ("x-hop", "1"), ("x-end", "2")]);
        strip_request(&mut map, false);
        assert_eq!(map, headers(&[("x-end", "2")]));
    }

    #[test]
    fn connection_cannot_take_away_what_identifies_the_request() {
        let mut map = headers(&[
            ("connection", "host, x-forwarded-for"),
            ("host", "a"),
            ("x-forwarded-for", "b"),
        ]);
        strip_request(&mut map, false);
        assert_eq!(map, headers(&[("host", "a"), ("x-forwarded-for", "b")]));
    }

    #[test]
    fn cookies_that_were_split_are_one_again() {
        let mut map = headers(&[("cookie", "a=1"), ("x-end", "2"), ("cookie", "b=2; c=3")]);
        join_cookies(&mut map);
        let mut expected = headers(&[("cookie", "a=1; b=2; c=3"), ("x-end", "2")]);
        assert_eq!(map, expected);
        join_cookies(&mut expected);
        assert_eq!(map, expected);
    }

    #[test]
    fn of_te_only_trailers_pass() {
        let mut map = headers(&[("te", "gzip, trailers")]);
        strip_request(&mut map, false);
        assert_eq!(map, headers(&[("te", "trailers")]));
        let mut map = headers(&[("te", "gzip")]);
        strip_request(&mut map, false);
        assert_eq!(map, HeaderMap::new());
    }

    #[test]
    fn te_is_announced_in_connection_and_passes_all_the_same() {
        for te in ["trailers", "trailers, deflate;q=0.5"] {
            let mut map = headers(&[("te", te), ("connection", "TE")]);
            strip_request(&mut map, false);
            assert_eq!(map, headers(&[("te", "trailers")]), "{te}");
        }
    }

    #[test]
    fn an_upgrade_is_announced_anew() {
        let mut map = headers(&[
            ("connection", "keep-alive, Upgrade"),
            ("upgrade", "websocket"),
            ("keep-alive", "5"),
        ]);
        strip_request(&mut map, true);
        assert_eq!(
            map,
            headers(&[("upgrade", "websocket"), ("connection", "upgrade")])
        );
    }

    #[test]
    fn an_upgrade_that_is_not_wanted_does_not_pass() {
        let mut map = headers(&[("connection", "upgrade"), ("upgrade", "h2c")]);
        strip_request(&mut map, false);
        assert_eq!(map, HeaderMap::new());
    }
}
