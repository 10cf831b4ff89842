//! Shares: of mirrors, of localities, of subsets; and endpoints that are names.

use std::net::Ipv6Addr;

use seaway_api::Resources;
use seaway_compile::compile;
use seaway_model::{Balancing, Fraction, Locality, LocalityWeight, Mirror, NamedEndpoint};
use seaway_testkit::echo::Backend;

use super::*;
use crate::backend;

const REQUESTS: usize = 200;

#[tokio::test]
async fn a_mirror_gets_its_share_of_copies() {
    let (main, quarter, all) = (backend("main"), backend("quarter"), backend("all"));
    let mirror = |cluster: &str, parts| Mirror {
        cluster: ClusterName(cluster.into()),
        fraction: Fraction::from_millionths(parts),
    };
    let mut route = to("main");
    route.mirrors = vec![mirror("quarter", 250_000), mirror("all", 1_000_000)];
    let mut front = http(&[("*", "main")]);
    front.virtual_hosts[0].routes = vec![Arc::new(route)];
    let clusters = [&main, &quarter, &all].map(|backend| cluster(backend.name(), &[backend.addr()]));
    let model = model(vec![front], clusters.into(), Vec::new());
    for (round, engine) in engines(&model).await.into_iter().enumerate() {
        let mut client = engine.client().await;
        let before = quarter.count();
        for _ in 0..REQUESTS {
            assert_eq!(who(&ask(&mut client, "a.test").await), "main", "{}", engine.name);
        }
        all.wait_for(REQUESTS * (round + 1))
            .await
            .expect("every request is copied");
        quarter
            .wait_for(before + REQUESTS / 10)
            .await
            .expect("some requests are copied");
        let copies = quarter.count() - before;
        assert!(copies < REQUESTS / 2, "{}: {copies} of {REQUESTS}", engine.name);
        assert_eq!(
            all.requests().last().map(|copy| copy.host.as_str()),
            Some("a.test")
        );
    }
}

#[tokio::test]
async fn localities_get_their_shares() {
    let (near, far, nowhere) = (backend("near"), backend("far"), backend("nowhere"));
    let endpoint = |backend: &Backend| {
        let mut endpoint = Endpoint::new(backend.addr());
        endpoint.locality = Some(Locality::of_zone(backend.name()));
        endpoint
    };
    let weight = |zone: &str, weight| LocalityWeight {
        locality: Locality::of_zone(zone),
        weight,
    };
    let endpoints = [&near, &far, &nowhere].map(endpoint);
    let mut shop = of("shop", EndpointSource::Static(endpoints.into()));
    shop.balancing = Balancing::RoundRobin;
    shop.balancing_settings.locality_weights = vec![weight("near", 75), weight("far", 25)];
    let model = model(vec![http(&[("*", "shop")])], vec![shop], Vec::new());
    for engine in engines(&model).await {
        let mut client = engine.client().await;
        let before = far.count();
        for _ in 0..REQUESTS {
            ask(&mut client, "a.test").await;
        }
        let share = far.count() - before;
        assert!(
            (30..70).contains(&share),
            "{}: {share} of {REQUESTS}",
            engine.name
        );
    }
    assert_eq!(nowhere.count(), 0, "a locality without a weight gets nothing");
}

#[tokio::test]
async fn a_subset_is_the_pods_of_its_labels() {
    let (one, two) = (backend("v1"), backend("v2"));
    let manifests = format!(
        "apiVersion: v1
kind: Service
metadata: {{name: shop, namespace: a}}
spec: {{selector: {{app: shop}}, ports: [{{name: http, port: 80}}]}}
{}{}---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {{name: shop, namespace: a}}
spec: {{host: shop, subsets: [{{name: old, labels: {{version: v1}}}}, {{name: new, labels: {{version: v2}}}}]}}
---
apiVersion: seaway.dev/v1alpha1
kind: HttpRoute
metadata: {{name: old, namespace: a}}
spec: {{hosts: [old.test], destinations: [{{host: shop, subset: {{version: v1}}}}]}}
---
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {{name: gw, namespace: a}}
spec: {{selector: {{istio: ingressgateway}}, servers: [{{port: {{number: 80, name: http, protocol: HTTP}}, hosts: [\"*\"]}}]}}
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {{name: new, namespace: a}}
spec: {{hosts: [new.test], gateways: [gw], http: [{{route: [{{destination: {{host: shop, subset: new}}}}]}}]}}
",
        pod(&one),
        pod(&two)
    );
    let mut resources = Resources::default();
    resources.parse_into("shop.yaml", &manifests);
    let (model, report) = compile(&resources, &seaway_compile::Options::default());
    for engine in engines(&model).await {
        for _ in 0..4 {
            assert_eq!(
                who(&engine.get("old.test").await),
                "v1",
                "{} {report:?}",
                engine.name
            );
            assert_eq!(
                who(&engine.get("new.test").await),
                "v2",
                "{} {report:?}",
                engine.name
            );
        }
    }
}

/// A pod of the version that the backend's name says, and its slice.
fn pod(backend: &Backend) -> String {
    let (version, address) = (backend.name(), backend.addr());
    format!(
        "---
apiVersion: v1
kind: Pod
metadata: {{name: shop-{version}, namespace: a, labels: {{app: shop, version: {version}}}}}
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {{name: shop-{version}, namespace: a, labels: {{kubernetes.io/service-name: shop}}}}
addressType: IPv4
endpoints: [{{addresses: [{}], targetRef: {{kind: Pod, name: shop-{version}}}}}]
ports: [{{name: http, port: {}}}]
",
        address.ip(),
        address.port()
    )
}

/// A backend on both loopback addresses: `localhost` may be either.
fn local() -> Vec<Backend> {
    loop {
        let v4 = backend("local");
        let v6 = SocketAddr::from((Ipv6Addr::LOCALHOST, v4.addr().port()));
        match Backend::start_at("local", v6) {
            Ok(v6) => return vec![v4, v6],
            // Somebody has that port.
            Err(error) if error.kind() == std::io::ErrorKind::AddrInUse => {}
            // No IPv6 here.
            Err(_) => return vec![v4],
        }
    }
}

#[tokio::test]
async fn an_upstream_that_is_a_name_is_looked_up() {
    let backends = local();
    let named = || NamedEndpoint::new("localhost", backends[0].addr().port());
    let model = model(
        vec![http(&[("strict.test", "strict"), ("logical.test", "logical")])],
        vec![
            of("strict", EndpointSource::Dns(vec![named()])),
            of("logical", EndpointSource::LogicalDns(named())),
        ],
        Vec::new(),
    );
    for engine in engines(&model).await {
        for host in ["strict.test", "logical.test"] {
            assert_eq!(who(&engine.get(host).await), "local", "{} {host}", engine.name);
        }
    }
}
