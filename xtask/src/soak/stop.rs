//! The word that the load is over.

use std::time::Duration;

use tokio::sync::watch;

/// Hears it.
#[derive(Clone, Debug)]
pub struct Stop(watch::Receiver<bool>);

impl Stop {
    /// Who says it, and who hears it.
    pub fn channel() -> (watch::Sender<bool>, Self) {
        let (sender, receiver) = watch::channel(false);
        (sender, Self(receiver))
    }

    pub fn is_said(&self) -> bool {
        *self.0.borrow()
    }

    /// Returns when it is said.
    pub async fn said(&mut self) {
        // A sender that is gone says the same.
        let _ = self.0.wait_for(|said| *said).await;
    }

    /// Waits for something, but not after the word. `None`: it was said.
    pub async fn unless<T>(&mut self, other: impl Future<Output = T>) -> Option<T> {
        tokio::select! {
            biased;
            () = self.said() => None,
            value = other => Some(value),
        }
    }

    /// Pauses, but not after the word.
    pub async fn pause(&mut self, pause: Duration) {
        self.unless(tokio::time::sleep(pause)).await;
    }
}
