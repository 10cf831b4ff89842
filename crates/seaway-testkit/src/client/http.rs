//! One connection, HTTP/1.1 or HTTP/2, clear or over TLS, driven by hyper.

use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Request, Response, StatusCode, request};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::client::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;

use super::ClientTls;
use crate::serve::BoxError;

type Body = UnsyncBoxBody<Bytes, BoxError>;

/// No exchange of a test takes longer, unless something hangs.
const DEADLINE: Duration = Duration::from_secs(30);

/// What is spoken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wire {
    /// HTTP/1.1
    Http1,
    /// HTTP/2; by prior knowledge on a clear connection.
    Http2,
}

/// One connection. Requests go out in turn; [`Client::start`] lets HTTP/2 have several under way.
#[derive(Debug)]
pub struct Client {
    sender: Sender,
    driver: tokio::task::JoinHandle<()>,
}

#[derive(Debug)]
enum Sender {
    Http1(http1::SendRequest<Body>),
    Http2(http2::SendRequest<Body>),
}

/// A whole answer.
#[derive(Clone, Debug)]
pub struct Answer {
    /// Status.
    pub status: u16,
    /// Fields.
    pub headers: HeaderMap,
    /// The whole body.
    pub body: Bytes,
    /// Fields after the body.
    pub trailers: Option<HeaderMap>,
}

impl Answer {
    /// The first value of a header.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// The body as text.
    #[must_use]
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// What an echo backend says it received.
    ///
    /// # Errors
    /// When the answer is not a backend's.
    pub fn received(&self) -> io::Result<crate::echo::Received> {
        serde_json::from_slice(&self.body).map_err(|error| {
            let text = self.text();
            io::Error::other(format!(
                "status {}, no backend's answer: {error}: {text:?}",
                self.status
            ))
        })
    }

    /// Reads an answer to its end.
    ///
    /// # Errors
    /// When the body breaks off.
    pub async fn read(response: Response<Incoming>) -> io::Result<Self> {
        let (head, body) = response.into_parts();
        let collected = within(body.collect()).await?.map_err(io::Error::other)?;
        Ok(Self {
            status: StatusCode::as_u16(&head.status),
            headers: head.headers,
            trailers: collected.trailers().cloned(),
            body: collected.to_bytes(),
        })
    }

    /// Every header, first values only; for messages.
    #[must_use]
    pub fn header_map(&self) -> BTreeMap<String, String> {
        self.headers
            .iter()
            .map(|(name, value)| {
                (
                    name.to_string(),
                    String::from_utf8_lossy(value.as_bytes()).into_owned(),
                )
            })
            .collect()
    }
}

impl Client {
    /// Connects in clear text.
    ///
    /// # Errors
    /// When nobody listens, or the HTTP/2 preface fails.
    pub async fn open(address: SocketAddr, wire: Wire) -> io::Result<Self> {
        let stream = within(TcpStream::connect(address)).await??;
        stream.set_nodelay(true)?;
        Self::over(stream, wire).await
    }

    /// Connects over TLS, with ALPN for `wire`.
    ///
    /// # Errors
    /// When nobody listens, or the handshake fails.
    pub async fn open_tls(
        address: SocketAddr,
        wire: Wire,
        server_name: &str,
        tls: &ClientTls,
    ) -> io::Result<Self> {
        let stream = within(tls.connect(address, server_name, wire)).await??;
        Self::over(stream, wire).await
    }

    /// Speaks over a stream that is there.
    ///
    /// # Errors
    /// When the HTTP/2 preface fails.
    pub async fn over<S>(stream: S, wire: Wire) -> io::Result<Self>
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let stream = TokioIo::new(stream);
        match wire {
            Wire::Http1 => {
                let (sender, connection) = http1::handshake(stream).await.map_err(io::Error::other)?;
                let driver = tokio::spawn(async move {
                    // Its error is also the error of the request under way.
                    let _ = connection.with_upgrades().await;
                });
                Ok(Self {
                    sender: Sender::Http1(sender),
                    driver,
                })
            }
            Wire::Http2 => {
                let (sender, connection) = http2::Builder::new(TokioExecutor::new())
                    .timer(TokioTimer::new())
                    .handshake(stream)
                    .await
                    .map_err(io::Error::other)?;
                let driver = tokio::spawn(async move {
                    let _ = connection.await;
                });
                Ok(Self {
                    sender: Sender::Http2(sender),
                    driver,
                })
            }
        }
    }

    /// Sends a request and reads the whole answer. Nothing is added but what the wire needs: give `host` as a header
    /// for HTTP/1.1, and an absolute URI for HTTP/2.
    ///
    /// # Errors
    /// When the request cannot be sent, or its answer does not come whole.
    pub async fn send(&mut self, request: request::Builder, body: impl Into<Bytes>) -> io::Result<Answer> {
        let request = request.body(Full::new(body.into())).map_err(io::Error::other)?;
        let response = self.start(request).await?;
        Answer::read(response).await
    }

    /// Sends a request with any body, and gives back the head of the answer as soon as it is there.
    ///
    /// # Errors
    /// When the request cannot be sent, or no answer comes.
    pub async fn start<B>(&mut self, request: Request<B>) -> io::Result<Response<Incoming>>
    where
        B: http_body::Body<Data = Bytes> + Send + 'static,
        B::Error: Into<BoxError>,
    {
        let request = request.map(|body| body.map_err(Into::into).boxed_unsync());
        let answer = async {
            match &mut self.sender {
                Sender::Http1(sender) => {
                    sender.ready().await?;
                    sender.send_request(request).await
                }
                Sender::Http2(sender) => {
                    sender.ready().await?;
                    sender.send_request(request).await
                }
            }
        };
        within(answer).await?.map_err(io::Error::other)
    }

    /// Another handle on the same HTTP/2 connection, for streams side by side. `None` for HTTP/1.1.
    #[must_use]
    pub fn sibling(&self) -> Option<Self> {
        match &self.sender {
            Sender::Http1(_) => None,
            Sender::Http2(sender) => Some(Self {
                sender: Sender::Http2(sender.clone()),
                driver: tokio::spawn(async {}),
            }),
        }
    }

    /// Returns when the peer has closed the connection.
    ///
    /// # Errors
    /// When it has not after half a minute.
    pub async fn closed(&mut self) -> io::Result<()> {
        // A driver that panicked has closed the connection too.
        let _ = within(&mut self.driver).await?;
        Ok(())
    }
}

async fn within<F: Future>(future: F) -> io::Result<F::Output> {
    let late = || io::Error::new(io::ErrorKind::TimedOut, "nothing happened for half a minute");
    tokio::time::timeout(DEADLINE, future).await.map_err(|_| late())
}
