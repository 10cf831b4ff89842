//! The clusters of the process, over all versions of the configuration.

use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use rustc_hash::FxHashMap;
use seaway_model::{Cluster, ClusterName, Endpoint, EndpointSource, Model, NamedEndpoint};

use super::cluster::{ClusterState, Live};
use super::dns::{Lookups, Resolve, SystemResolver};
use super::endpoint::Homes;
use super::status::{self, ClusterStatus};

/// One per process. Keeps what must outlive a version: states of endpoints, ejections, budgets, DNS answers.
#[derive(Debug)]
pub struct Registry {
    clusters: Mutex<ClusterMap>,
    homes: Arc<Homes>,
    lookups: Lookups,
    /// From when ejections are counted.
    epoch: Instant,
}

/// The clusters of one version. Immutable, and found without a lock.
#[derive(Clone, Debug, Default)]
pub struct ClusterMap(Arc<FxHashMap<ClusterName, Arc<ClusterState>>>);

impl ClusterMap {
    /// A cluster of this version.
    #[must_use]
    pub fn get(&self, name: &ClusterName) -> Option<&Arc<ClusterState>> {
        self.0.get(name)
    }

    /// All of them, in no order.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<ClusterState>> {
        self.0.values()
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
        let next = model
            .clusters
            .iter()
            .map(|(name, config)| (name.clone(), self.bring_up(clusters.get(name), config)))
            .collect();
        *clusters = ClusterMap(Arc::new(next));
        self.homes.prune();
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

    fn bring_up(&self, old: Option<&Arc<ClusterState>>, config: &Arc<Cluster>) -> Arc<ClusterState> {
        let Some(old) = old else {
            return self.create(config);
        };
        if old.config() == config {
            return Arc::clone(old);
        }
        let same_name = match (&old.config().endpoints, &config.endpoints) {
            (EndpointSource::Dns(_) | EndpointSource::LogicalDns(_), new) => old.config().endpoints == *new,
            (EndpointSource::Static(_), new) => matches!(new, EndpointSource::Static(_)),
        };
        if !same_name {
            return self.create(config);
        }
        let live = old.live();
        live.set_policy(config.balancing);
        if let Some(endpoints) = listed(&config.endpoints) {
            live.set_endpoints(&endpoints);
        }
        Arc::new(ClusterState::new(Arc::clone(config), Arc::clone(live)))
    }

    fn create(&self, config: &Arc<Cluster>) -> Arc<ClusterState> {
        let listed = listed(&config.endpoints);
        let naming = listed.is_none().then(Box::default);
        let live = Arc::new(Live::new(Arc::clone(&self.homes), self.epoch, naming));
        live.set_policy(config.balancing);
        match (listed, &config.endpoints) {
            (Some(endpoints), _) => live.set_endpoints(&endpoints),
            (None, source) => {
                if let Some(name) = only_name(source) {
                    self.lookups.start(&live, &name.host, name.port);
                }
            }
        }
        Arc::new(ClusterState::new(Arc::clone(config), live))
    }
}

/// The endpoints that need no lookup: those of a list, and the one that an IP address in the place of a name is.
fn listed(source: &EndpointSource) -> Option<std::borrow::Cow<'_, [Endpoint]>> {
    match source {
        EndpointSource::Static(endpoints) => Some(endpoints.into()),
        EndpointSource::Dns(_) | EndpointSource::LogicalDns(_) => {
            let NamedEndpoint { host, port, .. } = only_name(source)?;
            let bare = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
            let ip: IpAddr = bare.unwrap_or(host).parse().ok()?;
            Some(vec![Endpoint::new(SocketAddr::new(ip, *port))].into())
        }
    }
}

fn only_name(source: &EndpointSource) -> Option<&NamedEndpoint> {
    match source {
        EndpointSource::Static(_) => None,
        EndpointSource::Dns(names) => names.first(),
        EndpointSource::LogicalDns(name) => Some(name),
    }
}
