//! What is done when more comes than can be served: new requests are shed early, so that those that are let in are
//! answered as fast as ever and memory stays bounded.
//!
//! Three things are bounded, each by what it costs:
//!
//! - **Delay.** A worker's run queue is first in, first out, so how late a timer of its own runs is how long everything
//!   waits there. When it has been too late for a while ([`Controller`]), a share of the new requests is shed, just large
//!   enough to bring it back. Lateness counts only as far as the worker itself was at work meanwhile: a process that
//!   was stopped, or had to share its core, is not overloaded.
//! - **Requests under way**, all destinations together. A slow upstream costs no processor time but memory; circuit
//!   breakers bound each destination, this bounds their sum.
//! - **Memory** that the process holds, against what its control group or the machine allows.
//!
//! Refusing costs, too, and has a bound of its own: a quarter of a worker's time ([`refusals`]).
//!
//! Nothing is shed that was let in. A queue of our own, in which requests wait for their turn, was rejected: the
//! kernel's sockets and the run queue are queues already, and one more would only add to what a client waits for in vain.
//! To limit concurrency by the upstreams' latency (as Envoy's and Netflix' gradient limits do) was rejected as well: one
//! gateway has many upstreams, and the slowest would set the limit of all.
//!
//! Each worker has a [`Load`] of its own that no other thread writes to, and watches itself by a task
//! ([`watch`]). There is no lock, and a request that is let in costs two counts and three loads.

mod controller;
mod memory;
mod refusals;
mod turn;
mod watch;

use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU32, AtomicU64, Ordering};

use serde::Serialize;
use tokio::sync::Notify;
use tokio::time::Instant;

use self::memory::Memory;
use self::refusals::Refusals;
use crate::options::Limits;
use crate::tally::Tally;

pub(crate) use self::controller::{Controller, Settings};
pub(crate) use self::turn::turn;
pub(crate) use self::watch::watch;

/// Why a request is shed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// The worker is late.
    Delay,
    /// As many requests are under way as may be.
    Requests,
    /// The process holds as much memory as it may.
    Memory,
}

impl Cause {
    /// All of them, in the order of their metric.
    pub const ALL: [Self; 3] = [Self::Delay, Self::Requests, Self::Memory];

    /// The metric's label.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Delay => "delay",
            Self::Requests => "requests",
            Self::Memory => "memory",
        }
    }
}

/// One per process.
#[derive(Debug)]
pub struct Overload {
    workers: Vec<Load>,
    memory: Memory,
    settings: Settings,
}

/// One per worker, on cache lines of its own.
#[derive(Debug)]
#[repr(align(128))]
pub(crate) struct Load {
    /// Requests that may be under way.
    most: u64,
    /// Requests that are. Kept by the worker.
    in_flight: Tally,
    /// Of 2^32 new requests so many are shed.
    share: AtomicU32,
    /// Whether it is memory that decides the share.
    is_for_memory: AtomicBool,
    /// How late the worker was when it last looked, in microseconds.
    late: AtomicU32,
    shed: [AtomicU64; Cause::ALL.len()],
    refusals: Refusals,
    began: Instant,
    /// Something has come since the worker last looked.
    stirred: AtomicBool,
    watcher: Watcher,
}

/// The task that watches, which sleeps while nothing comes.
#[derive(Debug, Default)]
struct Watcher {
    state: AtomicU8,
    wake: Notify,
}

const AWAKE: u8 = 0;
const ASLEEP: u8 = 1;

/// How it stands, for metrics.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct OverloadStatus {
    /// Requests under way.
    pub requests: u64,
    /// Requests shed, in the order of [`Cause::ALL`].
    pub shed: [u64; Cause::ALL.len()],
    /// What share of new requests the worst worker sheds: 0 to 1.
    pub share: f64,
    /// How late the latest worker is, in seconds.
    pub delay: f64,
    /// Bytes of memory that may be held.
    pub memory_limit: u64,
}

impl Overload {
    /// For so many workers.
    #[must_use]
    pub fn new(limits: &Limits, workers: usize) -> Self {
        let workers = workers.max(1);
        let most = limits.requests.div_ceil(workers) as u64;
        Self {
            workers: (0..workers).map(|_| Load::new(most)).collect(),
            memory: Memory::new(limits.memory),
            settings: Settings {
                target: limits.delay,
                ..Settings::default()
            },
        }
    }

    /// A worker's own. `None` for a number that no worker has.
    pub(crate) fn worker(&self, worker: usize) -> Option<&Load> {
        self.workers.get(worker)
    }

    /// Whether no new connection should be taken on.
    pub(crate) fn is_full(&self) -> bool {
        self.memory.is_full()
    }

