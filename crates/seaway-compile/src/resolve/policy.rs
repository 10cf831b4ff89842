//! What a DestinationRule asks of clusters, in the model's words.
//!
//! A policy is made of parts that are overridden each as a whole, as in Istio: a subset's load balancer replaces the
//! rule's, whatever fields the two have. Parts are shared, since every subset and port inherits them.

use std::rc::Rc;
use std::sync::Arc;

use seaway_model::{
    Balancing, BalancingSettings, CircuitBreakers, Cluster, ConnectionPool, Failure, HashOn, Millis, Origin,
    OutlierDetection, ProxyProtocolVersion, RetryBudget, Secret, UpstreamProtocol, UpstreamTls,
};

use super::locality::Plan;

/// The parts of a policy; what is `None` is as it is where nobody says otherwise.
#[derive(Clone, Debug, Default)]
pub(crate) struct Policy {
    pub(crate) load_balancing: Option<Rc<LoadBalancing>>,
    pub(crate) pool: Option<Rc<Pool>>,
    pub(crate) outlier_detection: Option<Rc<OutlierDetection>>,
    pub(crate) tls: Option<Rc<Tls>>,
    pub(crate) proxy_protocol: Option<ProxyProtocolVersion>,
    pub(crate) retry_budget: Option<RetryBudget>,
}

/// How an endpoint is chosen.
#[derive(Clone, Debug, Default)]
pub(crate) struct LoadBalancing {
    pub(crate) balancing: Balancing,
    pub(crate) settings: BalancingSettings,
    /// What a hashing balancer hashes.
    pub(crate) hash_on: Vec<HashOn>,
    pub(crate) localities: Localities,
    /// Where that is written.
    pub(crate) localities_at: Option<Origin>,
}

/// What places count for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) enum Localities {
    /// Nothing is said: the nearest are preferred where failing endpoints are noticed.
    #[default]
    Unsaid,
    /// Nothing.
    Off,
    /// This.
    Planned(Plan),
}

/// How connections are made, kept and limited.
#[derive(Clone, Debug, Default)]
pub(crate) struct Pool {
    pub(crate) connect_timeout: Option<Millis>,
    pub(crate) connections: ConnectionPool,
    pub(crate) circuit_breakers: CircuitBreakers,
    /// HTTP/2 is spoken where the port only says HTTP.
    pub(crate) upgrade: bool,
    /// Of connections that are not HTTP.
    pub(crate) tcp_idle_timeout: Option<Millis>,
}

/// TLS to the upstream.
#[derive(Clone, Debug)]
pub(crate) enum Tls {
    /// Clear text, also where a wider policy says otherwise.
    Off,
    /// With these secrets.
    On(UpstreamTls, Vec<Arc<Secret>>),
    /// It cannot be had as it is asked for, and anything less would be weaker: nothing is sent.
    Refused(Failure),
}

/// A policy, and those of single ports.
#[derive(Clone, Debug, Default)]
pub(crate) struct PortedPolicy {
    pub(crate) all: Policy,
    pub(crate) ports: Vec<(u16, Policy)>,
}

impl PortedPolicy {
    /// The policy of a port. What is said of a port replaces what is said of all: what it leaves out is not inherited.
    fn at(&self, port: u16) -> (Policy, bool) {
        match self.ports.iter().find(|(number, _)| *number == port) {
            Some((_, policy)) => {
                let policy = Policy {
                    proxy_protocol: self.all.proxy_protocol,
                    retry_budget: self.all.retry_budget.clone(),
                    ..policy.clone()
                };
                (policy, true)
            }
            None => (self.all.clone(), false),
        }
    }

    /// The policy of a port, for the subset that has one of its own.
    pub(crate) fn with_subset(&self, port: u16, subset: Option<&Self>) -> Policy {
        let (base, _) = self.at(port);
        let Some(subset) = subset else {
            return base;
        };
        let (own, replaces) = subset.at(port);
        let inherited = if replaces { Policy::default() } else { base.clone() };
        Policy {
            load_balancing: own.load_balancing.or(inherited.load_balancing),
            pool: own.pool.or(inherited.pool),
            outlier_detection: own.outlier_detection.or(inherited.outlier_detection),
            tls: own.tls.or(inherited.tls),
            proxy_protocol: own.proxy_protocol.or(base.proxy_protocol),
            retry_budget: own.retry_budget.or(base.retry_budget),
        }
    }

    /// Every port that is named.
    pub(crate) fn port_numbers(&self) -> impl Iterator<Item = u16> {
        self.ports.iter().map(|(number, _)| *number)
    }
}

impl Policy {
    /// The plan for places. Without an own place there is none but for labels.
    pub(super) fn plan(&self, knows_own_place: bool) -> Option<Plan> {
        let localities = self.load_balancing.as_ref().map(|lb| &lb.localities);
        let notices_failure = self.outlier_detection.is_some();
        match localities.unwrap_or(&Localities::Unsaid) {
            Localities::Off => None,
            Localities::Unsaid => (notices_failure && knows_own_place).then(|| Plan::Failover {
                regions: Vec::new(),
                labels: Vec::new(),
            }),
            Localities::Planned(plan @ Plan::Distribute(_)) => knows_own_place.then(|| plan.clone()),
            // Without outlier detection no endpoint would ever count as failed.
            Localities::Planned(plan) => notices_failure.then(|| plan.clone()),
        }
    }

    /// What a hashing balancer hashes.
    pub(super) fn hash_on(&self) -> Vec<HashOn> {
        let load_balancing = self.load_balancing.as_ref();
        load_balancing.map(|lb| lb.hash_on.clone()).unwrap_or_default()
    }

    /// Why nothing may be sent.
    pub(super) fn refused(&self) -> Option<&Failure> {
        match self.tls.as_deref()? {
            Tls::Refused(failure) => Some(failure),
            Tls::Off | Tls::On(..) => None,
        }
    }

    /// TLS, where it is asked for and can be had.
    pub(super) fn tls(&self) -> Option<(&UpstreamTls, &[Arc<Secret>])> {
        match self.tls.as_deref()? {
            Tls::On(tls, secrets) => Some((tls, secrets)),
            Tls::Off | Tls::Refused(_) => None,
        }
    }

    /// Writes the policy into a cluster; TLS and places are the caller's.
    pub(super) fn apply(&self, cluster: &mut Cluster) {
        if let Some(load_balancing) = &self.load_balancing {
            cluster.balancing = load_balancing.balancing;
            cluster.balancing_settings = load_balancing.settings.clone();
        }
        if let Some(pool) = &self.pool {
            cluster.connect_timeout = pool.connect_timeout.unwrap_or(cluster.connect_timeout);
            cluster.connection_pool = pool.connections.clone();
            cluster.circuit_breakers = pool.circuit_breakers.clone();
            if pool.upgrade {
                cluster.protocol = UpstreamProtocol::Http2;
            }
        }
        if let Some(detection) = &self.outlier_detection {
            cluster.outlier_detection = Some((**detection).clone());
        }
        if let Some(budget) = &self.retry_budget {
            cluster.retry_budget = budget.clone();
        }
        cluster.proxy_protocol = self.proxy_protocol;
    }
}
