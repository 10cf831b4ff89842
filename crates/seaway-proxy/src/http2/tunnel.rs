//! A stream that became a tunnel (RFC 8441), as bytes.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Buf as _, Bytes};
use seaway_http2::{Error, Reason, RecvStream, SendStream};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::switch;

/// What is handed to the codec at once.
const MOST: usize = 64 * 1024;

/// Both halves of it.
#[derive(Debug)]
pub(crate) struct Tunnel {
    send: SendStream,
    receive: RecvStream,
    /// Of a frame that was larger than the reader's buffer.
    rest: Bytes,
}

impl Tunnel {
    pub(crate) fn new(send: SendStream, receive: RecvStream) -> Self {
        Self {
            send,
            receive,
            rest: Bytes::new(),
        }
    }
}

fn broken(error: Error) -> io::Error {
    io::Error::new(io::ErrorKind::ConnectionReset, error)
}

impl switch::Bytes for Tunnel {}

impl AsyncRead for Tunnel {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = &mut *self;
        while this.rest.is_empty() {
            match ready!(this.receive.poll_data(cx)) {
                Some(Ok(data)) => this.rest = data,
                // RFC 8441, 5.1: such a reset is the end of the connection inside.
                Some(Err(error)) if matches!(error.reason(), Some(Reason::NO_ERROR | Reason::CANCEL)) => {
                    return Poll::Ready(Ok(()));
                }
                Some(Err(error)) => return Poll::Ready(Err(broken(error))),
                None => return Poll::Ready(Ok(())),
            }
        }
        let count = this.rest.len().min(buffer.remaining());
        buffer.put_slice(this.rest.get(..count).unwrap_or_default());
        this.rest.advance(count);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Tunnel {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, data: &[u8]) -> Poll<io::Result<usize>> {
        if data.is_empty() {
            return Poll::Ready(Ok(0));
        }
        let room = ready!(self.send.poll_room(cx)).map_err(broken)?;
        let count = room.min(data.len()).min(MOST);
        let piece = Bytes::copy_from_slice(data.get(..count).unwrap_or_default());
        self.send.send_data(piece, false).map_err(broken)?;
        Poll::Ready(Ok(count))
    }

    /// What was written leaves with the connection's next write.
    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(self.send.send_data(Bytes::new(), true).map_err(broken))
    }
}
