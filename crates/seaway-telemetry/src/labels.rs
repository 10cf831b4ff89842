//! Istio's labels: what each one says of a request, see [`crate::catalog::ISTIO_LABELS`].
//!
//! A value that is not known says `unknown`, as in Istio; nothing is guessed. No label is taken from a request, only
//! from the configuration and from the answer's codes, so a client cannot make series.

use std::net::IpAddr;
use std::sync::Arc;

use seaway_model::{Cluster, EndpointSource};

use crate::catalog::{ISTIO_LABELS, ISTIO_TCP_LABELS};
use crate::exposition::render_labels;
use crate::series::Key;
use crate::{Flag, Transport};

const UNKNOWN: &str = "unknown";
/// The label value of what no longer got a series of its own.
const OVERFLOW: &str = "overflow";

/// Who the gateway is, for the labels of the source.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(
    missing_docs,
    reason = "the names are those of Istio's labels without `source_`"
)]
pub struct Identity {
    pub workload: Arc<str>,
    pub workload_namespace: Arc<str>,
    pub app: Arc<str>,
    pub version: Arc<str>,
    pub canonical_service: Arc<str>,
    pub canonical_revision: Arc<str>,
    pub cluster: Arc<str>,
    pub principal: Arc<str>,
}

impl Default for Identity {
    fn default() -> Self {
        let [seaway, unknown, latest] = ["seaway", UNKNOWN, "latest"].map(Arc::<str>::from);
        Self {
            workload: Arc::clone(&seaway),
            workload_namespace: Arc::clone(&unknown),
            app: Arc::clone(&seaway),
            version: Arc::clone(&unknown),
            canonical_service: seaway,
            canonical_revision: latest,
            cluster: Arc::clone(&unknown),
            principal: unknown,
        }
    }
}

/// The labels of the destination.
struct Destination {
    service: String,
    service_name: String,
    namespace: String,
    canonical_service: String,
    subset: String,
    cluster: String,
}

impl Destination {
    fn of(cluster: Option<&Cluster>, own_cluster: &str) -> Self {
        let subset = cluster
            .and_then(|c| c.subset.as_deref())
            .unwrap_or(UNKNOWN)
            .to_owned();
        match cluster.map(|cluster| (cluster, &cluster.service)) {
            Some((_, Some(service))) => Self {
                service: format!("{}.{}.svc.cluster.local", service.name, service.namespace),
                service_name: service.name.to_string(),
                namespace: service.namespace.to_string(),
                canonical_service: service.name.to_string(),
                subset,
                cluster: own_cluster.to_owned(),
            },
            Some((cluster, None)) => Self::external(host(cluster), subset),
            None => Self::external(UNKNOWN, subset),
        }
    }

    fn external(host: &str, subset: String) -> Self {
        Self {
            service: host.to_owned(),
            service_name: host.to_owned(),
            namespace: UNKNOWN.to_owned(),
            canonical_service: UNKNOWN.to_owned(),
            subset,
            cluster: UNKNOWN.to_owned(),
        }
    }
}

/// The host of a cluster that stands for no Service: its name without the balancing policy and the port.
fn host(cluster: &Cluster) -> &str {
    match &cluster.endpoints {
        EndpointSource::Dns(names) => {
            if let [name] = names.as_slice() {
                return &name.host;
            }
        }
        EndpointSource::LogicalDns(name) => return &name.host,
        EndpointSource::Static(_) => {}
    }
    let name = &*cluster.name.0;
    let name = name.split_once(';').map_or(name, |(name, _)| name);
    let name = name.split_once('/').map_or(name, |(name, _)| name);
    if name.parse::<IpAddr>().is_ok() {
        return name;
    }
    let host = name.rsplit_once(':').map_or(name, |(host, _)| host);
    host.strip_prefix('[')
        .and_then(|h| h.strip_suffix(']'))
        .unwrap_or(host)
}

/// The rendered labels of an HTTP series.
pub(crate) fn http(identity: &Identity, cluster: Option<&Cluster>, key: &Key) -> String {
    let protocol = if key.is_grpc { "grpc" } else { "http" };
    let code = key.status.to_string();
    let grpc = key.grpc_status.map(|s| s.to_string()).unwrap_or_default();
    render(
        ISTIO_LABELS,
        identity,
        cluster,
        [protocol, UNKNOWN, &flags(key.flags), &code, &grpc],
    )
}

/// The rendered labels of a series of connections.
pub(crate) fn tcp(identity: &Identity, cluster: Option<&Cluster>, transport: Transport, set: u32) -> String {
    render(
        ISTIO_TCP_LABELS,
        identity,
        cluster,
        [transport.label(), UNKNOWN, &flags(set), "", ""],
    )
}

/// The rendered labels of the series that takes what no longer gets one of its own.
pub(crate) fn overflow(labels: &'static [&'static str], identity: &Identity) -> String {
    let source = source(identity);
    let known = source.iter().copied().map(Some).chain(std::iter::repeat(None));
    render_labels(
        labels
            .iter()
            .copied()
            .zip(known)
            .map(|(l, v)| (l, v.unwrap_or(OVERFLOW))),
    )
}

fn source(identity: &Identity) -> [&str; 9] {
    [
        "source",
        &identity.workload,
        &identity.canonical_service,
        &identity.canonical_revision,
        &identity.workload_namespace,
        &identity.principal,
        &identity.app,
        &identity.version,
        &identity.cluster,
    ]
}

fn render(
    labels: &'static [&'static str],
    identity: &Identity,
    cluster: Option<&Cluster>,
    outcome: [&str; 5],
) -> String {
    let destination = Destination::of(cluster, &identity.cluster);
    let values = [
        UNKNOWN,
        &destination.namespace,
        UNKNOWN,
        UNKNOWN,
        &destination.subset,
        &destination.service,
        &destination.service_name,
        &destination.namespace,
        &destination.canonical_service,
        &destination.subset,
        &destination.cluster,
    ];
    let values = source(identity).into_iter().chain(values).chain(outcome);
    render_labels(labels.iter().copied().zip(values))
}

/// Flags joined by commas, in the order in which they are declared, or `-`.
fn flags(set: u32) -> String {
    let names: Vec<&str> = Flag::ALL
        .iter()
        .filter(|flag| set & flag.bit() != 0)
        .map(|flag| flag.as_str())
        .collect();
    if names.is_empty() {
        "-".to_owned()
    } else {
        names.join(",")
    }
}

#[cfg(test)]
mod tests;
