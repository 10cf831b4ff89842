//! The time-outs of an HTTP/1.1 connection, with one lazy timer.
//!
//! A busy connection changes phase with every request. Re-arming a timer each time costs more than reading the clock,
//! so the timer is left alone when its deadline moves away and looked at again when it fires.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use tokio::task::coop::has_budget_remaining;
use tokio::time::{Instant, Sleep};

use super::guard::Phase;
use crate::options::Limits;
use crate::pace::Least;

/// How long a connection may be in each phase.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Timeouts {
    pub(crate) head: Duration,
    pub(crate) idle: Duration,
    pub(crate) grace: Duration,
    pub(crate) stall: Least,
}

impl Timeouts {
    pub(crate) fn new(limits: &Limits) -> Self {
        Self {
            head: limits.head_timeout,
            idle: limits.idle_timeout,
            grace: limits.drain_grace,
            stall: limits.least(),
        }
    }
}

/// A timer that may fire early, and is then armed again.
#[derive(Debug, Default)]
pub(crate) struct LazyTimer {
    sleep: Option<Pin<Box<Sleep>>>,
    /// Who is woken.
    waker: Option<Waker>,
}

impl LazyTimer {
    /// Whether the task that polled it last is going to be woken by it.
    pub(crate) fn is_armed(&self) -> bool {
        self.waker.is_some() && self.sleep.as_ref().is_some_and(|sleep| !sleep.is_elapsed())
    }

    /// Ready once `deadline` is over; otherwise the task is woken then, or before.
    pub(crate) fn poll(&mut self, cx: &mut Context<'_>, deadline: Instant) -> Poll<()> {
        let sleep = self
            .sleep
            .get_or_insert_with(|| Box::pin(tokio::time::sleep_until(deadline)));
        let is_known = self
            .waker
            .as_ref()
            .is_some_and(|known| known.will_wake(cx.waker()));
        if is_known && sleep.deadline() <= deadline && !sleep.is_elapsed() {
            // It will wake this very task. To tell it so once more, with every request, is not free.
            return Poll::Pending;
        }
        if sleep.deadline() > deadline {
            sleep.as_mut().reset(deadline);
        }
        loop {
            // A task that has used up its turn is woken again at once, and the timer is not told.
            let is_told = has_budget_remaining();
            if sleep.as_mut().poll(cx).is_pending() {
                if !is_told {
                    self.waker = None;
                } else if !is_known {
                    self.waker = Some(cx.waker().clone());
                }
                return Poll::Pending;
            }
            if Instant::now() >= deadline {
                return Poll::Ready(());
            }
            sleep.as_mut().reset(deadline);
        }
    }
}

/// Since when the connection waits for what.
#[derive(Debug)]
pub(crate) struct Clock {
    timer: LazyTimer,
    waiting: Option<(Phase, Instant)>,
    closing_since: Option<Instant>,
}

/// What the connection looks like when it has to wait.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Waiting {
    pub(crate) phase: Phase,
    /// Nothing has ever come in.
    pub(crate) is_fresh: bool,
    pub(crate) is_closing: bool,
}

impl Clock {
    /// A new connection waits for its first head.
    pub(crate) fn new() -> Self {
        Self {
            timer: LazyTimer::default(),
            waiting: Some((Phase::Between, Instant::now())),
            closing_since: None,
        }
    }

    /// A head came; what is waited for after its answer is waited for anew.
    pub(crate) fn touch(&mut self) {
        self.waiting = None;
    }

