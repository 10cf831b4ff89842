//! A connection to an endpoint, as bytes: plain, or TLS.
//!
//! One type for both, so that what is built on it (hyper's connections, relays) is built once. For clear text that
//! costs one branch for each read and write. What counts the connection is part of it, so that it is counted for
//! exactly as long as its socket is open, also where a tunnel takes it over.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

use super::endpoint::Place;

/// An open connection to an endpoint.
#[derive(Debug)]
pub struct Stream {
    /// Dropped first: the place is free once the socket is closed.
    transport: Transport,
    _counted: Counted,
}

#[derive(Debug)]
enum Transport {
    Plain(TcpStream),
}

impl Stream {
    pub(super) fn plain(tcp: TcpStream, place: &Arc<Place>) -> Self {
        Self {
            transport: Transport::Plain(tcp),
            _counted: Counted::new(place),
        }
    }

    /// The socket under it.
    pub(crate) fn tcp(&self) -> &TcpStream {
        match &self.transport {
            Transport::Plain(tcp) => tcp,
        }
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
        match &mut self.transport {
            Transport::Plain(tcp) => Pin::new(tcp).poll_read(cx, buffer),
        }
    }
}

impl AsyncWrite for Stream {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, data: &[u8]) -> Poll<io::Result<usize>> {
        match &mut self.transport {
            Transport::Plain(tcp) => Pin::new(tcp).poll_write(cx, data),
        }
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        data: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match &mut self.transport {
            Transport::Plain(tcp) => Pin::new(tcp).poll_write_vectored(cx, data),
        }
    }

    fn is_write_vectored(&self) -> bool {
        match &self.transport {
            Transport::Plain(tcp) => tcp.is_write_vectored(),
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.transport {
            Transport::Plain(tcp) => Pin::new(tcp).poll_flush(cx),
        }
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.transport {
            Transport::Plain(tcp) => Pin::new(tcp).poll_shutdown(cx),
        }
    }
}
