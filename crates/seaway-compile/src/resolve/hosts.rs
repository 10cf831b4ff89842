//! Destinations as Istio names them: a host of the registry, maybe a subset and a port.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::rc::Rc;
use std::sync::Arc;

use seaway_api::core::{Service, TransportProtocol};
use seaway_api::{Object, Spanned};
use seaway_model::{Code, Failure, FailureReason, Origin};

use super::entries::EntryHost;
use super::ports::Port;
use super::services::PortWanted;
use super::{HostTarget, Lead, Over, Part, Resolver, missing_port};
use crate::findings::{Findings, Reporter, origin_of, whereabouts};

/// A destination as Istio names it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct HostReference<'r> {
    /// `reviews`, `reviews.prod.svc.cluster.local`, `api.example.com`
    pub(crate) host: &'r Spanned<Arc<str>>,
    /// A subset of a DestinationRule for the host.
    pub(crate) subset: Option<&'r Spanned<Arc<str>>>,
    /// The port of the service; may be left out where it has only one.
    pub(crate) port: Option<&'r Spanned<u16>>,
    /// Of the object that names it: short names are completed with it, and `exportTo` is asked about it.
    pub(crate) namespace: &'r str,
    /// The object that names it.
    pub(crate) origin: &'r Origin,
    /// `spec.http[0].route[0].destination`
    pub(crate) field: &'r str,
    /// What will go there.
    pub(crate) over: Over,
}

/// A host that the registry knows.
#[derive(Clone, Debug)]
pub(crate) struct KnownHost {
    /// `reviews.prod.svc.cluster.local`, `api.example.com`, `*.example.com`
    pub(crate) host: Arc<str>,
    /// Of the Service or ServiceEntry.
    pub(crate) namespace: Arc<str>,
    /// The name of the Service, by which its own namespace knows it; `None` for a ServiceEntry.
    pub(crate) service: Option<Arc<str>>,
    /// The ports that requests or connections can go to, as they are listed.
    pub(crate) ports: Vec<u16>,
    /// The Service or ServiceEntry.
    pub(crate) origin: Origin,
}

