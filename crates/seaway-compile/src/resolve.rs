//! References from routes to what they forward to, shared by all dialects.
//!
//! A destination is a Service of the cluster, a host of a ServiceEntry, an address, or a DNS name; which of them a text
//! means is decided here and nowhere else. What cannot be resolved becomes a `Failure` of that destination alone: its
//! share of the requests is answered 503, and the other destinations keep theirs. The alternative, dropping the
//! destination, would send its share to the others, who may not stand it.
//!
//! DestinationRules hold for a host whoever names it: also HttpRoutes and Ingresses get the clusters that they shape.

mod authority;
mod backend;
mod clusters;
mod destination;
mod endpoints;
mod entries;
mod hosts;
pub(crate) mod locality;
mod names;
mod pods;
pub(crate) mod policy;
mod ports;
mod protocol;
mod rules;
mod services;
#[cfg(test)]
mod tests;
mod workloads;

use std::collections::BTreeMap;
use std::sync::Arc;

use seaway_api::core::{Service, ServicePort, TransportProtocol};
use seaway_api::{Object, Pos, Spanned};
use seaway_model::{
    Balancing, Cluster, ClusterName, Code, Failure, FailureReason, HashOn, Millis, Secret, SecretName, Target,
};

use self::clusters::{ChosenSubset, Clusters, Made, Wanted};
pub(crate) use self::destination::Reference;
use self::entries::Entries;
pub(crate) use self::hosts::{HostReference, KnownHost};
use self::locality::Here;
use self::names::Names;
use self::ports::{Port, Ports};
use self::rules::Rules;
pub(crate) use self::rules::{Rule, Subset};
use self::services::{ChosenPort, PortWanted, Services};
use crate::Options;
use crate::findings::{Findings, Reporter, place};
use crate::objects::Objects;

/// Port of an address or a DNS name that is written without one.
const DEFAULT_PORT: u16 = 80;
/// Where what holds for every namespace stands, as in an Istio that nobody has configured.
pub(crate) const ROOT_NAMESPACE: &str = "istio-system";

/// Resolves references, and collects the clusters they lead to.
pub(crate) struct Resolver<'a> {
    objects: &'a Objects<'a>,
    options: &'a Options,
    names: Names,
    services: Services<'a>,
    entries: Entries<'a>,
    rules: Rules,
    ports: Ports<'a>,
    clusters: Clusters,
}

/// Everything that references have led to.
#[derive(Debug, Default)]
pub(crate) struct Resolved {
    /// All clusters that were asked for.
    pub(crate) clusters: BTreeMap<ClusterName, Arc<Cluster>>,
    /// The secrets that they need.
    pub(crate) secrets: BTreeMap<SecretName, Arc<Secret>>,
}

/// What goes to a destination.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Over {
    /// Requests.
    Http,
    /// Connections.
    Tcp,
    /// Datagrams.
    Udp,
}

/// Where a destination leads.
#[derive(Clone, Debug)]
pub(crate) struct HostTarget {
    /// The cluster, or why there is none.
    pub(crate) target: Target,
    /// What a hashing balancer of it hashes, for `Forward::hash_on`.
    pub(crate) hash_on: Vec<HashOn>,
    /// How long a connection that is not HTTP may be idle, for `L4Route::idle_timeout`.
    pub(crate) idle_timeout: Option<Millis>,
}

/// A part of a port, as a reference asks for it.
enum Part<'p> {
    /// All of it.
    All,
    /// The backends that have these labels.
    Labels(Vec<(&'p str, &'p str)>),
    /// A subset of a DestinationRule.
    Named(&'p Spanned<Arc<str>>),
}

/// A reference whose port is known.
struct Lead<'p> {
    port: &'p Port<'p>,
    part: Part<'p>,
    balancing: Option<Balancing>,
    over: Over,
    /// The namespace that refers; empty for a cluster-scoped object.
    client: &'p str,
    /// Of the subset, where it is written.
    field: &'p str,
    /// Of the host, where it is written.
    pos: Pos,
}

