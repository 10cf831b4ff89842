//! What a ServiceEntry must not say, as a whole.

use super::{EntryPort, Resolution, ServiceEntry};
use crate::decode::Cx;
use crate::istio::{WorkloadAddress, WorkloadEntry};
use crate::node::{Node, Value};
use crate::{Pos, ProblemKind};

/// As many as Istio allows.
const MOST_ENDPOINTS: usize = 4096;

pub(super) fn check_entry(entry: ServiceEntry, cx: &mut Cx, node: &Node<'_>) -> Option<ServiceEntry> {
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
