//! Services by name, their ports, and the nearest name for one that was mistyped.

use std::collections::{HashMap, HashSet};

use seaway_api::core::{Service, ServicePort, TransportProtocol};
use seaway_api::ingress::BackendPort;
use seaway_api::{Meta, Object};

use crate::objects::Objects;

/// Most names that all suggestions of one compilation may compare, so that ten thousand broken routes among ten thousand
/// Services stay cheap. Past it, messages come without a suggestion.
const MAX_COMPARISONS: usize = 200_000;

/// Services by namespace and name.
pub(super) struct Services<'a> {
    by_name: HashMap<(&'a str, &'a str), &'a Object<Service>>,
    /// By name alone; `None` where several namespaces have one.
    only: HashMap<&'a str, Option<&'a Object<Service>>>,
    sorted: Vec<&'a Object<Service>>,
    namespaces: HashSet<&'a str>,
    comparisons_left: usize,
}

/// A port as a reference asks for it.
#[derive(Clone, Copy, Debug)]
pub(super) enum PortWanted<'p> {
    /// None was written.
    Any,
    Number(u16),
    Name(&'p str),
}

impl<'p> From<&'p BackendPort> for PortWanted<'p> {
    fn from(port: &'p BackendPort) -> Self {
        match port {
            BackendPort::Number(number) => Self::Number(*number),
            BackendPort::Name(name) => Self::Name(name),
        }
    }
}

/// A port of a Service.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct ChosenPort<'a> {
    /// Its number on the Service.
    pub(super) number: u16,
    /// What the Service says of it; `None` for a port of an ExternalName Service that lists none.
    pub(super) entry: Option<&'a ServicePort>,
    /// Its index in `spec.ports`.
    pub(super) index: usize,
}

impl<'a> Services<'a> {
    pub(super) fn new(objects: &Objects<'a>) -> Self {
        let by_name = objects
            .services
            .iter()
            .map(|service| ((&*service.meta.namespace, &**service.meta.name), *service))
            .collect();
        let mut only = HashMap::new();
        for service in &objects.services {
            only.entry(&**service.meta.name)
                .and_modify(|several| *several = None)
                .or_insert(Some(*service));
        }
        Self {
            by_name,
            only,
            sorted: objects.services.clone(),
            namespaces: namespaces(objects),
            comparisons_left: MAX_COMPARISONS,
        }
    }

    pub(super) fn get(&self, namespace: &str, name: &str) -> Option<&'a Object<Service>> {
        self.by_name.get(&(namespace, name)).copied()
    }

    /// The Service of this name, if there is one in one namespace only.
    pub(super) fn only(&self, name: &str) -> Option<&'a Object<Service>> {
        self.only.get(name).copied().flatten()
    }

    /// Whether there is such a Namespace, or any object in it.
    pub(super) fn knows_namespace(&self, name: &str) -> bool {
        self.namespaces.contains(name)
    }

    /// The port that a reference means, or what is wrong with it.
    pub(super) fn port(
        &self,
        service: &'a Object<Service>,
        wanted: PortWanted<'_>,
        transport: TransportProtocol,
    ) -> Result<ChosenPort<'a>, String> {
        let entries = || {
            service
                .spec
                .ports
                .iter()
                .enumerate()
                .map(|(index, entry)| ChosenPort {
                    number: entry.port.value,
                    entry: Some(&entry.value),
                    index,
                })
        };
        if service.spec.ports.is_empty() && super::ports::is_external(service) {
            return external_port(service, wanted);
        }
        let mut fitting = entries().filter(|port| speaks(port.entry, transport));
        let chosen = match wanted {
            PortWanted::Number(number) => fitting.find(|port| port.number == number),
            PortWanted::Name(name) => fitting.find(|port| port_name(port.entry) == Some(name)),
            PortWanted::Any => {
                let ports: Vec<_> = fitting.collect();
                match ports.as_slice() {
                    [only] => Some(*only),
                    several => several
                        .iter()
                        .find(|port| port.number == super::DEFAULT_PORT)
                        .copied(),
                }
            }
        };
        chosen.ok_or_else(|| why_no_port(service, wanted, transport))
    }

    /// A sentence on the Service that was probably meant: of the same name elsewhere, or of nearly that name here.
    pub(super) fn nearest(&mut self, namespace: &str, name: &str) -> Option<String> {
        self.comparisons_left = self.comparisons_left.checked_sub(self.sorted.len())?;
        let allowed = (name.chars().count() / 3).max(1);
        self.sorted
            .iter()
            .filter_map(|service| {
                let here = *service.meta.namespace == *namespace;
                let distance = strsim::osa_distance(name, &service.meta.name);
                (distance == 0 || here && distance <= allowed).then_some((distance, service))
            })
            .min_by_key(|(distance, service)| (*distance == 0, *distance, &service.meta.namespace))
            .map(|(_, service)| {
                let near = written(namespace, &service.meta);
                format!("did you mean \"{near}\"? Otherwise create the Service, or correct its name")
            })
    }
}

