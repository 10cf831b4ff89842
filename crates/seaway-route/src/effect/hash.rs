//! What a hashing balancer hashes.

use std::borrow::Cow;
use std::net::IpAddr;

use seaway_model::HashOn;

use crate::RequestHead;
use crate::values::{cookie, header, host, query};

/// The value of the first of these that the request has. `None`: nothing to hash, and the choice is random.
#[must_use]
pub fn hash_input<'r>(on: &[HashOn], request: &RequestHead<'r>, client: IpAddr) -> Option<Cow<'r, [u8]>> {
    on.iter().find_map(|on| match on {
        HashOn::Header(name) if matches!(&**name, "host" | ":authority") => host(request),
        HashOn::Header(name) => header(request.headers, &**name),
        HashOn::Cookie(name) => cookie(request.headers, name.as_bytes()).map(Cow::Borrowed),
        HashOn::GeneratedCookie(made) => cookie(request.headers, made.name.as_bytes()).map(Cow::Borrowed),
        HashOn::Query(name) => query(request.query?, name.as_bytes()),
        HashOn::SourceIp => Some(Cow::Owned(match client.to_canonical() {
            IpAddr::V4(address) => address.octets().to_vec(),
            IpAddr::V6(address) => address.octets().to_vec(),
        })),
    })
}

#[cfg(test)]
mod tests {
    use http::{HeaderMap, HeaderValue};

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
        };
        hash_input(on, &request, CLIENT).map(Cow::into_owned)
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
        };
        let mapped: IpAddr = "::ffff:127.0.0.1".parse().unwrap();
        let one = |client| hash_input(&[HashOn::SourceIp], &request, client);
        assert_eq!(one(mapped), one(CLIENT));
    }
}
