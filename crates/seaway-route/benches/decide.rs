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
    EndpointSource, Forward, HeaderMatch, HeaderMutation, HostMatch, Listener, Match, Millis, Model, Origin,
    PathMatch, Pattern, Position, Protocol, RetryBudget, Route, ServiceRef, StringMatch, Target,
    UpstreamProtocol, ValueMatch, VirtualHost,
};
use seaway_route::{Decision, RequestHead, RouteTable, explain_json_line};

const DECISIONS: usize = 100_000;
const ROUNDS: usize = 100;

fn main() {
    // First, while the allocator has nothing to give that it had before.
    expressions();
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
    let (ten, thousands) = (cost(few, 10, 64, &request), cost(many, 10_000, 64, &request));
    println!(
        "{name:<20} 10 routes {ten:>5.0} ns, 10,000 routes {thousands:>5.0} ns, ratio {:.2}",
        thousands / ten
    );
}

/// Nanoseconds a decision, over so many different requests spread over all routes; the best of twenty rounds.
fn cost(
    table: &RouteTable,
    routes: usize,
    different: usize,
    request: &impl Fn(usize) -> (String, String),
) -> f64 {
    let requests: Vec<_> = (0..different).map(|n| request(n * 7919 % routes)).collect();
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
                source: None,
            };
            let decision = black_box(listener.decide(black_box(&head)));
            assert!(
                matches!(decision, Decision::Route(_)),
                "{host} {path} finds a route"
            );
        }
        start.elapsed().as_nanos() as f64 / DECISIONS as f64
    };
    (0..20).map(|_| round()).fold(f64::INFINITY, f64::min)
}

fn lines() {
    let elements = |n| PathMatch::Elements(format!("/svc-{n}").into());
    let simple = (0..1000).map(|n| route(n, elements(n)));
    explained("simple", &one_host(simple.collect()));
    // Each path has a canary for iPhones and one for testers, neither of which takes the request.
    let canaries = (0..1000).map(|n| match n % 3 {
        0 => with_header(&route(n, elements(n / 3)), "user-agent", ".*iPhone.*"),
        1 => with_header(&route(n, elements(n / 3)), "x-tester", "yes|true"),
        _ => route(n, elements(n / 3)),
    });
    explained("canaries", &one_host(canaries.collect()));
}

/// Ten thousand expressions, each with a source of its own.
fn expressions() {
    let start = Instant::now();
    let pattern = |n| Pattern::new(format!("/svc-{n}/[a-z]+")).unwrap();
    let routes: Vec<_> = (0..10_000)
        .map(|n| route(n, PathMatch::Regex(pattern(n))))
        .collect();
    let made = start.elapsed();
    let before = resident();
    let table = one_host(routes);
    let built = start.elapsed().saturating_sub(made);
    println!("10,000 expressions: checking {made:?}, building {built:?}");
    let unused = resident();
    cost(&table, 10_000, 10_000, &|n| {
        ("shop.example.com".to_owned(), format!("/svc-{n}/cart"))
    });
    println!(
        "their table takes {} KiB, and {} KiB once all were used",
        unused - before,
        resident() - before
    );
}

/// Resident memory in KiB, where the system says it.
fn resident() -> u64 {
    let pages = std::fs::read_to_string("/proc/self/statm").ok();
    let pages = pages.and_then(|text| text.split(' ').nth(1)?.parse::<u64>().ok());
    pages.unwrap_or_default() * 4
}

/// Requests for the first 300 paths; the best of many rounds.
fn explained(name: &str, table: &RouteTable) {
    let lines: Vec<_> = (0..300)
        .map(|n| {
            format!(
                r#"{{"method":"GET","url":"http://shop.example.com/svc-{n}/cart?a=1","headers":{{"user-agent":"curl/8","accept":"*/*"}},"port":80}}"#
            )
        })
        .collect();
    let mut out = Vec::new();
    let mut round = || {
        let start = Instant::now();
        for line in &lines {
            out.clear();
            assert!(
                explain_json_line(table, line, &mut out),
                "{}",
                String::from_utf8_lossy(&out)
            );
        }
        start.elapsed().as_secs_f64() / lines.len() as f64
    };
    let second = (0..ROUNDS).map(|_| round()).fold(f64::INFINITY, f64::min);
    println!(
        "explained lines a second, {name}: {:.0} ({} bytes each)",
        second.recip(),
        out.len()
    );
}

fn with_header(route: &Route, name: &str, pattern: &str) -> Arc<Route> {
    let value = ValueMatch::Is(StringMatch::Regex(Pattern::new(pattern).unwrap()));
    let Match::When(conditions) = &route.matches else {
        panic!("it has conditions")
    };
    let headers = vec![HeaderMatch {
        name: name.into(),
        value,
    }];
    let matches = Match::When(Conditions {
        headers,
        ..conditions.clone()
    });
    Arc::new(Route {
        matches,
        ..route.clone()
    })
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
                locality: None,
                priority: 0
            };
            2
        ]),
        balancing: Balancing::LeastRequest,
        protocol: UpstreamProtocol::Http1,
        connect_timeout: Millis(5000),
        outlier_detection: None,
        retry_budget: RetryBudget::default(),
        balancing_settings: Default::default(),
        tls: None,
        proxy_protocol: None,
        connection_pool: Default::default(),
        circuit_breakers: Default::default(),
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
        proxy_protocol: false,
        l4: None,
    };
    RouteTable::build(&Arc::new(Model {
        listeners: vec![Arc::new(listener)],
        clusters: (0..clusters).map(|n| (cluster_name(n), cluster(n))).collect(),
        ..Model::default()
    }))
}
