//! HTTP/2 as both sides of the proxy need it: bodies that come, bodies that go, and streams that became tunnels.
//!
//! The codec, `seaway-http2`, checks frames and keeps windows. What a proxy does beside that is here.

mod date;
mod pump;
mod received;
mod tunnel;

use http::HeaderMap;
use http::header::{CONNECTION, HeaderName, TE, TRANSFER_ENCODING, UPGRADE};

pub(crate) use date::date;
pub(crate) use pump::{Asked, Pump};
pub use received::Received;
pub(crate) use tunnel::Tunnel;

/// Fields of a connection, which HTTP/2 has no place for (RFC 9113, 8.2.2).
static OF_CONNECTIONS: [HeaderName; 6] = [
    CONNECTION,
    TRANSFER_ENCODING,
    UPGRADE,
    TE,
    HeaderName::from_static("keep-alive"),
    HeaderName::from_static("proxy-connection"),
];

/// Takes out of a response what HTTP/2 must not have.
pub(crate) fn strip_response(headers: &mut HeaderMap) {
    if headers.keys().any(|name| OF_CONNECTIONS.contains(name)) {
        for name in &OF_CONNECTIONS {
            headers.remove(name);
        }
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    #[test]
    fn what_belongs_to_a_connection_does_not_go_into_a_response() {
        let mut headers = HeaderMap::new();
        for name in &OF_CONNECTIONS {
            headers.insert(name, HeaderValue::from_static("x"));
        }
        headers.insert("x-end", HeaderValue::from_static("y"));
        strip_response(&mut headers);
        assert_eq!(headers.len(), 1);
        assert_eq!(headers["x-end"], "y");
    }
}
