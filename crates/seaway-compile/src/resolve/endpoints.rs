//! The endpoints of a port of a Service: from its EndpointSlices, else its Endpoints, else the Pods it selects, else its
//! cluster IP.
//!
//! The first of these that says anything about the Service is believed, also when it says that there is nothing ready.
//! Pods are read so that a Service and its Pods alone work; the cluster IP so that a Service alone works where the
//! cluster routes to it.

use std::borrow::Cow;
use std::collections::{BTreeSet, HashMap};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use seaway_api::core::{
    EndpointPort, EndpointSlice, Endpoints, IntOrName, Pod, PodRef, Service, SliceEndpoint, TransportProtocol,
};
use seaway_api::istio::WorkloadEntry;
use seaway_api::{Object, Spanned};
use seaway_model::{Code, EndpointHealth, Locality};

use super::backend::{Address, Backend, settle};
use super::pods::{Labels, Pods};
use super::services::ChosenPort;
use super::workloads::Workloads;
use crate::findings::{Findings, origin_of, place};
use crate::objects::Objects;

const SERVICE_LABEL: &str = "kubernetes.io/service-name";

/// Everything that says where Services are served.
pub(super) struct EndpointIndex<'a> {
    slices: HashMap<(&'a str, &'a str), Vec<&'a Object<EndpointSlice>>>,
    endpoints: HashMap<(&'a str, &'a str), &'a Object<Endpoints>>,
    pods: Pods<'a>,
    workloads: Workloads<'a>,
}

impl<'a> EndpointIndex<'a> {
    pub(super) fn new(objects: &Objects<'a>) -> Self {
        let mut slices: HashMap<_, Vec<_>> = HashMap::new();
        for slice in &objects.endpoint_slices {
            if let Some(service) = slice.meta.labels.get(SERVICE_LABEL) {
                slices
                    .entry((&*slice.meta.namespace, &**service))
                    .or_default()
                    .push(*slice);
            }
        }
        let endpoints = objects
            .endpoints
            .iter()
            .map(|object| ((&*object.meta.namespace, &**object.meta.name), *object))
            .collect();
        Self {
            slices,
            endpoints,
            pods: Pods::new(&objects.pods),
            workloads: Workloads::new(objects),
        }
    }

