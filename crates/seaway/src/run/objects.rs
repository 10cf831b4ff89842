//! How many objects of each kind there are, for the metrics.

use std::collections::BTreeMap;
use std::sync::Arc;

use seaway_api::Resources;

/// By kind; a kind without objects counts 0, so that a gauge goes down instead of away.
pub fn count(resources: &Resources) -> BTreeMap<Arc<str>, u64> {
    // Destructured, so that a new kind is not forgotten.
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
        problems: _,
    } = resources;
    [
        ("HttpRoute", http_routes.len()),
        ("HttpsCert", https_certs.len()),
        ("HttpsCertIssuer", https_cert_issuers.len()),
        ("Ingress", ingresses.len()),
        ("IngressClass", ingress_classes.len()),
        ("Gateway", istio_gateways.len()),
        ("VirtualService", virtual_services.len()),
        ("DestinationRule", destination_rules.len()),
        ("ServiceEntry", service_entries.len()),
        ("WorkloadEntry", workload_entries.len()),
        ("Service", services.len()),
        ("EndpointSlice", endpoint_slices.len()),
        ("Endpoints", endpoints.len()),
        ("Secret", secrets.len()),
        ("Namespace", namespaces.len()),
        ("Pod", pods.len()),
    ]
    .into_iter()
    .map(|(kind, count)| (Arc::from(kind), count as u64))
    .collect()
}