/// A Service that should be there.
struct Missing {
    namespace: String,
    name: String,
}

impl Over {
    fn transport(self) -> TransportProtocol {
        match self {
            Self::Http | Self::Tcp => TransportProtocol::Tcp,
            Self::Udp => TransportProtocol::Udp,
        }
    }
}

impl HostTarget {
    fn failing(failure: Failure) -> Self {
        Self {
            target: Target::Fail(failure),
            hash_on: Vec::new(),
            idle_timeout: None,
        }
    }
}

impl From<Made> for HostTarget {
    fn from(made: Made) -> Self {
        Self {
            target: Target::Cluster(made.name),
            hash_on: made.hash_on,
            idle_timeout: made.idle_timeout,
        }
    }
}

impl<'a> Resolver<'a> {
    /// Over these objects. What is wrong with DestinationRules and ServiceEntries by themselves is said here.
    pub(crate) fn new(objects: &'a Objects<'a>, options: &'a Options, findings: &mut Findings) -> Self {
        let names = Names::new(objects, &options.cluster_domain);
        Self {
            objects,
            options,
            services: Services::new(objects),
            entries: Entries::new(objects),
            rules: Rules::new(objects, &names, options, findings),
            ports: Ports::new(objects),
            clusters: Clusters::new(Here::new(options)),
            names,
        }
    }

    /// Everything that was asked for; what nobody asked for is said.
    pub(crate) fn finish(self, findings: &mut Findings) -> Resolved {
        self.rules
            .report_unused(|host, client| self.knows(host, client), findings);
        let (clusters, secrets) = self.clusters.finish();
        Resolved { clusters, secrets }
    }

    /// The Service and port of an Ingress backend.
    pub(crate) fn backend(
        &mut self,
        name: &Spanned<Arc<str>>,
        port: &Spanned<seaway_api::ingress::BackendPort>,
        field: &str,
        reporter: &mut Reporter<'_>,
    ) -> HostTarget {
        self.backend_port(name, port, field, reporter)
            .unwrap_or_else(HostTarget::failing)
    }

    fn backend_port(
        &mut self,
        name: &Spanned<Arc<str>>,
        port: &Spanned<seaway_api::ingress::BackendPort>,
        field: &str,
        reporter: &mut Reporter<'_>,
    ) -> Result<HostTarget, Failure> {
        let namespace = reporter.origin.namespace.clone();
        let Some(service) = self.services.get(&namespace, name) else {
            let missing = Missing {
                namespace: namespace.to_string(),
                name: name.to_string(),
            };
            let field = format!("{field}.service.name");
            return Err(self.missing_service(&missing, &field, name.pos, reporter));
        };
        let chosen = self
            .services
            .port(service, PortWanted::from(&port.value), TransportProtocol::Tcp)
            .map_err(|message| missing_port(message, &format!("{field}.service.port"), port.pos, reporter))?;
        let host = self.full_name(name, &namespace);
        let made = self.ports.service(service, chosen, &host, reporter.findings);
        let lead = Lead {
            port: &made,
            part: Part::All,
            balancing: None,
            over: Over::Http,
            client: &namespace,
            field,
            pos: name.pos,
        };
        self.follow(&lead, reporter)
    }

