//! A model made fit to be served in a test.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use seaway_model::{
    Cluster, ClusterName, EndpointHealth, EndpointSource, Fault, KeyPair, Listener, Material, Millis, Model,
    Pem, PrivateKey, Route, Secret,
};
use seaway_testkit::certs::Ca;
use seaway_testkit::echo::Backend;

/// Replaces endpoints by backends, awaited certificates by real ones, and long delays by short ones; and takes away what
/// the clients and backends of these tests cannot do.
pub(super) fn with_backends(mut model: Model) -> (Model, BTreeMap<String, Backend>) {
    let mut backends = BTreeMap::new();
    for (name, cluster) in &mut model.clusters {
        let cluster = Arc::make_mut(cluster);
        if let Some(backend) = backend_for(name, cluster) {
            backends.insert(name.0.to_string(), backend);
        }
    }
    let ca = Ca::new("cases");
    for secret in model.secrets.values_mut() {
        issue(&ca, Arc::make_mut(secret));
    }
    for listener in &mut model.listeners {
        let listener = Arc::make_mut(listener);
        listener.proxy_protocol = false;
        ask_nobody(listener);
        shorten(listener);
    }
    (model, backends)
}

fn backend_for(name: &ClusterName, cluster: &mut Cluster) -> Option<Backend> {
    let endpoint = match &cluster.endpoints {
        EndpointSource::Static(endpoints) => endpoints.first()?.clone(),
        EndpointSource::Dns(_) | EndpointSource::LogicalDns(_) => seaway_model::Endpoint {
            address: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            weight: 1,
            health: EndpointHealth::Healthy,
            locality: None,
            priority: 0,
        },
    };
    let backend = Backend::start(&*name.0).expect("a port");
    cluster.endpoints = EndpointSource::Static(vec![seaway_model::Endpoint {
        address: backend.addr(),
        locality: None,
        priority: 0,
        ..endpoint
    }]);
    // It stands for all of them, wherever they stand.
    cluster.balancing_settings.locality_weights.clear();
    // Backends speak clear text, and read no header before it.
    cluster.tls = None;
    cluster.proxy_protocol = None;
    Some(backend)
}

/// A certificate for what is awaited or lies in files that are not there, and an authority likewise.
fn issue(ca: &Ca, secret: &mut Secret) {
    let domains: Vec<&str> = match &secret.material {
        Material::Awaited { domains, .. } => domains.iter().map(|domain| &**domain).collect(),
        Material::KeyPairFiles { .. } => vec!["files.example.com"],
        Material::Authorities(authorities) if authorities.is_in_files() => {
            secret.material = Material::Authorities(Pem::from(ca.pem()).into());
            return;
        }
        Material::KeyPair(_) | Material::Authorities(_) => return,
    };
    let leaf = ca.leaf(&domains);
    secret.material = Material::KeyPair(KeyPair {
        certificate_chain: leaf.certificate.into(),
        private_key: PrivateKey::new(leaf.key),
    });
}

/// The client of these tests has no certificate to show, and makes nothing of which it would be asked for one.
fn ask_nobody(listener: &mut Listener) {
    let certificates = listener.tls.iter_mut().flat_map(|tls| &mut tls.certificates);
    for client in certificates.filter_map(|c| c.parameters.client.as_mut()) {
        client.required = false;
    }
}

fn shorten(listener: &mut Listener) {
    let routes = listener
        .virtual_hosts
        .iter_mut()
        .flat_map(|host| &mut host.routes);
    for route in routes {
        let Some(Fault { delay: Some(_), .. }) = route.fault.as_deref() else {
            continue;
        };
        let route: &mut Route = Arc::make_mut(route);
        if let Some(delay) = route.fault.as_mut().and_then(|fault| fault.delay.as_mut()) {
            delay.duration = Millis(1);
        }
    }
}
