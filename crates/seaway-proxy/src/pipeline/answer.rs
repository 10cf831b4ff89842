//! Answers made here: errors, redirects, direct responses, preflights.
//!
//! Plain text of one sentence and the stable reason, and nothing of our inside: no address, no name of a cluster. A gRPC
//! client gets status 200 with `grpc-status`, since that is where it looks. Redirects and preflights stay HTTP for
//! everybody.

use bytes::Bytes;
use http::header::{ALLOW, CONTENT_LENGTH, CONTENT_TYPE};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Response, StatusCode};
use seaway_model::DirectResponse;

use super::exchange::Exchange;
use super::finish::{Finish, name_server};
use crate::body::Body;
use crate::error::{self, Failure};

const X_ENVOY_OVERLOADED: HeaderName = HeaderName::from_static("x-envoy-overloaded");

/// What is answered.
#[derive(Debug)]
pub(crate) enum Answer<'a> {
    /// The request cannot be served.
    Failure(Failure),
    /// The configuration's own response.
    Respond(&'a DirectResponse),
    /// A redirect, a preflight: a head that says it all.
    Head(StatusCode, HeaderMap),
}

/// Makes the response and ends the request's way with it. `finish` changes the head last, where a
/// route took the request.
pub(crate) fn answer(
    mut exchange: Box<Exchange>,
    answer: Answer<'_>,
    finish: Option<&Finish<'_>>,
) -> Box<Response<Body>> {
    if let Answer::Failure(Failure::ClientGone) = answer {
        // Nobody will read this. The exchange records itself as it would if it had been dropped before.
        drop(exchange);
        return Box::new(plain(StatusCode::BAD_REQUEST, Bytes::new()));
    }
    let is_overflow = matches!(answer, Answer::Failure(Failure::Overflow));
    let mut refused_connect = false;
    let is_head = exchange.method == Method::HEAD;
    let mut response = match answer {
        Answer::Failure(failure) => {
            refused_connect = failure == Failure::ConnectRefused;
            exchange.note(failure);
            let outcome = failure.outcome();
            let text = format!("{failure} ({})\n", outcome.reason);
            if exchange.is_grpc {
                grpc(outcome.grpc_status, text.trim_end())
            } else {
                plain(status(outcome.status), text.into())
            }
        }
        Answer::Respond(direct) if exchange.is_grpc => grpc(
            error::grpc_status(direct.status),
            direct.body.as_deref().unwrap_or(""),
        ),
        Answer::Respond(direct) => plain(
            status(direct.status),
            direct
                .body
                .as_deref()
                .map_or_else(Bytes::new, |text| Bytes::copy_from_slice(text.as_bytes())),
        ),
        Answer::Head(status, headers) => {
            let mut response = Response::new(Body::Empty);
            *response.status_mut() = status;
            *response.headers_mut() = headers;
            response
        }
    };
    if exchange.method == Method::CONNECT && response.status().is_success() {
        // Here a success would say that there is a tunnel, and there is only an answer.
        response = plain(
            StatusCode::NOT_IMPLEMENTED,
            Bytes::from_static(b"there is no tunnel here\n"),
        );
    }
    if refused_connect {
        // RFC 9110, 15.5.6: a 405 says what would be allowed. CONNECT is the only method that never is.
        response.headers_mut().insert(
            ALLOW,
            HeaderValue::from_static("GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS"),
        );
    }
    if is_overflow {
        // Envoy's word to callers that they had better not try again soon.
        response
            .headers_mut()
            .insert(X_ENVOY_OVERLOADED, HeaderValue::from_static("true"));
    }
    if is_head {
        *response.body_mut() = Body::Empty;
    }
    match finish {
        Some(finish) => finish.apply(response.headers_mut()),
        None => name_server(response.headers_mut()),
    }
    exchange.respond(Box::new(response))
}

/// A status that the configuration or the table names; what is none becomes 500.
fn status(code: u16) -> StatusCode {
    StatusCode::from_u16(code).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
}

fn plain(status: StatusCode, text: Bytes) -> Response<Body> {
    let bodiless = status == StatusCode::NO_CONTENT || status == StatusCode::NOT_MODIFIED;
    let mut response = Response::new(Body::Empty);
    *response.status_mut() = status;
    if bodiless {
        return response;
    }
    let headers = response.headers_mut();
    headers.insert(CONTENT_LENGTH, HeaderValue::from(text.len()));
    if !text.is_empty() {
        headers.insert(
            CONTENT_TYPE,
            HeaderValue::from_static("text/plain; charset=utf-8"),
        );
        *response.body_mut() = Body::Full(text);
    }
    response
}

/// A response that is nothing but trailers (the gRPC protocol's `Trailers-Only`).
fn grpc(status: u16, message: &str) -> Response<Body> {
    let mut response = Response::new(Body::Empty);
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/grpc"));
    headers.insert(HeaderName::from_static("grpc-status"), HeaderValue::from(status));
    if let Ok(message) = HeaderValue::from_str(&percent_encoded(message)) {
        headers.insert(HeaderName::from_static("grpc-message"), message);
    }
    response
}

/// Everything but visible ASCII, space and no percent sign is escaped (the gRPC protocol's `Percent-Encoded`).
fn percent_encoded(text: &str) -> String {
    use std::fmt::Write as _;
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        if matches!(byte, b' '..=b'~') && byte != b'%' {
            encoded.push(char::from(byte));
        } else {
            let _infallible = write!(encoded, "%{byte:02X}");
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_grpc_message_is_percent_encoded() {
        assert_eq!(percent_encoded("50% of ü\n"), "50%25 of %C3%BC%0A");
    }

    #[test]
    fn an_answer_without_a_body_by_its_status_has_no_length() {
        assert_eq!(
            plain(StatusCode::NO_CONTENT, Bytes::from_static(b"x"))
                .headers()
                .len(),
            0
        );
    }
}
