//! The body of an answer that did not come whole with its head, read from the connection by whoever polls it.
//!
//! It also sends what is left of the request: an answer that comes early does not stop an upload. Once both are over,
//! the connection goes back to its pool; before that, dropping the body closes it.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http_body::{Frame, SizeHint};
use tokio::io::AsyncReadExt as _;
use tokio::runtime::Handle;

use super::super::endpoint::Place;
use super::super::pool::{self, Http1Connection};
use super::framing::{Framing, Malformed, Step};
use super::sending::{Broken, Sending};
use crate::body::BodyError;

/// What is read at once: as much as flows.
const LEAST: usize = 16 << 10;
const MOST: usize = 256 << 10;
/// How long an upload may go on after its answer has ended.
const PATIENCE: Duration = Duration::from_secs(30);

/// A body on its way in.
#[derive(Debug)]
pub(super) struct Incoming {
    /// `None` once it was given back, or is of no more use.
    connection: Option<Box<Http1Connection>>,
    place: Arc<Place>,
    framing: Framing,
    /// What was read and not looked at.
    input: Bytes,
    reader: Reader,
    sending: Option<Box<Sending>>,
    /// Whether the connection may serve again when all is over.
    reusable: bool,
}

/// Reads pieces that are as large as what flows.
#[derive(Debug)]
struct Reader {
    storage: BytesMut,
    size: usize,
    /// The last piece was far smaller than it could have been.
    small: bool,
}

impl Incoming {
    pub(super) fn new(
        connection: Box<Http1Connection>,
        place: Arc<Place>,
        framing: Framing,
        input: Bytes,
        sending: Option<Box<Sending>>,
        reusable: bool,
    ) -> Self {
        let reader = Reader {
            storage: BytesMut::new(),
            size: LEAST,
            small: false,
        };
        let mut incoming = Self {
            connection: Some(connection),
            place,
            framing,
            input,
            reader,
            sending,
            reusable,
        };
        incoming.settle();
        incoming
    }

    /// Sends what is left of the request, if there is any.
    fn poll_send(&mut self, cx: &mut Context<'_>) -> Result<(), BodyError> {
        let Some((sending, connection)) = self.sending.as_mut().zip(self.connection.as_mut()) else {
            return Ok(());
        };
        match sending.poll(&mut connection.stream, cx) {
            Poll::Pending => return Ok(()),
            Poll::Ready(Ok(())) => {}
            // The endpoint reads no more. What it has said may still come.
            Poll::Ready(Err(Broken::Connection(_))) => self.reusable = false,
            Poll::Ready(Err(Broken::Body(error))) => {
                self.connection = None;
                return Err(error);
            }
        }
        self.sending = None;
        Ok(())
    }

    /// Lets go of the connection as soon as nobody needs it.
    fn settle(&mut self) {
        if !self.framing.is_ended() {
            return;
        }
        // What follows the answer is nothing that was asked for.
        self.reusable &= self.input.is_empty();
        self.input = Bytes::new();
        self.reader.storage = BytesMut::new();
        if !self.reusable {
            self.connection = None;
        } else if self.sending.is_none()
            && let Some(connection) = self.connection.take()
        {
            pool::give_back(&self.place, connection);
        }
    }

    /// Reads more. The end of the connection is an error unless the body ends with it.
    fn poll_read(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BodyError>> {
        let Some(connection) = &mut self.connection else {
            return Poll::Ready(Err(cut_short().into()));
        };
        let expected = match &self.framing {
            Framing::Length(left) => usize::try_from(*left).unwrap_or(usize::MAX),
            Framing::Chunked(_) | Framing::UntilClosed(_) => usize::MAX,
        };
        let read = ready!(self.reader.poll(connection, cx, expected));
        let input = read.inspect_err(|_| self.connection = None)?;
        if input.is_empty() && !self.framing.close() {
            self.connection = None;
            return Poll::Ready(Err(cut_short().into()));
        }
        self.input = input;
        Poll::Ready(Ok(()))
    }

    fn refuse(&mut self, malformed: Malformed) -> BodyError {
        self.connection = None;
        io::Error::new(io::ErrorKind::InvalidData, malformed).into()
    }
}

impl Reader {
    /// Reads a piece; an empty one is the end.
    fn poll(
        &mut self,
        connection: &mut Http1Connection,
        cx: &mut Context<'_>,
        expected: usize,
    ) -> Poll<io::Result<Bytes>> {
        // One byte more than is expected: a read that does not fill its buffer has emptied the socket, which saves
        // asking it again.
        let room = self.size.min(expected.saturating_add(1));
        if self.storage.capacity() < room {
            self.storage.reserve(room);
        }
        let read = {
            let reading = std::pin::pin!(connection.stream.read_buf(&mut self.storage));
            ready!(reading.poll(cx))?
        };
        let full = self.storage.len() == self.storage.capacity();
        let piece = self.storage.split().freeze();
        self.adapt(read, full);
        Poll::Ready(Ok(piece))
    }

    fn adapt(&mut self, read: usize, full: bool) {
        if full || read >= self.size {
            self.size = (self.size * 4).min(MOST);
            self.small = false;
        } else if read < self.size / 4 && self.size > LEAST {
            if self.small {
                self.size /= 4;
                self.storage = BytesMut::new();
            }
            self.small = !self.small;
        } else {
            self.small = false;
        }
    }
}

impl http_body::Body for Incoming {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let this = &mut *self;
        this.poll_send(cx)?;
        loop {
            let step = this.framing.step(&mut this.input);
            let step = step.map_err(|malformed| this.refuse(malformed))?;
            if this.input.is_empty() {
                // An empty piece would hold on to memory that is read into next.
                this.input = Bytes::new();
            }
            if this.framing.is_ended() {
                this.settle();
            }
            match step {
                Step::Data(data) => return Poll::Ready(Some(Ok(Frame::data(data)))),
                Step::Trailers(trailers) => return Poll::Ready(Some(Ok(Frame::trailers(trailers)))),
                Step::End => return Poll::Ready(None),
                Step::More => ready!(this.poll_read(cx))?,
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.framing.is_ended()
    }

    fn size_hint(&self) -> SizeHint {
        match &self.framing {
            Framing::Length(left) => SizeHint::with_exact(*left),
            Framing::UntilClosed(true) => SizeHint::with_exact(0),
            Framing::Chunked(_) | Framing::UntilClosed(false) => SizeHint::new(),
        }
    }
}

/// Where an upload outlives its answer it goes on by itself for a while: the endpoint may want all of it, and the client
/// may read nothing before it has sent everything.
impl Drop for Incoming {
    fn drop(&mut self) {
        if !self.framing.is_ended() {
            return;
        }
        let (Some(mut connection), Some(mut sending)) = (self.connection.take(), self.sending.take()) else {
            return;
        };
        let Ok(runtime) = Handle::try_current() else {
            return;
        };
        let place = Arc::clone(&self.place);
        runtime.spawn(async move {
            let rest = std::future::poll_fn(|cx| sending.poll(&mut connection.stream, cx));
            if matches!(tokio::time::timeout(PATIENCE, rest).await, Ok(Ok(()))) {
                pool::give_back(&place, connection);
            }
        });
    }
}

fn cut_short() -> io::Error {
    io::Error::new(
        io::ErrorKind::UnexpectedEof,
        "the endpoint closed the connection in the middle of its answer",
    )
}
