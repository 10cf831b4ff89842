//! The article's canary: one Service, twenty pods, and five per cent of the requests to the one pod of version v2. Of a
//! hundred thousand requests its share lies within the binomial distribution's 99.9 per cent, over HTTP/1.1 and over one
//! gRPC connection.
//!
//! The pods and the clients are as small as they can be, so that what takes time is the gateway. The requests come in
//! parallel, since a gateway that splits well one after the other may still not when they overlap.
#![expect(clippy::expect_used, reason = "helpers of tests")]

mod grpc;
mod http1;

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use seaway_api::Resources;
use seaway_compile::{Options as CompileOptions, compile};
use seaway_proxy::{Options, Proxy};
use seaway_telemetry::{RequestRecord, RequestSink, Sinks};

const PODS: usize = 20;
const REQUESTS: u64 = 100_000;
const WEIGHT: f64 = 0.05;
/// Half of 0.1 per cent lies above so many standard deviations.
const DEVIATIONS: f64 = 3.2905;

/// How many requests a pod has answered.
type Count = Arc<AtomicU64>;

/// Where a pod listens.
struct Pod {
    address: SocketAddr,
    count: Count,
}

/// The Service with its pods, the first nineteen of version v1 and the last of v2, and the rules of Istio's API for them.
fn manifests(port_name: &str, pods: &[Pod]) -> String {
    let mut text = format!(
        "apiVersion: v1\nkind: Service\nmetadata: {{name: shop, namespace: shop}}\n\
         spec: {{selector: {{app: shop}}, ports: [{{name: {port_name}, port: 8080}}]}}\n---\n\
         apiVersion: networking.istio.io/v1\nkind: Gateway\nmetadata: {{name: gateway, namespace: shop}}\n\
         spec: {{servers: [{{port: {{number: 80, name: http, protocol: HTTP}}, hosts: [shop.example.com]}}]}}\n---\n\
         apiVersion: networking.istio.io/v1\nkind: DestinationRule\nmetadata: {{name: shop, namespace: shop}}\n\
         spec:\n  host: shop\n  subsets:\n    - {{name: v1, labels: {{version: v1}}}}\n\
         \x20   - {{name: v2, labels: {{version: v2}}}}\n---\n\
         apiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: {{name: shop, namespace: shop}}\n\
         spec:\n  hosts: [shop.example.com]\n  gateways: [gateway]\n  http:\n    - route:\n\
         \x20       - {{destination: {{host: shop, subset: v1}}, weight: 95}}\n\
         \x20       - {{destination: {{host: shop, subset: v2}}, weight: 5}}\n"
    );
    for (number, pod) in pods.iter().enumerate() {
        let version = if number + 1 == pods.len() { "v2" } else { "v1" };
        text.push_str(&format!(
            "---\napiVersion: v1\nkind: Pod\nmetadata: {{name: shop-{number}, namespace: shop, \
             labels: {{app: shop, version: {version}}}}}\n---\n\
             apiVersion: discovery.k8s.io/v1\nkind: EndpointSlice\n\
             metadata: {{name: shop-{number}, namespace: shop, labels: {{kubernetes.io/service-name: shop}}}}\n\
             addressType: IPv4\nports: [{{name: {port_name}, port: {}}}]\n\
             endpoints: [{{addresses: [{}], targetRef: {{kind: Pod, name: shop-{number}}}}}]\n",
            pod.address.port(),
            pod.address.ip(),
        ));
    }
    text
}

/// A gateway with two workers, and where it listens.
fn gateway(manifests: &str) -> (Proxy, SocketAddr) {
    let mut resources = Resources::default();
    resources.parse_into("canary.yaml", manifests);
    let (model, report) = compile(&resources, &CompileOptions::default());
    assert!(!report.has_errors(), "{:?}", report.diagnostics);
    let options = Options {
        workers: 2,
        address: Some(IpAddr::V4(Ipv4Addr::LOCALHOST)),
        port_map: [(80, 0)].into(),
        ..Options::default()
    };
    let sinks: Arc<dyn Sinks> = Arc::new(Silent);
    let proxy = Proxy::start(options, sinks).expect("a proxy");
    let listeners = proxy.apply(&Arc::new(model));
    let bound = listeners.first().and_then(|listener| listener.bound);
    (proxy, bound.expect("a listener"))
}

/// The canary has its share, and the others have what is left in equal parts, more or less.
fn assert_shares(pods: &[Pod]) {
    let counts: Vec<u64> = pods.iter().map(|pod| pod.count.load(Ordering::SeqCst)).collect();
    assert_eq!(counts.iter().sum::<u64>(), REQUESTS, "{counts:?}");
    let (canary, others) = counts.split_last().expect("pods");
    let total = REQUESTS as f64;
    let expected = total * WEIGHT;
    let allowed = DEVIATIONS * (total * WEIGHT * (1.0 - WEIGHT)).sqrt();
    assert!(
        (*canary as f64 - expected).abs() <= allowed,
        "the canary got {canary}, expected {expected} give or take {allowed}"
    );
    let mean = (total - *canary as f64) / others.len() as f64;
    for count in others {
        let part = *count as f64 / mean;
        assert!(
            (0.8..1.2).contains(&part),
            "a pod got {part} of the mean: {counts:?}"
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn over_http1_the_canary_gets_five_per_cent_of_a_hundred_thousand_requests() {
    let pods = http1::pods(PODS).await;
    let (_proxy, address) = gateway(&manifests("http", &pods));
    http1::load(address, REQUESTS, 16).await;
    assert_shares(&pods);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn over_one_grpc_connection_the_canary_gets_five_per_cent_of_a_hundred_thousand_calls() {
    let pods = grpc::pods(PODS).await;
    let (_proxy, address) = gateway(&manifests("grpc", &pods));
    grpc::load(address, REQUESTS, 50).await;
    assert_shares(&pods);
}

/// Nobody reads what happened.
struct Silent;

impl Sinks for Silent {
    fn sink(&self, _: usize) -> Box<dyn RequestSink> {
        Box::new(Self)
    }
}

impl RequestSink for Silent {
    fn record(&self, _: &RequestRecord<'_>) {}
}