    /// A port of a Service, for what comes to the Service's own ports.
    pub(crate) fn service_port(
        &mut self,
        service: &'a Object<Service>,
        (index, entry): (usize, &'a ServicePort),
        over: Over,
        by_client: bool,
        findings: &mut Findings,
    ) -> HostTarget {
        let chosen = ChosenPort {
            number: entry.port.value,
            entry: Some(entry),
            index,
        };
        let (name, namespace) = (&service.meta.name.value, &service.meta.namespace);
        let host = self.full_name(name, namespace);
        let made = self.ports.service(service, chosen, &host, findings);
        let origin = made.origin.clone();
        let lead = Lead {
            port: &made,
            part: Part::All,
            balancing: by_client.then_some(Balancing::RingHash),
            over,
            client: namespace,
            field: &made.field,
            pos: entry.port.pos,
        };
        let mut reporter = Reporter::new(&origin, findings);
        self.follow(&lead, &mut reporter)
            .unwrap_or_else(HostTarget::failing)
    }

    /// The cluster of a reference whose port is known, shaped by the DestinationRule of its host.
    fn follow(&mut self, lead: &Lead<'_>, reporter: &mut Reporter<'_>) -> Result<HostTarget, Failure> {
        let port = lead.port;
        let found = (port.host.as_ref()).and_then(|host| self.rules.find(host, lead.client, &port.namespace));
        let rule = found.as_ref().map(|found| &*found.rule);
        let subset = subset(lead, rule, reporter)?;
        let own = subset.as_ref().and_then(|(_, own)| *own);
        let policy = match rule {
            Some(rule) => rule.policy.with_subset(port.number, own.map(|own| &own.policy)),
            None => policy::Policy::default(),
        };
        if let Some(failure) = policy.refused() {
            return Err(failure.clone());
        }
        if lead.over == Over::Http && policy.tls().is_none() {
            report_protocol(port, reporter.findings);
        }
        let wanted = Wanted {
            subset: subset.map(|(chosen, _)| chosen),
            policy,
            seen_from: found.as_ref().and_then(|found| found.seen_from.as_deref()),
            balancing: lead.balancing,
        };
        let made = self.clusters.make(port, &wanted);
        if made.subset_is_empty {
            report_empty_subset(lead, own, &wanted, reporter);
        }
        Ok(made.into())
    }

    fn missing_service(
        &mut self,
        missing: &Missing,
        field: &str,
        pos: Pos,
        reporter: &mut Reporter<'_>,
    ) -> Failure {
        let Missing { namespace, name } = missing;
        let message = format!("there is no Service {namespace}/{name}");
        let left_out = self.objects.left_out("Service", namespace, name);
        let help = match left_out.or_else(|| self.services.nearest(namespace, name)) {
            Some(help) => help,
            None => "create the Service, or correct its name or namespace".to_owned(),
        };
        reporter.report(Code::ServiceNotFound, field, pos, message.clone(), help);
        Failure {
            status: 503,
            reason: FailureReason::ServiceNotFound,
            message: message.into(),
        }
    }
}

/// The subset of a reference, with what the DestinationRule says of it.
///
/// Labels that are those of a subset are that subset. Otherwise they have a name of their own: `v1` for `version=v1`, by
/// far the most common, unless the rule calls something else by that name.
fn subset<'p>(
    lead: &Lead<'p>,
    rule: Option<&'p Rule>,
    reporter: &mut Reporter<'_>,
) -> Result<Option<(ChosenSubset<'p>, Option<&'p Subset>)>, Failure> {
    match &lead.part {
        Part::All => Ok(None),
        Part::Labels(labels) => {
            let same = rule.and_then(|rule| rule.subsets.iter().find(|subset| subset.has_labels(labels)));
            let name = match (same, &**labels) {
                (_, []) => return Ok(None),
                (Some(subset), _) => subset.name.clone(),
                (None, [("version", value)]) if rule.is_none_or(|rule| rule.subset(value).is_none()) => {
                    (*value).into()
                }
                (None, several) => spelt(several),
            };
            let labels = labels.clone();
            Ok(Some((ChosenSubset { name, labels }, same)))
        }
        Part::Named(name) => {
            let own = rule.and_then(|rule| rule.subset(name));
            let own = own.ok_or_else(|| missing_subset(name, lead, rule, reporter))?;
            let chosen = ChosenSubset {
                name: own.name.clone(),
                labels: own.labels.iter().map(|(key, value)| (&**key, &**value)).collect(),
            };
            Ok(Some((chosen, Some(own))))
        }
    }
}

/// `key=value,key=value`
fn spelt(labels: &[(&str, &str)]) -> Arc<str> {
    let pairs: Vec<String> = labels
        .iter()
        .map(|(key, value)| format!("{key}={value}"))
        .collect();
    pairs.join(",").into()
}

