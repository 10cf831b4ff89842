//! One direction of a link: bytes that come out of one socket and go into the other.
//!
//! What is small is read and written, which takes two calls and touches memory that is warm. What is large goes through a
//! pipe, without being copied. Which of the two comes next is told by how much came last, and a socket is asked again only
//! if it may have more: it has none after a read that did not fill the buffer. What a pipe takes is no such sign, since it
//! counts pieces as well as bytes.

use std::io;
use std::net::{Shutdown, TcpStream};
use std::os::fd::{AsFd, OwnedFd};

use rustix::io::Errno;
use rustix::net::{RecvFlags, SendFlags, recv, send};
use rustix::pipe::{PipeFlags, SpliceFlags, fcntl_setpipe_size, pipe_with, splice};

/// What a pipe takes at once. It is four times the usual, since a floor must be low: a megabyte takes a fifth less time so,
/// and no less with a pipe of a whole one.
const PIPE: usize = 256 * 1024;
/// From so much on what follows is taken for large.
const LARGE: usize = 16 * 1024;

/// The two ends of a pipe.
struct Pipe {
    out: OwnedFd,
    into: OwnedFd,
}

/// One direction.
#[derive(Default)]
pub struct Flow {
    /// Made when something large comes for the first time, and kept.
    pipe: Option<Pipe>,
    /// What is in it.
    in_pipe: usize,
    /// What was read and could not be written.
    rest: Vec<u8>,
    is_large: bool,
    /// The reading side said that its end will come: a read that does not fill the buffer is then not the last.
    pub will_end: bool,
    has_ended: bool,
}

impl Flow {
    /// Whether the writing side has to take something before more is read.
    pub fn holds_something(&self) -> bool {
        self.in_pipe > 0 || !self.rest.is_empty()
    }

    pub fn has_ended(&self) -> bool {
        self.has_ended
    }

    /// Moves bytes until one side has none, or the other takes none.
    pub fn pump(&mut self, from: &TcpStream, to: &TcpStream, buffer: &mut [u8]) -> io::Result<()> {
        while !self.has_ended && self.push(to)? && self.pull(from, to, buffer)? {}
        Ok(())
    }

    /// Writes what is held. True if nothing is left of it.
    fn push(&mut self, to: &TcpStream) -> io::Result<bool> {
        while let Some(pipe) = self.pipe.as_ref().filter(|_| self.in_pipe > 0) {
            let Some(count) = unless_blocked(shift(&pipe.out, to, self.in_pipe))? else {
                return Ok(false);
            };
            self.in_pipe -= count;
        }
        while !self.rest.is_empty() {
            let Some(count) = unless_blocked(send(to, &self.rest, SendFlags::NOSIGNAL))? else {
                return Ok(false);
            };
            self.rest.drain(..count);
        }
        Ok(true)
    }

    /// Takes something from the reading side, when nothing is held. True if there may be more.
    fn pull(&mut self, from: &TcpStream, to: &TcpStream, buffer: &mut [u8]) -> io::Result<bool> {
        let came = if self.is_large {
            unless_blocked(shift(from, &self.pipe()?.into, PIPE))?
        } else {
            unless_blocked(recv(from, &mut *buffer, RecvFlags::empty()).map(|(count, _)| count))?
        };
        let Some(count) = came else { return Ok(false) };
        if count == 0 {
            self.has_ended = true;
            // Who has already gone needs no farewell.
            let _ = to.shutdown(Shutdown::Write);
            return Ok(false);
        }
        if self.is_large {
            self.in_pipe = count;
        } else {
            let bytes = buffer.get(..count).unwrap_or_default();
            let sent = unless_blocked(send(to, bytes, SendFlags::NOSIGNAL))?.unwrap_or(0);
            self.rest.extend_from_slice(bytes.get(sent..).unwrap_or_default());
        }
        let was_large = std::mem::replace(&mut self.is_large, count >= LARGE);
        Ok(was_large || count == buffer.len() || self.will_end || self.holds_something())
    }

    fn pipe(&mut self) -> io::Result<&Pipe> {
        if self.pipe.is_none() {
            let (out, into) = pipe_with(PipeFlags::CLOEXEC | PipeFlags::NONBLOCK)?;
            // Who may not have a larger one has one of the usual size.
            let _ = fcntl_setpipe_size(&out, PIPE);
            self.pipe = Some(Pipe { out, into });
        }
        self.pipe.as_ref().ok_or_else(|| io::ErrorKind::NotFound.into())
    }
}

fn shift(from: &impl AsFd, to: &impl AsFd, most: usize) -> rustix::io::Result<usize> {
    splice(
        from,
        None,
        to,
        None,
        most,
        SpliceFlags::NONBLOCK | SpliceFlags::MOVE,
    )
}

/// Nothing if the socket would have to be waited for.
fn unless_blocked(moved: rustix::io::Result<usize>) -> io::Result<Option<usize>> {
    match moved {
        Ok(count) => Ok(Some(count)),
        Err(Errno::AGAIN) => Ok(None),
        Err(error) => Err(error.into()),
    }
}