    /// How it stands.
    #[must_use]
    pub fn status(&self) -> OverloadStatus {
        let mut status = OverloadStatus {
            memory_limit: self.memory.limit(),
            ..OverloadStatus::default()
        };
        for load in &self.workers {
            status.requests += load.in_flight.get();
            for (sum, count) in status.shed.iter_mut().zip(&load.shed) {
                *sum += count.load(Ordering::Relaxed);
            }
            let share = f64::from(load.share.load(Ordering::Relaxed)) / f64::from(u32::MAX);
            status.share = status.share.max(share);
            let delay = f64::from(load.late.load(Ordering::Relaxed)) / 1e6;
            status.delay = status.delay.max(delay);
        }
        status
    }
}

impl Load {
    fn new(most: u64) -> Self {
        Self {
            most,
            in_flight: Tally::default(),
            share: AtomicU32::new(0),
            is_for_memory: AtomicBool::new(false),
            late: AtomicU32::new(0),
            shed: Default::default(),
            refusals: Refusals::default(),
            began: Instant::now(),
            stirred: AtomicBool::new(false),
            watcher: Watcher::default(),
        }
    }

    /// Whether a new request is shed, and why; counted if so. `dice` is asked only when a share of them is.
    pub(crate) fn sheds(&self, dice: impl FnOnce() -> u32) -> Option<Cause> {
        self.stir();
        let share = self.share.load(Ordering::Relaxed);
        let is_full = self.in_flight.get() >= self.most;
        if share == 0 && !is_full {
            return None;
        }
        self.refusals.decided();
        let cause = if is_full {
            Cause::Requests
        } else if dice() >= share {
            return None;
        } else if self.is_for_memory.load(Ordering::Relaxed) {
            Cause::Memory
        } else {
            Cause::Delay
        };
        if let Some(count) = self.shed.get(cause as usize) {
            count.fetch_add(1, Ordering::Relaxed);
        }
        Some(cause)
    }

    /// Waits until a refusal may leave. One for want of memory leaves at once, since who waits holds some.
    pub(crate) async fn refuse(&self, cause: Cause) {
        if cause == Cause::Memory {
            return;
        }
        if let Some(wait) = self.refusals.wait(self.began.elapsed(), self.most) {
            let _waiting = Waiting::new(&self.refusals);
            tokio::time::sleep(wait).await;
        }
    }

    /// A request is under way.
    pub(crate) fn enter(&self) {
        self.in_flight.up();
    }

    /// It is over.
    pub(crate) fn leave(&self) {
        self.in_flight.down();
    }

    /// Something has come that means work.
    pub(crate) fn stir(&self) {
        self.stirred.store(true, Ordering::Relaxed);
        if self.watcher.state.load(Ordering::Relaxed) == ASLEEP {
            self.watcher.state.store(AWAKE, Ordering::Relaxed);
            self.watcher.wake.notify_one();
        }
    }
}

/// An answer that waits, or whose client is gone by then.
struct Waiting<'a>(&'a Refusals);

impl<'a> Waiting<'a> {
    fn new(refusals: &'a Refusals) -> Self {
        refusals.enter();
        Self(refusals)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.leave();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limits(requests: usize) -> Limits {
        Limits {
            requests,
            ..Limits::default()
        }
    }

    #[test]
    fn requests_above_the_bound_are_shed_until_one_is_over() {
        let overload = Overload::new(&limits(4), 2);
        let load = overload.worker(1).unwrap();
        assert_eq!(load.sheds(|| 0), None);
        load.enter();
        load.enter();
        assert_eq!(load.sheds(|| u32::MAX), Some(Cause::Requests));
        assert_eq!(
            overload.worker(0).unwrap().sheds(|| 0),
            None,
            "it is another worker's"
        );
        load.leave();
        assert_eq!(load.sheds(|| 0), None);
        let status = overload.status();
        assert_eq!((status.requests, status.shed), (1, [0, 1, 0]));
    }

    #[test]
    fn dice_below_the_share_shed_and_the_cause_is_told() {
        let overload = Overload::new(&limits(4), 1);
        let load = overload.worker(0).unwrap();
        load.share.store(u32::MAX / 2, Ordering::Relaxed);
        assert_eq!(load.sheds(|| 0), Some(Cause::Delay));
        assert_eq!(load.sheds(|| u32::MAX - 1), None);
        load.is_for_memory.store(true, Ordering::Relaxed);
        assert_eq!(load.sheds(|| 0), Some(Cause::Memory));
        assert_eq!(overload.status().shed, [1, 0, 1]);
    }
}
