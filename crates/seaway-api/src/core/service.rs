//! `Service`.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::{PROTOCOL, Text, TransportProtocol};
use crate::decode::{Cx, Int, LabelMap, List, OneOf, Shape, TEXT, TRUE_FALSE, Uint, at, obj, object};
use crate::node::{Node, Value};
use crate::{ProblemKind, Spanned};

/// The spec of a Service.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Service {
    /// `spec.type`
    pub kind: ServiceType,
    /// `clusterIP: None`
    pub headless: bool,
    /// `spec.clusterIP` and `clusterIPs`, without `None`.
    pub cluster_ips: Vec<Text>,
    /// `spec.externalIPs`
    pub external_ips: Vec<Text>,
    /// `spec.externalName`
    pub external_name: Option<Text>,
    /// `spec.ports`
    pub ports: Vec<Spanned<ServicePort>>,
    /// `spec.selector`
    pub selector: BTreeMap<Arc<str>, Arc<str>>,
    /// `spec.publishNotReadyAddresses`
    pub publish_not_ready_addresses: bool,
    /// `sessionAffinity: ClientIP`
    pub by_client_ip: bool,
    /// `spec.loadBalancerClass`
    pub load_balancer_class: Option<Text>,
}

/// `spec.type` of a Service.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[allow(missing_docs, reason = "named as they are written")]
pub enum ServiceType {
    #[default]
    ClusterIp,
    NodePort,
    LoadBalancer,
    ExternalName,
}

const TYPE: OneOf<ServiceType> = OneOf(&[
    ("ClusterIP", ServiceType::ClusterIp),
    ("NodePort", ServiceType::NodePort),
    ("LoadBalancer", ServiceType::LoadBalancer),
    ("ExternalName", ServiceType::ExternalName),
]);

const AFFINITY: OneOf<bool> = OneOf(&[("None", false), ("ClientIP", true)]);

object! {
    /// The spec of a Service, as written.
    #[derive(Clone, Debug)]
    pub(crate) struct ServiceFields {
        /// How it is reached.
        kind: ServiceType = "type", default(ServiceType::ClusterIp, "`ClusterIP`"), TYPE;
        /// Its address.
        cluster_ip: Option<Text> = "clusterIP", optional, TEXT;
        /// Its addresses.
        cluster_ips: Vec<Text> = "clusterIPs", default(Vec::new(), "none"), List(TEXT);
        /// Addresses of its own, for which somebody else sends traffic to the nodes.
        external_ips: Vec<Text> = "externalIPs", default(Vec::new(), "none"), List(TEXT);
        /// The name that it stands for.
        external_name: Option<Text> = "externalName", optional, TEXT;
        /// Its ports.
        ports: Vec<Spanned<ServicePort>> = "ports", default(Vec::new(), "none"), List(at(obj()));
        /// Labels of its pods.
        selector: BTreeMap<Arc<str>, Arc<str>> = "selector", default(BTreeMap::new(), "none"), LabelMap;
        /// Whether pods that are not ready count.
        publish_not_ready_addresses: bool = "publishNotReadyAddresses", default(false, "`false`"), TRUE_FALSE;
        /// Whether a client stays with its pod.
        session_affinity: bool = "sessionAffinity", default(false, "`None`"), AFFINITY;
        /// Whose load balancer it asks for.
        load_balancer_class: Option<Text> = "loadBalancerClass", optional, TEXT;
    }
    known [
        "allocateLoadBalancerNodePorts", "externalTrafficPolicy", "healthCheckNodePort",
        "internalTrafficPolicy", "ipFamilies", "ipFamilyPolicy", "loadBalancerIP",
        "loadBalancerSourceRanges", "sessionAffinityConfig", "topologyKeys",
        "trafficDistribution",
    ];
    check ports_need_names;
}

