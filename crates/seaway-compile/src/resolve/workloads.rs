//! WorkloadEntries: things that serve and are no Pods, found by their labels as Pods are.

use std::borrow::Cow;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use seaway_api::Object;
use seaway_api::istio::{WorkloadAddress, WorkloadEntry};
use seaway_model::{Code, Locality, Origin};

use super::backend::{Address, Backend};
use super::pods::Labels;
use crate::findings::{Findings, origin_of, place};
use crate::objects::Objects;

/// The label of a network, which `failoverPriority` may name.
const NETWORK: &str = "topology.istio.io/network";

/// All WorkloadEntries.
pub(super) struct Workloads<'a>(Vec<Workload<'a>>);

struct Workload<'a> {
    object: &'a Object<WorkloadEntry>,
    /// Those of the object and those of the workload, of which the object's come first.
    labels: Cow<'a, Labels>,
}

impl<'a> Workloads<'a> {
    pub(super) fn new(objects: &Objects<'a>) -> Self {
        let all = objects.workload_entries.iter().map(|object| Workload {
            object,
            labels: merged(labels(&object.spec), &object.meta.labels),
        });
        Self(all.collect())
    }

    /// Those of a namespace that have all of these labels, of which there must be one. `port` says where one serves.
    pub(super) fn selected(
        &self,
        namespace: &str,
        selector: &Labels,
        port: impl Fn(&WorkloadEntry) -> u16,
        findings: &mut Findings,
    ) -> Vec<Backend<'a>> {
        let chosen = self.0.iter().filter(|workload| {
            !selector.is_empty()
                && *workload.object.meta.namespace == *namespace
                && selector
                    .iter()
                    .all(|(key, value)| workload.labels.get(key) == Some(value))
        });
        chosen
            .filter_map(|workload| {
                let entry = &workload.object.spec;
                let origin = origin_of(&workload.object.meta);
                let mut made = backend(entry, port(entry), (&origin, "spec.address"), findings)?;
                made.labels = Some(workload.labels.clone());
                Some(made)
            })
            .collect()
    }
}

/// With the network that it is in, as Istio labels it.
fn labels(entry: &WorkloadEntry) -> Cow<'_, Labels> {
    let mut labels = Cow::Borrowed(&entry.labels);
    if let Some(network) = entry.network.as_ref().filter(|network| !network.is_empty()) {
        labels.to_mut().insert(NETWORK.into(), network.value.clone());
    }
    labels
}

fn merged<'a>(own: Cow<'a, Labels>, of_object: &'a Labels) -> Cow<'a, Labels> {
    if of_object.is_empty() {
        return own;
    }
    let mut merged = own.into_owned();
    merged.extend(of_object.iter().map(|(key, value)| (key.clone(), value.clone())));
    Cow::Owned(merged)
}

/// What serves at an entry. `None`: nothing that could be reached, which is reported.
pub(super) fn backend<'a>(
    entry: &'a WorkloadEntry,
    port: u16,
    (origin, field): (&Origin, &str),
    findings: &mut Findings,
) -> Option<Backend<'a>> {
    let address = match &entry.address.value {
        WorkloadAddress::Ip(ip) => Address::Ip(SocketAddr::new(*ip, port)),
        WorkloadAddress::Name(name) => match name.trim_end_matches('.') {
            "localhost" => Address::Ip((Ipv4Addr::LOCALHOST, port).into()),
            name => Address::Name(name.to_ascii_lowercase().into(), port),
        },
        WorkloadAddress::Unix(path) => {
            report_socket(path, place(origin, field, entry.address.pos), findings);
            return None;
        }
    };
    Some(Backend {
        // Zero is what protobuf writes for nothing.
        weight: entry.weight.as_ref().map_or(1, |weight| weight.value.max(1)),
        locality: entry.locality.as_ref().and_then(|text| locality(text)),
        labels: Some(labels(entry)),
        ..Backend::new(address)
    })
}

fn report_socket(path: &str, origin: Origin, findings: &mut Findings) {
    findings.report(
        Code::UnsupportedAddress,
        origin,
        format!("the socket \"{path}\" is passed over: a gateway reaches its upstreams over the network"),
        "have the workload listen on an address, and write that",
    );
}

/// `region/zone/subzone`
fn locality(text: &str) -> Option<Locality> {
    let mut parts = text.splitn(3, '/').map(Arc::from);
    let locality = Locality {
        region: parts.next().unwrap_or_default(),
        zone: parts.next().unwrap_or_default(),
        subzone: parts.next().unwrap_or_default(),
    };
    (locality != Locality::default()).then_some(locality)
}
