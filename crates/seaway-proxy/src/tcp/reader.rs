//! Reading a socket that is looked at whenever its other half, or another socket of the same task, has news.
//!
//! To ask tokio whether there is something to read, and to be woken when there is, takes a lock each time. Whoever joins
//! two sockets is woken by one and looks at both, so half of all looks are in vain. A reader remembers that its task
//! waits already: then a look is one load.

use std::io;
use std::task::{Context, Poll, Waker, ready};

use tokio::io::Interest;
use tokio::net::TcpStream;
use tokio::task::coop::{has_budget_remaining, poll_proceed};

use super::{ask_once, receive};

/// Reads one socket, for one task at a time, and only as long as nobody else reads it; see [`Self::forget`].
#[derive(Debug, Default)]
pub(crate) struct Reader {
    /// The task that has waited last.
    waker: Option<Waker>,
    known: Known,
}

/// What is known of the socket.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Known {
    #[default]
    Nothing,
    /// There was less than was asked for, so there is no more yet.
    Empty,
    /// The same, and the task is going to be woken.
    Waiting,
}

impl Reader {
    /// Reads some. Ready with 0 at the end.
    #[inline]
    pub(crate) fn poll_read(
        &mut self,
        tcp: &TcpStream,
        cx: &mut Context<'_>,
        room: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        loop {
            if self.known != Known::Empty {
                // So that a task whose socket always has something lets others have their turn.
                if !has_budget_remaining() {
                    ready!(poll_proceed(cx)).made_progress();
                }
                if let Some(read) = self.try_read(tcp, room) {
                    if let Poll::Ready(turn) = poll_proceed(cx) {
                        turn.made_progress();
                    }
                    return Poll::Ready(read);
                }
                if self.known == Known::Waiting && self.is_known(cx) {
                    return Poll::Pending;
                }
            }
            if tcp.poll_read_ready(cx)?.is_pending() {
                self.wait(cx);
                return Poll::Pending;
            }
            self.known = Known::Nothing;
        }
    }

    fn try_read(&mut self, tcp: &TcpStream, room: &mut [u8]) -> Option<io::Result<usize>> {
        let (known, wanted) = (&mut self.known, room.len());
        ask_once(tcp, Interest::READABLE, wanted, &mut |tcp| {
            *known = Known::Nothing;
            let read = receive(tcp, room)?;
            if 0 < read && read < wanted {
                *known = Known::Empty;
            }
            Ok(read)
        })
    }

    /// Somebody else reads the socket, and may have been told in place of this task.
    pub(crate) fn forget(&mut self) {
        self.known = Known::Nothing;
    }

    fn is_known(&self, cx: &Context<'_>) -> bool {
        self.waker
            .as_ref()
            .is_some_and(|known| known.will_wake(cx.waker()))
    }

    fn wait(&mut self, cx: &Context<'_>) {
        if !self.is_known(cx) {
            self.waker = Some(cx.waker().clone());
        }
        // Without a turn left tokio would not have taken note.
        self.known = if has_budget_remaining() {
            Known::Waiting
        } else {
            Known::Nothing
        };
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use tokio::io::AsyncWriteExt as _;

    use super::*;
    use crate::tcp::testing::pair;

    /// Looks once, with a waker that wakes nobody.
    fn look(reader: &mut Reader, tcp: &TcpStream) -> bool {
        let mut cx = Context::from_waker(Waker::noop());
        reader.poll_read(tcp, &mut cx, &mut [0; 8]).is_ready()
    }

    #[tokio::test]
    async fn what_comes_after_many_looks_in_vain_wakes_the_task() {
        let (mut sender, from) = pair().await;
        let (mut reader, mut room) = (Reader::default(), [0; 8]);
        for _ in 0..3 {
            let mut looks = 0;
            let read = poll_fn(|cx| {
                looks += 1;
                for _ in 0..2 {
                    if let Poll::Ready(read) = reader.poll_read(&from, cx, &mut room) {
                        return Poll::Ready(read);
                    }
                }
                Poll::Pending
            });
            let (read, written) = tokio::join!(read, sender.write_all(b"news"));
            written.unwrap();
            assert_eq!(read.unwrap(), 4);
            assert!(looks > 1, "it was there before anybody waited");
        }
    }

    #[tokio::test]
    async fn the_end_is_seen_by_a_task_that_waits() {
        let (sender, from) = pair().await;
        let mut reader = Reader::default();
        let mut sender = Some(sender);
        let read = poll_fn(|cx| {
            let read = reader.poll_read(&from, cx, &mut [0; 8]);
            sender = None;
            read
        });
        assert_eq!(read.await.unwrap(), 0);
    }

    #[tokio::test]
    async fn whoever_looks_last_is_woken() {
        let (mut sender, from) = pair().await;
        let mut reader = Reader::default();
        assert!(!look(&mut reader, &from));
        let read = poll_fn(|cx| reader.poll_read(&from, cx, &mut [0; 8]));
        let (read, written) = tokio::join!(read, sender.write_all(b"news"));
        written.unwrap();
        assert_eq!(read.unwrap(), 4);
    }

    #[tokio::test]
    async fn a_socket_that_somebody_else_has_read_is_waited_for_anew() {
        let (mut sender, from) = pair().await;
        let mut reader = Reader::default();
        poll_fn(|cx| {
            assert!(reader.poll_read(&from, cx, &mut [0; 8]).is_pending());
            Poll::Ready(())
        })
        .await;
        sender.write_all(b"theirs").await.unwrap();
        from.readable().await.unwrap();
        while from.try_read(&mut [0; 8]).is_ok() {}
        reader.forget();
        let read = poll_fn(|cx| reader.poll_read(&from, cx, &mut [0; 8]));
        let (read, written) = tokio::join!(read, sender.write_all(b"ours"));
        written.unwrap();
        assert_eq!(read.unwrap(), 4);
    }

    #[tokio::test]
    async fn a_task_whose_socket_always_has_something_takes_turns_with_others() {
        let (mut sender, from) = pair().await;
        sender.write_all(&[0; 64 * 1024]).await.unwrap();
        let mut reader = Reader::default();
        let reads = poll_fn(|cx| {
            let mut reads = 0;
            while reader.poll_read(&from, cx, &mut [0; 1]).is_ready() {
                reads += 1;
            }
            Poll::Ready(reads)
        });
        assert!(reads.await < 64 * 1024);
    }
}
