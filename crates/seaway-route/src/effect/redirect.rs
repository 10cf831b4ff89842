//! The Location of a redirect.

use std::borrow::Cow;

use seaway_model::{Redirect, RedirectPath};

use super::{absolute, replace_prefix, visible, with_query};
use crate::normalize::ASTERISK;

/// What a redirect needs to know of the request.
#[derive(Clone, Copy, Debug)]
pub struct RedirectRequest<'a> {
    /// `http` or `https`: what the listener speaks.
    pub scheme: &'a str,
    /// Normalised; an IPv6 address without brackets. Empty if the request has none.
    pub host: &'a str,
    /// As the Host header had it.
    pub port: Option<u16>,
    /// Normalised.
    pub path: &'a str,
    /// Without the question mark.
    pub query: Option<&'a str>,
    /// [`crate::Matched::matched_path`].
    pub matched_path: usize,
}

/// The Location. What the redirect does not set stays as in the request, the query always; a scheme's own port is left
/// out. Without any host it is a path alone, which RFC 9110, 10.2.2 allows.
#[must_use]
pub fn redirect_location(redirect: &Redirect, request: &RedirectRequest<'_>) -> String {
    let path = match &redirect.path {
        None if request.path == ASTERISK => Cow::Borrowed("/"),
        None => Cow::Borrowed(request.path),
        Some(RedirectPath::Full(full)) => absolute(full),
        Some(RedirectPath::Prefix(prefix)) => {
            Cow::Owned(replace_prefix(request.path, request.matched_path, prefix))
        }
    };
    let path = with_query(path, request.query);
    let host = redirect.host.as_deref().unwrap_or(request.host);
    if host.is_empty() {
        return path.into_owned();
    }
    let scheme = redirect.scheme.as_deref().unwrap_or(request.scheme);
    let port = match (redirect.port, &redirect.scheme) {
        (Some(port), _) => Some(port),
        (None, Some(_)) => None,
        (None, None) => request.port,
    };
    let own = if scheme == "https" { 443 } else { 80 };
    let host = visible(host);
    let (open, close) = if host.contains(':') && !host.starts_with('[') {
        ("[", "]")
    } else {
        ("", "")
    };
    match port.filter(|port| *port != own) {
        Some(port) => format!("{scheme}://{open}{host}{close}:{port}{path}"),
        None => format!("{scheme}://{open}{host}{close}{path}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOTHING: Redirect = Redirect {
        status: 301,
        scheme: None,
        host: None,
        port: None,
        path: None,
    };
    const REQUEST: RedirectRequest<'_> = RedirectRequest {
        scheme: "http",
        host: "shop.example.com",
        port: Some(8080),
        path: "/a/b",
        query: Some("q=1"),
        matched_path: 2,
    };

    #[test]
    fn what_is_not_set_stays() {
        assert_eq!(
            redirect_location(&NOTHING, &REQUEST),
            "http://shop.example.com:8080/a/b?q=1"
        );
    }

    #[test]
    fn a_scheme_brings_its_own_port() {
        let redirect = Redirect {
            scheme: Some("https".into()),
            ..NOTHING
        };
        assert_eq!(
            redirect_location(&redirect, &REQUEST),
            "https://shop.example.com/a/b?q=1"
        );
    }

    #[test]
    fn a_port_that_is_not_the_schemes_own_is_written() {
        let redirect = Redirect {
            scheme: Some("https".into()),
            port: Some(8443),
            ..NOTHING
        };
        assert_eq!(
            redirect_location(&redirect, &REQUEST),
            "https://shop.example.com:8443/a/b?q=1"
        );
        let redirect = Redirect {
            port: Some(80),
            ..NOTHING
        };
        assert_eq!(
            redirect_location(&redirect, &REQUEST),
            "http://shop.example.com/a/b?q=1"
        );
        let redirect = Redirect {
            port: Some(443),
            ..NOTHING
        };
        assert_eq!(
            redirect_location(&redirect, &REQUEST),
            "http://shop.example.com:443/a/b?q=1"
        );
    }

    #[test]
    fn a_host_keeps_the_requests_port() {
        let redirect = Redirect {
            host: Some("new.example.com".into()),
            ..NOTHING
        };
        assert_eq!(
            redirect_location(&redirect, &REQUEST),
            "http://new.example.com:8080/a/b?q=1"
        );
    }

    #[test]
    fn an_ipv6_address_is_bracketed() {
        let request = RedirectRequest {
            host: "2001:db8::1",
            port: None,
            query: None,
            ..REQUEST
        };
        assert_eq!(redirect_location(&NOTHING, &request), "http://[2001:db8::1]/a/b");
    }

    #[test]
    fn a_path_is_replaced_whole_or_by_its_prefix() {
        for (path, location) in [
            (
                RedirectPath::Full("/new".into()),
                "http://shop.example.com:8080/new?q=1",
            ),
            (
                RedirectPath::Full("new?x=2".into()),
                "http://shop.example.com:8080/new?x=2&q=1",
            ),
            (
                RedirectPath::Full("//evil.example.com".into()),
                "http://shop.example.com:8080/evil.example.com?q=1",
            ),
            (
                RedirectPath::Full("/a b\r\n".into()),
                "http://shop.example.com:8080/a%20b%0D%0A?q=1",
            ),
            (
                RedirectPath::Prefix("/new".into()),
                "http://shop.example.com:8080/new/b?q=1",
            ),
            (
                RedirectPath::Prefix("/".into()),
                "http://shop.example.com:8080/b?q=1",
            ),
        ] {
            assert_eq!(
                redirect_location(
                    &Redirect {
                        path: Some(path),
                        ..NOTHING
                    },
                    &REQUEST
                ),
                location
            );
        }
    }

    #[test]
    fn without_a_host_the_location_is_a_path() {
        let request = RedirectRequest {
            host: "",
            port: None,
            ..REQUEST
        };
        assert_eq!(redirect_location(&NOTHING, &request), "/a/b?q=1");
    }
}
