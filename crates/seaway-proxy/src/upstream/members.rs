//! The endpoints of a cluster at one moment, and the choice of one: which may be chosen, and in what order of despair.
//!
//! 1. healthy endpoints that are not ejected, by priorities and localities where there are any;
//! 2. those that terminate but still serve;
//! 3. those that could not be connected to: a guess is better than a certain failure, and costs no client anything.
//!
//! Endpoints that were ejected for their answers are not among these, unless too few are healthy (`min_health`, see
//! [`super::balance::priority`]). In each step what the request has not tried yet comes first.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use rustc_hash::{FxHashMap, FxHashSet};
use seaway_model::{Balancing, BalancingSettings, Endpoint, EndpointHealth, Locality, Warmup};

use super::balance::Balancer;
use super::balance::layers::{Layers, Placed};
use super::breakers::Breakers;
use super::endpoint::{EndpointState, Home, Homes, Place, Spot};
use super::transport::Transport;

mod choice;

pub(super) use choice::Asked;

/// What a set of endpoints is made from.
#[derive(Clone, Debug)]
pub(super) struct Spec {
    pub(super) listed: Vec<Listed>,
    pub(super) policy: Balancing,
    pub(super) settings: BalancingSettings,
    pub(super) transport: Arc<Transport>,
}

impl PartialEq for Spec {
    fn eq(&self, other: &Self) -> bool {
        let Self {
            listed,
            policy,
            settings,
            transport,
        } = self;
        Arc::ptr_eq(transport, &other.transport)
            && *policy == other.policy
            && *settings == other.settings
            && *listed == other.listed
    }
}

/// An endpoint as it was listed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Listed {
    pub(super) endpoint: Endpoint,
    /// The DNS name that it came from.
    pub(super) name: Option<Arc<str>>,
    /// `Some` where the endpoint is the name itself: where else it may be found.
    pub(super) others: Option<Vec<SocketAddr>>,
}

impl From<&Endpoint> for Listed {
    fn from(endpoint: &Endpoint) -> Self {
        Self {
            endpoint: endpoint.clone(),
            name: None,
            others: None,
        }
    }
}

impl Listed {
    fn spot(&self) -> Spot {
        match (&self.name, &self.others) {
            (Some(name), Some(_)) => Spot::Name(Arc::clone(name), self.endpoint.address.port()),
            _ => Spot::Address(self.endpoint.address),
        }
    }
}

/// One of them.
#[derive(Debug)]
pub(super) struct Member {
    pub(super) address: SocketAddr,
    pub(super) state: Arc<EndpointState>,
    pub(super) place: Arc<Place>,
    pub(super) weight: u32,
    pub(super) health: EndpointHealth,
    pub(super) locality: Option<Locality>,
    pub(super) priority: u32,
    pub(super) name: Option<Arc<str>>,
    /// Where it is looked for when `address` cannot be reached.
    pub(super) others: Vec<SocketAddr>,
    spot: Spot,
}

/// All of them.
#[derive(Debug)]
pub(super) struct EndpointSet {
    pub(super) spec: Spec,
    pub(super) members: Vec<Arc<Member>>,
    /// Kept, so that idle connections are.
    _homes: Vec<Arc<Home>>,
    plan: Plan,
    warming: Option<Warming>,
}

#[derive(Debug)]
enum Plan {
    Nobody,
    Flat(Balancer),
    Layered(Layers),
}

/// What slow start needs to know.
#[derive(Debug)]
struct Warming {
    warmup: Warmup,
    /// When the first and the last of the endpoints appeared.
    first: Duration,
    last: Duration,
}

impl EndpointSet {
    /// Endpoints that were there before keep their state.
    pub(super) fn build(
        spec: Spec,
        old: Option<&Self>,
        homes: &Homes,
        breakers: &Arc<Breakers>,
        now: Duration,
    ) -> Self {
        let known: FxHashMap<&Spot, &Arc<EndpointState>> = old
            .iter()
            .flat_map(|old| &old.members)
            .map(|member| (&member.spot, &member.state))
            .collect();
        let mut seen = FxHashSet::default();
        let (members, homes): (Vec<_>, Vec<_>) = spec
            .listed
            .iter()
            .map(|listed| (listed.spot(), listed))
            .filter(|(spot, _)| seen.insert(spot.clone()))
            .map(|(spot, listed)| {
                let state = known.get(&spot).map(|state| Arc::clone(state));
                let state = state.unwrap_or_else(|| Arc::new(EndpointState::new(now)));
                let home = homes.at(&spot, &spec.transport, breakers);
                (Arc::new(Member::new(listed, spot, state, &home)), home)
            })
            .unzip();
        Self {
            plan: plan(&spec, &members),
            warming: warming(&spec, &members),
            spec,
            members,
            _homes: homes,
        }
    }
}

fn plan(spec: &Spec, members: &[Arc<Member>]) -> Plan {
    if members.is_empty() {
        return Plan::Nobody;
    }
    let placed: Vec<Placed> = members
        .iter()
        .map(|member| Placed {
            address: member.address,
            weight: member.weight,
            priority: member.priority,
            locality: member.locality.clone(),
        })
        .collect();
    if let Some(layers) = Layers::new(spec.policy, &spec.settings, &placed) {
        return Plan::Layered(layers);
    }
    let weights: Vec<_> = members.iter().map(|m| (m.address, m.weight)).collect();
    Plan::Flat(Balancer::new(spec.policy, &spec.settings, &weights))
}

/// Only round robin and least request start slowly, as in Envoy.
fn warming(spec: &Spec, members: &[Arc<Member>]) -> Option<Warming> {
    let warmup = spec.settings.warmup.clone()?;
    let slow = matches!(spec.policy, Balancing::RoundRobin | Balancing::LeastRequest);
    let since = || members.iter().map(|member| member.state.since);
    let (first, last) = (since().min()?, since().max()?);
    (slow && first < last).then_some(Warming { warmup, first, last })
}

impl Member {
    fn new(listed: &Listed, spot: Spot, state: Arc<EndpointState>, home: &Home) -> Self {
        let endpoint = &listed.endpoint;
        Self {
            address: endpoint.address,
            state,
            place: Arc::clone(&home.place),
            weight: endpoint.weight,
            health: endpoint.health,
            locality: endpoint.locality.clone(),
            priority: endpoint.priority,
            name: listed.name.clone(),
            others: listed.others.clone().unwrap_or_default(),
            spot,
        }
    }
}

impl Warming {
    fn is_under_way(&self, now: Duration) -> bool {
        now.saturating_sub(self.last) < self.warmup.duration.duration()
    }
}

#[cfg(test)]
mod tests;
