//! The order of the input must not matter, whatever is in it.

use std::time::Instant;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use seaway_api::Resources;

use crate::testing::{SHOP, http_route};
use crate::{Options, compile};

/// Manifests that collide in as many ways as possible: few names, few hosts, few paths.
fn manifest() -> impl Strategy<Value = String> {
    let name = select(vec!["a", "b", "c"]);
    let namespace = select(vec!["shop", "cart"]);
    let host = select(vec!["a.com", "*.com", "*", "b.a.com"]);
    let path = select(vec!["/", "/a", "/a/b", "{exact: /a}", "{regex: \"/a.*\"}"]);
    let to = select(vec![
        "shop:8080",
        "shop.shop",
        "cart:80",
        "10.0.0.1",
        "example.com",
        "none",
    ]);
    let kind = 0..16_u8;
    (kind, name, namespace, host, path, to, 0..3_u8).prop_map(|(kind, name, namespace, host, path, to, age)| {
        let meta = match age {
            0 => format!("{{name: {name}, namespace: {namespace}}}"),
            age => format!("{{name: {name}, namespace: {namespace}, creationTimestamp: \"2026-01-01T00:00:0{age}Z\"}}"),
        };
        let seaway = |kind: &str, spec: &str| format!("apiVersion: seaway.dev/v1alpha1\nkind: {kind}\nmetadata: {meta}\nspec: {{{spec}}}\n");
        let istio = |kind: &str, spec: &str| format!("apiVersion: networking.istio.io/v1\nkind: {kind}\nmetadata: {meta}\nspec: {{{spec}}}\n");
        let core = |kind: &str, rest: &str| format!("apiVersion: v1\nkind: {kind}\nmetadata: {meta}\n{rest}\n");
        match kind {
            0..=2 => seaway("HttpRoute", &format!("hosts: [\"{host}\"], paths: [{path}], destinations: [{{host: \"{to}\", subset: {{version: v1}}}}]")),
            3 => seaway("HttpRoute", &format!("hosts: [\"{host}\"], methods: [GET], cors: {{allowOrigins: [\"*\"]}}, schemes: [https], destinations: [{{host: \"{to}\"}}]")),
            4 => seaway("HttpsCert", "domains: [a.com, \"*.com\"], httpsCertIssuer: default-cert-issuer"),
            5 => format!("apiVersion: networking.k8s.io/v1\nkind: Ingress\nmetadata: {meta}\nspec: {{defaultBackend: {{service: {{name: shop, port: {{number: 8080}}}}}}, \
                          rules: [{{host: b.a.com, http: {{paths: [{{path: /a, pathType: Prefix, backend: {{service: {{name: none, port: {{number: 1}}}}}}}}]}}}}]}}\n"),
            6 => core("Service", "spec: {selector: {app: shop}, ports: [{port: 8080}]}").replace(&format!("name: {name}"), "name: shop"),
            7 => core("Pod", "spec: {}\nstatus: {podIP: 10.0.0.7, conditions: [{type: Ready, status: \"True\"}]}")
                .replace(&format!("namespace: {namespace}"), &format!("namespace: {namespace}, labels: {{app: shop, version: v1}}")),
            9 => istio("Gateway", &format!("selector: {{}}, servers: [{{port: {{number: 80, name: h, protocol: HTTP}}, hosts: [\"{host}\"]}}, \
                          {{port: {{number: 443, name: s, protocol: HTTPS}}, hosts: [\"{host}\", c.a.com], tls: {{mode: SIMPLE, credentialName: none}}}}]")),
            10 => istio("Gateway", &format!("servers: [{{port: {{number: 80, name: h, protocol: HTTP}}, hosts: [\"./{host}\"], tls: {{httpsRedirect: true}}}}, \
                          {{port: {{number: 443, name: p, protocol: TLS}}, hosts: [\"*\"], tls: {{mode: PASSTHROUGH}}}}, {{port: {{number: 9000, name: t, protocol: TCP}}, hosts: [\"*\"]}}]")),
            11 => istio("Gateway", "servers: [{port: {number: 9000, name: h, protocol: HTTP}, hosts: [\"*\"]}]"),
            12 => istio("VirtualService", &format!("hosts: [\"{host}\"], gateways: [a, shop/b], http: [{{match: [{{uri: {{prefix: /a}}}}, {{uri: {{regex: \"/x.*\"}}}}], \
                          route: [{{destination: {{host: {to}}}}}]}}, {{match: [{{port: 80}}], redirect: {{derivePort: FROM_REQUEST_PORT}}}}, {{route: [{{destination: {{host: shop}}, weight: 1}}, {{destination: {{host: {to}}}, weight: 3}}]}}]").replace(":8080", "").replace(":80}", "}")),
            13 => istio("VirtualService", &format!("hosts: [\"{host}\"], gateways: [shop/a, cart/b, c], tls: [{{match: [{{sniHosts: [c.a.com]}}], route: [{{destination: {{host: shop}}}}]}}], \
                          tcp: [{{route: [{{destination: {{host: shop}}}}]}}]")),
            14 => istio("VirtualService", "hosts: [shop, b.a.com], http: [{match: [{uri: {prefix: /d}}], delegate: {name: c, namespace: shop}}, {match: [{sourceLabels: {app: shop}}], route: [{destination: {host: shop.shop.svc.cluster.local}}]}]"),
            15 => istio("VirtualService", "http: [{match: [{uri: {prefix: /d/e}}], route: [{destination: {host: shop}}]}, {match: [{uri: {prefix: /z}}], directResponse: {status: 200}}]"),
            _ => format!("apiVersion: networking.k8s.io/v1\nkind: IngressClass\nmetadata: {{name: {name}, annotations: {{ingressclass.kubernetes.io/is-default-class: \"true\"}}}}\n\
                          spec: {{controller: seaway.dev/ingress-controller}}\n"),
        }
    })
}

