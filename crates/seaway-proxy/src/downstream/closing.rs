//! The word that a listener goes away.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use tokio::sync::watch;

/// Hears it, once. A copy hears it for itself, also where this one has.
#[derive(Debug)]
pub(crate) struct Closing {
    receiver: watch::Receiver<bool>,
    is_over: bool,
}

impl Clone for Closing {
    fn clone(&self) -> Self {
        Self {
            receiver: self.receiver.clone(),
            is_over: false,
        }
    }
}

impl Closing {
    pub(crate) fn channel() -> (watch::Sender<bool>, Self) {
        let (sender, receiver) = watch::channel(false);
        let closing = Self {
            receiver,
            is_over: false,
        };
        (sender, closing)
    }

    /// Ends when the listener goes away; never again after that. A sender that is gone says the same.
    pub(crate) async fn begun(&mut self) {
        if self.is_over {
            return std::future::pending().await;
        }
        let _: Result<_, watch::error::RecvError> = self.receiver.wait_for(|closing| *closing).await;
        self.is_over = true;
    }
}

/// Waits for [`Closing::begun`] in a task that is polled for many other reasons. To poll the channel takes a lock all
/// listeners' connections share; this asks it again only when it has something to say, or when another waker is to hear it.
#[derive(Debug)]
pub(crate) struct Seldom<'a, F> {
    begun: Pin<&'a mut F>,
    look: Closing,
    asked_by: Option<Waker>,
    is_over: bool,
}

impl<'a, F: Future<Output = ()>> Seldom<'a, F> {
    /// `look` is a copy of what `begun` waits for.
    pub(crate) fn new(begun: Pin<&'a mut F>, look: Closing) -> Self {
        Self {
            begun,
            look,
            asked_by: None,
            is_over: false,
        }
    }

    /// Whether the word has come. For who need not be woken by it.
    pub(crate) fn has_begun(&self) -> bool {
        self.is_over || self.look.receiver.has_changed().unwrap_or(true)
    }

    /// Ready once.
    pub(crate) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let is_known = self.asked_by.as_ref().is_some_and(|w| w.will_wake(cx.waker()));
        let has_news = self.look.receiver.has_changed().unwrap_or(true);
        if self.is_over || is_known && !has_news {
            return Poll::Pending;
        }
        self.asked_by = Some(cx.waker().clone());
        let polled = self.begun.as_mut().poll(cx);
        self.is_over = polled.is_ready();
        polled
    }
}

#[cfg(test)]
mod tests {
    use std::pin::pin;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::task::Wake;

    use super::*;

    #[derive(Default)]
    struct Woken(AtomicUsize);

    impl Wake for Woken {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::SeqCst);
        }
    }

    #[test]
    fn who_asks_seldom_still_hears_the_word_once() {
        let (sender, mut closing) = Closing::channel();
        let look = closing.clone();
        let begun = pin!(closing.begun());
        let mut begun = Seldom::new(begun, look);
        let (first, last) = (Arc::new(Woken::default()), Arc::new(Woken::default()));
        let (one, two) = (Waker::from(Arc::clone(&first)), Waker::from(Arc::clone(&last)));
        for waker in [&one, &one, &two, &two] {
            assert!(begun.poll(&mut Context::from_waker(waker)).is_pending());
        }
        sender.send_replace(true);
        assert_eq!(last.0.load(Ordering::SeqCst), 1, "the newest waker is woken");
        let mut cx = Context::from_waker(&two);
        assert!(begun.poll(&mut cx).is_ready());
        assert!(begun.poll(&mut cx).is_pending());
    }

    #[tokio::test]
    async fn a_copy_of_one_that_has_heard_the_word_hears_it_too() {
        let (sender, mut closing) = Closing::channel();
        sender.send_replace(true);
        closing.begun().await;
        closing.clone().begun().await;
    }

    #[test]
    fn a_word_that_came_before_the_first_look_is_heard() {
        let (sender, mut closing) = Closing::channel();
        sender.send_replace(true);
        let look = closing.clone();
        let begun = pin!(closing.begun());
        let mut begun = Seldom::new(begun, look);
        assert!(begun.poll(&mut Context::from_waker(Waker::noop())).is_ready());
    }
}
