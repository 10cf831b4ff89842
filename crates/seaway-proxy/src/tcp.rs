//! Reading and writing sockets by the shortest way.
//!
//! Every request reads twice and writes twice. The C library's `recv` and `send` are points at which a thread can be
//! cancelled: in a process with several threads each call pays for two atomic exchanges, which were a thirtieth of what
//! a request costs, and nobody here cancels threads. rustix asks the kernel directly.
//!
//! What tokio knows is kept right in the same way as tokio does it: after less than was asked for, the socket has no more
//! (or takes no more) until the kernel says so, so the next look costs no system call.

mod reader;

use std::io::{self, ErrorKind, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use rustix::net::{RecvFlags, SendFlags, recv, send};
use tokio::io::{AsyncRead, AsyncWrite, Interest, ReadBuf};
use tokio::net::TcpStream;

/// As [`AsyncRead::poll_read`] does it.
pub(crate) fn poll_read(
    tcp: &mut TcpStream,
    cx: &mut Context<'_>,
    buffer: &mut ReadBuf<'_>,
) -> Poll<io::Result<()>> {
    if buffer.initialized().len() < buffer.capacity() {
        // To give room that was never written to a system call takes unsafe code, which tokio has.
        return Pin::new(tcp).poll_read(cx, buffer);
    }
    let room = buffer.initialize_unfilled();
    let read = ready!(poll(tcp, cx, Interest::READABLE, room.len(), |tcp| receive(
        tcp, room
    )))?;
    buffer.advance(read);
    Poll::Ready(Ok(()))
}

/// As [`AsyncWrite::poll_write`] does it.
pub(crate) fn poll_write(tcp: &mut TcpStream, cx: &mut Context<'_>, data: &[u8]) -> Poll<io::Result<usize>> {
    poll(tcp, cx, Interest::WRITABLE, data.len(), |tcp| {
        // A peer that is gone is an error and no signal.
        Ok(send(tcp, data, SendFlags::NOSIGNAL)?)
    })
}

fn receive(tcp: &TcpStream, room: &mut [u8]) -> io::Result<usize> {
    let (read, _) = recv(tcp, room, RecvFlags::empty())?;
    Ok(read)
}

/// Asks until there is an answer, or nothing to be had. `wanted`: how many bytes there would be at most.
fn poll(
    tcp: &TcpStream,
    cx: &mut Context<'_>,
    interest: Interest,
    wanted: usize,
    mut ask: impl FnMut(&TcpStream) -> io::Result<usize>,
) -> Poll<io::Result<usize>> {
    loop {
        ready!(if interest.is_readable() {
            tcp.poll_read_ready(cx)
        } else {
            tcp.poll_write_ready(cx)
        })?;
        if let Some(asked) = ask_once(tcp, interest, wanted, &mut ask) {
            return Poll::Ready(asked);
        }
    }
}

/// Asks if tokio knows of something to be had. `None`: there is nothing, as far as it knows.
fn ask_once(
    tcp: &TcpStream,
    interest: Interest,
    wanted: usize,
    ask: &mut impl FnMut(&TcpStream) -> io::Result<usize>,
) -> Option<io::Result<usize>> {
    let mut moved = None;
    let tried = tcp.try_io(interest, || {
        let some = ask(tcp)?;
        moved = Some(some);
        if 0 < some && some < wanted {
            // Tells tokio that there is no more.
            return Err(ErrorKind::WouldBlock.into());
        }
        Ok(())
    });
    match (moved, tried) {
        (Some(moved), _) => Some(Ok(moved)),
        (None, Err(error)) if !is_transient(&error) => Some(Err(error)),
        (None, _) => None,
    }
}

/// Whether it says only that one should ask again.
pub(crate) fn is_transient(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted)
}

pub(crate) use self::reader::Reader;

/// A socket that is read and written in this way. Its task looks at it again and again while it waits for something else
/// as well, which is what a [`Reader`] is for.
#[derive(Debug)]
pub(crate) struct Tcp {
    stream: TcpStream,
    reader: Reader,
}

impl Tcp {
    pub(crate) fn new(stream: TcpStream) -> Self {
        Self {
            stream,
            reader: Reader::default(),
        }
    }