/// How a Service is written by an object of `home`.
fn written(home: &str, service: &Meta) -> String {
    if *service.namespace == *home {
        service.name.to_string()
    } else {
        format!("{}.{}", service.name.value, service.namespace)
    }
}

fn namespaces<'a>(objects: &Objects<'a>) -> HashSet<&'a str> {
    fn of<'a, T>(list: &[&'a Object<T>]) -> impl Iterator<Item = &'a str> {
        list.iter().map(|object| &*object.meta.namespace)
    }
    objects
        .namespaces
        .iter()
        .map(|namespace| &**namespace.meta.name)
        .chain(of(&objects.http_routes))
        .chain(of(&objects.https_certs))
        .chain(of(&objects.ingresses))
        .chain(of(&objects.services))
        .chain(of(&objects.endpoint_slices))
        .chain(of(&objects.endpoints))
        .chain(of(&objects.secrets))
        .chain(of(&objects.pods))
        .chain(of(&objects.istio_gateways))
        .chain(of(&objects.virtual_services))
        .chain(of(&objects.destination_rules))
        .chain(of(&objects.service_entries))
        .chain(of(&objects.workload_entries))
        .filter(|namespace| !namespace.is_empty())
        .collect()
}

fn speaks(entry: Option<&ServicePort>, transport: TransportProtocol) -> bool {
    entry.is_none_or(|entry| entry.protocol == transport)
}

fn port_name(entry: Option<&ServicePort>) -> Option<&str> {
    entry
        .and_then(|entry| entry.name.as_ref())
        .map(|name| &*name.value)
}

/// An ExternalName Service need not list its ports.
fn external_port<'a>(service: &Object<Service>, wanted: PortWanted<'_>) -> Result<ChosenPort<'a>, String> {
    let number = match wanted {
        PortWanted::Any => super::DEFAULT_PORT,
        PortWanted::Number(number) => number,
        PortWanted::Name(_) => return Err(why_no_port(service, wanted, TransportProtocol::Tcp)),
    };
    Ok(ChosenPort {
        number,
        entry: None,
        index: 0,
    })
}

fn why_no_port(service: &Object<Service>, wanted: PortWanted<'_>, transport: TransportProtocol) -> String {
    let who = format!("Service {}/{}", service.meta.namespace, service.meta.name.value);
    let ports = &service.spec.ports;
    let other_protocol = ports.iter().find(|port| match wanted {
        PortWanted::Any => false,
        PortWanted::Number(number) => port.port.value == number,
        PortWanted::Name(name) => port_name(Some(port)) == Some(name),
    });
    if let Some(port) = other_protocol {
        let protocol = protocol_name(port.protocol);
        let number = port.port.value;
        let needed = protocol_name(transport);
        return format!("port {number} of {who} is {protocol}, and only {needed} can be forwarded to");
    }
    let list = ports
        .iter()
        .map(|port| describe(port))
        .collect::<Vec<_>>()
        .join(", ");
    let has = if list.is_empty() {
        "no ports".to_owned()
    } else {
        list
    };
    match wanted {
        PortWanted::Any => {
            format!(
                "no port is named, and {who} has not just one {} port, nor port 80; it has {has}",
                protocol_name(transport)
            )
        }
        PortWanted::Number(number) => format!("{who} has no port {number}; it has {has}"),
        PortWanted::Name(name) => format!("{who} has no port named \"{name}\"; it has {has}"),
    }
}

fn describe(port: &ServicePort) -> String {
    let mut text = port.port.value.to_string();
    if let Some(name) = port_name(Some(port)) {
        text = format!("{text} ({name})");
    }
    if port.protocol != TransportProtocol::Tcp {
        text = format!("{text} {}", protocol_name(port.protocol));
    }
    text
}

fn protocol_name(protocol: TransportProtocol) -> &'static str {
    match protocol {
        TransportProtocol::Tcp => "TCP",
        TransportProtocol::Udp => "UDP",
        TransportProtocol::Sctp => "SCTP",
    }
}
