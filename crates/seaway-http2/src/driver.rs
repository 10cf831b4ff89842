//! What moves bytes between a socket and the state of its connection.

use std::cell::Cell;
use std::future::Future as _;
use std::io;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::BytesMut;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite};

use crate::core::{Core, Shared};
use crate::error::{By, Error, Reason};
use crate::output::Output;

/// What is read at once, and what from a peer that had more.
const READ: usize = 16 << 10;
const READ_MORE: usize = 64 << 10;
/// What is read in a turn, after which others have theirs.
const TURN: usize = 128 << 10;

thread_local! {
    /// Room for what is read. A connection has its own only while a frame of it has come in part.
    static SPARE: Cell<BytesMut> = Cell::new(BytesMut::new());
}

/// A socket, and the connection on it.
#[derive(Debug)]
pub(crate) struct Driver<IO> {
    io: IO,
    shared: Arc<Shared>,
    input: BytesMut,
    /// The last read took all that it had room for.
    has_more: bool,
    output: Output,
    /// Why it ends, once that is known. What is left to be said is still said.
    end: Option<Error>,
    /// Nothing more is read.
    is_deaf: bool,
    /// Its farewell was said.
    has_left: bool,
}

/// What came of reading.
enum Heard {
    Something,
    End,
}

impl<IO> Driver<IO> {
    pub(crate) fn new(io: IO, shared: Arc<Shared>) -> Self {
        Self {
            io,
            shared,
            input: BytesMut::new(),
            has_more: false,
            output: Output::default(),
            end: None,
            is_deaf: false,
            has_left: false,
        }
    }

    pub(crate) fn shared(&self) -> &Arc<Shared> {
        &self.shared
    }
}

#[cfg(test)]
impl<IO> Driver<IO> {
    /// What waits for the socket.
    pub(crate) fn unwritten(&self) -> usize {
        self.output.length()
    }

    /// What has come of a frame.
    pub(crate) fn part(&self) -> usize {
        self.input.len()
    }
}

impl<IO: AsyncRead + AsyncWrite + Unpin> Driver<IO> {
    /// Ready when the connection is over.
    pub(crate) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        let mut is_held = self.poll_input(cx);
        loop {
            match self.poll_output(cx) {
                Poll::Ready(Ok(())) => {}
                Poll::Ready(Err(error)) => return Poll::Ready(Err(self.broke(error))),
                Poll::Pending if self.is_deaf => return self.poll_deaf(),
                Poll::Pending => return Poll::Pending,
            }
            if self.has_left {
                return self.poll_close(cx);
            }
            if is_held {
                is_held = self.poll_input(cx);
                continue;
            }
            if self.shared.with(|core| core.is_done()) {
                self.leave();
                continue;
            }
            if self.shared.with(|core| core.rest(cx.waker())) {
                return Poll::Pending;
            }
        }
    }

    /// Reads until there is nothing more, or others should have their turn. True: it has to be called again when what was
    /// said is written.
    fn poll_input(&mut self, cx: &mut Context<'_>) -> bool {
        let mut read = 0;
        while !self.is_deaf {
            if !self.output.is_empty() && self.shared.with(|core| core.has_said_enough()) {
                return true;
            }
            match self.poll_read(cx) {
                Poll::Pending => return false,
                Poll::Ready(Ok((Heard::Something, bytes))) => read += bytes,
                Poll::Ready(Ok((Heard::End, _))) => {
                    self.is_deaf = true;
                    self.broke(io::ErrorKind::UnexpectedEof.into());
                }
                Poll::Ready(Err(error)) => {
                    self.is_deaf = true;
                    self.broke(error);
                }
            }
            if read >= TURN {
                cx.waker().wake_by_ref();
                return false;
            }
        }
        false
    }

    fn poll_read(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<(Heard, usize)>> {
        if self.input.is_empty() {
            self.input = SPARE.take();
        }
        self.input.reserve(if self.has_more { READ_MORE } else { READ });
        let read = pin!(self.io.read_buf(&mut self.input)).poll(cx);
        let result = match read {
            Poll::Ready(Ok(bytes)) if bytes > 0 => {
                self.has_more = bytes >= READ;
                self.take_frames();
                Poll::Ready(Ok((Heard::Something, bytes)))
            }
            Poll::Ready(Ok(_)) => Poll::Ready(Ok((Heard::End, 0))),
            Poll::Ready(Err(error)) => Poll::Ready(Err(error)),
            Poll::Pending => Poll::Pending,
        };
        if self.input.is_empty() {
            SPARE.set(std::mem::take(&mut self.input));
        }
        result
    }

    fn take_frames(&mut self) {
        let input = &mut self.input;
        let shared = &self.shared;
        let received = shared.with(|core| {
            let received = core.receive(input);
            shared.note_most(core);
            received
        });
        if let Err(reason) = received {
            self.is_deaf = true;
            self.input.clear();
            let error = Error::GoAway {
                reason,
                by: By::Codec,
            };
            self.end.get_or_insert(error.clone());
            self.shared.with(|core| core.finish(&error));
        }
    }

    /// Writes what there is to be said.
    fn poll_output(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        loop {
            ready!(self.output.poll_write(cx, &mut self.io))?;
            let output = &mut self.output;
            let is_more = self.shared.with(|core| {
                core.written();
                output.take(&mut core.output);
                if !output.is_empty() {
                    core.go_on();
                }
                !output.is_empty()
            });
            if !is_more {
                return Pin::new(&mut self.io).poll_flush(cx);
            }
        }
    }

    /// The connection has failed, and the peer does not read what there is still to be said. A server has answers among
    /// that, and somebody who loses patience; a client would wait for nothing, and for ever.
    fn poll_deaf(&mut self) -> Poll<Result<(), Error>> {
        match &self.end {
            Some(end) if self.shared.with(|core| core.is_client()) => Poll::Ready(Err(end.clone())),
            _ => Poll::Pending,
        }
    }

    /// The last that is said.
    fn leave(&mut self) {
        self.has_left = true;
        let end = &self.end;
        self.shared.with(|core| {
            let reason = end.as_ref().and_then(Error::reason);
            core.say_farewell(reason.unwrap_or(Reason::NO_ERROR));
        });
    }

    fn poll_close(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        let closed = ready!(Pin::new(&mut self.io).poll_shutdown(cx));
        let shared = &self.shared;
        let peer = shared.with(|core| core.refusal());
        let end = self
            .end
            .take()
            .or(peer.filter(|error| error.reason() != Some(Reason::NO_ERROR)));
        let error = match (end, closed) {
            (Some(error), _) => error,
            (None, Ok(())) => {
                shared.with(|core| core.finish(&gone()));
                return Poll::Ready(Ok(()));
            }
            (None, Err(error)) => error.into(),
        };
        shared.with(|core| core.finish(&error));
        Poll::Ready(Err(error))
    }

    /// The socket has failed, or the peer has closed it.
    fn broke(&mut self, error: io::Error) -> Error {
        let error = Error::from(error);
        self.shared.with(|core| core.finish(&error));
        self.end.get_or_insert(error).clone()
    }
}

/// What is told to who asks for more after the end.
fn gone() -> Error {
    Error::GoAway {
        reason: Reason::NO_ERROR,
        by: By::User,
    }
}

impl<IO> Drop for Driver<IO> {
    fn drop(&mut self) {
        self.shared.with(|core: &mut Core| core.finish(&gone()));
    }
}
