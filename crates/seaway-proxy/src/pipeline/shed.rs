//! The answer to a request that is not let in.
//!
//! It must be cheap: nothing is allocated for the request, no configuration is loaded, and what is sent is written down
//! here. A client is told when to come again, each another moment, so that those who come together do not come together
//! again.

use std::time::{Duration, SystemTime};

use bytes::Bytes;
use http::header::{CONTENT_LENGTH, CONTENT_TYPE, HOST, RETRY_AFTER, USER_AGENT};
use http::{HeaderName, HeaderValue, Method, Request, Response, StatusCode};
use seaway_telemetry::RequestRecord;

use super::exchange::{is_grpc, protocol, str_of};
use super::finish::name_server;
use super::sink;
use crate::body::Body;
use crate::context::Connection;
use crate::downstream::Presence;
use crate::error::Failure;
use crate::overload::Cause;

/// Envoy's word for it, by which other proxies know not to try another endpoint of ours at once.
const LOCAL_OVERLOADED: HeaderName = HeaderName::from_static("x-envoy-local-overloaded");
const PUSHBACK: HeaderName = HeaderName::from_static("grpc-retry-pushback-ms");
const TEXT: &str = "too much is under way (overloaded)\n";
/// Seconds after which a client may come again, and the same for gRPC.
const AGAIN: [(&str, &str); 4] = [("1", "1000"), ("2", "2000"), ("3", "3000"), ("4", "4000")];

/// Sheds a request, if its worker has to, with an answer and the reason for it. `None` lets it in.
pub(super) fn shed<B>(connection: &Connection, request: &Request<B>) -> Option<(Response<Body>, Cause)> {
    let cause = connection.load()?.sheds(|| fastrand::u32(..))?;
    let content_type = request.headers().get(CONTENT_TYPE);
    let is_grpc = content_type.is_some_and(is_grpc);
    let again = AGAIN
        .get(fastrand::usize(..AGAIN.len()))
        .unwrap_or(&("1", "1000"));
    let response = response(is_grpc, request.method() == Method::HEAD, *again);
    record(connection, request, &response, is_grpc);
    Some((response, cause))
}

/// Waits until a refusal may leave, if refusals are many. Its connection is one that is being served meanwhile.
pub(super) async fn wait(connection: &Connection, cause: Cause) {
    let presence = &connection.made.presence;
    presence.begin();
    let _over = Over(presence);
    if let Some(load) = connection.load() {
        load.refuse(cause).await;
    }
}

struct Over<'a>(&'a Presence);

impl Drop for Over<'_> {
    fn drop(&mut self) {
        self.0.end();
    }
}

fn response(is_grpc: bool, is_head: bool, again: (&'static str, &'static str)) -> Response<Body> {
    let outcome = Failure::Overload.outcome();
    let mut response = Response::new(Body::Empty);
    let headers = response.headers_mut();
    if is_grpc {
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/grpc"));
        headers.insert("grpc-status", HeaderValue::from(outcome.grpc_status));
        headers.insert("grpc-message", HeaderValue::from_static(TEXT.trim_ascii_end()));
        headers.insert(PUSHBACK, HeaderValue::from_static(again.1));
    } else {
        headers.insert(
            CONTENT_TYPE,
            HeaderValue::from_static("text/plain; charset=utf-8"),
        );
        headers.insert(CONTENT_LENGTH, HeaderValue::from(TEXT.len()));
        *response.status_mut() =
            StatusCode::from_u16(outcome.status).unwrap_or(StatusCode::SERVICE_UNAVAILABLE);
    }
    let headers = response.headers_mut();
    headers.insert(RETRY_AFTER, HeaderValue::from_static(again.0));
    headers.insert(LOCAL_OVERLOADED, HeaderValue::from_static("true"));
    name_server(headers);
    if !is_grpc && !is_head {
        *response.body_mut() = Body::Full(Bytes::from_static(TEXT.as_bytes()));
    }
    response
}

fn record<B>(connection: &Connection, request: &Request<B>, response: &Response<Body>, is_grpc: bool) {
    let outcome = Failure::Overload.outcome();
    let headers = request.headers();
    let authority = request.uri().authority().map(|a| a.as_str());
    sink::record(&RequestRecord {
        start: Some(SystemTime::now()),
        duration: Duration::ZERO,
        upstream_duration: None,
        listener: &connection.listener,
        protocol: protocol(request.version()),
        tls: connection.tls.is_some(),
        server_name: connection.tls.as_ref().and_then(|tls| tls.server_name.as_deref()),
        method: request.method().as_str(),
        host: str_of(headers.get(HOST)).or(authority).unwrap_or(""),
        path: request.uri().path_and_query().map_or("", |p| p.as_str()),
        status: response.status().as_u16(),
        grpc_status: is_grpc.then_some(outcome.grpc_status),
        is_grpc,
        flags: outcome.flag.as_slice(),
        reason: Some(outcome.reason),
        message: None,
        request_bytes: 0,
        response_bytes: http_body::Body::size_hint(response.body()).exact().unwrap_or(0),
        downstream: connection.peer,
        request_id: None,
        user_agent: str_of(headers.get(USER_AGENT)),
        forwarded_for: None,
        route: None,
        cluster: None,
        upstream: None,
        retries: 0,
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_is_told_when_to_come_again_and_why() {
        let response = response(false, false, ("2", "2000"));
        assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(response.headers()[RETRY_AFTER], "2");
        assert_eq!(response.headers()[CONTENT_LENGTH], TEXT.len().to_string());
        assert!(TEXT.contains(Failure::Overload.outcome().reason));
    }

    #[test]
    fn a_grpc_client_is_told_in_its_own_way() {
        let response = response(true, false, ("2", "2000"));
        assert_eq!(response.status(), StatusCode::OK);
        assert_eq!(response.headers()["grpc-status"], "14");
        assert_eq!(response.headers()[PUSHBACK], "2000");
        assert!(matches!(response.body(), Body::Empty));
    }

    #[test]
    fn an_answer_to_head_has_no_body() {
        assert!(matches!(response(false, true, ("1", "1000")).body(), Body::Empty));
    }
}
