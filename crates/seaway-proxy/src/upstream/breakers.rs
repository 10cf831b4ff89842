//! Circuit breakers: what a cluster may have under way at once, held exactly over all threads.
//!
//! A limit is taken by compare-and-exchange and given back by dropping a guard, so that it is never passed, not even
//! for a moment, and a request that is refused takes no place from another. Clusters without limits count with a single
//! addition, as ever.
//!
//! *Connections* are the hard one, since pools belong to threads: a thread at the limit would wait for a connection that
//! idles in the pool of another. So a cluster with `max_connections` has pools in common for all threads, here, behind
//! one lock together with the queue of those who wait; that is the price of the limit. What comes free is handed over
//! under that lock to who waits for it, so that nobody overtakes, and nobody counts as waiting who has been served.
//!
//! ```text
//!  a request without a connection ─▶ an idle one ─▶ leave to make one ─▶ the queue, if so many may wait ─▶ refused
//! ```
//! A connection that comes free goes to the first in the queue that can use it. While somebody waits no connection
//! idles: one that nobody in the queue can use, since it leads to another endpoint, is closed, and the leave for it goes
//! to the first. (Envoy passes the limit there instead.) Nobody is overtaken more than [`MOST_PASSED`] times.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use seaway_model::CircuitBreakers;
use smallvec::SmallVec;
use tokio::sync::oneshot;

use super::endpoint::Place;
use super::http2::StreamGuard;
use super::pool::{Http1Connection, Http2Sender, Pool, Pools};
use super::transport::Label;
use crate::error::Failure;

/// How often others further back may be served before the first in the queue.
const MOST_PASSED: u32 = 16;

/// What a cluster has open and waiting.
#[derive(Debug, Default)]
pub(super) struct Breakers {
    connections: AtomicU64,
    /// Of a cluster whose connections are limited.
    common: Mutex<Common>,
}

/// The pools of all threads, and those who wait.
#[derive(Debug, Default)]
struct Common {
    pools: Pools,
    queue: VecDeque<Waiter>,
    next: u64,
}

#[derive(Debug)]
struct Waiter {
    id: u64,
    place: u64,
    label: Label,
    seek: Seek,
    passed: u32,
    tell: oneshot::Sender<Grant>,
}

/// Takes what a request can use from a pool.
pub(super) type Seek = fn(&mut Pool, &Label) -> Option<Grant>;

/// What lets a request go on.
#[derive(Debug)]
pub(super) enum Grant {
    /// An idle connection.
    Http1(Box<Http1Connection>),
    /// A stream on a connection.
    Http2(Http2Sender, StreamGuard),
    /// Leave to make a connection.
    Permit(ConnectionPermit),
}

/// When a request goes on.
#[derive(Debug)]
pub(super) enum Turn {
    Now(Grant),
    Later(Waiting),
}

/// Dropped only after the lock is let go: their ends take it.
type Leftovers = SmallVec<[Grant; 2]>;

impl Breakers {
    /// Open connections that this cluster made.
    pub(super) fn connections(&self) -> u64 {
        self.connections.load(Ordering::Relaxed)
    }

    /// Requests that wait for a connection.
    pub(super) fn waiting(&self) -> usize {
        self.common().queue.len()
    }

    /// Leave for one more connection.
    pub(super) fn try_connect(self: &Arc<Self>, limit: Option<u32>) -> Option<ConnectionPermit> {
        take(&self.connections, limit).then(|| ConnectionPermit(Some(Arc::clone(self))))
    }

    /// Finds a request its way to a connection at a place whose pools are in common.
    ///
    /// # Errors
    /// [`Failure::Overflow`]: it would have to wait, and too many do.
    pub(super) fn turn(
        self: &Arc<Self>,
        place: &Place,
        label: &Label,
        limits: &CircuitBreakers,
        seek: Seek,
    ) -> Result<Turn, Failure> {
        loop {
            // What leaves the pool on the way. Declared before the lock, so dropped after it.
            let mut gone = Vec::new();
            let mut common = self.common();
            if let Some(pool) = common.pools.known(place.id) {
                let found = seek(pool, label);
                gone = pool.take_gone();
                if let Some(found) = found {
                    return Ok(Turn::Now(found));
                }
            }
            if let Some(permit) = self.try_connect(limits.max_connections) {
                return Ok(Turn::Now(Grant::Permit(permit)));
            }
            if gone.is_empty() {
                return self.line_up(common, place, label, limits, seek).map(Turn::Later);
            }
            // Its leave comes free with it, so there is another look.
        }
    }