fn missing_subset(
    name: &Spanned<Arc<str>>,
    lead: &Lead<'_>,
    rule: Option<&Rule>,
    reporter: &mut Reporter<'_>,
) -> Failure {
    let host = lead.port.host.as_deref().unwrap_or_default();
    let message = match rule {
        Some(rule) => format!("{} gives \"{host}\" no subset \"{}\"", rule.origin, name.value),
        None => format!("no DestinationRule gives \"{host}\" a subset \"{}\"", name.value),
    };
    let known: Vec<&str> = rule
        .iter()
        .flat_map(|rule| &rule.subsets)
        .map(|subset| &*subset.name)
        .collect();
    let help = if known.is_empty() {
        "write a DestinationRule for this host that has the subset, or leave the subset out".to_owned()
    } else {
        format!("it has {}; name one of them, or add this one", known.join(", "))
    };
    reporter.report(Code::SubsetNotFound, lead.field, name.pos, message.clone(), help);
    Failure {
        status: 503,
        reason: FailureReason::SubsetNotFound,
        message: message.into(),
    }
}

fn missing_port(message: String, field: &str, pos: Pos, reporter: &mut Reporter<'_>) -> Failure {
    reporter.report(
        Code::PortNotFound,
        field,
        pos,
        message.clone(),
        "name one of the ports that there are, or add this one",
    );
    Failure {
        status: 503,
        reason: FailureReason::PortNotFound,
        message: message.into(),
    }
}

/// Requests are sent to a port that does not speak HTTP, or wants TLS first.
fn report_protocol(port: &Port<'_>, findings: &mut Findings) {
    let Some(obstacle) = &port.spoken.obstacle else {
        return;
    };
    let (number, word) = (port.number, &obstacle.word);
    let who = match &port.service {
        Some(_) => port.origin.to_string(),
        None => format!("\"{}\"", port.host.as_deref().unwrap_or_default()),
    };
    let (message, help) = if obstacle.is_tls {
        let host = port.host.as_deref().unwrap_or_default();
        (
            format!(
                "port {number} of {who} speaks \"{word}\", and nothing says that requests go to it over TLS"
            ),
            format!(
                "they are sent in clear text; write a DestinationRule for \"{host}\" with \
                 \"trafficPolicy: {{tls: {{mode: SIMPLE}}}}\", or name a port that speaks clear-text HTTP"
            ),
        )
    } else {
        (
            format!("port {number} of {who} speaks \"{word}\", which is not HTTP"),
            "requests are sent as HTTP/1.1 all the same; say in appProtocol if the port does speak HTTP, or relay \
             connections to it instead (tcp of a VirtualService)"
                .to_owned(),
        )
    };
    let field = format!("{}.{}", port.field, obstacle.field);
    findings.report(
        Code::UnsupportedProtocol,
        place(&port.origin, &field, obstacle.pos),
        message,
        help,
    );
}

fn report_empty_subset(
    lead: &Lead<'_>,
    own: Option<&Subset>,
    wanted: &Wanted<'_>,
    reporter: &mut Reporter<'_>,
) {
    let labels = wanted
        .subset
        .as_ref()
        .map(|subset| spelt(&subset.labels))
        .unwrap_or_default();
    let (what, who) = match &lead.port.service {
        Some(service) => ("pod", format!("Service {}/{}", service.namespace, service.name)),
        None => (
            "endpoint",
            format!("\"{}\"", lead.port.host.as_deref().unwrap_or_default()),
        ),
    };
    let message = format!("no {what} of {who} has the labels {labels}");
    let help = match &lead.port.service {
        Some(_) => {
            "give some pods of the Service these labels, or correct the subset; the Pods must be among the manifests"
        }
        None => "give some endpoints of the ServiceEntry these labels, or correct the subset",
    };
    match own {
        // Where the labels are written.
        Some(own) => (reporter.findings).report(Code::EmptySubset, own.origin.clone(), message, help),
        None => reporter.report(Code::EmptySubset, lead.field, lead.pos, message, help),
    }
}
