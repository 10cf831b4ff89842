//! A thousand reloads under steady load: no failed request, no closed stream, memory level at the end.
//!
//! Every reload goes the whole way from manifests to the data plane, and changes what the load uses: the endpoints of
//! its cluster come and go, its route changes its headers, and other routes appear beside it and vanish.
#![expect(clippy::expect_used, reason = "helpers of tests")]

use std::fmt::Write as _;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;

use seaway_api::Resources;
use seaway_compile::{Options as CompileOptions, compile};
use seaway_proxy::{Options, Proxy};
use seaway_telemetry::{RequestRecord, RequestSink, Sinks};
use seaway_testkit::echo::Backend;
use seaway_testkit::load::{Goal, Kind, Load};

const RELOADS: u64 = 1_000;
/// By then every pool, buffer and table has had its largest size.
const WARM: u64 = 400;
/// What the allocator may keep or give back as it likes. A leak of one model of these is ten times as much.
const SLACK: u64 = 12 * 1024 * 1024;
/// Answers that each kind of load must get between two reloads.
const BETWEEN: u64 = 3;

/// The configuration number `version`, for backends on 127.0.0.1 and 127.0.0.2 at one port.
fn manifests(version: u64, port: u16) -> String {
    let hosts: &[&str] = match version % 3 {
        0 => &["127.0.0.1"],
        1 => &["127.0.0.1", "127.0.0.2"],
        _ => &["127.0.0.2"],
    };
    let endpoint = |host: &&str| format!("{{addresses: [{host}], conditions: {{ready: true}}}}");
    let endpoints: Vec<String> = hosts.iter().map(endpoint).collect();
    let endpoints = endpoints.join(", ");
    let mut text = format!(
        "apiVersion: v1\nkind: Service\nmetadata: {{name: shop, namespace: shop}}\n\
         spec: {{ports: [{{name: http, port: 8080, targetPort: {port}}}]}}\n---\n\
         apiVersion: discovery.k8s.io/v1\nkind: EndpointSlice\n\
         metadata: {{name: shop-1, namespace: shop, labels: {{kubernetes.io/service-name: shop}}}}\n\
         addressType: IPv4\nports: [{{name: http, port: {port}}}]\n\
         endpoints: [{endpoints}]\n---\n\
         apiVersion: seaway.dev/v1alpha1\nkind: HttpRoute\nmetadata: {{name: soak, namespace: shop}}\n\
         spec:\n  hosts: [soak.example.com]\n  destinations: [{{host: \"shop:8080\"}}]\n\
         \x20 headers: {{request: {{set: {{x-version: \"{version}\"}}}}}}\n"
    );
    for other in 0..version % 40 {
        // Writing to a String cannot fail.
        let _ = write!(
            text,
            "---\napiVersion: seaway.dev/v1alpha1\nkind: HttpRoute\n\
             metadata: {{name: other-{other}, namespace: shop}}\n\
             spec: {{hosts: [\"{other}.example.com\"], paths: [\"/{version}\", {{regex: \"/x[0-9]+\"}}], \
             destinations: [{{host: \"shop:8080\"}}]}}\n"
        );
    }
    text
}

fn apply(proxy: &Proxy, version: u64, port: u16) -> Option<SocketAddr> {
    let mut resources = Resources::default();
    resources.parse_into("soak.yaml", &manifests(version, port));
    let (model, report) = compile(&resources, &CompileOptions::default());
    assert!(!report.has_errors(), "{:?}", report.diagnostics);
    proxy
        .apply(&Arc::new(model))
        .first()
        .and_then(|listener| listener.bound)
}

/// Resident bytes of this process.
fn resident() -> u64 {
    let statm = std::fs::read_to_string("/proc/self/statm").expect("Linux");
    let pages: u64 = statm
        .split(' ')
        .nth(1)
        .and_then(|pages| pages.parse().ok())
        .expect("a number");
    pages * 4096
}

/// The same port on two loopback addresses.
fn backends() -> [Backend; 2] {
    for _ in 0..20 {
        let first = Backend::start("first").expect("a port");
        let second = SocketAddr::from((Ipv4Addr::new(127, 0, 0, 2), first.addr().port()));
        if let Ok(second) = Backend::start_at("second", second) {
            return [first, second];
        }
    }
    unreachable!("no port is free on both addresses");
}

#[tokio::test]
async fn a_thousand_reloads_under_load_fail_no_request_and_close_no_stream() {
    let [first, second] = backends();
    let port = first.addr().port();
    let options = Options {
        workers: 2,
        address: Some(IpAddr::V4(Ipv4Addr::LOCALHOST)),
        port_map: [(80, 0)].into(),
        ..Options::default()
    };
    let sinks: Arc<dyn Sinks> = Arc::new(Silent);
    let proxy = Arc::new(Proxy::start(options, sinks).expect("a proxy"));
    let address = apply(&proxy, 0, port).expect("a listener");
    let goal = Goal {
        address,
        host: "soak.example.com".into(),
        path: "/".into(),
    };
    let loads = [
        Load::start(Kind::Http1, &goal, 4),
        Load::start(Kind::Http2, &goal, 2),
        Load::start(Kind::WebSocket, &goal, 4),
    ];
    let mut warm = 0;
    for version in 1..=RELOADS {
        let applied = Arc::clone(&proxy);
        let bound = tokio::task::spawn_blocking(move || apply(&applied, version, port)).await;
        assert_eq!(bound.expect("no panic"), Some(address), "the listener moved");
        for load in &loads {
            let ok = load.totals().ok;
            load.wait_for(ok + BETWEEN).await.expect("the load goes on");
        }
        if version == WARM {
            warm = resident();
        }
    }
    let end = resident();
    for load in loads {
        let totals = load.stop().await;
        assert_eq!((totals.failed, &totals.errors), (0, &Vec::new()), "{totals:?}");
        assert!(totals.ok >= RELOADS * BETWEEN, "{totals:?}");
    }
    assert!(
        end < warm + SLACK,
        "{warm} bytes after {WARM} reloads, {end} after {RELOADS}"
    );
    assert!(
        first.count() > 0 && second.count() > 0,
        "both endpoints were used"
    );
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
