//! OPTIONS and TRACE that count the proxies on their way (RFC 9110, 7.6.2), and what of TRACE does not pass.
//!
//! Only where a request would be forwarded: any other answer is the last recipient's already. TRACE to us is refused
//! and not reflected: what came may hold more than its sender should see, and nobody needs to see it here.

use http::header::{ALLOW, MAX_FORWARDS};
use http::{HeaderMap, HeaderValue, Method, Request, StatusCode};
use http_body::Body as _;

use super::answer::Answer;
use super::exchange::Exchange;
use crate::body::Body;
use crate::error::Failure;

/// Counts one hop. Gives an answer to what goes no further.
pub(crate) fn count(exchange: &mut Exchange, request: &mut Request<Body>) -> Option<Answer<'static>> {
    if !matches!(*request.method(), Method::OPTIONS | Method::TRACE) {
        return None;
    }
    let is_trace = *request.method() == Method::TRACE;
    if is_trace && !request.body().is_end_stream() {
        // RFC 9110, 9.3.8. A server that expects none would take it for the next request.
        return Some(Answer::Failure(Failure::BadRequest("TRACE has no content")));
    }
    let hops = left(request.headers())?;
    if let Some(less) = hops.checked_sub(1) {
        request
            .headers_mut()
            .insert(MAX_FORWARDS, HeaderValue::from(less));
        return None;
    }
    exchange.because("max_forwards");
    let status = if is_trace {
        StatusCode::METHOD_NOT_ALLOWED
    } else {
        StatusCode::OK
    };
    let methods = HeaderValue::from_static("GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS");
    Some(Answer::Head(
        status,
        [(ALLOW, methods)].into_iter().collect::<HeaderMap>(),
    ))
}

/// How many more there may be. A number that is too large to be true is as good as the largest; what is no number counts nothing.
fn left(headers: &HeaderMap) -> Option<u32> {
    let mut fields = headers.get_all(MAX_FORWARDS).iter();
    let digits = fields.next()?.as_bytes();
    if fields.next().is_some() || digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let number = std::str::from_utf8(digits).ok()?;
    Some(number.parse().unwrap_or(u32::MAX))
}
