//! Bytes out, bytes in: what a client that breaks the rules sends, and what exactly it gets.

use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::Poll;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// What came back.
#[derive(Clone, Debug, Default)]
pub struct Exchange {
    /// Everything.
    pub bytes: Vec<u8>,
    /// Whether the peer closed the connection, as opposed to the deadline passing.
    pub closed: bool,
}

impl Exchange {
    /// As text; for messages and simple searches.
    #[must_use]
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.bytes).into_owned()
    }

    /// The status of the first answer, interim ones (1xx) passed over; `None` if there was none.
    #[must_use]
    pub fn status(&self) -> Option<u16> {
        self.statuses().into_iter().find(|status| *status >= 200)
    }

    /// The status of every answer, found by its status line.
    #[must_use]
    pub fn statuses(&self) -> Vec<u16> {
        let text = self.text();
        text.match_indices("HTTP/1.1 ")
            .filter_map(|(at, line)| text.get(at + line.len()..at + line.len() + 3)?.parse().ok())
            .collect()
    }
}

/// Sends bytes and reads until the peer closes or the deadline passes.
///
/// # Errors
/// When nobody listens. A reset counts as a close.
pub async fn exchange(address: SocketAddr, bytes: &[u8], deadline: Duration) -> io::Result<Exchange> {
    let mut raw = Raw::open(address).await?;
    // A peer that has seen enough may close before everything is sent.
    let _ = raw.write(bytes).await;
    Ok(raw.read_to_close(deadline).await)
}

/// A connection under the test's full control.
#[derive(Debug)]
pub struct Raw<S = TcpStream> {
    stream: S,
    buffer: Vec<u8>,
}

/// One HTTP/1.1 answer, read with just enough understanding to find its end.
#[derive(Clone, Debug, Default)]
pub struct RawAnswer {
    /// Status.
    pub status: u16,
    /// The head, status line included.
    pub head: String,
    /// The body as framed by the head, chunks undone.
    pub body: Vec<u8>,
}

impl Raw {
    /// Connects.
    ///
    /// # Errors
    /// When nobody listens.
    pub async fn open(address: SocketAddr) -> io::Result<Self> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        Ok(Self::over(stream))
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Raw<S> {
    /// Over a stream that is there.
    pub fn over(stream: S) -> Self {
        Self {
            stream,
            buffer: Vec::new(),
        }
    }

    /// Sends bytes.
    ///
    /// # Errors
    /// When the peer is gone.
    pub async fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.stream.write_all(bytes).await
    }

    /// Whether anything has come that was not read yet, in whole or in part.
    #[must_use]
    pub fn has_begun(&self) -> bool {
        !self.buffer.is_empty()
    }

    /// Whether the peer has closed a connection that should be idle, as far as is known at this moment. What came
    /// without having been asked for counts as a close: such a connection cannot be used any more.
    pub async fn is_closed(&mut self) -> bool {
        let mut byte = [0; 1];
        let mut read = ReadBuf::new(&mut byte);
        poll_fn(|cx| Poll::Ready(Pin::new(&mut self.stream).poll_read(cx, &mut read).is_ready())).await
    }

    /// Says that nothing more will be sent.
    ///
    /// # Errors
    /// When the peer is gone.
    pub async fn finish(&mut self) -> io::Result<()> {
        self.stream.shutdown().await
    }

    /// Everything until the peer closes or the deadline passes.
    pub async fn read_to_close(mut self, deadline: Duration) -> Exchange {
        let mut bytes = std::mem::take(&mut self.buffer);
        let closed = timeout(deadline, async {
            // An error is a reset, which closes too.
            let _ = self.stream.read_to_end(&mut bytes).await;
        })
        .await
        .is_ok();
        Exchange { bytes, closed }
    }

    /// The next answer of the connection, to a request that was not HEAD.
    ///
    /// # Errors
    /// When the connection ends first, or what comes is not HTTP/1.1.
    pub async fn read_answer(&mut self) -> io::Result<RawAnswer> {
        self.read_answer_to("GET").await
    }

    /// The next answer of the connection, to a request with this method: HEAD has no body.
    ///
    /// # Errors
    /// When the connection ends first, or what comes is not HTTP/1.1.
    pub async fn read_answer_to(&mut self, method: &str) -> io::Result<RawAnswer> {
        let head_length = loop {
            if let Some(end) = find(&self.buffer, b"\r\n\r\n") {
                break end + 4;
            }
            self.more().await?;
        };
        let head: Vec<u8> = self.buffer.drain(..head_length).collect();
        let head = String::from_utf8_lossy(&head).into_owned();
        let status = head
            .strip_prefix("HTTP/1.1 ")
            .and_then(|rest| rest.get(..3)?.parse().ok())
            .ok_or_else(|| not_http(&head))?;
        let body = if method == "HEAD" || (100..200).contains(&status) || status == 204 || status == 304 {
            Vec::new()
        } else if let Some(length) = field(&head, "content-length") {
            let length = length.parse().map_err(|_| not_http(&head))?;
            self.take(length).await?
        } else if field(&head, "transfer-encoding").is_some() {
            self.take_chunks().await?
        } else {
            let mut body = std::mem::take(&mut self.buffer);
            self.stream.read_to_end(&mut body).await?;
            body
        };
        Ok(RawAnswer { status, head, body })
    }

    async fn take(&mut self, length: usize) -> io::Result<Vec<u8>> {
        while self.buffer.len() < length {
            self.more().await?;
        }
        Ok(self.buffer.drain(..length).collect())
    }

    async fn take_line(&mut self) -> io::Result<String> {
        loop {
            if let Some(end) = find(&self.buffer, b"\r\n") {
                let line: Vec<u8> = self.buffer.drain(..end + 2).collect();
                return Ok(String::from_utf8_lossy(&line).trim_end().to_owned());
            }
            self.more().await?;
        }
    }

    async fn take_chunks(&mut self) -> io::Result<Vec<u8>> {
        let mut body = Vec::new();
        loop {
            let line = self.take_line().await?;
            let size = line.split(';').next().unwrap_or_default().trim();
            let size = usize::from_str_radix(size, 16).map_err(|_| not_http(&line))?;
            if size == 0 {
                // Trailers, if any, end with an empty line.
                while !self.take_line().await?.is_empty() {}
                return Ok(body);
            }
            body.extend(self.take(size).await?);
            self.take_line().await?;
        }
    }

    async fn more(&mut self) -> io::Result<()> {
        match self.stream.read_buf(&mut self.buffer).await? {
            0 => Err(io::ErrorKind::UnexpectedEof.into()),
            _ => Ok(()),
        }
    }
}

impl RawAnswer {
    /// The first value of a header.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        field(&self.head, name)
    }
}

fn field<'a>(head: &'a str, name: &str) -> Option<&'a str> {
    head.lines().skip(1).find_map(|line| {
        let (field, value) = line.split_once(':')?;
        field.eq_ignore_ascii_case(name).then_some(value.trim())
    })
}

fn find(haystack: &[u8], needle: &[u8]) -> Option<usize> {
    haystack.windows(needle.len()).position(|window| window == needle)
}

fn not_http(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, format!("not HTTP/1.1: {what:?}"))
}
