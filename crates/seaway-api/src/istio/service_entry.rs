//! `ServiceEntry`: a service that is not one of the cluster's.

mod check;

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;

use super::reach::{ProtocolShape, VISIBILITY};
use super::shapes::{FILLED, LABEL, SERVICE_HOST};
use super::{PortProtocol, Text, Visibility, WorkloadEntry};
use crate::decode::{Cx, Int, Invalid, LabelMap, List, OneOf, Parsed, Via, at, obj, object};
use crate::node::{Entry, Node};
use crate::{ProblemKind, Spanned};

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
    finish check::check_entry;
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
