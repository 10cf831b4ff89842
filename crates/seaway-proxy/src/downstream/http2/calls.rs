//! A waker for what is polled within a task and wakes it again meanwhile.
//!
//! Streams that have something to send wake their connection. They are polled in its own task, so the task would always be
//! polled once more, for nothing, after it was polled. A call that comes during a poll is only noted here, and whoever
//! polls looks whether there was one; any other wakes the task as usual. No call is lost: one that is made when the poll
//! ends is seen by the one who calls or by the one who polls, if not by both.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Wake, Waker};

/// The calls of one thing that is polled within a task.
#[derive(Debug, Default)]
pub(super) struct Calls {
    line: Option<(Arc<Line>, Waker)>,
}

#[derive(Debug)]
struct Line {
    task: Waker,
    is_polled: AtomicBool,
    was_called: AtomicBool,
}

impl Wake for Line {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.was_called.store(true, Ordering::SeqCst);
        if !self.is_polled.load(Ordering::SeqCst) {
            self.task.wake_by_ref();
        }
    }
}

impl Calls {
    /// From here to [`Calls::end`] calls are only noted. The waker is the same as long as the task's is.
    pub(super) fn begin(&mut self, task: &Waker) -> Waker {
        let (line, waker) = match self.line.take() {
            Some((line, waker)) if line.task.will_wake(task) => (line, waker),
            _ => {
                let line = Arc::new(Line {
                    task: task.clone(),
                    is_polled: AtomicBool::new(true),
                    was_called: AtomicBool::new(false),
                });
                let waker = Waker::from(Arc::clone(&line));
                (line, waker)
            }
        };
        line.is_polled.store(true, Ordering::SeqCst);
        let (line, waker) = self.line.insert((line, waker));
        line.was_called.store(false, Ordering::SeqCst);
        waker.clone()
    }

    /// What was called before is about to be answered.
    pub(super) fn answer(&self) {
        if let Some((line, _)) = &self.line {
            line.was_called.store(false, Ordering::SeqCst);
        }
    }

    /// Whether there was a call that is not answered.
    pub(super) fn are_waiting(&self) -> bool {
        let line = self.line.as_ref();
        line.is_some_and(|(line, _)| line.was_called.load(Ordering::SeqCst))
    }

    /// The poll is over. The task is woken where a call is left.
    pub(super) fn end(&self) {
        if let Some((line, _)) = &self.line {
            line.is_polled.store(false, Ordering::SeqCst);
            if line.was_called.load(Ordering::SeqCst) {
                line.task.wake_by_ref();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicUsize;

    use super::*;

    #[derive(Default)]
    struct Task(AtomicUsize);

    impl Wake for Task {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::SeqCst);
        }
    }

    impl Task {
        fn woken(&self) -> usize {
            self.0.load(Ordering::SeqCst)
        }
    }

    #[test]
    fn a_call_during_a_poll_that_is_answered_wakes_nobody() {
        let (task, mut calls) = (Arc::new(Task::default()), Calls::default());
        let waker = calls.begin(&Waker::from(Arc::clone(&task)));
        waker.wake_by_ref();
        assert!(calls.are_waiting());
        calls.answer();
        assert!(!calls.are_waiting());
        calls.end();
        assert_eq!(task.woken(), 0);
    }

    #[test]
    fn a_call_that_is_left_at_the_end_of_a_poll_wakes_the_task() {
        let (task, mut calls) = (Arc::new(Task::default()), Calls::default());
        let waker = calls.begin(&Waker::from(Arc::clone(&task)));
        waker.wake_by_ref();
        calls.end();
        assert_eq!(task.woken(), 1);
    }

    #[test]
    fn a_call_between_polls_wakes_the_task() {
        let (task, mut calls) = (Arc::new(Task::default()), Calls::default());
        let waker = calls.begin(&Waker::from(Arc::clone(&task)));
        calls.end();
        assert_eq!(task.woken(), 0);
        waker.wake();
        assert_eq!(task.woken(), 1);
    }

    #[test]
    fn a_task_that_moved_gets_the_calls_of_its_new_waker() {
        let (before, now, mut calls) = (
            Arc::new(Task::default()),
            Arc::new(Task::default()),
            Calls::default(),
        );
        calls.begin(&Waker::from(Arc::clone(&before)));
        calls.end();
        let waker = calls.begin(&Waker::from(Arc::clone(&now)));
        calls.end();
        waker.wake();
        assert_eq!((before.woken(), now.woken()), (0, 1));
    }

    #[test]
    fn a_task_that_stayed_keeps_its_waker() {
        let (task, mut calls) = (Waker::from(Arc::new(Task::default())), Calls::default());
        let first = calls.begin(&task);
        calls.end();
        assert!(first.will_wake(&calls.begin(&task)));
    }
}
