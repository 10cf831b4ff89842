//! The word that a listener goes away.

use tokio::sync::watch;

/// Hears it, once.
#[derive(Clone, Debug)]
pub(crate) struct Closing {
    receiver: watch::Receiver<bool>,
    is_over: bool,
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
