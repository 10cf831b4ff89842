//! Answers to what is no request: refusals, and the slow farewell after them.

use std::time::{Duration, SystemTime};

use bytes::Bytes;
use http::{HeaderValue, Response, header};
use seaway_telemetry::{Flag, RequestRecord};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

use super::guard::{Reason, Refusal};
use crate::body::Body;
use crate::context::Connection;

/// How long, and for how many bytes, a closed connection is listened to.
const LINGER: Duration = Duration::from_secs(1);
const LINGER_BYTES: usize = 256 * 1024;
/// How long a refusal may take to be written.
const WRITE: Duration = Duration::from_secs(5);

/// Writes the answer to a refused head and closes.
pub(crate) async fn refuse<IO: AsyncRead + AsyncWrite + Unpin>(io: &mut IO, reason: Reason) {
    let text = message(reason);
    let written = tokio::time::timeout(WRITE, async {
        io.write_all(text.as_bytes()).await?;
        io.flush().await
    });
    if matches!(written.await, Ok(Ok(()))) {
        linger(io).await;
    }
}

/// Closes our side, if that takes no time. For connections that owe nothing.
pub(crate) async fn hang_up<IO: AsyncWrite + Unpin>(io: &mut IO) {
    let _gone_or_late = tokio::time::timeout(LINGER, io.shutdown()).await;
}

/// Closes our side, then reads what still comes for a moment: closing a socket with unread input resets the
/// connection, and the client might lose the answer (RFC 9112, 9.6).
pub(crate) async fn linger<IO: AsyncRead + AsyncWrite + Unpin>(io: &mut IO) {
    let farewell = async {
        if io.shutdown().await.is_err() {
            return;
        }
        let mut sink = [0; 2048];
        let mut left = LINGER_BYTES;
        while left > 0 {
            match io.read(&mut sink).await {
                Ok(0) | Err(_) => return,
                Ok(count) => left = left.saturating_sub(count),
            }
        }
    };
    let _: Result<(), tokio::time::error::Elapsed> = tokio::time::timeout(LINGER, farewell).await;
}

fn message(reason: Reason) -> String {
    let status = reason.status();
    let body = format!("{}\n", reason.explanation());
    format!(
        "HTTP/1.1 {} {}\r\ncontent-type: text/plain; charset=utf-8\r\ncontent-length: {}\r\nconnection: close\r\n\
         date: {}\r\n\r\n{body}",
        status.as_str(),
        status.canonical_reason().unwrap_or_default(),
        body.len(),
        httpdate::fmt_http_date(SystemTime::now()),
    )
}

/// The same as a response, for a request whose body was refused while it was being handled.
pub(crate) fn response(refusal: Refusal) -> Response<Body> {
    let text = Bytes::from(format!("{}\n", refusal.reason.explanation()));
    let mut response = Response::new(Body::Full(text));
    *response.status_mut() = refusal.reason.status();
    let headers = response.headers_mut();
    let text_plain = HeaderValue::from_static("text/plain; charset=utf-8");
    headers.insert(header::CONTENT_TYPE, text_plain);
    headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
    response
}

/// Logs and counts a refused head as the request that it would have been.
pub(crate) fn record(connection: &Connection, reason: Reason) {
    connection.shared.counters.count_refusal(reason);
    let server_name = connection.tls.as_ref().and_then(|tls| tls.server_name.as_deref());
    let record = RequestRecord {
        start: Some(SystemTime::now()),
        duration: Duration::ZERO,
        upstream_duration: None,
        listener: &connection.listener,
        protocol: "HTTP/1.1",
        tls: connection.tls.is_some(),
        server_name,
        method: "",
        host: "",
        path: "",
        status: reason.status().as_u16(),
        grpc_status: None,
        is_grpc: false,
        flags: &[Flag::DownstreamProtocolError],
        reason: Some(reason.word()),
        message: None,
        request_bytes: 0,
        response_bytes: 0,
        downstream: connection.peer,
        request_id: None,
        user_agent: None,
        forwarded_for: None,
        route: None,
        cluster: None,
        upstream: None,
        retries: 0,
    };
    crate::worker::with_sink(|sink| sink.record(&record));
}