    /// The connection has nothing to read, and no request is under way. Ready when it has waited for too long.
    pub(crate) fn poll(&mut self, cx: &mut Context<'_>, timeouts: &Timeouts, now: Waiting) -> Poll<()> {
        let since = match self.waiting {
            Some((phase, since)) if phase == now.phase => since,
            _ => {
                let since = Instant::now();
                self.waiting = Some((now.phase, since));
                since
            }
        };
        let deadline = if now.phase == Phase::Head || now.is_fresh && !now.is_closing {
            since + timeouts.head
        } else if now.is_closing {
            *self.closing_since.get_or_insert_with(Instant::now) + timeouts.grace
        } else {
            since + timeouts.idle
        };
        self.timer.poll(cx, deadline)
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;
    use std::task::Waker;

    use super::*;

    const LATE: Duration = Duration::from_secs(60);

    #[tokio::test(start_paused = true)]
    async fn whoever_polled_it_last_is_woken() {
        let mut timer = LazyTimer::default();
        let deadline = Instant::now() + LATE;
        assert!(
            timer
                .poll(&mut Context::from_waker(Waker::noop()), deadline)
                .is_pending()
        );
        // Without a timer that wakes this task it would never end.
        poll_fn(|cx| timer.poll(cx, deadline)).await;
        assert_eq!(Instant::now(), deadline);
    }

    #[tokio::test(start_paused = true)]
    async fn a_deadline_that_moved_away_is_waited_for() {
        let mut timer = LazyTimer::default();
        let start = Instant::now();
        let mut deadlines = [start + LATE].into_iter();
        poll_fn(|cx| timer.poll(cx, deadlines.next().unwrap_or(start + 2 * LATE))).await;
        assert_eq!(Instant::now(), start + 2 * LATE);
    }

    #[tokio::test(start_paused = true)]
    async fn it_is_armed_also_by_a_task_that_has_used_up_its_turn() {
        let mut timer = LazyTimer::default();
        let deadline = Instant::now() + LATE;
        let mut is_first = true;
        poll_fn(|cx| {
            if std::mem::take(&mut is_first) {
                use_up(cx, usize::MAX);
            }
            timer.poll(cx, deadline)
        })
        .await;
        assert_eq!(Instant::now(), deadline);
    }

    /// Uses up what a task may do in its turn, or so much of it. Says how much that was.
    fn use_up(cx: &mut Context<'_>, most: usize) -> usize {
        let mut used = 0;
        while used < most && has_budget_remaining() {
            if let Poll::Ready(consumed) = tokio::task::coop::poll_proceed(cx) {
                consumed.made_progress();
            }
            used += 1;
        }
        used
    }

    #[tokio::test(start_paused = true)]
    async fn it_does_not_say_that_it_is_armed_before_it_is() {
        let mut timer = LazyTimer::default();
        let deadline = Instant::now() + LATE;
        let mut is_first = true;
        poll_fn(|cx| {
            if is_first {
                use_up(cx, usize::MAX);
            }
            assert!(timer.poll(cx, deadline).is_pending());
            assert_eq!(timer.is_armed(), !is_first);
            if std::mem::take(&mut is_first) {
                return Poll::Pending;
            }
            Poll::Ready(())
        })
        .await;
    }

    /// It has fired too early, and there is just so much left of the turn as it takes to see that.
    #[tokio::test(start_paused = true)]
    async fn a_turn_that_ends_while_it_is_armed_again_does_not_lose_the_deadline() {
        let mut timer = LazyTimer::default();
        let start = Instant::now();
        let (mut is_first, mut turn) = (true, 0);
        poll_fn(|cx| {
            let pending = timer.poll(cx, start + LATE).is_pending();
            turn = use_up(cx, usize::MAX);
            if std::mem::take(&mut is_first) {
                return Poll::Pending;
            }
            assert!(!pending);
            Poll::Ready(())
        })
        .await;
        let deadline = start + 2 * LATE;
        let mut is_first = true;
        let armed_again = poll_fn(|cx| {
            if std::mem::take(&mut is_first) {
                use_up(cx, turn);
            }
            timer.poll(cx, deadline)
        });
        tokio::time::timeout(10 * LATE, armed_again).await.unwrap();
        assert_eq!(Instant::now(), deadline);
    }
}
