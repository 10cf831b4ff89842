//! One address: what a cluster knows of it, and the home of its pooled connections.
//!
//! States belong to a cluster, connections to the address and the way they are made: two subsets of one Service count
//! and eject by themselves but share idle connections. A [`Home`] lives as long as some cluster lists its address; when
//! the last one lets go of it, every thread's pool hears of it and closes what idles there.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use rustc_hash::FxHashMap;
use tokio::sync::Notify;

use super::breakers::Breakers;
use super::outlier::{Cause, Ejection, Outlier};
use super::transport::Transport;

/// Where an endpoint is.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Spot {
    /// At an address.
    Address(SocketAddr),
    /// Wherever a name and a port lead at the moment of connecting.
    Name(Arc<str>, u16),
}

/// What a cluster knows of one of its endpoints. Survives every change that keeps the address.
#[derive(Debug)]
#[repr(align(64))]
pub(super) struct EndpointState {
    requests: AtomicU64,
    /// Of them, those that are over. With what is under way counted too, every request would count once more.
    over: AtomicU64,
    /// Twice the milliseconds of the registry's clock, and one more where it was unreachable; 0 when not ejected.
    /// Mirrors what `outlier` says, for readers that must not lock.
    ejected_until: AtomicU64,
    /// Whether a success would change `outlier`.
    suspect: AtomicBool,
    connect_failures: AtomicU64,
    ejections: AtomicU64,
    outlier: Mutex<Outlier>,
    last_error: Mutex<Option<Arc<str>>>,
    /// When it was first listed, by the registry's clock.
    pub(super) since: Duration,
}

/// What everybody who uses an address in the same way shares, also after its [`Home`] is gone.
#[derive(Debug)]
pub(super) struct Place {
    /// Unique in the process, so that the pools of a thread may serve several registries.
    pub(super) id: u64,
    /// Open connections of all threads.
    pub(super) connections: AtomicU64,
    /// How connections are made.
    pub(super) transport: Arc<Transport>,
    /// Where the pools are that threads have in common; `None`: each thread has its own.
    pub(super) common: Option<Arc<Breakers>>,
    gone: AtomicBool,
    leaving: Notify,
}

impl Place {
    fn new(transport: &Arc<Transport>, breakers: &Arc<Breakers>) -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        Self {
            id: NEXT.fetch_add(1, Ordering::Relaxed),
            connections: AtomicU64::new(0),
            transport: Arc::clone(transport),
            common: transport.is_limited().then(|| Arc::clone(breakers)),
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

/// Whether an endpoint is left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Standing {
    In,
    /// It could not be connected to: tried when nobody else is left.
    Unreachable,
    /// For its answers.
    Out,
}

impl EndpointState {
    pub(super) fn new(since: Duration) -> Self {
        Self {
            requests: AtomicU64::new(0),
            over: AtomicU64::new(0),
            ejected_until: AtomicU64::new(0),
            suspect: AtomicBool::new(false),
            connect_failures: AtomicU64::new(0),
            ejections: AtomicU64::new(0),
            outlier: Mutex::default(),
            last_error: Mutex::default(),
            since,
        }
    }

    pub(super) fn enter(&self) {
        self.requests.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn leave(&self) {
        self.over.fetch_add(1, Ordering::Release);
    }

    pub(super) fn in_flight(&self) -> u64 {
        // Those that are over first: what begins and ends meanwhile must not make it less than nothing.
        let over = self.over.load(Ordering::Acquire);
        self.requests.load(Ordering::Relaxed).saturating_sub(over)
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
    pub(super) fn standing(&self, now: impl FnOnce() -> Duration) -> Standing {
        let word = self.ejected_until.load(Ordering::Relaxed);
        if word == 0 || now() >= Duration::from_millis(word >> 1) {
            Standing::In
        } else if word & 1 == 1 {
            Standing::Unreachable
        } else {
            Standing::Out
        }
    }

    /// Whether a success would change anything.
    pub(super) fn is_suspect(&self) -> bool {
        self.suspect.load(Ordering::Relaxed)
    }

    /// Changes what is remembered, and what others see of it.
    pub(super) fn judge<T>(&self, judge: impl FnOnce(&mut Outlier) -> T) -> T {
        let mut outlier = lock(&self.outlier);
        let judged = judge(&mut outlier);
        let word = outlier.ejection().map_or(0, word);
        self.ejected_until.store(word, Ordering::Relaxed);
        self.suspect.store(!outlier.is_clean(), Ordering::Relaxed);
        judged
    }

    pub(super) fn count_ejection(&self) {
        self.ejections.fetch_add(1, Ordering::Relaxed);
    }

    /// A connection could not be made, for this reason.
    pub(super) fn connect_failed(&self, why: Option<String>) {
        self.connect_failures.fetch_add(1, Ordering::Relaxed);
        if let Some(why) = why {
            *lock(&self.last_error) = Some(why.into());
        }
    }

    /// Why the last connection failed that did.
    pub(super) fn last_error(&self) -> Option<Arc<str>> {
        lock(&self.last_error).clone()
    }
}

fn word(ejection: Ejection) -> u64 {
    // Rounded up: an ejection is never shorter for this.
    let millis = ejection.until.as_nanos().div_ceil(1_000_000);
    let millis = u64::try_from(millis).unwrap_or(u64::MAX) & (u64::MAX >> 1);
    (millis << 1) | u64::from(ejection.cause == Cause::Unreachable)
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// An address that some cluster lists. Everybody at its [`Place`] hears when it is dropped.
#[derive(Debug)]
pub(super) struct Home {
    pub(super) place: Arc<Place>,
}

impl Drop for Home {
    fn drop(&mut self) {
        self.place.gone.store(true, Ordering::Release);
        self.place.leaving.notify_waiters();
    }
}

/// The homes of a registry, one for each address and way of connecting.
#[derive(Debug, Default)]
pub(super) struct Homes(Mutex<FxHashMap<(Spot, u64), Weak<Home>>>);

impl Homes {
    pub(super) fn at(&self, spot: &Spot, transport: &Arc<Transport>, breakers: &Arc<Breakers>) -> Arc<Home> {
        let mut homes = lock(&self.0);
        let key = (spot.clone(), transport.id);
        if let Some(home) = homes.get(&key).and_then(Weak::upgrade) {
            return home;
        }
        let place = Arc::new(Place::new(transport, breakers));
        let home = Arc::new(Home { place });
        homes.insert(key, Arc::downgrade(&home));
        home
    }

    /// Forgets addresses that nobody lists any more.
    pub(super) fn prune(&self) {
        lock(&self.0).retain(|_, home| home.strong_count() > 0);
    }
}
