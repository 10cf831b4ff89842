//! Destinations as Istio names them: a host of the registry, maybe a subset and a port.
#![allow(dead_code, reason = "the dialect that uses it is built beside it")]

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::sync::Arc;

use seaway_api::core::{Service, TransportProtocol};
use seaway_api::{Object, Pos, Spanned};
use seaway_model::{Balancing, Code, Failure, FailureReason, HashOn, Millis, Origin, Target};

use super::services::PortWanted;
use super::{Missing, Resolver};
use crate::findings::{Findings, Reporter, origin_of};

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

impl HostTarget {
    fn failing(failure: Failure) -> Self {
        Self {
            target: Target::Fail(failure),
            hash_on: Vec::new(),
            idle_timeout: None,
        }
    }
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
        let mut hosts: Vec<KnownHost> = services.collect();
        hosts.sort_by(|a, b| a.host.cmp(&b.host));
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
        format!("{name}.{namespace}.svc.{}", self.options.cluster_domain).into()
    }

    /// Where a destination of Istio's leads. What is wrong with it is reported, and is its failure.
    pub(crate) fn host(&mut self, reference: &HostReference<'_>, findings: &mut Findings) -> HostTarget {
        let mut reporter = Reporter::new(reference.origin, findings);
        match self.find(reference, &mut reporter) {
            Ok(target) => target,
            Err(failure) => HostTarget::failing(failure),
        }
    }

    fn find(
        &mut self,
        reference: &HostReference<'_>,
        reporter: &mut Reporter<'_>,
    ) -> Result<HostTarget, Failure> {
        let name = reference.host.trim_end_matches('.').to_ascii_lowercase();
        let service = self.service_named(&name, reference.namespace);
        let Some(service) = service else {
            return Err(self.missing_host(&name, reference, reporter));
        };
        let wanted = reference
            .port
            .map_or(PortWanted::Any, |port| PortWanted::Number(port.value));
        let chosen = self.services.port(service, wanted).map_err(|message| {
            let (field, pos) = match reference.port {
                Some(port) => (format!("{}.port.number", reference.field), port.pos),
                None => (format!("{}.host", reference.field), reference.host.pos),
            };
            super::missing_port(message, &field, pos, reporter)
        })?;
        if let Some(subset) = reference.subset {
            return Err(missing_subset(subset, &name, reference, reporter));
        }
        let made = self
            .clusters
            .service(service, chosen, &[], Balancing::default(), reporter.findings);
        Ok(HostTarget {
            target: Target::Cluster(made.name),
            hash_on: Vec::new(),
            idle_timeout: None,
        })
    }

    /// The Service that a name means in a namespace: `name`, `name.namespace`, with `.svc` and with the cluster's domain.
    fn service_named(&self, name: &str, namespace: &str) -> Option<&'a Object<Service>> {
        let suffix = format!(".svc.{}", self.options.cluster_domain);
        let stem = name.strip_suffix(&*suffix).or_else(|| name.strip_suffix(".svc"));
        match stem.unwrap_or(name).split_once('.') {
            None => self.services.get(namespace, name),
            Some((name, namespace)) => self.services.get(namespace, name),
        }
    }

    fn missing_host(
        &mut self,
        name: &str,
        reference: &HostReference<'_>,
        reporter: &mut Reporter<'_>,
    ) -> Failure {
        let field = format!("{}.host", reference.field);
        let (name, namespace) = name.split_once('.').unwrap_or((name, reference.namespace));
        let missing = Missing {
            namespace: namespace.to_owned(),
            name: name.to_owned(),
        };
        self.missing_service(&missing, &field, reference.host.pos, reporter)
    }
}

fn missing_subset(
    subset: &Spanned<Arc<str>>,
    host: &str,
    reference: &HostReference<'_>,
    reporter: &mut Reporter<'_>,
) -> Failure {
    let message = format!(
        "no DestinationRule gives \"{host}\" a subset \"{}\"",
        subset.value
    );
    reporter.report(
        Code::EmptySubset,
        &format!("{}.subset", reference.field),
        if subset.pos == Pos::default() {
            reference.host.pos
        } else {
            subset.pos
        },
        message.clone(),
        "write a DestinationRule for the host with this subset, or remove the subset",
    );
    Failure {
        status: 503,
        reason: FailureReason::SubsetNotFound,
        message: message.into(),
    }
}
