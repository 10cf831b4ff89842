//! `ServiceEntry`: a service that is not one of the cluster's.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;

use super::reach::{ProtocolShape, VISIBILITY};
use super::shapes::{FILLED, LABEL, SERVICE_HOST};
use super::{PortProtocol, Text, Visibility, WorkloadAddress, WorkloadEntry};
use crate::decode::{Cx, Int, Invalid, LabelMap, List, OneOf, Parsed, Via, at, obj, object};
use crate::node::{Entry, Node, Value};
use crate::{Pos, ProblemKind, Spanned};

/// Where a service is, as seen from the mesh.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[allow(missing_docs, reason = "named as they are written")]
pub enum Location {
    #[default]
    MeshExternal,
    MeshInternal,
}

const LOCATION: OneOf<Location> = OneOf(&[
    ("MESH_EXTERNAL", Location::MeshExternal),
    ("MESH_INTERNAL", Location::MeshInternal),
]);

/// How the addresses of a service are found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Resolution {
    /// The client has found one already.
    #[default]
    None,
    /// They are the endpoints.
    Static,
    /// All that the DNS names of the endpoints, or else the hosts, resolve to.
    Dns,
    /// The first that the DNS name resolves to, each time.
    DnsRoundRobin,
    /// What the name that the client asks for resolves to, under a wildcard.
    DynamicDns,
}

const RESOLUTION: OneOf<Resolution> = OneOf(&[
    ("NONE", Resolution::None),
    ("STATIC", Resolution::Static),
    ("DNS", Resolution::Dns),
    ("DNS_ROUND_ROBIN", Resolution::DnsRoundRobin),
    ("DYNAMIC_DNS", Resolution::DynamicDns),
]);

object! {
    /// A service that is not one of the cluster's.
    #[derive(Clone, Debug, Default, PartialEq, Eq)]
    pub struct ServiceEntry {
        /// What it is called: DNS names, or `*.example.com`.
        hosts: Vec<Text> = "hosts", required, List(SERVICE_HOST);
        /// Addresses that stand for it: IP addresses or subnets.
        addresses: Vec<Text> = "addresses", default(Vec::new(), "none"), List(at(Parsed("IP address or subnet", subnet)));
        /// Its ports.
        ports: Vec<Spanned<EntryPort>> = "ports", default(Vec::new(), "none"), List(at(obj()));
        /// Whether it belongs to the mesh.
        location: Spanned<Location> = "location", default(Spanned::default(), "`MESH_EXTERNAL`"), at(LOCATION);
        /// How its addresses are found.
        resolution: Spanned<Resolution> = "resolution", default(Spanned::default(), "`NONE`"), at(RESOLUTION);
        /// What serves it; at most 4,096.
        endpoints: Vec<Spanned<WorkloadEntry>> = "endpoints", default(Vec::new(), "none"), List(at(obj()));
        /// What serves it: WorkloadEntries and Pods of the same namespace with these labels. Instead of `endpoints`.
        workload_selector: Option<Spanned<WorkloadSelector>> = "workloadSelector", optional, at(LABELS);
        /// The namespaces that it holds for.
        export_to: Vec<Spanned<Visibility>> = "exportTo", default(Vec::new(), "`[\"*\"]`"), List(VISIBILITY);
        /// With TLS to it, one of the names of the certificate must be one of these.
        subject_alt_names: Vec<Text> = "subjectAltNames", default(Vec::new(), "any"), List(FILLED);
    }
    finish check_entry;
}

object! {
    /// A port of a service.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct EntryPort {
        /// Its number.
        number: Spanned<u16> = "number", required, at(Int::port());
        /// What is spoken on it.
        protocol: Spanned<PortProtocol> = "protocol", default(Spanned::unwritten(PortProtocol::Tcp), "`TCP`"), at(ProtocolShape);
        /// Its name.
        name: Text = "name", required, LABEL;
        /// The port of the endpoints, where they do not say another.
        target_port: Option<Spanned<u16>> = "targetPort", optional, at(Int::port());
    }
}