    /// The endpoints of a port, by address, each address once.
    pub(super) fn of(
        &self,
        service: &'a Object<Service>,
        port: ChosenPort<'a>,
        findings: &mut Findings,
    ) -> Vec<Backend<'a>> {
        let key = (&*service.meta.namespace, &**service.meta.name);
        let mut found: Vec<Backend<'a>> = if let Some(slices) = self.slices.get(&key) {
            slices
                .iter()
                .flat_map(|slice| self.in_slice(slice, service, port, findings))
                .collect()
        } else if let Some(endpoints) = self.endpoints.get(&key) {
            self.in_endpoints(endpoints, service, port)
        } else {
            self.in_pods(service, port)
        };
        let at = |workload: &WorkloadEntry| workload_port(workload, port);
        let (namespace, selector) = (&service.meta.namespace, &service.spec.selector);
        found.extend(self.workloads.selected(namespace, selector, at, findings));
        if found.is_empty() && !self.is_listed(key, selector) {
            found = cluster_ips(service, port);
        }
        settle(&mut found);
        found
    }

    fn in_slice(
        &self,
        slice: &'a Object<EndpointSlice>,
        service: &Object<Service>,
        port: ChosenPort<'_>,
        findings: &mut Findings,
    ) -> Vec<Backend<'a>> {
        let family = &slice.spec.address_type;
        if family.eq_ignore_ascii_case("FQDN") {
            findings.report(
                Code::IgnoredField,
                place(&origin_of(&slice.meta), "addressType", family.pos),
                "an EndpointSlice of DNS names is passed over",
                "use a Service of type ExternalName, or name the DNS name as the destination",
            );
            return Vec::new();
        }
        let Some(number) = port_number(&slice.spec.ports, port) else {
            return Vec::new();
        };
        let mut found = Vec::new();
        for (index, endpoint) in slice.spec.endpoints.iter().enumerate() {
            let Some(health) = slice_health(endpoint, service) else {
                continue;
            };
            let Some(address) = endpoint.addresses.first() else {
                continue;
            };
            let Ok(ip) = address.parse::<IpAddr>() else {
                findings.report(
                    Code::IgnoredField,
                    place(
                        &origin_of(&slice.meta),
                        &format!("endpoints[{index}].addresses[0]"),
                        address.pos,
                    ),
                    format!(
                        "\"{}\" is not an IP address, so the endpoint is passed over",
                        address.value
                    ),
                    "write an IPv4 or IPv6 address",
                );
                continue;
            };
            let pod = self
                .pods
                .behind(endpoint.target_pod.as_ref(), &slice.meta.namespace, address);
            found.push(backend(ip, number, health, endpoint.zone.clone(), pod));
        }
        found
    }

    fn in_endpoints(
        &self,
        object: &'a Object<Endpoints>,
        service: &Object<Service>,
        port: ChosenPort<'_>,
    ) -> Vec<Backend<'a>> {
        let mut found = Vec::new();
        for subset in &object.spec.subsets {
            let Some(number) = port_number(&subset.ports, port) else {
                continue;
            };
            let not_ready = if service.spec.publish_not_ready_addresses {
                subset.not_ready_addresses.as_slice()
            } else {
                &[]
            };
            for address in subset.addresses.iter().chain(not_ready) {
                let target: Option<&PodRef> = address.target_pod.as_ref();
                if let Ok(ip) = address.ip.parse::<IpAddr>() {
                    let pod = self.pods.behind(target, &object.meta.namespace, &address.ip);
                    found.push(backend(ip, number, EndpointHealth::Healthy, None, pod));
                }
            }
        }
        found
    }

    fn in_pods(&self, service: &'a Object<Service>, port: ChosenPort<'_>) -> Vec<Backend<'a>> {
        let pods = self
            .pods
            .selected(&service.meta.namespace, &service.spec.selector);
        pods.into_iter()
            .filter_map(|pod| {
                let health = pod_health(&pod.spec, service.spec.publish_not_ready_addresses)?;
                let number = target_port(&pod.spec, port)?;
                let ip = addresses(&pod.spec.ips).next()?;
                Some(backend(ip, number, health, None, Some(pod)))
            })
            .collect()
    }

    /// Whether anything says outright, or by its labels, where a Service is served.
    fn is_listed(&self, key: (&str, &str), selector: &Labels) -> bool {
        self.slices.contains_key(&key)
            || self.endpoints.contains_key(&key)
            || !self.pods.selected(key.0, selector).is_empty()
    }

    /// WorkloadEntries and Pods with these labels, for a ServiceEntry. `at` says where a workload serves; a Pod serves
    /// on `port`.
    pub(super) fn selected(
        &self,
        namespace: &str,
        selector: &Labels,
        at: impl Fn(&WorkloadEntry) -> u16,
        port: u16,
        findings: &mut Findings,
    ) -> Vec<Backend<'a>> {
        let pods = self
            .pods
            .selected(namespace, selector)
            .into_iter()
            .filter_map(|pod| {
                let health = pod_health(&pod.spec, false)?;
                let ip = addresses(&pod.spec.ips).next()?;
                Some(backend(ip, port, health, None, Some(pod)))
            });
        let mut found: Vec<Backend<'a>> = pods.collect();
        found.extend(self.workloads.selected(namespace, selector, at, findings));
        found
    }
}

fn cluster_ips<'a>(service: &Object<Service>, port: ChosenPort<'_>) -> Vec<Backend<'a>> {
    addresses(&service.spec.cluster_ips)
        .map(|ip| backend(ip, port.number, EndpointHealth::Healthy, None, None))
        .collect()
}

