//! The time limits of a request, behind one timer.
//!
//! The timer is made when something first has to be waited for, and is not touched by frames: they only note when
//! something moved. When it fires it looks at what moved since, and is set again if that was enough. So a stream of a
//! million frames sets a timer every few minutes. Timers are lent (see [`super::timer`]), so that most requests do not
//! even set one.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::time::Instant;

use super::timer::Timer;
use crate::body::Transfer;
use crate::error::Failure;
use crate::pace::{Least, Pace};

/// The limits of one request. Without any, no timer is ever made.
#[derive(Debug)]
pub(crate) struct Clock {
    /// The end of the request's head.
    began: Instant,
    /// The end of the route's time, response included.
    deadline: Option<Instant>,
    /// How long nothing may move.
    idle: Option<Duration>,
    /// When something last moved downwards.
    moved: Instant,
    /// Something moved downwards since the last look; the time of that look will do.
    stirred: bool,
    /// What moves upwards.
    upload: Option<Arc<Transfer>>,
    /// How fast it must, where there is no reason for it to pause, and how fast it did.
    pace: Option<UploadPace>,
    timer: Option<Timer>,
}

/// How fast a request's body must come.
#[derive(Debug)]
struct UploadPace {
    least: Least,
    pace: Pace,
    /// Bytes of it that have been counted.
    seen: u64,
}

impl Clock {
    /// No limit but the idle one; zero is none.
    pub(crate) fn new(now: Instant, idle: Duration) -> Self {
        Self {
            began: now,
            deadline: None,
            idle: (!idle.is_zero()).then_some(idle),
            moved: now,
            stirred: false,
            upload: None,
            pace: None,
            timer: None,
        }
    }

    /// Sets the route's limit, which runs from when the clock was made.
    pub(crate) fn start(&mut self, limit: Option<Duration>) {
        self.deadline = limit.and_then(|limit| self.began.checked_add(limit));
    }

    /// Only the idle limit counts from now on.
    pub(crate) fn go_on_without_end(&mut self, now: Instant) {
        self.moved = now;
        self.deadline = None;
    }

    /// Leaves the idle limit to somebody else, whom it tells, and gives the timer back.
    pub(crate) fn let_go(&mut self) -> Option<Duration> {
        self.timer = None;
        self.idle
    }

    /// Lets what moves upwards count.
    pub(crate) fn watch(&mut self, upload: Arc<Transfer>) {
        self.upload = Some(upload);
    }

    /// Asks for a rate of what moves upwards: its length was announced, so it is there to be sent.
    pub(crate) fn hurry(&mut self, now: Instant, rate: u64) {
        self.pace = self.idle.map(|window| UploadPace {
            least: Least { window, rate },
            pace: Pace::begin(now),
            seen: 0,
        });
    }

    /// Something moved downwards.
    pub(crate) fn moved(&mut self, now: Instant) {
        self.moved = now;
    }

    /// The same for who has not looked at the clock. The idle time then runs from when there is something to wait for.
    pub(crate) fn stirred(&mut self) {
        self.stirred = true;
    }

    /// Drives `future`, and gives it up when a limit is passed; `per_try` is one more limit. Pinned by the caller,
    /// since an `async fn` would keep room for the future twice.
    pub(crate) fn limit<F: Future>(
        &mut self,
        per_try: Option<Instant>,
        mut future: Pin<&mut F>,
    ) -> impl Future<Output = Result<F::Output, Failure>> {
        std::future::poll_fn(move |cx| {
            if let Poll::Ready(output) = future.as_mut().poll(cx) {
                return Poll::Ready(Ok(output));
            }
            self.poll_passed(cx, per_try).map(Err)
        })
    }

    /// Ready when a limit is passed, saying which. Call it only when there is something to wait for.
    pub(crate) fn poll_passed(&mut self, cx: &mut Context<'_>, per_try: Option<Instant>) -> Poll<Failure> {
        if std::mem::take(&mut self.stirred) {
            self.moved = Instant::now();
        }
        let Some(next) = self.next(per_try) else {
            return Poll::Pending;
        };
        self.timer
            .get_or_insert_with(|| Timer::lend(next))
            .not_after(next);
        loop {
            let Some(timer) = &mut self.timer else {
                return Poll::Pending;
            };
            ready!(timer.poll(cx));
            let now = Instant::now();
            if let Some(failure) = self.passed(now, per_try) {
                return Poll::Ready(failure);
            }
            if self.is_too_slow(now) {
                return Poll::Ready(Failure::BodyTimeout);
            }
            let next = self.next(per_try).unwrap_or(next);
            if let Some(timer) = &mut self.timer {
                timer.set(next);
            }
        }
    }

    fn next(&self, per_try: Option<Instant>) -> Option<Instant> {
        let idle = self.idle_at();
        let pace = self.pace.as_ref().map(|pace| pace.pace.end(pace.least));
        [self.deadline, per_try, idle, pace].into_iter().flatten().min()
    }

    fn is_too_slow(&mut self, now: Instant) -> bool {
        let Some((pace, upload)) = self.pace.as_mut().zip(self.upload.as_ref()) else {
            return false;
        };
        let bytes = upload.bytes();
        pace.pace.moved(bytes.saturating_sub(pace.seen));
        pace.seen = bytes;
        pace.pace.is_too_slow(now, pace.least) && upload.is_awaited()
    }

    fn idle_at(&self) -> Option<Instant> {
        let up = self.upload.as_ref().map_or(self.moved, |u| u.last_moved());
        self.moved.max(up).checked_add(self.idle?)
    }

    fn passed(&self, now: Instant, per_try: Option<Instant>) -> Option<Failure> {
        if self.deadline.is_some_and(|at| at <= now) {
            Some(Failure::Timeout)
        } else if per_try.is_some_and(|at| at <= now) {
            Some(Failure::PerTryTimeout)
        } else if self.idle_at().is_some_and(|at| at <= now) {
            let awaited = self.upload.as_ref().is_some_and(|u| u.is_awaited());
            Some(if awaited {
                Failure::BodyTimeout
            } else {
                Failure::StreamIdle
            })
        } else {
            None
        }
    }
}
