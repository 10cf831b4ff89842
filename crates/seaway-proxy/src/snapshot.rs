//! One version of the configuration, as the data path sees it.

use std::sync::Arc;

use arc_swap::ArcSwap;
use seaway_model::{ClusterName, Model};
use seaway_route::RouteTable;

use crate::upstream::{ClusterMap, ClusterState, Registry};

/// Immutable. A request loads it once and lives its whole life in it.
#[derive(Debug)]
pub struct Snapshot {
    /// Counts from 1 with every published change; 0 is the empty configuration before the first.
    pub version: u64,
    /// Routes, and the model they were built from.
    pub table: RouteTable,
    /// The model's clusters, each with the state that outlives this version.
    pub clusters: ClusterMap,
}

impl Snapshot {
    /// Prepares a model for serving, and brings the registry's clusters up to it. Costly; runs off the data path, and
    /// in the order of versions.
    #[must_use]
    pub fn build(version: u64, model: &Arc<Model>, registry: &Registry) -> Self {
        Self {
            version,
            table: RouteTable::build(model),
            clusters: registry.apply(model),
        }
    }

    /// The cluster a route names. `None` only for a name that is not in the model.
    #[must_use]
    pub fn cluster(&self, name: &ClusterName) -> Option<&Arc<ClusterState>> {
        self.clusters.get(name)
    }
}

/// Where the newest snapshot is published.
#[derive(Debug)]
pub struct Published(ArcSwap<Snapshot>);

/// Starts with the empty configuration, which needs no registry.
impl Default for Published {
    fn default() -> Self {
        Self(ArcSwap::from_pointee(Snapshot {
            version: 0,
            table: RouteTable::build(&Arc::default()),
            clusters: ClusterMap::default(),
        }))
    }
}

impl Published {
    /// The newest.
    #[must_use]
    pub fn load(&self) -> Arc<Snapshot> {
        self.0.load_full()
    }

    /// Replaces it, in one step.
    pub fn store(&self, snapshot: Arc<Snapshot>) {
        self.0.store(snapshot);
    }
}
