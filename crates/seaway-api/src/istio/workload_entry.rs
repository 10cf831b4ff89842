//! `WorkloadEntry`: something that serves and is no Pod.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;

use super::{Text, syntax};
use crate::ProblemKind;
use crate::Spanned;
use crate::decode::{At, Cx, Int, Invalid, LabelMap, Parsed, TEXT, TextMap, at, object};
use crate::node::Node;

/// Where a workload is.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum WorkloadAddress {
    /// At this address.
    Ip(IpAddr),
    /// At the addresses of this DNS name.
    Name(Arc<str>),
    /// At this Unix domain socket, an absolute path or an abstract name after `@`.
    Unix(Arc<str>),
}

object! {
    /// Something that serves and is no Pod: a virtual machine, a process, a host somewhere else.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct WorkloadEntry {
        /// An IP address, a DNS name, or `unix:///path`.
        address: Spanned<WorkloadAddress> = "address", required, at(Parsed("IP address, DNS name or `unix:///path`", address));
        /// Where it serves the ports of the service, by their names.
        ports: BTreeMap<Arc<str>, Spanned<u16>> = "ports", default(BTreeMap::new(), "the same numbers as the service's"), PORTS;
        /// Labels, by which subsets and selectors find it.
        labels: BTreeMap<Arc<str>, Arc<str>> = "labels", default(BTreeMap::new(), "none"), LabelMap;
        /// The network that it is in.
        network: Option<Text> = "network", optional, TEXT;
        /// Where it stands: `region/zone/subzone`.
        locality: Option<Text> = "locality", optional, TEXT;
        /// Its share, relative to the other endpoints'.
        weight: Option<Spanned<u32>> = "weight", optional, super::shapes::COUNT;
        /// What it calls itself in the mesh.
        service_account: Option<Text> = "serviceAccount", optional, TEXT;
    }
    finish check_entry;
}

const PORTS: TextMap<At<Int<u16>>> = TextMap("mapping of port name to number", port_name, at(Int::port()));

fn port_name(text: &str) -> Result<(), Invalid> {
    syntax::label(text).map(|_| ())
}

fn address(text: &str) -> Result<WorkloadAddress, Invalid> {
    if let Some(path) = text.strip_prefix("unix://") {
        if path.starts_with(['/', '@']) && path.len() > 1 && !path.ends_with('/') {
            return Ok(WorkloadAddress::Unix(path.into()));
        }
        return Err(Invalid::new(
            format!("{text:?} is not the address of a socket"),
            "write an absolute path: unix:///var/run/app.sock",
        ));
    }
    match text.parse() {
        Ok(ip) => Ok(WorkloadAddress::Ip(ip)),
        Err(_) => syntax::exact_host(text).map(WorkloadAddress::Name),
    }
}

fn check_entry(entry: WorkloadEntry, cx: &mut Cx, node: &Node<'_>) -> Option<WorkloadEntry> {
    if matches!(entry.address.value, WorkloadAddress::Unix(_))
        && !entry.ports.is_empty()
        && let Some(ports) = cx.entry(node, "ports")
    {
        let message = "a socket has no ports";
        cx.report_in(
            "ports",
            ProblemKind::ConflictingFields,
            ports.pos,
            message,
            "remove \"ports\"",
        );
    }
    Some(entry)
}