fn ports_need_names(cx: &mut Cx, node: &Node<'_>) {
    let Some(Value::Seq(ports)) = node.get("ports").map(|n| &n.value) else {
        return;
    };
    if ports.len() < 2 {
        return;
    }
    cx.within("ports", |cx| {
        for (index, port) in ports.iter().enumerate() {
            let nameless = matches!(port.value, Value::Map(_)) && port.get("name").is_none();
            if nameless {
                cx.within_item(index, |cx| {
                    cx.missing(port, "name", "a Service with several ports names each");
                });
            }
        }
    });
}

impl crate::decode::Decode for Service {
    fn decode(cx: &mut Cx, node: &Node<'_>) -> Option<Self> {
        let fields = ServiceFields::decode(cx, node)?;
        if fields.kind == ServiceType::ExternalName && fields.external_name.is_none() {
            cx.missing(
                node,
                "externalName",
                "add the DNS name that the Service stands for",
            );
        }
        let mut headless = false;
        let mut cluster_ips: Vec<Text> = Vec::new();
        for ip in fields.cluster_ip.into_iter().chain(fields.cluster_ips) {
            if &*ip.value == "None" {
                headless = true;
            } else if !ip.is_empty() && !cluster_ips.iter().any(|known| known.value == ip.value) {
                cluster_ips.push(ip);
            }
        }
        Some(Self {
            kind: fields.kind,
            headless,
            cluster_ips,
            external_ips: fields.external_ips,
            external_name: fields.external_name,
            ports: fields.ports,
            selector: fields.selector,
            publish_not_ready_addresses: fields.publish_not_ready_addresses,
            by_client_ip: fields.session_affinity,
            load_balancer_class: fields.load_balancer_class.filter(|class| !class.is_empty()),
        })
    }
    fn describe() -> crate::decode::ObjectShape {
        ServiceFields::describe()
    }
}

object! {
    /// One of `spec.ports` of a Service.
    #[derive(Clone, Debug, Default, PartialEq, Eq)]
    pub struct ServicePort {
        /// Needed when there are several.
        name: Option<Text> = "name", optional, TEXT;
        /// 1 to 65535.
        port: Spanned<u16> = "port", required, at(Int::port());
        /// Default: the same number as `port`.
        target_port: Option<Spanned<IntOrName>> = "targetPort", optional, at(IntOrNameShape);
        /// Default `TCP`.
        protocol: TransportProtocol = "protocol", default(TransportProtocol::Tcp, "`TCP`"), PROTOCOL;
        /// `kubernetes.io/h2c`, `http`, `https`, `grpc`, ...
        app_protocol: Option<Text> = "appProtocol", optional, TEXT;
        /// The port of every node, for the types `NodePort` and `LoadBalancer`.
        node_port: Option<Spanned<u16>> = "nodePort", optional, at(Uint(0, 65535));
    }
    finish no_port_zero;
}

/// 0 counts as none, as for the API server.
#[expect(clippy::unnecessary_wraps, reason = "the shape of every `finish`")]
fn no_port_zero(mut port: ServicePort, _: &mut Cx, _: &Node<'_>) -> Option<ServicePort> {
    port.node_port = port.node_port.filter(|number| number.value != 0);
    Some(port)
}

/// A port by number or by the name that a container gives it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum IntOrName {
    /// Number.
    Int(u16),
    /// Name of a container port.
    Name(Arc<str>),
}

struct IntOrNameShape;

impl Shape for IntOrNameShape {
    type Out = IntOrName;
    fn decode(&self, cx: &mut Cx, node: &Node<'_>) -> Option<IntOrName> {
        match &node.value {
            Value::String(name) if name.is_empty() || name.bytes().all(|b| b.is_ascii_digit()) => {
                let message = format!("{name:?} is not the name of a port");
                let help = "write a number without quotes, or the name of a container port";
                cx.report(ProblemKind::InvalidValue, node.pos, message, help);
                None
            }
            Value::String(name) => Some(IntOrName::Name(cx.intern(name))),
            _ => Int::port().decode(cx, node).map(IntOrName::Int),
        }
    }
    fn words(&self) -> String {
        "port number or name".to_owned()
    }
}
