//! A WebSocket client over HTTP/1.1.

use std::io;
use std::net::SocketAddr;

use tokio::net::TcpStream;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;

/// A WebSocket; a stream and a sink of messages.
pub type WebSocket = WebSocketStream<TcpStream>;

/// Connects to an address and asks for a WebSocket at `ws://host/path`.
///
/// # Errors
/// When nobody listens, or the answer is not 101; the message has the status.
pub async fn websocket(address: SocketAddr, url: &str) -> io::Result<WebSocket> {
    let request = url.into_client_request().map_err(io::Error::other)?;
    let stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    let (socket, _) = tokio_tungstenite::client_async(request, stream)
        .await
        .map_err(io::Error::other)?;
    Ok(socket)
}
