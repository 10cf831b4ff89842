//! Large responses take turns.
//!
//! A response stands in memory, written out, until its client has read it. When a thousand clients come at once, all of
//! them would have the whole configuration there at the same time, and all would wait as long as the last; so only
//! [`AT_ONCE`] bytes of large responses are under way at a time. What changes from day to day is small and never waits.
//!
//! Who does not answer gives its turn back after [`PATIENCE`], and who has waited so long for one is served without: a
//! client that never answers delays the others by that and no more.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Semaphore, oneshot};
use tokio::time::timeout;

/// Bytes of large responses that are under way at a time, or one that is larger.
const AT_ONCE: usize = 64 << 20;
/// A permit stands for so many.
const UNIT: usize = 64 << 10;
/// Smaller responses wait for nobody.
const LARGE: usize = 256 << 10;
/// How long a turn lasts at most, and how long it is waited for.
const PATIENCE: Duration = Duration::from_secs(5);

/// Whose turn it is.
#[derive(Debug)]
pub(super) struct Turns(Arc<Semaphore>);

/// It is over when this is dropped.
#[derive(Debug)]
pub(super) struct Turn(#[expect(dead_code, reason = "dropping it says it")] oneshot::Sender<()>);

impl Default for Turns {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(AT_ONCE / UNIT)))
    }
}

impl Turns {
    /// Waits until a response of so many bytes may be sent. None where it needs no turn.
    pub(super) async fn next(&self, bytes: usize) -> Option<Turn> {
        if bytes < LARGE {
            return None;
        }
        let permits = u32::try_from(bytes.min(AT_ONCE) / UNIT).ok()?;
        let waiting = Arc::clone(&self.0).acquire_many_owned(permits);
        let permit = timeout(PATIENCE, waiting).await.ok()?.ok()?;
        let (turn, over) = oneshot::channel();
        tokio::spawn(async move {
            // Over in either case.
            let _ = timeout(PATIENCE, over).await;
            drop(permit);
        });
        Some(Turn(turn))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::time::Instant;

    #[tokio::test(start_paused = true)]
    async fn a_large_response_waits_until_another_is_read_and_a_small_one_never() {
        let turns = Turns::default();
        let first = turns.next(AT_ONCE).await;
        assert!(first.is_some());
        let start = Instant::now();
        assert!(turns.next(LARGE - 1).await.is_none());
        assert_eq!(start.elapsed(), Duration::ZERO);
        let second = turns.next(LARGE);
        let (second, ()) = tokio::join!(second, async {
            tokio::time::advance(Duration::from_secs(1)).await;
            drop(first);
        });
        assert!(second.is_some());
        assert!(start.elapsed() < PATIENCE);
    }

    #[tokio::test(start_paused = true)]
    async fn whoever_does_not_answer_delays_the_others_by_so_much_and_no_more() {
        let turns = Turns::default();
        let silent = turns.next(AT_ONCE * 2).await;
        let start = Instant::now();
        turns.next(AT_ONCE).await;
        assert!(start.elapsed() <= PATIENCE, "{:?}", start.elapsed());
        drop(silent);
    }
}
