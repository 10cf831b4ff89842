//! What a data plane holds of what it was told: a pure core.
//!
//! Each resource of a response is read by itself. One that cannot be used is refused with its reason, and what was held
//! under its name before stays; everything else is taken, in the same response. What is held becomes a configuration only
//! when all that it refers to has come or is known not to exist, so that a new cluster without endpoints, or a new
//! listener without routes, is never put into service.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use envoy_types::pb::envoy::config::core::v3::Node;
use envoy_types::pb::envoy::service::discovery::v3::{
    DeltaDiscoveryRequest, DeltaDiscoveryResponse, Resource,
};
use envoy_types::pb::google::rpc::Status;
use prost::Message;

use super::references;
use crate::{Kind, Resources};

/// `INVALID_ARGUMENT` of gRPC.
const INVALID: i32 = 3;

/// A resource that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// Of which type.
    pub kind: Kind,
    /// Which.
    pub name: String,
    /// Why, and what to do about it.
    pub reason: String,
}

/// Says which resources of these cannot be used, all of them at once.
pub type Judge = dyn Fn(&Resources) -> Vec<Fault> + Send + Sync;

/// What is held.
#[derive(Clone, Debug, Default)]
pub struct Holder {
    resources: Resources,
    versions: BTreeMap<(Kind, String), String>,
    /// What is asked for by name.
    asked: BTreeSet<(Kind, String)>,
    /// What was asked for and does not exist.
    absent: BTreeSet<(Kind, String)>,
    refused: BTreeMap<(Kind, String), String>,
    /// The types of which anything was heard.
    heard: BTreeSet<Kind>,
}

/// What to do after a response.
#[derive(Debug, Default)]
pub struct Reaction {
    /// To be sent, in order: the answer, and what is asked for from now on.
    pub requests: Vec<DeltaDiscoveryRequest>,
    /// Whether anything that is held has changed.
    pub changed: bool,
}

impl Holder {
    /// What to say on a new stream: all clusters and listeners are wanted, and what is held already need not be sent.
    #[must_use]
    pub fn greet(&mut self, node: &Node) -> Vec<DeltaDiscoveryRequest> {
        self.absent.clear();
        self.asked = self.wanted();
        Kind::ALL
            .into_iter()
            .filter(|kind| kind.is_wildcard() || self.asked.iter().any(|(asked, _)| asked == kind))
            .map(|kind| DeltaDiscoveryRequest {
                node: Some(node.clone()),
                type_url: kind.type_url().to_owned(),
                resource_names_subscribe: self.names(kind),
                initial_resource_versions: self.held(kind),
                ..DeltaDiscoveryRequest::default()
            })
            .collect()
    }

    fn names(&self, kind: Kind) -> Vec<String> {
        let of_kind = self.asked.iter().filter(|(asked, _)| *asked == kind);
        of_kind.map(|(_, name)| name.clone()).collect()
    }

    fn held(&self, kind: Kind) -> std::collections::HashMap<String, String> {
        let of_kind = self.versions.iter().filter(|((held, _), _)| *held == kind);
        of_kind
            .map(|((_, name), version)| (name.clone(), version.clone()))
            .collect()
    }

    /// Takes a response.
    pub fn take(&mut self, response: DeltaDiscoveryResponse, judge: &Judge) -> Reaction {
        let Some(kind) = Kind::of_type_url(&response.type_url) else {
            let reason = format!("nobody asked for {:?}", response.type_url);
            return Reaction {
                requests: vec![answer(&response.type_url, response.nonce, &[reason])],
                changed: false,
            };
        };
        let before = self.clone();
        self.heard.insert(kind);
        let mut faults = Vec::new();
        for resource in response.resources {
            if let Err(fault) = self.put(kind, resource) {
                faults.push(fault);
            }
        }
        for name in response.removed_resources {
            self.remove(kind, &name);
            self.absent.insert((kind, name));
        }
        faults.extend(self.weed(kind, &before, judge));
        let reasons: Vec<String> = faults
            .iter()
            .map(|f| format!("{}: {}", f.name, f.reason))
            .collect();
        self.refused.extend(
            faults
                .into_iter()
                .map(|fault| ((fault.kind, fault.name), fault.reason)),
        );
        let mut requests = vec![answer(kind.type_url(), response.nonce, &reasons)];
        requests.extend(self.ask());
        Reaction {
            requests,
            changed: self.versions != before.versions || self.absent != before.absent,
        }
    }

