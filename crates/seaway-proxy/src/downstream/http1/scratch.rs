//! Room that the connections of a thread lend each other for one read or one write, so that none keeps any.
//!
//! Whoever has it calls nothing that could ask for it again: it is touched in short closures, and never while something
//! is waited for.

use std::cell::RefCell;
use std::io;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, ready};

use bytes::{Bytes, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt as _, ReadBuf};

/// What is read at once while a head is waited for. Larger than most heads, so that a read of a whole one is a short
/// one: the runtime then knows that nothing is left, and does not ask the system again.
const READ_BYTES: usize = 16 * 1024;
/// What is read at once of a body.
const BODY_BYTES: usize = 64 * 1024;
/// Pieces of a body below this are copied: one of them would keep the whole room from being used again.
const COPIED_BYTES: usize = 16 * 1024;
/// What is kept of the room for writing.
const KEPT_BYTES: usize = 64 * 1024;

thread_local! {
    static READ: RefCell<Vec<u8>> = RefCell::new(vec![0; READ_BYTES]);
    static BODY: RefCell<BytesMut> = RefCell::new(BytesMut::new());
    static WRITE: RefCell<Vec<u8>> = RefCell::new(Vec::with_capacity(4096));
}

/// Reads once, and shows what came; nothing is the end.
pub(super) fn read<IO, T>(
    io: &mut IO,
    cx: &mut Context<'_>,
    take: impl FnOnce(&[u8]) -> T,
) -> Poll<io::Result<T>>
where
    IO: AsyncRead + Unpin,
{
    READ.with_borrow_mut(|room| {
        let mut buffer = ReadBuf::new(room);
        ready!(Pin::new(io).poll_read(cx, &mut buffer))?;
        Poll::Ready(Ok(take(buffer.filled())))
    })
}

/// Reads a piece of a body; an empty one is the end.
pub(super) fn read_body<IO: AsyncRead + Unpin>(io: &mut IO, cx: &mut Context<'_>) -> Poll<io::Result<Bytes>> {
    use std::future::Future as _;
    BODY.with_borrow_mut(|room| {
        room.reserve(BODY_BYTES);
        let count = ready!(pin!(io.read_buf(room)).poll(cx))?;
        if count < COPIED_BYTES {
            let copy = Bytes::copy_from_slice(room);
            room.clear();
            return Poll::Ready(Ok(copy));
        }
        Poll::Ready(Ok(room.split().freeze()))
    })
}

/// Room to put a write together.
pub(super) fn write<T>(work: impl FnOnce(&mut Vec<u8>) -> T) -> T {
    WRITE.with_borrow_mut(|room| {
        room.clear();
        let done = work(room);
        if room.capacity() > KEPT_BYTES {
            *room = Vec::new();
        }
        done
    })
}
