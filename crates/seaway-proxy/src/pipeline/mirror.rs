//! Copies of requests, sent in the background; what comes back is thrown away.
//!
//! A copy has what the original had when it left us: method, path after rewriting, headers after all changes, body. Its
//! `Host` stays as well. Envoy adds `-shadow` to it, which breaks every mirror target that looks at its own name, the
//! usual reason for mirroring being that the target is the next version of the same site.
//!
//! A copy never slows or breaks its original: it runs in a task of its own, with a time limit of its own, its body is
//! cut off when it lags (see [`crate::body::Tee`]), and when too many are under way the next is not made. It is never
//! retried, and it is not a request of a client: it is counted, not recorded.

use std::cell::Cell;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use http::Request;
use http_body_util::BodyExt as _;

use crate::body::Body;
use crate::upstream::{self, Attempt, ClusterState, Sent};

/// Copies under way on one thread.
const MAX_UNDER_WAY: u32 = 256;
/// The limit for a copy of a request whose route has none.
const LIMIT: Duration = Duration::from_secs(15);

static SENT: AtomicU64 = AtomicU64::new(0);
static FAILED: AtomicU64 = AtomicU64::new(0);
static DROPPED: AtomicU64 = AtomicU64::new(0);

thread_local! {
    static UNDER_WAY: Cell<u32> = const { Cell::new(0) };
}

/// What became of the copies of this process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MirrorCounts {
    /// Answered, whatever the answer.
    pub answered: u64,
    /// Not answered: no endpoint, refused, reset, too slow, or a body that lagged.
    pub failed: u64,
    /// Never sent, because too many were under way.
    pub dropped: u64,
}

/// The counts since the process began.
#[must_use]
pub fn counts() -> MirrorCounts {
    MirrorCounts {
        answered: SENT.load(Ordering::Relaxed),
        failed: FAILED.load(Ordering::Relaxed),
        dropped: DROPPED.load(Ordering::Relaxed),
    }
}

/// A place among the copies under way.
#[derive(Debug)]
pub(crate) struct Place(());

impl Place {
    /// Takes one, or counts a copy that is not made.
    pub(crate) fn take() -> Option<Self> {
        let taken = UNDER_WAY.with(|count| {
            let free = count.get() < MAX_UNDER_WAY;
            count.set(count.get() + u32::from(free));
            free
        });
        if !taken {
            DROPPED.fetch_add(1, Ordering::Relaxed);
        }
        taken.then_some(Self(()))
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let _torn_down = UNDER_WAY.try_with(|count| count.set(count.get().saturating_sub(1)));
    }
}

/// Sends a copy and forgets it.
pub(crate) fn send(
    place: Place,
    cluster: Arc<ClusterState>,
    request: Box<Request<Body>>,
    limit: Option<Duration>,
) {
    tokio::spawn(async move {
        let outcome = tokio::time::timeout(limit.unwrap_or(LIMIT), exchange(&cluster, request)).await;
        let counter = if matches!(outcome, Ok(true)) {
            &SENT
        } else {
            &FAILED
        };
        counter.fetch_add(1, Ordering::Relaxed);
        drop(place);
    });
}

/// Reads the answer to its end, so that the connection can be used again. Whether there was one.
async fn exchange(cluster: &Arc<ClusterState>, request: Box<Request<Body>>) -> bool {
    let attempt = Attempt {
        cluster,
        hash: None,
        avoid: &[],
        client: None,
    };
    let Ok(sent) = upstream::send(attempt, request).await else {
        return false;
    };
    let Sent {
        response, in_flight, ..
    } = sent;
    let mut body = response.into_body();
    while let Some(frame) = body.frame().await {
        if frame.is_err() {
            return false;
        }
    }
    drop(in_flight);
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_copy_too_many_is_not_made_and_counted() {
        let mut places: Vec<_> = (0..MAX_UNDER_WAY).map(|_| Place::take()).collect();
        assert!(places.iter().all(Option::is_some));
        let before = counts().dropped;
        assert!(Place::take().is_none());
        assert!(counts().dropped > before);
        places.pop();
        assert!(Place::take().is_some());
    }
}
