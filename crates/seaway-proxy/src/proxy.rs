//! The running data plane: starts the workers, applies models, drains.
//!
//! Applying is done on the calling thread, off the data path: certificates are parsed, the snapshot is built and
//! published in one step, then listeners are brought in line. Publishing comes first, so that a connection never meets
//! a listener that its snapshot does not know.

mod bind;
mod listeners;

use std::os::fd::RawFd;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use seaway_model::Model;
use seaway_telemetry::Sinks;

pub use listeners::ListenerStatus;
use listeners::Listeners;

use crate::context::Shared;
use crate::downstream::{Handler, Site, Stats};
use crate::options::Options;
use crate::snapshot::Snapshot;
use crate::worker::Worker;

/// The data plane. Dropping it stops the workers at once; [`Proxy::drain`] first lets connections finish.
#[derive(Debug)]
pub struct Proxy {
    shared: Arc<Shared>,
    /// One change at a time; readers never wait for it.
    state: Mutex<State>,
    statuses: Mutex<Vec<ListenerStatus>>,
}

#[derive(Debug)]
struct State {
    version: u64,
    workers: Vec<Worker>,
    listeners: Listeners,
}

/// How a drain ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Drained {
    /// Connections and sessions that the time-out cut off; 0 when all finished.
    pub cut_off: usize,
}

impl Proxy {
    /// Starts the workers, with the pipeline behind them. Nothing is served before [`Proxy::apply`].
    ///
    /// # Errors
    /// When the system gives no threads or event queues.
    pub fn start(options: Options, sinks: Arc<dyn Sinks>) -> std::io::Result<Self> {
        Self::start_with(options, sinks, crate::pipeline::Pipeline)
    }

    /// The same with something else behind the connections.
    ///
    /// # Errors
    /// When the system gives no threads or event queues.
    #[expect(
        clippy::needless_pass_by_value,
        reason = "the sinks are the workers' from now on"
    )]
    pub fn start_with<H: Handler>(
        mut options: Options,
        sinks: Arc<dyn Sinks>,
        handler: H,
    ) -> std::io::Result<Self> {
        options.workers = options.workers.max(1);
        let inherited = std::mem::take(&mut options.inherited);
        let shared = Arc::new(Shared::new(options));
        let workers = (0..shared.options.workers)
            .map(|worker| {
                let site = Site::new(Arc::clone(&shared), worker, handler.clone());
                Worker::start(site, Arc::clone(&sinks))
            })
            .collect::<std::io::Result<Vec<_>>>()?;
        Ok(Self {
            shared,
            state: Mutex::new(State {
                version: 0,
                workers,
                listeners: Listeners::new(inherited),
            }),
            statuses: Mutex::default(),
        })
    }

    /// Serves a model from now on, and says what became of its listeners. Blocks for as long as building takes; requests
    /// are served meanwhile. A listener that cannot be bound is tried again with the next model.
    pub fn apply(&self, model: &Arc<Model>) -> Vec<ListenerStatus> {
        let mut state = lock(&self.state);
        let State {
            version,
            workers,
            listeners,
        } = &mut *state;
        *version += 1;
        let unusable = self.shared.certificates.add(model);
        let snapshot = Snapshot::build(*version, model, &self.shared.registry);
        self.shared.published.store(Arc::new(snapshot));
        self.shared.certificates.keep_only(model);
        let statuses = listeners.reconcile(model, &self.shared.options, workers, &unusable);
        lock(&self.statuses).clone_from(&statuses);
        statuses
    }

    /// What became of the listeners of the last model.
    #[must_use]
    pub fn listeners(&self) -> Vec<ListenerStatus> {
        lock(&self.statuses).clone()
    }

    /// The configuration that is served.
    #[must_use]
    pub fn snapshot(&self) -> Arc<Snapshot> {
        self.shared.published.load()
    }

    /// What all connections share.
    #[must_use]
    pub fn shared(&self) -> &Arc<Shared> {
        &self.shared
    }

    /// Downstream connections under way.
    #[must_use]
    pub fn connections(&self) -> usize {
        self.shared.connections.open()
    }

    /// What happened on downstream connections.
    #[must_use]
    pub fn stats(&self) -> Stats {
        self.shared
            .counters
            .stats(self.connections(), self.shared.sessions.open())
    }

    /// The listening sockets, for a process that is to take them over: duplicate them into it and give them as
    /// [`Options::inherited`] under the same keys. Several sockets have the same key, one for each worker. They are
    /// valid while this proxy neither applies another model nor drains.
    #[must_use]
    pub fn listener_fds(&self) -> Vec<(String, RawFd)> {
        lock(&self.state).listeners.descriptors()
    }

    /// Stops accepting, lets every connection finish, and stops the workers. Connections that are in the kernel's
    /// queues are served, HTTP/1.1 is told `connection: close`, HTTP/2 gets a GOAWAY, upgraded and relayed connections are
    /// waited for.
    /// Blocks for at most about `timeout`.
    pub fn drain(&self, timeout: Duration) -> Drained {
        let start = Instant::now();
        {
            let mut state = lock(&self.state);
            let State {
                workers, listeners, ..
            } = &mut *state;
            listeners.close_all(workers);
            lock(&self.statuses).clear();
        }
        let left = timeout.saturating_sub(start.elapsed());
        let connections = self.shared.connections.wait_for_none(left);
        let left = timeout.saturating_sub(start.elapsed());
        let cut_off = connections + self.shared.sessions.wait_for_none(left);
        let workers = std::mem::take(&mut lock(&self.state).workers);
        drop(workers);
        Drained { cut_off }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
