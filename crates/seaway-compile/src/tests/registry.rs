//! Hosts and DestinationRules: whatever collides, the order of the input must not matter, and what clusters refer to is
//! there.

use std::collections::BTreeSet;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use seaway_api::Resources;
use seaway_model::{Cluster, EndpointSource, Locality, Model, Trust};

use crate::{Options, compile};

/// Manifests about few hosts of few namespaces, so that most of them meet.
fn manifest() -> impl Strategy<Value = String> {
    let name = select(vec!["a", "b", "c"]);
    let namespace = select(vec!["shop", "cart", "istio-system"]);
    let host = select(vec![
        "shop",
        "shop.shop.svc.cluster.local",
        "api.example.net",
        "*.example.net",
        "*.svc.cluster.local",
    ]);
    let policy = select(vec![
        "loadBalancer: {simple: RANDOM}",
        "loadBalancer: {consistentHash: {httpHeaderName: x}}",
        "outlierDetection: {interval: 5s}",
        "outlierDetection: {interval: 5s}, loadBalancer: {localityLbSetting: {failover: [{from: eu, to: us}]}}",
        "loadBalancer: {localityLbSetting: {distribute: [{from: eu/*, to: {eu/*: 60, us/*: 40}}]}}",
        "tls: {mode: SIMPLE, caCertificates: /ca.pem}",
        "tls: {mode: MUTUAL, credentialName: gone}",
        "connectionPool: {tcp: {maxConnections: 3}}, portLevelSettings: [{port: {number: 8080}, tls: {mode: ISTIO_MUTUAL}}]",
    ]);
    let place = select(vec!["eu/eu-1", "eu/eu-2", "us/us-1", "asia"]);
    let export = select(vec!["\"*\"", "\".\"", "shop"]);
    (0..10_u8, name, namespace, host, policy, place, export, 0..3_u8).prop_map(
        |(kind, name, namespace, host, policy, place, export, age)| {
            let created = match age {
                0 => String::new(),
                age => format!(", creationTimestamp: \"2026-01-01T00:00:0{age}Z\""),
            };
            let meta = format!("{{name: {name}, namespace: {namespace}{created}}}");
            let istio = |kind: &str, spec: String| {
                format!("apiVersion: networking.istio.io/v1\nkind: {kind}\nmetadata: {meta}\nspec: {{{spec}}}\n")
            };
            let label = ["v1", "v2"][usize::from(age % 2)];
            match kind {
                0..=2 => istio(
                    "DestinationRule",
                    format!(
                        "host: \"{host}\", exportTo: [{export}], trafficPolicy: {{{policy}}}, \
                         subsets: [{{name: {name}, labels: {{version: {label}}}, trafficPolicy: {{{policy}}}}}]"
                    ),
                ),
                3 => istio(
                    "ServiceEntry",
                    format!(
                        "hosts: [api.example.net, \"*.example.net\"], exportTo: [{export}], resolution: STATIC, \
                         ports: [{{number: 808{age}, name: p, protocol: HTTPS}}, {{number: 80, name: q, protocol: HTTP}}], \
                         endpoints: [{{address: 192.0.2.{age}, locality: {place}, labels: {{version: {label}}}}}, \
                         {{address: 192.0.2.9, weight: 3}}]"
                    ),
                ),
                4 => istio(
                    "WorkloadEntry",
                    format!("address: 192.0.2.3{age}, locality: {place}, labels: {{app: shop, version: {label}}}"),
                ),
                5 => format!(
                    "apiVersion: v1\nkind: Service\nmetadata: {{name: shop, namespace: {namespace}{created}}}\n\
                     spec: {{type: LoadBalancer, selector: {{app: shop}}, ports: [{{port: 8080, nodePort: 3000{age}}}]}}\n"
                ),
                6 => format!(
                    "apiVersion: v1\nkind: Pod\nmetadata: {{name: {name}, namespace: {namespace}, labels: \
                     {{app: shop, version: {label}, istio-locality: {}}}}}\nstatus: {{podIP: 10.0.0.{age}}}\n",
                    place.replace('/', ".")
                ),
                _ => format!(
                    "apiVersion: seaway.dev/v1alpha1\nkind: HttpRoute\nmetadata: {meta}\nspec: {{destinations: [\
                     {{host: \"shop.shop:8080\"}}, {{host: \"shop:8080\", subset: {{version: {label}}}}}, \
                     {{host: \"api.example.net:80\"}}, {{host: \"x.example.net:8081\", subset: {{version: {label}}}}}]}}\n"
                ),
            }
        },
    )
}

type Files = Vec<(usize, String)>;

fn files_and_shuffled() -> impl Strategy<Value = (Files, Files)> {
    vec(manifest(), 1..20).prop_flat_map(|manifests| {
        let files: Files = manifests.into_iter().enumerate().collect();
        (Just(files.clone()), Just(files).prop_shuffle())
    })
}

fn read(files: &Files) -> Resources {
    let mut resources = Resources::default();
    for (number, text) in files {
        resources.parse_into(&format!("{number}.yaml"), text);
    }
    resources
}

fn options() -> Options {
    Options {
        locality: Some(Locality {
            region: "eu".into(),
            zone: "eu-1".into(),
            subzone: "".into(),
        }),
        ..Options::default()
    }
}

fn priorities(cluster: &Cluster) -> BTreeSet<u32> {
    match &cluster.endpoints {
        EndpointSource::Static(list) => list.iter().map(|endpoint| endpoint.priority).collect(),
        EndpointSource::Dns(list) => list.iter().map(|endpoint| endpoint.priority).collect(),
        EndpointSource::LogicalDns(one) => BTreeSet::from([one.priority]),
    }
}

fn secrets(model: &Model) -> BTreeSet<&str> {
    let mut named = BTreeSet::new();
    for tls in model.clusters.values().filter_map(|cluster| cluster.tls.as_ref()) {
        named.extend(tls.client_certificate.as_ref().map(|secret| &*secret.0));
        if let Trust::Secret(secret) = &tls.trust {
            named.insert(&*secret.0);
        }
    }
    named
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn rules_and_hosts_in_any_order_give_an_equal_model_and_report((files, shuffled) in files_and_shuffled()) {
        let one = compile(&read(&files), &options());
        let other = compile(&read(&shuffled), &options());
        prop_assert_eq!(one, other);
    }

    #[test]
    fn priorities_begin_at_zero_and_have_no_gaps((files, _) in files_and_shuffled()) {
        let (model, _) = compile(&read(&files), &options());
        for cluster in model.clusters.values() {
            let found = priorities(cluster);
            let expected: BTreeSet<u32> = (0..).take(found.len()).collect();
            prop_assert_eq!(found, expected, "{}", cluster.name);
        }
    }

    #[test]
    fn the_model_holds_the_secrets_that_its_clusters_name_and_no_others((files, _) in files_and_shuffled()) {
        let (model, _) = compile(&read(&files), &options());
        let held: BTreeSet<&str> = model.secrets.keys().map(|name| &*name.0).collect();
        prop_assert_eq!(held, secrets(&model));
    }
}
