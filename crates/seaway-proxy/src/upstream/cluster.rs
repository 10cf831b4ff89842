//! One cluster: its configuration in one version, and its state over all versions.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use rustc_hash::{FxHashMap, FxHashSet};
use seaway_model::{Balancing, Cluster, Endpoint, EndpointHealth, EndpointSource};

use super::balance::{Balancer, Rng};
use super::budget::{Load, RetryPermit};
use super::dns::{Naming, Resolution};
use super::endpoint::{EndpointState, Home, Homes};
use super::outlier::Crowd;

/// A cluster as one version of the configuration has it. Cheap to make: all state is in what versions share.
#[derive(Debug)]
pub struct ClusterState {
    config: Arc<Cluster>,
    live: Arc<Live>,
}

impl ClusterState {
    pub(super) fn new(config: Arc<Cluster>, live: Arc<Live>) -> Self {
        Self { config, live }
    }

    /// What the configuration says of it.
    #[must_use]
    pub fn config(&self) -> &Arc<Cluster> {
        &self.config
    }

    /// Leave for one retry by the cluster's budget, while the permit lives; `None` when the budget is spent.
    #[must_use]
    pub fn try_retry(&self) -> Option<RetryPermit> {
        self.live.load.try_retry(&self.config.retry_budget)
    }

    /// Requests under way, retries included.
    #[must_use]
    pub fn in_flight(&self) -> u64 {
        self.live.load.requests()
    }

    pub(super) fn live(&self) -> &Arc<Live> {
        &self.live
    }

    /// Chooses an endpoint; see [`EndpointSet::choose`].
    pub(super) fn choose(
        &self,
        hash: Option<u64>,
        avoid: &[SocketAddr],
        rng: &mut impl Rng,
    ) -> Option<Arc<EndpointState>> {
        let live = &*self.live;
        let set = live.set.load();
        let turn = || live.turn.fetch_add(1, Ordering::Relaxed);
        let member = set.choose(hash, avoid, || live.now(), turn, rng)?;
        Some(Arc::clone(&member.state))
    }

    /// Counts a connection that could not be made, and ejects the endpoint when the policy says so.
    pub(super) fn connect_failed(&self, endpoint: &EndpointState) {
        let now = self.live.now();
        let set = self.live.set.load();
        let ejected = set.members.iter().filter(|m| m.state.is_ejected(|| now)).count();
        let crowd = Crowd {
            total: set.members.len(),
            ejected,
        };
        endpoint.connect_failed(now, self.config.outlier_detection.as_ref(), crowd);
    }

    /// Whether there is nothing to wait for before an endpoint can be chosen.
    pub(super) fn is_resolved(&self) -> bool {
        let naming = self.live.naming.as_deref();
        naming.is_none_or(|naming| *naming.resolution.borrow() != Resolution::Pending)
    }

    /// Waits for the first answer of a name that was never resolved, but not longer than a connection may take.
    pub(super) async fn resolved(&self) {
        let Some(naming) = self.live.naming.as_deref() else {
            return;
        };
        let mut resolution = naming.resolution.subscribe();
        let answered = resolution.wait_for(|now| *now != Resolution::Pending);
        // Without an answer the cluster has no endpoints, which is what the caller then reports.
        let _ = tokio::time::timeout(self.config.connect_timeout.duration(), answered).await;
    }

    /// Whether its endpoints are the addresses of one name.
    pub(super) fn is_name(&self) -> bool {
        !matches!(self.config.endpoints, EndpointSource::Static(_))
    }
}

/// What all versions of a cluster share.
#[derive(Debug)]
pub(super) struct Live {
    pub(super) load: Arc<Load>,
    pub(super) set: ArcSwap<EndpointSet>,
    /// Of a cluster whose name has to be looked up.
    pub(super) naming: Option<Box<Naming>>,
    turn: AtomicU64,
    homes: Arc<Homes>,
    epoch: Instant,
    /// One writer at a time; readers load `set`.
    writing: Mutex<()>,
}

impl Live {
    pub(super) fn new(homes: Arc<Homes>, epoch: Instant, naming: Option<Box<Naming>>) -> Self {
        Self {
            load: Arc::default(),
            set: ArcSwap::from_pointee(EndpointSet::default()),
            naming,
            turn: AtomicU64::new(0),
            homes,
            epoch,
            writing: Mutex::default(),
        }
    }

