//! One handshake.

use std::io;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use rustls::HandshakeKind;
use rustls::server::{Acceptor, ServerConfig};
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};
use tokio_rustls::LazyConfigAcceptor;
use tokio_rustls::server::TlsStream;

use super::challenge;
use crate::context::{Shared, TlsConnection};

/// A fatal alert `unrecognized_name` (RFC 6066, 3), as a record that needs no keys yet (RFC 8446, 5.1 and 6).
const UNRECOGNIZED_NAME: [u8; 7] = [21, 3, 3, 0, 2, 2, 112];

/// Plaintext that rustls may hold before it is sent: several full records, so that large writes stay large.
const BUFFER_BYTES: usize = 128 * 1024;

/// A handshake that succeeded.
#[derive(Debug)]
pub(crate) struct Handshake<IO> {
    pub(crate) stream: TlsStream<IO>,
    pub(crate) tls: TlsConnection,
    /// ALPN chose it.
    pub(crate) is_http2: bool,
    pub(crate) is_resumed: bool,
}

/// Why there is no connection.
#[derive(Debug, thiserror::Error)]
pub(crate) enum HandshakeError {
    #[error("no certificate is for that name")]
    UnknownName,
    #[error("it was an authority's, which has its proof now")]
    Proven,
    #[error("the handshake took too long")]
    Timeout,
    #[error(transparent)]
    Io(#[from] io::Error),
}

/// Shakes hands on a listener, as the newest configuration says.
pub(crate) async fn accept<IO>(
    io: IO,
    shared: &Shared,
    listener: &str,
    local: IpAddr,
    timeout: Duration,
) -> Result<Handshake<IO>, HandshakeError>
where
    IO: AsyncRead + AsyncWrite + Unpin,
{
    tokio::time::timeout(timeout, shake(io, shared, listener, local))
        .await
        .unwrap_or(Err(HandshakeError::Timeout))
}

async fn shake<IO>(
    io: IO,
    shared: &Shared,
    listener: &str,
    local: IpAddr,
) -> Result<Handshake<IO>, HandshakeError>
where
    IO: AsyncRead + AsyncWrite + Unpin,
{
    let mut start = LazyConfigAcceptor::new(Acceptor::default(), io).await?;
    if let Some(challenges) = &shared.options.challenges
        && let Some(config) = challenge::config(&**challenges, &start.client_hello())
    {
        start.into_stream(config).await?.shutdown().await?;
        return Err(HandshakeError::Proven);
    }
    let server_name: Option<Arc<str>> = start
        .client_hello()
        .server_name()
        .map(|name| name.to_ascii_lowercase().into());
    let config = match &server_name {
        Some(name) => config(shared, listener, name),
        None => config(shared, listener, &local.to_string()),
    };
    let Some(config) = config else {
        start.io.write_all(&UNRECOGNIZED_NAME).await?;
        start.io.shutdown().await?;
        return Err(HandshakeError::UnknownName);
    };
    let mut stream = start.into_stream(config).await?;
    let session = stream.get_mut().1;
    session.set_buffer_limit(Some(BUFFER_BYTES));
    let is_http2 = session.alpn_protocol() == Some(b"h2");
    let is_resumed = session.handshake_kind() == Some(HandshakeKind::Resumed);
    Ok(Handshake {
        stream,
        tls: TlsConnection {
            server_name,
            client: None,
        },
        is_http2,
        is_resumed,
    })
}

/// What presents the certificate for a name: the listener's own choice, or nothing.
fn config(shared: &Shared, listener: &str, name: &str) -> Option<Arc<ServerConfig>> {
    let snapshot = shared.published.load();
    let certificate = snapshot.table.listener(listener)?.certificate(name)?;
    shared.certificates.config(&certificate.secret)
}
