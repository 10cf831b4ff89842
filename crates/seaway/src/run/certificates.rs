//! Certificates of the running gateway: who makes them, who answers for them, and what operators see of them.

use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher as _, Hasher as _};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, SystemTime};

use seaway_api::Resources;
use seaway_certs::acme::{self, CertStatus, Challenges, Change, Clock, Manager, ManagerOptions};
use seaway_certs::{CertStore, Inventory, Problem};
use seaway_model::{KeyPair, Model, Report};
use seaway_proxy::challenges::AcmeChallenges;
use seaway_telemetry::Telemetry;

use self::herald::Herald;
use crate::cli::ServeArgs;

mod herald;
mod metrics;
mod refused;

/// How often the files that a model names are looked at. They change every few weeks.
const LOOK: Duration = Duration::from_secs(2);
/// One of the test authority that could not be renewed is tried again, but not in a loop that does nothing else.
const RENEW_AGAIN: Duration = Duration::from_secs(60);
/// So that an end that has just been missed is not waited for in a loop.
const SHORT: Duration = Duration::from_millis(10);
/// A clock may be set meanwhile.
const LONG: Duration = Duration::from_secs(3600);

/// The issuers.
pub struct Certificates {
    store: CertStore,
    manager: Arc<Manager>,
    clock: Clock,
    listed: Arc<Mutex<Listed>>,
    herald: Herald,
}

/// What is known besides what the manager says.
#[derive(Default)]
struct Listed {
    inventory: Inventory,
    /// Those that compiling left out, and why.
    refused: Vec<CertStatus>,
}

/// Asks how certificates are, as long as this process is who cares for them.
#[derive(Clone)]
pub struct View {
    manager: Weak<Manager>,
    listed: Weak<Mutex<Listed>>,
    clock: Clock,
}

impl Certificates {
    /// Starts the thread that orders. It does nothing until a certificate is wanted. `on_change` is called, from that
    /// thread, when [`Self::fulfil`] or [`Self::news`] has something new to say.
    pub fn start(
        args: &ServeArgs,
        on_change: impl Fn(Change) + Send + Sync + 'static,
    ) -> anyhow::Result<Self> {
        let ahead = args.clock_offset;
        let clock: Clock = Arc::new(move || SystemTime::now() + ahead);
        let options = ManagerOptions {
            // Differs with every process: the standard library's own source of randomness.
            seed: RandomState::new().build_hasher().finish(),
            nameserver: args.dns_server,
        };
        let manager = Manager::start_with(&args.data, Arc::clone(&clock), &options, on_change)?;
        Ok(Self {
            store: CertStore::open(&args.data),
            manager: Arc::new(manager),
            clock,
            listed: Arc::default(),
            herald: Herald::default(),
        })
    }

    /// Replaces what is wanted: what compiling gave, and what it said of certificates that it left out.
    pub fn want(&self, model: &Model, report: &Report, resources: &Resources) {
        self.manager.want(acme::wanted(model));
        lock(&self.listed).refused = refused::refused(model, report, resources);
    }

    /// The model with every certificate that is there.
    pub fn fulfil(&self, compiled: &Model) -> (Model, Vec<Problem>) {
        let (model, problems) = seaway_certs::fulfil(compiled, &self.store, Some(&*self.manager), self.now());
        lock(&self.listed).inventory = Inventory::of(compiled, &model, &problems, &self.store);
        (model, problems)
    }

    /// Somebody asked for a reload: maybe what was wrong is repaired. Files are read again, and what failed is tried again.
    pub fn reload(&self) {
        self.store.read_files_again();
        self.manager.retry_all();
    }

    /// Whether [`Self::fulfil`] has something to do although nobody told: a certificate of the test authority is due, or a
    /// file has changed. What ACME makes tells by itself.
    pub fn are_due(&self) -> bool {
        let now = self.now();
        self.store.files_changed() || self.store.renew_at().is_some_and(|at| at <= now)
    }

    /// How long until that may be so, or until a certificate expires.
    pub fn patience(&self) -> Duration {
        let now = self.now();
        let until = |at: SystemTime| at.duration_since(now).unwrap_or_default();
        let renewal = self.store.renew_at().map(|at| until(at).max(RENEW_AGAIN));
        let expiry = herald::next_expiry(&self.view().list(), now).map(|at| until(at).max(SHORT));
        let look = self.store.has_files().then_some(LOOK);
        [renewal, expiry, look]
            .into_iter()
            .flatten()
            .fold(LONG, Duration::min)
    }

    /// What there is to say aloud since the last call, a line each.
    pub fn news(&mut self) -> Vec<String> {
        let list = self.view().list();
        self.herald.news(&list)
    }

    /// What the admin port asks.
    pub fn view(&self) -> View {
        View {
            manager: Arc::downgrade(&self.manager),
            listed: Arc::downgrade(&self.listed),
            clock: Arc::clone(&self.clock),
        }
    }

    /// Adds expiry and counts to every scrape.
    pub fn register(&self, telemetry: &Telemetry) {
        let view = self.view();
        telemetry.register(Box::new(move |exposition| {
            metrics::expiries(exposition, &view.list());
            if let Some(manager) = view.manager.upgrade() {
                metrics::counts(exposition, &manager.counters());
            }
        }));
    }

    /// What listeners answer authorities.
    pub fn challenges(&self) -> Arc<dyn AcmeChallenges> {
        Arc::new(Answers(self.manager.challenges()))
    }

    fn now(&self) -> SystemTime {
        (self.clock)()
    }
}

impl View {
    /// Every certificate.
    pub fn list(&self) -> Vec<CertStatus> {
        let (Some(manager), Some(listed)) = (self.manager.upgrade(), self.listed.upgrade()) else {
            return Vec::new();
        };
        let of_acme = manager.status();
        let listed = lock(&listed);
        let mut list = listed.inventory.status(of_acme, (self.clock)());
        list.extend(listed.refused.iter().cloned());
        list
    }

    /// For `/certs`.
    pub fn status(&self) -> serde_json::Value {
        // A status is text and times, which JSON can always say.
        serde_json::to_value(self.list()).unwrap_or_default()
    }
}

/// What is pending, for listeners.
#[derive(Debug)]
struct Answers(Arc<Challenges>);

impl AcmeChallenges for Answers {
    fn http01(&self, token: &str) -> Option<Arc<str>> {
        self.0.http01(token)
    }

    fn tls_alpn01(&self, server_name: &str) -> Option<Arc<KeyPair>> {
        self.0.tls_alpn01(server_name)
    }
}

fn lock(listed: &Mutex<Listed>) -> MutexGuard<'_, Listed> {
    listed.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