/// Where a WorkloadEntry serves a port of a Service: where it says itself, else where Pods would.
fn workload_port(workload: &WorkloadEntry, port: ChosenPort<'_>) -> u16 {
    let named = |name: &str| workload.ports.get(name).map(|number| number.value);
    let entry = port.entry;
    let own = entry
        .and_then(|entry| entry.name.as_ref())
        .and_then(|name| named(name));
    let target = entry
        .and_then(|entry| entry.target_port.as_ref())
        .and_then(|target| match &target.value {
            IntOrName::Int(number) => Some(*number),
            IntOrName::Name(name) => named(name),
        });
    own.or(target).unwrap_or(port.number)
}

fn backend<'a>(
    ip: IpAddr,
    port: u16,
    health: EndpointHealth,
    zone: Option<Arc<str>>,
    pod: Option<&'a Object<Pod>>,
) -> Backend<'a> {
    let labels = pod.map(|pod| &pod.meta.labels);
    Backend {
        health,
        locality: labels
            .and_then(locality_of)
            .or_else(|| zone.map(Locality::of_zone)),
        labels: labels.map(Cow::Borrowed),
        ..Backend::new(Address::Ip(SocketAddr::new(ip, port)))
    }
}

/// Where a Pod stands, if its labels say so: Istio's own, with dots, or those that Kubernetes copies from the node.
fn locality_of(labels: &Labels) -> Option<Locality> {
    let get = |key: &str| labels.get(key).cloned();
    if let Some(written) = get("istio-locality") {
        let mut parts = written.split(['.', '/']).map(Arc::from);
        return Some(Locality {
            region: parts.next().unwrap_or_default(),
            zone: parts.next().unwrap_or_default(),
            subzone: parts.next().unwrap_or_default(),
        });
    }
    let region = get("topology.kubernetes.io/region")?;
    Some(Locality {
        region,
        zone: get("topology.kubernetes.io/zone").unwrap_or_default(),
        subzone: get("topology.istio.io/subzone").unwrap_or_default(),
    })
}

/// Each address once: `clusterIP` is also the first of `clusterIPs`.
fn addresses(texts: &[Spanned<Arc<str>>]) -> impl Iterator<Item = IpAddr> {
    let mut seen = BTreeSet::new();
    texts
        .iter()
        .filter_map(|text| text.parse::<IpAddr>().ok())
        .filter(move |ip| seen.insert(*ip))
}

/// The real port behind a port of the Service, by the name the two share.
fn port_number(ports: &[EndpointPort], port: ChosenPort<'_>) -> Option<u16> {
    let name = port
        .entry
        .and_then(|entry| entry.name.as_ref())
        .map_or("", |name| &name.value);
    let protocol = port.entry.map_or(TransportProtocol::Tcp, |entry| entry.protocol);
    ports
        .iter()
        .find(|candidate| *candidate.name == *name && candidate.protocol == protocol)
        .and_then(|candidate| candidate.port)
}

fn target_port(pod: &Pod, port: ChosenPort<'_>) -> Option<u16> {
    match port.entry.and_then(|entry| entry.target_port.as_ref()) {
        None => Some(port.number),
        Some(target) => match &target.value {
            IntOrName::Int(number) => Some(*number),
            IntOrName::Name(name) => pod.ports.get(name).copied(),
        },
    }
}

/// `None`: not to be used. The conditions' defaults are those of the EndpointSlice API.
fn slice_health(endpoint: &SliceEndpoint, service: &Object<Service>) -> Option<EndpointHealth> {
    let ready = endpoint.ready.unwrap_or(true);
    let serving = endpoint.serving.unwrap_or(ready);
    let terminating = endpoint.terminating.unwrap_or(false);
    if ready || service.spec.publish_not_ready_addresses {
        Some(EndpointHealth::Healthy)
    } else if serving && terminating {
        Some(EndpointHealth::Draining)
    } else {
        None
    }
}

fn pod_health(pod: &Pod, not_ready_too: bool) -> Option<EndpointHealth> {
    match (pod.ready, pod.terminating) {
        _ if not_ready_too => Some(EndpointHealth::Healthy),
        (true, false) => Some(EndpointHealth::Healthy),
        (true, true) => Some(EndpointHealth::Draining),
        (false, _) => None,
    }
}
