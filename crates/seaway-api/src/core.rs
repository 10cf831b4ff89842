//! The kinds of the core group, and EndpointSlice: only the fields that decide where traffic goes.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::Spanned;

type Text = Spanned<Arc<str>>;

/// The spec of a Service.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Service {
    /// `spec.type`
    pub kind: ServiceType,
    /// `clusterIP: None`
    pub headless: bool,
    /// `spec.clusterIP` and `clusterIPs`, without `None`.
    pub cluster_ips: Vec<Text>,
    /// `spec.externalName`
    pub external_name: Option<Text>,
    /// `spec.ports`
    pub ports: Vec<Spanned<ServicePort>>,
    /// `spec.selector`
    pub selector: BTreeMap<Arc<str>, Arc<str>>,
    /// `spec.publishNotReadyAddresses`
    pub publish_not_ready_addresses: bool,
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

/// One of `spec.ports` of a Service.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ServicePort {
    /// Needed when there are several.
    pub name: Option<Text>,
    /// 1 to 65535.
    pub port: Spanned<u16>,
    /// Default: the same number as `port`.
    pub target_port: Option<Spanned<IntOrName>>,
    /// Default `TCP`.
    pub protocol: TransportProtocol,
    /// `kubernetes.io/h2c`, `http`, `https`, `grpc`, ...
    pub app_protocol: Option<Text>,
}

/// A port by number or by the name that a container gives it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum IntOrName {
    /// Number.
    Int(u16),
    /// Name of a container port.
    Name(Arc<str>),
}

/// `protocol` of a port.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[allow(missing_docs, reason = "named as they are written")]
pub enum TransportProtocol {
    #[default]
    Tcp,
    Udp,
    Sctp,
}

/// An EndpointSlice (`discovery.k8s.io/v1`). Its Service is the label `kubernetes.io/service-name`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EndpointSlice {
    /// `IPv4`, `IPv6` or `FQDN`.
    pub address_type: Text,
    /// `endpoints`
    pub endpoints: Vec<Spanned<SliceEndpoint>>,
    /// `ports`; matched with the Service's ports by name.
    pub ports: Vec<EndpointPort>,
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

/// A reference to a Pod.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PodRef {
    /// Empty: the namespace of the object that refers.
    pub namespace: Arc<str>,
    /// Name.
    pub name: Arc<str>,
}

/// One of `ports` of a slice or of a subset.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EndpointPort {
    /// Empty for the only, unnamed one.
    pub name: Arc<str>,
    /// `None`: all ports (a slice), which cannot be forwarded to.
    pub port: Option<u16>,
    /// Default `TCP`.
    pub protocol: TransportProtocol,
    /// As on the Service.
    pub app_protocol: Option<Arc<str>>,
}

/// `Endpoints` of the core group, the older form. Used for a Service that has no EndpointSlice.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Endpoints {
    /// `subsets`
    pub subsets: Vec<EndpointSubset>,
}

/// One of `subsets`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EndpointSubset {
    /// Ready ones.
    pub addresses: Vec<EndpointAddress>,
    /// Not ready ones.
    pub not_ready_addresses: Vec<EndpointAddress>,
    /// Ports of all of them.
    pub ports: Vec<EndpointPort>,
}

/// One address.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EndpointAddress {
    /// `ip`
    pub ip: Text,
    /// `targetRef`, when it is a Pod.
    pub target_pod: Option<PodRef>,
}

/// A Secret. Values are decoded from base64; `stringData` wins over `data`.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Secret {
    /// `type`
    pub kind: Arc<str>,
    /// By key, with the place of each.
    pub data: BTreeMap<Arc<str>, Spanned<Arc<[u8]>>>,
}

/// Keys only: values never show.
impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Secret")
            .field("kind", &self.kind)
            .field("keys", &self.data.keys())
            .finish()
    }
}

/// A Namespace; its labels are in `meta`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Namespace;

/// A Pod: its labels are in `meta`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Pod {
    /// `status.podIP`, then `status.podIPs`.
    pub ips: Vec<Text>,
    /// Named container ports.
    pub ports: BTreeMap<Arc<str>, u16>,
    /// The condition `Ready`; a Pod without a status conditions list counts as ready.
    pub ready: bool,
    /// `metadata.deletionTimestamp` is set.
    pub terminating: bool,
}
