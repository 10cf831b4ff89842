//! The clusters that references lead to, each made once.
//!
//! A cluster's name says everything by which two references may differ (Service, port, subset, balancing), so that equal
//! names are equal clusters and pools survive every change that does not touch them.

use std::collections::{BTreeMap, HashMap};
use std::fmt::Write;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::rc::Rc;
use std::sync::Arc;

use seaway_api::Object;
use seaway_api::core::{Service, ServiceType};
use seaway_model::{
    Balancing, Cluster, ClusterName, Code, Endpoint, EndpointSource, Millis, NamedEndpoint, Origin,
    ServiceRef, UpstreamProtocol,
};

use super::endpoints::{Backend, EndpointIndex};
use super::protocol;
use super::services::ChosenPort;
use crate::findings::{Findings, origin_of, place};
use crate::objects::Objects;

/// How long making a connection may take: long enough for a lost SYN or two, short enough to try another endpoint.
const CONNECT_TIMEOUT: Millis = Millis(5_000);

/// Clusters by name, and what they are made from.
pub(super) struct Clusters<'a> {
    made: BTreeMap<ClusterName, Arc<Cluster>>,
    endpoints: EndpointIndex<'a>,
    ports: HashMap<(&'a str, &'a str, u16), Rc<Port<'a>>>,
}

/// What all clusters of one port of a Service share.
struct Port<'a> {
    source: Source<'a>,
    protocol: UpstreamProtocol,
    origin: Origin,
}

enum Source<'a> {
    Backends(Vec<Backend<'a>>),
    Dns(Arc<str>),
}

/// The cluster for a reference to a Service.
pub(super) struct Made {
    pub(super) name: ClusterName,
    /// The Service has endpoints, or none are known, but no pod has the labels of the subset.
    pub(super) subset_is_empty: bool,
}

/// Whether the Service stands for a DNS name.
pub(super) fn is_external(service: &Object<Service>) -> bool {
    service.spec.kind == ServiceType::ExternalName
}

impl<'a> Clusters<'a> {
    pub(super) fn new(objects: &Objects<'a>) -> Self {
        Self {
            made: BTreeMap::new(),
            endpoints: EndpointIndex::new(objects),
            ports: HashMap::new(),
        }
    }

    pub(super) fn finish(self) -> BTreeMap<ClusterName, Arc<Cluster>> {
        self.made
    }

    /// For a port of a Service, and maybe some of its pods.
    pub(super) fn service(
        &mut self,
        service: &'a Object<Service>,
        port: ChosenPort<'a>,
        subset: &[(&str, &str)],
        balancing: Balancing,
        findings: &mut Findings,
    ) -> Made {
        let meta = &service.meta;
        let shared = self.port(service, port, findings);
        let subset_name = subset_name(subset);
        let mut name = format!("{}/{}:{}", meta.namespace, meta.name.value, port.number);
        if let Some(subset) = &subset_name {
            let _ = write!(name, "/{subset}");
        }
        let name = named(name, balancing);
        let endpoints = shared.source.endpoints(port.number, subset);
        let subset_is_empty = subset_name.is_some()
            && matches!(&endpoints, EndpointSource::Static(list) if list.is_empty())
            && !shared.source.is_empty();
        self.made.entry(name.clone()).or_insert_with(|| {
            Arc::new(Cluster {
                service: Some(ServiceRef {
                    namespace: meta.namespace.clone(),
                    name: meta.name.value.clone(),
                    port: port.number,
                }),
                subset: subset_name,
                protocol: shared.protocol,
                ..cluster(name.clone(), shared.origin.clone(), endpoints, balancing)
            })
        });
        Made {
            name,
            subset_is_empty,
        }
    }

    /// For an address.
    pub(super) fn address(
        &mut self,
        ip: IpAddr,
        port: u16,
        balancing: Balancing,
        origin: Origin,
    ) -> ClusterName {
        let address = SocketAddr::new(ip, port);
        self.outside(
            address.to_string(),
            EndpointSource::Static(vec![Endpoint::new(address)]),
            balancing,
            origin,
        )
    }

    /// For a DNS name. `localhost` is the loopback address without asking anybody (RFC 6761, 6.3).
    pub(super) fn dns(
        &mut self,
        host: &Arc<str>,
        port: u16,
        balancing: Balancing,
        origin: Origin,
    ) -> ClusterName {
        let source = if **host == *"localhost" {
            EndpointSource::Static(vec![Endpoint::new((Ipv4Addr::LOCALHOST, port).into())])
        } else {
            EndpointSource::Dns(vec![NamedEndpoint::new(host.clone(), port)])
        };
        self.outside(format!("{host}:{port}"), source, balancing, origin)
    }

