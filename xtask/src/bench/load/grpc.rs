//! Calls of a gRPC method with one message each way.

use anyhow::{Context, Result, ensure};
use bytes::Bytes;
use futures_util::future::BoxFuture;
use h2::client::SendRequest;
use http::{HeaderValue, Method, Request, Uri, Version};

use super::Lane;
use super::connect::Stream;
use super::http2::sender;

/// Not compressed, 16 bytes, and those.
const MESSAGE: &[u8] = b"\x00\x00\x00\x00\x10sixteen bytes !!";

/// A call after the other on one connection.
pub struct Unary {
    sender: SendRequest<Bytes>,
    uri: Uri,
}

impl Unary {
    /// So many lanes over one connection.
    pub async fn lanes(stream: Box<dyn Stream>, authority: &str, count: usize) -> Result<Vec<Self>> {
        let sender = sender(stream).await?;
        let uri: Uri = format!("http://{authority}/bench.Echo/Unary").parse()?;
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
        *request.method_mut() = Method::POST;
        *request.version_mut() = Version::HTTP_2;
        let headers = request.headers_mut();
        headers.insert("content-type", HeaderValue::from_static("application/grpc"));
        headers.insert("te", HeaderValue::from_static("trailers"));
        headers.insert("user-agent", HeaderValue::from_static("bench"));
        let sender = &mut self.sender;
        std::future::poll_fn(|context| sender.poll_ready(context)).await?;
        let (response, mut send) = sender.send_request(request, false)?;
        send.send_data(Bytes::from_static(MESSAGE), true)?;
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
        let trailers = body.trailers().await?.context("an answer without trailers")?;
        let status = trailers.get("grpc-status");
        ensure!(
            status.is_some_and(|status| status == "0"),
            "a call that failed: {status:?}"
        );
        ensure!(length == MESSAGE.len(), "an answer of {length} bytes");
        Ok(())
    }
}

impl Lane for Unary {
    fn ask(&mut self) -> BoxFuture<'_, Result<()>> {
        Box::pin(self.once())
    }
}
