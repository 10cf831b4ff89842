//! `EndpointSlice` and `Endpoints`.

use std::sync::Arc;

use super::{PROTOCOL, Text, TransportProtocol};
use crate::Spanned;
use crate::decode::{Cx, Int, List, Quoted, TEXT, TRUE_FALSE, at, obj, object};
use crate::node::Node;

object! {
    /// An EndpointSlice (`discovery.k8s.io/v1`). Its Service is the label `kubernetes.io/service-name`.
    #[derive(Clone, Debug, Default, PartialEq, Eq)]
    pub struct EndpointSlice {
        /// `IPv4`, `IPv6` or `FQDN`.
        address_type: Text = "addressType", required, TEXT;
        /// `endpoints`
        endpoints: Vec<Spanned<SliceEndpoint>> = "endpoints", default(Vec::new(), "none"), List(at(obj()));
        /// `ports`; matched with the Service's ports by name.
        ports: Vec<EndpointPort> = "ports", default(Vec::new(), "none"), List(obj());
    }
    known ["apiVersion", "kind", "metadata"];
}

/// One of `endpoints` of a slice.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SliceEndpoint {
    /// One or more; the same backend under several addresses, of which the first is used.
    pub addresses: Vec<Text>,
    /// `conditions.ready`; absent counts as true.
    pub ready: Option<bool>,
    /// `conditions.serving`; absent counts as `ready`.
    pub serving: Option<bool>,
    /// `conditions.terminating`; absent counts as false.
    pub terminating: Option<bool>,
    /// `targetRef`, when it is a Pod.
    pub target_pod: Option<PodRef>,
    /// `zone`
    pub zone: Option<Arc<str>>,
}

object! {
    /// One of `endpoints` of a slice.
    #[derive(Clone, Debug)]
    pub(crate) struct SliceEndpointFields {
        /// Addresses of the same backend.
        addresses: Vec<Text> = "addresses", required, List(TEXT);
        /// How it is.
        conditions: Conditions = "conditions", default(Conditions::default(), "ready"), obj();
        /// What it is.
        target_ref: Option<ObjectReference> = "targetRef", optional, obj();
        /// Where it is.
        zone: Option<Arc<str>> = "zone", optional, Quoted;
    }
    known ["hostname", "nodeName", "hints", "deprecatedTopology"];
}

object! {
    /// How an endpoint is.
    #[derive(Clone, Debug, Default)]
    pub(crate) struct Conditions {
        /// Takes requests.
        ready: Option<bool> = "ready", optional, TRUE_FALSE;
        /// Answers requests.
        serving: Option<bool> = "serving", optional, TRUE_FALSE;
        /// Is going away.
        terminating: Option<bool> = "terminating", optional, TRUE_FALSE;
    }
}

object! {
    /// A reference to an object.
    #[derive(Clone, Debug, Default)]
    pub(crate) struct ObjectReference {
        /// Its kind.
        kind: Arc<str> = "kind", default(Arc::default(), "empty"), Quoted;
        /// Its namespace.
        namespace: Arc<str> = "namespace", default(Arc::default(), "that of the object that refers"), Quoted;
        /// Its name.
        name: Arc<str> = "name", default(Arc::default(), "empty"), Quoted;
    }
    known ["apiVersion", "fieldPath", "resourceVersion", "uid"];
}

impl crate::decode::Decode for SliceEndpoint {
    fn decode(cx: &mut Cx, node: &Node<'_>) -> Option<Self> {
        let fields = SliceEndpointFields::decode(cx, node)?;
        Some(Self {
            addresses: fields.addresses,
            ready: fields.conditions.ready,
            serving: fields.conditions.serving,
            terminating: fields.conditions.terminating,
            target_pod: fields.target_ref.and_then(pod),
            zone: fields.zone,
        })
    }
    fn describe() -> crate::decode::ObjectShape {
        SliceEndpointFields::describe()
    }
}

/// A reference to a Pod.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PodRef {
    /// Empty: the namespace of the object that refers.
    pub namespace: Arc<str>,
    /// Name.
    pub name: Arc<str>,
}

fn pod(reference: ObjectReference) -> Option<PodRef> {
    (&*reference.kind == "Pod").then_some(PodRef {
        namespace: reference.namespace,
        name: reference.name,
    })
}

object! {
    /// One of `ports` of a slice or of a subset.
    #[derive(Clone, Debug, Default, PartialEq, Eq)]
    pub struct EndpointPort {
        /// Empty for the only, unnamed one.
        name: Arc<str> = "name", default(Arc::default(), "empty"), Quoted;
        /// `None`: all ports (a slice), which cannot be forwarded to.
        port: Option<u16> = "port", optional, Int::port();
        /// Default `TCP`.
        protocol: TransportProtocol = "protocol", default(TransportProtocol::Tcp, "`TCP`"), PROTOCOL;
        /// As on the Service.
        app_protocol: Option<Arc<str>> = "appProtocol", optional, Quoted;
    }
}

object! {
    /// `Endpoints` of the core group, the older form. Used for a Service that has no EndpointSlice.
    #[derive(Clone, Debug, Default, PartialEq, Eq)]
    pub struct Endpoints {
        /// `subsets`
        subsets: Vec<EndpointSubset> = "subsets", default(Vec::new(), "none"), List(obj());
    }
    known ["apiVersion", "kind", "metadata"];
}

object! {
    /// One of `subsets`.
    #[derive(Clone, Debug, Default, PartialEq, Eq)]
    pub struct EndpointSubset {
        /// Ready ones.
        addresses: Vec<EndpointAddress> = "addresses", default(Vec::new(), "none"), List(obj());
        /// Not ready ones.
        not_ready_addresses: Vec<EndpointAddress> = "notReadyAddresses", default(Vec::new(), "none"), List(obj());
        /// Ports of all of them.
        ports: Vec<EndpointPort> = "ports", default(Vec::new(), "none"), List(obj());
    }
}

/// One address.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EndpointAddress {
    /// `ip`
    pub ip: Text,
    /// `targetRef`, when it is a Pod.
    pub target_pod: Option<PodRef>,
}

object! {
    /// One address.
    #[derive(Clone, Debug)]
    pub(crate) struct AddressFields {
        /// The address.
        ip: Text = "ip", required, TEXT;
        /// What it is.
        target_ref: Option<ObjectReference> = "targetRef", optional, obj();
    }
    known ["hostname", "nodeName"];
}

impl crate::decode::Decode for EndpointAddress {
    fn decode(cx: &mut Cx, node: &Node<'_>) -> Option<Self> {
        let AddressFields { ip, target_ref } = AddressFields::decode(cx, node)?;
        Some(Self {
            ip,
            target_pod: target_ref.and_then(pod),
        })
    }
    fn describe() -> crate::decode::ObjectShape {
        AddressFields::describe()
    }
}