    fn outside(
        &mut self,
        name: String,
        source: EndpointSource,
        balancing: Balancing,
        origin: Origin,
    ) -> ClusterName {
        let name = named(name, balancing);
        self.made
            .entry(name.clone())
            .or_insert_with(|| Arc::new(cluster(name.clone(), origin, source, balancing)));
        name
    }

    fn port(
        &mut self,
        service: &'a Object<Service>,
        port: ChosenPort<'a>,
        findings: &mut Findings,
    ) -> Rc<Port<'a>> {
        let key = (&*service.meta.namespace, &**service.meta.name, port.number);
        if let Some(known) = self.ports.get(&key) {
            return known.clone();
        }
        let origin = origin_of(&service.meta);
        let source = self.source(service, port, findings);
        if source.is_empty() {
            report_no_endpoints(service, port, &origin, findings);
        }
        let spoken = protocol::of(port.entry);
        if let Some((word, field, pos)) = spoken.unsupported {
            findings.report(
                Code::UnsupportedProtocol,
                place(&origin, &format!("spec.ports[{}].{field}", port.index), pos),
                format!("port {} of {origin} speaks \"{word}\", which is not spoken to upstreams yet", port.number),
                "requests are sent as HTTP/1.1; offer clear-text HTTP on a port, or say so in appProtocol if it does",
            );
        }
        let made = Rc::new(Port {
            source,
            protocol: spoken.protocol,
            origin,
        });
        self.ports.insert(key, made.clone());
        made
    }

    fn source(
        &self,
        service: &'a Object<Service>,
        port: ChosenPort<'a>,
        findings: &mut Findings,
    ) -> Source<'a> {
        let external = service
            .spec
            .external_name
            .as_ref()
            .filter(|_| is_external(service));
        let Some(external) = external else {
            return Source::Backends(self.endpoints.of(service, port, findings));
        };
        let host = external.trim_end_matches('.').to_ascii_lowercase();
        match host.parse::<IpAddr>() {
            Ok(ip) => Source::Backends(vec![Backend {
                endpoint: Endpoint::new(SocketAddr::new(ip, port.number)),
                labels: None,
            }]),
            Err(_) => Source::Dns(host.into()),
        }
    }
}

impl Source<'_> {
    fn is_empty(&self) -> bool {
        matches!(self, Self::Backends(list) if list.is_empty())
    }

    /// Those that belong to the subset. An endpoint whose pod is not known has no labels, and so is in no subset.
    fn endpoints(&self, port: u16, subset: &[(&str, &str)]) -> EndpointSource {
        match self {
            Self::Dns(host) => EndpointSource::Dns(vec![NamedEndpoint::new(host.clone(), port)]),
            Self::Backends(list) => EndpointSource::Static(
                list.iter()
                    .filter(|backend| {
                        subset.iter().all(|(key, value)| {
                            let label = backend.labels.and_then(|labels| labels.get(*key));
                            label.is_some_and(|label| **label == **value)
                        })
                    })
                    .map(|backend| backend.endpoint.clone())
                    .collect(),
            ),
        }
    }
}

/// `v1` for `{version: v1}`, by far the most common; otherwise `key=value,key=value`, sorted.
fn subset_name(labels: &[(&str, &str)]) -> Option<Arc<str>> {
    match labels {
        [] => None,
        [("version", value)] => Some((*value).into()),
        several => {
            let pairs: Vec<String> = several
                .iter()
                .map(|(key, value)| format!("{key}={value}"))
                .collect();
            Some(pairs.join(",").into())
        }
    }
}

fn named(mut name: String, balancing: Balancing) -> ClusterName {
    name.push_str(match balancing {
        Balancing::LeastRequest => "",
        Balancing::RoundRobin => ";roundRobin",
        Balancing::Random => ";random",
        Balancing::RingHash => ";consistentHash",
        Balancing::Maglev => ";maglev",
    });
    ClusterName(name.into())
}

fn cluster(name: ClusterName, origin: Origin, endpoints: EndpointSource, balancing: Balancing) -> Cluster {
    Cluster {
        balancing,
        connect_timeout: CONNECT_TIMEOUT,
        ..Cluster::new(name, origin, endpoints)
    }
}

fn report_no_endpoints(
    service: &Object<Service>,
    port: ChosenPort<'_>,
    origin: &Origin,
    findings: &mut Findings,
) {
    let pos = service
        .spec
        .ports
        .get(port.index)
        .map(|entry| entry.pos)
        .unwrap_or_default();
    findings.report(
        Code::NoEndpoints,
        place(origin, &format!("spec.ports[{}]", port.index), pos),
        format!("port {} of {origin} has no endpoint that is ready", port.number),
        "check that pods match the selector and are ready, and that an EndpointSlice has a port of the same name",
    );
}
