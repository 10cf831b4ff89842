//! Envoy → Model.
//!
//! Everything that `encode` writes is read again, and of what other control planes write as much as the model can say. A
//! resource that cannot be read is refused with a reason, alone; of a readable one, parts that cannot be said are refused
//! and the rest is kept. Nothing that comes from outside makes it panic.

pub(crate) mod action;
pub(crate) mod cluster;
pub(crate) mod filters;
pub(crate) mod l4;
pub(crate) mod limits;
pub(crate) mod listener;
pub(crate) mod matching;
pub(crate) mod route;
pub(crate) mod tls;

use std::collections::BTreeMap;
use std::sync::Arc;

use envoy_types::pb::envoy::config::core::v3::Metadata;
use seaway_model::{ClusterName, Model, Origin, Secret, SecretName};

use crate::notes::Notes;
use crate::{Kind, Resources};

/// What was read.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Decoded {
    /// All that could be.
    pub model: Model,
    /// What could not be.
    pub rejected: Vec<Rejected>,
}

/// A resource of which something could not be read.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Rejected {
    /// Its kind.
    pub kind: Kind,
    /// Its name.
    pub name: String,
    /// Why, for the control plane.
    pub why: String,
    /// Whether the rest of it is in the model.
    pub partly: bool,
}

/// Reads resources.
#[must_use]
pub fn decode(resources: &Resources) -> Decoded {
    let mut decoded = Decoded::default();
    let mut rejected = Vec::new();
    for (name, said) in &resources.clusters {
        let mut refusals = Vec::new();
        let service = said
            .eds_cluster_config
            .as_ref()
            .map_or("", |eds| eds.service_name.as_str());
        let service = if service.is_empty() { name } else { service };
        let assignment = resources.endpoints.get(service).map(Arc::as_ref);
        match cluster::cluster(said, assignment, &mut refusals) {
            Ok(read) => {
                decoded
                    .model
                    .clusters
                    .insert(ClusterName(name.as_str().into()), Arc::new(read));
                reject(&mut rejected, Kind::Endpoints, service, refusals, true);
            }
            Err(why) => reject(&mut rejected, Kind::Cluster, name, vec![why], false),
        }
    }
    for (name, said) in &resources.listeners {
        let mut refusals = Vec::new();
        match listener::listener(said, resources, &mut refusals) {
            Ok(read) => {
                decoded.model.listeners.push(Arc::new(read));
                reject(&mut rejected, Kind::Routes, name, refusals, true);
            }
            Err(why) => reject(&mut rejected, Kind::Listener, name, vec![why], false),
        }
    }
    let origins = origins(resources);
    for (name, said) in &resources.secrets {
        match tls::material(said) {
            Ok(material) => {
                let name = SecretName(name.as_str().into());
                let secret = Secret {
                    origin: origins.get(&*name.0).cloned().unwrap_or_default(),
                    name: name.clone(),
                    material,
                };
                decoded.model.secrets.insert(name, Arc::new(secret));
            }
            Err(why) => reject(&mut rejected, Kind::Secret, name, vec![why], false),
        }
    }
    decoded.rejected = rejected;
    decoded
}

fn reject(all: &mut Vec<Rejected>, kind: Kind, name: &str, reasons: Vec<String>, partly: bool) {
    all.extend(reasons.into_iter().map(|why| Rejected {
        kind,
        name: name.to_owned(),
        why,
        partly,
    }));
}

/// Where secrets were written stands at those who use them.
fn origins(resources: &Resources) -> BTreeMap<String, Origin> {
    let noted = |metadata: Option<&Metadata>| {
        Notes::of(metadata)
            .get::<BTreeMap<String, Origin>>("secrets")
            .unwrap_or_default()
    };
    let listeners = resources
        .listeners
        .values()
        .map(|listener| noted(listener.metadata.as_ref()));
    let clusters = resources
        .clusters
        .values()
        .map(|cluster| noted(cluster.metadata.as_ref()));
    listeners.chain(clusters).flatten().collect()
}
