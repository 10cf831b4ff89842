//! One version of the configuration, as the data path sees it.

use std::sync::Arc;

use arc_swap::ArcSwap;
use seaway_model::Model;
use seaway_route::RouteTable;

/// Immutable. A request loads it once and lives its whole life in it.
#[derive(Debug)]
pub struct Snapshot {
    /// Counts from 1 with every published change; 0 is the empty configuration before the first.
    pub version: u64,
    /// Routes, and the model they were built from.
    pub table: RouteTable,
}

impl Snapshot {
    /// Prepares a model for serving. Costly; runs off the data path.
    #[must_use]
    pub fn build(version: u64, model: &Arc<Model>) -> Self {
        Self {
            version,
            table: RouteTable::build(model),
        }
    }
}

/// Where the newest snapshot is published.
#[derive(Debug)]
pub struct Published(ArcSwap<Snapshot>);

impl Default for Published {
    fn default() -> Self {
        Self(ArcSwap::from_pointee(Snapshot::build(
            0,
            &Arc::new(Model::default()),
        )))
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
