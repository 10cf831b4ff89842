//! An answer on its way out: its head and its first piece in one write, then the rest as it comes.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http::{HeaderMap, Response};
use http_body::Body as _;
use tokio::io::{AsyncRead, AsyncWrite};

use super::encode::{self, Coding, Plan};
use super::line::{Heard, Line};
use super::scratch;
use super::upload::Upload;
use crate::body::Body;
use crate::wall;

/// Pieces up to this are copied to what is written before and after them. For the system a vectored write is another,
/// longer way than a plain one.
const COPIED_BYTES: usize = 4096;

const AFTER_CHUNK: &[u8] = b"\r\n";
const AFTER_LAST_CHUNK: &[u8] = b"\r\n0\r\n\r\n";

/// The answer.
pub(super) struct Reply {
    /// Without its fields once they are written.
    response: Box<Response<Body>>,
    owes_head: bool,
    plan: Plan,
    /// Of a promised length.
    left: u64,
    takes_trailers: bool,
    is_written: bool,
}

/// A piece of it.
#[derive(Default)]
struct Piece {
    data: Bytes,
    trailers: Option<HeaderMap>,
    is_last: bool,
}

impl Reply {
    pub(super) fn new(response: Box<Response<Body>>, plan: Plan, takes_trailers: bool) -> Self {
        Self {
            response,
            owes_head: true,
            plan,
            left: match plan.coding {
                Coding::Length(length) => length,
                _ => 0,
            },
            takes_trailers,
            is_written: false,
        }
    }

    /// Ready when everything is written; an error is an answer that has no valid end.
    pub(super) fn poll_send<IO, F>(
        &mut self,
        cx: &mut Context<'_>,
        line: &mut Line<'_, IO, F>,
        mut upload: Option<&mut Upload>,
    ) -> Poll<io::Result<()>>
    where
        IO: AsyncRead + AsyncWrite + Unpin,
        F: Future<Output = ()>,
    {
        loop {
            match line.output.poll_drain(&mut line.socket, cx) {
                Poll::Ready(drained) => drained?,
                Poll::Pending => {
                    // What is to be written may depend on what is still to be read.
                    return match line.poll_listen(cx, upload.as_deref_mut()) {
                        Poll::Ready(Heard::Gone) => Poll::Ready(Err(gone())),
                        _ => Poll::Pending,
                    };
                }
            }
            if self.is_written {
                return Pin::new(&mut line.socket).poll_flush(cx);
            }
            match self.poll_piece(cx) {
                Poll::Ready(Ok(piece)) => self.write(cx, line, piece)?,
                Poll::Ready(Err(error)) => {
                    if self.owes_head {
                        self.write(cx, line, Piece::default())?;
                    }
                    return Poll::Ready(Err(error));
                }
                Poll::Pending => {
                    if self.owes_head {
                        self.write(cx, line, Piece::default())?;
                        continue;
                    }
                    if let Poll::Ready(flushed) = Pin::new(&mut line.socket).poll_flush(cx) {
                        flushed?;
                    }
                    if ready!(line.poll_listen(cx, upload.as_deref_mut())) == Heard::Gone {
                        return Poll::Ready(Err(gone()));
                    }
                }
            }
        }
    }

    /// What is to be written next. An error: the body failed, or is not as long as was promised.
    fn poll_piece(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<Piece>> {
        loop {
            let has_all = match self.plan.coding {
                Coding::Nothing => true,
                Coding::Length(_) => self.left == 0 && !self.owes_head,
                Coding::Chunked | Coding::UntilClose => false,
            };
            if has_all || self.response.body().is_end_stream() {
                return Poll::Ready(self.end(None));
            }
            let Some(frame) = ready!(Pin::new(self.response.body_mut()).poll_frame(cx)) else {
                return Poll::Ready(self.end(None));
            };
            let frame = match frame.map_err(io::Error::other)?.into_data() {
                Ok(data) if data.is_empty() => continue,
                Ok(data) => return Poll::Ready(self.data(cx, data)),
                Err(frame) => frame,
            };
            if let Ok(trailers) = frame.into_trailers() {
                return Poll::Ready(self.end(Some(trailers)));
            }
        }
    }

    fn end(&mut self, trailers: Option<HeaderMap>) -> io::Result<Piece> {
        if self.left > 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        Ok(Piece {
            data: Bytes::new(),
            trailers: trailers.filter(|_| self.takes_trailers),
            is_last: true,
        })
    }

    fn data(&mut self, cx: &mut Context<'_>, data: Bytes) -> io::Result<Piece> {
        let mut piece = Piece {
            data,
            ..Piece::default()
        };
        if let Coding::Length(_) = self.plan.coding {
            let length = piece.data.len() as u64;
            let Some(left) = self.left.checked_sub(length) else {
                return Err(too_long());
            };
            self.left = left;
            if left == 0 {
                self.finish(cx)?;
                piece.is_last = true;
            }
        } else {
            piece.is_last = self.response.body().is_end_stream();
        }
        Ok(piece)
    }

    /// Everything that was promised is here. Lets the body come to its end, if that takes no waiting; more than was
    /// promised is an error, and what goes wrong after it is not.
    fn finish(&mut self, cx: &mut Context<'_>) -> io::Result<()> {
        while !self.response.body().is_end_stream() {
            match Pin::new(self.response.body_mut()).poll_frame(cx) {
                Poll::Ready(Some(Ok(frame))) if frame.data_ref().is_none_or(Bytes::is_empty) => {}
                Poll::Ready(Some(Ok(_))) => return Err(too_long()),
                Poll::Ready(Some(Err(_)) | None) | Poll::Pending => return Ok(()),
            }
        }
        Ok(())
    }

    fn write<IO, F>(
        &mut self,
        cx: &mut Context<'_>,
        line: &mut Line<'_, IO, F>,
        piece: Piece,
    ) -> io::Result<()>
    where
        IO: AsyncRead + AsyncWrite + Unpin,
    {
        self.is_written = piece.is_last;
        scratch::write(|lead| {
            if std::mem::take(&mut self.owes_head) {
                let headers = std::mem::take(self.response.headers_mut());
                encode::head(self.response.status(), &headers, self.plan, wall::coarse(), lead);
            }
            let Piece {
                mut data,
                trailers,
                is_last,
            } = piece;
            let mut tail: &'static [u8] = b"";
            if self.plan.coding == Coding::Chunked {
                if !data.is_empty() {
                    encode::chunk_line(data.len(), lead);
                    tail = if is_last { AFTER_LAST_CHUNK } else { AFTER_CHUNK };
                } else if is_last {
                    encode::last_chunk(trailers.as_ref(), lead);
                }
            }
            if data.len() <= COPIED_BYTES {
                lead.extend_from_slice(&data);
                lead.extend_from_slice(tail);
                (data, tail) = (Bytes::new(), b"");
            }
            if lead.is_empty() && data.is_empty() {
                return Ok(());
            }
            line.output.start(&mut line.socket, cx, lead, data, tail)
        })
    }
}

fn gone() -> io::Error {
    io::ErrorKind::ConnectionReset.into()
}

fn too_long() -> io::Error {
    io::Error::new(
        io::ErrorKind::InvalidData,
        "the body is longer than its head says",
    )
}
