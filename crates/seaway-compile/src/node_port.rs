//! Services of type NodePort and LoadBalancer: without a cluster somebody has to listen on their ports.
//!
//! A `nodePort` is listened on where one is written, and the ports of a LoadBalancer as they are. What comes there is
//! relayed, connections and datagrams, as a cluster would do it. That is how anything that is not HTTP gets in without
//! a Gateway.
//!
//! Whatever else listens on a port stays: a Service is told that it has come second. Only the default gateway, which
//! nobody wrote, leaves its port while it has no host to serve.

use std::collections::HashMap;
use std::sync::Arc;

use seaway_api::core::{Service, ServicePort, ServiceType, TransportProtocol};
use seaway_api::{Object, Pos, Spanned};
use seaway_model::{Code, HashOn, L4Destination, L4Route, Listener, Origin, Protocol};

use crate::findings::{Findings, origin_of, place, whereabouts};
use crate::objects::Objects;
use crate::order::ObjectRank;
use crate::resolve::{Over, Resolver};

/// The class of load balancers that is ours.
const OUR_CLASS: &str = "seaway.dev/gateway";
/// `"false"` keeps the ports of a Service closed.
const LISTEN: &str = "seaway.dev/listen";

/// A port that a Service wants listened on.
struct Wish<'a> {
    service: &'a Object<Service>,
    index: usize,
    entry: &'a ServicePort,
    number: u16,
    protocol: Protocol,
    /// `spec.ports[0].nodePort`, and where it is written.
    origin: Origin,
}

/// Adds the listeners of Services to those that there are.
pub(crate) fn add<'a>(
    listeners: &mut Vec<Arc<Listener>>,
    objects: &Objects<'a>,
    resolver: &mut Resolver<'a>,
    findings: &mut Findings,
) {
    let wishes = wishes(objects, findings);
    listeners.retain(|listener| !(is_idle(listener) && wishes.iter().any(|wish| wish.takes_from(listener))));
    let mut taken: HashMap<(bool, u16), Origin> = listeners
        .iter()
        .map(|listener| {
            (
                (is_udp(listener.protocol), listener.port),
                listener.origin.clone(),
            )
        })
        .collect();
    for wish in wishes {
        let key = (is_udp(wish.protocol), wish.number);
        if let Some(other) = taken.get(&key) {
            report_taken(&wish, other, findings);
            continue;
        }
        taken.insert(key, wish.origin.clone());
        listeners.push(Arc::new(wish.listener(resolver, findings)));
    }
    listeners.sort_by(|a, b| a.name.cmp(&b.name));
}

/// The older Service first, and of each its ports in order.
fn wishes<'a>(objects: &Objects<'a>, findings: &mut Findings) -> Vec<Wish<'a>> {
    let mut services: Vec<&'a Object<Service>> = objects.services.clone();
    services.retain(|service| is_ours(service));
    services.sort_by_cached_key(|service| ObjectRank::new(&service.meta));
    let mut wishes = Vec::new();
    for service in services {
        for (index, entry) in service.spec.ports.iter().enumerate() {
            wishes.extend(of_port(service, index, entry, findings));
        }
    }
    wishes
}

fn is_ours(service: &Object<Service>) -> bool {
    let listens = (service.meta.annotations.get(LISTEN)).is_none_or(|word| *word.value != *"false");
    let class = service.spec.load_balancer_class.as_ref();
    let ours = class.is_none_or(|class| *class.value == *OUR_CLASS);
    listens
        && ours
        && matches!(
            service.spec.kind,
            ServiceType::NodePort | ServiceType::LoadBalancer
        )
}

fn of_port<'a>(
    service: &'a Object<Service>,
    index: usize,
    entry: &'a Spanned<ServicePort>,
    findings: &mut Findings,
) -> Vec<Wish<'a>> {
    let object = origin_of(&service.meta);
    let field = format!("spec.ports[{index}]");
    let protocol = match entry.protocol {
        TransportProtocol::Tcp => Protocol::Tcp,
        TransportProtocol::Udp => Protocol::Udp,
        TransportProtocol::Sctp => {
            let origin = place(&object, &field, entry.pos);
            let message = format!(
                "port {} is not listened on: SCTP is not relayed",
                entry.port.value
            );
            findings.report(Code::IgnoredField, origin, message, "use TCP or UDP");
            return Vec::new();
        }
    };
    let wish = |number: u16, name: &str, pos: Pos| Wish {
        service,
        index,
        entry,
        number,
        protocol,
        origin: place(&object, &format!("{field}.{name}"), pos),
    };
    let node_port = entry
        .node_port
        .as_ref()
        .map(|port| wish(port.value, "nodePort", port.pos));
    let is_balancer = service.spec.kind == ServiceType::LoadBalancer;
    let port = is_balancer.then(|| wish(entry.port.value, "port", entry.port.pos));
    port.into_iter().chain(node_port).collect()
}

impl<'a> Wish<'a> {
    fn takes_from(&self, listener: &Listener) -> bool {
        listener.port == self.number && is_udp(listener.protocol) == is_udp(self.protocol)
    }

    fn listener(&self, resolver: &mut Resolver<'a>, findings: &mut Findings) -> Listener {
        let (word, over) = match self.protocol {
            Protocol::Udp => ("udp", Over::Udp),
            _ => ("tcp", Over::Tcp),
        };
        let by_client = self.service.spec.by_client_ip;
        let target = resolver.service_port(self.service, (self.index, self.entry), over, by_client, findings);
        Listener {
            name: format!("{word}-{}", self.number).into(),
            origin: self.origin.clone(),
            address: None,
            port: self.number,
            protocol: self.protocol,
            proxy_protocol: false,
            tls: None,
            virtual_hosts: Vec::new(),
            l4: Some(Arc::new(L4Route {
                origin: self.origin.clone(),
                rule: u32::try_from(self.index).unwrap_or(u32::MAX),
                hash_source_ip: by_client || target.hash_on.contains(&HashOn::SourceIp),
                idle_timeout: target.idle_timeout,
                destinations: vec![L4Destination {
                    target: target.target,
                    weight: 1,
                }],
            })),
        }
    }
}

fn is_udp(protocol: Protocol) -> bool {
    protocol == Protocol::Udp
}

/// The default gateway's, with no host to serve.
fn is_idle(listener: &Listener) -> bool {
    listener.origin.is_default_gateway() && listener.virtual_hosts.is_empty()
}

fn report_taken(wish: &Wish<'_>, other: &Origin, findings: &mut Findings) {
    let at = whereabouts(other);
    findings.report(
        Code::PortTaken,
        wish.origin.clone(),
        format!(
            "port {} is not listened on for this Service: {other}{at} has it",
            wish.number
        ),
        format!(
            "give one of the two another port, or keep the Service's ports closed with the annotation \
             {LISTEN}: \"false\""
        ),
    );
}
