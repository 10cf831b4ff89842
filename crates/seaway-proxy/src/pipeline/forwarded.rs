//! What the upstream is told of the client, and what is believed of what the client told.
//!
//! A peer that is not trusted could write anything into these headers, so they are taken away from it, before matching: a
//! route's condition must not be met by a lie. Which they are is decided where `explain` knows it too
//! ([`seaway_route::normalize::distrust`]). From a trusted peer they are kept and continued.
//!
//! Who a client has proved to be by its certificate is in [`super::proof`].
//!
//! `via` is not added: caches and compressing servers change their behaviour when they see it, and loops are found
//! faster by the length of `x-forwarded-for`.

use std::net::{IpAddr, SocketAddr};

use http::header::HeaderName;
use http::{HeaderMap, HeaderValue};

use super::chance;
use crate::context::Connection;
use crate::text;

/// Names the request in every log on its way.
pub(crate) const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
/// The addresses that the request came through, the client's first.
pub(crate) const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const X_FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");

/// Whether the connection's peer may speak for others.
pub(crate) fn is_trusted(connection: &Connection) -> bool {
    let trusted = &connection.shared.options.trusted_proxies;
    let peer = connection.peer.ip().to_canonical();
    trusted
        .iter()
        .any(|(network, bits)| contains(network.to_canonical(), *bits, peer))
}

fn contains(network: IpAddr, bits: u8, address: IpAddr) -> bool {
    match (network, address) {
        (IpAddr::V4(n), IpAddr::V4(a)) => {
            let ignored = 32_u32.saturating_sub(u32::from(bits));
            (u64::from(n.to_bits() ^ a.to_bits()) >> ignored) == 0
        }
        (IpAddr::V6(n), IpAddr::V6(a)) => {
            let ignored = 128_u32.saturating_sub(u32::from(bits));
            (n.to_bits() ^ a.to_bits()).checked_shr(ignored).unwrap_or(0) == 0
        }
        _ => false,
    }
}

/// The client, for hashing and logs: the peer, or what a trusted peer names last.
pub(crate) fn client(connection: &Connection, trusted: bool, headers: &HeaderMap) -> IpAddr {
    let named = || {
        let field = headers
            .get_all(X_FORWARDED_FOR)
            .iter()
            .next_back()?
            .to_str()
            .ok()?;
        let last = field.rsplit(',').next()?.trim();
        let bare = last.parse::<IpAddr>().ok();
        bare.or_else(|| last.parse::<SocketAddr>().ok().map(|a| a.ip()))
    };
    let peer = connection.peer.ip().to_canonical();
    if trusted { named().unwrap_or(peer) } else { peer }
}

/// Continues the headers towards the upstream. Those of a peer that is not trusted are gone already.
pub(crate) fn announce(connection: &Connection, trusted: bool, headers: &mut HeaderMap) {
    let joined = if trusted && headers.contains_key(X_FORWARDED_FOR) {
        append(headers, connection.peer_text())
    } else {
        None
    };
    let forwarded_for = joined.unwrap_or_else(|| text::copy(connection.peer_text()));
    headers.insert(X_FORWARDED_FOR, forwarded_for);
    let proto = if connection.tls.is_some() { "https" } else { "http" };
    headers
        .entry(X_FORWARDED_PROTO)
        .or_insert(HeaderValue::from_static(proto));
    headers.entry(X_REQUEST_ID).or_insert_with(request_id);
}

/// All fields joined, the peer last.
fn append(headers: &HeaderMap, peer: &HeaderValue) -> Option<HeaderValue> {
    let mut text = Vec::with_capacity(128);
    for field in headers.get_all(X_FORWARDED_FOR) {
        if !field.is_empty() {
            text.extend_from_slice(field.as_bytes());
            text.extend_from_slice(b", ");
        }
    }
    text.extend_from_slice(peer.as_bytes());
    HeaderValue::from_bytes(&text).ok()
}

/// A random UUID (version 4) in text.
fn request_id() -> HeaderValue {
    let random = (u128::from(chance::next_u64()) << 64) | u128::from(chance::next_u64());
    let marked = (random & !(0xf << 76) & !(0x3 << 62)) | (0x4 << 76) | (0x2 << 62);
    let mut text = [b'-'; 36];
    let (mut rest, mut left) = (text.as_mut_slice(), marked);
    // 8, 4, 4, 4 and 12 digits, with dashes between.
    for digits in [8, 4, 4, 4, 12] {
        let Some((group, after)) = rest.split_at_mut_checked(digits) else {
            break;
        };
        for place in group {
            *place = hex(left >> 124);
            left <<= 4;
        }
        rest = after.get_mut(1..).unwrap_or_default();
    }
    HeaderValue::from_bytes(&text).unwrap_or(HeaderValue::from_static("-"))
}

/// The digit of a number below 16.
fn hex(number: u128) -> u8 {
    let number = u8::try_from(number & 0xf).unwrap_or_default();
    if number < 10 {
        b'0' + number
    } else {
        b'a' + number - 10
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_network_contains_its_addresses_and_no_others() {
        let ip = |text: &str| text.parse::<IpAddr>().unwrap();
        assert!(contains(ip("10.0.0.0"), 8, ip("10.200.3.4")));
        assert!(!contains(ip("10.0.0.0"), 8, ip("11.0.0.1")));
        assert!(contains(ip("10.1.2.3"), 32, ip("10.1.2.3")));
        assert!(!contains(ip("10.1.2.3"), 32, ip("10.1.2.2")));
        assert!(contains(ip("0.0.0.0"), 0, ip("192.0.2.1")));
        assert!(contains(ip("::"), 0, ip("2001:db8::1")));
        assert!(contains(ip("2001:db8::"), 32, ip("2001:db8::1")));
        assert!(!contains(ip("2001:db8::"), 32, ip("2001:db9::1")));
        assert!(!contains(ip("::"), 0, ip("192.0.2.1")));
    }

    #[test]
    fn a_request_id_is_a_random_uuid() {
        let id = request_id();
        let text = id.to_str().unwrap();
        let lengths: Vec<_> = text.split('-').map(str::len).collect();
        assert_eq!(lengths, [8, 4, 4, 4, 12]);
        assert!(
            text.bytes()
                .all(|b| matches!(b, b'-' | b'0'..=b'9' | b'a'..=b'f'))
        );
        assert_eq!(text.as_bytes()[14], b'4');
        assert!(matches!(text.as_bytes()[19], b'8' | b'9' | b'a' | b'b'));
        assert_ne!(request_id(), id);
    }

    #[test]
    fn addresses_are_appended_to_all_fields() {
        let mut headers = HeaderMap::new();
        headers.append(X_FORWARDED_FOR, HeaderValue::from_static("192.0.2.1"));
        headers.append(X_FORWARDED_FOR, HeaderValue::from_static("192.0.2.2"));
        let joined = append(&headers, &HeaderValue::from_static("192.0.2.3")).unwrap();
        assert_eq!(joined, "192.0.2.1, 192.0.2.2, 192.0.2.3");
    }
}
