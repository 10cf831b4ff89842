//! Requests over a connection of HTTP/1.1 that stays open.

use std::sync::Arc;

use anyhow::{Context, Result, bail, ensure};
use futures_util::future::BoxFuture;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::Lane;
use super::connect::Stream;

/// The length of the upstream's small answer.
const SMALL: usize = 13;
/// What is read at once: as much as there is of a large answer, and little for the many that wait.
const BUFFER: usize = 16 * 1024;
const LARGE_BUFFER: usize = 256 * 1024;

/// What lanes send in turn; they share it.
pub type Requests = Arc<[Vec<u8>]>;

/// A connection, and what it asks for in turn.
pub struct Http1 {
    stream: Box<dyn Stream>,
    requests: Requests,
    at: usize,
    answer: usize,
    buffer: Vec<u8>,
}

impl Http1 {
    /// Sends these requests in turn, beginning with the one numbered `first`, and expects small answers.
    pub fn new(stream: Box<dyn Stream>, requests: Requests, first: usize) -> Self {
        Self {
            stream,
            at: first,
            requests,
            answer: SMALL,
            buffer: Vec::with_capacity(BUFFER),
        }
    }

    /// The same, but answers have bodies of so many bytes.
    pub fn expecting(self, answer: usize) -> Self {
        Self {
            answer,
            buffer: Vec::with_capacity(LARGE_BUFFER),
            ..self
        }
    }

    /// Sends one request and reads its answer.
    pub async fn once(&mut self) -> Result<()> {
        let request = self
            .requests
            .get(self.at % self.requests.len().max(1))
            .context("nothing to ask for")?;
        self.at += 1;
        self.stream.write_all(request).await?;
        self.stream.flush().await?;
        self.buffer.clear();
        let head = loop {
            self.read().await?;
            if let Some(head) = head_length(&self.buffer)? {
                break head;
            }
        };
        let mut left = (head + self.answer).checked_sub(self.buffer.len());
        while left.is_some_and(|left| left > 0) {
            self.buffer.clear();
            self.read().await?;
            left = left.and_then(|left| left.checked_sub(self.buffer.len()));
        }
        ensure!(left.is_some(), "an answer that is longer than it should be");
        Ok(())
    }

    async fn read(&mut self) -> Result<()> {
        let read = self
            .stream
            .read_buf(&mut self.buffer)
            .await
            .context("reading an answer")?;
        ensure!(read > 0, "the proxy closed a connection");
        Ok(())
    }
}

impl Lane for Http1 {
    fn ask(&mut self) -> BoxFuture<'_, Result<()>> {
        Box::pin(self.once())
    }
}

/// A request as small clients send it.
pub fn get(path: &str, host: &str) -> Vec<u8> {
    format!("GET {path} HTTP/1.1\r\nHost: {host}\r\nUser-Agent: bench\r\nAccept: */*\r\n\r\n").into_bytes()
}

/// Where the body begins, once the head is there; an error if it is not the head of a good answer.
fn head_length(bytes: &[u8]) -> Result<Option<usize>> {
    let Some(end) = memchr::memmem::find(bytes, b"\r\n\r\n") else {
        return Ok(None);
    };
    if !bytes.starts_with(b"HTTP/1.1 200") {
        let head = bytes.get(..end).unwrap_or_default();
        bail!("an answer that is not 200: {}", String::from_utf8_lossy(head));
    }
    Ok(Some(end + 4))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_is_measured_once_it_is_complete() {
        let answer = b"HTTP/1.1 200 OK\r\na: b\r\n\r\nbody";
        assert_eq!(
            head_length(answer.get(..20).expect("bytes")).expect("no error"),
            None
        );
        assert_eq!(head_length(answer).expect("no error"), Some(answer.len() - 4));
    }

    #[test]
    fn another_status_than_200_is_an_error_that_shows_the_head() {
        let error = head_length(b"HTTP/1.1 502 Bad Gateway\r\n\r\n").expect_err("not 200");
        assert!(error.to_string().contains("502 Bad Gateway"), "{error}");
    }
}
