//! Pipes through which the system moves bytes from one socket to another (`splice(2)`), without showing them to us.
//!
//! A pipe takes two descriptors, and up to 64 KiB of kernel memory while something is in it. So a direction has one only
//! while much flows: the thread lends it, gets it back as soon as it is empty, and keeps a few for the next. There are
//! never more than [`MOST`] for each thread; whoever gets none copies.
//!
//! Writing to a socket that is closed raises `SIGPIPE` here as everywhere. Rust's runtime ignores that signal.

use std::cell::RefCell;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::task::{Context, Poll, ready};

use rustix::pipe::{PipeFlags, SpliceFlags, pipe_with, splice};
use tokio::io::Interest;
use tokio::net::TcpStream;

use crate::tcp::is_transient;

/// What is moved at once: what a pipe holds unless somebody makes it larger, which few are allowed to.
const BYTES: usize = 64 * 1024;

/// Pipes that a thread may have. The system allows a user 1024 of this size, and then makes small ones.
const MOST: usize = 128;

/// Empty ones that a thread keeps.
const SPARE: usize = 16;

thread_local! {
    static PIPES: RefCell<Pipes> = const { RefCell::new(Pipes { spare: Vec::new(), count: 0 }) };
}

/// A thread's.
#[derive(Debug)]
struct Pipes {
    spare: Vec<Ends>,
    /// Of those that are there, lent or not.
    count: usize,
}

#[derive(Debug)]
struct Ends {
    out: OwnedFd,
    into: OwnedFd,
}

/// One that is lent. It goes back where it came from when it is dropped, unless something is in it.
#[derive(Debug)]
pub(super) struct Pipe {
    ends: Option<Ends>,
    held: usize,
}

impl Pipe {
    /// `None` if the thread has lent all it may have, or the system has none.
    pub(super) fn lend() -> Option<Self> {
        let ends = PIPES.try_with(|pipes| pipes.try_borrow_mut().ok()?.take());
        ends.ok().flatten().map(|ends| Self {
            ends: Some(ends),
            held: 0,
        })
    }

    /// Whether nothing is in it.
    pub(super) fn is_empty(&self) -> bool {
        self.held == 0
    }

    /// Fills it from a socket. It must be empty: then "would block" says that the socket has nothing. Ready with how much
    /// came; with 0 if there will be no more.
    pub(super) fn poll_fill(&mut self, cx: &mut Context<'_>, from: &TcpStream) -> Poll<io::Result<usize>> {
        debug_assert_eq!(self.held, 0, "it must be empty");
        let Some(ends) = &self.ends else {
            return Poll::Ready(Ok(0));
        };
        loop {
            ready!(from.poll_read_ready(cx))?;
            match from.try_io(Interest::READABLE, || shift(from, &ends.into, BYTES)) {
                Err(error) if is_transient(&error) => {}
                Err(error) => return Poll::Ready(Err(error)),
                Ok(count) => {
                    self.held = count;
                    return Poll::Ready(Ok(count));
                }
            }
        }
    }

    /// Moves something of what is in it into a socket. Ready with how much; with 0 if it is empty.
    pub(super) fn poll_drain(&mut self, cx: &mut Context<'_>, to: &TcpStream) -> Poll<io::Result<usize>> {
        let Some(ends) = self.ends.as_ref().filter(|_| self.held > 0) else {
            return Poll::Ready(Ok(0));
        };
        loop {
            ready!(to.poll_write_ready(cx))?;
            match to.try_io(Interest::WRITABLE, || shift(&ends.out, to, self.held)) {
                Err(error) if is_transient(&error) => {}
                Err(error) => return Poll::Ready(Err(error)),
                Ok(0) => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                Ok(count) => {
                    self.held -= count;
                    return Poll::Ready(Ok(count));
                }
            }
        }
    }
}

fn shift(from: &impl AsFd, to: &impl AsFd, most: usize) -> io::Result<usize> {
    let flags = SpliceFlags::NONBLOCK | SpliceFlags::MOVE;
    Ok(splice(from, None, to, None, most, flags)?)
}

impl Drop for Pipe {
    fn drop(&mut self) {
        let Some(ends) = self.ends.take() else { return };
        let is_empty = self.held == 0;
        let _torn_down = PIPES.try_with(|pipes| {
            if let Ok(mut pipes) = pipes.try_borrow_mut() {
                pipes.give_back(ends, is_empty);
            }
        });
    }
}

impl Pipes {
    fn take(&mut self) -> Option<Ends> {
        if let Some(ends) = self.spare.pop() {
            return Some(ends);
        }
        if self.count >= MOST {
            return None;
        }
        let (out, into) = pipe_with(PipeFlags::CLOEXEC | PipeFlags::NONBLOCK).ok()?;
        self.count += 1;
        Some(Ends { out, into })
    }

    fn give_back(&mut self, ends: Ends, is_empty: bool) {
        if is_empty && self.spare.len() < SPARE {
            self.spare.push(ends);
        } else {
            self.count -= 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;
    use crate::tcp::testing::pair;

    fn count() -> (usize, usize) {
        PIPES.with_borrow(|pipes| (pipes.count, pipes.spare.len()))
    }

    #[tokio::test]
    async fn what_goes_in_comes_out_and_then_the_end_is_seen() {
        let (mut sender, from) = pair().await;
        let (to, mut receiver) = pair().await;
        let mut pipe = Pipe::lend().unwrap();
        sender.write_all(b"12345").await.unwrap();
        assert_eq!(poll_fn(|cx| pipe.poll_fill(cx, &from)).await.unwrap(), 5);
        assert!(!pipe.is_empty());
        assert_eq!(poll_fn(|cx| pipe.poll_drain(cx, &to)).await.unwrap(), 5);
        assert_eq!(poll_fn(|cx| pipe.poll_drain(cx, &to)).await.unwrap(), 0);
        let mut bytes = [0; 5];
        receiver.read_exact(&mut bytes).await.unwrap();
        assert_eq!(&bytes, b"12345");
        drop(sender);
        assert_eq!(poll_fn(|cx| pipe.poll_fill(cx, &from)).await.unwrap(), 0);
    }

    #[tokio::test]
    async fn an_empty_one_serves_the_next_and_one_that_holds_something_is_closed() {
        let (mut sender, from) = pair().await;
        let mut pipe = Pipe::lend().unwrap();
        sender.write_all(b"1").await.unwrap();
        poll_fn(|cx| pipe.poll_fill(cx, &from)).await.unwrap();
        assert_eq!(count(), (1, 0));
        drop(pipe);
        assert_eq!(count(), (0, 0), "nobody else may get what is in it");
        drop(Pipe::lend());
        assert_eq!(count(), (1, 1));
        let again = Pipe::lend();
        assert_eq!((again.is_some(), count()), (true, (1, 0)));
    }

    #[test]
    fn a_thread_has_no_more_than_it_may_have_and_keeps_few() {
        let all: Vec<_> = std::iter::from_fn(Pipe::lend).take(MOST + 1).collect();
        assert_eq!((all.len(), count()), (MOST, (MOST, 0)));
        drop(all);
        assert_eq!(count(), (SPARE, SPARE));
    }
}
