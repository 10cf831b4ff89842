//! Names and endpoints, seen through whole compilations.

mod endpoints;
mod names;

use seaway_model::{Cluster, ClusterName, Code, EndpointHealth, EndpointSource, Model, UpstreamProtocol};

use super::authority::{Authority, Host};
use crate::testing::{SHOP, at, codes, compiled, http_route, kalm_route, only, only_route, targets};

fn cluster<'m>(model: &'m Model, name: &str) -> &'m Cluster {
    model
        .clusters
        .get(&ClusterName(name.into()))
        .unwrap_or_else(|| panic!("no cluster {name} in {:?}", model.clusters.keys()))
}

fn addresses(model: &Model, name: &str) -> Vec<String> {
    match &cluster(model, name).endpoints {
        EndpointSource::Static(list) => list.iter().map(|endpoint| endpoint.address.to_string()).collect(),
        EndpointSource::Dns(names) => names
            .iter()
            .map(|name| format!("dns {}:{}", name.host, name.port))
            .collect(),
        EndpointSource::LogicalDns(name) => vec![format!("one of {}:{}", name.host, name.port)],
    }
}

/// What a destination of a route in namespace `shop` becomes.
fn resolved(host: &str, manifests: &str) -> Vec<String> {
    let route = http_route("r", &format!("destinations: [{{host: \"{host}\"}}]"));
    let (model, _) = compiled(&format!("{route}{manifests}"));
    targets(only_route(&model))
}

fn service(spec: &str) -> String {
    format!(
        "---\napiVersion: v1\nkind: Service\nmetadata: {{name: shop, namespace: shop}}\nspec: {{{spec}}}\n"
    )
}

fn pod(name: &str, ip: &str, labels: &str) -> String {
    format!(
        "---\napiVersion: v1\nkind: Pod\nmetadata: {{name: {name}, namespace: shop, labels: {{{labels}}}}}\n\
         spec: {{containers: [{{name: c, ports: [{{name: web, containerPort: 9000}}]}}]}}\n\
         status: {{podIP: {ip}, conditions: [{{type: Ready, status: \"True\"}}]}}\n"
    )
}

fn slice(name: &str, ports: &str, endpoints: &str) -> String {
    format!(
        "---\napiVersion: discovery.k8s.io/v1\nkind: EndpointSlice\n\
         metadata: {{name: {name}, namespace: shop, labels: {{kubernetes.io/service-name: shop}}}}\n\
         addressType: IPv4\nports: [{ports}]\nendpoints: [{endpoints}]\n"
    )
}

const TO_SHOP: &str = "destinations: [{host: shop}]";

fn endpoints_of(manifests: &str) -> Vec<String> {
    let (model, _) = compiled(&format!("{}{manifests}", http_route("r", TO_SHOP)));
    let name = model.clusters.keys().next().expect("a cluster").to_string();
    addresses(&model, &name)
}

fn protocol_of(port: &str) -> (UpstreamProtocol, Vec<Code>) {
    let service = service(&format!("clusterIP: 10.96.0.1, ports: [{{port: 80, {port}}}]"));
    let (model, report) = compiled(&format!("{}{service}", http_route("r", TO_SHOP)));
    (cluster(&model, "shop/shop:80").protocol, codes(&report))
}
