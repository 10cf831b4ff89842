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
mod lead;
pub(crate) mod locality;
mod names;
mod pods;
pub(crate) mod policy;
mod ports;
mod protocol;
mod rule_ports;
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

use self::clusters::{Clusters, Made};
pub(crate) use self::destination::Reference;
use self::entries::Entries;
pub(crate) use self::hosts::{HostReference, KnownHost};
use self::lead::{Lead, Part};
use self::locality::Here;
use self::names::Names;
use self::ports::Ports;
use self::rules::Rules;
pub(crate) use self::rules::{Rule, Subset};
use self::services::{ChosenPort, PortWanted, Services};
use crate::Options;
use crate::findings::{Findings, Reporter};
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
        let services = Services::new(objects);
        let entries = Entries::new(objects);
        entries.report_twins(
            |host| {
                let (name, namespace) = names.parts(host)?;
                services.get(namespace, name)
            },
            findings,
        );
        Self {
            objects,
            options,
            services,
            entries,
            rules: Rules::new(objects, &names, options, findings),
            ports: Ports::new(objects),
            clusters: Clusters::new(Here::new(options)),
            names,
        }
    }

    /// Everything that was asked for; what nobody asked for is said.
    pub(crate) fn finish(self, findings: &mut Findings) -> Resolved {
        self.report_ports_of_rules(findings);
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
