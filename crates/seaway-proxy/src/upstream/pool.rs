//! The connections of one worker thread, by the place of their address.
//!
//! HTTP/1.1: a stack of idle connections; the one used last is used next, so that spare ones grow old and are
//! closed. HTTP/2: the connections of an address, each shared by many streams.
//!
//! A *keeper* task for each place of a thread closes what idled too long, and everything when the address is gone.
//! It ends when its pool is empty.
//!
//! Servers close connections that idle. A keeper closes those within a second; and a request that takes one looks first:
//! at what the system has told this thread, which costs nothing, or where the connection was not used just now, at the
//! socket itself.
//!
//! The pools of a cluster with a limit on connections are not a thread's, but in common ([`super::breakers`]). To drop a
//! connection of such a cluster takes the lock that its pools are touched under, so nothing is dropped there: what leaves
//! a pool is put aside, and is dropped when the lock is free.

use std::cell::RefCell;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustc_hash::FxHashMap;
use tokio::runtime::Handle;

use super::breakers::Grant;
use super::endpoint::Place;
pub(super) use super::http2::Sender as Http2Sender;
use super::http2::{Link, StreamGuard};
use super::stream::Stream;
use super::transport::{Label, Limits, Transport};

/// How often a keeper looks, or more often where connections idle for less.
const TICK: Duration = Duration::from_secs(1);
const SHORTEST_TICK: Duration = Duration::from_millis(5);
/// A connection that was used so lately is not looked at again before it is used.
const TRUSTED: Duration = Duration::from_millis(10);
/// Idle HTTP/1.1 connections to one address from one thread.
const MAX_IDLE: usize = 512;

thread_local! {
    static POOLS: RefCell<Pools> = RefCell::default();
}

/// An HTTP/1.1 connection. It has no buffers: who uses it has.
#[derive(Debug)]
pub(super) struct Http1Connection {
    pub(super) stream: Stream,
    /// Where its transport remembers more of a connection than its place.
    about: Option<Box<About>>,
}

/// What is remembered of a connection.
#[derive(Debug)]
pub(super) struct About {
    label: Label,
    born: Instant,
    served: u32,
    limits: Option<Limits>,
}

impl About {
    /// `None` for a transport that needs nothing remembered.
    pub(super) fn new(transport: &Transport, label: &Label) -> Option<Box<Self>> {
        transport.remembers().then(|| {
            Box::new(Self {
                label: label.clone(),
                born: Instant::now(),
                served: 0,
                limits: transport.limits,
            })
        })
    }

    /// Whether it may be used once more.
    fn is_usable(&self, now: Instant) -> bool {
        self.limits.is_none_or(|limits| {
            let young = limits
                .age
                .is_none_or(|age| now.saturating_duration_since(self.born) < age);
            young && limits.requests.is_none_or(|most| self.served < most)
        })
    }
}

fn is_for(about: Option<&About>, label: &Label) -> bool {
    about.is_none_or(|about| about.label == *label)
}

impl Http1Connection {
    pub(super) fn new(stream: Stream, transport: &Transport, label: &Label) -> Self {
        Self {
            stream,
            about: About::new(transport, label),
        }
    }

    /// For what is not HTTP.
    pub(super) fn into_stream(self) -> Stream {
        self.stream
    }
}

/// Pools by the number of their place.
#[derive(Debug, Default)]
pub(super) struct Pools(FxHashMap<u64, Pool>);

impl Pools {
    /// The pool of a place that has one.
    pub(super) fn known(&mut self, place: u64) -> Option<&mut Pool> {
        self.0.get_mut(&place)
    }

    fn of(&mut self, place: &Arc<Place>) -> &mut Pool {
        self.0.entry(place.id).or_insert_with(|| {
            start_keeper(Arc::clone(place));
            Pool::new(place)
        })
    }

    /// Takes out what left the pools and was not dropped, to be dropped under no lock.
    pub(super) fn take_gone(&mut self) -> Vec<Idle> {
        let mut gone = Vec::new();
        for pool in self.0.values_mut() {
            gone.append(&mut pool.gone);
        }
        gone
    }

    /// Takes everything out that is not in use.
    pub(super) fn take_idle(&mut self) -> Vec<Idle> {
        let mut idle = Vec::new();
        for pool in self.0.values_mut() {
            idle.extend(
                pool.http1
                    .drain(..)
                    .map(|(connection, _)| Idle::Http1(connection)),
            );
            let unused = pool
                .http2
                .extract_if(.., |shared| shared.sender.link().streams() == 0);
            idle.extend(unused.map(Idle::Http2));
        }
        idle
    }
}

