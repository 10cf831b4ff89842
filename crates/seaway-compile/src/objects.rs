//! The objects, each once and in an order of their own.
//!
//! Everything later walks these lists, so this is where the order of the input stops mattering. An object is the same as
//! another when API group, kind, namespace and name agree; an HttpRoute of `seaway.dev` and one of `core.kalm.dev` are
//! two objects.

use std::collections::HashMap;
use std::fmt::Debug;
use std::sync::Arc;

use seaway_api::core::{EndpointSlice, Endpoints, Namespace, Pod, Secret, Service};
use seaway_api::http_route::HttpRoute;
use seaway_api::https_cert::{HttpsCert, HttpsCertIssuer};
use seaway_api::ingress::{Ingress, IngressClass};
use seaway_api::istio;
use seaway_api::{Meta, Object, Pos, Problem, Resources};
use seaway_model::Code;

use crate::findings::{Findings, origin_of, whereabouts};
use crate::problem;

/// All objects by kind, sorted by namespace, name and group.
pub(crate) struct Objects<'a> {
    pub(crate) http_routes: Vec<&'a Object<HttpRoute>>,
    pub(crate) https_certs: Vec<&'a Object<HttpsCert>>,
    pub(crate) https_cert_issuers: Vec<&'a Object<HttpsCertIssuer>>,
    pub(crate) ingresses: Vec<&'a Object<Ingress>>,
    pub(crate) ingress_classes: Vec<&'a Object<IngressClass>>,
    pub(crate) istio_gateways: Vec<&'a Object<istio::Gateway>>,
    pub(crate) virtual_services: Vec<&'a Object<istio::VirtualService>>,
    pub(crate) destination_rules: Vec<&'a Object<istio::DestinationRule>>,
    pub(crate) service_entries: Vec<&'a Object<istio::ServiceEntry>>,
    pub(crate) workload_entries: Vec<&'a Object<istio::WorkloadEntry>>,
    pub(crate) services: Vec<&'a Object<Service>>,
    pub(crate) endpoint_slices: Vec<&'a Object<EndpointSlice>>,
    pub(crate) endpoints: Vec<&'a Object<Endpoints>>,
    pub(crate) secrets: Vec<&'a Object<Secret>>,
    pub(crate) namespaces: Vec<&'a Object<Namespace>>,
    pub(crate) pods: Vec<&'a Object<Pod>>,
    unread: HashMap<(&'a str, &'a str, &'a str), &'a Problem>,
}

impl<'a> Objects<'a> {
    /// Sorts, and reports every object that is there twice.
    pub(crate) fn new(resources: &'a Resources, findings: &mut Findings) -> Self {
        // Destructured, so that a new kind cannot be forgotten here.
        let Resources {
            http_routes,
            https_certs,
            https_cert_issuers,
            ingresses,
            ingress_classes,
            istio_gateways,
            virtual_services,
            destination_rules,
            service_entries,
            workload_entries,
            services,
            endpoint_slices,
            endpoints,
            secrets,
            namespaces,
            pods,
            problems,
        } = resources;
        Self {
            http_routes: unique(http_routes, findings),
            https_certs: unique(https_certs, findings),
            https_cert_issuers: unique(https_cert_issuers, findings),
            ingresses: unique(ingresses, findings),
            ingress_classes: unique(ingress_classes, findings),
            istio_gateways: unique(istio_gateways, findings),
            virtual_services: unique(virtual_services, findings),
            destination_rules: unique(destination_rules, findings),
            service_entries: unique(service_entries, findings),
            workload_entries: unique(workload_entries, findings),
            services: unique(services, findings),
            endpoint_slices: unique(endpoint_slices, findings),
            endpoints: unique(endpoints, findings),
            secrets: unique(secrets, findings),
            namespaces: unique(namespaces, findings),
            pods: unique(pods, findings),
            unread: unread(problems),
        }
    }

    /// Why an object that somebody looks for is not there: it is written, but was left out for an error of its own.
    pub(crate) fn left_out(&self, kind: &str, namespace: &str, name: &str) -> Option<String> {
        let problem = self.unread.get(&(kind, namespace, name))?;
        let at = whereabouts(&problem::origin(problem));
        Some(format!(
            "it is written, but was left out for an error in it{at}: mend that"
        ))
    }
}

/// The part of an `apiVersion` before the slash; empty for the core group.
pub(crate) fn group(api_version: &str) -> &str {
    api_version.split_once('/').map_or("", |(group, _)| group)
}

/// Whether the object is of Kalm's group.
pub(crate) fn is_kalm(meta: &Meta) -> bool {
    group(&meta.api_version) == "core.kalm.dev"
}

fn identity(meta: &Meta) -> (&str, &str, &str) {
    (&meta.namespace, &meta.name.value, group(&meta.api_version))
}

fn place(meta: &Meta) -> (&str, Pos) {
    (&meta.file, meta.pos)
}

/// The first fatal problem of each object, by place.
fn unread(problems: &[Problem]) -> HashMap<(&str, &str, &str), &Problem> {
    let mut unread: HashMap<_, &Problem> = HashMap::new();
    for problem in problems.iter().filter(|problem| problem.is_fatal()) {
        let key = (&*problem.object_kind, &*problem.namespace, &*problem.name);
        let first = unread.entry(key).or_insert(problem);
        if (&problem.file, problem.pos) < (&first.file, first.pos) {
            *first = problem;
        }
    }
    unread
}

/// The first of each identity, by file and line.
fn unique<'a, T: Debug>(list: &'a [Arc<Object<T>>], findings: &mut Findings) -> Vec<&'a Object<T>> {
    let mut sorted: Vec<&Object<T>> = list.iter().map(|object| &**object).collect();
    sorted.sort_by(|a, b| {
        identity(&a.meta)
            .cmp(&identity(&b.meta))
            .then_with(|| place(&a.meta).cmp(&place(&b.meta)))
            // Only for two objects of one name that did not come from files; rare, so the price does not matter.
            .then_with(|| format!("{a:?}").cmp(&format!("{b:?}")))
    });
    let mut kept: Vec<&Object<T>> = Vec::with_capacity(sorted.len());
    for object in sorted {
        match kept.last() {
            Some(first) if identity(&first.meta) == identity(&object.meta) => {
                report_duplicate(&first.meta, &object.meta, findings);
            }
            _ => kept.push(object),
        }
    }
    kept
}

fn report_duplicate(first: &Meta, second: &Meta, findings: &mut Findings) {
    let origin = origin_of(second);
    let used = origin_of(first);
    let message = format!(
        "{origin} is written twice; the first one{} is used",
        whereabouts(&used)
    );
    findings.report(
        Code::DuplicateObject,
        origin,
        message,
        "remove one of the two, or give it another name",
    );
}
