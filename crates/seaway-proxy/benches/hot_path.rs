//! What a request costs on its way through: the guard's reading of its head, the identity's, and the whole way over
//! loopback. Prints; asserts nothing, since a shared machine's clock proves nothing. What can be proved is: the sizes of
//! the hot futures have tests.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::cast_precision_loss,
    reason = "a benchmark prints, and stops at the first surprise"
)]

use std::hint::black_box;
use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::time::Instant;

use seaway_model::{
    Action, Balancing, Cluster, ClusterName, Conditions, Destination, Endpoint, EndpointHealth,
    EndpointSource, Forward, HeaderMutation, HostMatch, Listener, Match, Millis, Model, Origin, Protocol,
    RetryBudget, Route, Target, UpstreamProtocol, VirtualHost,
};
use seaway_proxy::downstream::guard::{Guard, HeadLimits};
use seaway_proxy::{Options, Proxy};
use seaway_route::normalize;
use seaway_telemetry::{RequestRecord, RequestSink, Sinks};

const HEADS: u32 = 1_000_000;
const REQUESTS: u32 = 20_000;
const ROUNDS: usize = 5;

const SHORT: &[u8] = b"GET /api/items HTTP/1.1\r\nHost: shop.example.com\r\n\r\n";
const LONG: &[u8] = b"GET /api/items?page=2&order=price HTTP/1.1\r\nHost: shop.example.com\r\n\
    User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0\r\n\
    Accept: text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8\r\n\
    Accept-Language: en-US,en;q=0.5\r\nAccept-Encoding: gzip, deflate, br, zstd\r\n\
    Cookie: session=0123456789abcdef0123456789abcdef; theme=dark\r\nConnection: keep-alive\r\n\r\n";

fn main() {
    for (name, head) in [("a short head", SHORT), ("a browser's head", LONG)] {
        report(&format!("guard, {name}"), HEADS, || {
            let limits = HeadLimits {
                bytes: 65_536,
                fields: 100,
            };
            let mut guard = Guard::new(limits, false);
            for _ in 0..HEADS {
                black_box(guard.feed(black_box(head)));
            }
        });
    }
    report("normalise a host and a path", HEADS, || {
        for _ in 0..HEADS {
            black_box(normalize::host(black_box("shop.example.com:8080")).unwrap());
            black_box(normalize::path(black_box("/api/items/0123456789")).unwrap());
        }
    });
    let (proxy, address) = proxy(upstream());
    for (name, head) in [("a short head", SHORT), ("a browser's head", LONG)] {
        let mut client = TcpStream::connect(address).unwrap();
        client.set_nodelay(true).unwrap();
        let mut answer = [0; 4096];
        report(&format!("through the proxy, {name}"), REQUESTS, || {
            for _ in 0..REQUESTS {
                client.write_all(head).unwrap();
                let count = client.read(&mut answer).unwrap();
                assert!(answer.get(..count).unwrap().starts_with(b"HTTP/1.1 200"));
            }
        });
    }
    drop(proxy);
}

/// The best of some rounds, for one of `count`.
fn report(name: &str, count: u32, mut round: impl FnMut()) {
    let best = (0..ROUNDS)
        .map(|_| {
            let start = Instant::now();
            round();
            start.elapsed()
        })
        .min();
    let nanos = best.unwrap_or_default().as_nanos() as f64 / f64::from(count);
    println!("{name:<40} {nanos:>9.0} ns");
}

/// Answers every head with the same few bytes.
fn upstream() -> SocketAddr {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            stream.set_nodelay(true).unwrap();
            std::thread::spawn(move || {
                let mut buffer = [0; 8192];
                // A request of this benchmark comes in one piece.
                while stream.read(&mut buffer).is_ok_and(|count| count > 0) {
                    let _gone = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello");
                }
            });
        }
    });
    address
}

struct Nothing;

impl Sinks for Nothing {
    fn sink(&self, _: usize) -> Box<dyn RequestSink> {
        Box::new(Self)
    }
}

impl RequestSink for Nothing {
    fn record(&self, record: &RequestRecord<'_>) {
        black_box(record);
    }
}

/// A proxy with one route to that upstream, and where it listens.
fn proxy(upstream: SocketAddr) -> (Proxy, SocketAddr) {
    let options = Options {
        workers: 1,
        address: Some(Ipv4Addr::LOCALHOST.into()),
        port_map: [(80, 0)].into(),
        ..Options::default()
    };
    let proxy = Proxy::start(options, Arc::new(Nothing)).unwrap();
    let status = proxy.apply(&Arc::new(model(upstream)));
    let address = status.first().unwrap().bound.unwrap();
    (proxy, address)
}

fn model(upstream: SocketAddr) -> Model {
    let name = ClusterName("c".into());
    let cluster = Cluster {
        name: name.clone(),
        origin: Origin::default(),
        service: None,
        subset: None,
        endpoints: EndpointSource::Static(vec![Endpoint {
            address: upstream,
            weight: 1,
            health: EndpointHealth::Healthy,
            locality: None,
            priority: 0,
        }]),
        balancing: Balancing::RoundRobin,
        protocol: UpstreamProtocol::Http1,
        connect_timeout: Millis(5_000),
        outlier_detection: None,
        retry_budget: RetryBudget::default(),
        balancing_settings: Default::default(),
        tls: None,
        proxy_protocol: None,
        connection_pool: Default::default(),
        circuit_breakers: Default::default(),
    };
    let route = Route {
        origin: Origin::default(),
        rule: 0,
        matches: Match::When(Conditions::default()),
        cors: None,
        fault: None,
        request_headers: HeaderMutation::default(),
        response_headers: HeaderMutation::default(),
        mirrors: Vec::new(),
        action: Action::Forward(Forward {
            destinations: vec![Destination {
                target: Target::Cluster(name.clone()),
                weight: 1,
                request_headers: HeaderMutation::default(),
                response_headers: HeaderMutation::default(),
            }],
            ..Forward::default()
        }),
    };
    let mut model = Model::default();
    model.clusters.insert(name, Arc::new(cluster));
    model.listeners.push(Arc::new(Listener {
        name: "http-80".into(),
        origin: Origin::default(),
        address: None,
        port: 80,
        protocol: Protocol::Http,
        tls: None,
        virtual_hosts: vec![VirtualHost {
            host: HostMatch::Any,
            routes: vec![Arc::new(route)],
        }],
        proxy_protocol: false,
        l4: None,
    }));
    model
}
