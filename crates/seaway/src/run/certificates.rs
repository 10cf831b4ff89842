//! Certificates of the running gateway: who makes them, who answers for them, and what operators see of them.

use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher as _, Hasher as _};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::SystemTime;

use seaway_certs::acme::{self, Challenges, Clock, Manager, ManagerOptions};
use seaway_certs::{CertStore, Problem};
use seaway_model::{KeyPair, Model};
use seaway_proxy::challenges::AcmeChallenges;
use seaway_telemetry::catalog::{
    CERTIFICATE_EXPIRY, CERTIFICATE_FAILURES, CERTIFICATE_ORDERS, CERTIFICATE_RENEWALS,
};
use seaway_telemetry::{Exposition, Telemetry};

use self::expiry::Expiries;

mod expiry;

/// The issuers.
pub struct Certificates {
    store: CertStore,
    manager: Arc<Manager>,
    expiries: Arc<Mutex<Expiries>>,
}

/// Asks how certificates are, as long as this process is who orders them.
#[derive(Clone, Debug, Default)]
pub struct View(Weak<Manager>);

impl Certificates {
    /// Starts the thread that orders. It does nothing until a certificate is wanted. `on_change` is called when
    /// [`Self::fulfil`] has something new to say.
    pub fn start(data: &Path, on_change: impl Fn() + Send + Sync + 'static) -> anyhow::Result<Self> {
        let clock: Clock = Arc::new(SystemTime::now);
        let options = ManagerOptions {
            // Differs with every process: the standard library's own source of randomness.
            seed: RandomState::new().build_hasher().finish(),
            ..ManagerOptions::default()
        };
        Ok(Self {
            store: CertStore::open(data),
            manager: Arc::new(Manager::start_with(data, clock, &options, on_change)?),
            expiries: Arc::default(),
        })
    }

    /// Replaces what is wanted.
    pub fn want(&self, model: &Model) {
        self.manager.want(acme::wanted(model));
    }

    /// The model with every certificate that is there.
    pub fn fulfil(&self, model: &Model) -> (Model, Vec<Problem>) {
        let (model, problems) =
            seaway_certs::fulfil(model, &self.store, Some(&*self.manager), SystemTime::now());
        *self.expiries.lock().unwrap_or_else(PoisonError::into_inner) = Expiries::of(&model);
        (model, problems)
    }

    /// When applying again renews a certificate of the test authority. What comes from elsewhere tells by itself.
    pub fn renew_at(&self) -> Option<SystemTime> {
        self.store.renew_at()
    }

    /// What the admin port asks.
    pub fn view(&self) -> View {
        View(Arc::downgrade(&self.manager))
    }

    /// Adds expiry and counts to every scrape.
    pub fn register(&self, telemetry: &Telemetry) {
        let (manager, expiries) = (Arc::downgrade(&self.manager), Arc::downgrade(&self.expiries));
        telemetry.register(Box::new(move |exposition| {
            if let Some(expiries) = expiries.upgrade() {
                let expiries = expiries.lock().unwrap_or_else(PoisonError::into_inner);
                let mut samples = exposition.family(CERTIFICATE_EXPIRY);
                for (domain, at) in expiries.iter() {
                    samples.sample(&[domain], at);
                }
            }
            if let Some(manager) = manager.upgrade() {
                count(exposition, &manager);
            }
        }));
    }
}

impl View {
    /// For `/certs`.
    pub fn status(&self) -> serde_json::Value {
        let status = self.0.upgrade().map(|manager| manager.status());
        // A status is text and times, which JSON can always say.
        serde_json::to_value(status.unwrap_or_default()).unwrap_or_default()
    }
}

fn count(exposition: &mut Exposition, manager: &Manager) {
    let counters = manager.counters();
    exposition.family(CERTIFICATE_ORDERS).sample(&[], counters.orders);
    exposition
        .family(CERTIFICATE_RENEWALS)
        .sample(&[], counters.renewals);
    let mut failures = exposition.family(CERTIFICATE_FAILURES);
    for (kind, count) in &counters.failures {
        failures.sample(&[kind.as_str()], *count);
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

impl Certificates {
    /// What listeners answer authorities.
    pub fn challenges(&self) -> Arc<dyn AcmeChallenges> {
        Arc::new(Answers(self.manager.challenges()))
    }
}
