//! What a decision costs among ten and among ten thousand routes, what an explained line costs, and what a table takes to
//! build. Prints; asserts nothing, since a shared machine's clock proves nothing. The deterministic proof counts
//! candidates, in the crate's tests.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    clippy::cast_precision_loss,
    reason = "a benchmark prints, and stops at the first surprise"
)]

use std::hint::black_box;
use std::sync::Arc;
use std::time::Instant;

use http::HeaderMap;
use seaway_model::{
    Action, Balancing, Cluster, ClusterName, Conditions, Destination, Endpoint, EndpointHealth,
    EndpointSource, Forward, HeaderMutation, HostMatch, Listener, Match, Millis, Model, Origin, PathMatch,
    Pattern, Position, Protocol, RetryBudget, Route, ServiceRef, Target, UpstreamProtocol, VirtualHost,
};
use seaway_route::{Decision, RequestHead, RouteTable, explain_json_line};

const DECISIONS: usize = 400_000;
const LINES: usize = 100_000;

fn main() {
    type Kind = fn(usize) -> PathMatch;
    let kinds: [(&str, Kind); 4] = [
        ("exact", |n| PathMatch::Exact(format!("/svc-{n}/cart").into())),
        ("elements", |n| PathMatch::Elements(format!("/svc-{n}").into())),
        ("prefix", |n| PathMatch::Prefix(format!("/svc-{n}/").into())),
        ("regex", |n| {
            PathMatch::Regex(Pattern::new(format!("/svc-{n}/[a-z]+")).unwrap())
        }),
    ];
    for (name, kind) in kinds {
        let table = |count| one_host((0..count).map(|n| route(n, kind(n))).collect());
        let path = |n| ("shop.example.com".to_owned(), format!("/svc-{n}/cart"));
        report(&format!("one host, {name}"), &table(10), &table(10_000), path);
    }
    let host = |n| (format!("shop-{n}.example.com"), "/cart".to_owned());
    report("many hosts", &many_hosts(10), &many_hosts(10_000), host);
    lines();
}

fn report(name: &str, few: &RouteTable, many: &RouteTable, request: impl Fn(usize) -> (String, String)) {
    let (ten, thousands) = (cost(few, 10, &request), cost(many, 10_000, &request));
    println!(
        "{name:<20} 10 routes {ten:>5.0} ns, 10,000 routes {thousands:>5.0} ns, ratio {:.2}",
        thousands / ten
    );
}

/// Nanoseconds a decision, over 64 different requests spread over all routes; the best of five rounds.
fn cost(table: &RouteTable, routes: usize, request: &impl Fn(usize) -> (String, String)) -> f64 {
    let requests: Vec<_> = (0..64)
        .map(|n| request(n * (routes / 10).max(1) / 7 % routes))
        .collect();
    let headers = HeaderMap::new();
    let listener = &table.listeners()[0];
    let round = || {
        let start = Instant::now();
        for n in 0..DECISIONS {
            let (host, path) = &requests[n % requests.len()];
            let head = RequestHead {
                method: "GET",
                host,
                path,
                query: None,
                headers: &headers,
                server_name: None,
            };
            let decision = black_box(listener.decide(black_box(&head)));
            assert!(
                matches!(decision, Decision::Route(_)),
                "{host} {path} finds a route"
            );
        }
        start.elapsed().as_nanos() as f64 / DECISIONS as f64
    };
    (0..5).map(|_| round()).fold(f64::INFINITY, f64::min)
}

