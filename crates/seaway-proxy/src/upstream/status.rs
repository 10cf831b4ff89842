//! What operators see of clusters: plain data for `/clusters` and the metrics.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use seaway_model::{ClusterName, EndpointHealth, Locality};
use serde::Serialize;

use super::cluster::{ClusterState, Live};
use super::dns::{Naming, Resolution};
use super::endpoint::Standing;
use super::members::Member;
use super::tls::ClientTls;

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
    /// Open connections that this cluster made.
    pub connections: u64,
    /// What is limited; `None` where nothing is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub circuit_breakers: Option<BreakersStatus>,
    /// Why there are no connections at all, until the configuration changes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub transport_error: Option<String>,
    /// In the order of the configuration.
    pub endpoints: Vec<EndpointStatus>,
    /// For clusters that are DNS names.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dns: Option<DnsStatus>,
}

/// What a cluster's limits are, and how many of each are taken. `None`: no limit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct BreakersStatus {
    /// Connections.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub connections: Option<Taken>,
    /// Requests that wait for a connection.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pending_requests: Option<Taken>,
    /// Requests under way.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub requests: Option<Taken>,
    /// Retries under way.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retries: Option<Taken>,
}

/// One limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Taken {
    /// So many are under way.
    pub now: u64,
    /// So many may be. More may be there only because the limit was lowered.
    pub most: u32,
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
    /// Lower ones are used first.
    #[serde(skip_serializing_if = "is_zero")]
    pub priority: u32,
    /// Where it stands.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub locality: Option<Locality>,
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
    /// Why the last connection failed that did.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_error: Option<Arc<str>>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn is_zero(number: &u32) -> bool {
    *number == 0
}

/// Whether an endpoint gets requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum HealthWord {
    /// Yes.
    Healthy,
    /// Only when no healthy one is left.
    Draining,
    /// Not for a while, since it failed. One that could not be connected to is tried when nobody else is left.
    Ejected,
}

/// How names resolve.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct DnsStatus {
    /// How the last lookup went.
    pub state: DnsState,
    /// What was wrong with one of them; earlier addresses stay in use.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_error: Option<Arc<str>>,
}

/// How the last lookup went.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum DnsState {
    /// The first lookup of a name is still under way.
    Pending,
    /// All were answered.
    Answered,
    /// One was not.
    Failed,
}

pub(super) fn of(cluster: &ClusterState) -> ClusterStatus {
    let live = cluster.live();
    let set = live.set.load();
    ClusterStatus {
        name: cluster.config().name.clone(),
        in_flight: live.load.requests(),
        retries_in_flight: live.load.retries(),
        connections: live.breakers.connections(),
        circuit_breakers: breakers(cluster),
        transport_error: set
            .spec
            .transport
            .tls
            .as_ref()
            .and_then(ClientTls::problem)
            .map(str::to_owned),
        endpoints: set.members.iter().map(|m| endpoint(m, live)).collect(),
        dns: live.naming.as_deref().map(dns),
    }
}

fn breakers(cluster: &ClusterState) -> Option<BreakersStatus> {
    let limits = &cluster.config().circuit_breakers;
    if limits.is_default() {
        return None;
    }
    let live = cluster.live();
    let taken = |limit: Option<u32>, now: u64| limit.map(|most| Taken { now, most });
    Some(BreakersStatus {
        connections: taken(limits.max_connections, live.breakers.connections()),
        pending_requests: taken(limits.max_pending_requests, live.breakers.waiting() as u64),
        requests: taken(limits.max_requests, live.load.requests()),
        retries: taken(limits.max_retries, live.load.retries()),
    })
}

fn endpoint(member: &Member, live: &Live) -> EndpointStatus {
    let state = &member.state;
    let health = match member.health {
        _ if state.standing(|| live.now()) != Standing::In => HealthWord::Ejected,
        EndpointHealth::Healthy => HealthWord::Healthy,
        EndpointHealth::Draining => HealthWord::Draining,
    };
    EndpointStatus {
        address: member.address,
        health,
        weight: member.weight,
        priority: member.priority,
        locality: member.locality.clone(),
        in_flight: state.in_flight(),
        requests: state.requests(),
        connect_failures: state.connect_failures(),
        ejections: state.ejections(),
        connections: member.place.connections.load(Ordering::Relaxed),
        last_error: state.last_error(),
    }
}

/// The worst of all names is the cluster's.
fn dns(naming: &Naming) -> DnsStatus {
    let resolutions = naming.resolutions();
    let several = resolutions.len() > 1;
    let last_error = resolutions
        .iter()
        .find_map(|(host, resolution)| match resolution {
            Resolution::Failed(error) if several => Some(format!("{host}: {error}").into()),
            Resolution::Failed(error) => Some(Arc::clone(error)),
            _ => None,
        });
    let pending = resolutions
        .iter()
        .any(|(_, resolution)| *resolution == Resolution::Pending);
    let state = match last_error {
        Some(_) => DnsState::Failed,
        None if pending => DnsState::Pending,
        None => DnsState::Answered,
    };
    DnsStatus { state, last_error }
}
