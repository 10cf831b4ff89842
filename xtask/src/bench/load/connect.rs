//! Connections, in the clear and over TLS.

use std::net::SocketAddr;
use std::sync::Arc;

use anyhow::{Context, Result};
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::bench::certificate::HOST;

/// A connection of either kind.
pub trait Stream: AsyncRead + AsyncWrite + Unpin + Send + 'static {}
impl<S: AsyncRead + AsyncWrite + Unpin + Send + 'static> Stream for S {}

pub async fn plain(address: SocketAddr) -> Result<TcpStream> {
    let stream = TcpStream::connect(address).await.context("connecting")?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

pub async fn tls(address: SocketAddr, config: &Arc<ClientConfig>) -> Result<TlsStream<TcpStream>> {
    let name = ServerName::try_from(HOST)?;
    let connector = TlsConnector::from(Arc::clone(config));
    connector
        .connect(name, plain(address).await?)
        .await
        .context("TLS handshake")
}

/// A connection as one likes: over TLS where there is a configuration for it.
pub async fn any(address: SocketAddr, config: Option<&Arc<ClientConfig>>) -> Result<Box<dyn Stream>> {
    Ok(match config {
        Some(config) => Box::new(tls(address, config).await?),
        None => Box::new(plain(address).await?),
    })
}
