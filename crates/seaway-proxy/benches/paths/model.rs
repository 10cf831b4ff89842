//! What a configuration is made of, as small as it may be.

use seaway_model::{
    Action, Balancing, Cluster, ClusterName, Conditions, Destination, Endpoint, EndpointSource, Forward,
    HeaderMutation, Listener, Match, Millis, Origin, Protocol, RetryBudget, Route, Target, UpstreamProtocol,
};

fn name() -> ClusterName {
    ClusterName("shop/cart:8080".into())
}

/// The only cluster.
pub fn cluster(endpoints: Vec<Endpoint>) -> Cluster {
    Cluster {
        name: name(),
        origin: Origin::default(),
        service: None,
        subset: None,
        endpoints: EndpointSource::Static(endpoints),
        balancing: Balancing::LeastRequest,
        protocol: UpstreamProtocol::Http1,
        connect_timeout: Millis(5_000),
        outlier_detection: None,
        retry_budget: RetryBudget::default(),
        balancing_settings: Default::default(),
        tls: None,
        proxy_protocol: None,
        connection_pool: Default::default(),
        circuit_breakers: Default::default(),
    }
}

/// Takes everything, and sends it to the only cluster.
pub fn route() -> Route {
    Route {
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
                target: Target::Cluster(name()),
                weight: 1,
                request_headers: HeaderMutation::default(),
                response_headers: HeaderMutation::default(),
            }],
            ..Forward::default()
        }),
    }
}

/// For plain HTTP, without hosts.
pub fn listener() -> Listener {
    Listener {
        name: "http-80".into(),
        origin: Origin::default(),
        address: None,
        port: 80,
        protocol: Protocol::Http,
        tls: None,
        virtual_hosts: Vec::new(),
        proxy_protocol: false,
        l4: None,
    }
}
