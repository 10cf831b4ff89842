//! Streams that leave HTTP behind: WebSocket, and any other upgrade.

use futures_util::{SinkExt, StreamExt};
use http::header::{CONNECTION, HeaderValue, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_KEY, UPGRADE};
use http::{Request, Response, StatusCode, Version};
use http_body_util::{BodyExt, Empty};
use hyper::body::Incoming;
use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_tungstenite::tungstenite::protocol::Role;

use crate::serve::{Body, Line};

/// HTTP/1.1 only; a WebSocket over HTTP/2 (RFC 8441) reaches a backend as an upgrade too.
pub(super) fn is_wanted(request: &Request<Incoming>) -> bool {
    request.version() == Version::HTTP_11 && request.headers().contains_key(UPGRADE)
}

/// Answers 101 and echoes: messages of a WebSocket, bytes of anything else.
pub(super) fn switch(request: Request<Incoming>, mut line: Line) -> Response<Body> {
    let mut response = Response::new(Empty::new().map_err(|never| match never {}).boxed_unsync());
    *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    let protocol = request.headers().get(UPGRADE).cloned();
    let headers = response.headers_mut();
    headers.insert(CONNECTION, HeaderValue::from_static("upgrade"));
    if let Some(protocol) = protocol {
        headers.insert(UPGRADE, protocol);
    }
    let key = request.headers().get(SEC_WEBSOCKET_KEY);
    let is_websocket = key.is_some();
    if let Some(accept) = key.and_then(|key| HeaderValue::try_from(derive_accept_key(key.as_bytes())).ok()) {
        headers.insert(SEC_WEBSOCKET_ACCEPT, accept);
    }
    tokio::spawn(async move {
        let Ok(stream) = hyper::upgrade::on(request).await else {
            return;
        };
        tokio::select! {
            () = echo(TokioIo::new(stream), is_websocket) => {}
            () = line.stopped() => {}
        }
    });
    response
}

async fn echo(stream: TokioIo<Upgraded>, is_websocket: bool) {
    if is_websocket {
        echo_messages(WebSocketStream::from_raw_socket(stream, Role::Server, None).await).await;
    } else {
        let (mut reader, mut writer) = tokio::io::split(stream);
        // The client ends it, in whatever way.
        let _ = tokio::io::copy(&mut reader, &mut writer).await;
        let _ = tokio::io::AsyncWriteExt::shutdown(&mut writer).await;
    }
}

async fn echo_messages(mut socket: WebSocketStream<TokioIo<Upgraded>>) {
    while let Some(Ok(message)) = socket.next().await {
        let sent = match message {
            text_or_binary if text_or_binary.is_text() || text_or_binary.is_binary() => {
                socket.send(text_or_binary).await
            }
            // Pings and closes are answered by the library once it is polled again.
            _ => socket.flush().await,
        };
        if sent.is_err() {
            return;
        }
    }
}
