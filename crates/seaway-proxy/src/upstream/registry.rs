//! The clusters of the process, over all versions of the configuration.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use rustc_hash::FxHashMap;
use seaway_model::{Cluster, ClusterName, EndpointSource, Model};
use seaway_route::ClusterId;

use super::cluster::{ClusterState, Live};
use super::dns::{self, Lookups, Naming, Resolve, SystemResolver};
use super::endpoint::Homes;
use super::members::Spec;
use super::status::{self, ClusterStatus};
use super::transport::{Transport, Transports};

/// One per process. Keeps what must outlive a version: states of endpoints, ejections, budgets, DNS answers.
#[derive(Debug)]
pub struct Registry {
    clusters: Mutex<ClusterMap>,
    homes: Arc<Homes>,
    transports: Transports,
    lookups: Lookups,
    /// From when ejections are counted.
    epoch: Instant,
}

/// The clusters of one version. Immutable, and found without a lock: by number, as routes know them, or by name.
#[derive(Clone, Debug, Default)]
pub struct ClusterMap(Arc<Clusters>);

#[derive(Debug, Default)]
struct Clusters {
    /// In the model's order.
    all: Box<[Arc<ClusterState>]>,
    numbers: FxHashMap<ClusterName, ClusterId>,
}

impl ClusterMap {
    /// A cluster of this version.
    #[must_use]
    pub fn get(&self, name: &ClusterName) -> Option<&Arc<ClusterState>> {
        self.at(*self.0.numbers.get(name)?)
    }

    /// A cluster by its number in the model of this version.
    #[must_use]
    pub fn at(&self, number: ClusterId) -> Option<&Arc<ClusterState>> {
        self.0.all.get(number.0 as usize)
    }

    /// All of them, in the model's order.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<ClusterState>> {
        self.0.all.iter()
    }
}

impl Default for Registry {
    fn default() -> Self {
        Self::new()
    }
}

impl Registry {
    /// Empty; names are resolved as the system is set up to. Nothing is read or started before the first name.
    #[must_use]
    pub fn new() -> Self {
        Self::with_resolver(Arc::new(SystemResolver::default()))
    }

    /// The same with another resolver.
    #[must_use]
    pub fn with_resolver(resolver: Arc<dyn Resolve>) -> Self {
        Self {
            clusters: Mutex::default(),
            homes: Arc::default(),
            transports: Transports::default(),
            lookups: Lookups::new(resolver),
            epoch: Instant::now(),
        }
    }

    /// Brings the clusters up to a model and returns them for its version. A cluster that did not change stays the
    /// very same; of one that did, everything stays that the change does not touch.
    ///
    /// Endpoint lists take effect at once and for all versions: a request of an older one must not be sent to an
    /// endpoint that is gone.
    #[must_use]
    pub fn apply(&self, model: &Model) -> ClusterMap {
        let mut clusters = self.clusters.lock().unwrap_or_else(PoisonError::into_inner);
        let numbered = model.clusters.keys().cloned().zip((0..).map(ClusterId));
        let next = Clusters {
            all: (model.clusters.iter())
                .map(|(name, config)| self.bring_up(clusters.get(name), config, model))
                .collect(),
            numbers: numbered.collect(),
        };
        *clusters = ClusterMap(Arc::new(next));
        self.homes.prune();
        self.transports.prune();
        clusters.clone()
    }

    /// All clusters of the newest version, by name.
    #[must_use]
    pub fn status(&self) -> Vec<ClusterStatus> {
        let clusters = self
            .clusters
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone();
        let mut all: Vec<_> = clusters.iter().map(|cluster| status::of(cluster)).collect();
        all.sort_by(|a, b| a.name.cmp(&b.name));
        all
    }

    fn bring_up(
        &self,
        old: Option<&Arc<ClusterState>>,
        config: &Arc<Cluster>,
        model: &Model,
    ) -> Arc<ClusterState> {
        let transport = self.transports.of(config, model);
        let Some(old) = old else {
            return self.create(config, transport, None);
        };
        let live = old.live();
        if old.config() == config && Arc::ptr_eq(&live.set.load().spec.transport, &transport) {
            return Arc::clone(old);
        }
        let (named, was_named) = (Naming::new(&config.endpoints), live.naming.as_deref());
        if named.is_some() != was_named.is_some()
            || logical(&config.endpoints) != logical(&old.config().endpoints)
        {
            return self.create(config, transport, Some(live));
        }
        if let Some(naming) = was_named {
            naming.change(&config.endpoints);
        }
        live.update(|spec| *spec = Self::spec(config, transport, was_named));
        self.lookups.follow(live);
        Arc::new(ClusterState::new(Arc::clone(config), Arc::clone(live)))
    }

    /// `old` is a cluster of the same name whose endpoints came from elsewhere: its counts go on.
    fn create(
        &self,
        config: &Arc<Cluster>,
        transport: Arc<Transport>,
        old: Option<&Arc<Live>>,
    ) -> Arc<ClusterState> {
        let naming = Naming::new(&config.endpoints).map(Box::new);
        let spec = Self::spec(config, transport, naming.as_deref());
        let counts = old.map(|old| &**old);
        let live = Live::new(Arc::clone(&self.homes), self.epoch, naming, spec, counts);
        let live = Arc::new(live);
        self.lookups.follow(&live);
        Arc::new(ClusterState::new(Arc::clone(config), live))
    }

    fn spec(config: &Cluster, transport: Arc<Transport>, naming: Option<&Naming>) -> Spec {
        let unasked = || dns::listed(&config.endpoints, |_| Vec::new());
        Spec {
            listed: naming.map_or_else(unasked, Naming::listed),
            policy: config.balancing,
            settings: config.balancing_settings.clone(),
            transport,
        }
    }
}

fn logical(source: &EndpointSource) -> bool {
    matches!(source, EndpointSource::LogicalDns(_))
}
