//! Keeps strangers' web pages from reading the admin server through the operator's own browser.
//!
//! A page can make its own host name resolve to 127.0.0.1 (DNS rebinding); the browser then thinks that the admin server
//! is that page's origin. What the page cannot do is change the Host header, which says its name. So on loopback only
//! addresses and `localhost` are answered. Bound to anything else, the server is meant to be found by names that it
//! cannot know, and a network policy is the guard.

use std::net::{IpAddr, SocketAddr};

use http::HeaderMap;
use http::header::HOST;

/// Whether a request that came to `bound` may be answered, by its Host header.
pub(super) fn allows(bound: SocketAddr, headers: &HeaderMap) -> bool {
    if !bound.ip().to_canonical().is_loopback() {
        return true;
    }
    let mut hosts = headers.get_all(HOST).iter();
    let (Some(host), None) = (hosts.next(), hosts.next()) else {
        return false;
    };
    host.to_str().is_ok_and(is_local_name)
}

fn is_local_name(host: &str) -> bool {
    if let Some(rest) = host.strip_prefix('[') {
        let Some((address, port)) = rest.split_once(']') else {
            return false;
        };
        return is_address(address) && (port.is_empty() || port.strip_prefix(':').is_some_and(is_port));
    }
    let name = match host.rsplit_once(':') {
        Some((name, port)) if is_port(port) => name,
        Some(_) => return false,
        None => host,
    };
    name.eq_ignore_ascii_case("localhost") || is_address(name)
}

fn is_address(text: &str) -> bool {
    text.parse::<IpAddr>().is_ok()
}

fn is_port(text: &str) -> bool {
    text.parse::<u16>().is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;

    fn allowed(bound: &str, host: &str) -> bool {
        let mut headers = HeaderMap::new();
        headers.insert(HOST, HeaderValue::from_str(host).unwrap());
        allows(bound.parse().unwrap(), &headers)
    }

    #[test]
    fn on_loopback_addresses_and_localhost_are_answered() {
        for host in [
            "127.0.0.1:9901",
            "127.0.0.1",
            "[::1]:9901",
            "[::1]",
            "localhost:9901",
            "LocalHost",
        ] {
            assert!(allowed("127.0.0.1:9901", host), "{host}");
        }
    }

    #[test]
    fn on_loopback_a_strangers_name_is_not_answered() {
        for host in [
            "evil.example",
            "evil.example:9901",
            "localhost.evil.example",
            "127.0.0.1.nip.io:9901",
            "",
            "a:b:c",
            "[x]",
        ] {
            assert!(!allowed("127.0.0.1:9901", host), "{host}");
            assert!(!allowed("[::1]:9901", host), "{host}");
        }
    }

    #[test]
    fn on_loopback_a_request_without_a_host_is_not_answered() {
        assert!(!allows("127.0.0.1:1".parse().unwrap(), &HeaderMap::new()));
    }

    #[test]
    fn on_another_address_any_name_is_answered() {
        assert!(allowed("0.0.0.0:9901", "seaway.example.com"));
    }
}