/// Labels of workloads; none: nobody, as with the selector of a Service.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct WorkloadSelector {
    /// All of these.
    pub labels: BTreeMap<Arc<str>, Arc<str>>,
}

object! {
    /// Which workloads.
    #[derive(Clone, Debug)]
    pub(crate) struct SelectorFields {
        /// Their labels.
        labels: BTreeMap<Arc<str>, Arc<str>> = "labels", default(BTreeMap::new(), "none: nobody"), LabelMap;
    }
}

const LABELS: Via<SelectorFields, WorkloadSelector> =
    Via(|fields, cx, node| selector(fields.labels, "labels", cx, node));

object! {
    /// Which workloads.
    #[derive(Clone, Debug)]
    pub(crate) struct MatchFields {
        /// Their labels.
        labels: BTreeMap<Arc<str>, Arc<str>> = "matchLabels", default(BTreeMap::new(), "none: nobody"), LabelMap;
    }
}

/// The selector of a DestinationRule, which is spelt otherwise.
pub(super) const MATCH_LABELS: Via<MatchFields, WorkloadSelector> =
    Via(|fields, cx, node| selector(fields.labels, "matchLabels", cx, node));

fn selector(
    labels: BTreeMap<Arc<str>, Arc<str>>,
    field: &str,
    cx: &mut Cx,
    node: &Node<'_>,
) -> Option<WorkloadSelector> {
    if labels.is_empty() {
        let message = "a selector without labels finds nobody";
        let help = "add the labels of the workloads that are meant";
        cx.report_in(field, ProblemKind::IgnoredField, node.pos, message, help);
    }
    let written = cx.entry(node, field).map(|field| field.value.entries());
    let is_wrong = |entry: &&Entry<'_>| {
        entry.key.is_empty()
            || entry.key.contains('*')
            || entry.value.as_str().is_some_and(|text| text.contains('*'))
    };
    if let Some(pos) = written
        .unwrap_or_default()
        .iter()
        .find(is_wrong)
        .map(|entry| entry.pos)
    {
        let message = "labels have names, and are compared as they are, without stars";
        let help = "write the names and values that the workloads have";
        cx.report_in(field, ProblemKind::InvalidValue, pos, message, help);
    }
    Some(WorkloadSelector { labels })
}

/// An address, or a subnet as `10.0.0.0/8`.
fn subnet(text: &str) -> Result<Arc<str>, Invalid> {
    let (address, length) = text.split_once('/').map_or((text, None), |(a, l)| (a, Some(l)));
    let is_subnet = address.parse::<IpAddr>().is_ok_and(|address| {
        let most = if address.is_ipv4() { 32 } else { 128 };
        length.is_none_or(|length| length.parse().is_ok_and(|length: u8| length <= most))
    });
    if is_subnet {
        return Ok(text.into());
    }
    Err(Invalid::new(
        format!("{text:?} is not an IP address or a subnet"),
        "write for example 10.0.0.1 or 10.0.0.0/16",
    ))
}

/// As many as Istio allows.
const MOST_ENDPOINTS: usize = 4096;

fn check_entry(entry: ServiceEntry, cx: &mut Cx, node: &Node<'_>) -> Option<ServiceEntry> {
    cx.refuse_empty(node, "hosts", "add what the service is called");
    if entry.ports.is_empty()
        && cx
            .entry(node, "ports")
            .is_none_or(|entry| is_empty_list(&entry.value))
    {
        let message = "a service without ports: nothing can be sent to it";
        cx.report_in(
            "ports",
            ProblemKind::IgnoredField,
            node.pos,
            message,
            "add its ports",
        );
    }
    check_ports(&entry, cx);
    check_addresses(&entry, cx);
    if !entry.endpoints.is_empty() {
        let help = "what serves it is either listed or selected; keep one of the two";
        cx.refuse_both(node, "workloadSelector", "endpoints", help);
    }
    if entry.endpoints.len() > MOST_ENDPOINTS {
        let message = format!("{} endpoints are too many", entry.endpoints.len());
        let pos = cx
            .entry(node, "endpoints")
            .map_or(node.pos, |field| field.value.pos);
        let help = "list at most 4096; use a workloadSelector for more";
        cx.report_in("endpoints", ProblemKind::InvalidValue, pos, message, help);
    }
    check_resolution(&entry, cx, node);
    check_endpoints(&entry, cx);
    Some(entry)
}

