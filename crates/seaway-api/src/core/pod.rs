//! `Pod`.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::Text;
use crate::decode::{Cx, Decode, Int, List, ObjectShape, Quoted, TEXT, obj, object};
use crate::node::Node;

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

object! {
    /// A Pod, as written.
    #[derive(Clone, Debug)]
    pub(crate) struct PodFields {
        /// What it runs.
        spec: SpecFields = "spec", default(SpecFields::default(), "none"), obj();
        /// How it is.
        status: StatusFields = "status", default(StatusFields::default(), "ready"), obj();
    }
    known ["apiVersion", "kind", "metadata"];
}

object! {
    /// What a Pod runs.
    #[derive(Clone, Debug, Default)]
    pub(crate) struct SpecFields {
        /// Its containers.
        containers: Vec<Container> = "containers", default(Vec::new(), "none"), List(obj());
        /// Those that start first, some of which go on running.
        init_containers: Vec<Container> = "initContainers", default(Vec::new(), "none"), List(obj());
    }
    unknown fine;
}

object! {
    /// A container.
    #[derive(Clone, Debug)]
    pub(crate) struct Container {
        /// Its ports.
        ports: Vec<ContainerPort> = "ports", default(Vec::new(), "none"), List(obj());
    }
    unknown fine;
}

object! {
    /// A port of a container.
    #[derive(Clone, Debug)]
    pub(crate) struct ContainerPort {
        /// Its name.
        name: Option<Arc<str>> = "name", optional, Quoted;
        /// Its number.
        container_port: u16 = "containerPort", required, Int::port();
    }
    unknown fine;
}

object! {
    /// How a Pod is.
    #[derive(Clone, Debug, Default)]
    pub(crate) struct StatusFields {
        /// Its address.
        pod_ip: Option<Text> = "podIP", optional, TEXT;
        /// Its addresses.
        pod_ips: Vec<PodIp> = "podIPs", default(Vec::new(), "none"), List(obj());
        /// Its conditions.
        conditions: Option<Vec<Condition>> = "conditions", optional, List(obj());
    }
    unknown fine;
}

object! {
    /// An address.
    #[derive(Clone, Debug)]
    pub(crate) struct PodIp {
        /// The address.
        ip: Option<Text> = "ip", optional, TEXT;
    }
    unknown fine;
}

object! {
    /// A condition.
    #[derive(Clone, Debug)]
    pub(crate) struct Condition {
        /// Of which type.
        kind: Arc<str> = "type", default(Arc::default(), "empty"), Quoted;
        /// Whether it holds.
        status: Arc<str> = "status", default(Arc::default(), "empty"), Quoted;
    }
    unknown fine;
}

impl Decode for Pod {
    fn decode(cx: &mut Cx, node: &Node<'_>) -> Option<Self> {
        let PodFields { spec, status } = PodFields::decode(cx, node)?;
        let mut ips: Vec<Text> = Vec::new();
        for ip in status
            .pod_ip
            .into_iter()
            .chain(status.pod_ips.into_iter().filter_map(|ip| ip.ip))
        {
            if !ip.is_empty() && !ips.iter().any(|known| known.value == ip.value) {
                ips.push(ip);
            }
        }
        let containers = spec.init_containers.into_iter().chain(spec.containers);
        let ports = containers
            .flat_map(|container| container.ports)
            .filter_map(|port| Some((port.name?, port.container_port)))
            .collect();
        let ready = status
            .conditions
            .is_none_or(|all| all.iter().any(|c| &*c.kind == "Ready" && &*c.status == "True"));
        let terminating = node
            .get("metadata")
            .is_some_and(|metadata| metadata.get("deletionTimestamp").is_some());
        Some(Self {
            ips,
            ports,
            ready,
            terminating,
        })
    }
    fn describe() -> ObjectShape {
        PodFields::describe()
    }
}
