//! Two objects for one host and port: one of them is used, and the other one says so.
//!
//! They are not put together. An entry is a whole: its resolution, its target ports and the names that certificates must
//! have belong to its endpoints, and two resolutions cannot be one. What Istio makes of two has changed from version to
//! version, so nobody can rely on it; that a second one was written by mistake is the likelier case.
//!
//! A namespace that has an entry of its own prefers it to those of others. That is meant, and nothing is said of it.

use std::collections::HashMap;

use seaway_api::Object;
use seaway_api::core::Service;
use seaway_api::istio::{EntryPort, PortProtocol, ServiceEntry, Visibility};
use seaway_model::Code;

use super::{Entries, Entry, EntryHost, plain};
use crate::findings::{Findings, Reporter, origin_of, place, whereabouts};

impl<'a> Entries<'a> {
    /// Says of each entry whose ports another one of its namespace has already, or whose host a Service has, that it is
    /// not used.
    pub(in super::super) fn report_twins(
        &self,
        service: impl Fn(&str) -> Option<&'a Object<Service>>,
        findings: &mut Findings,
    ) {
        for (host, entries) in &self.exact {
            match service(host) {
                Some(service) => entries
                    .iter()
                    .for_each(|entry| report_service(entry, host, service, findings)),
                None => report_ports(host, entries, findings),
            }
        }
        for (suffix, entries) in &self.wild {
            report_ports(&format!("*{suffix}"), entries, findings);
        }
    }
}

/// Says of an entry, which some namespaces do not see, that what asked for its port was given to one that comes first.
pub(super) fn report_passed_over(
    host: &EntryHost<'_>,
    chosen: &Entry<'_>,
    port: &EntryPort,
    reporter: &mut Reporter<'_>,
) {
    let client = &reporter.origin.namespace;
    let namespace = &chosen.object.meta.namespace;
    let first = origin_of(&chosen.object.meta);
    let after = host
        .entries
        .iter()
        .skip_while(|entry| !std::ptr::eq(entry.object, chosen.object));
    for entry in after.skip(1) {
        let other = entry.object;
        let is_neighbour = other.meta.namespace == *namespace;
        let is_known = match is_neighbour {
            true => is_seen_wherever(chosen.object, other),
            false => namespace == client,
        };
        if is_known || std::ptr::eq(other, chosen.object) || !has(other, port) {
            continue;
        }
        report(
            other,
            &host.asked,
            format!(
                "{first}{} has port {} of \"{}\" too and comes first: what namespace \"{client}\" sends there does not \
                 come here",
                whereabouts(&first),
                port.number.value,
                host.asked
            ),
            "write the host into one ServiceEntry, or keep one of the two from that namespace with exportTo",
            reporter.findings,
        );
    }
}

/// Of the entries for a host, the first one first.
fn report_ports(host: &str, entries: &[Entry<'_>], findings: &mut Findings) {
    if entries.len() < 2 {
        return;
    }
    // Who has a port, by namespace, number and kind.
    let mut known: HashMap<(&str, u16, bool), &Object<ServiceEntry>> = HashMap::new();
    for entry in entries {
        let object = entry.object;
        // Each port by the entry that has it already.
        let mut lost: Vec<(&Object<ServiceEntry>, Vec<String>)> = Vec::new();
        for port in &object.spec.ports {
            let key = (&*object.meta.namespace, port.number.value, is_udp(port));
            let first = *known.entry(key).or_insert(object);
            if std::ptr::eq(first, object) || !is_seen_wherever(first, object) {
                continue;
            }
            let number = port.number.value.to_string();
            match lost.iter_mut().find(|(known, _)| std::ptr::eq(*known, first)) {
                Some((_, numbers)) => numbers.push(number),
                None => lost.push((first, vec![number])),
            }
        }
        for (first, numbers) in lost {
            let first = origin_of(&first.meta);
            let message = format!(
                "{first}{} has port {} of \"{host}\" too and comes first: the two are not put together, and nothing that \
                 is meant for it comes here",
                whereabouts(&first),
                numbers.join(" and "),
            );
            let help =
                "write all endpoints of the port into one ServiceEntry, or give one of the two another port";
            report(object, host, message, help, findings);
        }
    }
}

/// Whether every namespace that sees the second of two entries of one namespace sees the first one too.
fn is_seen_wherever(first: &Object<ServiceEntry>, second: &Object<ServiceEntry>) -> bool {
    let (first, second) = (&first.spec.export_to, &second.spec.export_to);
    let is_in_first = |one: &Visibility| first.iter().any(|own| own.value == *one);
    first.is_empty()
        || is_in_first(&Visibility::All)
        || !second.is_empty() && second.iter().all(|one| is_in_first(&one.value))
}

fn report_service(entry: &Entry<'_>, host: &str, service: &Object<Service>, findings: &mut Findings) {
    let service = origin_of(&service.meta);
    let message = format!(
        "{service}{} has this host already and comes first: nothing comes here",
        whereabouts(&service)
    );
    let help = "give the ServiceEntry another host; a Service finds WorkloadEntries by its selector";
    report(entry.object, host, message, help, findings);
}

/// Reports at the place where an entry names a host.
fn report(object: &Object<ServiceEntry>, host: &str, message: String, help: &str, findings: &mut Findings) {
    let hosts = object.spec.hosts.iter().enumerate();
    let names = |text: &str| match plain(text).strip_prefix('*') {
        Some(suffix) => host.ends_with(suffix),
        None => plain(text) == *host,
    };
    // The host itself before a wildcard that covers it.
    let exact = hosts.clone().find(|(_, text)| plain(text) == *host);
    let written = exact.or_else(|| hosts.clone().find(|(_, text)| names(text)));
    let origin = origin_of(&object.meta);
    let at = match written {
        Some((index, text)) => place(&origin, &format!("spec.hosts[{index}]"), text.pos),
        None => origin,
    };
    findings.report(Code::ServiceEntryConflict, at, message, help);
}

/// Whether an entry has this port too, for what goes to it.
fn has(object: &Object<ServiceEntry>, port: &EntryPort) -> bool {
    let mut ports = object.spec.ports.iter();
    ports.any(|own| own.number.value == port.number.value && is_udp(own) == is_udp(port))
}

fn is_udp(port: &EntryPort) -> bool {
    port.protocol.value == PortProtocol::Udp
}
