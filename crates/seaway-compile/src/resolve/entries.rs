//! ServiceEntries: hosts that somebody has entered into the registry.
//!
//! Several entries may name one host. A namespace sees its own first, then the oldest; where that has not the port that
//! is asked for, the next one is asked.

mod serving;
mod twins;

use std::collections::HashMap;
use std::rc::Rc;
use std::sync::Arc;

use seaway_api::istio::{EntryPort, PortProtocol, ServiceEntry};
use seaway_api::{Object, Pos, Spanned};
use seaway_model::{Code, Failure, FailureReason};

use super::ports::Port;
use super::rules::visible;
use super::{Over, Resolver, missing_port, protocol};
use crate::findings::{Findings, Reporter, origin_of, place, whereabouts};
use crate::objects::Objects;
use crate::order::ObjectRank;

/// All hosts of ServiceEntries.
pub(super) struct Entries<'a> {
    exact: HashMap<Arc<str>, Vec<Entry<'a>>>,
    /// By what follows the star, the longest first.
    wild: Vec<(Arc<str>, Vec<Entry<'a>>)>,
}

/// An entry that names a host. The oldest of those that name it comes first.
#[derive(Clone, Copy, Debug)]
struct Entry<'a> {
    object: &'a Object<ServiceEntry>,
    is_oldest: bool,
}

/// A host that a namespace asks for, with the entries that it sees, the best first.
#[derive(Clone, Debug)]
pub(super) struct EntryHost<'a> {
    /// As it is asked for, in lower case; a wildcard where the wildcard itself is.
    asked: Arc<str>,
    entries: Vec<Entry<'a>>,
}

impl<'a> Entries<'a> {
    pub(super) fn new(objects: &Objects<'a>) -> Self {
        let mut by_age: Vec<&'a Object<ServiceEntry>> = objects.service_entries.clone();
        by_age.sort_by_cached_key(|object| ObjectRank::new(&object.meta));
        let mut exact: HashMap<Arc<str>, Vec<Entry<'a>>> = HashMap::new();
        let mut wild: HashMap<Arc<str>, Vec<Entry<'a>>> = HashMap::new();
        for object in by_age {
            for host in &object.spec.hosts {
                let host = plain(host);
                let entries = match host.strip_prefix('*') {
                    Some(suffix) => wild.entry(suffix.into()).or_default(),
                    None => exact.entry(host.into()).or_default(),
                };
                let is_oldest = entries.is_empty();
                entries.push(Entry { object, is_oldest });
            }
        }
        let mut wild: Vec<_> = wild.into_iter().collect();
        wild.sort_by(|a, b| (b.0.len(), &a.0).cmp(&(a.0.len(), &b.0)));
        Self { exact, wild }
    }

    /// Whether any entry names this host, wherever it can be seen.
    pub(super) fn has(&self, host: &str) -> bool {
        self.exact.contains_key(host)
    }

    /// The oldest entry that names this host, wherever it can be seen.
    pub(super) fn oldest(&self, host: &str) -> Option<&'a Object<ServiceEntry>> {
        self.exact.get(host)?.first().map(|entry| entry.object)
    }

    /// The ports of all entries for a host, or for one below a wildcard, whoever can see them.
    pub(super) fn ports_below(&self, host: &str) -> impl Iterator<Item = u16> {
        let pattern = host.strip_prefix('*');
        let one = self.exact.get(host).filter(|_| pattern.is_none());
        let below = pattern.map(|pattern| {
            let all = self
                .exact
                .iter()
                .filter(move |(known, _)| known.ends_with(pattern));
            all.map(|(_, entries)| entries)
        });
        // One wildcard may lie in the other, either way.
        let wild = self.wild.iter().filter(move |(suffix, _)| match pattern {
            Some(pattern) => suffix.ends_with(pattern) || pattern.ends_with(&**suffix),
            None => host.ends_with(&**suffix),
        });
        let exact = one.into_iter().chain(below.into_iter().flatten());
        let entries = exact.chain(wild.map(|(_, entries)| entries)).flatten();
        entries
            .flat_map(|entry| &entry.object.spec.ports)
            .map(|port| port.number.value)
    }

    /// What a namespace sees under a host: an entry for it, else for the longest wildcard that covers it.
    pub(super) fn get(&self, host: &str, client: &str) -> Option<EntryHost<'a>> {
        let exact = self.exact.get(host).into_iter();
        let wild = self.wild.iter().filter(|(suffix, _)| host.ends_with(&**suffix));
        let mut lists = exact.chain(wild.map(|(_, entries)| entries));
        lists.find_map(|entries| {
            let mut seen: Vec<Entry<'a>> = entries
                .iter()
                .filter(|entry| entry.visible_from(client))
                .copied()
                .collect();
            seen.sort_by_key(|entry| *entry.object.meta.namespace != *client);
            (!seen.is_empty()).then(|| EntryHost {
                asked: host.into(),
                entries: seen,
            })
        })
    }

    /// Every host with the oldest entry that names it.
    pub(super) fn all(&self) -> impl Iterator<Item = (String, &'a Object<ServiceEntry>)> {
        let exact = self
            .exact
            .iter()
            .map(|(host, entries)| (host.to_string(), entries));
        let wild = self
            .wild
            .iter()
            .map(|(suffix, entries)| (format!("*{suffix}"), entries));
        exact
            .chain(wild)
            .filter_map(|(host, entries)| Some((host, entries.first()?.object)))
    }
}