/// What a full name stands for.
enum Known<'a> {
    Service(&'a Object<Service>),
    Entry(EntryHost<'a>),
}

impl<'a> Resolver<'a> {
    /// Every host that is known, by name.
    pub(crate) fn known_hosts(&self) -> Vec<KnownHost> {
        let services = self.objects.services.iter().map(|service| KnownHost {
            host: self.full_name(&service.meta.name, &service.meta.namespace),
            namespace: service.meta.namespace.clone(),
            service: Some(service.meta.name.value.clone()),
            ports: (service.spec.ports.iter())
                .filter(|port| port.protocol == TransportProtocol::Tcp)
                .map(|port| port.port.value)
                .collect(),
            origin: origin_of(&service.meta),
        });
        let entries = self.entries.all().map(|(host, object)| KnownHost {
            host: host.into(),
            namespace: object.meta.namespace.clone(),
            service: None,
            ports: object.spec.ports.iter().map(|port| port.number.value).collect(),
            origin: origin_of(&object.meta),
        });
        let mut hosts: Vec<KnownHost> = services.chain(entries).collect();
        // A Service comes before an entry of its name.
        hosts.sort_by(|a, b| (&a.host, a.service.is_none()).cmp(&(&b.host, b.service.is_none())));
        hosts.dedup_by(|later, first| later.host == first.host);
        hosts
    }

    /// The addresses of the Pods that have these labels, in one namespace or in all.
    pub(crate) fn pods_with(
        &self,
        labels: &BTreeMap<Arc<str>, Arc<str>>,
        namespace: Option<&str>,
    ) -> Vec<IpAddr> {
        let addresses: BTreeSet<IpAddr> = (self.objects.pods.iter())
            .filter(|pod| namespace.is_none_or(|namespace| *pod.meta.namespace == *namespace))
            .filter(|pod| {
                labels
                    .iter()
                    .all(|(key, value)| pod.meta.labels.get(key) == Some(value))
            })
            .flat_map(|pod| &pod.spec.ips)
            .filter_map(|ip| ip.parse().ok())
            .collect();
        addresses.into_iter().collect()
    }

    /// `NAME.NAMESPACE.svc.cluster.local`
    pub(crate) fn full_name(&self, name: &str, namespace: &str) -> Arc<str> {
        self.names.of_service(name, namespace)
    }

    /// Where a destination of Istio's leads. What is wrong with it is reported, and is its failure.
    pub(crate) fn host(&mut self, reference: &HostReference<'_>, findings: &mut Findings) -> HostTarget {
        let mut reporter = Reporter::new(reference.origin, findings);
        let target = self.host_port(reference, &mut reporter).and_then(|port| {
            let lead = Lead {
                port: &port,
                part: reference.subset.map_or(Part::All, Part::Named),
                balancing: None,
                over: reference.over,
                client: reference.namespace,
                field: &format!("{}.subset", reference.field),
                pos: reference.host.pos,
            };
            self.follow(&lead, &mut reporter)
        });
        target.unwrap_or_else(HostTarget::failing)
    }

    fn host_port(
        &mut self,
        reference: &HostReference<'_>,
        reporter: &mut Reporter<'_>,
    ) -> Result<Rc<Port<'a>>, Failure> {
        let name = self.names.full(reference.host, reference.namespace);
        let at_port = match reference.port {
            Some(port) => (format!("{}.port.number", reference.field), port.pos),
            None => (format!("{}.host", reference.field), reference.host.pos),
        };
        let number = reference.port.map(|port| port.value);
        match self.known(&name, reference.namespace) {
            Some(Known::Service(service)) => {
                let wanted = number.map_or(PortWanted::Any, PortWanted::Number);
                let chosen = self.services.port(service, wanted, reference.over.transport());
                let chosen =
                    chosen.map_err(|message| missing_port(message, &at_port.0, at_port.1, reporter))?;
                Ok(self.ports.service(service, chosen, &name, reporter.findings))
            }
            Some(Known::Entry(entry)) => {
                self.entry_port(&entry, number, reference.over, (&at_port.0, at_port.1), reporter)
            }
            None => Err(self.missing_host(&name, reference, reporter)),
        }
    }

    /// What a full name stands for, as a namespace sees it.
    fn known(&self, name: &str, client: &str) -> Option<Known<'a>> {
        let service = self
            .names
            .parts(name)
            .and_then(|(name, namespace)| self.services.get(namespace, name));
        let service = service.map(Known::Service);
        service.or_else(|| self.entries.get(name, client).map(Known::Entry))
    }

    /// Whether any host that is known, or was asked for, is this one or is covered by this wildcard.
    pub(super) fn knows(&self, host: &str, client: &str) -> bool {
        match host.strip_prefix('*') {
            None => self.known(host, client).is_some(),
            Some(suffix) => self
                .known_hosts()
                .iter()
                .any(|known| known.host.ends_with(suffix)),
        }
    }

    fn missing_host(
        &mut self,
        name: &str,
        reference: &HostReference<'_>,
        reporter: &mut Reporter<'_>,
    ) -> Failure {
        let message = format!("there is no host \"{name}\"");
        let help = self.why_no_host(name);
        let field = format!("{}.host", reference.field);
        reporter.report(
            Code::HostNotFound,
            &field,
            reference.host.pos,
            message.clone(),
            help,
        );
        Failure {
            status: 503,
            reason: FailureReason::ServiceNotFound,
            message: message.into(),
        }
    }

    /// What to do about a host that is not there, or that cannot be seen.
    fn why_no_host(&mut self, name: &str) -> String {
        if let Some(hidden) = self.entries.oldest(name) {
            let origin = origin_of(&hidden.meta);
            let at = whereabouts(&origin);
            return format!(
                "{origin}{at} has it, and exportTo keeps it from this namespace: add the namespace there"
            );
        }
        let Some((service, namespace)) = self.names.parts(name) else {
            return "write a ServiceEntry for it, or correct the name".to_owned();
        };
        let left_out = self.objects.left_out("Service", namespace, service);
        let near = left_out.or_else(|| self.services.nearest(namespace, service));
        near.unwrap_or_else(|| {
            "create the Service or ServiceEntry, or correct the name; a name without dots is a Service of the same \
             namespace"
                .to_owned()
        })
    }
}
