//! Clusters of any kind.

use std::net::SocketAddr;

use proptest::prelude::*;
use seaway_model::{
    Balancing, BalancingSettings, CircuitBreakers, Cluster, ClusterName, ConnectionPool, Endpoint,
    EndpointHealth, EndpointSource, Http2Keepalive, Locality, LocalityWeight, NamedEndpoint,
    OutlierDetection, ProxyProtocolVersion, RetryBudget, SecretName, ServiceRef, TcpKeepalive, Trust,
    UpstreamProtocol, UpstreamTls, Warmup,
};

use crate::listener::{AUTHORITIES, KEY_PAIR};
use crate::words::{count, fraction, millis, origin, text, word};

fn locality() -> BoxedStrategy<Locality> {
    (
        text(&["eu", ""]),
        text(&["eu-1a", "eu-1b"]),
        text(&["", "rack/1"]),
    )
        .prop_map(|(region, zone, subzone)| Locality {
            region,
            zone,
            subzone,
        })
        .boxed()
}

fn address() -> BoxedStrategy<SocketAddr> {
    prop_oneof![
        (1..9_u8, 1..9_u16).prop_map(|(last, port)| SocketAddr::from(([10, 0, 0, last], port))),
        Just("[2001:db8::1]:80".parse().expect("an address")),
    ]
    .boxed()
}

fn endpoint() -> BoxedStrategy<Endpoint> {
    let health = prop_oneof![Just(EndpointHealth::Healthy), Just(EndpointHealth::Draining)];
    (address(), count(), health, prop::option::of(locality()), 0..2_u32)
        .prop_map(|(address, weight, health, locality, priority)| Endpoint {
            address,
            weight,
            health,
            locality,
            priority,
        })
        .boxed()
}

fn named() -> BoxedStrategy<NamedEndpoint> {
    (
        text(&["a.example", "b.example"]),
        1..9_u16,
        count(),
        prop::option::of(locality()),
        0..2_u32,
    )
        .prop_map(|(host, port, weight, locality, priority)| NamedEndpoint {
            host,
            port,
            weight,
            locality,
            priority,
        })
        .boxed()
}

fn endpoints() -> BoxedStrategy<EndpointSource> {
    prop_oneof![
        prop::collection::vec(endpoint(), 0..6).prop_map(EndpointSource::Static),
        prop::collection::vec(named(), 1..4).prop_map(EndpointSource::Dns),
        named().prop_map(EndpointSource::LogicalDns),
    ]
    .boxed()
}

fn settings() -> BoxedStrategy<BalancingSettings> {
    let warmup = (millis(), fraction(), prop_oneof![Just(1_000_u32), Just(1_500)]).prop_map(
        |(duration, minimum, aggression)| Warmup {
            duration,
            minimum,
            aggression,
        },
    );
    let weight = (locality(), 0..9_u32).prop_map(|(locality, weight)| LocalityWeight { locality, weight });
    (
        prop::option::of(count()),
        prop::option::of(Just(65_537)),
        prop::option::of(warmup),
        prop::collection::vec(weight, 0..3),
    )
        .prop_map(
            |(minimum_ring_size, maglev_table_size, warmup, locality_weights)| BalancingSettings {
                minimum_ring_size,
                maglev_table_size,
                warmup,
                locality_weights,
            },
        )
        .boxed()
}

fn tls() -> BoxedStrategy<UpstreamTls> {
    let trust = prop_oneof![
        Just(Trust::System),
        Just(Trust::Secret(SecretName(AUTHORITIES.into()))),
        Just(Trust::Anybody),
    ];
    (
        prop::option::of(text(&["a.example"])),
        prop::collection::vec(text(&["a.example", "spiffe://b/c", "10.0.0.1"]), 0..3),
        trust,
        prop::option::of(Just(SecretName(KEY_PAIR.into()))),
    )
        .prop_map(
            |(server_name, subject_alt_names, trust, client_certificate)| UpstreamTls {
                server_name,
                subject_alt_names,
                trust,
                client_certificate,
            },
        )
        .boxed()
}