fn lines() {
    let start = Instant::now();
    let table = one_host(
        (0..1000)
            .map(|n| route(n, PathMatch::Elements(format!("/svc-{n}").into())))
            .collect(),
    );
    println!("building 1,000 routes: {:?}", start.elapsed());
    let lines: Vec<_> = (0..1000)
        .map(|n| {
            format!(
                r#"{{"method":"GET","url":"http://shop.example.com/svc-{n}/cart?a=1","headers":{{"user-agent":"curl/8","accept":"*/*"}},"port":80}}"#
            )
        })
        .collect();
    let mut out = Vec::new();
    let start = Instant::now();
    for n in 0..LINES {
        out.clear();
        assert!(
            explain_json_line(&table, &lines[n % lines.len()], &mut out),
            "{}",
            String::from_utf8_lossy(&out)
        );
    }
    let elapsed = start.elapsed();
    println!(
        "explained lines a second: {:.0} ({} bytes each)",
        LINES as f64 / elapsed.as_secs_f64(),
        out.len()
    );
    let start = Instant::now();
    let routes = (0..10_000).map(|n| {
        route(
            n,
            PathMatch::Regex(Pattern::new(format!("/svc-{n}/[a-z]+")).unwrap()),
        )
    });
    let routes: Vec<_> = routes.collect();
    let made = start.elapsed();
    drop(one_host(routes));
    println!(
        "10,000 expressions: checking {made:?}, building {:?}",
        start.elapsed().saturating_sub(made)
    );
}

fn route(number: usize, path: PathMatch) -> Arc<Route> {
    let destination = Destination {
        target: Target::Cluster(cluster_name(number)),
        weight: 1,
        request_headers: HeaderMutation::default(),
        response_headers: HeaderMutation::default(),
    };
    Arc::new(Route {
        origin: Origin {
            api_version: "seaway.dev/v1alpha1".into(),
            kind: "HttpRoute".into(),
            namespace: "shop".into(),
            name: format!("route-{number}").into(),
            field: "".into(),
            position: Some(Position {
                file: "shop.yaml".into(),
                line: 7,
                column: 1,
            }),
        },
        rule: 0,
        matches: Match::When(Conditions {
            path,
            ..Conditions::default()
        }),
        cors: None,
        fault: None,
        request_headers: HeaderMutation::default(),
        response_headers: HeaderMutation::default(),
        mirrors: vec![],
        action: Action::Forward(Forward {
            destinations: vec![destination],
            ..Forward::default()
        }),
    })
}

fn cluster_name(number: usize) -> ClusterName {
    ClusterName(format!("shop/svc-{number}:8080").into())
}

fn cluster(number: usize) -> Arc<Cluster> {
    let address = std::net::SocketAddr::from(([10, 0, 0, 1], 8080));
    Arc::new(Cluster {
        name: cluster_name(number),
        origin: Origin::default(),
        service: Some(ServiceRef {
            namespace: "shop".into(),
            name: "svc".into(),
            port: 8080,
        }),
        subset: None,
        endpoints: EndpointSource::Static(vec![
            Endpoint {
                address,
                weight: 1,
                health: EndpointHealth::Healthy,
                zone: None
            };
            2
        ]),
        balancing: Balancing::LeastRequest,
        protocol: UpstreamProtocol::Http1,
        connect_timeout: Millis(5000),
        outlier_detection: None,
        retry_budget: RetryBudget::default(),
    })
}

fn one_host(routes: Vec<Arc<Route>>) -> RouteTable {
    let count = routes.len();
    table(
        count,
        vec![VirtualHost {
            host: HostMatch::Exact("shop.example.com".into()),
            routes,
        }],
    )
}

fn many_hosts(count: usize) -> RouteTable {
    let hosts = (0..count).map(|n| VirtualHost {
        host: HostMatch::Exact(format!("shop-{n}.example.com").into()),
        routes: vec![route(n, PathMatch::Any)],
    });
    table(count, hosts.collect())
}

fn table(clusters: usize, virtual_hosts: Vec<VirtualHost>) -> RouteTable {
    let listener = Listener {
        name: "http-80".into(),
        origin: Origin::default(),
        address: None,
        port: 80,
        protocol: Protocol::Http,
        tls: None,
        virtual_hosts,
    };
    RouteTable::build(&Arc::new(Model {
        listeners: vec![Arc::new(listener)],
        clusters: (0..clusters).map(|n| (cluster_name(n), cluster(n))).collect(),
        ..Model::default()
    }))
}