    /// Undoes what the judge does not let pass. Only what this response brought can be refused; older faults stay as
    /// they were.
    fn weed(&mut self, kind: Kind, before: &Self, judge: &Judge) -> Vec<Fault> {
        let mut faults = judge(&self.resources);
        faults.retain(|fault| {
            let key = (fault.kind, fault.name.clone());
            fault.kind == kind && self.versions.get(&key) != before.versions.get(&key)
        });
        for fault in &faults {
            self.restore(before, kind, &fault.name);
        }
        faults
    }

    fn restore(&mut self, before: &Self, kind: Kind, name: &str) {
        let (now, then) = (&mut self.resources, &before.resources);
        match kind {
            Kind::Cluster => put_back(&mut now.clusters, &then.clusters, name),
            Kind::Endpoints => put_back(&mut now.endpoints, &then.endpoints, name),
            Kind::Secret => put_back(&mut now.secrets, &then.secrets, name),
            Kind::Listener => put_back(&mut now.listeners, &then.listeners, name),
            Kind::Routes => put_back(&mut now.routes, &then.routes, name),
        }
        let key = (kind, name.to_owned());
        match before.versions.get(&key) {
            Some(version) => self.versions.insert(key, version.clone()),
            None => self.versions.remove(&key),
        };
    }

    fn put(&mut self, kind: Kind, resource: Resource) -> Result<(), Fault> {
        let name = resource.name;
        let fault = |reason: String| Fault {
            kind,
            name: name.clone(),
            reason,
        };
        let Some(any) = resource.resource else {
            return Err(fault("it has no body".to_owned()));
        };
        if any.type_url != kind.type_url() {
            return Err(fault(format!(
                "it is a {:?}, not a {:?}",
                any.type_url,
                kind.type_url()
            )));
        }
        let held = &mut self.resources;
        let put = match kind {
            Kind::Cluster => insert(&mut held.clusters, &name, &any.value),
            Kind::Endpoints => insert(&mut held.endpoints, &name, &any.value),
            Kind::Secret => insert(&mut held.secrets, &name, &any.value),
            Kind::Listener => insert(&mut held.listeners, &name, &any.value),
            Kind::Routes => insert(&mut held.routes, &name, &any.value),
        };
        put.map_err(|error| fault(format!("it cannot be read: {error}")))?;
        let key = (kind, name);
        self.absent.remove(&key);
        self.refused.remove(&key);
        self.versions.insert(key, resource.version);
        Ok(())
    }

    fn remove(&mut self, kind: Kind, name: &str) {
        let held = &mut self.resources;
        match kind {
            Kind::Cluster => drop(held.clusters.remove(name)),
            Kind::Endpoints => drop(held.endpoints.remove(name)),
            Kind::Secret => drop(held.secrets.remove(name)),
            Kind::Listener => drop(held.listeners.remove(name)),
            Kind::Routes => drop(held.routes.remove(name)),
        }
        let key = (kind, name.to_owned());
        self.versions.remove(&key);
        self.refused.remove(&key);
    }

    /// What is referred to.
    fn wanted(&self) -> BTreeSet<(Kind, String)> {
        let clusters = self
            .resources
            .clusters
            .values()
            .flat_map(|cluster| references::of_cluster(cluster));
        let listeners = self
            .resources
            .listeners
            .values()
            .flat_map(|l| references::of_listener(l));
        clusters.chain(listeners).collect()
    }

    /// Asks for what is new among what is referred to, and no longer for what is not referred to.
    fn ask(&mut self) -> Vec<DeltaDiscoveryRequest> {
        let wanted = self.wanted();
        let new: Vec<_> = wanted.difference(&self.asked).cloned().collect();
        let old: Vec<_> = self.asked.difference(&wanted).cloned().collect();
        for (kind, name) in &old {
            self.remove(*kind, name);
            self.absent.remove(&(*kind, name.clone()));
        }
        self.asked = wanted;
        let of = |list: &[(Kind, String)], kind: Kind| -> Vec<String> {
            let of_kind = list.iter().filter(|(k, _)| *k == kind);
            of_kind.map(|(_, name)| name.clone()).collect()
        };
        Kind::ALL
            .into_iter()
            .map(|kind| DeltaDiscoveryRequest {
                type_url: kind.type_url().to_owned(),
                resource_names_subscribe: of(&new, kind),
                resource_names_unsubscribe: of(&old, kind),
                ..DeltaDiscoveryRequest::default()
            })
            .filter(|r| !r.resource_names_subscribe.is_empty() || !r.resource_names_unsubscribe.is_empty())
            .collect()
    }

