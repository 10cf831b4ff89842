//! The small HTTP server under the echo backends and the sample services.
//!
//! HTTP/1.1 and clear-text HTTP/2 are told apart by the first bytes. What this adds to hyper is what tests need:
//! a handler may end its own connection, rudely or politely, and a server stops gracefully or at once.

use std::error::Error;
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body_util::combinators::UnsyncBoxBody;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::{Notify, mpsc, watch};
use tokio::task::{JoinHandle, JoinSet};

/// Any error.
pub(crate) type BoxError = Box<dyn Error + Send + Sync>;
/// Any body.
pub(crate) type Body = UnsyncBoxBody<Bytes, BoxError>;

/// What answers requests.
pub(crate) trait Handler: Send + Sync + 'static {
    /// Answers one. An error ends the connection (HTTP/1.1) or resets the stream (HTTP/2).
    fn handle(
        &self,
        request: Request<Incoming>,
        line: Line,
    ) -> impl Future<Output = Result<Response<Body>, BoxError>> + Send;
}

/// A handler's hold on the connection that a request came by.
#[derive(Clone, Debug)]
pub(crate) struct Line {
    /// Counts from 1 on each server.
    pub number: u64,
    end: Arc<End>,
    stop: watch::Receiver<Stop>,
    /// Held by whoever works for a stream that has left HTTP behind.
    _streams: mpsc::Sender<Never>,
}

/// What is never sent: the channel tells only that the last sender is gone.
#[derive(Debug)]
enum Never {}

#[derive(Debug, Default)]
struct End {
    now: Notify,
    reset: AtomicBool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stop {
    No,
    /// Requests end by themselves.
    Gracefully,
    /// Requests do, and so do streams that have left HTTP behind.
    Patiently,
    AtOnce,
}

impl Line {
    /// Ends the connection without another byte: with a TCP reset, or with an orderly close.
    pub(crate) fn cut(&self, reset: bool) {
        self.end.reset.store(reset, Ordering::Release);
        self.end.now.notify_one();
    }

    /// Resolves when the server stops and does not wait for streams that have left HTTP behind.
    pub(crate) async fn stopped(&mut self) {
        let is_over = |stop: &Stop| matches!(stop, Stop::Gracefully | Stop::AtOnce);
        // An error means that the server is gone, which is the same answer.
        let _ = self.stop.wait_for(is_over).await;
    }
}

/// A server that runs until it is stopped or dropped.
#[derive(Debug)]
pub(crate) struct Server {
    address: SocketAddr,
    stop: watch::Sender<Stop>,
    accepting: JoinHandle<()>,
}

impl Server {
    /// Serves on `address`, port 0 for one that the system picks.
    ///
    /// # Errors
    /// When the address cannot be bound.
    pub(crate) fn start<H: Handler>(address: SocketAddr, handler: Arc<H>) -> io::Result<Self> {
        let listener = bind(address)?;
        let address = listener.local_addr()?;
        let (stop, stopping) = watch::channel(Stop::No);
        let accepting = tokio::spawn(accept(listener, handler, stopping));
        Ok(Self {
            address,
            stop,
            accepting,
        })
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Stops accepting, lets requests finish, returns when the last connection is closed.
    pub(crate) async fn stop(self) {
        self.end(Stop::Gracefully).await;
    }

    /// The same, and lets streams finish that have left HTTP behind.
    pub(crate) async fn finish(self) {
        self.end(Stop::Patiently).await;
    }

    /// Closes everything now.
    pub(crate) async fn kill(self) {
        self.end(Stop::AtOnce).await;
    }

    async fn end(self, how: Stop) {
        self.stop.send_replace(how);
        // Only fails if serving panicked, which the test has seen elsewhere.
        let _ = self.accepting.await;
    }
}

/// A port that was just left can be taken again, hence `SO_REUSEADDR`.
fn bind(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = if address.is_ipv4() {
        TcpSocket::new_v4()?
    } else {
        TcpSocket::new_v6()?
    };
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(1024)
}

async fn accept<H: Handler>(listener: TcpListener, handler: Arc<H>, mut stop: watch::Receiver<Stop>) {
    let mut connections = JoinSet::new();
    let (streams, mut streams_gone) = mpsc::channel(1);
    let mut number = 0;
    loop {
        tokio::select! {
            _ = stop.changed() => break,
            accepted = listener.accept() => {
                let Ok((stream, _)) = accepted else { continue };
                number += 1;
                let line = Line {
                    number,
                    end: Arc::default(),
                    stop: stop.clone(),
                    _streams: streams.clone(),
                };
                connections.spawn(serve(stream, Arc::clone(&handler), line));
            }
            Some(_) = connections.join_next() => {}
        }
    }
    drop((listener, streams));
    while connections.join_next().await.is_some() {}
    if *stop.borrow() == Stop::Patiently {
        // Ends when the last sender is gone.
        streams_gone.recv().await;
    }
}

async fn serve<H: Handler>(stream: TcpStream, handler: Arc<H>, line: Line) {
    // Without it the second small write of an answer waits for an acknowledgement.
    let _ = stream.set_nodelay(true);
    let end = Arc::clone(&line.end);
    let mut stop = line.stop.clone();
    let stream = Severable {
        stream,
        end: Arc::clone(&end),
    };
    let service = service_fn(move |request| {
        let (handler, line) = (Arc::clone(&handler), line.clone());
        answer(handler, request, line)
    });
    let mut builder = auto::Builder::new(TokioExecutor::new());
    builder.http1().half_close(true);
    builder.http2().enable_connect_protocol();
    let mut connection = pin!(builder.serve_connection_with_upgrades(TokioIo::new(stream), service));
    tokio::select! {
        _ = connection.as_mut() => return,
        () = end.now.notified() => return,
        changed = stop.changed() => {
            if changed.is_err() || *stop.borrow() == Stop::AtOnce {
                return;
            }
        }
    }
    connection.as_mut().graceful_shutdown();
    tokio::select! {
        _ = connection.as_mut() => {}
        () = end.now.notified() => {}
    }
}

/// Boxed, because the compiler cannot see that the future is `Send` for every lifetime of a boxed error.
fn answer<H: Handler>(
    handler: Arc<H>,
    request: Request<Incoming>,
    line: Line,
) -> Pin<Box<dyn Future<Output = Result<Response<Body>, Failed>> + Send>> {
    Box::pin(async move { handler.handle(request, line).await.map_err(Failed) })
}

/// An error with a type of its own, for the same reason.
#[derive(Debug)]
struct Failed(BoxError);

impl std::fmt::Display for Failed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

impl Error for Failed {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&*self.0)
    }
}

/// A stream whose end may be a TCP reset.
struct Severable {
    stream: TcpStream,
    end: Arc<End>,
}

impl Drop for Severable {
    fn drop(&mut self) {
        if self.end.reset.load(Ordering::Acquire) {
            // A linger time of zero makes the kernel send RST instead of FIN.
            let _ = socket2::SockRef::from(&self.stream).set_linger(Some(std::time::Duration::ZERO));
        }
    }
}

impl AsyncRead for Severable {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buf)
    }
}

impl AsyncWrite for Severable {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}
