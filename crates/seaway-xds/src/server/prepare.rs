//! From messages to bytes that can be sent, and what they refer to.
//!
//! Protobuf gives maps no order, so equal messages may have different bytes. What is equal to what was prepared before
//! is therefore not written again: it keeps its bytes and with them its version.

use std::collections::BTreeMap;
use std::sync::Arc;

use envoy_types::pb::envoy::config::cluster::v3::Cluster;
use envoy_types::pb::envoy::config::cluster::v3::cluster::{ClusterDiscoveryType, DiscoveryType};
use prost::Message;

use super::snapshot::{Resource, Versioned};
use crate::{Kind, Resources};

/// What was prepared last.
#[derive(Debug, Default)]
pub(super) struct Prepared {
    messages: Resources,
    ready: BTreeMap<(Kind, Arc<str>), Arc<Versioned>>,
}

impl Prepared {
    /// All resources, ready to be sent.
    pub(super) fn all(&mut self, resources: &Resources) -> Vec<Arc<Versioned>> {
        let mut all = Vec::new();
        let old = &self.messages;
        let ready = &self.ready;
        prepare(
            &mut all,
            ready,
            Kind::Cluster,
            &old.clusters,
            &resources.clusters,
            cluster_needs,
        );
        prepare(
            &mut all,
            ready,
            Kind::Endpoints,
            &old.endpoints,
            &resources.endpoints,
            |_| Vec::new(),
        );
        prepare(
            &mut all,
            ready,
            Kind::Secret,
            &old.secrets,
            &resources.secrets,
            |_| Vec::new(),
        );
        prepare(
            &mut all,
            ready,
            Kind::Listener,
            &old.listeners,
            &resources.listeners,
            |_| Vec::new(),
        );
        prepare(
            &mut all,
            ready,
            Kind::Routes,
            &old.routes,
            &resources.routes,
            |_| Vec::new(),
        );
        self.ready = all
            .iter()
            .map(|entry| {
                (
                    (entry.resource.kind, Arc::clone(&entry.resource.name)),
                    Arc::clone(entry),
                )
            })
            .collect();
        self.messages = resources.clone();
        all
    }
}

fn prepare<M: Message + PartialEq>(
    all: &mut Vec<Arc<Versioned>>,
    ready: &BTreeMap<(Kind, Arc<str>), Arc<Versioned>>,
    kind: Kind,
    old: &BTreeMap<String, Arc<M>>,
    new: &BTreeMap<String, Arc<M>>,
    needs: impl Fn(&M) -> Vec<(Kind, Arc<str>)>,
) {
    for (name, message) in new {
        let same = old
            .get(name)
            .is_some_and(|old| Arc::ptr_eq(old, message) || old == message);
        let name: Arc<str> = name.as_str().into();
        let kept = ready.get(&(kind, Arc::clone(&name))).filter(|_| same);
        let entry = kept.cloned().unwrap_or_else(|| {
            Versioned::new(Resource {
                kind,
                name,
                body: message.encode_to_vec().into(),
                needs: needs(message),
            })
        });
        all.push(entry);
    }
}

/// A cluster whose endpoints come by EDS is not ready without them.
fn cluster_needs(cluster: &Cluster) -> Vec<(Kind, Arc<str>)> {
    let eds = Some(ClusterDiscoveryType::Type(DiscoveryType::Eds as i32));
    if cluster.cluster_discovery_type != eds {
        return Vec::new();
    }
    let named = cluster
        .eds_cluster_config
        .as_ref()
        .map(|config| config.service_name.as_str());
    let name = named.filter(|name| !name.is_empty()).unwrap_or(&cluster.name);
    vec![(Kind::Endpoints, name.into())]
}
