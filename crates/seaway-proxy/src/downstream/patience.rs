//! How long a client of HTTP/2 may leave an answer untaken.
//!
//! A stream whose window is closed holds a request, its upstream and what was read ahead. Whoever waits for the window
//! asks the body for nothing meanwhile, so no timer of the body would ever be looked at. So the work on each stream is done
//! inside [`Patient`], which sees whether the body was asked, and gives the stream up (which resets it) when the client
//! is too slow for too long.

use std::cell::Cell;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use pin_project_lite::pin_project;
use tokio::time::Instant;

use super::clock::LazyTimer;
use crate::pace::{Least, Pace};

thread_local! {
    /// What the body said to the task that is being polled.
    static SAID: Cell<Said> = const { Cell::new(Said::Nothing) };
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Said {
    /// It was not asked.
    Nothing,
    /// It gave so many bytes each time it was asked.
    Gave(u64),
    /// It has nothing yet: it is not the client who is waited for.
    Waits,
}

/// An answer's body gave something to be sent.
pub(super) fn gave(bytes: usize) {
    let before = match SAID.get() {
        Said::Gave(before) => before,
        Said::Nothing | Said::Waits => 0,
    };
    SAID.set(Said::Gave(before.saturating_add(bytes as u64)));
}

/// An answer's body has nothing to be sent yet.
pub(super) fn waits() {
    SAID.set(Said::Waits);
}

pin_project! {
    /// The work on a stream.
    pub(super) struct Patient<F> {
        #[pin]
        future: F,
        least: Least,
        // The body has been asked.
        has_begun: bool,
        // While the client is waited for.
        pace: Option<Pace>,
        timer: LazyTimer,
    }
}

impl<F> Patient<F> {
    pub(super) fn new(future: F, least: Least) -> Self {
        Self {
            future,
            least,
            has_begun: false,
            pace: None,
            timer: LazyTimer::default(),
        }
    }
}

impl<F: Future<Output = ()>> Future for Patient<F> {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = self.project();
        SAID.set(Said::Nothing);
        if this.future.poll(cx).is_ready() {
            return Poll::Ready(());
        }
        let moved = match SAID.get() {
            Said::Waits => {
                *this.has_begun = true;
                *this.pace = None;
                return Poll::Pending;
            }
            Said::Nothing if !*this.has_begun => return Poll::Pending,
            Said::Nothing => 0,
            Said::Gave(bytes) => bytes,
        };
        *this.has_begun = true;
        let pace = this.pace.get_or_insert_with(|| Pace::begin(Instant::now()));
        pace.moved(moved);
        loop {
            if this.timer.poll(cx, pace.end(*this.least)).is_pending() {
                return Poll::Pending;
            }
            if pace.is_too_slow(Instant::now(), *this.least) {
                return Poll::Ready(());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;
    use std::time::Duration;

    use tokio::sync::oneshot;

    use super::*;

    /// 500 bytes in each window.
    const LEAST: Least = Least {
        window: Duration::from_millis(50),
        rate: 10_000,
    };

    /// Runs a task that says something a hundred times, in five windows; says whether it was given up before the end.
    async fn is_given_up(says: fn()) -> bool {
        let (end, ended) = oneshot::channel();
        let work = async move {
            let mut ticks = tokio::time::interval(LEAST.window / 20);
            let mut left = 100;
            poll_fn(|cx| {
                while left > 0 && ticks.poll_tick(cx).is_ready() {
                    says();
                    left -= 1;
                }
                if left > 0 { Poll::Pending } else { Poll::Ready(()) }
            })
            .await;
            end.send(()).ok();
        };
        tokio::spawn(Patient::new(work, LEAST));
        ended.await.is_err()
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_that_takes_next_to_nothing_is_given_up() {
        assert!(is_given_up(|| gave(1)).await);
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_that_takes_enough_is_not() {
        assert!(!is_given_up(|| gave(1000)).await);
    }

    #[tokio::test(start_paused = true)]
    async fn a_stream_that_waits_for_its_upstream_is_not() {
        assert!(!is_given_up(waits).await);
    }

    #[tokio::test(start_paused = true)]
    async fn a_stream_without_an_answer_is_not() {
        assert!(!is_given_up(|| ()).await);
    }
}
