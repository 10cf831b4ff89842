//! Every dialect, compiled into the one model.
//!
//! Owns the meaning of objects together: resolution of references, merging, order, conflicts, and the report. One module
//! per dialect, shared resolution beside them. Everything is a pure, synchronous function of the resources: no clock
//! (expiry takes `now` as an option), no I/O, no randomness, and the order of the input does not matter.

mod conflict;
mod credential;
mod draft;
mod findings;
mod gateway;
mod headers;
mod http_route;
mod https_cert;
mod ingress;
mod istio;
mod node_port;
mod objects;
mod order;
mod presented;
mod problem;
mod resolve;
mod site;
mod status;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;
mod unreachable;

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use seaway_api::Resources;
use seaway_model::{Locality, Model, Protocol, Report};

use crate::credential::Credentials;
use crate::findings::{Findings, origin_of};
use crate::gateway::Wanted;
use crate::ingress::class::Classes;
use crate::objects::Objects;
use crate::resolve::Resolver;
use crate::site::{DefaultGateway, Sites, Socket};

/// What compiling needs to know besides the resources.
#[derive(Clone, Debug)]
pub struct Options {
    /// Seconds since 1970, for the expiry of certificates; `None` leaves expiry unchecked, so that goldens do not age.
    pub now: Option<i64>,
    /// The port of the default gateway's HTTP listener.
    pub http_port: u16,
    /// The port of the default gateway's HTTPS listener.
    pub https_port: u16,
    /// The DNS suffix of Services: `NAME.NAMESPACE.svc.` and this.
    pub cluster_domain: Arc<str>,
    /// The labels that a Gateway's selector must find for the Gateway to be served; `None` serves every one.
    pub gateway_labels: Option<BTreeMap<Arc<str>, Arc<str>>>,
    /// The port at which clients in the cluster name services by their hosts; `None`: there is none.
    pub mesh_port: Option<u16>,
    /// Where the gateway itself stands, for localities of DestinationRules; `None`: nobody has said.
    pub locality: Option<Locality>,
    /// Labels of the gateway itself, for `failoverPriority`.
    pub locality_labels: BTreeMap<Arc<str>, Arc<str>>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            now: None,
            http_port: 80,
            https_port: 443,
            cluster_domain: "cluster.local".into(),
            gateway_labels: None,
            mesh_port: None,
            locality: None,
            locality_labels: BTreeMap::new(),
        }
    }
}

