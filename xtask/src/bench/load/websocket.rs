//! WebSocket messages that come back as they are.

use anyhow::{Context, Result, ensure};
use futures_util::future::BoxFuture;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::Lane;
use super::connect::Stream;
use crate::bench::certificate::HOST;

/// Text, whole, 64 bytes, masked with zeros, which leave it as it is.
const FRAME_HEAD: [u8; 6] = [0x81, 0x80 | 64, 0, 0, 0, 0];
const PAYLOAD: [u8; 64] = [b'w'; 64];
/// The same without a mask.
const ANSWER: usize = 2 + PAYLOAD.len();

/// A connection that has switched.
pub struct WebSocket {
    stream: Box<dyn Stream>,
    frame: Vec<u8>,
}

impl WebSocket {
    pub async fn switch(mut stream: Box<dyn Stream>) -> Result<Self> {
        // The key is the example of RFC 6455, and so is the answer to it.
        let request = format!(
            "GET /socket HTTP/1.1\r\nHost: {HOST}\r\nUser-Agent: bench\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
             Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
        );
        stream.write_all(request.as_bytes()).await?;
        let mut head = Vec::new();
        while memchr::memmem::find(&head, b"\r\n\r\n").is_none() {
            ensure!(
                stream.read_buf(&mut head).await? > 0,
                "the proxy closed a connection"
            );
        }
        let text = String::from_utf8_lossy(&head);
        ensure!(
            text.starts_with("HTTP/1.1 101"),
            "an answer that is not 101: {text}"
        );
        ensure!(
            text.contains("s3pPLMBiTxaQ9kYGzzhZRbK+xOo="),
            "an answer to another key: {text}"
        );
        Ok(Self {
            stream,
            frame: [FRAME_HEAD.as_slice(), &PAYLOAD].concat(),
        })
    }

    async fn once(&mut self) -> Result<()> {
        self.stream.write_all(&self.frame).await?;
        let mut answer = [0; ANSWER];
        self.stream.read_exact(&mut answer).await.context("a message")?;
        ensure!(answer.ends_with(&PAYLOAD), "a message that came back as another");
        Ok(())
    }
}

impl Lane for WebSocket {
    fn ask(&mut self) -> BoxFuture<'_, Result<()>> {
        Box::pin(self.once())
    }
}
