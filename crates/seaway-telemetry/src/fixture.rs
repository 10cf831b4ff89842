//! Records and clusters for this crate's tests.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use seaway_model::{
    Action, Balancing, Cluster, ClusterName, Conditions, DirectResponse, EndpointSource, HeaderMutation,
    L4Route, Match, Millis, Origin, RetryBudget, Route, ServiceRef, UpstreamProtocol,
};

use crate::{Bytes, ConnectionRecord, RequestRecord, Transport};

pub(crate) fn record() -> RequestRecord<'static> {
    RequestRecord {
        start: Some(SystemTime::UNIX_EPOCH + Duration::from_millis(1_700_000_000_123)),
        duration: Duration::from_millis(12),
        upstream_duration: Some(Duration::from_millis(9)),
        listener: "http-80",
        protocol: "HTTP/1.1",
        tls: false,
        server_name: None,
        method: "GET",
        host: "shop.example.com",
        path: "/cart?x=1",
        status: 200,
        grpc_status: None,
        is_grpc: false,
        flags: &[],
        reason: None,
        message: None,
        request_bytes: 10,
        response_bytes: 2000,
        downstream: SocketAddr::from((Ipv4Addr::LOCALHOST, 4000)),
        request_id: Some("id-1"),
        user_agent: Some("curl/8"),
        forwarded_for: Some("192.0.2.1"),
        route: None,
        cluster: None,
        upstream: Some(SocketAddr::from((Ipv4Addr::new(10, 0, 0, 1), 8080))),
        retries: 0,
    }
}

pub(crate) fn connection() -> ConnectionRecord<'static> {
    ConnectionRecord {
        start: SystemTime::UNIX_EPOCH + Duration::from_millis(1_700_000_000_123),
        duration: Duration::from_millis(12),
        listener: "tcp-5432",
        transport: Transport::Tcp,
        server_name: None,
        flags: &[],
        reason: None,
        message: None,
        bytes: Bytes {
            received: 10,
            sent: 2000,
        },
        told: Bytes::default(),
        downstream: SocketAddr::from((Ipv4Addr::LOCALHOST, 4000)),
        route: None,
        cluster: None,
        upstream: Some(SocketAddr::from((Ipv4Addr::new(10, 0, 0, 1), 5432))),
        retries: 0,
    }
}

pub(crate) fn service_cluster(name: &str, namespace: &str, subset: Option<&str>) -> Arc<Cluster> {
    Arc::new(Cluster {
        service: Some(ServiceRef {
            namespace: namespace.into(),
            name: name.into(),
            port: 80,
        }),
        subset: subset.map(Into::into),
        ..cluster(&format!("{namespace}/{name}:80"))
    })
}

pub(crate) fn address_cluster(name: &str) -> Arc<Cluster> {
    Arc::new(cluster(name))
}

fn cluster(name: &str) -> Cluster {
    Cluster {
        name: ClusterName(name.into()),
        origin: Origin::default(),
        service: None,
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
    }
}

pub(crate) fn l4_route() -> Arc<L4Route> {
    Arc::new(L4Route {
        origin: Origin {
            kind: "VirtualService".into(),
            namespace: "store".into(),
            name: "db".into(),
            ..Origin::default()
        },
        rule: 1,
        destinations: Vec::new(),
        idle_timeout: None,
        hash_source_ip: false,
    })
}

pub(crate) fn route() -> Arc<Route> {
    Arc::new(Route {
        origin: Origin {
            kind: "HttpRoute".into(),
            namespace: "store".into(),
            name: "shop".into(),
            ..Origin::default()
        },
        rule: 3,
        matches: Match::When(Conditions::default()),
        cors: None,
        fault: None,
        request_headers: HeaderMutation::default(),
        response_headers: HeaderMutation::default(),
        mirrors: Vec::new(),
        action: Action::Respond(DirectResponse {
            status: 200,
            body: None,
        }),
    })
}
