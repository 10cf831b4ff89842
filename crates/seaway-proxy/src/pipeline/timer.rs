//! Timers of the runtime, lent to one request after the other.
//!
//! To make a timer and to take it back costs more than to leave it armed: nearly all requests are over long before
//! their limits. So a timer that is given back stays armed for what it was set to. Whoever gets it next lets it be if
//! that is early enough; when it fires too early, it is set again. Most often it has been set minutes ahead by a request
//! that is long over, and is set again once in those minutes, for thousands of requests.
//!
//! The price: a task may be woken once for a request that it has long answered. Timers belong to a runtime, so only
//! worker threads, which have one for life, keep them; elsewhere each is made and dropped.

use std::cell::RefCell;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::time::{Instant, Sleep, sleep_until};

/// Timers that a thread keeps.
const MAX_SPARE: usize = 256;

thread_local! {
    static SPARE: RefCell<Option<Vec<Pin<Box<Sleep>>>>> = const { RefCell::new(None) };
}

/// Keeps timers on this thread from now on. Call it where one runtime is the thread's only one.
pub(crate) fn keep() {
    SPARE.set(Some(Vec::new()));
}

/// Drops those that were kept, and keeps no more.
pub(crate) fn forget() {
    SPARE.set(None);
}

/// A timer that fires at its time or before.
#[derive(Debug)]
pub(crate) struct Timer(Option<Pin<Box<Sleep>>>);

impl Timer {
    /// One that may be set to anything; a new one is set to `deadline`.
    pub(crate) fn lend(deadline: Instant) -> Self {
        let spare = SPARE.try_with(|spare| spare.try_borrow_mut().ok()?.as_mut()?.pop());
        let timer = spare.ok().flatten();
        Self(Some(timer.unwrap_or_else(|| Box::pin(sleep_until(deadline)))))
    }

    /// Makes it fire at `deadline` at the latest.
    pub(crate) fn not_after(&mut self, deadline: Instant) {
        if let Some(timer) = &mut self.0
            && (deadline < timer.deadline() || timer.is_elapsed())
        {
            timer.as_mut().reset(deadline);
        }
    }

    /// Sets it to `deadline`.
    pub(crate) fn set(&mut self, deadline: Instant) {
        if let Some(timer) = &mut self.0 {
            timer.as_mut().reset(deadline);
        }
    }

    /// Ready when it has fired.
    pub(crate) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        match &mut self.0 {
            Some(timer) => timer.as_mut().poll(cx),
            None => Poll::Pending,
        }
    }
}

impl Drop for Timer {
    fn drop(&mut self) {
        let Some(timer) = self.0.take() else { return };
        let _torn_down = SPARE.try_with(|spare| {
            if let Ok(mut spare) = spare.try_borrow_mut()
                && let Some(spare) = spare.as_mut()
                && spare.len() < MAX_SPARE
            {
                spare.push(timer);
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;
    use std::time::Duration;

    use super::*;

    async fn wait_until(deadline: Instant) {
        let mut timer = Timer::lend(deadline);
        timer.not_after(deadline);
        loop {
            poll_fn(|cx| timer.poll(cx)).await;
            if Instant::now() >= deadline {
                return;
            }
            timer.set(deadline);
        }
    }

    fn spares() -> usize {
        SPARE.with_borrow(|spare| spare.as_ref().map_or(0, Vec::len))
    }

    #[tokio::test]
    async fn a_timer_serves_one_after_the_other_whatever_it_was_set_to() {
        keep();
        drop(Timer::lend(Instant::now() + Duration::from_millis(3)));
        for millis in [1, 10, 2] {
            wait_until(Instant::now() + Duration::from_millis(millis)).await;
            assert_eq!(spares(), 1);
        }
        forget();
        assert_eq!(spares(), 0);
    }

    #[tokio::test]
    async fn a_thread_that_was_not_told_to_keeps_none() {
        wait_until(Instant::now() + Duration::from_millis(1)).await;
        assert_eq!(spares(), 0);
    }
}
