//! One direction of a relay.
//!
//! What is read goes into the thread's buffer and from there to the other side. Where much flows between two plain
//! sockets the system moves it instead, through a [`Pipe`]: that costs half, but for a short message it costs more. So a
//! direction changes over when a read brings much, and back when one brings little.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

use super::super::pipe::Pipe;
use super::super::space;
use super::Side;
use crate::tcp::Reader;

/// A read that brings so much is followed by more.
const MUCH: usize = 16 * 1024;
/// One that brings less was the last for now.
const LITTLE: usize = 4 * 1024;

/// Which end of a direction broke.
pub(super) enum Broken {
    Reading,
    Writing,
}

impl Broken {
    pub(super) fn by<E>(self, reader: E, writer: E) -> E {
        match self {
            Self::Reading => reader,
            Self::Writing => writer,
        }
    }
}

/// One direction.
#[derive(Debug)]
pub(super) struct Half {
    /// Read and not yet written, from `at` on.
    pub(super) rest: Vec<u8>,
    pub(super) at: usize,
    pub(super) written: u64,
    pub(super) phase: Phase,
    is_unflushed: bool,
    /// More is likely to come than has.
    is_bulk: bool,
    reader: Reader,
    /// Only while something is under way through it.
    pub(super) pipe: Option<Pipe>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    /// Bytes may come.
    Open,
    /// The reader has said all; the writer is to hear it.
    Closing,
    /// It has.
    Closed,
}

impl Half {
    pub(super) fn starting_with(rest: Vec<u8>) -> Self {
        Self {
            rest,
            at: 0,
            written: 0,
            phase: Phase::Open,
            is_unflushed: false,
            is_bulk: false,
            reader: Reader::default(),
            pipe: None,
        }
    }

    pub(super) fn poll(
        &mut self,
        cx: &mut Context<'_>,
        from: &mut impl Side,
        to: &mut impl Side,
    ) -> Poll<Result<(), Broken>> {
        loop {
            match self.phase {
                Phase::Open => {
                    ready!(self.poll_rest(cx, to)).map_err(|_| Broken::Writing)?;
                    if !ready!(self.poll_fresh(cx, from, to))? {
                        self.phase = Phase::Closing;
                    }
                }
                Phase::Closing => {
                    ready!(Pin::new(&mut *to).poll_shutdown(cx)).map_err(|_| Broken::Writing)?;
                    self.phase = Phase::Closed;
                }
                Phase::Closed => return Poll::Ready(Ok(())),
            }
        }
    }

    /// Writes what is kept.
    fn poll_rest(
        &mut self,
        cx: &mut Context<'_>,
        to: &mut (impl AsyncWrite + Unpin),
    ) -> Poll<io::Result<()>> {
        while let Some(rest) = self.rest.get(self.at..).filter(|rest| !rest.is_empty()) {
            let count = ready!(write(cx, to, rest))?;
            self.at += count;
            self.wrote(count);
        }
        self.rest.clear();
        self.at = 0;
        Poll::Ready(Ok(()))
    }

    /// Reads once and writes as much of it as the other side takes. Ready with whether more may come.
    fn poll_fresh(
        &mut self,
        cx: &mut Context<'_>,
        from: &mut impl Side,
        to: &mut impl Side,
    ) -> Poll<Result<bool, Broken>> {
        if (self.is_bulk || self.pipe.is_some())
            && let Some((from, to)) = from.plain().zip(to.plain())
            && let Some(mut pipe) = self.pipe.take().or_else(Pipe::lend)
        {
            self.reader.forget();
            let more = self.poll_pipe(cx, from, to, &mut pipe);
            // What waits in it for the other side stays there; an empty one is for others.
            self.pipe = Some(pipe).filter(|pipe| !pipe.is_empty());
            return more;
        }
        space::with(|space| self.poll_through(cx, from, to, space))
    }

    /// The same by the system, and as long as much comes.
    fn poll_pipe(
        &mut self,
        cx: &mut Context<'_>,
        from: &TcpStream,
        to: &TcpStream,
        pipe: &mut Pipe,
    ) -> Poll<Result<bool, Broken>> {
        loop {
            while !pipe.is_empty() {
                let count = ready!(pipe.poll_drain(cx, to)).map_err(|_| Broken::Writing)?;
                self.wrote(count);
            }
            if !self.is_bulk {
                return Poll::Ready(Ok(true));
            }
            let count = ready!(pipe.poll_fill(cx, from)).map_err(|_| Broken::Reading)?;
            if count == 0 {
                return Poll::Ready(Ok(false));
            }
            self.is_bulk = count >= LITTLE;
        }
    }

    fn poll_through(
        &mut self,
        cx: &mut Context<'_>,
        from: &mut impl Side,
        to: &mut impl Side,
        space: &mut [u8],
    ) -> Poll<Result<bool, Broken>> {
        let count = match self.poll_read(cx, from, space) {
            Poll::Ready(Ok(count)) => count,
            // TLS that ends without a farewell: its end may not be genuine, but as many clients say none as there are
            // careless ones, and a reset could lose what they sent.
            Poll::Ready(Err(error)) if error.kind() == io::ErrorKind::UnexpectedEof => 0,
            Poll::Ready(Err(_)) => return Poll::Ready(Err(Broken::Reading)),
            Poll::Pending => {
                self.rest = Vec::new();
                return self.poll_flush(cx, to);
            }
        };
        let mut fresh = space.get(..count).unwrap_or_default();
        self.is_bulk = count >= MUCH;
        while !fresh.is_empty() {
            match write(cx, to, fresh) {
                Poll::Ready(Ok(written)) => {
                    self.wrote(written);
                    fresh = fresh.get(written..).unwrap_or_default();
                }
                Poll::Ready(Err(_)) => return Poll::Ready(Err(Broken::Writing)),
                Poll::Pending => {
                    self.rest.extend_from_slice(fresh);
                    break;
                }
            }
        }
        Poll::Ready(Ok(count > 0))
    }

    fn poll_read(
        &mut self,
        cx: &mut Context<'_>,
        from: &mut impl Side,
        space: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        if let Some(tcp) = from.to_read() {
            return self.reader.poll_read(tcp, cx, space);
        }
        let mut buffer = ReadBuf::new(space);
        ready!(Pin::new(from).poll_read(cx, &mut buffer))?;
        Poll::Ready(Ok(buffer.filled().len()))
    }

    /// With nothing to read, what was written has to leave.
    fn poll_flush(
        &mut self,
        cx: &mut Context<'_>,
        to: &mut (impl AsyncWrite + Unpin),
    ) -> Poll<Result<bool, Broken>> {
        if self.is_unflushed {
            ready!(Pin::new(to).poll_flush(cx)).map_err(|_| Broken::Writing)?;
            self.is_unflushed = false;
        }
        Poll::Pending
    }

    fn wrote(&mut self, count: usize) {
        self.written += count as u64;
        self.is_unflushed = true;
    }
}

fn write(cx: &mut Context<'_>, to: &mut (impl AsyncWrite + Unpin), bytes: &[u8]) -> Poll<io::Result<usize>> {
    match ready!(Pin::new(to).poll_write(cx, bytes)) {
        Ok(0) => Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
        result => Poll::Ready(result),
    }
}