    /// The socket, for who reads it from now on in place of this.
    pub(crate) fn get_ref(&self) -> &TcpStream {
        &self.stream
    }
}

impl AsyncRead for Tcp {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let Self { stream, reader } = &mut *self;
        if buffer.initialized().len() < buffer.capacity() {
            reader.forget();
            return poll_read(stream, cx, buffer);
        }
        let read = ready!(reader.poll_read(stream, cx, buffer.initialize_unfilled()))?;
        buffer.advance(read);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Tcp {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, data: &[u8]) -> Poll<io::Result<usize>> {
        poll_write(&mut self.stream, cx, data)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        data: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(cx, data)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

#[cfg(test)]
pub(crate) mod testing {
    use std::net::Ipv4Addr;

    use tokio::net::{TcpListener, TcpStream};

    /// Two sockets that are connected with each other.
    pub(crate) async fn pair() -> (TcpStream, TcpStream) {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let (client, accepted) = tokio::join!(TcpStream::connect(address), listener.accept());
        (client.unwrap(), accepted.unwrap().0)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    use super::*;

    async fn pair() -> (Tcp, Tcp) {
        let (left, right) = testing::pair().await;
        (Tcp::new(left), Tcp::new(right))
    }

    #[tokio::test]
    async fn what_is_written_arrives_whole_however_much_it_is() {
        let (mut left, mut right) = pair().await;
        let bytes: Vec<u8> = (0..4_000_000_u32).map(|n| n.to_le_bytes()[0]).collect();
        let writing = async {
            left.write_all(&bytes).await.unwrap();
            left.shutdown().await.unwrap();
        };
        let reading = async {
            let (mut all, mut room) = (Vec::new(), vec![0; 9_000]);
            loop {
                match right.read(&mut room).await.unwrap() {
                    0 => break all,
                    count => all.extend_from_slice(&room[..count]),
                }
            }
        };
        let ((), read) = tokio::join!(writing, reading);
        assert!(read == bytes);
    }

    #[tokio::test]
    async fn room_that_was_never_written_is_filled_too() {
        let (mut left, mut right) = pair().await;
        left.write_all(b"hello").await.unwrap();
        drop(left);
        let mut all = Vec::new();
        right.read_to_end(&mut all).await.unwrap();
        assert_eq!(all, b"hello");
    }

    #[tokio::test]
    async fn a_peer_that_answers_again_and_again_is_heard_each_time() {
        let (mut left, mut right) = pair().await;
        let mut room = [0; 16];
        for _ in 0..100 {
            left.write_all(b"ask").await.unwrap();
            assert_eq!(right.read(&mut room).await.unwrap(), 3);
            right.write_all(b"answer").await.unwrap();
            assert_eq!(left.read(&mut room).await.unwrap(), 6);
        }
    }

    #[tokio::test]
    async fn a_socket_that_is_read_now_in_one_way_and_now_in_the_other_is_heard_each_time() {
        let (mut left, mut right) = pair().await;
        let mut room = [0; 16];
        for _ in 0..100 {
            let mut fresh = Vec::with_capacity(16);
            let writing = async {
                tokio::task::yield_now().await;
                left.write_all(b"one").await.unwrap();
            };
            let (read, ()) = tokio::join!(right.read(&mut room), writing);
            assert_eq!(read.unwrap(), 3);
            let writing = async {
                tokio::task::yield_now().await;
                left.write_all(b"other").await.unwrap();
            };
            let (read, ()) = tokio::join!(right.read_buf(&mut fresh), writing);
            assert_eq!(read.unwrap(), 5);
        }
    }

    #[tokio::test]
    async fn writing_to_a_peer_that_is_gone_is_an_error() {
        let (mut left, right) = pair().await;
        drop(right);
        let mut error = None;
        while error.is_none() {
            error = left.write_all(&[0; 4096]).await.err();
        }
        let kind = error.unwrap().kind();
        assert!(
            matches!(kind, ErrorKind::BrokenPipe | ErrorKind::ConnectionReset),
            "{kind}"
        );
    }
}
