//! What a request costs in telemetry: nanoseconds per record, for requests of many kinds, with and without a log.
//!
//! `cargo bench -p seaway-telemetry`. Half a second for each line.

use std::hint::black_box;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use seaway_model::{
    Balancing, Cluster, ClusterName, EndpointSource, Millis, Origin, RetryBudget, ServiceRef,
    UpstreamProtocol,
};
use seaway_telemetry::{AccessLog, Config, LogFormat, RequestRecord, RequestSink, Sinks, Telemetry};

const CLUSTERS: usize = 64;
const LONG: Duration = Duration::from_millis(500);

fn cluster(index: usize) -> Arc<Cluster> {
    let name: Arc<str> = format!("service-{index}").into();
    Arc::new(Cluster {
        name: ClusterName(format!("ns/{name}:80").into()),
        origin: Origin::default(),
        service: Some(ServiceRef {
            namespace: "ns".into(),
            name,
            port: 80,
        }),
        subset: None,
        endpoints: EndpointSource::Static(Vec::new()),
        balancing: Balancing::LeastRequest,
        protocol: UpstreamProtocol::Http1,
        connect_timeout: Millis(1000),
        outlier_detection: None,
        retry_budget: RetryBudget::default(),
        balancing_settings: Default::default(),
        tls: None,
        proxy_protocol: None,
        connection_pool: Default::default(),
        circuit_breakers: Default::default(),
    })
}

fn records(clusters: &[Arc<Cluster>]) -> Vec<RequestRecord<'_>> {
    clusters
        .iter()
        .zip([200, 200, 200, 404, 503].into_iter().cycle())
        .enumerate()
        .map(|(i, (cluster, status))| RequestRecord {
            start: None,
            duration: Duration::from_micros(300 * (i as u64 + 1)),
            upstream_duration: Some(Duration::from_millis(2)),
            listener: "http-80",
            protocol: "HTTP/1.1",
            tls: false,
            server_name: None,
            method: "GET",
            host: "shop.example.com",
            path: "/cart/items?page=2",
            status,
            grpc_status: None,
            is_grpc: false,
            flags: &[],
            reason: None,
            message: None,
            request_bytes: 0,
            response_bytes: 1000 * i as u64,
            downstream: SocketAddr::from((Ipv4Addr::LOCALHOST, 4000)),
            request_id: Some("8d3f0c52-6a51-4c1c-9d6c-6f4a4f0c9a11"),
            user_agent: Some("Mozilla/5.0 (X11; Linux x86_64)"),
            forwarded_for: Some("192.0.2.1"),
            route: None,
            cluster: Some(cluster),
            upstream: Some(SocketAddr::from((Ipv4Addr::new(10, 0, 0, 1), 8080))),
            retries: 0,
        })
        .collect()
}

fn measure(name: &str, config: Config) {
    let clusters: Vec<_> = (0..CLUSTERS).map(cluster).collect();
    let records = records(&clusters);
    let telemetry = Telemetry::new(config);
    let sink: Box<dyn RequestSink> = telemetry.sink(0);
    let mut count = 0_u64;
    let begin = Instant::now();
    while begin.elapsed() < LONG {
        for _ in 0..100 {
            for record in &records {
                sink.record(black_box(record));
            }
        }
        count += 100 * records.len() as u64;
    }
    #[expect(clippy::cast_precision_loss, reason = "a measurement")]
    let nanos = begin.elapsed().as_nanos() as f64 / count as f64;
    #[expect(clippy::print_stdout, reason = "what a bench is for")]
    {
        println!("{name:<24} {nanos:7.1} ns/record");
    }
}

fn log(format: LogFormat) -> Config {
    let access_log = AccessLog::start(format, Box::new(std::io::sink())).ok();
    Config {
        access_log,
        ..Config::default()
    }
}

fn main() {
    measure("metrics", Config::default());
    measure("metrics and text log", log(LogFormat::text()));
    measure("metrics and json log", log(LogFormat::json()));
}
