//! A socket that gives bytes in pieces, and reads what is said.

use std::collections::VecDeque;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use bytes::Bytes;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// One end of a connection. It gives a piece whenever it is asked after it had none to give.
#[derive(Debug)]
pub(super) struct Pieces {
    input: VecDeque<Bytes>,
    waits: bool,
    said: Arc<Mutex<Vec<u8>>>,
}

/// What was said, as far as it does not depend on how the input was cut.
#[derive(Debug)]
pub(super) struct Heard {
    pub(super) bytes: usize,
    /// Streams and their reasons; 0 is the connection.
    pub(super) ends: Vec<(u32, u32)>,
}

impl Pieces {
    pub(super) fn new(first: &[u8], input: &[u8], piece: usize) -> (Self, Arc<Mutex<Vec<u8>>>) {
        let said = Arc::new(Mutex::new(Vec::new()));
        let rest = input.chunks(piece).map(Bytes::copy_from_slice);
        let pieces = Self {
            input: std::iter::once(Bytes::copy_from_slice(first))
                .chain(rest)
                .collect(),
            waits: false,
            said: Arc::clone(&said),
        };
        (pieces, said)
    }
}

impl AsyncRead for Pieces {
    fn poll_read(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.waits = !self.waits;
        if self.waits {
            return Poll::Pending;
        }
        if let Some(mut piece) = self.input.pop_front() {
            let now = piece.split_to(piece.len().min(buffer.remaining()));
            buffer.put_slice(&now);
            if !piece.is_empty() {
                self.input.push_front(piece);
            }
        } else {
            // It has nothing more, and does not close.
            return Poll::Pending;
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Pieces {
    fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, data: &[u8]) -> Poll<io::Result<usize>> {
        let mut said = self.said.lock().unwrap_or_else(PoisonError::into_inner);
        said.extend_from_slice(data);
        Poll::Ready(Ok(data.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

/// Reads what was said. A client begins with its preface.
pub(super) fn heard(said: &Mutex<Vec<u8>>, preface: usize) -> Heard {
    let said = said.lock().unwrap_or_else(PoisonError::into_inner);
    let mut rest = said.get(preface..).unwrap_or_default();
    let mut ends = Vec::new();
    while let Some(([a, b, c, kind, _, s1, s2, s3, s4], after)) = rest.split_first_chunk() {
        let length = u32::from_be_bytes([0, *a, *b, *c]) as usize;
        let stream = u32::from_be_bytes([*s1, *s2, *s3, *s4]);
        let (payload, after) = after.split_at_checked(length).unwrap_or((after, &[]));
        rest = after;
        let at = if *kind == GOAWAY { 4 } else { 0 };
        let reason = payload
            .get(at..)
            .and_then(|payload| payload.first_chunk().copied());
        if matches!(*kind, RST_STREAM | GOAWAY) {
            ends.push((stream, u32::from_be_bytes(reason.unwrap_or_default())));
        }
    }
    ends.sort_unstable();
    Heard {
        bytes: said.len(),
        ends,
    }
}

const RST_STREAM: u8 = 3;
const GOAWAY: u8 = 7;