/// Numbers and names are there once each.
fn check_ports(entry: &ServiceEntry, cx: &mut Cx) {
    cx.within("ports", |cx| {
        for (index, port) in entry.ports.iter().enumerate() {
            let before = || entry.ports.iter().take(index);
            let kind = ProblemKind::InvalidValue;
            cx.within_item(index, |cx| {
                if before().any(|known| known.number.value == port.number.value) {
                    let message = format!("the port {} is there twice", port.number.value);
                    cx.report_in("number", kind, port.number.pos, message, "keep one of the two");
                }
                if before().any(|known| known.name.value == port.name.value) {
                    let message = format!("a port is called {:?} already", &*port.name.value);
                    cx.report_in(
                        "name",
                        kind,
                        port.name.pos,
                        message,
                        "give each port a name of its own",
                    );
                }
            });
        }
    });
}

/// A subnet stands for a service only where nothing is resolved.
fn check_addresses(entry: &ServiceEntry, cx: &mut Cx) {
    if matches!(entry.resolution.value, Resolution::None | Resolution::Static) {
        return;
    }
    cx.within("addresses", |cx| {
        for (index, address) in entry.addresses.iter().enumerate() {
            if address.contains('/') {
                cx.within_item(index, |cx| {
                    let message = "a subnet stands for a service with the resolution NONE or STATIC only";
                    cx.report(
                        ProblemKind::InvalidValue,
                        address.pos,
                        message,
                        "write an address",
                    );
                });
            }
        }
    });
}

fn is_empty_list(node: &Node<'_>) -> bool {
    matches!(&node.value, Value::Seq(items) if items.is_empty())
}

/// What each way of finding addresses needs.
fn check_resolution(entry: &ServiceEntry, cx: &mut Cx, node: &Node<'_>) {
    // Endpoints that could not be read were meant to be there.
    let is_listed = cx
        .entry(node, "endpoints")
        .is_some_and(|field| !is_empty_list(&field.value));
    let nobody = !is_listed && cx.entry(node, "workloadSelector").is_none();
    match entry.resolution.value {
        Resolution::None | Resolution::DynamicDns => {
            if let Some(field) = cx
                .entry(node, "endpoints")
                .filter(|_| !entry.endpoints.is_empty())
            {
                let message = "endpoints have no use here: the client's own address, or its name, decides";
                let help = "write resolution: STATIC for IP addresses, or DNS for names";
                cx.report_in(
                    "endpoints",
                    ProblemKind::ConflictingFields,
                    field.pos,
                    message,
                    help,
                );
            }
        }
        Resolution::Static => {
            if nobody {
                let message =
                    "nothing serves it: resolution STATIC has neither endpoints nor a workloadSelector";
                let help = "add endpoints with IP addresses, or a workloadSelector";
                cx.report_in("endpoints", ProblemKind::IgnoredField, node.pos, message, help);
            }
        }
        Resolution::Dns | Resolution::DnsRoundRobin => {
            if let Some(second) = entry.endpoints.get(1)
                && entry.resolution.value == Resolution::DnsRoundRobin
            {
                let message = "DNS_ROUND_ROBIN takes one endpoint";
                cx.report_in(
                    "endpoints",
                    ProblemKind::InvalidValue,
                    second.pos,
                    message,
                    "write resolution: DNS for several",
                );
            }
            if nobody {
                refuse_wildcards(entry, cx);
            }
        }
    }
    if entry.resolution.value == Resolution::DynamicDns {
        check_dynamic(entry, cx);
        let message = "DYNAMIC_DNS looks up the names that routes write out; at the wildcard itself requests are answered 503";
        let help = "name the hosts that are meant in the destinations of routes";
        cx.report_in(
            "resolution",
            ProblemKind::IgnoredField,
            entry.resolution.pos,
            message,
            help,
        );
    }
}

