//! One cluster: its configuration in one version, and its state over all versions.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use seaway_model::{Cluster, EndpointHealth, EndpointSource, Fraction, OutlierDetection};

use super::balance::Rng;
use super::breakers::Breakers;
use super::budget::{Load, RetryPermit};
use super::dns::Naming;
use super::endpoint::{EndpointState, Homes, Standing};
use super::members::{Asked, EndpointSet, Member, Spec};
use super::outlier::{self, Cause, Crowd, Event};

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

    /// Leave for one retry, while the permit lives; `None` when the limit is reached, or the budget spent.
    #[must_use]
    pub fn try_retry(&self) -> Option<RetryPermit> {
        let limit = self.config.circuit_breakers.max_retries;
        self.live.load.try_retry(limit, &self.config.retry_budget)
    }

    /// Requests under way, retries included.
    #[must_use]
    pub fn in_flight(&self) -> u64 {
        self.live.load.requests()
    }

    pub(super) fn live(&self) -> &Arc<Live> {
        &self.live
    }

    /// Chooses an endpoint; see [`super::members`].
    pub(super) fn choose(
        &self,
        hash: Option<u64>,
        avoid: &[SocketAddr],
        rng: &mut impl Rng,
    ) -> Option<Arc<Member>> {
        let live = &*self.live;
        let set = live.set.load();
        let turn = || live.turn.fetch_add(1, Ordering::Relaxed);
        let policy = self.config.outlier_detection.as_ref();
        let asked = Asked {
            hash,
            avoid,
            min_health: policy.map_or(Fraction::ZERO, |policy| policy.min_health),
        };
        set.choose(asked, || live.now(), turn, rng).map(Arc::clone)
    }

    /// Counts what became of an attempt at an endpoint, and ejects it when the policy says so. For what goes well, it
    /// costs a look at the policy and one at the endpoint.
    pub(super) fn report(&self, endpoint: &EndpointState, event: Event) {
        let Some(policy) = &self.config.outlier_detection else {
            return;
        };
        let harmless = match event {
            Event::Connected => true,
            Event::Answered(status) => !outlier::is_failure(policy, status),
            Event::Unreachable | Event::Unanswered => false,
        };
        if harmless && !endpoint.is_suspect() {
            return;
        }
        let now = self.live.now();
        if let Some(cause) = endpoint.judge(|outlier| outlier.count(event, now, policy)) {
            self.live.eject(endpoint, cause, now, policy);
        }
    }

    /// Whether answers matter to the policy at all.
    pub(super) fn judges_answers(&self) -> bool {
        self.config
            .outlier_detection
            .as_ref()
            .is_some_and(outlier::counts_answers)
    }

    /// Whether there is nothing to wait for before an endpoint can be chosen.
    pub(super) fn is_resolved(&self) -> bool {
        self.live.naming.as_deref().is_none_or(Naming::is_resolved)
    }

    /// Waits for the first answer of a name that was never resolved, but not longer than a connection may take.
    pub(super) async fn resolved(&self) {
        if let Some(naming) = self.live.naming.as_deref() {
            // Without an answer the cluster has no endpoints, which is what the caller then reports.
            let limit = self.config.connect_timeout.duration();
            let _ = tokio::time::timeout(limit, naming.resolved()).await;
        }
    }

    /// Whether its endpoints are the addresses of names.
    pub(super) fn is_name(&self) -> bool {
        !matches!(self.config.endpoints, EndpointSource::Static(_))
    }
}

/// What all versions of a cluster share.
#[derive(Debug)]
pub(super) struct Live {
    pub(super) load: Arc<Load>,
    pub(super) breakers: Arc<Breakers>,
    pub(super) set: ArcSwap<EndpointSet>,
    /// Of a cluster whose names have to be looked up.
    pub(super) naming: Option<Box<Naming>>,
    turn: AtomicU64,
    homes: Arc<Homes>,
    epoch: Instant,
    /// One writer at a time; readers load `set`.
    writing: Mutex<()>,
    /// One ejection at a time, so that the share that may be ejected is held.
    ejecting: Mutex<()>,
}

impl Live {
    /// `counts` are those of a cluster of the same name that had its endpoints from elsewhere.
    pub(super) fn new(
        homes: Arc<Homes>,
        epoch: Instant,
        naming: Option<Box<Naming>>,
        spec: Spec,
        counts: Option<&Self>,
    ) -> Self {
        let load = counts.map_or_else(Arc::default, |old| Arc::clone(&old.load));
        let breakers: Arc<Breakers> = counts.map_or_else(Arc::default, |old| Arc::clone(&old.breakers));
        let set = EndpointSet::build(spec, None, &homes, &breakers, epoch.elapsed());
        Self {
            load,
            breakers,
            set: ArcSwap::from_pointee(set),
            naming,
            turn: AtomicU64::new(0),
            homes,
            epoch,
            writing: Mutex::default(),
            ejecting: Mutex::default(),
        }
    }

    pub(super) fn now(&self) -> Duration {
        self.epoch.elapsed()
    }

    /// Changes what the endpoints are made from, and publishes them; those that stay keep their state.
    pub(super) fn update(&self, change: impl FnOnce(&mut Spec)) {
        let _writing = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        let old = self.set.load();
        let mut spec = old.spec.clone();
        change(&mut spec);
        if spec != old.spec {
            let set = EndpointSet::build(spec, Some(&old), &self.homes, &self.breakers, self.now());
            self.set.store(Arc::new(set));
        }
    }

    fn eject(&self, endpoint: &EndpointState, cause: Cause, now: Duration, policy: &OutlierDetection) {
        let _ejecting = self.ejecting.lock().unwrap_or_else(PoisonError::into_inner);
        let crowd = crowd(&self.set.load().members, now);
        if endpoint
            .judge(|outlier| outlier.eject(cause, now, policy, crowd))
            .is_some()
        {
            endpoint.count_ejection();
        }
    }
}

fn crowd(members: &[Arc<Member>], now: Duration) -> Crowd {
    let is_in = |member: &&Arc<Member>| member.state.standing(|| now) == Standing::In;
    let is_up = |member: &&Arc<Member>| is_in(member) && member.health == EndpointHealth::Healthy;
    Crowd {
        total: members.len(),
        ejected: members.iter().filter(|member| !is_in(member)).count(),
        healthy: members.iter().filter(is_up).count(),
    }
}