/// A connection that nobody uses. Only held, to be dropped.
#[derive(Debug)]
pub(super) enum Idle {
    Http1(#[expect(dead_code, reason = "held for its drop")] Box<Http1Connection>),
    Http2(#[expect(dead_code, reason = "held for its drop")] Shared),
}

/// The connections of a place.
#[derive(Debug)]
pub(super) struct Pool {
    /// With the time at which it was given back; the newest is last.
    http1: Vec<(Box<Http1Connection>, Instant)>,
    http2: Vec<Shared>,
    /// What left, and is yet to be dropped.
    gone: Vec<Idle>,
    idle: Duration,
    /// Held while an HTTP/2 connection is made, so that requests that come meanwhile share it.
    connecting: Arc<tokio::sync::Mutex<()>>,
}

#[derive(Debug)]
pub(super) struct Shared {
    sender: Http2Sender,
    about: Option<Box<About>>,
    /// When a stream was last seen on it.
    used: Instant,
}

/// Touches this thread's pool of a place, or that in common, making it if need be. `None` while the thread ends.
fn with_pool<T>(place: &Arc<Place>, touch: impl FnOnce(&mut Pool) -> T) -> Option<T> {
    if let Some(common) = &place.common {
        return Some(common.with_pools(|pools| touch(pools.of(place))));
    }
    let with = |pools: &RefCell<Pools>| {
        let mut pools = pools.try_borrow_mut().ok()?;
        let pool = pools.of(place);
        let result = touch(pool);
        pool.gone.clear();
        Some(result)
    };
    POOLS.try_with(with).ok().flatten()
}

/// The same where there is no use in making one.
fn with_known<T>(place: &Place, touch: impl FnOnce(&mut Pool) -> Option<T>) -> Option<T> {
    if let Some(common) = &place.common {
        return common.with_pools(|pools| pools.known(place.id).and_then(touch));
    }
    let with = |pools: &RefCell<Pools>| {
        let mut pools = pools.try_borrow_mut().ok()?;
        let pool = pools.known(place.id)?;
        let result = touch(pool);
        pool.gone.clear();
        result
    };
    POOLS.try_with(with).ok().flatten()
}

/// An idle HTTP/1.1 connection.
pub(super) async fn take_http1(place: &Place, label: &Label) -> Option<Box<Http1Connection>> {
    while let Some((mut connection, since)) = with_known(place, |pool| pool.pop_http1(label)) {
        let stream = &mut connection.stream;
        let is_open = if since.elapsed() < TRUSTED {
            stream.is_quiet()
        } else if let Some(is_quiet) = stream.is_quiet_now() {
            is_quiet
        } else {
            // TLS reads what came as soon as this thread was told of it.
            tokio::task::yield_now().await;
            stream.is_quiet()
        };
        if is_open {
            return Some(connection);
        }
    }
    None
}

/// What a request that waits for HTTP/1.1 looks for.
pub(super) fn seek_http1(pool: &mut Pool, label: &Label) -> Option<Grant> {
    while let Some((mut connection, _)) = pool.pop_http1(label) {
        if connection.stream.is_quiet() {
            return Some(Grant::Http1(connection));
        }
        pool.gone.push(Idle::Http1(connection));
    }
    None
}

/// Takes an HTTP/1.1 connection back that is ready for another request.
pub(super) fn give_back(place: &Arc<Place>, mut connection: Box<Http1Connection>) {
    if let Some(about) = &mut connection.about {
        about.served = about.served.saturating_add(1);
        if !about.is_usable(Instant::now()) {
            return;
        }
    }
    if place.is_gone() {
        return;
    }
    // One that is not kept is dropped outside: where pools are in common, under no lock.
    let spare = with_pool(place, |pool| {
        if pool.http1.len() >= MAX_IDLE {
            return Some(connection);
        }
        pool.http1.push((connection, Instant::now()));
        None
    });
    drop(spare);
}

/// A place on an HTTP/2 connection that has one free.
pub(super) async fn take_http2(place: &Arc<Place>, label: &Label) -> Option<(Http2Sender, StreamGuard)> {
    loop {
        let (sender, guard, since) = with_known(place, |pool| pool.find_http2(label))?;
        if since.elapsed() >= TRUSTED {
            tokio::task::yield_now().await;
        }
        if !sender.is_closed() {
            return Some((sender, guard));
        }
    }
}

/// What a request that waits for HTTP/2 looks for.
pub(super) fn seek_http2(pool: &mut Pool, label: &Label) -> Option<Grant> {
    let (sender, guard, _) = pool.find_http2(label)?;
    Some(Grant::Http2(sender, guard))
}

/// Adds an HTTP/2 connection. One to an address that is gone serves only who made it.
pub(super) fn add_http2(place: &Arc<Place>, sender: &Http2Sender, label: &Label) {
    if place.is_gone() {
        return;
    }
    with_pool(place, |pool| {
        pool.http2.push(Shared {
            sender: sender.clone(),
            about: About::new(&place.transport, label).map(|mut about| {
                about.served = 1;
                about
            }),
            used: Instant::now(),
        });
    });
}

/// Forgets an HTTP/2 connection that takes no more streams.
pub(super) fn drop_http2(place: &Arc<Place>, link: &Arc<Link>) {
    with_pool(place, |pool| {
        let is_it = |shared: &mut Shared| Arc::ptr_eq(shared.sender.link(), link);
        pool.gone
            .extend(pool.http2.extract_if(.., is_it).map(Idle::Http2));
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
    let limits = place.transport.limits;
    let shortest = limits
        .and_then(|limits| limits.age)
        .unwrap_or(TICK)
        .min(place.transport.idle());
    let tick = shortest.clamp(SHORTEST_TICK, TICK);
    loop {
        let removed = tokio::time::timeout(tick, place.gone()).await.is_ok();
        let sweep = |pools: &mut Pools| {
            let empty = pools
                .known(place.id)
                .is_none_or(|pool| pool.sweep(Instant::now()));
            let pool = (removed || empty).then(|| pools.0.remove(&place.id));
            (removed || empty, pool)
        };
        let swept = match &place.common {
            Some(common) => Some(common.with_pools(sweep)),
            None => POOLS
                .try_with(|pools| {
                    let mut pools = pools.try_borrow_mut().ok()?;
                    let swept = sweep(&mut pools);
                    drop(pools.known(place.id).map(Pool::take_gone));
                    Some(swept)
                })
                .unwrap_or(Some((true, None))),
        };
        if swept.is_some_and(|(done, _)| done) {
            return;
        }
    }
}

impl Pool {
    fn new(place: &Place) -> Self {
        Self {
            http1: Vec::new(),
            http2: Vec::new(),
            gone: Vec::new(),
            idle: place.transport.idle(),
            connecting: Arc::default(),
        }
    }

    /// Takes out what left and was not dropped, to be dropped under no lock.
    pub(super) fn take_gone(&mut self) -> Vec<Idle> {
        std::mem::take(&mut self.gone)
    }

    fn pop_http1(&mut self, label: &Label) -> Option<(Box<Http1Connection>, Instant)> {
        let last = self.http1.last()?;
        if last.0.about.is_none() {
            return self.http1.pop();
        }
        let now = Instant::now();
        let idle = self.idle;
        let is_over = |(connection, since): &mut (Box<Http1Connection>, Instant)| {
            let usable = connection.about.as_ref().is_none_or(|about| about.is_usable(now));
            !usable || now.saturating_duration_since(*since) >= idle
        };
        let over = self.http1.extract_if(.., is_over);
        self.gone
            .extend(over.map(|(connection, _)| Idle::Http1(connection)));
        let fits =
            |(connection, _): &(Box<Http1Connection>, Instant)| is_for(connection.about.as_deref(), label);
        let index = self.http1.iter().rposition(fits)?;
        Some(self.http1.remove(index))
    }

    fn find_http2(&mut self, label: &Label) -> Option<(Http2Sender, StreamGuard, Instant)> {
        let now = Instant::now();
        let is_over = |shared: &mut Shared| {
            let usable = shared.about.as_ref().is_none_or(|about| about.is_usable(now));
            !usable || shared.sender.is_closed()
        };
        self.gone
            .extend(self.http2.extract_if(.., is_over).map(Idle::Http2));
        let mut fitting = self
            .http2
            .iter_mut()
            .filter(|shared| is_for(shared.about.as_deref(), label));
        fitting.find_map(|shared| {
            let guard = shared.sender.try_stream()?;
            if let Some(about) = &mut shared.about {
                about.served = about.served.saturating_add(1);
            }
            let since = std::mem::replace(&mut shared.used, now);
            Some((shared.sender.clone(), guard, since))
        })
    }

    /// Puts aside what idled too long; whether nothing is left.
    fn sweep(&mut self, now: Instant) -> bool {
        let idle = self.idle;
        let is_fresh = |since: Instant| now.saturating_duration_since(since) < idle;
        let is_usable = |about: &Option<Box<About>>| about.as_ref().is_none_or(|about| about.is_usable(now));
        let over = self.http1.extract_if(.., |(connection, since)| {
            !(is_fresh(*since) && is_usable(&connection.about) && connection.stream.is_quiet())
        });
        self.gone
            .extend(over.map(|(connection, _)| Idle::Http1(connection)));
        let over = self.http2.extract_if(.., |shared| {
            if shared.sender.link().streams() > 0 {
                shared.used = now;
            }
            shared.sender.is_closed() || !is_fresh(shared.used) || !is_usable(&shared.about)
        });
        self.gone.extend(over.map(Idle::Http2));
        // While somebody holds `connecting`, the pool is about to be used.
        self.http1.is_empty() && self.http2.is_empty() && Arc::strong_count(&self.connecting) == 1
    }
}

#[cfg(test)]
mod tests;
