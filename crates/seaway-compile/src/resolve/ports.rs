//! What clusters are made from: a port of something that is known by a host.
//!
//! All clusters of a port (its subsets, its balancings) share its backends and what is spoken to it. Each port is looked
//! at once, and what is wrong with it is said once.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::rc::Rc;
use std::sync::Arc;

use seaway_api::Object;
use seaway_api::core::{Service, ServiceType, TransportProtocol};
use seaway_model::{Code, Origin, ServiceRef};

use super::backend::{Address, Backend, Lookup};
use super::endpoints::EndpointIndex;
use super::protocol::{self, Spoken};
use super::services::ChosenPort;
use crate::findings::{Findings, origin_of, place};
use crate::objects::Objects;

/// A port of something that is known by a host.
#[derive(Debug)]
pub(super) struct Port<'a> {
    /// What the names of its clusters begin with: `shop/shop:8080`, `api.example.com:443`.
    pub(super) name: String,
    /// By which DestinationRules name it; `None` for an address.
    pub(super) host: Option<Arc<str>>,
    /// Of the Service or ServiceEntry; empty for what belongs to nobody.
    pub(super) namespace: Arc<str>,
    pub(super) number: u16,
    pub(super) service: Option<ServiceRef>,
    pub(super) origin: Origin,
    /// Of the port in `origin`: `spec.ports[0]`.
    pub(super) field: String,
    pub(super) backends: Vec<Backend<'a>>,
    pub(super) lookup: Lookup,
    pub(super) spoken: Spoken,
    /// What certificates must be for, where the DestinationRule does not say.
    pub(super) subject_alt_names: Vec<Arc<str>>,
}

/// All ports that were asked for.
pub(super) struct Ports<'a> {
    endpoints: EndpointIndex<'a>,
    known: HashMap<String, Rc<Port<'a>>>,
}

/// Whether the Service stands for a DNS name.
pub(super) fn is_external(service: &Object<Service>) -> bool {
    service.spec.kind == ServiceType::ExternalName
}

impl<'a> Ports<'a> {
    pub(super) fn new(objects: &Objects<'a>) -> Self {
        Self {
            endpoints: EndpointIndex::new(objects),
            known: HashMap::new(),
        }
    }

    /// Whether this port was asked for of one of the hosts that are meant.
    pub(super) fn is_asked_for(&self, number: u16, is_meant: impl Fn(&str) -> bool) -> bool {
        let mut with_number = self.known.values().filter(|port| port.number == number);
        with_number.any(|port| port.host.as_deref().is_some_and(&is_meant))
    }

    /// The one of this name, or what it is then.
    pub(super) fn get_or(
        &mut self,
        name: String,
        make: impl FnOnce(&EndpointIndex<'a>) -> Port<'a>,
    ) -> Rc<Port<'a>> {
        if let Some(known) = self.known.get(&name) {
            return known.clone();
        }
        let port = Rc::new(make(&self.endpoints));
        self.known.insert(name, port.clone());
        port
    }

    /// Of a Service, which is known as `host`.
    pub(super) fn service(
        &mut self,
        service: &'a Object<Service>,
        port: ChosenPort<'a>,
        host: &Arc<str>,
        findings: &mut Findings,
    ) -> Rc<Port<'a>> {
        let meta = &service.meta;
        let mut name = format!("{}/{}:{}", meta.namespace, meta.name.value, port.number);
        if (port.entry).is_some_and(|entry| entry.protocol == TransportProtocol::Udp) {
            // A Service may have a TCP and a UDP port of the same number.
            name.push_str(";udp");
        }
        self.get_or(name.clone(), |endpoints| {
            let origin = origin_of(meta);
            let backends = backends(endpoints, service, port, findings);
            if backends.is_empty() {
                report_no_endpoints(service, port, &origin, findings);
            }
            Port {
                name,
                host: Some(host.clone()),
                namespace: meta.namespace.clone(),
                number: port.number,
                service: Some(ServiceRef {
                    namespace: meta.namespace.clone(),
                    name: meta.name.value.clone(),
                    port: port.number,
                }),
                field: format!("spec.ports[{}]", port.index),
                origin,
                backends,
                lookup: Lookup::Strict,
                spoken: protocol::of(port.entry),
                subject_alt_names: Vec::new(),
            }
        })
    }

    /// Of an address that nobody has given a name.
    pub(super) fn address(&mut self, ip: IpAddr, port: u16, origin: Origin) -> Rc<Port<'a>> {
        let address = SocketAddr::new(ip, port);
        self.get_or(address.to_string(), |_| {
            outside(address.to_string(), None, port, Address::Ip(address), origin)
        })
    }

    /// Of a DNS name that no object is about. `localhost` is the loopback address without asking anybody (RFC 6761, 6.3).
    pub(super) fn dns(&mut self, host: &Arc<str>, port: u16, name: String, origin: Origin) -> Rc<Port<'a>> {
        let address = match **host == *"localhost" {
            true => Address::Ip((Ipv4Addr::LOCALHOST, port).into()),
            false => Address::Name(host.clone(), port),
        };
        self.get_or(name.clone(), |_| {
            outside(name, Some(host.clone()), port, address, origin)
        })
    }
}

fn outside<'a>(
    name: String,
    host: Option<Arc<str>>,
    number: u16,
    address: Address,
    origin: Origin,
) -> Port<'a> {
    Port {
        name,
        host,
        namespace: "".into(),
        number,
        service: None,
        origin,
        field: String::new(),
        backends: vec![Backend::new(address)],
        lookup: Lookup::Strict,
        spoken: Spoken::default(),
        subject_alt_names: Vec::new(),
    }
}

fn backends<'a>(
    endpoints: &EndpointIndex<'a>,
    service: &'a Object<Service>,
    port: ChosenPort<'a>,
    findings: &mut Findings,
) -> Vec<Backend<'a>> {
    let external = (service.spec.external_name.as_ref()).filter(|_| is_external(service));
    let Some(external) = external else {
        return endpoints.of(service, port, findings);
    };
    let host = external.trim_end_matches('.').to_ascii_lowercase();
    vec![Backend::new(match host.parse::<IpAddr>() {
        Ok(ip) => Address::Ip(SocketAddr::new(ip, port.number)),
        Err(_) => Address::Name(host.into(), port.number),
    })]
}

fn report_no_endpoints(
    service: &Object<Service>,
    port: ChosenPort<'_>,
    origin: &Origin,
    findings: &mut Findings,
) {
    let entry = service.spec.ports.get(port.index);
    let pos = entry.map(|entry| entry.pos).unwrap_or_default();
    findings.report(
        Code::NoEndpoints,
        place(origin, &format!("spec.ports[{}]", port.index), pos),
        format!("port {} of {origin} has no endpoint that is ready", port.number),
        "check that pods match the selector and are ready, and that an EndpointSlice has a port of the same name",
    );
}
