//! References from routes to what they forward to, shared by all dialects.
//!
//! A destination is a Service of the cluster, an address, or a DNS name; which of them a text means is decided here and
//! nowhere else. What cannot be resolved becomes a `Failure` of that destination alone: its share of the requests is
//! answered 503, and the other destinations keep theirs. The alternative, dropping the destination, would send its share
//! to the others, who may not stand it.

mod authority;
mod clusters;
mod endpoints;
mod hosts;
mod pods;
mod protocol;
mod services;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::sync::Arc;

use seaway_api::core::Service;
use seaway_api::http_route::Destination;
use seaway_api::{Object, Pos, Spanned};
use seaway_model::{Balancing, Cluster, ClusterName, Code, Failure, FailureReason};

use self::authority::{Authority, Host};
use self::clusters::Clusters;
#[allow(unused_imports, reason = "the dialect that uses it is built beside it")]
pub(crate) use self::hosts::{HostReference, HostTarget, KnownHost, Over};
use self::services::{PortWanted, Services};
use crate::Options;
use crate::findings::{Reporter, place};
use crate::objects::Objects;

/// Port of an address or a DNS name that is written without one.
const DEFAULT_PORT: u16 = 80;

/// Resolves references, and collects the clusters they lead to.
pub(crate) struct Resolver<'a> {
    objects: &'a Objects<'a>,
    services: Services<'a>,
    clusters: Clusters<'a>,
    options: &'a Options,
}

/// A destination as a route writes it.
pub(crate) struct Reference<'a> {
    /// The destination.
    pub(crate) destination: &'a Destination,
    /// `spec.destinations[0]`
    pub(crate) field: String,
    /// How its endpoints are balanced.
    pub(crate) balancing: Balancing,
}

/// What a name means.
enum Meaning<'a> {
    Service(&'a Object<Service>),
    Dns(Arc<str>),
    Nothing(Missing),
}

/// A Service that should be there.
struct Missing {
    namespace: String,
    name: String,
}

impl<'a> Resolver<'a> {
    /// Over these objects.
    pub(crate) fn new(objects: &'a Objects<'a>, options: &'a Options) -> Self {
        Self {
            objects,
            services: Services::new(objects),
            clusters: Clusters::new(objects),
            options,
        }
    }

    /// All clusters that were asked for.
    pub(crate) fn into_clusters(self) -> BTreeMap<ClusterName, Arc<Cluster>> {
        self.clusters.finish()
    }

    /// A destination of an HttpRoute. `None` when its text is not a destination at all, which is then reported.
    pub(crate) fn destination(
        &mut self,
        reference: &Reference<'_>,
        reporter: &mut Reporter<'_>,
    ) -> Option<Result<ClusterName, Failure>> {
        let text = &reference.destination.host;
        let authority = match Authority::parse(text) {
            Ok(authority) => authority,
            Err(message) => {
                reporter.report(
                    Code::InvalidValue,
                    &format!("{}.host", reference.field),
                    text.pos,
                    format!("\"{}\" is not a destination: {message}", text.value),
                    "write a Service (\"shop:8080\", \"shop.other-namespace:8080\"), a DNS name or an address",
                );
                return None;
            }
        };
        let port = authority.port;
        Some(match authority.host {
            Host::Address(address) => {
                let port = port.unwrap_or(DEFAULT_PORT);
                self.outside(reference, reporter, |clusters, origin| {
                    clusters.address(address, port, reference.balancing, origin)
                })
            }
            Host::Name(name) => match self.meaning(&name, &reporter.origin.namespace) {
                Meaning::Service(service) => self.service_port(service, port, reference, reporter),
                Meaning::Dns(name) => {
                    let port = port.unwrap_or(DEFAULT_PORT);
                    self.outside(reference, reporter, |clusters, origin| {
                        clusters.dns(&name, port, reference.balancing, origin)
                    })
                }
                Meaning::Nothing(missing) => {
                    let field = format!("{}.host", reference.field);
                    Err(self.missing_service(&missing, &field, text.pos, reporter))
                }
            },
        })
    }

    /// The Service and port of an Ingress backend.
    pub(crate) fn backend(
        &mut self,
        name: &Spanned<Arc<str>>,
        port: &Spanned<seaway_api::ingress::BackendPort>,
        field: &str,
        reporter: &mut Reporter<'_>,
    ) -> Result<ClusterName, Failure> {
        let namespace = reporter.origin.namespace.clone();
        let Some(service) = self.services.get(&namespace, name) else {
            let missing = Missing {
                namespace: namespace.to_string(),
                name: name.to_string(),
            };
            let field = format!("{field}.service.name");
            return Err(self.missing_service(&missing, &field, name.pos, reporter));
        };
        let wanted = PortWanted::from(&port.value);
        let chosen = self
            .services
            .port(service, wanted)
            .map_err(|message| missing_port(message, &format!("{field}.service.port"), port.pos, reporter))?;
        Ok(self
            .clusters
            .service(service, chosen, &[], Balancing::default(), reporter.findings)
            .name)
    }

