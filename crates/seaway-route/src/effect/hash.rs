//! What a hashing balancer hashes.

use std::borrow::Cow;
use std::net::IpAddr;

use http::HeaderValue;
use seaway_model::{GeneratedCookie, HashOn};

use crate::RequestHead;
use crate::values::{cookie, header, host, query};

/// What a hashing balancer goes by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HashInput<'a> {
    /// This value of the request.
    Value(Cow<'a, [u8]>),
    /// The value of this cookie, which the request lacks: it has to be made up, and set on the response
    /// ([`set_cookie`]).
    Make(&'a GeneratedCookie),
}

/// The first of these that the request has; a cookie that is made up is always had. `None`: nothing to hash, and the
/// choice is random.
#[must_use]
pub fn hash_input<'a>(on: &'a [HashOn], request: &RequestHead<'a>, client: IpAddr) -> Option<HashInput<'a>> {
    let cookie = |name: &str| cookie(request.headers, name.as_bytes()).map(Cow::Borrowed);
    let value = |on: &'a HashOn| match on {
        HashOn::Header(name) if matches!(&**name, "host" | ":authority") => host(request),
        HashOn::Header(name) => header(request.headers, &**name),
        HashOn::Cookie(name) => cookie(name),
        HashOn::GeneratedCookie(made) => cookie(&made.name),
        HashOn::Query(name) => query(request.query?, name.as_bytes()),
        HashOn::SourceIp => Some(Cow::Owned(match client.to_canonical() {
            IpAddr::V4(address) => address.octets().to_vec(),
            IpAddr::V6(address) => address.octets().to_vec(),
        })),
    };
    on.iter().find_map(|on| match (value(on), on) {
        (Some(value), _) => Some(HashInput::Value(value)),
        (None, HashOn::GeneratedCookie(made)) => Some(HashInput::Make(made)),
        (None, _) => None,
    })
}

/// The `Set-Cookie` field (RFC 6265, 4.1) that brings a client back with this value. Scripts have no business with it, so
/// it is always `HttpOnly`. `None` where the configuration has names or values that no field can carry.
#[must_use]
pub fn set_cookie(made: &GeneratedCookie, value: &str) -> Option<HeaderValue> {
    let mut text = format!("{}={value}", made.name);
    if made.ttl.0 > 0 {
        text.push_str(&format!("; Max-Age={}", made.ttl.0.div_ceil(1000)));
    }
    if let Some(path) = &made.path {
        text.push_str(&format!("; Path={path}"));
    }
    for (name, value) in &made.attributes {
        let joint = if value.is_empty() { "" } else { "=" };
        text.push_str(&format!("; {name}{joint}{value}"));
    }
    let is_http_only = |name: &str| name.eq_ignore_ascii_case("httponly");
    if !made.attributes.iter().any(|(name, _)| is_http_only(name)) {
        text.push_str("; HttpOnly");
    }
    HeaderValue::try_from(text).ok()
}

#[cfg(test)]
mod tests {
    use http::{HeaderMap, HeaderValue};
    use seaway_model::Millis;

    use super::*;

    const CLIENT: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);

    fn input(on: &[HashOn]) -> Option<Vec<u8>> {
        let mut headers = HeaderMap::new();
        headers.insert("x-user", HeaderValue::from_static("u1"));
        headers.insert("cookie", HeaderValue::from_static("session=s1"));
        let request = RequestHead {
            method: "GET",
            host: "h",
            path: "/",
            query: Some("cart=c%31"),
            headers: &headers,
            server_name: None,
            source: None,
        };
        match hash_input(on, &request, CLIENT)? {
            HashInput::Value(value) => Some(value.into_owned()),
            HashInput::Make(made) => Some(format!("make {}", made.name).into_bytes()),
        }
    }

    #[test]
    fn each_kind_gives_its_value() {
        assert_eq!(input(&[HashOn::Header("x-user".into())]).unwrap(), b"u1");
        assert_eq!(input(&[HashOn::Cookie("session".into())]).unwrap(), b"s1");
        assert_eq!(input(&[HashOn::Query("cart".into())]).unwrap(), b"c1");
        assert_eq!(input(&[HashOn::SourceIp]).unwrap(), [127, 0, 0, 1]);
    }

    #[test]
    fn the_first_that_the_request_has_counts() {
        assert_eq!(
            input(&[HashOn::Header("x-none".into()), HashOn::SourceIp]).unwrap(),
            [127, 0, 0, 1]
        );
        assert_eq!(input(&[HashOn::Header("x-none".into())]), None);
        assert_eq!(input(&[]), None);
    }

    fn made(name: &str) -> GeneratedCookie {
        GeneratedCookie {
            name: name.into(),
            path: None,
            ttl: Millis(0),
            attributes: Vec::new(),
        }
    }

    #[test]
    fn a_cookie_is_made_where_the_request_lacks_it_and_nothing_before_it_counts() {
        let [there, absent] = ["session", "other"].map(|name| HashOn::GeneratedCookie(made(name)));
        assert_eq!(input(std::slice::from_ref(&there)).unwrap(), b"s1");
        assert_eq!(input(&[absent.clone(), HashOn::SourceIp]).unwrap(), b"make other");
        assert_eq!(input(&[HashOn::Header("x-user".into()), absent]).unwrap(), b"u1");
    }

    #[test]
    fn a_cookie_says_how_long_where_and_what_else() {
        assert_eq!(set_cookie(&made("a"), "1").unwrap(), "a=1; HttpOnly");
        let all = GeneratedCookie {
            path: Some("/shop".into()),
            ttl: Millis(1_500),
            attributes: vec![("SameSite".into(), "Strict".into()), ("Secure".into(), "".into())],
            ..made("a")
        };
        assert_eq!(
            set_cookie(&all, "1").unwrap(),
            "a=1; Max-Age=2; Path=/shop; SameSite=Strict; Secure; HttpOnly"
        );
        let said = GeneratedCookie {
            attributes: vec![("httponly".into(), "".into())],
            ..made("a")
        };
        assert_eq!(set_cookie(&said, "1").unwrap(), "a=1; httponly");
        assert_eq!(set_cookie(&made("a\n"), "1"), None);
    }

    #[test]
    fn a_mapped_address_is_the_address_it_maps() {
        let headers = HeaderMap::new();
        let request = RequestHead {
            method: "GET",
            host: "",
            path: "/",
            query: None,
            headers: &headers,
            server_name: None,
            source: None,
        };
        let mapped: IpAddr = "::ffff:127.0.0.1".parse().unwrap();
        let on = [HashOn::SourceIp];
        let one = |client| hash_input(&on, &request, client);
        assert_eq!(one(mapped), one(CLIENT));
    }
}
