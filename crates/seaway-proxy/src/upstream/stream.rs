//! A connection to an endpoint, as bytes: plain, or TLS.
//!
//! One type for both, so that what is built on it (connections of HTTP, relays) is built once. For clear text that
//! costs one branch for each read and write. What counts the connection is part of it, so that it is counted for
//! exactly as long as its socket is open, also where a tunnel takes it over.

use std::io::{self, IoSlice};
use std::os::fd::{AsFd, AsRawFd as _, BorrowedFd};
use std::pin::Pin;
use std::sync::atomic::Ordering;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll, Waker};

use nix::sys::socket::{MsgFlags, recv};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;

use super::breakers::ConnectionPermit;
use super::endpoint::Place;
use super::tls;
use crate::error::TlsFault;
use crate::tcp;

/// An open connection to an endpoint.
#[derive(Debug)]
pub struct Stream {
    /// Dropped first: the place is free once the socket is closed.
    bytes: Bytes,
    refusal: Option<Refusal>,
    _counted: Counted,
    _permit: ConnectionPermit,
}

/// What TLS said when it broke, for those who only hear that it did: in TLS 1.3 a server refuses our certificate after
/// the handshake, when a connection of HTTP/2 may be waiting for its peer's SETTINGS.
pub(super) type Refusal = Arc<OnceLock<TlsFault>>;

#[derive(Debug)]
pub(super) enum Bytes {
    Plain(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
}

impl Stream {
    pub(super) fn new(bytes: Bytes, place: &Arc<Place>, permit: ConnectionPermit) -> Self {
        Self {
            refusal: matches!(bytes, Bytes::Tls(_)).then(Arc::default),
            bytes,
            _counted: Counted::new(place),
            _permit: permit,
        }
    }

    /// Where it is said why TLS broke. `None` for clear text.
    pub(super) fn refusal(&self) -> Option<Refusal> {
        self.refusal.clone()
    }

    fn note(&self, polled: &Poll<io::Result<()>>) {
        if let (Poll::Ready(Err(error)), Some(refusal)) = (polled, &self.refusal)
            && let Some(error) = error.get_ref().and_then(|inner| inner.downcast_ref())
        {
            let _first_stands = refusal.set(tls::fault(error));
        }
    }

    /// Whether what is written is encrypted first.
    pub(super) fn is_encrypted(&self) -> bool {
        matches!(self.bytes, Bytes::Tls(_))
    }

    /// Whether the peer has said nothing and not hung up, as far as the system has told this process. Without a system
    /// call, unless it has told something.
    pub(super) fn is_quiet(&mut self) -> bool {
        match &mut self.bytes {
            Bytes::Plain(tcp) => tcp
                .try_read(&mut [0])
                .is_err_and(|error| error.kind() == io::ErrorKind::WouldBlock),
            // What is no data (a ticket, a new key) is TLS's own, and read here.
            Bytes::Tls(tls) => {
                let (mut byte, mut cx) = ([0], Context::from_waker(Waker::noop()));
                Pin::new(tls.as_mut())
                    .poll_read(&mut cx, &mut ReadBuf::new(&mut byte))
                    .is_pending()
            }
        }
    }

    /// The same by asking the system now. `None`: something has come, which may be TLS's own.
    pub(super) fn is_quiet_now(&self) -> Option<bool> {
        let peeked = recv(
            self.tcp().as_raw_fd(),
            &mut [0],
            MsgFlags::MSG_PEEK | MsgFlags::MSG_DONTWAIT,
        );
        match peeked {
            Err(error) => Some(error == nix::errno::Errno::EAGAIN),
            Ok(1..) if self.is_encrypted() => None,
            Ok(_) => Some(false),
        }
    }

    /// The socket under it.
    pub(crate) fn tcp(&self) -> &TcpStream {
        match &self.bytes {
            Bytes::Plain(tcp) => tcp,
            Bytes::Tls(tls) => tls.get_ref().0,
        }
    }
}

impl Stream {
    /// The socket, where what is on it is what is read and written here.
    pub(crate) fn plain_tcp(&self) -> Option<&TcpStream> {
        match &self.bytes {
            Bytes::Plain(tcp) => Some(tcp),
            Bytes::Tls(_) => None,
        }
    }
}

/// The socket's.
impl AsFd for Stream {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.tcp().as_fd()
    }
}

/// Counts a connection among the open ones of its address.
#[derive(Debug)]
struct Counted(Arc<Place>);

impl Counted {
    fn new(place: &Arc<Place>) -> Self {
        place.connections.fetch_add(1, Ordering::Relaxed);
        Self(Arc::clone(place))
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.connections.fetch_sub(1, Ordering::Relaxed);
    }
}

impl AsyncRead for Stream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match &mut self.bytes {
            Bytes::Plain(tcp) => tcp::poll_read(tcp, cx, buffer),
            Bytes::Tls(tls) => {
                let polled = Pin::new(tls.as_mut()).poll_read(cx, buffer);
                self.note(&polled);
                polled
            }
        }
    }
}

impl AsyncWrite for Stream {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, data: &[u8]) -> Poll<io::Result<usize>> {
        match &mut self.bytes {
            Bytes::Plain(tcp) => tcp::poll_write(tcp, cx, data),
            Bytes::Tls(tls) => Pin::new(tls.as_mut()).poll_write(cx, data),
        }
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        data: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match &mut self.bytes {
            Bytes::Plain(tcp) => Pin::new(tcp).poll_write_vectored(cx, data),
            Bytes::Tls(tls) => Pin::new(tls.as_mut()).poll_write_vectored(cx, data),
        }
    }

    fn is_write_vectored(&self) -> bool {
        match &self.bytes {
            Bytes::Plain(tcp) => tcp.is_write_vectored(),
            Bytes::Tls(tls) => tls.is_write_vectored(),
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.bytes {
            Bytes::Plain(tcp) => Pin::new(tcp).poll_flush(cx),
            Bytes::Tls(tls) => Pin::new(tls.as_mut()).poll_flush(cx),
        }
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.bytes {
            Bytes::Plain(tcp) => Pin::new(tcp).poll_shutdown(cx),
            Bytes::Tls(tls) => Pin::new(tls.as_mut()).poll_shutdown(cx),
        }
    }
}
