//! Requests that ask to leave HTTP: `Upgrade` on HTTP/1.1, extended CONNECT on HTTP/2 (RFC 8441).
//!
//! Both go upstream as an HTTP/1.1 upgrade, since that is what servers of WebSockets speak; the second is turned into
//! the first before matching, so that a route sees the same request whichever way it came. To a cluster that speaks
//! HTTP/2 an upgrade goes as an ordinary request, which a server may always make of it.

use http::header::{CONNECTION, HeaderName, UPGRADE};
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode};

use super::chance;
use super::exchange::Exchange;
use super::fields::Found;
use super::finish::Finish;
use super::{hop, tunnel};
use crate::body::Body;
use crate::switch::{self, Switching};

const SEC_WEBSOCKET_KEY: HeaderName = HeaderName::from_static("sec-websocket-key");
const SEC_WEBSOCKET_ACCEPT: HeaderName = HeaderName::from_static("sec-websocket-accept");

/// A request to leave HTTP.
#[derive(Debug)]
pub(crate) struct Upgrade {
    client: Switching,
    extended_connect: bool,
}

impl Upgrade {
    /// Whether the request asks for one. An extended CONNECT becomes the upgrade that it stands for.
    ///
    /// `found` is what the head has.
    pub(crate) fn take<B>(request: &mut Request<B>, found: Found) -> Option<Self> {
        let protocol = request.extensions_mut().remove::<seaway_http2::Protocol>();
        if let Some(protocol) = protocol.filter(|_| request.method() == Method::CONNECT) {
            let client = switch::of(request.extensions_mut());
            *request.method_mut() = Method::GET;
            announce(protocol.as_str(), request.headers_mut());
            return Some(Self {
                client,
                extended_connect: true,
            });
        }
        (found.has(Found::UPGRADE) && hop::wants_upgrade(request)).then(|| Self {
            client: switch::of(request.extensions_mut()),
            extended_connect: false,
        })
    }

    /// Whether only an upgrade can be the answer: an extended CONNECT is nothing else.
    pub(crate) fn is_required(&self) -> bool {
        self.extended_connect
    }

    /// The upstream has switched. Answers the client, and joins the two connections.
    pub(crate) fn accept(
        self,
        mut exchange: Box<Exchange>,
        response: &mut Response<Body>,
        finish: &Finish<'_>,
    ) -> Box<Response<Body>> {
        let upstream = switch::of(response.extensions_mut());
        let mut answer = Box::new(Response::new(Body::Empty));
        *answer.headers_mut() = std::mem::take(response.headers_mut());
        if self.extended_connect {
            hop::strip_response(answer.headers_mut(), false);
            answer.headers_mut().remove(SEC_WEBSOCKET_ACCEPT);
        } else {
            hop::strip_response(answer.headers_mut(), true);
            *answer.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
        }
        finish.apply(answer.headers_mut());
        exchange.head_sent(answer.status(), answer.headers());
        tunnel::join(exchange, self.client, upstream);
        answer
    }
}

/// The headers of an HTTP/1.1 upgrade (RFC 8441, 5: the key is not sent on HTTP/2).
fn announce(protocol: &str, headers: &mut HeaderMap) {
    if let Ok(protocol) = HeaderValue::from_str(protocol) {
        headers.insert(UPGRADE, protocol);
    }
    headers.insert(CONNECTION, HeaderValue::from_static("upgrade"));
    headers.entry(SEC_WEBSOCKET_KEY).or_insert_with(websocket_key);
}

/// Sixteen random bytes in base 64.
fn websocket_key() -> HeaderValue {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let random = (u128::from(chance::next_u64()) << 64) | u128::from(chance::next_u64());
    // 128 bits are 21 digits of six bits and one of two bits, which base 64 pads with zeros.
    let digits = (0..22_u32).map(|i| {
        if i < 21 {
            random >> (122 - 6 * i)
        } else {
            random << 4
        }
    });
    let mut text: String = digits
        .map(|d| usize::try_from(d & 0x3f).unwrap_or(0))
        .map(|d| char::from(ALPHABET.get(d).copied().unwrap_or(b'A')))
        .collect();
    text.push_str("==");
    HeaderValue::from_str(&text).unwrap_or(HeaderValue::from_static("AAAAAAAAAAAAAAAAAAAAAA=="))
}
