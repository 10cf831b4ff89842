//! Requests over connections of HTTP/2, each with several streams at a time.

use anyhow::{Context, Result, ensure};
use bytes::Bytes;
use futures_util::future::BoxFuture;
use h2::client::SendRequest;
use http::{Request, Uri};

use super::Lane;
use super::connect::Stream;

/// A stream after the other of one connection.
pub struct Http2 {
    sender: SendRequest<Bytes>,
    uri: Uri,
}

impl Http2 {
    /// So many lanes over one connection.
    pub async fn lanes(stream: Box<dyn Stream>, uri: &str, count: usize) -> Result<Vec<Self>> {
        let sender = sender(stream).await?;
        let uri: Uri = uri.parse()?;
        Ok((0..count)
            .map(|_| Self {
                sender: sender.clone(),
                uri: uri.clone(),
            })
            .collect())
    }

    async fn once(&mut self) -> Result<()> {
        let mut request = Request::new(());
        request.uri_mut().clone_from(&self.uri);
        let headers = request.headers_mut();
        headers.insert("user-agent", http::HeaderValue::from_static("bench"));
        headers.insert("accept", http::HeaderValue::from_static("*/*"));
        let sender = &mut self.sender;
        std::future::poll_fn(|context| sender.poll_ready(context)).await?;
        let (response, _) = sender.send_request(request, true)?;
        let response = response.await.context("waiting for an answer")?;
        ensure!(
            response.status() == 200,
            "an answer that is {}",
            response.status()
        );
        let mut body = response.into_body();
        let mut length = 0;
        while let Some(data) = body.data().await {
            let data = data?;
            length += data.len();
            body.flow_control().release_capacity(data.len())?;
        }
        ensure!(length > 0, "an answer without a body");
        Ok(())
    }
}

impl Lane for Http2 {
    fn ask(&mut self) -> BoxFuture<'_, Result<()>> {
        Box::pin(self.once())
    }
}

/// A connection that is driven by a task of its own.
pub async fn sender(stream: Box<dyn Stream>) -> Result<SendRequest<Bytes>> {
    let (sender, connection) = h2::client::Builder::new()
        .initial_window_size(1 << 20)
        .initial_connection_window_size(1 << 24)
        .handshake(stream)
        .await
        .context("HTTP/2 handshake")?;
    // Its error shows in the requests that it carries.
    tokio::spawn(async move { drop(connection.await) });
    Ok(sender)
}
