//! One address: what a cluster knows of it, and the home of its pooled connections.
//!
//! States belong to a cluster, connections to the address: two subsets of one Service count and eject by themselves
//! but share idle connections. A [`Home`] lives as long as some cluster lists its address; when the last one lets go
//! of it, every thread's pool hears of it and closes what idles there.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use rustc_hash::FxHashMap;
use seaway_model::OutlierDetection;
use tokio::sync::Notify;

use super::outlier::{Crowd, Outlier};

/// What a cluster knows of one of its endpoints. Survives every change that keeps the address.
#[derive(Debug)]
#[repr(align(64))]
pub(super) struct EndpointState {
    in_flight: AtomicU64,
    requests: AtomicU64,
    /// Milliseconds of the registry's clock; 0 when not ejected. Mirrors what `outlier` says, for readers that must
    /// not lock.
    ejected_until: AtomicU64,
    /// Whether `outlier` has something to forgive.
    suspect: AtomicU64,
    connect_failures: AtomicU64,
    ejections: AtomicU64,
    outlier: Mutex<Outlier>,
    pub(super) address: SocketAddr,
    pub(super) place: Arc<Place>,
}

/// What everybody who uses an address shares, also after its [`Home`] is gone.
#[derive(Debug)]
pub(super) struct Place {
    /// Unique in the process, so that the pools of a thread may serve several registries.
    pub(super) id: u64,
    /// Open connections of all threads.
    pub(super) connections: AtomicU64,
    gone: AtomicBool,
    leaving: Notify,
}

impl Place {
    fn new() -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        Self {
            id: NEXT.fetch_add(1, Ordering::Relaxed),
            connections: AtomicU64::new(0),
            gone: AtomicBool::new(false),
            leaving: Notify::new(),
        }
    }

    /// Whether no cluster lists the address any more.
    pub(super) fn is_gone(&self) -> bool {
        self.gone.load(Ordering::Acquire)
    }

    /// Waits until no cluster lists the address any more.
    pub(super) async fn gone(&self) {
        // Made before looking, so that what happens in between is not missed.
        let leaving = self.leaving.notified();
        if !self.is_gone() {
            leaving.await;
        }
    }
}

impl EndpointState {
    pub(super) fn new(home: &Home) -> Self {
        Self {
            in_flight: AtomicU64::new(0),
            requests: AtomicU64::new(0),
            ejected_until: AtomicU64::new(0),
            suspect: AtomicU64::new(0),
            connect_failures: AtomicU64::new(0),
            ejections: AtomicU64::new(0),
            outlier: Mutex::default(),
            address: home.address,
            place: Arc::clone(&home.place),
        }
    }

    pub(super) fn enter(&self) {
        self.in_flight.fetch_add(1, Ordering::Relaxed);
        self.requests.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn leave(&self) {
        self.in_flight.fetch_sub(1, Ordering::Relaxed);
    }

    pub(super) fn in_flight(&self) -> u64 {
        self.in_flight.load(Ordering::Relaxed)
    }

    pub(super) fn requests(&self) -> u64 {
        self.requests.load(Ordering::Relaxed)
    }

    pub(super) fn connect_failures(&self) -> u64 {
        self.connect_failures.load(Ordering::Relaxed)
    }

    pub(super) fn ejections(&self) -> u64 {
        self.ejections.load(Ordering::Relaxed)
    }

    /// `now` is only asked for when the answer depends on it.
    pub(super) fn is_ejected(&self, now: impl FnOnce() -> Duration) -> bool {
        let until = self.ejected_until.load(Ordering::Relaxed);
        until != 0 && now() < Duration::from_millis(until)
    }

    pub(super) fn connected(&self) {
        if self.suspect.load(Ordering::Relaxed) == 0 {
            return;
        }
        let mut outlier = self.outlier.lock().unwrap_or_else(PoisonError::into_inner);
        outlier.success();
        self.ejected_until.store(0, Ordering::Relaxed);
        self.suspect.store(0, Ordering::Relaxed);
    }

    pub(super) fn connect_failed(&self, now: Duration, policy: Option<&OutlierDetection>, crowd: Crowd) {
        self.connect_failures.fetch_add(1, Ordering::Relaxed);
        let Some(policy) = policy else { return };
        let mut outlier = self.outlier.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(until) = outlier.failure(now, policy, crowd) {
            let millis = u64::try_from(until.as_millis()).unwrap_or(u64::MAX);
            self.ejected_until.store(millis, Ordering::Relaxed);
            self.ejections.fetch_add(1, Ordering::Relaxed);
        }
        self.suspect
            .store(u64::from(!outlier.is_clean()), Ordering::Relaxed);
    }
}

/// An address that some cluster lists. Everybody at its [`Place`] hears when it is dropped.
#[derive(Debug)]
pub(super) struct Home {
    address: SocketAddr,
    place: Arc<Place>,
}

impl Drop for Home {
    fn drop(&mut self) {
        self.place.gone.store(true, Ordering::Release);
        self.place.leaving.notify_waiters();
    }
}

/// The homes of a registry, one for each address.
#[derive(Debug, Default)]
pub(super) struct Homes(Mutex<FxHashMap<SocketAddr, Weak<Home>>>);

impl Homes {
    pub(super) fn at(&self, address: SocketAddr) -> Arc<Home> {
        let mut homes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(home) = homes.get(&address).and_then(Weak::upgrade) {
            return home;
        }
        let place = Arc::new(Place::new());
        let home = Arc::new(Home { address, place });
        homes.insert(address, Arc::downgrade(&home));
        home
    }

    /// Forgets addresses that nobody lists any more.
    pub(super) fn prune(&self) {
        let mut homes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        homes.retain(|_, home| home.strong_count() > 0);
    }
}
