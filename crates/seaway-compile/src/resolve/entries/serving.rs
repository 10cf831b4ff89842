//! What serves a port of a ServiceEntry, by its resolution.
//!
//! `NONE` leaves the choice of the address to the client, which a gateway does not have: what the client would have done
//! is done here. It would have gone to one of the addresses, if the entry lists any, or else have looked up the host.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;

use seaway_api::Object;
use seaway_api::istio::{EntryPort, Resolution, ServiceEntry, WorkloadEntry};

use super::super::backend::{Address, Backend, Lookup, settle};
use super::super::endpoints::EndpointIndex;
use super::super::workloads;
use crate::findings::{Findings, origin_of};

/// Whether there is any way to find what serves `asked`.
pub(super) fn can_be_found(object: &Object<ServiceEntry>, asked: &str) -> bool {
    let entry = &object.spec;
    match entry.resolution.value {
        _ if !entry.endpoints.is_empty() || entry.workload_selector.is_some() => true,
        Resolution::None => !asked.starts_with('*') || addresses(entry).next().is_some(),
        Resolution::Static => true,
        // The name that is asked for is what is looked up; the wildcard itself is no name.
        Resolution::Dns | Resolution::DnsRoundRobin | Resolution::DynamicDns => !asked.starts_with('*'),
    }
}

/// The backends of a port, in order, each address once.
pub(super) fn backends<'a>(
    object: &'a Object<ServiceEntry>,
    port: &EntryPort,
    asked: &Arc<str>,
    endpoints: &EndpointIndex<'a>,
    findings: &mut Findings,
) -> (Vec<Backend<'a>>, Lookup) {
    let entry = &object.spec;
    let number = |workload: &WorkloadEntry| port_of(workload, port);
    let own = port.target_port.as_ref().unwrap_or(&port.number).value;
    let mut found = if let Some(selector) = &entry.workload_selector {
        endpoints.selected(&object.meta.namespace, &selector.labels, number, own, findings)
    } else if !entry.endpoints.is_empty() {
        listed(object, number, findings)
    } else {
        looked_up(entry, asked, own)
    };
    let lookup = match entry.resolution.value {
        // In the order in which they are written: the first one is meant.
        Resolution::DnsRoundRobin => Lookup::Logical,
        _ => {
            settle(&mut found);
            Lookup::Strict
        }
    };
    (found, lookup)
}

/// Where a workload serves a port: where it says, else where the port says.
fn port_of(workload: &WorkloadEntry, port: &EntryPort) -> u16 {
    let own = workload.ports.get(&port.name.value);
    own.or(port.target_port.as_ref()).unwrap_or(&port.number).value
}

fn listed<'a>(
    object: &'a Object<ServiceEntry>,
    number: impl Fn(&WorkloadEntry) -> u16,
    findings: &mut Findings,
) -> Vec<Backend<'a>> {
    let origin = origin_of(&object.meta);
    let all = object.spec.endpoints.iter().enumerate();
    all.filter_map(|(index, workload)| {
        let field = format!("spec.endpoints[{index}].address");
        workloads::backend(workload, number(workload), (&origin, &field), findings)
    })
    .collect()
}

fn looked_up<'a>(entry: &ServiceEntry, asked: &Arc<str>, port: u16) -> Vec<Backend<'a>> {
    if entry.resolution.value == Resolution::Static {
        return Vec::new();
    }
    if entry.resolution.value == Resolution::None {
        let given: Vec<Backend<'a>> = addresses(entry)
            .map(|ip| Backend::new(Address::Ip(SocketAddr::new(ip, port))))
            .collect();
        if !given.is_empty() {
            return given;
        }
    }
    let address = match (asked.parse::<IpAddr>(), &**asked) {
        (Ok(ip), _) => Address::Ip(SocketAddr::new(ip, port)),
        (Err(_), "localhost") => Address::Ip((Ipv4Addr::LOCALHOST, port).into()),
        (Err(_), _) => Address::Name(asked.clone(), port),
    };
    vec![Backend::new(address)]
}

/// Single addresses; a subnet does not say where anything is.
fn addresses(entry: &ServiceEntry) -> impl Iterator<Item = IpAddr> {
    entry.addresses.iter().filter_map(|address| {
        let text = address
            .strip_suffix("/32")
            .or_else(|| address.strip_suffix("/128"));
        text.unwrap_or(address).parse().ok()
    })
}