    /// Puts a request into the queue, if so many may wait.
    fn line_up(
        self: &Arc<Self>,
        mut common: MutexGuard<'_, Common>,
        place: &Place,
        label: &Label,
        limits: &CircuitBreakers,
        seek: Seek,
    ) -> Result<Waiting, Failure> {
        let waiting = common.queue.len() as u64;
        if limits
            .max_pending_requests
            .is_some_and(|most| waiting >= u64::from(most))
        {
            return Err(Failure::Overflow);
        }
        let (tell, told) = oneshot::channel();
        let id = common.next;
        common.next += 1;
        common.queue.push_back(Waiter {
            id,
            place: place.id,
            label: label.clone(),
            seek,
            passed: 0,
            tell,
        });
        let idle = common.pools.take_idle();
        drop(common);
        drop(idle);
        Ok(Waiting {
            breakers: Arc::clone(self),
            id,
            told,
        })
    }

    /// Touches the pools in common, and serves those who wait from what is then there.
    pub(super) fn with_pools<T>(&self, touch: impl FnOnce(&mut Pools) -> T) -> T {
        let mut common = self.common();
        let result = touch(&mut common.pools);
        let leftovers = common.serve();
        let idle = if common.queue.is_empty() {
            None
        } else {
            Some(common.pools.take_idle())
        };
        let gone = common.pools.take_gone();
        drop(common);
        // To drop a connection takes the lock again.
        drop((leftovers, idle, gone));
        result
    }

    /// Something came free in a pool.
    pub(super) fn freed(&self) {
        self.with_pools(|_| ());
    }

    fn common(&self) -> MutexGuard<'_, Common> {
        self.common.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Common {
    /// Hands out what the pools have, to the first who can use it.
    fn serve(&mut self) -> Leftovers {
        let mut leftovers = Leftovers::new();
        let mut at = 0;
        while let Some(waiter) = self.queue.get(at) {
            let pool = self.pools.known(waiter.place);
            match pool.and_then(|pool| (waiter.seek)(pool, &waiter.label)) {
                Some(grant) => {
                    let Some(waiter) = self.queue.remove(at) else {
                        break;
                    };
                    if let Err(grant) = waiter.tell.send(grant) {
                        leftovers.push(grant);
                    } else if let Some(first) = self.queue.front_mut().filter(|_| at > 0) {
                        first.passed += 1;
                    }
                }
                None => at += 1,
            }
            if self
                .queue
                .front()
                .is_some_and(|first| first.passed >= MOST_PASSED)
                && at > 0
            {
                break;
            }
        }
        leftovers
    }
}

/// Takes one more, if the limit allows it.
pub(super) fn take(count: &AtomicU64, limit: Option<u32>) -> bool {
    let Some(limit) = limit else {
        count.fetch_add(1, Ordering::Relaxed);
        return true;
    };
    let more = |now: u64| (now < u64::from(limit)).then_some(now + 1);
    count
        .fetch_update(Ordering::AcqRel, Ordering::Relaxed, more)
        .is_ok()
}

/// Leave for a connection; hold it as long as the connection is open. `None` once it was passed on.
#[derive(Debug)]
pub(super) struct ConnectionPermit(Option<Arc<Breakers>>);

/// The leave goes to the first who waits, without being given back in between.
impl Drop for ConnectionPermit {
    fn drop(&mut self) {
        let Some(breakers) = self.0.take() else { return };
        let mut common = breakers.common();
        while let Some(waiter) = common.queue.pop_front() {
            match waiter.tell.send(Grant::Permit(Self(Some(Arc::clone(&breakers))))) {
                Ok(()) => return,
                // Nobody heard. It stands for the same leave, which must not be given back twice.
                Err(Grant::Permit(mut unheard)) => unheard.0 = None,
                Err(_) => {}
            }
        }
        // Still under the lock, so that nobody begins to wait in between.
        breakers.connections.fetch_sub(1, Ordering::AcqRel);
    }
}

/// A place in the queue, until it is dropped.
#[derive(Debug)]
pub(super) struct Waiting {
    breakers: Arc<Breakers>,
    id: u64,
    told: oneshot::Receiver<Grant>,
}

impl Waiting {
    /// Waits for one's turn.
    pub(super) async fn grant(mut self) -> Result<Grant, Failure> {
        let granted = (&mut self.told).await;
        // Nobody forgets a waiter; if that ever happened, the request would be refused.
        granted.map_err(|_| Failure::Overflow)
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        self.breakers.common().queue.retain(|waiter| waiter.id != self.id);
    }
}

#[cfg(test)]
mod tests;
