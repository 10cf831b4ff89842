//! Tables to ask, and how to ask them; the tests are in the modules below.

mod actions;
mod arrival;
mod connections;
mod forms;

use std::sync::Arc;

use seaway_model::*;
use serde_json::{Value, json};

use super::*;
use crate::fixture;

fn origin(name: &str) -> Origin {
    Origin {
        api_version: "seaway.dev/v1alpha1".into(),
        kind: "HttpRoute".into(),
        namespace: "shop".into(),
        name: name.into(),
        field: "".into(),
        position: Some(Position {
            file: "shop.yaml".into(),
            line: 7,
            column: 1,
        }),
    }
}

fn route(name: &str, conditions: Conditions, action: Action) -> Route {
    Route {
        origin: origin(name),
        ..fixture::route(Match::When(conditions), action)
    }
}

fn to(cluster: &str, weight: u32) -> Destination {
    Destination {
        target: Target::Cluster(ClusterName(cluster.into())),
        weight,
        request_headers: HeaderMutation::default(),
        response_headers: HeaderMutation::default(),
    }
}

fn nowhere(weight: u32) -> Destination {
    let failure = Failure {
        status: 503,
        reason: FailureReason::ServiceNotFound,
        message: "there is no Service shop/x".into(),
    };
    Destination {
        target: Target::Fail(failure),
        ..to("", weight)
    }
}

fn forward(destinations: Vec<Destination>) -> Forward {
    Forward {
        destinations,
        ..Forward::default()
    }
}

fn cluster(name: &str, subset: Option<&str>, endpoints: EndpointSource) -> Arc<Cluster> {
    let service = matches!(endpoints, EndpointSource::Static(_));
    Arc::new(Cluster {
        name: ClusterName(name.into()),
        origin: Origin::default(),
        service: service.then(|| ServiceRef {
            namespace: "shop".into(),
            name: "shop".into(),
            port: 8080,
        }),
        subset: subset.map(Into::into),
        endpoints,
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

fn endpoint(address: &str) -> Endpoint {
    Endpoint {
        address: address.parse().unwrap(),
        weight: 1,
        health: EndpointHealth::Healthy,
        locality: None,
        priority: 0,
    }
}

fn listener(name: &str, port: u16, tls: Option<ListenerTls>, hosts: Vec<VirtualHost>) -> Arc<Listener> {
    Arc::new(Listener {
        name: name.into(),
        origin: Origin::default(),
        address: None,
        port,
        protocol: if tls.is_some() {
            Protocol::Https
        } else {
            Protocol::Http
        },
        tls,
        virtual_hosts: hosts,
        proxy_protocol: false,
        l4: None,
    })
}

/// HTTP on 80, and HTTPS on 443 with certificates for two of the hosts, all with the same routes.
fn table(routes: Vec<Route>) -> RouteTable {
    let v1 = EndpointSource::Static(vec![endpoint("10.0.0.2:8080"), endpoint("10.0.0.1:8080")]);
    let dns = EndpointSource::Dns(vec![NamedEndpoint::new("api.example.org", 443)]);
    let clusters = [
        cluster("shop/shop:8080/v1", Some("v1"), v1),
        cluster("shop/shop:8080/v2", Some("v2"), EndpointSource::Static(vec![])),
        cluster("api.example.org:443", None, dns),
    ];
    let routes: Vec<_> = routes.into_iter().map(Arc::new).collect();
    let host = |h| VirtualHost {
        host: HostMatch::parse(h).unwrap(),
        routes: routes.clone(),
    };
    let hosts = vec![
        host("other.example.com"),
        host("shop.example.com"),
        host("2001:db8::1"),
        host("10.0.0.9"),
    ];
    let certificate = |h, s: &str| ServerCertificate {
        host: HostMatch::parse_one_label(h).unwrap(),
        secret: SecretName(s.into()),
        alternative: None,
        parameters: Default::default(),
    };
    let certificates = vec![
        certificate("other.example.com", "other"),
        certificate("shop.example.com", "shop"),
        certificate("10.0.0.9", "address"),
    ];
    RouteTable::build(&Arc::new(Model {
        listeners: vec![
            listener("http-80", 80, None, hosts.clone()),
            listener(
                "https-443",
                443,
                Some(ListenerTls {
                    certificates,
                    routes: Vec::new(),
                }),
                hosts,
            ),
        ],
        clusters: clusters.into_iter().map(|c| (c.name.clone(), c)).collect(),
        ..Model::default()
    }))
}

fn canary() -> RouteTable {
    let iphone = Conditions {
        headers: vec![HeaderMatch {
            name: "user-agent".into(),
            value: ValueMatch::Is(StringMatch::Regex(Pattern::new(".*iPhone.*").unwrap())),
        }],
        ..Conditions::default()
    };
    table(vec![
        route(
            "iphone",
            iphone,
            Action::Forward(forward(vec![to("shop/shop:8080/v2", 1)])),
        ),
        route(
            "shop",
            Conditions::default(),
            Action::Forward(Forward {
                timeout: Some(Millis(15_000)),
                ..forward(vec![to("shop/shop:8080/v1", 95), to("shop/shop:8080/v2", 5)])
            }),
        ),
    ])
}

fn anything(action: Action) -> RouteTable {
    table(vec![route("shop", Conditions::default(), action)])
}

fn responding() -> RouteTable {
    anything(Action::Respond(DirectResponse {
        status: 418,
        body: None,
    }))
}

fn ask(table: &RouteTable, method: &str, url: &str, headers: &[(&str, &str)]) -> Value {
    let request = ExplainRequest::parse(method, url, headers.iter().copied(), None).unwrap();
    serde_json::to_value(explain(table, &request)).unwrap()
}

fn get(table: &RouteTable, url: &str) -> Value {
    ask(table, "GET", url, &[])
}