impl Entry<'_> {
    fn visible_from(&self, client: &str) -> bool {
        let meta = &self.object.meta;
        let export_to = self.object.spec.export_to.iter().map(|to| &to.value);
        visible(export_to, &meta.namespace, client)
    }
}

/// A host as it is asked for: in lower case, without a dot at the end.
fn plain(host: &str) -> String {
    host.trim_end_matches('.').to_ascii_lowercase()
}

/// Whether connections or datagrams of this kind can go to a port.
fn takes(port: &EntryPort, over: Over) -> bool {
    (port.protocol.value == PortProtocol::Udp) == (over == Over::Udp)
}

impl<'a> Resolver<'a> {
    /// A port of the host of a ServiceEntry; the only one where none is asked for.
    pub(super) fn entry_port(
        &mut self,
        host: &EntryHost<'a>,
        wanted: Option<u16>,
        over: Over,
        (field, pos): (&str, Pos),
        reporter: &mut Reporter<'_>,
    ) -> Result<Rc<Port<'a>>, Failure> {
        let found = host
            .entries
            .iter()
            .find_map(|entry| Some((entry, chosen(entry.object, wanted, over)?)));
        let Some((entry, (index, port))) = found else {
            return Err(missing_port(
                why_no_port(host, wanted, over),
                field,
                pos,
                reporter,
            ));
        };
        twins::report_passed_over(host, entry, port, reporter);
        if !serving::can_be_found(entry.object, &host.asked) {
            return Err(report_not_found(host, entry.object, (field, pos), reporter));
        }
        let mut name = format!("{}:{}", host.asked, port.number.value);
        if !entry.is_oldest {
            let meta = &entry.object.meta;
            name = format!("{name};of={}/{}", meta.namespace, meta.name.value);
        }
        let object = entry.object;
        let findings = &mut *reporter.findings;
        Ok(self.ports.get_or(name.clone(), |endpoints| {
            let origin = origin_of(&object.meta);
            let (backends, lookup) = serving::backends(object, port, &host.asked, endpoints, findings);
            if backends.is_empty() {
                report_nobody(object, index, port, findings);
            }
            Port {
                name,
                host: Some(host.asked.clone()),
                namespace: object.meta.namespace.clone(),
                number: port.number.value,
                service: None,
                origin,
                field: format!("spec.ports[{index}]"),
                backends,
                lookup,
                spoken: protocol::read(port.protocol.as_str(), "protocol", port.protocol.pos),
                subject_alt_names: object
                    .spec
                    .subject_alt_names
                    .iter()
                    .map(|name| name.value.clone())
                    .collect(),
            }
        }))
    }
}

/// The port that is meant, with its index.
fn chosen(
    object: &Object<ServiceEntry>,
    wanted: Option<u16>,
    over: Over,
) -> Option<(usize, &Spanned<EntryPort>)> {
    let mut fitting = object
        .spec
        .ports
        .iter()
        .enumerate()
        .filter(|(_, port)| takes(port, over));
    match wanted {
        Some(number) => fitting.find(|(_, port)| port.number.value == number),
        None => {
            let all: Vec<_> = fitting.collect();
            match all.as_slice() {
                [only] => Some(*only),
                several => several
                    .iter()
                    .find(|(_, port)| port.number.value == super::DEFAULT_PORT)
                    .copied(),
            }
        }
    }
}

fn why_no_port(host: &EntryHost<'_>, wanted: Option<u16>, over: Over) -> String {
    let ports = host
        .entries
        .iter()
        .flat_map(|entry| &entry.object.spec.ports)
        .filter(|port| takes(port, over));
    let list: Vec<String> = ports
        .map(|port| format!("{} ({})", port.number.value, port.name.value))
        .collect();
    let has = if list.is_empty() {
        "none that fits".to_owned()
    } else {
        list.join(", ")
    };
    match wanted {
        Some(number) => format!("\"{}\" has no port {number}; it has {has}", host.asked),
        None => format!(
            "no port is named, and \"{}\" has not just one; it has {has}",
            host.asked
        ),
    }
}

fn report_not_found(
    host: &EntryHost<'_>,
    object: &Object<ServiceEntry>,
    (field, pos): (&str, Pos),
    reporter: &mut Reporter<'_>,
) -> Failure {
    let origin = origin_of(&object.meta);
    let at = whereabouts(&origin);
    let message = format!(
        "{origin}{at} does not say where \"{}\" is, and it cannot be looked up",
        host.asked
    );
    reporter.report(
        Code::UnresolvableHost,
        field,
        pos,
        message.clone(),
        "name the host that is meant instead of the wildcard, or give the ServiceEntry endpoints",
    );
    Failure {
        status: 503,
        reason: FailureReason::ServiceNotFound,
        message: message.into(),
    }
}

fn report_nobody(
    object: &Object<ServiceEntry>,
    index: usize,
    port: &Spanned<EntryPort>,
    findings: &mut Findings,
) {
    let origin = origin_of(&object.meta);
    let help = match &object.spec.workload_selector {
        Some(_) => {
            "check that WorkloadEntries or ready Pods of this namespace have the labels of the workloadSelector"
        }
        None => "give it endpoints that can be reached",
    };
    findings.report(
        Code::NoEndpoints,
        place(&origin, &format!("spec.ports[{index}]"), port.pos),
        format!(
            "port {} of {origin} has no endpoint that is ready",
            port.number.value
        ),
        help,
    );
}
