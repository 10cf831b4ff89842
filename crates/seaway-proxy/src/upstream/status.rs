//! What operators see of clusters: plain data for `/clusters` and the metrics.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use seaway_model::{ClusterName, EndpointHealth};
use serde::Serialize;

use super::cluster::{ClusterState, Live, Member};
use super::dns::Resolution;

/// A cluster at one moment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ClusterStatus {
    /// Its name.
    pub name: ClusterName,
    /// Requests under way, retries included.
    pub in_flight: u64,
    /// Retries under way.
    pub retries_in_flight: u64,
    /// In the order of the configuration.
    pub endpoints: Vec<EndpointStatus>,
    /// For clusters that are a DNS name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dns: Option<DnsStatus>,
}

/// An endpoint at one moment. Counts are since the endpoint was first listed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct EndpointStatus {
    /// Where.
    pub address: SocketAddr,
    /// Whether it gets requests.
    pub health: HealthWord,
    /// Relative to the others'.
    pub weight: u32,
    /// Requests under way.
    pub in_flight: u64,
    /// Requests in all.
    pub requests: u64,
    /// Connections that could not be made.
    pub connect_failures: u64,
    /// How often it was ejected.
    pub ejections: u64,
    /// Open connections of all worker threads, idle ones included, whichever cluster made them.
    pub connections: u64,
}

/// Whether an endpoint gets requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum HealthWord {
    /// Yes.
    Healthy,
    /// Only when no healthy one is left.
    Draining,
    /// Not for a while, since it could not be connected to; unless all are.
    Ejected,
}

/// How a name resolves.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct DnsStatus {
    /// How the last lookup went.
    pub state: DnsState,
    /// What was wrong with it; earlier addresses stay in use.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_error: Option<Arc<str>>,
}

/// How the last lookup went.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum DnsState {
    /// The first is still under way.
    Pending,
    /// It was answered.
    Answered,
    /// It was not.
    Failed,
}

pub(super) fn of(cluster: &ClusterState) -> ClusterStatus {
    let live = cluster.live();
    ClusterStatus {
        name: cluster.config().name.clone(),
        in_flight: live.load.requests(),
        retries_in_flight: live.load.retries(),
        endpoints: live
            .set
            .load()
            .members
            .iter()
            .map(|m| endpoint(m, live))
            .collect(),
        dns: live
            .naming
            .as_deref()
            .map(|naming| dns(&naming.resolution.borrow())),
    }
}

fn endpoint(member: &Member, live: &Live) -> EndpointStatus {
    let state = &member.state;
    let health = match member.health {
        _ if state.is_ejected(|| live.now()) => HealthWord::Ejected,
        EndpointHealth::Healthy => HealthWord::Healthy,
        EndpointHealth::Draining => HealthWord::Draining,
    };
    EndpointStatus {
        address: state.address,
        health,
        weight: member.weight,
        in_flight: state.in_flight(),
        requests: state.requests(),
        connect_failures: state.connect_failures(),
        ejections: state.ejections(),
        connections: state.place.connections.load(Ordering::Relaxed),
    }
}

fn dns(resolution: &Resolution) -> DnsStatus {
    let (state, last_error) = match resolution {
        Resolution::Pending => (DnsState::Pending, None),
        Resolution::Answered => (DnsState::Answered, None),
        Resolution::Failed(error) => (DnsState::Failed, Some(Arc::clone(error))),
    };
    DnsStatus { state, last_error }
}
