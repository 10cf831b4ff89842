//! Destinations of an HttpRoute: one text for host and port, and labels for a subset.

use std::rc::Rc;
use std::sync::Arc;

use seaway_api::Object;
use seaway_api::core::{Service, TransportProtocol};
use seaway_api::http_route::Destination;
use seaway_model::{Balancing, Code, Failure};

use super::authority::{self, Authority, Host};
use super::entries::EntryHost;
use super::ports::{Port, is_external};
use super::services::PortWanted;
use super::{DEFAULT_PORT, HostTarget, Lead, Missing, Over, Part, Resolver, missing_port};
use crate::findings::{Reporter, place};

/// A destination as a route writes it.
pub(crate) struct Reference<'a> {
    /// The destination.
    pub(crate) destination: &'a Destination,
    /// `spec.destinations[0]`
    pub(crate) field: String,
    /// How its endpoints are balanced, where the route says so.
    pub(crate) balancing: Option<Balancing>,
}

/// What a name means.
enum Meaning<'a> {
    Service(&'a Object<Service>),
    Entry(EntryHost<'a>),
    Dns(Arc<str>),
    Nothing(Missing),
}

impl<'a> Resolver<'a> {
    /// A destination of an HttpRoute. `None` when its text is not a destination at all, which is then reported.
    pub(crate) fn destination(
        &mut self,
        reference: &Reference<'_>,
        reporter: &mut Reporter<'_>,
    ) -> Option<HostTarget> {
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
        let target = self
            .destination_port(&authority, reference, reporter)
            .and_then(|port| self.part_of(&port, reference, reporter));
        Some(target.unwrap_or_else(HostTarget::failing))
    }

    fn destination_port(
        &mut self,
        authority: &Authority,
        reference: &Reference<'_>,
        reporter: &mut Reporter<'_>,
    ) -> Result<Rc<Port<'a>>, Failure> {
        let (field, pos) = (
            format!("{}.host", reference.field),
            reference.destination.host.pos,
        );
        let origin = place(reporter.origin, &field, pos);
        let port = authority.port;
        match &authority.host {
            Host::Address(address) => Ok(self.ports.address(*address, port.unwrap_or(DEFAULT_PORT), origin)),
            Host::Name(name) => match self.meaning(name, &reporter.origin.namespace) {
                Meaning::Service(service) => {
                    let wanted = port.map_or(PortWanted::Any, PortWanted::Number);
                    let chosen = self
                        .services
                        .port(service, wanted, TransportProtocol::Tcp)
                        .map_err(|message| missing_port(message, &field, pos, reporter))?;
                    let host = self.full_name(&service.meta.name, &service.meta.namespace);
                    Ok(self.ports.service(service, chosen, &host, reporter.findings))
                }
                Meaning::Entry(entry) => self.entry_port(&entry, port, Over::Http, (&field, pos), reporter),
                Meaning::Dns(name) => {
                    let port = port.unwrap_or(DEFAULT_PORT);
                    let mut cluster = format!("{name}:{port}");
                    if self.entries.has(&name) {
                        // One that this route may not see has the plain name.
                        cluster.push_str(";dns");
                    }
                    Ok(self.ports.dns(&name, port, cluster, origin))
                }
                Meaning::Nothing(missing) => Err(self.missing_service(&missing, &field, pos, reporter)),
            },
        }
    }

    fn part_of(
        &mut self,
        port: &Port<'_>,
        reference: &Reference<'_>,
        reporter: &mut Reporter<'_>,
    ) -> Result<HostTarget, Failure> {
        let subset = &reference.destination.subset;
        let labels: Vec<(&str, &str)> = subset
            .iter()
            .map(|(key, value)| (&**key, &*value.value))
            .collect();
        let without = self.without_labels(port);
        if let (Some(why), false) = (without, labels.is_empty()) {
            refuse_subset(reference, why, reporter);
        }
        let client = reporter.origin.namespace.clone();
        let lead = Lead {
            port,
            part: match without {
                Some(_) => Part::All,
                None => Part::Labels(labels),
            },
            balancing: reference.balancing,
            over: Over::Http,
            client: &client,
            field: &format!("{}.subset", reference.field),
            pos: subset.values().next().map(|value| value.pos).unwrap_or_default(),
        };
        self.follow(&lead, reporter)
    }

    /// Why a port has no labels to choose by, if so.
    fn without_labels(&self, port: &Port<'_>) -> Option<&'static str> {
        let Some(service) = &port.service else {
            // An entry is known by the namespace that it stands in.
            return (port.namespace.is_empty())
                .then_some("an address or a DNS name has no pods to choose from");
        };
        let service = self.services.get(&service.namespace, &service.name)?;
        is_external(service).then_some("a Service of type ExternalName has no pods to choose from")
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
        let (stem, must_be_service) = authority::without_cluster_domain(name, &self.options.cluster_domain);
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
        if let Some(entry) = self.entries.get(name, home) {
            return Meaning::Entry(entry);
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
}

fn refuse_subset(reference: &Reference<'_>, why: &str, reporter: &mut Reporter<'_>) {
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
