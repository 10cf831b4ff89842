//! The kinds that Seaway reads.

use std::sync::Arc;

use crate::core::{EndpointSlice, Endpoints, Namespace, Pod, Secret, Service};
use crate::decode::{Cx, Group, Shape, nearest, obj};
use crate::http_route::HttpRoute;
use crate::https_cert::{self, HttpsCert};
use crate::ingress::{Ingress, IngressClass};
use crate::istio::{DestinationRule, Gateway, ServiceEntry, VirtualService, WorkloadEntry};
use crate::node::Node;
use crate::{Meta, Object, Resource};

/// One of the kinds that Seaway reads.
pub(super) struct Known {
    pub api_version: &'static str,
    pub kind: &'static str,
    pub is_namespaced: bool,
    pub group: Group,
    /// Reads what is not `metadata`.
    pub read: fn(&mut Cx, &Node<'_>, Meta) -> Option<Resource>,
}

pub(crate) const SEAWAY: &str = "seaway.dev/v1alpha1";
pub(crate) const KALM: &str = "core.kalm.dev/v1alpha1";
const NETWORKING: &str = "networking.k8s.io/v1";
/// The one that stands for all in [`KINDS`].
pub(crate) const ISTIO: &str = "networking.istio.io/v1";
/// With the same fields each.
pub(crate) const ISTIO_VERSIONS: [&str; 3] = [
    ISTIO,
    "networking.istio.io/v1beta1",
    "networking.istio.io/v1alpha3",
];

macro_rules! known {
    ($($api_version:expr, $kind:ident $(as $variant:ident)?, $scope:ident, $group:ident, $place:ident($shape:expr);)*) => {
        &[$(Known {
            api_version: $api_version,
            kind: stringify!($kind),
            is_namespaced: known!(@ $scope),
            group: Group::$group,
            read: |cx, node, meta| {
                let spec = $place(cx, node, &$shape)?;
                Some(known!(@resource $kind $($variant)?)(Arc::new(Object { meta, spec })))
            },
        }),*]
    };
    (@resource $kind:ident) => { Resource::$kind };
    (@resource $kind:ident $variant:ident) => { Resource::$variant };
    (@ namespaced) => { true };
    (@ cluster) => { false };
}

const KINDS: &[Known] = known! {
    SEAWAY, HttpRoute, namespaced, Plain, in_spec(obj::<HttpRoute>());
    KALM, HttpRoute, cluster, Kalm, in_spec(obj::<HttpRoute>());
    SEAWAY, HttpsCert, namespaced, Plain, in_spec(obj::<HttpsCert>());
    KALM, HttpsCert, cluster, Kalm, in_spec(obj::<HttpsCert>());
    SEAWAY, HttpsCertIssuer, namespaced, Plain, in_spec(https_cert::ISSUER);
    KALM, HttpsCertIssuer, cluster, Kalm, in_spec(https_cert::ISSUER);
    NETWORKING, Ingress, namespaced, Plain, in_spec(obj::<Ingress>());
    NETWORKING, IngressClass, cluster, Plain, in_spec(obj::<IngressClass>());
    ISTIO, Gateway as IstioGateway, namespaced, Istio, in_spec(obj::<Gateway>());
    ISTIO, VirtualService, namespaced, Istio, in_spec(obj::<VirtualService>());
    ISTIO, DestinationRule, namespaced, Istio, in_spec(obj::<DestinationRule>());
    ISTIO, ServiceEntry, namespaced, Istio, in_spec(obj::<ServiceEntry>());
    ISTIO, WorkloadEntry, namespaced, Istio, in_spec(obj::<WorkloadEntry>());
    "v1", Service, namespaced, Plain, in_spec(obj::<Service>());
    "discovery.k8s.io/v1", EndpointSlice, namespaced, Plain, at_root(obj::<EndpointSlice>());
    "v1", Endpoints, namespaced, Plain, at_root(obj::<Endpoints>());
    "v1", Secret, namespaced, Plain, at_root(obj::<Secret>());
    "v1", Namespace, cluster, Plain, at_root(obj::<Namespace>());
    "v1", Pod, namespaced, Plain, at_root(obj::<Pod>());
};

/// The kind of that group, version and name.
pub(super) fn find(api_version: &str, kind: &str) -> Option<&'static Known> {
    let api_version = match ISTIO_VERSIONS.contains(&api_version) {
        true => ISTIO,
        false => api_version,
    };
    KINDS
        .iter()
        .find(|known| known.kind == kind && known.api_version == api_version)
}

/// Reads `spec`.
fn in_spec<S: Shape>(cx: &mut Cx, node: &Node<'_>, shape: &S) -> Option<S::Out> {
    cx.warn_unknown(
        node.entries(),
        &[&["apiVersion", "kind", "metadata", "spec", "status"]],
    );
    cx.refuse_duplicates(node.entries());
    cx.required(node, &["spec"], shape)
}

/// Reads a kind that has no `spec`: its fields stand beside `metadata`.
fn at_root<S: Shape>(cx: &mut Cx, node: &Node<'_>, shape: &S) -> Option<S::Out> {
    shape.decode(cx, node)
}

/// Which field makes a kind unknown, and what to do about it.
pub(super) fn hint(api_version: &str, kind: &str) -> (&'static str, String) {
    if kind == "Ingress" && matches!(api_version, "extensions/v1beta1" | "networking.k8s.io/v1beta1") {
        let help = "write apiVersion: networking.k8s.io/v1, a pathType for every path, and backends as \
                    \"service: {name: NAME, port: {number: PORT}}\"";
        return ("apiVersion", help.to_owned());
    }
    // It has kinds of the same names, and they are others.
    if api_version.starts_with("gateway.networking.k8s.io/") {
        return ("kind", "it is passed over".to_owned());
    }
    let is_ours = |known: &&Known| known.api_version == SEAWAY || known.api_version == KALM;
    let group = api_version.split('/').next().unwrap_or_default();
    let our_group = ["seaway.dev", "core.kalm.dev"].contains(&group);
    if let Some(known) = KINDS.iter().find(|known| known.kind == kind) {
        return ("apiVersion", meant(&format!("apiVersion: {}", known.api_version)));
    }
    let candidates = KINDS
        .iter()
        .filter(|known| known.api_version == api_version || (our_group && is_ours(known)))
        .map(|known| known.kind);
    if let Some(near) = nearest(kind, candidates) {
        return ("kind", meant(&format!("kind: {near}")));
    }
    ("kind", "it is passed over".to_owned())
}

fn meant(line: &str) -> String {
    format!("it is passed over; if it was meant for Seaway, write \"{line}\"")
}
