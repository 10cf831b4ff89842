//! The connections of one worker thread, by the place of their address.
//!
//! HTTP/1.1: a stack of idle connections; the one used last is used next, so that spare ones grow old and are
//! closed. HTTP/2: the connections of an address, each shared by many streams.
//!
//! A *keeper* task for each place of a thread closes what idled too long, and everything when the address is gone.
//! It ends when its pool is empty.
//!
//! Servers close connections that idle. A thread sees that only when it asks the system for events, so a connection
//! that was not used just now is taken in two steps: events are let in, and then it is used if it is still open.

use std::cell::RefCell;
use std::sync::Arc;
use std::time::{Duration, Instant};

use hyper::client::conn::{http1, http2};
use rustc_hash::FxHashMap;
use tokio::runtime::Handle;

use super::endpoint::Place;
use super::http2::{Link, StreamGuard};
use crate::body::Body;

pub(super) type Http1Sender = http1::SendRequest<Body>;
pub(super) type Http2Sender = http2::SendRequest<Body>;

/// How often a keeper looks.
const TICK: Duration = Duration::from_secs(15);
/// An idle connection is closed after this, and at most a tick.
const IDLE: Duration = Duration::from_secs(60);
/// A connection that was used so lately is not looked at again before it is used.
const TRUSTED: Duration = Duration::from_millis(10);
/// Idle HTTP/1.1 connections to one address from one thread.
const MAX_IDLE: usize = 512;

thread_local! {
    static POOLS: RefCell<FxHashMap<u64, Pool>> = RefCell::default();
}

#[derive(Default)]
struct Pool {
    /// With the time at which it was given back; the newest is last.
    http1: Vec<(Http1Sender, Instant)>,
    http2: Vec<Shared>,
    /// Held while an HTTP/2 connection is made, so that requests that come meanwhile share it.
    connecting: Arc<tokio::sync::Mutex<()>>,
}

struct Shared {
    sender: Http2Sender,
    link: Arc<Link>,
    /// When a stream was last seen on it.
    used: Instant,
}

/// Touches this thread's pool of a place, making it if need be. `None` while the thread ends.
fn with_pool<T>(place: &Arc<Place>, touch: impl FnOnce(&mut Pool) -> T) -> Option<T> {
    let with = |pools: &RefCell<FxHashMap<u64, Pool>>| {
        let mut pools = pools.try_borrow_mut().ok()?;
        let pool = pools.entry(place.id).or_insert_with(|| {
            start_keeper(Arc::clone(place));
            Pool::default()
        });
        Some(touch(pool))
    };
    POOLS.try_with(with).ok().flatten()
}

/// An idle HTTP/1.1 connection.
pub(super) async fn take_http1(place: &Place) -> Option<Http1Sender> {
    while let Some((sender, since)) = pop_http1(place) {
        if since.elapsed() >= TRUSTED {
            tokio::task::yield_now().await;
        }
        if sender.is_ready() {
            return Some(sender);
        }
    }
    None
}

fn pop_http1(place: &Place) -> Option<(Http1Sender, Instant)> {
    let pop =
        |pools: &RefCell<FxHashMap<u64, Pool>>| pools.try_borrow_mut().ok()?.get_mut(&place.id)?.http1.pop();
    POOLS.try_with(pop).ok().flatten()
}

/// Takes an HTTP/1.1 connection back, once it is ready for another request; one that never gets there is closed.
pub(super) fn give_back(place: &Arc<Place>, mut sender: Http1Sender) {
    if sender.is_closed() {
        return;
    }
    if sender.is_ready() {
        keep_http1(place, sender);
        return;
    }
    let Ok(runtime) = Handle::try_current() else {
        return;
    };
    let place = Arc::clone(place);
    runtime.spawn(async move {
        if sender.ready().await.is_ok() {
            keep_http1(&place, sender);
        }
    });
}

fn keep_http1(place: &Arc<Place>, sender: Http1Sender) {
    if place.is_gone() {
        return;
    }
    with_pool(place, |pool| {
        if pool.http1.len() < MAX_IDLE {
            pool.http1.push((sender, Instant::now()));
        }
    });
}

/// A place on an HTTP/2 connection that has one free.
pub(super) async fn take_http2(place: &Arc<Place>) -> Option<(Http2Sender, StreamGuard)> {
    loop {
        let (sender, guard, since) = find_http2(place)?;
        if since.elapsed() >= TRUSTED {
            tokio::task::yield_now().await;
        }
        if !sender.is_closed() {
            return Some((sender, guard));
        }
    }
}

fn find_http2(place: &Arc<Place>) -> Option<(Http2Sender, StreamGuard, Instant)> {
    let find = |pool: &mut Pool| {
        pool.http2.retain(|shared| !shared.sender.is_closed());
        pool.http2.iter_mut().find_map(|shared| {
            let guard = Link::try_stream(&shared.link)?;
            let since = std::mem::replace(&mut shared.used, Instant::now());
            Some((shared.sender.clone(), guard, since))
        })
    };
    with_pool(place, find).flatten()
}

/// Adds an HTTP/2 connection. One to an address that is gone serves only who made it.
pub(super) fn add_http2(place: &Arc<Place>, sender: &Http2Sender, link: &Arc<Link>) {
    if place.is_gone() {
        return;
    }
    with_pool(place, |pool| {
        pool.http2.push(Shared {
            sender: sender.clone(),
            link: Arc::clone(link),
            used: Instant::now(),
        });
    });
}

/// Forgets an HTTP/2 connection that takes no more streams.
pub(super) fn drop_http2(place: &Arc<Place>, link: &Arc<Link>) {
    with_pool(place, |pool| {
        pool.http2.retain(|shared| !Arc::ptr_eq(&shared.link, link));
    });
}

/// What to hold while an HTTP/2 connection is made.
pub(super) fn connecting(place: &Arc<Place>) -> Arc<tokio::sync::Mutex<()>> {
    with_pool(place, |pool| Arc::clone(&pool.connecting)).unwrap_or_default()
}

fn start_keeper(place: Arc<Place>) {
    if let Ok(runtime) = Handle::try_current() {
        runtime.spawn(keep(place));
    }
}

async fn keep(place: Arc<Place>) {
    loop {
        let removed = tokio::time::timeout(TICK, place.gone()).await.is_ok();
        let done = POOLS.try_with(|pools| {
            let Ok(mut pools) = pools.try_borrow_mut() else {
                return false;
            };
            let empty = pools
                .get_mut(&place.id)
                .is_none_or(|pool| pool.sweep(Instant::now()));
            if removed || empty {
                pools.remove(&place.id);
            }
            removed || empty
        });
        if done.unwrap_or(true) {
            return;
        }
    }
}

impl Pool {
    /// Closes what idled too long; whether nothing is left.
    fn sweep(&mut self, now: Instant) -> bool {
        let is_fresh = |since: Instant| now.saturating_duration_since(since) < IDLE;
        self.http1
            .retain(|(sender, since)| !sender.is_closed() && is_fresh(*since));
        self.http2.retain_mut(|shared| {
            if shared.link.streams() > 0 {
                shared.used = now;
            }
            !shared.sender.is_closed() && is_fresh(shared.used)
        });
        // While somebody holds `connecting`, the pool is about to be used.
        self.http1.is_empty() && self.http2.is_empty() && Arc::strong_count(&self.connecting) == 1
    }
}

#[cfg(test)]
mod tests;
