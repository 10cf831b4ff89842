//! Frames on their way out.
//!
//! Small ones are put together in one piece of memory, so that what all streams of a connection have to say leaves in one
//! write. Content that is large enough for a copy to be felt goes by reference, between such pieces.

use std::collections::VecDeque;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Buf as _, Bytes, BytesMut};
use tokio::io::AsyncWrite;

/// Content up to this is copied: an entry of its own in a vectored write costs as much.
const COPIED: usize = 4 << 10;
/// What waits before content has to wait elsewhere. More than a socket takes in one write.
const FULL: usize = 256 << 10;
/// Pieces of one vectored write.
const SLICES: usize = 32;
/// Memory that is kept for the next frames.
const KEPT: usize = 4 << 10;

/// What was said and has not been written.
#[derive(Debug, Default)]
pub(crate) struct Output {
    parts: VecDeque<Bytes>,
    pub(crate) tail: BytesMut,
    /// In `parts`.
    length: usize,
    /// Of all this.
    content: usize,
}

impl Output {
    pub(crate) fn is_empty(&self) -> bool {
        self.parts.is_empty() && self.tail.is_empty()
    }

    pub(crate) fn length(&self) -> usize {
        self.length + self.tail.len()
    }

    /// Content has to wait.
    pub(crate) fn is_full(&self) -> bool {
        self.length() >= FULL
    }

    /// What there is beside content, as long as nothing is written of it.
    pub(crate) fn beside_content(&self) -> usize {
        self.length().saturating_sub(self.content)
    }

    /// Adds content. Its frame's head is in `tail`.
    pub(crate) fn content(&mut self, data: Bytes) {
        self.content += data.len();
        if data.len() <= COPIED {
            self.tail.extend_from_slice(&data);
            return;
        }
        self.close();
        self.length += data.len();
        self.parts.push_back(data);
    }

    fn close(&mut self) {
        if !self.tail.is_empty() {
            let part = self.tail.split().freeze();
            self.length += part.len();
            self.parts.push_back(part);
        }
    }

    /// Takes over what another has, and leaves it empty. This one must be empty.
    pub(crate) fn take(&mut self, other: &mut Self) {
        std::mem::swap(self, other);
    }

    /// Ready when everything was written.
    pub(crate) fn poll_write<W: AsyncWrite + Unpin>(
        &mut self,
        cx: &mut Context<'_>,
        io: &mut W,
    ) -> Poll<io::Result<()>> {
        while !self.is_empty() {
            let written = ready!(self.poll_some(cx, io))?;
            if written == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.advance(written);
        }
        self.content = 0;
        if self.tail.capacity() > KEPT {
            self.tail = BytesMut::new();
        }
        Poll::Ready(Ok(()))
    }

    fn poll_some<W: AsyncWrite + Unpin>(
        &mut self,
        cx: &mut Context<'_>,
        io: &mut W,
    ) -> Poll<io::Result<usize>> {
        if self.parts.is_empty() {
            return Pin::new(io).poll_write(cx, &self.tail);
        }
        let mut slices = [IoSlice::new(&[]); SLICES];
        let all = self.parts.iter().map(Bytes::as_ref);
        let all = all.chain(std::iter::once(self.tail.as_ref()));
        let mut count = 0;
        for (slot, part) in slices.iter_mut().zip(all) {
            *slot = IoSlice::new(part);
            count += 1;
        }
        Pin::new(io).poll_write_vectored(cx, slices.get(..count).unwrap_or_default())
    }

    fn advance(&mut self, mut written: usize) {
        while let Some(part) = self.parts.front_mut() {
            let now = written.min(part.len());
            part.advance(now);
            self.length -= now;
            written -= now;
            if !part.is_empty() {
                return;
            }
            self.parts.pop_front();
        }
        let now = written.min(self.tail.len());
        self.tail.advance(now);
        if self.tail.is_empty() {
            self.tail.clear();
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use tokio::io::AsyncReadExt as _;

    use super::*;

    proptest! {
        #[test]
        fn everything_leaves_in_its_order_whatever_the_peer_takes_at_once(
            pieces in prop::collection::vec((any::<u8>(), 0..20_000_usize, any::<bool>()), 0..12),
            room in 1..9_000_usize,
        ) {
            let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
            let (mut output, mut expected) = (Output::default(), Vec::new());
            for (byte, length, is_content) in pieces {
                let piece = vec![byte; length];
                expected.extend_from_slice(&piece);
                if is_content {
                    output.content(piece.into());
                } else {
                    output.tail.extend_from_slice(&piece);
                }
            }
            let (mut near, mut far) = tokio::io::duplex(room);
            let (written, got) = runtime.block_on(async {
                let write = async {
                    let result = std::future::poll_fn(|cx| output.poll_write(cx, &mut near)).await;
                    drop(near);
                    result
                };
                let read = async {
                    let mut got = Vec::new();
                    far.read_to_end(&mut got).await.unwrap();
                    got
                };
                tokio::join!(write, read)
            });
            prop_assert!(written.is_ok());
            prop_assert!(got == expected);
        }
    }
}
