//! The shape of heads on the wire: what HTTP/1.1 and HTTP/2 want of a request, and which responses are refused.
//!
//! A head whose length two readers could read differently is refused instead of being passed on (RFC 9112, 6.3 and 11.2),
//! except where all that it says of its length is the same. The codec of HTTP/2 takes one length only; HTTP/1.1 of our own asks
//! here where a head is odd.

use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use http::uri::{Authority, PathAndQuery, Scheme};
use http::{Method, Request, Response, StatusCode, Uri, Version};

use crate::error::Failure;

/// Makes a request fit for HTTP/1.1: origin form, and a Host (RFC 9112, 3.2). Doing it twice changes nothing.
pub(super) fn for_http1<B>(request: &mut Request<B>) {
    *request.version_mut() = Version::HTTP_11;
    if request.method() == Method::CONNECT {
        return;
    }
    if let Some(authority) = request.uri().authority()
        && !request.headers().contains_key(header::HOST)
        && let Ok(host) = HeaderValue::from_str(host_of(authority))
    {
        request.headers_mut().insert(header::HOST, host);
    }
    if request.uri().authority().is_some() || request.uri().path_and_query().is_none() {
        let path = path_of(request.uri());
        *request.uri_mut() = Uri::from(path);
    }
}

/// Makes a request fit for HTTP/2: an absolute URI, of which the codec makes the pseudo-header fields, and no fields that
/// belong to a connection (RFC 9113, 8.2.2 and 8.3.1). The scheme is that of this hop: servers may refuse a request for
/// `http` that comes in TLS. Doing it twice changes nothing.
pub(super) fn for_http2<B>(request: &mut Request<B>, encrypted: bool) -> Result<(), Failure> {
    *request.version_mut() = Version::HTTP_2;
    let host = request.headers_mut().remove(header::HOST);
    let authority = match host {
        Some(host) => Authority::try_from(host.as_bytes()).ok(),
        None => request.uri().authority().cloned(),
    };
    let authority = authority.ok_or(Failure::BadRequest("the Host is not an authority"))?;
    let mut parts = http::uri::Parts::default();
    parts.scheme = Some(if encrypted { Scheme::HTTPS } else { Scheme::HTTP });
    parts.authority = Some(authority);
    parts.path_and_query = Some(path_of(request.uri()));
    *request.uri_mut() =
        Uri::from_parts(parts).map_err(|_| Failure::BadRequest("the request target is not a URI"))?;
    strip_connection_fields(request.headers_mut());
    Ok(())
}

/// Whether a request asks for another protocol on its connection.
pub(super) fn is_upgrade<B>(request: &Request<B>) -> bool {
    request.headers().contains_key(header::UPGRADE)
}

/// Refuses heads that could be read in two ways, and makes one of several equal lengths.
pub(super) fn check_response<B>(response: &mut Response<B>, upgrade_asked: bool) -> Result<(), Failure> {
    if response.status() == StatusCode::SWITCHING_PROTOCOLS && !upgrade_asked {
        return Err(Failure::UpstreamProtocol);
    }
    check_framing(response.headers_mut())
}

/// The same for what says where a body ends.
pub(super) fn check_framing(headers: &mut HeaderMap) -> Result<(), Failure> {
    let mut codings = headers.get_all(header::TRANSFER_ENCODING).iter();
    if let Some(coding) = codings.next() {
        // Another coding would be forwarded undecoded, with the field that names it removed.
        let chunked = coding.as_bytes().eq_ignore_ascii_case(b"chunked");
        let alone = codings.next().is_none() && !headers.contains_key(header::CONTENT_LENGTH);
        return if chunked && alone {
            Ok(())
        } else {
            Err(Failure::UpstreamProtocol)
        };
    }
    let mut lengths = headers.get_all(header::CONTENT_LENGTH).iter();
    let Some(length) = lengths.next() else {
        return Ok(());
    };
    if is_plain_number(length) && lengths.next().is_none() {
        return Ok(());
    }
    let length = common_length(headers).ok_or(Failure::UpstreamProtocol)?;
    headers.insert(header::CONTENT_LENGTH, HeaderValue::from(length));
    Ok(())
}

fn is_plain_number(value: &HeaderValue) -> bool {
    !value.is_empty() && value.as_bytes().iter().all(u8::is_ascii_digit)
}

/// The length on which all fields, and all members of a list in one, agree.
fn common_length(headers: &HeaderMap) -> Option<u64> {
    let mut common = None;
    for value in headers.get_all(header::CONTENT_LENGTH) {
        for member in value.to_str().ok()?.split(',') {
            let member = member.trim();
            if member.is_empty() || !member.bytes().all(|byte| byte.is_ascii_digit()) {
                return None;
            }
            let length: u64 = member.parse().ok()?;
            if common.is_some_and(|common| common != length) {
                return None;
            }
            common = Some(length);
        }
    }
    common
}

/// Takes out what is of a connection, and what that field names.
pub(super) fn strip_connection_fields(headers: &mut HeaderMap) {
    static FIELDS: [HeaderName; 5] = [
        header::CONNECTION,
        header::TRANSFER_ENCODING,
        header::UPGRADE,
        HeaderName::from_static("keep-alive"),
        HeaderName::from_static("proxy-connection"),
    ];
    if headers.keys().any(|name| FIELDS.contains(name)) {
        let named: Vec<HeaderName> = headers
            .get_all(header::CONNECTION)
            .iter()
            .filter_map(|value| value.to_str().ok())
            .flat_map(|value| value.split(','))
            .filter_map(|name| HeaderName::try_from(name.trim()).ok())
            .filter(|name| *name != header::TE)
            .collect();
        for name in named.iter().chain(FIELDS.iter()) {
            headers.remove(name);
        }
    }
    let mut codings = headers.get_all(header::TE).iter();
    let Some(coding) = codings.next() else { return };
    if coding != "trailers" || codings.next().is_some() {
        let trailers = headers
            .get_all(header::TE)
            .iter()
            .filter_map(|value| value.to_str().ok())
            .flat_map(|value| value.split(','))
            .any(|coding| coding.trim().eq_ignore_ascii_case("trailers"));
        headers.remove(header::TE);
        if trailers {
            headers.insert(header::TE, HeaderValue::from_static("trailers"));
        }
    }
}

fn path_of(uri: &Uri) -> PathAndQuery {
    uri.path_and_query()
        .cloned()
        .unwrap_or_else(|| PathAndQuery::from_static("/"))
}

/// An authority without user information, which no server should see.
fn host_of(authority: &Authority) -> &str {
    let text = authority.as_str();
    text.rsplit_once('@').map_or(text, |(_, host)| host)
}

#[cfg(test)]
mod tests;