/// Compiles all resources at once. Equal resources, in any order, give an equal model and report.
///
/// The stages, and why they stand in this order.
#[must_use]
pub fn compile(resources: &Resources, options: &Options) -> (Model, Report) {
    let mut findings = Findings::default();

    // First what was wrong with files and single objects: it needs nothing else.
    problem::report(&resources.problems, &mut findings);

    // Then each object once and sorted, so that nothing below depends on the order of the input.
    let objects = Objects::new(resources, &mut findings);

    // References are resolved on demand, so that only what routes use becomes a cluster or a warning.
    let mut resolver = Resolver::new(&objects, options, &mut findings);

    // Every dialect makes drafts that know nothing of each other.
    let mut drafts = Vec::new();
    for object in &objects.http_routes {
        drafts.extend(http_route::compile(object, options, &mut resolver, &mut findings));
    }

    // Whose an Ingress is comes before anything is said about it: another controller's is left alone.
    let classes = Classes::new(&objects.ingress_classes, &mut findings);
    let mut ingresses = objects.ingresses.clone();
    ingresses.retain(|object| classes.serves(object, &mut findings));
    let mut fallbacks = Vec::new();
    let mut ingress_hosts = HashSet::new();
    for object in &ingresses {
        let compiled = ingress::compile(object, &mut resolver, &mut findings);
        drafts.extend(compiled.drafts);
        fallbacks.extend(compiled.fallback);
        ingress_hosts.extend(compiled.hosts);
    }

    // Gateways come before VirtualServices, which are served through them, and ports are given out to objects before the
    // default gateway takes what is left.
    let mut sites = Sites::default();
    let mut credentials = Credentials::new(&objects, options.now);
    let mut gateways = istio::gateway::compile(
        &objects.istio_gateways,
        options,
        &mut credentials,
        &mut sites,
        &mut findings,
    );
    let services = istio::virtual_service::compile(
        &objects,
        &gateways,
        &credentials,
        options,
        &mut resolver,
        &mut findings,
    );
    drafts.append(&mut gateways.drafts);
    drafts.extend(services.drafts);
    let mut connections = services.connections;
    connections.append(&mut gateways.connections);

    // Certificates come before listeners, since HTTPS is listened on only where there is one.
    let certificates = https_cert::compile(&objects, &ingresses, options, &mut findings);
    let mut claims = gateways.presented;
    let default_is_used =
        !(objects.http_routes.is_empty() && ingresses.is_empty() && objects.https_certs.is_empty());
    if default_is_used || sites.is_empty() {
        sites.serve_default(DefaultGateway::Http, options, &mut findings);
        let https = Socket::any(options.https_port);
        if !certificates.presented.is_empty() || sites.speaks(https, Protocol::Https) {
            sites.serve_default(DefaultGateway::Https, options, &mut findings);
            claims.entry(https).or_default().extend(certificates.presented);
        }
    }
    if let Some(socket) = options
        .mesh_port
        .and_then(|port| sites.serve_mesh(port, &mut findings))
    {
        drafts.extend(istio::mesh::drafts(
            socket,
            &services.mesh,
            &mut resolver,
            &mut findings,
        ));
    }

    // Only here do routes of different objects meet, and precedence is decided once and for all.
    let wanted = Wanted {
        drafts,
        fallbacks,
        ingress_hosts,
        connections,
        sites,
        presented: presented::settle_all(claims, &mut findings),
    }
    .in_order();

    // What is odd about all of them together can be said once they stand in order.
    conflict::shared_hosts(&wanted, &mut findings);
    conflict::hosts_without_certificate(&wanted, &ingresses, &mut findings);
    conflict::domains_not_served(&wanted, &certificates.ordered, &mut findings);
    unreachable::report(&wanted, &mut findings);

    let mut listeners = gateway::listeners(&wanted);
    node_port::add(&mut listeners, &objects, &mut resolver, &mut findings);

    // Nothing resolves anything from here on, so that what nobody asked for is known.
    let resolved = resolver.finish(&mut findings);
    let mut secrets = certificates.secrets;
    secrets.extend(gateways.secrets);
    secrets.extend(resolved.secrets);
    let model = Model {
        listeners,
        clusters: resolved.clusters,
        secrets,
    };

    // Status last: it is read off the diagnostics.
    let diagnostics = findings.finish();
    let known = (objects.http_routes.iter().map(|object| origin_of(&object.meta)))
        .chain(objects.https_certs.iter().map(|object| origin_of(&object.meta)))
        .chain(ingresses.iter().map(|object| origin_of(&object.meta)))
        .chain(
            objects
                .istio_gateways
                .iter()
                .map(|object| origin_of(&object.meta)),
        )
        .chain(
            objects
                .virtual_services
                .iter()
                .map(|object| origin_of(&object.meta)),
        )
        .chain(
            objects
                .destination_rules
                .iter()
                .map(|object| origin_of(&object.meta)),
        )
        .chain(
            objects
                .service_entries
                .iter()
                .map(|object| origin_of(&object.meta)),
        )
        .chain(
            objects
                .workload_entries
                .iter()
                .map(|object| origin_of(&object.meta)),
        );
    let statuses = status::statuses(known, &resources.problems, &diagnostics, &model);
    let report = Report {
        diagnostics,
        statuses,
    };
    (model, report)
}
