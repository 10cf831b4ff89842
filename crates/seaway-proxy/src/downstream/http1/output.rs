//! What is still to be written, after a write that the socket took only in part.
//!
//! A message is put together in room that is lent ([`super::scratch`]) and written from there; only what is left comes
//! here. Large pieces of bodies are never copied.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Buf as _, Bytes};
use tokio::io::AsyncWrite;

/// In this order.
#[derive(Debug, Default)]
pub(super) struct Output {
    lead: Vec<u8>,
    written: usize,
    data: Bytes,
    tail: &'static [u8],
}

impl Output {
    pub(super) fn is_empty(&self) -> bool {
        self.lead.len() == self.written && self.data.is_empty() && self.tail.is_empty()
    }

    /// How much is left of a lead.
    pub(super) fn len(&self) -> usize {
        self.lead.len() - self.written
    }

    /// Adds a few bytes behind a lead. Only while there is nothing else.
    pub(super) fn push(&mut self, bytes: &[u8]) {
        self.lead.extend_from_slice(bytes);
    }

    /// Writes what the socket takes at once, and keeps the rest. Only while nothing is left of the last.
    pub(super) fn start<IO: AsyncWrite + Unpin>(
        &mut self,
        io: &mut IO,
        cx: &mut Context<'_>,
        lead: &[u8],
        mut data: Bytes,
        tail: &'static [u8],
    ) -> io::Result<()> {
        let mut written = match write(io, cx, lead, &data, tail) {
            Poll::Ready(written) => written?,
            Poll::Pending => 0,
        };
        let mut part = |length: usize| {
            let part = written.min(length);
            written -= part;
            part
        };
        let rest = lead.get(part(lead.len())..).unwrap_or_default();
        if !rest.is_empty() {
            self.lead.extend_from_slice(rest);
        }
        data.advance(part(data.len()));
        self.data = data;
        self.tail = tail.get(part(tail.len())..).unwrap_or_default();
        Ok(())
    }

    /// Writes until nothing is left.
    pub(super) fn poll_drain<IO: AsyncWrite + Unpin>(
        &mut self,
        io: &mut IO,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<()>> {
        while !self.is_empty() {
            let lead = self.lead.get(self.written..).unwrap_or_default();
            let mut written = ready!(write(io, cx, lead, &self.data, self.tail))?;
            let mut part = |length: usize| {
                let part = written.min(length);
                written -= part;
                part
            };
            self.written += part(lead.len());
            self.data.advance(part(self.data.len()));
            self.tail = self.tail.get(part(self.tail.len())..).unwrap_or_default();
        }
        if self.written > 0 {
            *self = Self::default();
        }
        Poll::Ready(Ok(()))
    }
}

fn write<IO: AsyncWrite + Unpin>(
    io: &mut IO,
    cx: &mut Context<'_>,
    lead: &[u8],
    data: &[u8],
    tail: &[u8],
) -> Poll<io::Result<usize>> {
    let written = if data.is_empty() && tail.is_empty() {
        Pin::new(io).poll_write(cx, lead)
    } else {
        let slices = [IoSlice::new(lead), IoSlice::new(data), IoSlice::new(tail)];
        Pin::new(io).poll_write_vectored(cx, &slices)
    };
    match ready!(written)? {
        0 => Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
        count => Poll::Ready(Ok(count)),
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use tokio::io::{AsyncReadExt as _, duplex};

    use super::*;

    #[tokio::test]
    async fn what_a_socket_takes_in_parts_arrives_whole_and_in_order() {
        for room in 1..12 {
            let (mut near, mut far) = duplex(room);
            let reader = tokio::spawn(async move {
                let mut got = Vec::new();
                far.read_to_end(&mut got).await.map(|_| got)
            });
            let mut output = Output::default();
            poll_fn(|cx| {
                let data = Bytes::from_static(b"body");
                Poll::Ready(output.start(&mut near, cx, b"lead ", data, b" tail"))
            })
            .await
            .unwrap();
            poll_fn(|cx| output.poll_drain(&mut near, cx)).await.unwrap();
            assert!(output.is_empty());
            drop(near);
            assert_eq!(reader.await.unwrap().unwrap(), b"lead body tail");
        }
    }
}
