//! The manager: a thread that has certificates made and renewed, and what others ask it.
//!
//! It has a runtime of its own, so that no request ever waits behind an authority. One process orders: that which holds
//! the lock of the folder. Another, during a hand-over of binaries, serves what is on disk, takes over what the first one
//! writes there, and waits for the lock.

mod driver;
mod state;

use std::net::SocketAddr;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::SystemTime;

use seaway_model::{KeyPair, SecretName};
use tokio::sync::Notify;

use self::state::State;
use super::challenges::Challenges;
use super::core::Policy;
use super::dns::{Dns, Resolver};
use super::status::{CertStatus, Counters};
use super::storage::Storage;
use super::wanted::Wanted;
use super::worker::Worker;
use crate::CertError;

/// The time, passed in so that tests can move it.
pub type Clock = Arc<dyn Fn() -> SystemTime + Send + Sync>;

/// What a manager tells of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// [`Manager::current`] may answer something new.
    Certificate,
    /// Something failed, or a failure is over: [`Manager::status`] tells which.
    Trouble,
}

/// What a manager may be told besides.
#[derive(Clone, Debug, Default)]
pub struct ManagerOptions {
    /// The name server that is asked whether a DNS record can be seen. `None`: the system's.
    pub nameserver: Option<SocketAddr>,
    /// Seed of the jitter of pauses: something that differs between machines.
    pub seed: u64,
}

/// Has certificates made and renewed. Dropping it ends its thread, in the middle of a step if need be: the next process
/// goes on from there.
pub struct Manager {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

/// What the thread shares.
struct Shared {
    clock: Clock,
    policy: Policy,
    storage: Storage,
    challenges: Arc<Challenges>,
    worker: Arc<Worker>,
    on_change: Box<dyn Fn(Change) + Send + Sync>,
    state: Mutex<State>,
    wake: Notify,
    stop: Notify,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Manager {
    /// Starts the thread. Without wanted certificates it touches no disk and no network. `on_change` is called from that
    /// thread whenever there is something new to ask; it must not block.
    ///
    /// # Errors
    /// When the system gives no thread.
    pub fn start(
        data: &Path,
        clock: Clock,
        on_change: impl Fn(Change) + Send + Sync + 'static,
    ) -> Result<Self, CertError> {
        Self::start_with(data, clock, &ManagerOptions::default(), on_change)
    }

    /// As [`Self::start`].
    ///
    /// # Errors
    /// As [`Self::start`].
    pub fn start_with(
        data: &Path,
        clock: Clock,
        options: &ManagerOptions,
        on_change: impl Fn(Change) + Send + Sync + 'static,
    ) -> Result<Self, CertError> {
        let storage = Storage::new(data);
        let challenges = Arc::new(Challenges::default());
        let worker = Worker {
            storage: storage.clone(),
            challenges: Arc::clone(&challenges),
            dns: Dns::new(Resolver::new(options.nameserver), storage.clone()),
            accounts: tokio::sync::Mutex::default(),
        };
        let shared = Arc::new(Shared {
            clock,
            policy: Policy::new(options.seed),
            storage,
            challenges,
            worker: Arc::new(worker),
            on_change: Box::new(on_change),
            state: Mutex::default(),
            wake: Notify::new(),
            stop: Notify::new(),
        });
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(CertError::io("start the certificates' thread for", data))?;
        let driven = Arc::clone(&shared);
        let thread = std::thread::Builder::new()
            .name("certificates".into())
            .spawn(move || runtime.block_on(driver::run(&driven)))
            .map_err(CertError::io("start the certificates' thread for", data))?;
        Ok(Self {
            shared,
            thread: Some(thread),
        })
    }

    /// Replaces what is wanted. What is on disk for it can be had from [`Self::current`] when this returns.
    pub fn want(&self, wanted: Vec<Wanted>) {
        let mut state = self.shared.lock();
        state.want(wanted, &self.shared.storage);
        if !state.orders_here {
            let proofs = state.proofs(&self.shared.storage);
            // As in the thread.
            let _ = self.shared.challenges.replace(&proofs);
        }
        drop(state);
        self.shared.wake.notify_one();
    }

    /// The certificate that should serve now: also one that has expired, one from the authority that was wanted before,
    /// or, while the names change, one that covers some of them.
    #[must_use]
    pub fn current(&self, name: &SecretName) -> Option<KeyPair> {
        self.shared.lock().current(name)
    }

    /// Every wanted certificate, in the order in which they were given.
    #[must_use]
    pub fn status(&self) -> Vec<CertStatus> {
        let now = (self.shared.clock)().into();
        self.shared
            .lock()
            .status(now, &self.shared.policy, &self.shared.worker.dns)
    }

    /// Counters since the start.
    #[must_use]
    pub fn counters(&self) -> Counters {
        self.shared.lock().counters.clone()
    }

    /// Answers to pending challenges, for the listeners.
    #[must_use]
    pub fn challenges(&self) -> Arc<Challenges> {
        Arc::clone(&self.shared.challenges)
    }

    /// Ends the pause after a failure: somebody has repaired what was wrong. Limits hold, and so does what an authority
    /// asked for.
    pub fn retry(&self, name: &SecretName) {
        self.shared.lock().retry(name);
        self.shared.wake.notify_one();
    }

    /// The same for every certificate.
    pub fn retry_all(&self) {
        self.shared.lock().retry_all();
        self.shared.wake.notify_one();
    }

    /// Looks at the clock again: it was moved. Not needed for time that passes.
    pub fn wake(&self) {
        self.shared.wake.notify_one();
    }
}

impl Drop for Manager {
    fn drop(&mut self) {
        self.shared.stop.notify_one();
        if let Some(thread) = self.thread.take() {
            // A thread that panicked has said so.
            let _ = thread.join();
        }
    }
}

impl std::fmt::Debug for Manager {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Manager").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