    /// What is held, whether or not it is complete.
    #[must_use]
    pub fn resources(&self) -> &Resources {
        &self.resources
    }

    /// Whether all that is asked for as a whole has been answered: before that, what is held may be half of it.
    #[must_use]
    pub fn is_begun(&self) -> bool {
        let mut wholes = Kind::ALL.into_iter().filter(|kind| kind.is_wildcard());
        wholes.all(|kind| self.heard.contains(&kind))
    }

    /// What was asked for and has not come, and is not known to be absent.
    #[must_use]
    pub fn missing(&self) -> Vec<(Kind, String)> {
        let has = |(kind, name): &&(Kind, String)| {
            self.absent.contains(&(*kind, name.clone())) || self.versions.contains_key(&(*kind, name.clone()))
        };
        let missing = self.asked.iter().filter(|asked| !has(asked));
        missing
            .filter(|key| !self.refused.contains_key(key))
            .cloned()
            .collect()
    }

    /// What was refused and why.
    #[must_use]
    pub fn refused(&self) -> Vec<Fault> {
        let fault = |((kind, name), reason): (&(Kind, String), &String)| Fault {
            kind: *kind,
            name: name.clone(),
            reason: reason.clone(),
        };
        self.refused.iter().map(fault).collect()
    }

    /// Everything as responses, for keeping.
    #[must_use]
    pub fn save(&self) -> Vec<DeltaDiscoveryResponse> {
        let resources = |kind: Kind| -> Vec<Resource> {
            let of_kind = self.versions.iter().filter(|((held, _), _)| *held == kind);
            of_kind
                .filter_map(|((_, name), version)| self.packed(kind, name, version))
                .collect()
        };
        Kind::ALL
            .into_iter()
            .map(|kind| DeltaDiscoveryResponse {
                type_url: kind.type_url().to_owned(),
                resources: resources(kind),
                ..DeltaDiscoveryResponse::default()
            })
            .collect()
    }

    fn packed(&self, kind: Kind, name: &str, version: &str) -> Option<Resource> {
        let held = &self.resources;
        let value = match kind {
            Kind::Cluster => held.clusters.get(name)?.encode_to_vec(),
            Kind::Endpoints => held.endpoints.get(name)?.encode_to_vec(),
            Kind::Secret => held.secrets.get(name)?.encode_to_vec(),
            Kind::Listener => held.listeners.get(name)?.encode_to_vec(),
            Kind::Routes => held.routes.get(name)?.encode_to_vec(),
        };
        Some(Resource {
            name: name.to_owned(),
            version: version.to_owned(),
            resource: Some(envoy_types::pb::google::protobuf::Any {
                type_url: kind.type_url().to_owned(),
                value,
            }),
            ..Resource::default()
        })
    }
}

fn insert<M: Message + Default>(
    held: &mut BTreeMap<String, Arc<M>>,
    name: &str,
    body: &[u8],
) -> Result<(), prost::DecodeError> {
    held.insert(name.to_owned(), Arc::new(M::decode(body)?));
    Ok(())
}

fn put_back<M>(now: &mut BTreeMap<String, Arc<M>>, then: &BTreeMap<String, Arc<M>>, name: &str) {
    match then.get(name) {
        Some(message) => now.insert(name.to_owned(), Arc::clone(message)),
        None => now.remove(name),
    };
}

fn answer(type_url: &str, nonce: String, reasons: &[String]) -> DeltaDiscoveryRequest {
    let error_detail = (!reasons.is_empty()).then(|| Status {
        code: INVALID,
        message: reasons.join("; "),
        details: Vec::new(),
    });
    DeltaDiscoveryRequest {
        type_url: type_url.to_owned(),
        response_nonce: nonce,
        error_detail,
        ..DeltaDiscoveryRequest::default()
    }
}

#[cfg(test)]
mod tests;