fn pool() -> BoxedStrategy<ConnectionPool> {
    let tcp = (
        prop::option::of(count()),
        prop::option::of(millis()),
        prop::option::of(millis()),
    )
        .prop_map(|(probes, time, interval)| TcpKeepalive {
            probes,
            time,
            interval,
        });
    let http2 = (millis(), millis()).prop_map(|(interval, timeout)| Http2Keepalive { interval, timeout });
    (
        prop::option::of(prop_oneof![Just(0), count()]),
        prop::option::of(prop_oneof![millis(), Just(seaway_model::Millis(60_000))]),
        prop::option::of(millis()),
        prop::option::of(tcp),
        prop::option::of(count()),
        prop::option::of(http2),
    )
        .prop_map(
            |(
                max_requests_per_connection,
                idle_timeout,
                max_connection_duration,
                tcp_keepalive,
                max_concurrent_streams,
                http2_keepalive,
            )| ConnectionPool {
                max_requests_per_connection,
                idle_timeout,
                max_connection_duration,
                tcp_keepalive,
                max_concurrent_streams,
                http2_keepalive,
            },
        )
        .boxed()
}

fn outlier() -> BoxedStrategy<OutlierDetection> {
    let counts = || prop::option::of(count());
    (
        (counts(), counts(), counts(), counts(), any::<bool>()),
        prop::collection::vec(500..504_u16, 0..2),
        prop::option::of(millis()),
        (millis(), millis(), fraction(), fraction()),
    )
        .prop_map(
            |((connect, five, gateway, local, split), error_codes, interval, times)| OutlierDetection {
                consecutive_connect_failures: connect,
                consecutive_5xx: five,
                consecutive_gateway_errors: gateway,
                consecutive_local_origin_failures: local,
                split_local_origin: split,
                error_codes,
                interval,
                base_ejection_time: times.0,
                max_ejection_time: times.1,
                max_ejection: times.2,
                min_health: times.3,
            },
        )
        .boxed()
}

fn breakers() -> BoxedStrategy<CircuitBreakers> {
    let limit = || prop::option::of(count());
    (limit(), limit(), limit(), limit())
        .prop_map(
            |(max_connections, max_pending_requests, max_requests, max_retries)| CircuitBreakers {
                max_connections,
                max_pending_requests,
                max_requests,
                max_retries,
            },
        )
        .boxed()
}

/// A cluster of this name.
pub fn cluster(name: &'static str) -> BoxedStrategy<Cluster> {
    let balancing = prop::sample::select(
        &[
            Balancing::LeastRequest,
            Balancing::RoundRobin,
            Balancing::Random,
            Balancing::RingHash,
            Balancing::Maglev,
        ][..],
    );
    let protocol = prop_oneof![Just(UpstreamProtocol::Http1), Just(UpstreamProtocol::Http2)];
    let version = prop_oneof![Just(ProxyProtocolVersion::V1), Just(ProxyProtocolVersion::V2)];
    let service = (word(), word(), 1..9_u16).prop_map(|(namespace, name, port)| ServiceRef {
        namespace,
        name,
        port,
    });
    (
        (
            origin(),
            prop::option::of(service),
            prop::option::of(word()),
            endpoints(),
        ),
        (
            balancing,
            settings(),
            protocol,
            prop::option::of(tls()),
            prop::option::of(version),
        ),
        (
            millis(),
            pool(),
            breakers(),
            prop::option::of(outlier()),
            fraction(),
            count(),
        ),
    )
        .prop_map(move |(identity, speech, limits)| {
            let mut cluster = Cluster::new(ClusterName(name.into()), identity.0, identity.3);
            (cluster.service, cluster.subset) = (identity.1, identity.2);
            (cluster.balancing, cluster.balancing_settings, cluster.protocol) =
                (speech.0, speech.1, speech.2);
            (cluster.tls, cluster.proxy_protocol) = (speech.3, speech.4);
            (cluster.connect_timeout, cluster.connection_pool) = (limits.0, limits.1);
            (cluster.circuit_breakers, cluster.outlier_detection) = (limits.2, limits.3);
            cluster.retry_budget = RetryBudget {
                budget: limits.4,
                min_concurrency: limits.5,
            };
            cluster
        })
        .boxed()
}
