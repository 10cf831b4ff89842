//! The clusters that references lead to, each made once.
//!
//! A cluster's name says everything by which two references may differ (port, subset, whose rule, balancing), so that
//! equal names are equal clusters and pools survive every change that does not touch them.

use std::collections::BTreeMap;
use std::sync::Arc;

use seaway_model::{Balancing, Cluster, ClusterName, HashOn, Millis, Origin, Secret, SecretName};

use super::backend::{self, Backend};
use super::locality::{self, Here};
use super::policy::Policy;
use super::ports::Port;

/// How long making a connection may take where nobody says otherwise: long enough for a lost SYN or two, short enough to
/// try another endpoint.
const CONNECT_TIMEOUT: Millis = Millis(5_000);

/// Clusters by name, and the secrets that they need.
pub(super) struct Clusters {
    made: BTreeMap<ClusterName, Arc<Cluster>>,
    secrets: BTreeMap<SecretName, Arc<Secret>>,
    here: Here,
}

/// What is wanted of a port.
#[derive(Debug, Default)]
pub(super) struct Wanted<'w> {
    /// Some of its backends.
    pub(super) subset: Option<ChosenSubset<'w>>,
    /// As the DestinationRule has it.
    pub(super) policy: Policy,
    /// Whose DestinationRule that is, where it is not the one that most see.
    pub(super) seen_from: Option<&'w str>,
    /// As the route asks for it by itself.
    pub(super) balancing: Option<Balancing>,
}

/// Some of the backends of a port.
#[derive(Debug)]
pub(super) struct ChosenSubset<'w> {
    pub(super) name: Arc<str>,
    pub(super) labels: Vec<(&'w str, &'w str)>,
}

/// The cluster for a reference.
pub(super) struct Made {
    pub(super) name: ClusterName,
    /// The port has backends, but none has the labels of the subset.
    pub(super) subset_is_empty: bool,
    pub(super) hash_on: Vec<HashOn>,
    /// Of connections that are not HTTP.
    pub(super) idle_timeout: Option<Millis>,
}

impl Clusters {
    pub(super) fn new(here: Here) -> Self {
        Self {
            made: BTreeMap::new(),
            secrets: BTreeMap::new(),
            here,
        }
    }

    pub(super) fn finish(
        self,
    ) -> (
        BTreeMap<ClusterName, Arc<Cluster>>,
        BTreeMap<SecretName, Arc<Secret>>,
    ) {
        (self.made, self.secrets)
    }

    /// The cluster of a port.
    pub(super) fn make(&mut self, port: &Port<'_>, wanted: &Wanted<'_>) -> Made {
        let balancing = own_balancing(wanted);
        let name = name(port, wanted, balancing);
        // Ten thousand routes to one cluster share the text of its name.
        let known = self.made.get_key_value(&name).map(|(known, _)| known.clone());
        let name = known.unwrap_or(name);
        let subset = wanted.subset.as_ref();
        let labels = subset.map(|subset| &*subset.labels).unwrap_or_default();
        let chosen: Vec<Backend<'_>> = port.backends.iter().filter(|b| b.has(labels)).cloned().collect();
        let made = Made {
            name: name.clone(),
            subset_is_empty: chosen.is_empty() && !port.backends.is_empty(),
            hash_on: wanted.policy.hash_on(),
            idle_timeout: wanted.policy.pool.as_ref().and_then(|pool| pool.tcp_idle_timeout),
        };
        if !self.made.contains_key(&name) {
            let cluster = self.cluster(name.clone(), port, chosen, wanted, balancing);
            self.made.insert(name, Arc::new(cluster));
        }
        made
    }

    fn cluster(
        &mut self,
        name: ClusterName,
        port: &Port<'_>,
        mut backends: Vec<Backend<'_>>,
        wanted: &Wanted<'_>,
        balancing: Option<Balancing>,
    ) -> Cluster {
        let policy = &wanted.policy;
        let weights = match policy.plan(self.here.locality.is_some()) {
            Some(plan) => locality::place(&mut backends, &plan, &self.here),
            None => Vec::new(),
        };
        let endpoints = backend::source(&backends, port.lookup);
        let mut cluster = Cluster {
            service: port.service.clone(),
            subset: wanted.subset.as_ref().map(|subset| subset.name.clone()),
            protocol: port.spoken.over(policy.tls().is_some()),
            connect_timeout: CONNECT_TIMEOUT,
            ..Cluster::new(name, origin(port), endpoints)
        };
        policy.apply(&mut cluster);
        cluster.balancing = balancing.unwrap_or(cluster.balancing);
        cluster.balancing_settings.locality_weights = weights;
        if let Some((tls, secrets)) = policy.tls() {
            let mut tls = tls.clone();
            if tls.subject_alt_names.is_empty() {
                tls.subject_alt_names.clone_from(&port.subject_alt_names);
            }
            cluster.tls = Some(tls);
            self.secrets
                .extend(secrets.iter().map(|secret| (secret.name.clone(), secret.clone())));
        }
        cluster
    }
}

fn origin(port: &Port<'_>) -> Origin {
    port.origin.clone()
}

/// What a route asks for, where it is not what everybody gets.
fn own_balancing(wanted: &Wanted<'_>) -> Option<Balancing> {
    let usual = wanted.policy.load_balancing.as_ref().map(|lb| lb.balancing);
    wanted.balancing.filter(|own| *own != usual.unwrap_or_default())
}

fn name(port: &Port<'_>, wanted: &Wanted<'_>, balancing: Option<Balancing>) -> ClusterName {
    let mut name = port.name.clone();
    if let Some(subset) = &wanted.subset {
        name.push('/');
        name.push_str(&subset.name);
    }
    if let Some(namespace) = wanted.seen_from {
        name.push_str(";for=");
        name.push_str(namespace);
    }
    name.push_str(match balancing {
        None => "",
        Some(Balancing::LeastRequest) => ";leastRequest",
        Some(Balancing::RoundRobin) => ";roundRobin",
        Some(Balancing::Random) => ";random",
        Some(Balancing::RingHash) => ";consistentHash",
        Some(Balancing::Maglev) => ";maglev",
    });
    ClusterName(name.into())
}