    /// What a name means to an object of `namespace`. To a cluster-scoped one, whose namespace is empty, a short name is
    /// one of `default`, or else the only Service of that name: Kalm's own samples write short names and keep their
    /// Services elsewhere.
    fn meaning(&self, name: &str, namespace: &str) -> Meaning<'a> {
        let home = if namespace.is_empty() {
            "default"
        } else {
            namespace
        };
        let (stem, must_be_service) = authority::without_cluster_domain(name);
        let mut labels = stem.split('.');
        let (first, second, more) = (
            labels.next().unwrap_or_default(),
            labels.next(),
            labels.next().is_some(),
        );
        let found = match (second, more) {
            (None, _) if namespace.is_empty() => {
                let in_default = self.services.get(home, first);
                in_default.or_else(|| self.services.only(first))
            }
            (None, _) => self.services.get(home, first),
            (Some(second), false) => self.services.get(second, first),
            (Some(_), true) => None,
        };
        if let Some(service) = found {
            return Meaning::Service(service);
        }
        let is_local = match (second, more) {
            (None, _) => stem != "localhost",
            (Some(second), false) => must_be_service || self.services.knows_namespace(second),
            (Some(_), true) => must_be_service,
        };
        if is_local || must_be_service {
            return Meaning::Nothing(Missing {
                namespace: second.unwrap_or(home).to_owned(),
                name: first.to_owned(),
            });
        }
        Meaning::Dns(name.into())
    }

    fn outside(
        &mut self,
        reference: &Reference<'_>,
        reporter: &mut Reporter<'_>,
        make: impl FnOnce(&mut Clusters<'a>, seaway_model::Origin) -> ClusterName,
    ) -> Result<ClusterName, Failure> {
        self.refuse_subset(
            reference,
            reporter,
            "an address or a DNS name has no pods to choose from",
        );
        let host = &reference.destination.host;
        let origin = place(reporter.origin, &format!("{}.host", reference.field), host.pos);
        Ok(make(&mut self.clusters, origin))
    }

    fn refuse_subset(&self, reference: &Reference<'_>, reporter: &mut Reporter<'_>, why: &str) {
        if let Some(first) = reference.destination.subset.values().next() {
            reporter.report(
                Code::IgnoredField,
                &format!("{}.subset", reference.field),
                first.pos,
                format!(
                    "the subset of \"{}\" has no effect: {why}",
                    reference.destination.host.value
                ),
                "remove the subset, or name a Service whose pods have these labels",
            );
        }
    }

    fn service_port(
        &mut self,
        service: &'a Object<Service>,
        port: Option<u16>,
        reference: &Reference<'_>,
        reporter: &mut Reporter<'_>,
    ) -> Result<ClusterName, Failure> {
        let wanted = port.map_or(PortWanted::Any, PortWanted::Number);
        let chosen = self.services.port(service, wanted).map_err(|message| {
            let field = format!("{}.host", reference.field);
            missing_port(message, &field, reference.destination.host.pos, reporter)
        })?;
        let mut subset: Vec<(&str, &str)> = reference
            .destination
            .subset
            .iter()
            .map(|(key, value)| (&**key, &*value.value))
            .collect();
        if clusters::is_external(service) {
            self.refuse_subset(
                reference,
                reporter,
                "a Service of type ExternalName has no pods to choose from",
            );
            subset.clear();
        }
        let made = self
            .clusters
            .service(service, chosen, &subset, reference.balancing, reporter.findings);
        if made.subset_is_empty {
            report_empty_subset(service, reference, reporter);
        }
        Ok(made.name)
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
        "name one of the TCP ports of the Service, or add this one to it",
    );
    Failure {
        status: 503,
        reason: FailureReason::PortNotFound,
        message: message.into(),
    }
}

fn report_empty_subset(service: &Object<Service>, reference: &Reference<'_>, reporter: &mut Reporter<'_>) {
    let subset = &reference.destination.subset;
    let labels = subset
        .iter()
        .map(|(key, value)| format!("{key}={}", value.value))
        .collect::<Vec<_>>()
        .join(",");
    reporter.report(
        Code::EmptySubset,
        &format!("{}.subset", reference.field),
        subset.values().next().map(|value| value.pos).unwrap_or_default(),
        format!(
            "no pod of Service {}/{} has the labels {labels}",
            service.meta.namespace, service.meta.name.value
        ),
        "give some pods of the Service these labels, or correct the subset; the Pods must be among the manifests",
    );
}
