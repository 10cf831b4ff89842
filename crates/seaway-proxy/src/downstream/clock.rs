//! The time-outs of an HTTP/1.1 connection, with one lazy timer.
//!
//! A busy connection changes phase with every request. Re-arming a timer each time costs more than reading the clock,
//! so the timer is left alone when its deadline moves away and looked at again when it fires.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

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
pub(crate) struct LazyTimer(Option<Pin<Box<Sleep>>>);

impl LazyTimer {
    /// Whether the task that polled it last is going to be woken by it.
    pub(crate) fn is_armed(&self) -> bool {
        self.0.as_ref().is_some_and(|sleep| !sleep.is_elapsed())
    }

    /// Ready once `deadline` is over; otherwise the task is woken then, or before.
    pub(crate) fn poll(&mut self, cx: &mut Context<'_>, deadline: Instant) -> Poll<()> {
        let sleep = self
            .0
            .get_or_insert_with(|| Box::pin(tokio::time::sleep_until(deadline)));
        if sleep.deadline() > deadline {
            sleep.as_mut().reset(deadline);
        }
        while sleep.as_mut().poll(cx).is_ready() {
            if Instant::now() >= deadline {
                return Poll::Ready(());
            }
            sleep.as_mut().reset(deadline);
        }
        Poll::Pending
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