/// Numbered manifests.
type Files = Vec<(usize, String)>;

/// Each manifest is a file, read in the order given.
fn read(files: &[(usize, String)]) -> Resources {
    let mut resources = Resources::default();
    for (number, text) in files {
        resources.parse_into(&format!("{number}.yaml"), text);
    }
    // What cannot be read would test nothing.
    let unread: Vec<_> = (resources.problems.iter())
        .filter(|p| p.is_fatal() && &*p.api_version == "networking.istio.io/v1")
        .collect();
    assert!(unread.is_empty(), "{unread:#?}");
    resources
}

fn files_and_shuffled() -> impl Strategy<Value = (Files, Files)> {
    vec(manifest(), 1..24).prop_flat_map(|manifests| {
        let files: Files = manifests.into_iter().enumerate().collect();
        (Just(files.clone()), Just(files).prop_shuffle())
    })
}

/// Where connections go that are not HTTP.
fn l4_routes(model: &seaway_model::Model) -> Vec<std::sync::Arc<seaway_model::L4Route>> {
    let by_name = model
        .listeners
        .iter()
        .filter_map(|l| l.tls.as_ref())
        .flat_map(|tls| &tls.routes);
    let by_name = by_name.map(|name| name.route.clone());
    by_name
        .chain(model.listeners.iter().filter_map(|l| l.l4.clone()))
        .collect()
}

/// With a listener for requests from inside the cluster.
fn with_mesh() -> Options {
    Options {
        mesh_port: Some(15_080),
        ..Options::default()
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn shuffled_input_gives_an_equal_model_and_report((files, shuffled) in files_and_shuffled()) {
        for options in [Options::default(), with_mesh()] {
            let one = compile(&read(&files), &options);
            let other = compile(&read(&shuffled), &options);
            prop_assert_eq!(one, other);
        }
    }

    #[test]
    fn every_cluster_that_a_route_names_is_in_the_model((files, _) in files_and_shuffled()) {
        let (model, _) = compile(&read(&files), &with_mesh());
        let routes = model.listeners.iter().flat_map(|l| &l.virtual_hosts).flat_map(|h| &h.routes);
        for route in routes {
            if let seaway_model::Action::Forward(forward) = &route.action {
                prop_assert!(forward.total_weight() > 0);
                for destination in &forward.destinations {
                    if let seaway_model::Target::Cluster(name) = &destination.target {
                        prop_assert!(model.clusters.contains_key(name), "{}", name);
                    }
                }
            }
        }
        for route in &l4_routes(&model) {
            prop_assert!(route.destinations.iter().any(|to| to.weight > 0));
            for destination in &route.destinations {
                if let seaway_model::Target::Cluster(name) = &destination.target {
                    prop_assert!(model.clusters.contains_key(name), "{}", name);
                }
            }
        }
        for certificate in model.listeners.iter().filter_map(|l| l.tls.as_ref()).flat_map(|t| &t.certificates) {
            prop_assert!(model.secrets.contains_key(&certificate.secret));
        }
    }
}

/// The time of compiling `count` routes of one host, half of them on the same path, told apart by a header.
fn time(count: usize) -> f64 {
    let mut text = String::from(SHOP);
    for n in 0..count {
        let path = if n % 2 == 0 {
            format!("/p{n}")
        } else {
            "/same".to_owned()
        };
        let condition =
            format!("conditions: [{{type: header, name: x-user, operator: equal, value: \"{n}\"}}]");
        text += &http_route(
            &format!("r{n}"),
            &format!(
                "hosts: [a.com], paths: [{path}], {condition}, destinations: [{{host: \"shop:8080\"}}, {{host: \"gone{n}\"}}]"
            ),
        );
    }
    let mut resources = Resources::default();
    resources.parse_into("many.yaml", &text);
    let times = (0..3).map(|_| {
        let start = Instant::now();
        let (model, _) = compile(&resources, &Options::default());
        assert_eq!(model.listeners[0].virtual_hosts[0].routes.len(), count);
        start.elapsed().as_secs_f64()
    });
    times.fold(f64::INFINITY, f64::min)
}

#[test]
fn ten_times_the_routes_of_one_host_take_no_more_than_forty_times_as_long() {
    let (small, large) = (time(500), time(5_000));
    println!("500 routes: {small:.4} s, 5000 routes: {large:.4} s");
    assert!(
        large < small * 40.0,
        "a quadratic step would take a hundred times as long: {small} s, {large} s"
    );
}