    pub(super) fn now(&self) -> Duration {
        self.epoch.elapsed()
    }

    /// Publishes a list of endpoints; those that stay keep their state.
    pub(super) fn set_endpoints(&self, endpoints: &[Endpoint]) {
        let _writing = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        let old = self.set.load();
        if old.endpoints != endpoints {
            let set = EndpointSet::build(endpoints.to_vec(), old.policy, &old, &self.homes);
            self.set.store(Arc::new(set));
        }
    }

    /// Publishes a balancing policy.
    pub(super) fn set_policy(&self, policy: Balancing) {
        let _writing = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        let old = self.set.load();
        if old.policy != policy {
            let set = EndpointSet::build(old.endpoints.clone(), policy, &old, &self.homes);
            self.set.store(Arc::new(set));
        }
    }
}

/// The endpoints of a cluster at one moment, ready to be chosen from.
#[derive(Debug, Default)]
pub(super) struct EndpointSet {
    /// As they were given, to see whether anything changed.
    endpoints: Vec<Endpoint>,
    policy: Balancing,
    pub(super) members: Vec<Member>,
    balancer: Option<Balancer>,
}

#[derive(Debug)]
pub(super) struct Member {
    pub(super) state: Arc<EndpointState>,
    pub(super) weight: u32,
    pub(super) health: EndpointHealth,
    home: Arc<Home>,
}

impl EndpointSet {
    fn build(endpoints: Vec<Endpoint>, policy: Balancing, old: &Self, homes: &Homes) -> Self {
        let known: FxHashMap<SocketAddr, &Member> = old
            .members
            .iter()
            .map(|member| (member.state.address, member))
            .collect();
        let mut seen = FxHashSet::default();
        let members: Vec<Member> = endpoints
            .iter()
            .filter(|endpoint| seen.insert(endpoint.address))
            .map(|endpoint| Member::new(endpoint, known.get(&endpoint.address).copied(), homes))
            .collect();
        let weights: Vec<_> = members.iter().map(|m| (m.state.address, m.weight)).collect();
        Self {
            balancer: (!members.is_empty()).then(|| Balancer::new(policy, &weights)),
            endpoints,
            policy,
            members,
        }
    }

    /// Chooses, by the policy, among the best that there are: healthy before draining, what is not ejected before
    /// what is, and within each what was not tried before. When all are ejected, all may be chosen: a guess is
    /// better than a certain failure.
    fn choose(
        &self,
        hash: Option<u64>,
        avoid: &[SocketAddr],
        now: impl Fn() -> Duration,
        mut turn: impl FnMut() -> u64,
        rng: &mut impl Rng,
    ) -> Option<&Member> {
        const TIERS: [(bool, Option<EndpointHealth>); 4] = [
            (false, Some(EndpointHealth::Healthy)),
            (false, Some(EndpointHealth::Draining)),
            (true, Some(EndpointHealth::Healthy)),
            (true, None),
        ];
        let balancer = self.balancer.as_ref()?;
        let load = |index: usize| self.members.get(index).map_or(0, |m| m.state.in_flight());
        for (ejected_too, health) in TIERS {
            let fits = |member: &Member| {
                health.is_none_or(|health| member.health == health)
                    && (ejected_too || !member.state.is_ejected(&now))
            };
            let fresh = |m: &Member| fits(m) && !avoid.contains(&m.state.address);
            let at = |index: usize, test: &dyn Fn(&Member) -> bool| self.members.get(index).is_some_and(test);
            let mut choice = balancer.choose(|i| at(i, &fresh), load, hash, &mut turn, rng);
            if choice.is_none() && !avoid.is_empty() {
                choice = balancer.choose(|i| at(i, &fits), load, hash, &mut turn, rng);
            }
            if let Some(member) = choice.and_then(|index| self.members.get(index)) {
                return Some(member);
            }
        }
        None
    }
}

impl Member {
    fn new(endpoint: &Endpoint, known: Option<&Self>, homes: &Homes) -> Self {
        let (state, home) = known.map_or_else(
            || {
                let home = homes.at(endpoint.address);
                (Arc::new(EndpointState::new(&home)), home)
            },
            |member| (Arc::clone(&member.state), Arc::clone(&member.home)),
        );
        Self {
            state,
            weight: endpoint.weight,
            health: endpoint.health,
            home,
        }
    }
}
