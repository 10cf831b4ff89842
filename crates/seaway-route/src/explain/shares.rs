//! The explanation of a forward: which share goes where, and what the upstream gets.

use std::borrow::Cow;

use seaway_model::{Balancing, Cluster, ClusterName, EndpointSource, Failure, Forward, Target};

use super::answer::{
    ActionKind, DestinationShare, Endpoints, Explanation, HeaderChanges, MirrorShare, Retries,
    UpstreamRequest,
};
use super::policies::Policies;
use super::request::ExplainRequest;
use crate::effect::upstream_target;
use crate::{CompiledDestination, Matched, RequestHead};

pub(super) fn forward<'a>(
    matched: &Matched<'a>,
    forward: &'a Forward,
    request: &'a ExplainRequest<'a>,
    head: &RequestHead<'_>,
) -> Explanation<'a> {
    let mut used = forward.destinations.iter().filter(|d| d.weight > 0);
    let only = used.next().filter(|_| used.next().is_none());
    let destinations = shares(matched, forward, only.is_some());
    if let Some(failure) = all_fail(forward.destinations.iter().map(|d| (&d.target, d.weight))) {
        return Explanation {
            destinations,
            ..Explanation::fail(failure)
        };
    }
    let route = &matched.route.route;
    let mut headers = HeaderChanges::default();
    headers.then(&route.request_headers);
    if let Some(only) = only {
        headers.then(&only.request_headers);
    }
    let sent = request.host_header();
    let target = upstream_target(matched, head.path, head.query, &sent);
    let path = target.path_and_query.into_owned();
    let host = Cow::Owned(target.host.to_owned());
    Explanation {
        hash_on: if hashes(&destinations) {
            &forward.hash_on
        } else {
            &[]
        },
        destinations,
        upstream_request: Some(UpstreamRequest {
            method: request.method,
            host,
            path,
            headers,
        }),
        mirrors: route.mirrors.iter().map(MirrorShare::new).collect(),
        timeout_ms: forward.timeout.map(|t| t.0),
        retries: forward.retry.as_deref().map(Retries::new),
        ..Explanation::new(ActionKind::Forward)
    }
}

fn shares<'a>(matched: &Matched<'a>, forward: &'a Forward, single: bool) -> Vec<DestinationShare<'a>> {
    let total = forward.total_weight().max(1);
    let compiled = matched.route.destinations.iter();
    let all = forward.destinations.iter().zip(compiled);
    all.map(|(destination, compiled): (_, &'a CompiledDestination)| {
        let own_headers = !single && !destination.request_headers.is_empty();
        DestinationShare {
            request_headers: own_headers.then_some(&destination.request_headers),
            ..destination_share(&destination.target, destination.weight, total, |_| {
                compiled.cluster.as_ref().map(|(_, cluster)| &**cluster)
            })
        }
    })
    .collect()
}

/// Where a destination leads and what part of all goes there.
pub(super) fn destination_share<'a>(
    target: &'a Target,
    weight: u32,
    total: u64,
    find: impl FnOnce(&ClusterName) -> Option<&'a Cluster>,
) -> DestinationShare<'a> {
    let (name, cluster, fail) = match target {
        Target::Cluster(name) => (Some(&*name.0), find(name), None),
        Target::Fail(failure) => (None, None, Some(failure)),
    };
    let service = cluster.and_then(|c| c.service.as_ref());
    DestinationShare {
        cluster: name,
        service: service.map(|s| &*s.name),
        namespace: service.map(|s| &*s.namespace),
        port: service.map(|s| s.port).or_else(|| port(&cluster?.endpoints)),
        subset: cluster.and_then(|c| c.subset.as_deref()),
        weight,
        share: share(weight, total),
        endpoints: Endpoints(cluster.map(|c| &c.endpoints)),
        policies: cluster.map(Policies),
        fail,
        request_headers: None,
    }
}

/// Whether any of them balances by a hash.
pub(super) fn hashes(destinations: &[DestinationShare<'_>]) -> bool {
    let by_hash =
        |policies: Policies<'_>| matches!(policies.0.balancing, Balancing::RingHash | Balancing::Maglev);
    destinations.iter().filter_map(|d| d.policies).any(by_hash)
}

#[expect(
    clippy::cast_precision_loss,
    reason = "weights are 32 bits each; a sum beyond 2^53 needs millions of them"
)]
fn share(weight: u32, total: u64) -> f64 {
    f64::from(weight) / total as f64
}

/// The port of an address or a DNS name.
fn port(endpoints: &EndpointSource) -> Option<u16> {
    match endpoints {
        EndpointSource::Static(endpoints) => endpoints.first().map(|e| e.address.port()),
        EndpointSource::Dns(names) => names.first().map(|name| name.port),
        EndpointSource::LogicalDns(name) => Some(name.port),
    }
}

/// The first failure, if nothing can go anywhere else.
pub(super) fn all_fail<'a>(destinations: impl Iterator<Item = (&'a Target, u32)>) -> Option<&'a Failure> {
    let mut first = None;
    for (target, _) in destinations.filter(|(_, weight)| *weight > 0) {
        match target {
            Target::Cluster(_) => return None,
            Target::Fail(failure) => first = first.or(Some(failure)),
        }
    }
    first
}