/// Names are looked up that a wildcard stands for, and that a client says in HTTP or TLS.
fn check_dynamic(entry: &ServiceEntry, cx: &mut Cx) {
    let kind = ProblemKind::InvalidValue;
    let plain = entry
        .hosts
        .iter()
        .enumerate()
        .find(|(_, host)| !host.contains('*'));
    if let Some((index, host)) = plain {
        cx.within("hosts", |cx| {
            cx.within_item(index, |cx| {
                let message = format!(
                    "{:?} is one name, and DYNAMIC_DNS is for those under a wildcard",
                    &*host.value
                );
                cx.report(kind, host.pos, message, "write resolution: DNS");
            });
        });
    }
    if let Some(address) = entry.addresses.first() {
        let message = "addresses have no use with DYNAMIC_DNS";
        cx.report_in("addresses", kind, address.pos, message, "remove them");
    }
    let silent = |port: &EntryPort| !port.protocol.value.is_http() && !port.protocol.value.is_tls();
    if let Some((index, port)) = entry.ports.iter().enumerate().find(|(_, port)| silent(port)) {
        cx.within("ports", |cx| {
            cx.within_item(index, |cx| {
                let message = format!(
                    "{} names no host, which DYNAMIC_DNS would look up",
                    port.protocol.value.as_str()
                );
                let is_written = port.protocol.pos != Pos::default();
                let pos = if is_written { port.protocol.pos } else { port.pos };
                cx.report_in("protocol", kind, pos, message, "write HTTP, HTTPS or TLS");
            });
        });
    }
}

/// Without endpoints the hosts themselves are resolved.
fn refuse_wildcards(entry: &ServiceEntry, cx: &mut Cx) {
    cx.within("hosts", |cx| {
        for (index, host) in entry.hosts.iter().enumerate() {
            if host.contains('*') {
                cx.within_item(index, |cx| {
                    let message = format!("{:?} cannot be asked for in the DNS", &*host.value);
                    let help = "name the host, or add endpoints, or write resolution: NONE";
                    cx.report(ProblemKind::InvalidValue, host.pos, message, help);
                });
            }
        }
    });
}

/// Endpoints are what the resolution wants, and name only ports that are there.
fn check_endpoints(entry: &ServiceEntry, cx: &mut Cx) {
    cx.within("endpoints", |cx| {
        for (index, endpoint) in entry.endpoints.iter().enumerate() {
            cx.within_item(index, |cx| check_endpoint(entry, endpoint, cx));
        }
    });
}

fn check_endpoint(entry: &ServiceEntry, endpoint: &WorkloadEntry, cx: &mut Cx) {
    let by_name = matches!(
        entry.resolution.value,
        Resolution::Dns | Resolution::DnsRoundRobin
    );
    let wrong = match &endpoint.address.value {
        WorkloadAddress::Name(name) if !by_name => Some((
            format!("{name:?} is a name, and resolution: STATIC takes IP addresses"),
            "write an IP address, or resolution: DNS",
        )),
        WorkloadAddress::Unix(_) if by_name => Some((
            "a socket cannot be asked for in the DNS".to_owned(),
            "write resolution: STATIC",
        )),
        WorkloadAddress::Unix(_) if entry.ports.len() != 1 => Some((
            "a socket serves one port".to_owned(),
            "leave the service one port",
        )),
        _ => None,
    };
    if let Some((message, help)) = wrong {
        cx.report_in(
            "address",
            ProblemKind::InvalidValue,
            endpoint.address.pos,
            message,
            help,
        );
    }
    cx.within("ports", |cx| {
        for (name, port) in &endpoint.ports {
            if !entry.ports.iter().any(|known| known.name.value == *name) {
                let message = format!("the service has no port called {name:?}");
                cx.report_in(
                    name,
                    ProblemKind::InvalidValue,
                    port.pos,
                    message,
                    "write the name of one of its ports",
                );
            }
        }
    });
}
