//! A new connection for every request: TCP, a whole TLS handshake, the request, and its end.

use std::net::SocketAddr;
use std::sync::Arc;

use anyhow::Result;
use futures_util::future::BoxFuture;
use rustls::ClientConfig;

use super::Lane;
use super::connect;
use super::http1::{Http1, Requests};

/// Connects again and again.
pub struct Handshake {
    pub address: SocketAddr,
    pub config: Arc<ClientConfig>,
    pub requests: Requests,
}

impl Lane for Handshake {
    fn ask(&mut self) -> BoxFuture<'_, Result<()>> {
        Box::pin(async {
            let stream = connect::tls(self.address, &self.config).await?;
            Http1::new(Box::new(stream), Arc::clone(&self.requests), 0)
                .once()
                .await
        })
    }
}
