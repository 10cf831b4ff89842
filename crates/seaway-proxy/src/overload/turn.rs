//! Turns for work that takes long: handshakes of TLS.
//!
//! A handshake takes as much of the processor as ten or twenty requests. When hundreds of hellos are there at once, because
//! all clients come back after a failure or because somebody floods, those who are served already would wait for all of
//! them. So in each round of the worker's run queue one handshake has its turn, in the order in which they came; everybody
//! else has theirs in between.

use std::sync::Arc;

use tokio::sync::Semaphore;
use tokio::task::yield_now;

/// In each round.
const TURNS: usize = 1;

thread_local! {
    static LEFT: Arc<Semaphore> = Arc::new(Semaphore::new(TURNS));
}

/// Waits until it is the caller's turn on this thread.
pub(crate) async fn turn() {
    let left = LEFT.with(Arc::clone);
    // Nobody closes it.
    if let Ok(turn) = left.acquire_owned().await {
        tokio::spawn(async move {
            // Behind all that is ready now, and a look at what the system has that is new.
            yield_now().await;
            drop(turn);
        });
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    #[tokio::test]
    async fn many_who_come_at_once_have_one_turn_in_each_round_in_their_order() {
        let round = Arc::new(AtomicUsize::new(0));
        let counter = Arc::clone(&round);
        let counts = tokio::spawn(async move {
            loop {
                counter.fetch_add(1, Ordering::Relaxed);
                yield_now().await;
            }
        });
        let all: Vec<_> = (0..20)
            .map(|_| {
                let round = Arc::clone(&round);
                tokio::spawn(async move {
                    turn().await;
                    round.load(Ordering::Relaxed)
                })
            })
            .collect();
        let mut rounds = Vec::new();
        for one in all {
            rounds.push(one.await.unwrap());
        }
        counts.abort();
        assert!(rounds.is_sorted_by(|a, b| a < b), "{rounds:?}");
    }

    #[tokio::test]
    async fn whoever_gives_up_waiting_keeps_nobody_from_his_turn() {
        turn().await;
        let waiting = tokio::spawn(turn());
        yield_now().await;
        waiting.abort();
        turn().await;
    }
}
